/* SPDX-License-Identifier: Apache-2.0 */
/* See version.h. */
#include "version.h"

#include <stdio.h>
#include <unistd.h>

static struct bench_version v1(const char *cpus, const char *mems) {
    enum { CPU, CPUACCT, CPUSET, MEM, DEVICES, FREEZER, BLKIO, PID, COUNT };

    return (struct bench_version){
        .hierarchies = COUNT,
        .hierarchy = {"/cpu", "/cpuacct", "/cpuset", "/memory", "/devices", "/freezer", "/blkio",
                      "/pids"},
        .files = 7,
        .file = {{CPU, "cpu.shares", SHARES},
                 {CPU, "cpu.cfs_period_us", PERIOD},
                 {CPU, "cpu.cfs_quota_us", QUOTA},
                 {CPUSET, "cpuset.cpus", cpus},
                 {CPUSET, "cpuset.mems", mems},
                 {MEM, "memory.limit_in_bytes", MEMORY},
                 {PID, "pids.max", PIDS}},
    };
}

static struct bench_version v2(const char *cpus, const char *mems) {
    return (struct bench_version){
        .unified = 1,
        .hierarchies = 1,
        .hierarchy = {""},
        .files = 6,
        .file = {{0, "cpu.weight", WEIGHT},
                 {0, "cpu.max", QUOTA " " PERIOD},
                 {0, "cpuset.cpus", cpus},
                 {0, "cpuset.mems", mems},
                 {0, "memory.max", MEMORY},
                 {0, "pids.max", PIDS}},
    };
}

struct bench_version bench_version_of(const char *base, const char *cpus, const char *mems) {
    char path[512];

    snprintf(path, sizeof(path), "%s/cgroup.controllers", base);
    return access(path, F_OK) == 0 ? v2(cpus, mems) : v1(cpus, mems);
}
