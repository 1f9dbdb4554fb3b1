/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forks while another thread is inside the library, at each of its memory allocations in turn. A
 * lock that the thread holds at such a moment would hang the child. A fork at a random moment would
 * find that once in ten thousand runs.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static pthread_t worker;
static volatile int armed;
static volatile long left;
static int reached[2], go_on[2];

/* Stops the worker at its N-th allocation until the main thread has forked. */
static void allocation(void) {
    char byte;

    if (!armed || !pthread_equal(pthread_self(), worker) || --left != 0)
        return;
    armed = 0;
    if (write(reached[1], "x", 1) != 1 || read(go_on[0], &byte, 1) != 1)
        abort();
}

void *malloc(size_t size) {
    allocation();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocation();
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    allocation();
    return __libc_realloc(old, size);
}

/* Uses the library for the first time in this process. */
static void *use(void *host) {
    struct katacg_error err = KATACG_ERROR_INIT;
    struct katacg_manager *manager;
    char buf[8192];

    (void)host;
    worker = pthread_self();
    armed = 1;
    if (katacg_path_validate("/a/b", 0, buf, sizeof(buf), &err) < 0 ||
        katacg_path_is_systemd("a:b:c") != 1 ||
        katacg_cpu_validate("{\"shares\":7}", 12, buf, sizeof(buf), &err) < 0)
        abort();
    host = paper_host();
    manager = paper_manager(host);
    if (katacg_manager_paths(manager, buf, sizeof(buf), &err) < 0 ||
        katacg_manager_exists(manager, &err) != -ENOENT)
        abort();
    katacg_manager_free(manager);
    katacg_host_free(host);
    if (armed) {
        armed = 0;
        /* The worker has fewer allocations than N, so the series ends. */
        if (write(reached[1], "e", 1) != 1)
            abort();
    }
    return NULL;
}

/* Calls functions that are "Fork: safe" without a condition, on handles of the child. */
static int in_the_child(void) {
    struct katacg_error err = KATACG_ERROR_INIT;
    struct katacg_manager *manager;
    struct katacg_host *host;
    char buf[8192];
    int ok;

    alarm(5);
    ok = katacg_path_validate("/a/b", 0, buf, sizeof(buf), &err) > 0;
    ok &= katacg_path_is_systemd("a:b:c") == 1;
    ok &= katacg_cpu_validate("{\"shares\":7}", 12, buf, sizeof(buf), &err) > 0;
    host = paper_host();
    manager = paper_manager(host);
    ok &= katacg_manager_paths(manager, buf, sizeof(buf), &err) > 0;
    ok &= katacg_manager_exists(manager, &err) == -ENOENT;
    katacg_manager_free(manager);
    katacg_host_free(host);
    return ok ? 0 : 1;
}

/*
 * Forks at the worker's N-th allocation, in a process that has not used the library yet. Returns 2
 * when the worker has fewer allocations.
 */
static int at(long point) {
    pthread_t thread;
    int status;
    pid_t child;
    char what;

    alarm(60);
    left = point;
    MUST(pipe(reached) == 0 && pipe(go_on) == 0);
    MUST(pthread_create(&thread, NULL, use, NULL) == 0);
    MUST(read(reached[0], &what, 1) == 1);
    if (what == 'e')
        return 2;
    child = fork();
    MUST(child >= 0);
    if (child == 0)
        _exit(in_the_child());
    MUST(waitpid(child, &status, 0) == child);
    MUST(write(go_on[1], "x", 1) == 1);
    pthread_join(thread, NULL);
    if (status != 0)
        printf("forked at allocation %ld: %s\n", point,
               WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "the child hangs"
                                                                  : "the child fails");
    fflush(stdout);
    return status != 0;
}

int main(void) {
    long point, hangs = 0;
    int status = 0;

    for (point = 1; point < 2000 && hangs < 3; point++) {
        pid_t child = fork();

        MUST(child >= 0);
        if (child == 0)
            _exit(at(point));
        MUST(waitpid(child, &status, 0) == child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
            break;
        CHECK(status == 0, "allocation %ld", point);
        hangs += status != 0;
    }
    printf("%ld allocations\n", point - 1);
    CHECK(point > 20 || hangs, "the program did not see the allocations");
    return finish();
}
