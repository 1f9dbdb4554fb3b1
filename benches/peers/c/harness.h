/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by all C participants. A participant runs the life cycle of a cgroup repeatedly, and
 * prints a line "PHASE NANOSECONDS" for each phase of each cycle. No phase includes the program's
 * start.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include "version.h"

#include <stdint.h>

/* The base directory, the parent cgroup and the process of a benchmark. */
struct bench {
    /* The directory that holds the hierarchies. */
    const char *base;
    struct bench_version version;
    /* An existing cgroup "/name" in all hierarchies, with a child "home" for idle processes. */
    const char *parent;
    /* The CPUs and memory nodes of the parent's cpuset. */
    const char *cpus, *mems;
    /* The process to move in; a participant may replace it. */
    int32_t pid;
    /* When the process was inside with its limits, if start returns later than that; else 0. */
    uint64_t inside;
};

/* The functions of a participant. The cgroup's name is "/parent/child". A failure ends the process.
 */
struct participant {
    void (*setup)(const struct bench *bench);
    /* Runs before each cycle and its pause, and does not count. May be NULL. */
    void (*prepare)(struct bench *bench);
    /* Returns when the process is inside with its limits. */
    void (*start)(struct bench *bench, const char *name);
    /* Takes the process out of the cgroup, and does not count. NULL moves the process home. */
    void (*leave)(struct bench *bench);
    void (*destroy)(const struct bench *bench, const char *name);
};

/* Called in start: ends a phase that began with the last call, or with start. */
void bench_phase(const char *name);
/* The same, with the end of the phase as a result of bench_now. */
void bench_phase_until(const char *name, uint64_t moment);

/* Returns CLOCK_MONOTONIC in nanoseconds. */
uint64_t bench_now(void);

_Noreturn void bench_die(const char *what);

/* argv: BASE PARENT CPUS MEMS CYCLES PAUSE_MICROSECONDS [MODE] */
int bench_main(int argc, char **argv, const struct participant *participant);

#endif
