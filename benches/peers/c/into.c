/*
 * A process in a cgroup2 cgroup, cold, in three ways; prints "NAME NANOSECONDS" for each cycle of
 * each, in turn. Arguments: CGROUP (below the cgroup2 mount) DIRECTORY (the same, as a path) CYCLES
 * PAUSE_MICROSECONDS.
 *
 *   v2-born     clone3 with CLONE_INTO_CGROUP and the library's descriptor
 *   v2-moved    fork, and the child's id written to cgroup.procs
 *   v2-library  fork, and the child moved by the library
 *
 * Making the child is in all of them, opening the cgroup's descriptors too.
 */
#include "harness.h"

#include <fcntl.h>
#include <katacg.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct katacg_error err = KATACG_ERROR_INIT;
static struct katacg_manager *manager;
static const char *directory;

static void check(const char *what, int result) {
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, err.message);
    exit(1);
}

static pid_t parent_or_wait(pid_t child) {
    if (child < 0)
        bench_die("child");
    if (child > 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

static pid_t born(void) {
    int fd = katacg_manager_dirfd(manager, &err);
    struct clone_args arguments = {
        .flags = CLONE_INTO_CGROUP,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)fd,
    };
    pid_t child;

    check("dirfd", fd);
    child = parent_or_wait((pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments)));
    close(fd);
    return child;
}

static pid_t moved(void) {
    pid_t child = parent_or_wait(fork());
    char path[512], pid[16];
    int fd, length = snprintf(pid, sizeof(pid), "%d", (int)child);

    snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, pid, (size_t)length) != length)
        bench_die(path);
    close(fd);
    return child;
}

static pid_t by_library(void) {
    pid_t child = parent_or_wait(fork());

    check("add", katacg_manager_add(manager, &child, 1, 0, NULL, &err));
    return child;
}

/* What did not end up in the cgroup has no time. */
static void verify(pid_t child) {
    int32_t pids[2];

    check("pids", katacg_manager_pids(manager, pids, 2, &err));
    if (pids[0] != child) {
        fprintf(stderr, "%d is not inside\n", (int)child);
        exit(1);
    }
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        pid_t (*start)(void);
    } ways[] = {{"v2-born", born}, {"v2-moved", moved}, {"v2-library", by_library}};
    enum { WAYS = sizeof(ways) / sizeof(ways[0]) };
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_host *host;
    useconds_t pause_us;
    int cycles;

    if (argc < 5) {
        fprintf(stderr, "usage: %s CGROUP DIRECTORY CYCLES PAUSE_MICROSECONDS\n", argv[0]);
        return 2;
    }
    directory = argv[2];
    cycles = atoi(argv[3]);
    pause_us = (useconds_t)atoi(argv[4]);
    /* It is there in cgroup2 alone, so that is what the manager joins. */
    opts.flags = KATACG_MANAGER_SKIP_DEVICES | KATACG_MANAGER_EXISTING;
    opts.path = argv[1];
    check("host", katacg_host_open(&host, &err));
    check("manager", katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &manager, &err));
    /* The first cycle of each is not counted. */
    for (int n = 0; n < (cycles + 1) * WAYS; n++) {
        uint64_t begin, end;
        pid_t child;

        usleep(pause_us);
        begin = bench_now();
        child = ways[n % WAYS].start();
        end = bench_now();
        verify(child);
        if (n >= WAYS)
            printf("%s %llu\n", ways[n % WAYS].name, (unsigned long long)(end - begin));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    katacg_manager_free(manager);
    katacg_host_free(host);
    return 0;
}
