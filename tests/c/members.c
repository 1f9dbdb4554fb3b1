/* SPDX-License-Identifier: Apache-2.0 */
/* Moves and lists processes and threads, also in subcgroups and the parent. */
#include "cgroups.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define CHILDREN 5

static struct katacg_error err;

static struct katacg_manager *new_manager(const char *path, const char *subsystems,
                                          uint64_t flags) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;

    opts.path = path;
    opts.subsystems = subsystems;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES | flags;
    CHECK(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    MUST(manager);
    return manager;
}

/* Returns a manager whose cgroup exists and is empty. */
static struct katacg_manager *made(const char *path, const char *subsystems) {
    struct katacg_manager *manager = new_manager(path, subsystems, 0);

    CHECK(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0, "%s", err.message);
    return manager;
}

static void destroy(struct katacg_manager *manager, const char *cgroup) {
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(cgroup) == 0, "%d left of %s", count_there(cgroup), cgroup);
    katacg_manager_free(manager);
}

typedef int (*list)(const struct katacg_manager *, int32_t *, size_t, struct katacg_error *);

/* Checks that the list contains exactly these ids, in any order. */
static void lists(list call, const char *what, const struct katacg_manager *manager,
                  const int32_t *ids, int count) {
    int32_t found[CHILDREN + 2];
    int i, k, got = call(manager, found, CHILDREN + 2, clear(&err));

    CHECK(got == count, "%s: %d, wanted %d: %s", what, got, count, err.message);
    CHECK(call(manager, NULL, 0, clear(&err)) == count, "%s: their number", what);
    for (i = 0; i < count && got == count; i++) {
        for (k = 0; k < got && found[k] != ids[i]; k++)
            ;
        CHECK(k < got, "%s: %d is not in it", what, (int)ids[i]);
    }
    /* Ids that do not fit are counted but not written. */
    if (count > 1) {
        found[0] = found[1] = -7;
        CHECK(call(manager, found, 1, clear(&err)) == count, "%s: %s", what, err.message);
        CHECK(found[0] != -7 && found[1] == -7, "%s: %d %d", what, (int)found[0], (int)found[1]);
        CHECK_ERROR(call(manager, NULL, 1, clear(&err)), -EINVAL, &err, KATACG_ERR_ARGUMENT, NULL);
    }
}

static void add_moves_all_processes_or_none(void) {
    const char *cgroup = test_cgroup("batch");
    struct katacg_manager *manager = made(cgroup, NULL);
    int32_t ids[CHILDREN];
    char before[MOUNTS][256];
    int i, m;

    for (i = 0; i < CHILDREN; i++)
        ids[i] = start_child();
    for (m = 0; m < mount_count; m++)
        snprintf(before[m], sizeof(before[m]), "%s", cgroup_of(ids[0], &mounts[m]));
    CHECK(katacg_manager_add(manager, NULL, 0, 0, NULL, clear(&err)) == 0, "%s", err.message);

    /* One process does not exist, so the others move back. */
    end_child(ids[3]);
    CHECK_ERROR(katacg_manager_add(manager, ids, CHILDREN, 0, NULL, clear(&err)), -ESRCH, &err,
                KATACG_ERR_SYSTEM, NULL);
    CHECK(err.sys_errno == ESRCH, "errno %d", (int)err.sys_errno);
    for (m = 0; m < mount_count; m++)
        CHECK(strcmp(before[m], cgroup_of(ids[0], &mounts[m])) == 0, "%s: %s, was in %s",
              mounts[m].controllers, cgroup_of(ids[0], &mounts[m]), before[m]);
    ids[3] = start_child();
    CHECK(katacg_manager_add(manager, ids, CHILDREN, 0, "", clear(&err)) == 0, "%s", err.message);
    for (i = 0; i < CHILDREN; i++)
        CHECK(count_in(ids[i], cgroup) == mount_count, "%d is in %d of %d", (int)ids[i],
              count_in(ids[i], cgroup), mount_count);
    lists(katacg_manager_pids, "pids", manager, ids, CHILDREN);
    lists(katacg_manager_all_pids, "all_pids", manager, ids, CHILDREN);
    lists(katacg_manager_threads, "threads", manager, ids, CHILDREN);
    for (i = 0; i < CHILDREN; i++)
        end_child(ids[i]);
    destroy(manager, cgroup);
}

static void add_to_a_subcgroup_stays_inside_the_cgroup(void) {
    static const char *const outside[] = {"..", "../x", "a/../../x", "a/..", "/abs", "/"};
    const char *cgroup = test_cgroup("below"), *inner = test_cgroup("below/a/b");
    const char *beside = test_cgroup("x");
    struct katacg_manager *manager = made(cgroup, NULL);
    int32_t ids[2];
    size_t i;

    ids[0] = start_child();
    ids[1] = start_child();
    for (i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        CHECK_ERROR(katacg_manager_add(manager, ids, 2, KATACG_ADD_CREATE, outside[i], clear(&err)),
                    -EINVAL, &err, KATACG_ERR_PATH, outside[i]);
        CHECK(count_there(beside) == 0, "%s was made", outside[i]);
    }
    CHECK_ERROR(katacg_manager_add(manager, ids, 1, 0, "a/b", clear(&err)), -ENOENT, &err,
                KATACG_ERR_DELETED, "a/b");
    CHECK(count_there(inner) == 0, "made without being asked to");
    CHECK(katacg_manager_add(manager, ids, 1, KATACG_ADD_CREATE, "a//./b/", clear(&err)) == 0, "%s",
          err.message);
    CHECK(katacg_manager_add(manager, ids + 1, 1, 0, NULL, clear(&err)) == 0, "%s", err.message);
    CHECK(count_in(ids[0], inner) == mount_count, "in %d", count_in(ids[0], inner));
    CHECK(count_in(ids[1], cgroup) == mount_count, "in %d", count_in(ids[1], cgroup));
    lists(katacg_manager_pids, "pids", manager, ids + 1, 1);
    lists(katacg_manager_all_pids, "all_pids", manager, ids, 2);
    CHECK(file_value("cpuset", inner, "cpuset.mems")[0] != '\0', "a cpuset without nodes");
    end_child(ids[0]);
    end_child(ids[1]);
    destroy(manager, cgroup);
}

static int tid_pipe[2];

static void *say_tid(void *unused) {
    int32_t tid = (int32_t)syscall(SYS_gettid);

    (void)unused;
    if (write(tid_pipe[1], &tid, sizeof(tid)) != sizeof(tid))
        _exit(1);
    for (;;)
        pause();
}

/* Starts a process with two more threads, and returns their ids. */
static pid_t start_threads(int32_t tids[2]) {
    pthread_t thread;
    pid_t pid;
    int i;

    MUST(pipe(tid_pipe) == 0);
    fflush(NULL);
    pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (i = 0; i < 2; i++)
            if (pthread_create(&thread, NULL, say_tid, NULL) != 0)
                _exit(1);
        for (;;)
            pause();
    }
    for (i = 0; i < 2; i++)
        MUST(read(tid_pipe[0], &tids[i], sizeof(tids[i])) == sizeof(tids[i]));
    close(tid_pipe[0]);
    close(tid_pipe[1]);
    return pid;
}

/* Kata puts a hypervisor's vCPU threads into a cgroup with limits, and the process elsewhere. */
static void add_moves_threads_and_leaves_their_process(void) {
    const char *cgroup = test_cgroup("vcpu");
    struct katacg_manager *manager = made(cgroup, "cpu,cpuset"), *parent = NULL;
    int32_t tids[2], pid = start_threads(tids);
    int i, moves;

    CHECK(katacg_manager_add(manager, tids, 2, KATACG_ADD_THREADS, NULL, clear(&err)) == 0, "%s",
          err.message);
    for (i = 0; i < 2; i++)
        CHECK(count_in(tids[i], cgroup) == 2, "in %d", count_in(tids[i], cgroup));
    CHECK(count_in(pid, cgroup) == 0, "the whole process has moved");
    lists(katacg_manager_threads, "threads", manager, tids, 2);
    lists(katacg_manager_pids, "pids", manager, &pid, 1);
    CHECK(katacg_manager_parent(manager, &parent, clear(&err)) == 0, "%s", err.message);
    moves = katacg_manager_move_to(manager, parent, clear(&err));
    CHECK(moves == 4, "two threads in two hierarchies: %d moves, %s", moves, err.message);
    for (i = 0; i < 2; i++)
        CHECK(count_in(tids[i], parent_cgroup()) == 2, "in %d", count_in(tids[i], parent_cgroup()));
    CHECK(count_in(pid, parent_cgroup()) == 0, "the whole process has moved");
    katacg_manager_free(parent);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    destroy(manager, cgroup);
}

static void move_to_the_parent_takes_all_processes(void) {
    const char *cgroup = test_cgroup("box");
    struct katacg_manager *manager = made(cgroup, NULL), *parent = NULL, *nowhere;
    char path[512], wanted[1024];
    int32_t ids[3];
    int i, moves;

    for (i = 0; i < 3; i++)
        ids[i] = start_child();
    CHECK(katacg_manager_add(manager, ids, 2, 0, NULL, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_add(manager, ids + 2, 1, KATACG_ADD_CREATE, "in", clear(&err)) == 0, "%s",
          err.message);
    CHECK(katacg_manager_parent(manager, &parent, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_path(parent, "pids", path, sizeof(path), clear(&err)) > 0, "%s",
          err.message);
    snprintf(wanted, sizeof(wanted), "%s%s", mount_of("pids")->path, parent_cgroup());
    CHECK(strcmp(path, wanted) == 0, "%s, wanted %s", path, wanted);
    CHECK_ERROR(katacg_manager_move_to(manager, manager, clear(&err)), -EINVAL, &err,
                KATACG_ERR_ARGUMENT, "itself");
    nowhere = new_manager(test_cgroup("nowhere"), NULL, 0);
    CHECK(katacg_manager_move_to(manager, nowhere, clear(&err)) == -ENOENT, "%s", err.message);
    CHECK(katacg_manager_move_to(nowhere, parent, clear(&err)) == -ENOENT, "%s", err.message);
    lists(katacg_manager_all_pids, "all_pids", manager, ids, 3);

    moves = katacg_manager_move_to(manager, parent, clear(&err));
    CHECK(moves == 3 * mount_count, "%d moves in %d hierarchies: %s", moves, mount_count,
          err.message);
    for (i = 0; i < 3; i++)
        CHECK(count_in(ids[i], parent_cgroup()) == mount_count, "in %d",
              count_in(ids[i], parent_cgroup()));
    lists(katacg_manager_all_pids, "all_pids", manager, ids, 0);
    lists(katacg_manager_pids, "the parent's pids", parent, ids, 3);
    CHECK(katacg_manager_move_to(manager, parent, clear(&err)) == 0, "no process: %s", err.message);
    destroy(manager, cgroup);
    for (i = 0; i < 3; i++)
        end_child(ids[i]);
    katacg_manager_free(nowhere);
    katacg_manager_free(parent);
}

/* The hierarchies' root can take processes and be read. Strict mode refuses even that. */
static void root_only_takes_processes(void) {
    static const char set[] = "{\"pids\":{\"limit\":1000000}}";
    struct katacg_manager *manager = new_manager(parent_cgroup(), NULL, 0), *root = NULL;
    struct katacg_manager *strict = new_manager(parent_cgroup(), NULL, KATACG_MANAGER_STRICT);
    struct katacg_manager *nowhere = new_manager(test_cgroup("nowhere"), NULL, 0), *none = strict;
    char text[4096];

    CHECK_ERROR(katacg_manager_parent(strict, &none, clear(&err)), -EINVAL, &err, KATACG_ERR_PATH,
                "root");
    CHECK(none == NULL, "a handle after a failure");
    CHECK(katacg_manager_parent(manager, &root, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_read(root, "cpu", "cpu.shares", text, sizeof(text), clear(&err)) > 0, "%s",
          err.message);
#define REFUSED(call) CHECK_ERROR(call, -EINVAL, &err, KATACG_ERR_PATH, NULL)
    REFUSED(katacg_manager_set(root, set, sizeof(set) - 1, clear(&err)));
    REFUSED(katacg_manager_apply(root, -1, 0, clear(&err)));
    REFUSED(katacg_manager_write(root, "pids", "notify_on_release", "0", 1, clear(&err)));
    REFUSED(katacg_manager_freeze(root, 1, clear(&err)));
    REFUSED(katacg_manager_thaw(root, clear(&err)));
    REFUSED(katacg_manager_kill(root, SIGWINCH, clear(&err)));
    REFUSED(katacg_manager_destroy(root, clear(&err)));
    REFUSED(katacg_manager_move_to(strict, root, clear(&err)));
    /* The target does not exist, so nothing moves if the library does not refuse this. */
    REFUSED(katacg_manager_move_to(root, nowhere, clear(&err)));
#undef REFUSED
    katacg_manager_free(root);
    katacg_manager_free(nowhere);
    katacg_manager_free(strict);
    katacg_manager_free(manager);
}

static void existing_flag_joins_only_existing_cgroups(void) {
    const char *cgroup = test_cgroup("exists");
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = (struct katacg_manager *)(void *)&opts, *whole, *loaded;
    pid_t child = start_child();
    char paths[2048];

    opts.path = cgroup;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES | KATACG_MANAGER_EXISTING;
    CHECK_ERROR(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)),
                -ENOENT, &err, KATACG_ERR_DELETED, cgroup);
    CHECK(manager == NULL, "a handle after a failure");
    CHECK_ERROR(katacg_cgroup_load(NULL, "freezer,pids", cgroup, &loaded, clear(&err)), -ENOENT,
                &err, KATACG_ERR_DELETED, cgroup);

    whole = made(parent_cgroup(), NULL);
    make_cgroup(mount_of("memory"), cgroup);
    make_cgroup(mount_of("pids"), cgroup);
    manager = new_manager(cgroup, NULL, KATACG_MANAGER_EXISTING);
    CHECK(katacg_manager_paths(manager, paths, sizeof(paths), clear(&err)) > 0, "%s", err.message);
    CHECK(strstr(paths, "\"memory\":") && strstr(paths, "\"pids\":") && !strstr(paths, "\"cpu"),
          "%s", paths);
    CHECK(katacg_manager_apply(manager, child, 0, clear(&err)) == 0, "%s", err.message);
    CHECK(count_in(child, cgroup) == 2 && count_there(cgroup) == 2, "in %d of %d",
          count_in(child, cgroup), count_there(cgroup));
    end_child(child);
    destroy(manager, cgroup);
    katacg_manager_free(whole);
}

int main(void) {
    const char *why = no_v1();

    if (why) {
        puts(why);
        return SKIPPED;
    }
    add_moves_all_processes_or_none();
    add_to_a_subcgroup_stays_inside_the_cgroup();
    add_moves_threads_and_leaves_their_process();
    move_to_the_parent_takes_all_processes();
    root_only_takes_processes();
    existing_flag_joins_only_existing_cgroups();
    return finish();
}
