/* SPDX-License-Identifier: Apache-2.0 */
/* The hierarchies and values of the life cycle, on v1 and on v2. */
#ifndef BENCH_VERSION_H
#define BENCH_VERSION_H

#define SHARES "2048"
/* The v2 value for shares. */
#define WEIGHT "174"
#define QUOTA "150000"
#define PERIOD "100000"
#define MEMORY "268435456"
#define PIDS "512"

enum { BENCH_HIERARCHIES = 8, BENCH_FILES = 7 };

/* A file and its value. */
struct bench_file {
    /* The index of the file's hierarchy. */
    int hierarchy;
    const char *name, *value;
};

struct bench_version {
    int unified;
    /* The directory of each hierarchy, relative to the base. */
    int hierarchies;
    const char *hierarchy[BENCH_HIERARCHIES];
    /* The files, in an order that the kernel accepts. */
    int files;
    struct bench_file file[BENCH_FILES];
};

/* base: the cgroup2 mount, or a directory of v1 hierarchies that are named like their subsystems.
 */
struct bench_version bench_version_of(const char *base, const char *cpus, const char *mems);

#endif
