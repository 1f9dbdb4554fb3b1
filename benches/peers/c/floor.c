/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest number of system calls that does the work. On v1 these are 61: create 8 directories,
 * write 7 values, move one process into 8 cgroups, remove 8 directories. On v2 they are 23: one
 * directory, 6 values, one process. A library with fewer calls would omit work, so the report
 * compares all others with this program.
 */
#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int parents[BENCH_HIERARCHIES];

static void setup(const struct bench *bench) {
    char path[512];

    for (int i = 0; i < bench->version.hierarchies; i++) {
        snprintf(path, sizeof(path), "%s%s%s", bench->base, bench->version.hierarchy[i],
                 bench->parent);
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
    const struct bench_version *version = &bench->version;
    const char *child = strrchr(name, '/') + 1;
    char pid[16];

    for (int i = 0; i < version->hierarchies; i++)
        if (mkdirat(parents[i], child, 0755) < 0)
            bench_die("mkdirat");
    bench_phase("create");
    for (const struct bench_file *f = version->file; f < version->file + version->files; f++)
        put(parents[f->hierarchy], child, f->name, f->value);
    bench_phase("set");
    snprintf(pid, sizeof(pid), "%d", (int)bench->pid);
    for (int i = 0; i < version->hierarchies; i++)
        put(parents[i], child, "cgroup.procs", pid);
    bench_phase("attach");
}

static void destroy(const struct bench *bench, const char *name) {
    for (int i = 0; i < bench->version.hierarchies; i++)
        if (unlinkat(parents[i], strrchr(name, '/') + 1, AT_REMOVEDIR) < 0)
            bench_die("unlinkat");
}

int main(int argc, char **argv) {
    static const struct participant floor = {.setup = setup, .start = start, .destroy = destroy};

    return bench_main(argc, argv, &floor);
}
