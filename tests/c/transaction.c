/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that a failed set restores the old values, and that concurrent sets take turns. */
#include "cgroups.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

/* The kernel refuses the last write, because the device does not exist. */
static const char late[] = "{\"cpu\":{\"shares\":4096,\"quota\":70000,\"period\":200000},"
                           "\"memory\":{\"limit\":134217728},\"pids\":{\"limit\":99},"
                           "\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":4000,\"minor\":1,"
                           "\"rate\":1048576}]}}";
static const char first[] = "{\"cpu\":{\"shares\":512,\"quota\":30000,\"period\":50000},"
                            "\"memory\":{\"limit\":67108864},\"pids\":{\"limit\":7}}";

static const struct {
    const char *controller, *file, *before, *after;
} files[] = {
    {"cpu", "cpu.shares", "512", "4096"},
    {"cpu", "cpu.cfs_quota_us", "30000", "70000"},
    {"cpu", "cpu.cfs_period_us", "50000", "200000"},
    {"memory", "memory.limit_in_bytes", "67108864", "134217728"},
    {"pids", "pids.max", "7", "99"},
};

static struct katacg_error err;

static struct katacg_manager *made(const char *path, uint64_t flags, FILE *log) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;

    opts.path = path;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES | flags;
    if (log) {
        opts.log_fd = fileno(log);
        opts.log_level = 1;
    }
    CHECK(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    MUST(manager);
    CHECK(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_set(manager, first, sizeof(first) - 1, clear(&err)) == 0, "%s",
          err.message);
    return manager;
}

static void failed_set_restores_the_old_values(uint64_t flags) {
    const char *cgroup = test_cgroup("late");
    struct katacg_manager *manager = made(cgroup, flags, NULL);
    int kept = flags & KATACG_MANAGER_NO_ROLLBACK, result;
    char state[8192];
    size_t i;

    result = katacg_manager_set(manager, late, sizeof(late) - 1, clear(&err));
    CHECK(result < 0 && err.code == KATACG_ERR_SYSTEM && result == -err.sys_errno &&
              strstr(err.message, "blkio.throttle.read_bps_device"),
          "%d code %d %s", result, (int)err.code, err.message);
    CHECK(!strstr(err.message, "could not be undone"), "%s", err.message);
    CHECK((strstr(err.message, "restored: ") == NULL) == (kept != 0), "%s", err.message);
    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        const char *found = file_value(files[i].controller, cgroup, files[i].file);

        CHECK(strcmp(found, kept ? files[i].after : files[i].before) == 0, "%s is %s",
              files[i].file, found);
        CHECK(kept || strstr(err.message, files[i].file), "no %s in %s", files[i].file,
              err.message);
    }
    /* The manager remembers the resources of the last set that succeeded. */
    CHECK(katacg_manager_state(manager, state, sizeof(state), clear(&err)) > 0 &&
              strstr(state, "\"limit\":7}") && !strstr(state, "4096"),
          "%s", state);
    CHECK(katacg_manager_set(manager, NULL, 0, clear(&err)) == 0, "%s", err.message);
    CHECK(strcmp(file_value("pids", cgroup, "pids.max"), "7") == 0, "%s",
          file_value("pids", cgroup, "pids.max"));
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(manager);
}

static double seconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Starts a process that holds the lock for so long. The lock is free when the process ends. */
static pid_t start_holder(const char *cgroup, unsigned int microseconds) {
    char path[1024], byte;
    static const char *const files[] = {"devices.deny", "memory.force_empty", "blkio.reset_stats",
                                        "cgroup.kill", "cgroup.procs"};
    int m, fd, locked = 0, ready[2];
    size_t f;
    pid_t holder;

    MUST(pipe(ready) == 0);
    fflush(NULL);
    holder = fork();
    MUST(holder >= 0);
    if (holder == 0) {
        /* The lock is on one of the files that only the owner can open. */
        for (m = 0; m < mount_count; m++) {
            for (f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
                snprintf(path, sizeof(path), "%s%s/%s", mounts[m].path, cgroup, files[f]);
                fd = open(path, O_WRONLY | O_CLOEXEC);
                locked += fd >= 0 && flock(fd, LOCK_EX) == 0;
            }
        }
        if (locked == 0)
            _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        usleep(microseconds);
        _exit(0);
    }
    MUST(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return holder;
}

static void sets_wait_for_their_turn(void) {
    static const char other[] = "{\"pids\":{\"limit\":8}}";
    const char *cgroup = test_cgroup("turns");
    FILE *log = tmpfile();
    struct katacg_manager *manager = made(cgroup, 0, log);
    char text[1024];
    size_t got;
    pid_t holder = start_holder(cgroup, 500000);
    double took = seconds();

    CHECK(katacg_manager_set(manager, first, sizeof(first) - 1, clear(&err)) == 0, "%s",
          err.message);
    took = seconds() - took;
    CHECK(took > 0.4 && took < 9, "the holder has the lock for 0.5 s, set took %.2f s", took);
    waitpid(holder, NULL, 0);

    /* A process that never releases the lock does not keep others from setting limits. */
    holder = start_holder(cgroup, 60000000);
    took = seconds();
    CHECK(katacg_manager_set(manager, other, sizeof(other) - 1, clear(&err)) == 0, "%s",
          err.message);
    took = seconds() - took;
    CHECK(took > 1.5 && took < 9, "set waits about 2 s, it took %.2f s", took);
    CHECK(strcmp(file_value("pids", cgroup, "pids.max"), "8") == 0, "%s",
          file_value("pids", cgroup, "pids.max"));
    rewind(log);
    got = fread(text, 1, sizeof(text) - 1, log);
    text[got] = '\0';
    CHECK(strstr(text, "warning: ") && strstr(text, cgroup) && strchr(text, '\n') == text + got - 1,
          "the log has \"%s\"", text);
    fclose(log);
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(manager);
}

static volatile int stop;

static void *sets(void *manager) {
    struct katacg_error mine = KATACG_ERROR_INIT;

    while (!stop)
        if (katacg_manager_set(manager, first, sizeof(first) - 1, &mine) < 0) {
            fprintf(stderr, "%s\n", mine.message);
            return manager;
        }
    return NULL;
}

/* A child that is forked while another thread holds the lock must not keep the lock open. */
static void forked_child_does_not_keep_the_turn(void) {
    struct katacg_manager *manager = made(test_cgroup("forked"), 0, NULL);
    pid_t children[32];
    double took, quickest = 100;
    pthread_t thread;
    void *failed;
    size_t i;

    MUST(pthread_create(&thread, NULL, sets, manager) == 0);
    for (i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
        usleep(1000 + 137 * (unsigned)i);
        children[i] = start_child();
    }
    stop = 1;
    pthread_join(thread, &failed);
    CHECK(failed == NULL, "a set was refused");
    /* A child that held the lock would hold it in each of these tries. */
    for (i = 0; i < 3 && quickest > 1; i++) {
        took = seconds();
        CHECK(katacg_manager_set(manager, first, sizeof(first) - 1, clear(&err)) == 0, "%s",
              err.message);
        took = seconds() - took;
        quickest = took < quickest ? took : quickest;
    }
    CHECK(quickest < 1.5, "set waited for %.2f s", quickest);
    for (i = 0; i < sizeof(children) / sizeof(children[0]); i++)
        end_child(children[i]);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(manager);
}

int main(void) {
    const char *why = no_v1();

    if (!why && !mount_of("blkio"))
        why = "no blkio hierarchy, so no write that fails last";
    if (why) {
        puts(why);
        return SKIPPED;
    }
    failed_set_restores_the_old_values(0);
    failed_set_restores_the_old_values(KATACG_MANAGER_NO_ROLLBACK);
    sets_wait_for_their_turn();
    forked_child_does_not_keep_the_turn();
    return finish();
}
