/*
 * What both programs in C share: the life of one unit of systemd for each byte of standard input,
 * and a line of standard output for each: " PHASE WALL CPU" for each phase, in nanoseconds; CPU is
 * the program's own, all threads. So that whoever drives several of them has them take turns.
 */
#ifndef LAB_HARNESS_H
#define LAB_HARNESS_H

#include <stdint.h>

/* What start sets, and what set changes it to. MEMORY in bytes. */
struct limits {
    uint64_t shares, weight, quota, period, memory, pids;
    const char *cpus;
    uint8_t cpu_bits;
};
extern const struct limits lab_first, lab_second;

struct lab {
    /* A scope with a process in it, or a slice with nobody. */
    int slice, unified;
    /* -1: nobody */
    int32_t pid;
    /* NAME of labbench-NAME.scope or NAME.slice, and the whole. */
    char name[64], unit[96];
    /* Its cgroup, from the root of the hierarchies. */
    char cgroup[128];
};

/* Failure ends the process: half a cycle has no time. */
struct participant {
    void (*setup)(const struct lab *lab);
    /* Until the process is inside and limited by lab_first. */
    void (*start)(const struct lab *lab);
    /* To lab_second. */
    void (*set)(const struct lab *lab);
    /* Until the cgroup is gone. */
    void (*stop)(const struct lab *lab);
};

_Noreturn void lab_die(const char *what);

/* A file of the unit's cgroup; on v1 of that controller's. */
void lab_path(const struct lab *lab, const char *controller, const char *file, char *path,
              unsigned size);

/* argv: scope|slice [trace] */
int lab_main(int argc, char **argv, const struct participant *participant);

#endif
