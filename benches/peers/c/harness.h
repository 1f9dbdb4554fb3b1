/*
 * What every participant in C shares. A participant goes through the life of one cgroup again and
 * again and says on standard output how long each part took: a line "PHASE NANOSECONDS" for each
 * part of each cycle. Its own start-up is in none of them.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include "version.h"

#include <stdint.h>

/* Where to work, and with whom. */
struct bench {
    /* The directory of the hierarchies. */
    const char *base;
    struct bench_version version;
    /* A cgroup that is there in all of them, "/name", with a child "home" for idle processes. */
    const char *parent;
    /* What the parent's cpuset has. */
    const char *cpus, *mems;
    /* The process that is moved in; a participant may put another one here. */
    int32_t pid;
    /* When it was inside and limited, where start returns later than that; 0: when it returns. */
    uint64_t inside;
};

/* The cgroup's name is "/parent/child". Failure ends the process: half a cycle has no time. */
struct participant {
    void (*setup)(const struct bench *bench);
    /* Before each cycle and the pause before it, not counted. May be NULL. */
    void (*prepare)(struct bench *bench);
    /* Everything until the process is inside and limited. */
    void (*start)(struct bench *bench, const char *name);
    /* Gets the process out again, which is not counted. NULL: it is moved home. */
    void (*leave)(struct bench *bench);
    void (*destroy)(const struct bench *bench, const char *name);
};

/* Within start: what was done since the last one, or since start began, is this phase. */
void bench_phase(const char *name);
/* The same, until a moment that bench_now told. */
void bench_phase_until(const char *name, uint64_t moment);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t bench_now(void);

_Noreturn void bench_die(const char *what);

/* argv: BASE PARENT CPUS MEMS CYCLES PAUSE_MICROSECONDS [MODE] */
int bench_main(int argc, char **argv, const struct participant *participant);

#endif
