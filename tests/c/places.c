/* Where a manager's cgroup lies: relative paths, chosen subsystems, paths that are refused. */
#include "cgroups.h"

#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static struct katacg_error err;

static struct katacg_manager *new_manager(const char *path, const char *subsystems) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;

    opts.path = path;
    opts.subsystems = subsystems;
    CHECK(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    MUST(manager);
    return manager;
}

static void refused(void) {
    static const struct {
        const char *path;
        int result, code;
    } bad[] = {
        {"system.slice:katacg:test", -EOPNOTSUPP, KATACG_ERR_UNSUPPORTED},
        {"kubepods-pod1.slice:cri:test", -EOPNOTSUPP, KATACG_ERR_UNSUPPORTED},
        {"", -EINVAL, KATACG_ERR_PATH},
        {"/", -EINVAL, KATACG_ERR_PATH},
        {".", -EINVAL, KATACG_ERR_PATH},
        {"..", -EINVAL, KATACG_ERR_PATH},
        {"../..", -EINVAL, KATACG_ERR_PATH},
        {"//.//", -EINVAL, KATACG_ERR_PATH},
        {"/a/../..", -EINVAL, KATACG_ERR_PATH},
    };
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        opts.path = bad[i].path;
        CHECK_ERROR(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)),
                    bad[i].result, &err, bad[i].code, NULL);
    }
    /* Neither a path in the options nor in a specification. */
    CHECK_ERROR(katacg_manager_new(NULL, NULL, 0, NULL, 0, &manager, clear(&err)), -EINVAL, &err,
                KATACG_ERR_PATH, NULL);
}

/* ".." stays within, whatever is said. */
static void confined(void) {
    struct katacg_manager *manager;
    char path[1024], wanted[1024], asked[512];

    snprintf(asked, sizeof(asked), "/../../..%s/../../%s/x", parent_cgroup(), parent_cgroup());
    manager = new_manager(asked, NULL);
    CHECK(katacg_manager_path(manager, "cpu", path, sizeof(path), clear(&err)) > 0, "%s",
          err.message);
    snprintf(wanted, sizeof(wanted), "%s%s/x", mount_of("cpu")->path, parent_cgroup());
    CHECK(strcmp(path, wanted) == 0, "%s, wanted %s", path, wanted);
    katacg_manager_free(manager);
}

static void chosen_subsystems(void) {
    static const char both[] = "{\"cpu\":{\"shares\":77},\"pids\":{\"limit\":5}}";
    const char *cgroup = test_cgroup("chosen");
    struct katacg_manager *manager = new_manager(cgroup, "cpu,cpuset");
    pid_t child = start_child();
    char paths[2048], path[512], before[MOUNTS][256];
    int m;

    for (m = 0; m < mount_count; m++)
        snprintf(before[m], sizeof(before[m]), "%s", cgroup_of(child, &mounts[m]));
    CHECK(katacg_manager_paths(manager, paths, sizeof(paths), clear(&err)) > 0, "%s", err.message);
    CHECK(strstr(paths, "\"cpu\":") && strstr(paths, "\"cpuset\":") && !strstr(paths, "memory"),
          "%s", paths);
    CHECK_ERROR(katacg_manager_path(manager, "memory", path, sizeof(path), clear(&err)), -ENOENT,
                &err, KATACG_ERR_NOT_MOUNTED, "memory");
    CHECK(katacg_manager_apply(manager, child, 0, clear(&err)) == 0, "%s", err.message);
    for (m = 0; m < mount_count; m++) {
        int joined = &mounts[m] == mount_of("cpu") || &mounts[m] == mount_of("cpuset");

        CHECK(is_there(&mounts[m], cgroup) == joined, "%s", mounts[m].controllers);
        CHECK(strcmp(cgroup_of(child, &mounts[m]), joined ? cgroup : before[m]) == 0, "%s: %s",
              mounts[m].controllers, cgroup_of(child, &mounts[m]));
    }
    CHECK(katacg_manager_pids(manager, NULL, 0, clear(&err)) == 1, "%s", err.message);
    /* What it has not joined it cannot set; nothing is written then. */
    CHECK_ERROR(katacg_manager_set(manager, both, sizeof(both) - 1, clear(&err)), -EOPNOTSUPP, &err,
                KATACG_ERR_CONTROLLER, "available: ");
    CHECK(strcmp(knob("cpu", cgroup, "cpu.shares"), "1024") == 0, "%s",
          knob("cpu", cgroup, "cpu.shares"));
    end_child(child);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(cgroup) == 0, "%d left", count_there(cgroup));
    katacg_manager_free(manager);
}

/*
 * A relative path goes below the caller's own cgroup in v1, and beside it in v2, where a cgroup
 * with processes has no children with controllers. The caller is a child in a cgroup of ours.
 */
static void relative(void) {
    const char *own = test_cgroup("own");
    struct katacg_manager *manager = new_manager(own, NULL), *inner;
    int status, m;
    pid_t child;

    fflush(NULL);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        alarm(60);
        if (katacg_manager_apply(manager, getpid(), 0, clear(&err)) < 0) {
            fprintf(stderr, "%s\n", err.message);
            _exit(1);
        }
        inner = new_manager("rel/sandbox", NULL);
        CHECK(katacg_manager_apply(inner, -1, 0, clear(&err)) == 0, "%s", err.message);
        for (m = 0; m < mount_count; m++) {
            const char *wanted = test_cgroup(mounts[m].v2 ? "rel/sandbox" : "own/rel/sandbox");

            CHECK(is_there(&mounts[m], wanted), "%s is not in %s", wanted, mounts[m].path);
        }
        CHECK(katacg_manager_destroy(inner, clear(&err)) == 0, "%s", err.message);
        CHECK(count_there(test_cgroup("own/rel/sandbox")) == 0, "left");
        CHECK(count_there(test_cgroup("own/rel")) == mount_count - (mount_of("") != NULL),
              "an ancestor was removed");
        katacg_manager_free(inner);
        _exit(check_failures ? 1 : 0);
    }
    waitpid(child, &status, 0);
    CHECK(status == 0, "status %#x", (unsigned)status);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(own) == 0, "%d left", count_there(own));
    katacg_manager_free(manager);
}

int main(void) {
    const char *why = no_cgroups();

    if (why) {
        puts(why);
        return SKIPPED;
    }
    refused();
    confined();
    chosen_subsystems();
    relative();
    return finish();
}
