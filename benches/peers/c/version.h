/* What the life of a sandbox's cgroup is made of, on v1 and on v2. */
#ifndef BENCH_VERSION_H
#define BENCH_VERSION_H

#define SHARES "2048"
/* What the shares are on v2. */
#define WEIGHT "174"
#define QUOTA "150000"
#define PERIOD "100000"
#define MEMORY "268435456"
#define PIDS "512"

enum { BENCH_HIERARCHIES = 8, BENCH_FILES = 7 };

/* A file, and what is to stand in it. */
struct bench_file {
    /* Which of the hierarchies it is in. */
    int hierarchy;
    const char *name, *value;
};

struct bench_version {
    int unified;
    /* Each one's directory, to come after the base. */
    int hierarchies;
    const char *hierarchy[BENCH_HIERARCHIES];
    /* In an order in which the kernel takes them. */
    int files;
    struct bench_file file[BENCH_FILES];
};

/* base: the cgroup2 mount, or a directory of v1 hierarchies that are called as their subsystems. */
struct bench_version bench_version_of(const char *base, const char *cpus, const char *mems);

#endif
