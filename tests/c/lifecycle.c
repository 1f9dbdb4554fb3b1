/* SPDX-License-Identifier: Apache-2.0 */
/* Freezes and thaws cgroups, also with a task that cannot be frozen; sends signals; counts OOM
 * kills. */
#include "cgroups.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static struct katacg_error err;

static struct katacg_manager *new_manager(const char *path, const char *subsystems) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;

    opts.path = path;
    opts.subsystems = subsystems;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    CHECK(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    MUST(manager);
    return manager;
}

static struct katacg_manager *made(const char *path, pid_t pid) {
    struct katacg_manager *manager = new_manager(path, NULL);

    CHECK(katacg_manager_apply(manager, pid, 0, clear(&err)) == 0, "%s", err.message);
    return manager;
}

static void destroy(struct katacg_manager *manager, const char *cgroup) {
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(cgroup) == 0, "%d left of %s", count_there(cgroup), cgroup);
    katacg_manager_free(manager);
}

static double seconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Starts a process that runs a function. */
static pid_t start(void (*what)(void)) {
    pid_t pid;

    fflush(NULL);
    pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        what();
        _exit(0);
    }
    return pid;
}

static void spin(void) {
    volatile unsigned long turns = 0;

    for (;;)
        turns++;
}

static void idle(void) {
    for (;;)
        pause();
}

/* Returns the processor time of a process, in clock ticks. */
static unsigned long ticks(pid_t pid) {
    unsigned long user = 0, system = 0;
    char name[64], line[1024] = "";
    FILE *file;

    snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
    file = fopen(name, "r");
    MUST(file && fgets(line, sizeof(line), file));
    fclose(file);
    MUST(sscanf(strrchr(line, ')'), ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user,
                &system) == 2);
    return user + system;
}

#define STATE(manager, wanted)                                                                     \
    do {                                                                                           \
        int state_ = katacg_manager_freezer_state(manager, clear(&err));                           \
        CHECK(state_ == (wanted), "state %d, wanted %d: %s", state_, wanted, err.message);         \
    } while (0)

#define WORKS(call) CHECK((call) == 0, "%s", err.message)

static void freeze_and_thaw_change_the_state(void) {
    const char *cgroup = test_cgroup("freeze"), *inner = test_cgroup("freeze/inner");
    pid_t child = start(spin), below = start_child();
    struct katacg_manager *manager = made(cgroup, child), *sub = made(inner, below);
    unsigned long before = 0;
    int tries;

    STATE(manager, KATACG_FREEZER_THAWED);
    WORKS(katacg_manager_thaw(manager, clear(&err)));
    WORKS(katacg_manager_freeze(manager, 10000, clear(&err)));
    STATE(manager, KATACG_FREEZER_FROZEN);
    WORKS(katacg_manager_freeze(manager, 10000, clear(&err)));
    /* The kernel may count the time before the freeze a little later. */
    for (tries = 0; tries < 50; tries++) {
        before = ticks(child);
        usleep(100000);
        if (ticks(child) == before)
            break;
    }
    usleep(300000);
    CHECK(ticks(child) == before, "the process ran while frozen");
    /* Only the ancestor of this cgroup is frozen. */
    STATE(sub, KATACG_FREEZER_THAWED);
    WORKS(katacg_manager_freeze(sub, 10000, clear(&err)));
    WORKS(katacg_manager_thaw(manager, clear(&err)));
    STATE(manager, KATACG_FREEZER_THAWED);
    STATE(sub, KATACG_FREEZER_FROZEN);
    WORKS(katacg_manager_thaw(sub, clear(&err)));
    for (tries = 0; tries < 500 && ticks(child) == before; tries++)
        usleep(10000);
    CHECK(ticks(child) > before, "the process does not run after the thaw");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    end_child(below);
    katacg_manager_free(sub);
    destroy(manager, cgroup);
}

/* Limits memory to 8 MiB without swap. */
static void limit_memory(const char *cgroup) {
    set_file_value("memory", cgroup, "memory.swappiness", "0");
    set_file_value("memory", cgroup, "memory.limit_in_bytes", "8388608");
}

static void use_memory(void) {
    size_t len = (size_t)64 << 20;
    char *memory;

    while (!strstr(cgroup_of(getpid(), mount_of("memory")), parent_cgroup()))
        usleep(1000);
    memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        _exit(1);
    memset(memory, 1, len);
    for (;;)
        pause();
}

/* Starts a child that hangs in the kernel: it is out of memory, and the OOM killer is off. */
static pid_t start_stuck(const char *cgroup, struct katacg_manager **manager) {
    pid_t child = start(use_memory);
    int tries;

    *manager = made(cgroup, -1);
    limit_memory(cgroup);
    set_file_value("memory", cgroup, "memory.oom_control", "1");
    WORKS(katacg_manager_apply(*manager, child, 0, clear(&err)));
    for (tries = 0; tries < 1000; tries++) {
        if (strstr(file_value("memory", cgroup, "memory.oom_control"), "under_oom 1"))
            break;
        usleep(10000);
    }
    CHECK(tries < 1000, "the child does not hang: %s",
          file_value("memory", cgroup, "memory.oom_control"));
    return child;
}

static void ended_by(pid_t child, int signal) {
    int status = 0;

    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == signal,
          "status %#x, wanted signal %d", (unsigned)status, signal);
}

static void freeze_that_times_out_leaves_the_cgroup_thawed(void) {
    const char *cgroup = test_cgroup("stuck");
    struct katacg_manager *manager;
    pid_t stuck = start_stuck(cgroup, &manager), other = start(idle);
    double took;

    WORKS(katacg_manager_add(manager, &other, 1, 0, NULL, clear(&err)));
    CHECK_ERROR(katacg_manager_freeze(manager, 0, clear(&err)), -ETIMEDOUT, &err,
                KATACG_ERR_TIMEOUT, cgroup);
    STATE(manager, KATACG_FREEZER_THAWED);
    took = seconds();
    CHECK_ERROR(katacg_manager_freeze(manager, 1500, clear(&err)), -ETIMEDOUT, &err,
                KATACG_ERR_TIMEOUT, cgroup);
    took = seconds() - took;
    CHECK(took > 1.2 && took < 10, "the timeout is 1.5 s, freeze took %.2f s", took);
    STATE(manager, KATACG_FREEZER_THAWED);
    CHECK(strcmp(file_value("freezer", cgroup, "freezer.self_freezing"), "0") == 0, "%s",
          file_value("freezer", cgroup, "freezer.self_freezing"));
    /* SIGKILL reaches a task that cannot be frozen. */
    WORKS(katacg_manager_kill(manager, SIGKILL, clear(&err)));
    ended_by(stuck, SIGKILL);
    ended_by(other, SIGKILL);
    STATE(manager, KATACG_FREEZER_THAWED);
    destroy(manager, cgroup);
}

/* A caller inside the cgroup could not thaw it. */
static void freeze_refuses_the_cgroup_of_the_caller(void) {
    const char *cgroup = test_cgroup("oneself");
    struct katacg_manager *manager = made(cgroup, -1);
    int status = -1, tries;
    pid_t child;

    fflush(NULL);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (katacg_manager_apply(manager, getpid(), 0, clear(&err)) < 0)
            _exit(1);
        if (katacg_manager_freeze(manager, 1000, clear(&err)) != -EINVAL)
            _exit(2);
        _exit(err.code == KATACG_ERR_ARGUMENT ? 0 : 3);
    }
    for (tries = 0; tries < 1000 && waitpid(child, &status, WNOHANG) == 0; tries++)
        usleep(10000);
    CHECK(status == 0, "status %#x%s", (unsigned)status,
          tries == 1000 ? ": the caller is frozen" : "");
    if (tries == 1000) {
        WORKS(katacg_manager_kill(manager, SIGKILL, clear(&err)));
        waitpid(child, NULL, 0);
    }
    destroy(manager, cgroup);
}

static void kill_signals_all_processes(void) {
    const char *cgroup = test_cgroup("kill");
    pid_t child = start(spin), below = start(spin);
    struct katacg_manager *manager = made(cgroup, child);
    int status;

    CHECK(katacg_manager_add(manager, &below, 1, KATACG_ADD_CREATE, "in", clear(&err)) == 0, "%s",
          err.message);
    WORKS(katacg_manager_kill(manager, SIGTERM, clear(&err)));
    ended_by(child, SIGTERM);
    ended_by(below, SIGTERM);
    STATE(manager, KATACG_FREEZER_THAWED);
    WORKS(katacg_manager_kill(manager, SIGTERM, clear(&err)));

    /* A frozen cgroup stays frozen, and its processes get the signal after the thaw. */
    child = start(spin);
    WORKS(katacg_manager_apply(manager, child, 0, clear(&err)));
    WORKS(katacg_manager_freeze(manager, 10000, clear(&err)));
    WORKS(katacg_manager_kill(manager, SIGTERM, clear(&err)));
    STATE(manager, KATACG_FREEZER_FROZEN);
    usleep(100000);
    CHECK(waitpid(child, &status, WNOHANG) == 0, "ended while it was frozen");
    WORKS(katacg_manager_thaw(manager, clear(&err)));
    ended_by(child, SIGTERM);
    child = start(spin);
    WORKS(katacg_manager_apply(manager, child, 0, clear(&err)));
    WORKS(katacg_manager_freeze(manager, 10000, clear(&err)));
    WORKS(katacg_manager_kill(manager, SIGKILL, clear(&err)));
    ended_by(child, SIGKILL);
    STATE(manager, KATACG_FREEZER_THAWED);
    destroy(manager, cgroup);
}

/* Runs a chain of processes. Each forks and ends, so that a list of them is soon out of date. */
static void run_away(void) {
    double end = seconds() + 60;

    while (seconds() < end) {
        pid_t next = fork();

        if (next > 0)
            _exit(0);
        if (is_watched())
            usleep(5000);
    }
}

static void kill_catches_processes_that_fork(void) {
    const char *cgroup = test_cgroup("chain");
    struct katacg_manager *manager = made(cgroup, -1);
    int round;
    pid_t child;

    /* Makes this process the parent of orphans, so that it can wait for them. */
    MUST(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    for (round = 0; round < (int)divided(5); round++) {
        fflush(NULL);
        child = fork();
        MUST(child >= 0);
        if (child == 0) {
            /* The first process enters before it forks, so all its descendants are inside. */
            if (katacg_manager_apply(manager, getpid(), 0, clear(&err)) < 0)
                _exit(1);
            run_away();
            _exit(0);
        }
        usleep(50000);
        WORKS(katacg_manager_kill(manager, SIGKILL, clear(&err)));
        while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
            ;
        CHECK(katacg_manager_all_pids(manager, NULL, 0, clear(&err)) == 0, "round %d", round);
    }
    MUST(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
    destroy(manager, cgroup);
}

static void oom_kills_are_counted(void) {
    const char *cgroup = test_cgroup("oom");
    struct katacg_manager *manager = made(cgroup, -1);
    pid_t child = start(use_memory);
    uint64_t count = 77;

    WORKS(katacg_manager_oom_kills(manager, &count, clear(&err)));
    CHECK(count == 0, "%lu before there was any", (unsigned long)count);
    limit_memory(cgroup);
    WORKS(katacg_manager_apply(manager, child, 0, clear(&err)));
    ended_by(child, SIGKILL);
    WORKS(katacg_manager_oom_kills(manager, &count, clear(&err)));
    CHECK(count == 1, "%lu", (unsigned long)count);
    destroy(manager, cgroup);
}

static void missing_controllers_and_cgroups_are_errors(void) {
    struct katacg_manager *less = new_manager(test_cgroup("less"), "cpu,pids");
    struct katacg_manager *none = new_manager(test_cgroup("none"), NULL);
    uint64_t count = 77;

#define REFUSED(result, code, call) CHECK_ERROR(call, result, &err, code, NULL)
    REFUSED(-EOPNOTSUPP, KATACG_ERR_CONTROLLER, katacg_manager_freeze(less, 10, clear(&err)));
    REFUSED(-EOPNOTSUPP, KATACG_ERR_CONTROLLER, katacg_manager_thaw(less, clear(&err)));
    REFUSED(-EOPNOTSUPP, KATACG_ERR_CONTROLLER, katacg_manager_freezer_state(less, clear(&err)));
    REFUSED(-EOPNOTSUPP, KATACG_ERR_CONTROLLER,
            katacg_manager_oom_kills(less, &count, clear(&err)));
    REFUSED(-ENOENT, KATACG_ERR_DELETED, katacg_manager_freeze(none, 10, clear(&err)));
    REFUSED(-ENOENT, KATACG_ERR_DELETED, katacg_manager_thaw(none, clear(&err)));
    REFUSED(-ENOENT, KATACG_ERR_DELETED, katacg_manager_freezer_state(none, clear(&err)));
    REFUSED(-ENOENT, KATACG_ERR_DELETED, katacg_manager_kill(none, SIGKILL, clear(&err)));
    REFUSED(-ENOENT, KATACG_ERR_DELETED, katacg_manager_oom_kills(none, &count, clear(&err)));
    REFUSED(-ENOENT, KATACG_ERR_DELETED, katacg_manager_all_pids(none, NULL, 0, clear(&err)));
    REFUSED(-ENOENT, KATACG_ERR_DELETED, katacg_manager_threads(none, NULL, 0, clear(&err)));
#undef REFUSED
    CHECK(count == 77, "a failure wrote %lu", (unsigned long)count);
    katacg_manager_free(less);
    katacg_manager_free(none);
}

int main(void) {
    const char *why = no_v1();

    if (!why && !mount_of("freezer"))
        why = "no freezer hierarchy";
    if (why) {
        puts(why);
        return SKIPPED;
    }
    freeze_and_thaw_change_the_state();
    freeze_that_times_out_leaves_the_cgroup_thawed();
    freeze_refuses_the_cgroup_of_the_caller();
    kill_signals_all_processes();
    kill_catches_processes_that_fork();
    oom_kills_are_counted();
    missing_controllers_and_cgroups_are_errors();
    return finish();
}
