/* SPDX-License-Identifier: Apache-2.0 */
/* Checks where a manager's cgroup lies: relative paths, chosen subsystems, refused paths. */
#include "cgroups.h"

#include <sys/stat.h>
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

static void bad_paths_are_refused(void) {
    static const struct {
        const char *path;
        int result, code;
    } bad[] = {
        {"system:katacg:test", -EINVAL, KATACG_ERR_PATH},
        {"kubepods--pod1.slice:cri:test", -EINVAL, KATACG_ERR_PATH},
        {"system.slice:katacg:.slice", -EINVAL, KATACG_ERR_PATH},
        {"", -EINVAL, KATACG_ERR_PATH},
        {"/", -EINVAL, KATACG_ERR_PATH},
        {".", -EINVAL, KATACG_ERR_PATH},
        {"..", -EINVAL, KATACG_ERR_PATH},
        {"../..", -EINVAL, KATACG_ERR_PATH},
        {"//.//", -EINVAL, KATACG_ERR_PATH},
        {"/a/../..", -EINVAL, KATACG_ERR_PATH},
    };
    static const char *const strict[] = {"/a/../../b", "/a\nb", "kubepods-burstable.slice:cri:a"};
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        opts.path = bad[i].path;
        CHECK_ERROR(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)),
                    bad[i].result, &err, bad[i].code, NULL);
    }
    /* Kata's strict rules hold for directories, too. */
    opts.flags = KATACG_MANAGER_STRICT;
    opts.driver = KATACG_DRIVER_AUTO_K0;
    for (i = 0; i < sizeof(strict) / sizeof(strict[0]); i++) {
        opts.path = strict[i];
        CHECK_ERROR(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)),
                    -EINVAL, &err, KATACG_ERR_PATH, NULL);
    }
    /* Neither the options nor a specification has a path. */
    CHECK_ERROR(katacg_manager_new(NULL, NULL, 0, NULL, 0, &manager, clear(&err)), -EINVAL, &err,
                KATACG_ERR_PATH, NULL);
}

static void dot_dot_stays_inside_the_hierarchy(void) {
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

static void only_chosen_subsystems_are_joined(void) {
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
    /* The list leaves pids out on purpose: its limit is a warning, and the others are set. */
    CHECK(katacg_manager_set(manager, both, sizeof(both) - 1, clear(&err)) == 0, "%s", err.message);
    CHECK(strcmp(file_value("cpu", cgroup, "cpu.shares"), "77") == 0, "%s",
          file_value("cpu", cgroup, "cpu.shares"));
    end_child(child);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(cgroup) == 0, "%d left", count_there(cgroup));
    katacg_manager_free(manager);
}

/* Creates and destroys a cgroup below the caller's own, in every hierarchy. */
static void inside_own(const char *path, const char *name) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *inner = NULL;
    char wanted[512];
    int m;

    opts.path = path;
    opts.name = name;
    CHECK(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &inner, clear(&err)) == 0, "%s",
          err.message);
    MUST(inner);
    CHECK(katacg_manager_apply(inner, -1, 0, clear(&err)) == 0, "%s", err.message);
    snprintf(wanted, sizeof(wanted), "%s/own/%s", parent_cgroup(), path ? path : name);
    for (m = 0; m < mount_count; m++)
        CHECK(is_there(&mounts[m], wanted), "%s is not in %s", wanted, mounts[m].path);
    CHECK(katacg_manager_destroy(inner, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(wanted) == 0, "left");
    katacg_manager_free(inner);
}

/*
 * On a host with v1 hierarchies, a relative path and a name go below the caller's own cgroup, also
 * in cgroup2. The caller is a child process in a cgroup of this test.
 */
static void relative_path_starts_at_the_cgroup_of_the_caller(void) {
    const char *own = test_cgroup("own");
    struct katacg_manager *manager = new_manager(own, NULL);
    int status;
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
        inside_own("rel/sandbox", NULL);
        CHECK(count_there(test_cgroup("own/rel")) == mount_count, "an ancestor was removed");
        inside_own(NULL, "named");
        /* The path wins over the name. */
        inside_own("rel", "named");
        _exit(check_failures ? 1 : 0);
    }
    waitpid(child, &status, 0);
    CHECK(status == 0, "status %#x", (unsigned)status);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(own) == 0, "%d left", count_there(own));
    katacg_manager_free(manager);
}

/* Checks the owner of a file or directory of the cgroup. */
static void belongs(const struct mount *mount, const char *cgroup, const char *file, uid_t uid,
                    gid_t gid) {
    struct stat status;
    char path[1024];

    snprintf(path, sizeof(path), "%s%s/%s", mount->path, cgroup, file);
    CHECK(stat(path, &status) == 0 && status.st_uid == uid && status.st_gid == gid,
          "%s belongs to %u and %u", path, (unsigned)status.st_uid, (unsigned)status.st_gid);
}

/* v1 is not delegated, because its files do not confine a user to a subtree. */
static void only_the_v2_cgroup_is_delegated(void) {
    const char *cgroup = test_cgroup("owned");
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;
    int m;

    opts.path = cgroup;
    opts.flags = KATACG_MANAGER_DELEGATE;
    opts.owner_uid = 54321;
    opts.owner_gid = 65432;
    CHECK(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    MUST(manager);
    CHECK(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0, "%s", err.message);
    for (m = 0; m < mount_count; m++) {
        uid_t uid = mounts[m].v2 ? opts.owner_uid : 0;
        gid_t gid = mounts[m].v2 ? opts.owner_gid : 0;

        belongs(&mounts[m], cgroup, "", uid, gid);
        belongs(&mounts[m], cgroup, "cgroup.procs", uid, gid);
        belongs(&mounts[m], parent_cgroup(), "cgroup.procs", 0, 0);
        /* The owner must not be able to lift a limit. */
        if (mounts[m].v2)
            belongs(&mounts[m], cgroup, "cgroup.max.descendants", 0, 0);
    }
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(manager);
}

int main(void) {
    const char *why = no_v1();

    if (why) {
        puts(why);
        return SKIPPED;
    }
    bad_paths_are_refused();
    dot_dot_stays_inside_the_hierarchy();
    only_chosen_subsystems_are_joined();
    relative_path_starts_at_the_cgroup_of_the_caller();
    only_the_v2_cgroup_is_delegated();
    return finish();
}
