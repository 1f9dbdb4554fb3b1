/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that a failed apply leaves no new directory and moves the process back. */
#include "cgroups.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static struct katacg_error err;
static char before[MOUNTS][256];

static struct katacg_manager *new_manager(const char *path, const char *resources) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;
    char spec[1024];

    snprintf(spec, sizeof(spec), "{\"resources\":%s}", resources);
    opts.path = path;
    CHECK(katacg_manager_new(NULL, spec, strlen(spec), &opts, sizeof(opts), &manager,
                             clear(&err)) == 0,
          "%s", err.message);
    MUST(manager);
    return manager;
}

static void remember(pid_t pid) {
    int m;

    for (m = 0; m < mount_count; m++)
        snprintf(before[m], sizeof(before[m]), "%s", cgroup_of(pid, &mounts[m]));
}

static void is_where_it_was(pid_t pid) {
    int m;

    for (m = 0; m < mount_count; m++)
        CHECK(strcmp(before[m], cgroup_of(pid, &mounts[m])) == 0, "%s: %s, was in %s",
              mounts[m].controllers, cgroup_of(pid, &mounts[m]), before[m]);
}

static void apply_of_a_dead_process_creates_nothing(void) {
    const char *cgroup = test_cgroup("dead");
    struct katacg_manager *manager = new_manager(cgroup, "{}");
    pid_t child = start_child();

    end_child(child);
    CHECK_ERROR(katacg_manager_apply(manager, child, 0, clear(&err)), -ESRCH, &err,
                KATACG_ERR_SYSTEM, NULL);
    CHECK(err.sys_errno == ESRCH, "errno %d", (int)err.sys_errno);
    CHECK(count_there(parent_cgroup()) == 0, "%d directories made", count_there(parent_cgroup()));
    katacg_manager_free(manager);
}

/* Applies a resource that the kernel refuses; the message must contain `part`. */
static void refused_resource_undoes_the_apply(const char *name, const char *resources,
                                              const char *part) {
    const char *cgroup = test_cgroup(name);
    struct katacg_manager *manager = new_manager(cgroup, resources);
    pid_t child = start_child();
    int result;

    remember(child);
    result = katacg_manager_apply(manager, child, KATACG_APPLY_SET, clear(&err));
    CHECK(result < 0 && err.code == KATACG_ERR_SYSTEM && result == -err.sys_errno, "%d code %d: %s",
          result, (int)err.code, err.message);
    CHECK(strstr(err.message, part), "\"%s\" does not say %s", err.message, part);
    CHECK(!strstr(err.message, "could not be undone"), "%s", err.message);
    CHECK(count_there(parent_cgroup()) == 0, "%s left in %d hierarchies", name,
          count_there(parent_cgroup()));
    is_where_it_was(child);

    /* Directories that existed before stay: here two parents and one whole cgroup. */
    make_cgroup(mount_of("memory"), parent_cgroup());
    make_cgroup(mount_of("pids"), parent_cgroup());
    make_cgroup(mount_of("pids"), cgroup);
    CHECK(katacg_manager_apply(manager, child, KATACG_APPLY_SET, clear(&err)) < 0, "succeeded");
    CHECK(count_there(parent_cgroup()) == 2 && is_there(mount_of("memory"), parent_cgroup()),
          "%d parents", count_there(parent_cgroup()));
    CHECK(count_there(cgroup) == 1 && is_there(mount_of("pids"), cgroup), "%d cgroups",
          count_there(cgroup));
    is_where_it_was(child);
    remove_cgroup(mount_of("memory"), parent_cgroup());
    remove_cgroup(mount_of("pids"), parent_cgroup());
    end_child(child);
    katacg_manager_free(manager);
}

/*
 * A realtime process cannot enter a v1 cpu cgroup without realtime runtime. By then apply has moved
 * it in other hierarchies, and has to move it back.
 */
static void refused_process_is_moved_back(void) {
    const char *cgroup = test_cgroup("realtime");
    struct katacg_manager *manager = new_manager(cgroup, "{}");
    struct sched_param priority = {1};
    pid_t child = start_child();

    if (!is_there(mount_of("cpu"), "/cpu.rt_runtime_us") ||
        sched_setscheduler(child, SCHED_FIFO, &priority) != 0) {
        puts("no realtime groups on this kernel: the case of a refused process is skipped");
    } else {
        remember(child);
        CHECK_ERROR(katacg_manager_apply(manager, child, 0, clear(&err)), -EINVAL, &err,
                    KATACG_ERR_SYSTEM, "cgroup.procs");
        CHECK(!strstr(err.message, "could not be undone"), "%s", err.message);
        CHECK(count_there(parent_cgroup()) == 0, "left in %d hierarchies",
              count_there(parent_cgroup()));
        is_where_it_was(child);
    }
    end_child(child);
    katacg_manager_free(manager);
}

static void wrong_resources_are_refused_before_any_change(void) {
    static const struct {
        const char *resources;
        int result, code;
    } bad[] = {
        {"{\"memory\":{\"limit\":-5}}", -ERANGE, KATACG_ERR_VALUE},
        {"{\"devices\":[{\"allow\":true}]}", -ERANGE, KATACG_ERR_VALUE},
    };
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct katacg_manager *manager = new_manager(test_cgroup("before"), bad[i].resources);

        CHECK_ERROR(katacg_manager_apply(manager, -1, KATACG_APPLY_SET, clear(&err)), bad[i].result,
                    &err, bad[i].code, NULL);
        CHECK(count_there(parent_cgroup()) == 0, "%d directories", count_there(parent_cgroup()));
        katacg_manager_free(manager);
    }
}

int main(void) {
    const char *why = no_v1();

    if (why) {
        puts(why);
        return SKIPPED;
    }
    apply_of_a_dead_process_creates_nothing();
    refused_resource_undoes_the_apply("cpus", "{\"cpu\":{\"shares\":99,\"cpus\":\"4095\"}}",
                                      "\"4095\"");
    /* This write comes after those of cpuset, memory and the rest of cpu. */
    refused_resource_undoes_the_apply("runtime",
                                      "{\"cpu\":{\"cpus\":\"0\",\"mems\":\"0\",\"shares\":99,"
                                      "\"realtimeRuntime\":999999999},"
                                      "\"memory\":{\"limit\":67108864},\"pids\":{\"limit\":5}}",
                                      "999999999");
    refused_process_is_moved_back();
    wrong_resources_are_refused_before_any_change();
    return finish();
}
