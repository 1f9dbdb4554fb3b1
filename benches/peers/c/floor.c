/*
 * The least that the kernel can be asked: 8 directories, 7 values, one process into 8 cgroups, 8
 * directories gone. 61 system calls. No library can do with fewer without leaving work out, so the
 * others are measured against this.
 */
#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int parents[SUBSYSTEMS];

static void setup(const struct bench *bench) {
    char path[512];

    for (int i = 0; i < SUBSYSTEMS; i++) {
        snprintf(path, sizeof(path), "%s/%s%s", bench->base, bench_subsystems[i], bench->parent);
        parents[i] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (parents[i] < 0)
            bench_die(path);
    }
}

static void put(int parent, const char *child, const char *file, const char *value) {
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", child, file);
    fd = openat(parent, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        bench_die(path);
    close(fd);
}

static void start(struct bench *bench, const char *name) {
    const char *child = strrchr(name, '/') + 1;
    enum { CPU = 0, CPUSET = 2, MEM = 3, PID = 7 };
    char pid[16];

    for (int i = 0; i < SUBSYSTEMS; i++)
        if (mkdirat(parents[i], child, 0755) < 0)
            bench_die("mkdirat");
    bench_phase("create");
    put(parents[CPU], child, "cpu.shares", SHARES);
    put(parents[CPU], child, "cpu.cfs_period_us", PERIOD);
    put(parents[CPU], child, "cpu.cfs_quota_us", QUOTA);
    put(parents[CPUSET], child, "cpuset.cpus", bench->cpus);
    put(parents[CPUSET], child, "cpuset.mems", bench->mems);
    put(parents[MEM], child, "memory.limit_in_bytes", MEMORY);
    put(parents[PID], child, "pids.max", PIDS);
    bench_phase("set");
    snprintf(pid, sizeof(pid), "%d", (int)bench->pid);
    for (int i = 0; i < SUBSYSTEMS; i++)
        put(parents[i], child, "cgroup.procs", pid);
    bench_phase("attach");
}

static void destroy(const struct bench *bench, const char *name) {
    (void)bench;
    for (int i = 0; i < SUBSYSTEMS; i++)
        if (unlinkat(parents[i], strrchr(name, '/') + 1, AT_REMOVEDIR) < 0)
            bench_die("unlinkat");
}

int main(int argc, char **argv) {
    static const struct participant floor = {.setup = setup, .start = start, .destroy = destroy};

    return bench_main(argc, argv, &floor);
}
