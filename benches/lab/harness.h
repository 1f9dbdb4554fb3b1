/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by both C programs. For each byte of standard input, a program runs the life cycle of one
 * systemd unit, and prints one line with " PHASE WALL CPU" for each phase. Times are in
 * nanoseconds; CPU is the time of all threads of the program. So `report drive` can let programs
 * take turns.
 */
#ifndef LAB_HARNESS_H
#define LAB_HARNESS_H

#include <stdint.h>

/* The limits of start, and the limits of set. MEMORY is in bytes. */
struct limits {
    uint64_t shares, weight, quota, period, memory, pids;
    const char *cpus;
    uint8_t cpu_bits;
};
extern const struct limits lab_first, lab_second;

struct lab {
    /* A scope has a process in it, a slice has none. */
    int slice, unified;
    /* -1 without a process. */
    int32_t pid;
    /* NAME of labbench-NAME.scope or NAME.slice, and the unit's full name. */
    char name[64], unit[96];
    /* The unit's cgroup, from the root of the hierarchies. */
    char cgroup[128];
};

/* A failure ends the process. */
struct participant {
    void (*setup)(const struct lab *lab);
    /* Returns when the process is inside, with the limits lab_first. */
    void (*start)(const struct lab *lab);
    /* Sets the limits lab_second. */
    void (*set)(const struct lab *lab);
    /* Returns when the cgroup is gone. */
    void (*stop)(const struct lab *lab);
};

_Noreturn void lab_die(const char *what);

/* Returns the path of a file of the unit's cgroup, on v1 in the controller's hierarchy. */
void lab_path(const struct lab *lab, const char *controller, const char *file, char *path,
              unsigned size);

/* argv: scope|slice [trace] */
int lab_main(int argc, char **argv, const struct participant *participant);

#endif
