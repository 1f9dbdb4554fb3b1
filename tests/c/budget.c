/*
 * Operations whose system calls are counted from outside: a getppid() before and one after each,
 * in the order of budgets.txt, or of budgets-v2.txt on a unified host. Everything is done once
 * before it is counted, so that what the C library asks of the kernel for memory is not in it.
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

/* The process leaves by itself, so that nothing is left to wait for. */
static void leave(pid_t child, char was[][256]) {
    char number[16];
    int m;

    snprintf(number, sizeof(number), "%d", (int)child);
    for (m = 0; m < mount_count; m++) {
        char controller[64];

        snprintf(controller, sizeof(controller), "%.*s", (int)strcspn(mounts[m].controllers, ","),
                 mounts[m].controllers);
        set_knob(controller, was[m], "cgroup.procs", number);
    }
}

/* What is done with a sandbox that is there, and its end by moving everybody to the parent. */
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
    COUNTED(katacg_manager_freezer_state(manager, clear(&err)));
    COUNTED(katacg_manager_thaw(manager, clear(&err)));
    COUNTED(katacg_attach_open(manager, 0, &attach, clear(&err)));
    COUNTED((katacg_attach_close(&attach), 0));
    COUNTED(katacg_cgroup_load(host, opts.subsystems, opts.path, &loaded, clear(&err)));
    COUNTED(katacg_manager_parent(manager, &parent, clear(&err)));
    /* v2: whoever has controllers on for others takes no processes. */
    if (!unified)
        COUNTED(katacg_manager_move_to(manager, parent, clear(&err)));
    leave(child, was);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(loaded);
    katacg_manager_free(parent);
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
    /* Again, with the hierarchies open: what a second sandbox of the same host costs. */
    COUNTED(katacg_manager_apply(manager, child, KATACG_APPLY_SET, clear(&err)));
    COUNTED(katacg_manager_set(manager, NULL, 0, clear(&err)));
    COUNTED(katacg_manager_pids(manager, NULL, 0, clear(&err)));
    COUNTED(katacg_manager_state(manager, buf, sizeof(buf), clear(&err)));
    leave(child, was);
    COUNTED(katacg_manager_destroy(manager, clear(&err)));
    members(child, was);
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
        puts("the budgets are for eight v1 hierarchies with a controller each");
        return SKIPPED;
    }
    opts.path = test_cgroup("budget");
    opts.subsystems = unified ? NULL : "cpuset,memory,cpu,cpuacct,pids,blkio,devices,freezer";
    /* The parent is there, as it is for all sandboxes but the first. */
    for (int m = 0; m < mount_count; m++)
        make_cgroup(&mounts[m], parent_cgroup());
    if (!unified) {
        set_knob("cpuset", parent_cgroup(), "cpuset.mems", "0");
        set_knob("cpuset", parent_cgroup(), "cpuset.cpus", knob("cpuset", "", "cpuset.cpus"));
    }
    child = start_child();
    cycle(child);
    counting = 1;
    cycle(child);
    end_child(child);
    return finish();
}
