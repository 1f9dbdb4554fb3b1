/* SPDX-License-Identifier: Apache-2.0 */
/* Uses the library in the child of a fork: of a process with one thread, and of one with nine. */
#include "cgroups.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define BUSY 8

static struct katacg_host *host;
static struct katacg_manager *shared, *quiet;
static int real;
static volatile int stop;

static void fail(const char *what, int result, const struct katacg_error *err) {
    fprintf(stderr, "in the child: %s: %d %s\n", what, result, err->message);
    _exit(1);
}

#define WORKS(call)                                                                                \
    do {                                                                                           \
        int result_ = (call);                                                                      \
        if (result_ < 0)                                                                           \
            fail(#call, result_, &err);                                                            \
    } while (0)

/* Calls functions that are "Fork: safe" without a condition. */
static void unconditional(const struct katacg_manager *manager) {
    struct katacg_error err = KATACG_ERROR_INIT;
    struct katacg_host *other;
    int32_t pids[8];
    char buf[8192];

    WORKS(katacg_path_is_systemd("a:b:c") - 1);
    WORKS(katacg_path_validate("/a/b", 0, buf, sizeof(buf), &err));
    WORKS(katacg_path_rename("/a/b", buf, sizeof(buf), &err));
    WORKS(katacg_slice_expand("a-b.slice", buf, sizeof(buf), &err));
    WORKS(katacg_cpu_validate("{\"shares\":5}", 12, buf, sizeof(buf), &err));
    if (katacg_path_validate("x", KATACG_PATH_SYSTEMD, NULL, 0, &err) != -EINVAL)
        fail("an error", 0, &err);
    WORKS(katacg_host_layout(host, &err));
    WORKS(katacg_host_controllers(host, buf, sizeof(buf), &err));
    WORKS(katacg_host_mountpoint(host, "memory", buf, sizeof(buf), &err));
    WORKS(katacg_manager_paths(manager, buf, sizeof(buf), &err));
    WORKS(katacg_manager_path(manager, "cpu", buf, sizeof(buf), &err));
    other = paper_host();
    katacg_host_free(other);
    if (!real)
        return;
    WORKS(katacg_host_open(&other, &err));
    katacg_host_free(other);
    WORKS(katacg_manager_pids(manager, pids, 8, &err));
    WORKS(katacg_manager_exists(manager, &err) - 1);
    WORKS(katacg_manager_read(manager, "cpu", "cpu.shares", buf, sizeof(buf), &err));
}

/* Calls functions that are safe when no other thread was in a call on the handle. */
static void conditional(const struct katacg_manager *manager) {
    struct katacg_error err = KATACG_ERROR_INIT;
    static char buf[8192];

    WORKS(katacg_manager_plan(manager, NULL, 0, 0, buf, sizeof(buf), &err));
    WORKS(katacg_manager_state(manager, buf, sizeof(buf), &err));
    if (!real)
        return;
    WORKS(katacg_manager_set(manager, "{\"pids\":{\"limit\":50}}", 21, &err));
    WORKS(katacg_manager_apply(manager, -1, KATACG_APPLY_SET, &err));
}

static void in_a_child(int frees) {
    int status = 0;
    pid_t child = fork();

    MUST(child >= 0);
    if (child == 0) {
        /* A lock that another thread held at the fork is never released in the child. */
        alarm(30);
        unconditional(shared);
        unconditional(quiet);
        conditional(quiet);
        if (frees) {
            katacg_manager_free(shared);
            katacg_manager_free(quiet);
            katacg_host_free(host);
        }
        _exit(0);
    }
    waitpid(child, &status, 0);
    CHECK(status == 0, "status %#x%s", (unsigned)status, status == SIGALRM ? ": it hangs" : "");
}

static void *busy(void *argument) {
    struct katacg_error err = KATACG_ERROR_INIT;
    char buf[8192];

    (void)argument;
    while (!stop) {
        struct katacg_host *other = paper_host();
        struct katacg_manager *manager = paper_manager(other);

        unconditional(shared);
        conditional(shared);
        if (katacg_manager_plan(manager, NULL, 0, 0, buf, sizeof(buf), &err) < 0)
            fail("plan", 0, &err);
        katacg_manager_free(manager);
        katacg_host_free(other);
    }
    return NULL;
}

static void *look_only(void *manager) {
    struct katacg_error err = KATACG_ERROR_INIT;

    while (!stop)
        if (katacg_manager_exists(manager, &err) != -ENOENT)
            fail("exists", 0, &err);
    return NULL;
}

/* The threads make one short call again and again, so that a fork often happens inside that call.
 */
static void short_calls_work_in_a_forked_child(void) {
    struct katacg_host *on = paper_host();
    struct katacg_manager *manager = paper_manager(on);
    pthread_t threads[BUSY / 2];
    unsigned long i, forks = divided(500);
    int status = 0;

    for (i = 0; i < BUSY / 2; i++)
        MUST(pthread_create(&threads[i], NULL, look_only, manager) == 0);
    for (i = 0; i < forks && status == 0; i++) {
        pid_t child = fork();

        MUST(child >= 0);
        if (child == 0) {
            alarm(10);
            _exit(katacg_manager_exists(manager, NULL) != -ENOENT);
        }
        waitpid(child, &status, 0);
    }
    CHECK(status == 0, "fork %lu: status %#x%s", i, (unsigned)status,
          status == SIGALRM ? ": it hangs" : "");
    stop = 1;
    for (i = 0; i < BUSY / 2; i++)
        pthread_join(threads[i], NULL);
    stop = 0;
    katacg_manager_free(manager);
    katacg_host_free(on);
}

static struct katacg_manager *new_manager(const char *cgroup) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;
    struct katacg_error err;

    opts.path = cgroup;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    CHECK(katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    if (real)
        CHECK(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0, "%s", err.message);
    return manager;
}

int main(void) {
    const char *why = no_v1();
    struct katacg_error err;
    pthread_t threads[BUSY];
    unsigned long i, forks = divided(300);

    real = !why;
    if (real)
        CHECK(katacg_host_open(&host, clear(&err)) == 0, "%s", err.message);
    else
        host = paper_host();
    shared = new_manager(test_cgroup("shared"));
    quiet = new_manager(test_cgroup("quiet"));
    in_a_child(1);
    short_calls_work_in_a_forked_child();

    for (i = 0; i < BUSY; i++)
        MUST(pthread_create(&threads[i], NULL, busy, NULL) == 0);
    for (i = 0; i < forks && check_failures < 3; i++)
        in_a_child(0);
    stop = 1;
    for (i = 0; i < BUSY; i++)
        pthread_join(threads[i], NULL);
    if (real) {
        CHECK(katacg_manager_destroy(shared, clear(&err)) == 0, "%s", err.message);
        CHECK(katacg_manager_destroy(quiet, clear(&err)) == 0, "%s", err.message);
    }
    katacg_manager_free(shared);
    katacg_manager_free(quiet);
    katacg_host_free(host);
    if (why && !check_failures) {
        printf("real cgroups: %s\n", why);
        return SKIPPED;
    }
    return finish();
}
