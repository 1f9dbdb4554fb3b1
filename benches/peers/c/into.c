/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings a process into a cgroup2 cgroup in three ways, cold and in turn. Prints "NAME NANOSECONDS"
 * for each cycle of each way. Arguments: CGROUP (below the cgroup2 mount) DIRECTORY (the same, as a
 * path) CYCLES PAUSE_MICROSECONDS.
 *
 *   v2-born     clone3 with CLONE_INTO_CGROUP and the library's descriptor
 *   v2-moved    fork, and the child's id written to cgroup.procs
 *   v2-library  fork, and the child moved by the library
 *
 * All times include making the child and opening the cgroup's descriptors.
 */
#include "sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *directory;

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
    return parent_or_wait(sandbox_born());
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

    sandbox_check("add", katacg_manager_add(sandbox, &child, 1, 0, NULL, &sandbox_err));
    return child;
}

/* Ends the program when the child is not in the cgroup. */
static void verify(pid_t child) {
    int32_t pids[2];

    sandbox_check("pids", katacg_manager_pids(sandbox, pids, 2, &sandbox_err));
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
    useconds_t pause_us;
    int cycles;

    if (argc < 5) {
        fprintf(stderr, "usage: %s CGROUP DIRECTORY CYCLES PAUSE_MICROSECONDS\n", argv[0]);
        return 2;
    }
    directory = argv[2];
    cycles = atoi(argv[3]);
    pause_us = (useconds_t)atoi(argv[4]);
    /* The cgroup exists only in cgroup2, so the manager joins only cgroup2. */
    opts.flags = KATACG_MANAGER_SKIP_DEVICES | KATACG_MANAGER_EXISTING;
    opts.path = argv[1];
    sandbox_check("host", katacg_host_open(&sandbox_host, &sandbox_err));
    sandbox_check("manager", katacg_manager_new(sandbox_host, NULL, 0, &opts, sizeof(opts),
                                                &sandbox, &sandbox_err));
    /* The first cycle of each way is not counted. */
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
    katacg_manager_free(sandbox);
    katacg_host_free(sandbox_host);
    return 0;
}
