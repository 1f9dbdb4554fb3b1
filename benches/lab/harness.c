/* SPDX-License-Identifier: Apache-2.0 */
/* See harness.h. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* weight is the v2 value for shares. */
const struct limits lab_first = {2048, 174, 150000, 100000, 256 << 20, 512, "0-1", 3};
const struct limits lab_second = {1024, 100, 100000, 100000, 512 << 20, 256, "0", 1};

static int tracing;

_Noreturn void lab_die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t clock_of(clockid_t id) {
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void lab_path(const struct lab *lab, const char *controller, const char *file, char *path,
              unsigned size) {
    const char *between = lab->unified ? "" : controller;

    snprintf(path, size, "/sys/fs/cgroup/%s%s/%s", between, lab->cgroup, file);
}

static void expect(const struct lab *lab, const char *controller, const char *file,
                   const char *wanted) {
    char path[256], text[64] = "";
    FILE *f;

    lab_path(lab, controller, file, path, sizeof(path));
    f = fopen(path, "re");
    if (!f)
        lab_die(path);
    if (fgets(text, sizeof(text), f))
        text[strcspn(text, "\n")] = '\0';
    fclose(f);
    if (strcmp(text, wanted) != 0) {
        fprintf(stderr, "%s is %s, not %s\n", path, text, wanted);
        exit(1);
    }
}

static void expect_number(const struct lab *lab, const char *controller, const char *file,
                          uint64_t wanted) {
    char text[32];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)wanted);
    expect(lab, controller, file, text);
}

/* Ends the program when a cycle did not do all of the work. */
static void verify(const struct lab *lab, const struct limits *limits) {
    char text[64];

    if (lab->unified) {
        snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)limits->quota,
                 (unsigned long long)limits->period);
        expect(lab, "", "cpu.max", text);
        expect_number(lab, "", "cpu.weight", limits->weight);
        expect_number(lab, "", "memory.max", limits->memory);
    } else {
        expect_number(lab, "cpu", "cpu.cfs_quota_us", limits->quota);
        expect_number(lab, "cpu", "cpu.shares", limits->shares);
        expect_number(lab, "memory", "memory.limit_in_bytes", limits->memory);
    }
    expect(lab, "cpuset", "cpuset.cpus", limits->cpus);
    expect_number(lab, "pids", "pids.max", limits->pids);
    if (lab->pid > 0) {
        expect_number(lab, "memory", "cgroup.procs", (uint64_t)lab->pid);
        expect_number(lab, "freezer", "cgroup.procs", (uint64_t)lab->pid);
    }
}

static void verify_gone(const struct lab *lab) {
    const char *const controllers[] = {"cpu", "cpuset", "memory", "freezer", "systemd"};
    struct stat st;
    char path[256];

    for (size_t i = 0; i < sizeof(controllers) / sizeof(*controllers); i++) {
        lab_path(lab, controllers[i], "", path, sizeof(path));
        if (stat(path, &st) == 0 || errno != ENOENT)
            lab_die(path);
    }
}

static pid_t sleeper(void) {
    pid_t parent = getpid(), child = fork();

    if (child < 0)
        lab_die("fork");
    if (child > 0)
        return child;
    /* The child must not outlive a program that fails. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    for (;;)
        pause();
}

/* Marks the beginning of a phase in a trace, by an access to a missing file. */
static void mark(const char *phase) {
    char path[32];

    if (!tracing)
        return;
    snprintf(path, sizeof(path), "/phase/%s", phase);
    if (access(path, F_OK) == 0)
        exit(1);
}

static void timed(const char *phase, void (*act)(const struct lab *), const struct lab *lab) {
    uint64_t wall, cpu;

    /* systemd works on after its answer. The pause keeps that work out of the next call's time. */
    usleep(tracing ? 1000000 : 150000);
    mark(phase);
    cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    wall = clock_of(CLOCK_MONOTONIC);
    act(lab);
    wall = clock_of(CLOCK_MONOTONIC) - wall;
    cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    mark("between");
    printf(" %s %llu %llu", phase, (unsigned long long)wall, (unsigned long long)cpu);
}

static void cycle(struct lab *lab, const struct participant *participant, int n) {
    snprintf(lab->name, sizeof(lab->name), "%d_%d", (int)getpid(), n);
    if (lab->slice) {
        snprintf(lab->unit, sizeof(lab->unit), "labbench%s.slice", lab->name);
        snprintf(lab->cgroup, sizeof(lab->cgroup), "/%s", lab->unit);
    } else {
        snprintf(lab->unit, sizeof(lab->unit), "labbench-%s.scope", lab->name);
        snprintf(lab->cgroup, sizeof(lab->cgroup), "/system.slice/%s", lab->unit);
        lab->pid = sleeper();
    }
    timed("start", participant->start, lab);
    if (n == 0)
        verify(lab, &lab_first);
    timed("set", participant->set, lab);
    if (n == 0)
        verify(lab, &lab_second);
    if (lab->pid > 0) {
        kill(lab->pid, SIGKILL);
        waitpid(lab->pid, NULL, 0);
    }
    timed("stop", participant->stop, lab);
    if (n == 0)
        verify_gone(lab);
}

int lab_main(int argc, char **argv, const struct participant *participant) {
    struct lab lab = {.pid = -1};
    struct stat st;
    int c;

    if (argc < 2) {
        fprintf(stderr, "usage: %s scope|slice [trace]\n", argv[0]);
        return 2;
    }
    lab.slice = strcmp(argv[1], "slice") == 0;
    lab.unified = stat("/sys/fs/cgroup/cgroup.controllers", &st) == 0;
    participant->setup(&lab);
    for (int n = 0; (c = getchar()) != EOF; n++) {
        /* The first cycle connects, fills caches, and is checked. It is not counted. */
        tracing = n > 0 && argc > 2;
        cycle(&lab, participant, n);
        putchar('\n');
        fflush(stdout);
    }
    return 0;
}
