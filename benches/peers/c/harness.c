/* SPDX-License-Identifier: Apache-2.0 */
/* See harness.h. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct record {
    const char *phase;
    uint64_t ns;
};

/* The results are printed at the end, because a write would disturb the next measurement. */
static struct record *records;
static size_t count, room;
static uint64_t last;
static int recording;

uint64_t bench_now(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

_Noreturn void bench_die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void record(const char *phase, uint64_t ns) {
    if (recording && count < room)
        records[count++] = (struct record){phase, ns};
}

void bench_phase_until(const char *name, uint64_t moment) {
    record(name, moment - last);
    last = moment;
}

void bench_phase(const char *name) {
    bench_phase_until(name, bench_now());
}

static pid_t sleeper(void) {
    pid_t parent = getpid(), child = fork();

    if (child < 0)
        bench_die("fork");
    if (child > 0)
        return child;
    /* The child must not outlive a participant that fails. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    execlp("sleep", "sleep", "infinity", (char *)NULL);
    _exit(1);
}

static void go_home(const struct bench *bench, const int *homes, const char *pid) {
    for (int i = 0; i < bench->version.hierarchies; i++)
        if (write(homes[i], pid, strlen(pid)) < 0)
            bench_die("move home");
}

static void expect(const struct bench *bench, const char *name, struct bench_file file) {
    char path[512], text[256];
    int fd;
    ssize_t length;

    snprintf(path, sizeof(path), "%s%s%s/%s", bench->base, bench->version.hierarchy[file.hierarchy],
             name, file.name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (length < 0)
        bench_die(path);
    close(fd);
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (strcmp(text, file.value) != 0) {
        fprintf(stderr, "%s is %s, not %s\n", path, text, file.value);
        exit(1);
    }
}

/* Ends the program when a cycle did not do all of the work. */
static void verify(const struct bench *bench, const char *name) {
    char pid[16];

    snprintf(pid, sizeof(pid), "%d", (int)bench->pid);
    for (int i = 0; i < bench->version.hierarchies; i++)
        expect(bench, name, (struct bench_file){i, "cgroup.procs", pid});
    for (int i = 0; i < bench->version.files; i++)
        expect(bench, name, bench->version.file[i]);
}

static void verify_gone(const struct bench *bench, const char *name) {
    char path[512];
    struct stat st;

    for (int i = 0; i < bench->version.hierarchies; i++) {
        snprintf(path, sizeof(path), "%s%s%s", bench->base, bench->version.hierarchy[i], name);
        if (stat(path, &st) == 0 || errno != ENOENT)
            bench_die(path);
    }
}

static void cycle(struct bench *bench, const struct participant *participant, const char *name,
                  const int *homes, const char *pid) {
    uint64_t begin, started, leave, end;

    begin = last = bench_now();
    bench->inside = 0;
    participant->start(bench, name);
    started = bench->inside ? bench->inside : bench_now();
    if (!recording)
        verify(bench, name);
    if (participant->leave)
        participant->leave(bench);
    else
        go_home(bench, homes, pid);
    leave = bench_now();
    participant->destroy(bench, name);
    end = bench_now();
    record("start", started - begin);
    record("destroy", end - leave);
    record("cycle", started - begin + end - leave);
    if (!recording)
        verify_gone(bench, name);
}

int bench_main(int argc, char **argv, const struct participant *participant) {
    struct bench bench;
    int homes[BENCH_HIERARCHIES], cycles, pause_us;
    char path[512], name[256], pid[16];
    pid_t own = getpid(), idle;

    if (argc < 7) {
        fprintf(stderr, "usage: %s BASE PARENT CPUS MEMS CYCLES PAUSE_MICROSECONDS [MODE]\n",
                argv[0]);
        return 2;
    }
    bench = (struct bench){
        .base = argv[1],
        .version = bench_version_of(argv[1], argv[3], argv[4]),
        .parent = argv[2],
        .cpus = argv[3],
        .mems = argv[4],
    };
    cycles = atoi(argv[5]);
    pause_us = atoi(argv[6]);
    room = (size_t)cycles * 8;
    records = malloc(room * sizeof(*records));
    if (!records)
        bench_die("malloc");

    bench.pid = idle = sleeper();
    snprintf(pid, sizeof(pid), "%d", (int)bench.pid);
    for (int i = 0; i < bench.version.hierarchies; i++) {
        snprintf(path, sizeof(path), "%s%s%s/home/cgroup.procs", bench.base,
                 bench.version.hierarchy[i], bench.parent);
        homes[i] = open(path, O_WRONLY | O_CLOEXEC);
        if (homes[i] < 0)
            bench_die(path);
    }
    go_home(&bench, homes, pid);
    if (participant->setup)
        participant->setup(&bench);

    /* The first cycle fills caches and is checked. It is not counted. */
    for (int n = 0; n <= cycles; n++) {
        if (participant->prepare)
            participant->prepare(&bench);
        if (pause_us)
            usleep((useconds_t)pause_us);
        recording = n > 0;
        snprintf(name, sizeof(name), "%s/%d-%d", bench.parent, (int)own, n);
        cycle(&bench, participant, name, homes, pid);
    }
    for (size_t i = 0; i < count; i++)
        printf("%s %llu\n", records[i].phase, (unsigned long long)records[i].ns);
    kill(idle, SIGKILL);
    waitpid(idle, NULL, 0);
    return 0;
}
