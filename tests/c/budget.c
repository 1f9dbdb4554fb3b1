/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs operations whose system calls tests/c/count counts with strace. A getppid() before and after
 * each operation marks it. The order is that of budgets.txt, or of budgets-v2.txt on a unified
 * host. The first round is not counted, so that most of malloc's system calls are over.
 */
#include "cgroups.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

static const char spec[] =
    "{\"linux\":{\"resources\":{\"cpu\":{\"shares\":512,\"quota\":50000,\"period\":100000,"
    "\"cpus\":\"0\",\"mems\":\"0\"},\"memory\":{\"limit\":67108864},\"pids\":{\"limit\":64}}}}";

static struct katacg_error err;
static struct katacg_host *host;
static struct katacg_manager *manager;
static struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
static char buf[8192];
static int counting, unified;

static void mark(void) {
    if (counting)
        (void)syscall(SYS_getppid);
}

#define COUNTED(call)                                                                              \
    do {                                                                                           \
        int result_;                                                                               \
        mark();                                                                                    \
        result_ = (call);                                                                          \
        mark();                                                                                    \
        CHECK(result_ >= 0, "%d %s", result_, err.message);                                        \
    } while (0)

/* Moves the child back without the library, so that destroy finds an empty cgroup. */
static void leave(pid_t child, char was[][256]) {
    char number[16];
    int m;

    snprintf(number, sizeof(number), "%d", (int)child);
    for (m = 0; m < mount_count; m++) {
        char controller[64];

        snprintf(controller, sizeof(controller), "%.*s", (int)strcspn(mounts[m].controllers, ","),
                 mounts[m].controllers);
        set_file_value(controller, was[m], "cgroup.procs", number);
    }
}

/* Three files. How many files a complete reading has depends on the kernel. */
static void statistics(void) {
    const uint64_t which =
        KATACG_STATS_BRIEF | KATACG_STATS_CPU | KATACG_STATS_MEMORY | KATACG_STATS_PIDS;
    struct katacg_stats_reader *reader = NULL;
    struct katacg_keyed_value values[100];
    struct katacg_stats out;

    COUNTED(katacg_manager_stats(manager, which, &out, sizeof(out), clear(&err)));
    COUNTED(katacg_stats_reader_open(manager, which, &reader, clear(&err)));
    COUNTED(katacg_stats_reader_read(reader, &out, sizeof(out), clear(&err)));
    COUNTED((katacg_stats_reader_free(reader), 0));
    COUNTED(katacg_manager_read_keyed(manager, "cpu", "cpu.stat", values, sizeof(*values), 100,
                                      clear(&err)));
}

/* Calls on an existing sandbox, and its end with a move of all processes to the parent. */
static void members(pid_t child, char was[][256]) {
    struct katacg_manager *parent = NULL, *loaded = NULL;
    struct katacg_attach attach;
    uint64_t kills;

    CHECK(katacg_manager_apply(manager, -1, KATACG_APPLY_SET, clear(&err)) == 0, "%s", err.message);
    COUNTED(katacg_manager_add(manager, &child, 1, 0, NULL, clear(&err)));
    COUNTED(katacg_manager_threads(manager, NULL, 0, clear(&err)));
    COUNTED(katacg_manager_all_pids(manager, NULL, 0, clear(&err)));
    COUNTED(katacg_manager_exists(manager, clear(&err)));
    COUNTED(katacg_manager_oom_kills(manager, &kills, clear(&err)));
    statistics();
    COUNTED(katacg_manager_freezer_state(manager, clear(&err)));
    COUNTED(katacg_manager_thaw(manager, clear(&err)));
    COUNTED(katacg_attach_open(manager, 0, &attach, clear(&err)));
    COUNTED((katacg_attach_close(&attach), 0));
    COUNTED(katacg_cgroup_load(host, opts.subsystems, opts.path, &loaded, clear(&err)));
    COUNTED(katacg_manager_parent(manager, &parent, clear(&err)));
    /* On v2, a parent that enables controllers for its children takes no processes. */
    if (!unified)
        COUNTED(katacg_manager_move_to(manager, parent, clear(&err)));
    leave(child, was);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(loaded);
    katacg_manager_free(parent);
}

/* Device rules: by the manager that set them, and by one of another process. */
static void devices(pid_t child, char was[][256]) {
    static const char first[] =
        "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,"
        "\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rw\"}]}";
    static const char second[] =
        "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,"
        "\"type\":\"c\",\"major\":1,\"minor\":5,\"access\":\"rw\"}]}";
    struct katacg_manager_opts rules = opts;
    struct katacg_manager *own = NULL, *other = NULL, *third = NULL;

    rules.flags = 0;
    rules.subsystems = unified ? NULL : "devices";
    CHECK(katacg_manager_new(host, NULL, 0, &rules, sizeof(rules), &own, clear(&err)) == 0, "%s",
          err.message);
    CHECK(katacg_manager_new(host, NULL, 0, &rules, sizeof(rules), &other, clear(&err)) == 0, "%s",
          err.message);
    CHECK(katacg_manager_new(host, NULL, 0, &rules, sizeof(rules), &third, clear(&err)) == 0, "%s",
          err.message);
    CHECK(katacg_manager_apply(own, child, 0, clear(&err)) == 0, "%s", err.message);
    COUNTED(katacg_manager_set(own, first, sizeof(first) - 1, clear(&err)));
    COUNTED(katacg_manager_set(own, second, sizeof(second) - 1, clear(&err)));
    COUNTED(katacg_manager_device_allow(own, "c 1:7", "r", clear(&err)));
    COUNTED(katacg_manager_device_allow(own, "c 1:7", "r", clear(&err)));
    COUNTED(katacg_manager_device_allow(other, "c 1:8", "r", clear(&err)));
    COUNTED(katacg_manager_device_deny(other, "c 1:8", "r", clear(&err)));
    COUNTED(katacg_manager_devices(other, buf, sizeof(buf), clear(&err)));
    COUNTED(katacg_manager_set(third, first, sizeof(first) - 1, clear(&err)));
    leave(child, was);
    CHECK(katacg_manager_destroy(own, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(own);
    katacg_manager_free(other);
    katacg_manager_free(third);
}

static void cycle(pid_t child) {
    static char was[MOUNTS][256];
    int m;

    for (m = 0; m < mount_count; m++)
        snprintf(was[m], sizeof(was[m]), "%s", cgroup_of(child, &mounts[m]));
    COUNTED(katacg_path_validate("/a/b/../c", 0, buf, sizeof(buf), clear(&err)));
    if (!unified)
        COUNTED(katacg_v1_mountpoint(buf, sizeof(buf), clear(&err)));
    COUNTED(katacg_host_open(&host, clear(&err)));
    COUNTED(katacg_manager_new(host, spec, sizeof(spec) - 1, &opts, sizeof(opts), &manager,
                               clear(&err)));
    COUNTED(
        katacg_manager_plan(manager, NULL, 0, KATACG_PLAN_APPLY, buf, sizeof(buf), clear(&err)));
    COUNTED(katacg_manager_apply(manager, child, KATACG_APPLY_SET, clear(&err)));
    leave(child, was);
    COUNTED(katacg_manager_destroy(manager, clear(&err)));
    /* A second sandbox of the same host finds the hierarchies open. */
    COUNTED(katacg_manager_apply(manager, child, KATACG_APPLY_SET, clear(&err)));
    COUNTED(katacg_manager_set(manager, NULL, 0, clear(&err)));
    COUNTED(katacg_manager_pids(manager, NULL, 0, clear(&err)));
    COUNTED(katacg_manager_state(manager, buf, sizeof(buf), clear(&err)));
    leave(child, was);
    COUNTED(katacg_manager_destroy(manager, clear(&err)));
    members(child, was);
    devices(child, was);
    katacg_manager_free(manager);
    katacg_host_free(host);
}

int main(void) {
    const char *why = no_limits();
    pid_t child;

    if (why) {
        puts(why);
        return SKIPPED;
    }
    unified = mount_count == 1 && mounts[0].v2;
    if (!unified && (!mount_of("cpuacct") || !mount_of("blkio") || !mount_of("devices") ||
                     !mount_of("freezer") || mount_of("cpu") == mount_of("cpuacct"))) {
        puts("the budgets need eight v1 hierarchies with one controller each");
        return SKIPPED;
    }
    opts.path = test_cgroup("budget");
    opts.subsystems = unified ? NULL : "cpuset,memory,cpu,cpuacct,pids,blkio,devices,freezer";
    /* The parent cgroup exists, as it does for every sandbox but the first. */
    for (int m = 0; m < mount_count; m++)
        make_cgroup(&mounts[m], parent_cgroup());
    if (!unified) {
        set_file_value("cpuset", parent_cgroup(), "cpuset.mems", "0");
        set_file_value("cpuset", parent_cgroup(), "cpuset.cpus",
                       file_value("cpuset", "", "cpuset.cpus"));
    }
    child = start_child();
    cycle(child);
    counting = 1;
    cycle(child);
    end_child(child);
    return finish();
}
