/* SPDX-License-Identifier: Apache-2.0 */
/* See sandbox.h. */
#include "sandbox.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct katacg_error sandbox_err = KATACG_ERROR_INIT;
struct katacg_host *sandbox_host;
struct katacg_manager *sandbox;
static char spec[512];

void sandbox_check(const char *what, int result) {
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, sandbox_err.message);
    exit(1);
}

void sandbox_setup(const struct bench *bench) {
    snprintf(spec, sizeof(spec),
             "{\"resources\":{\"cpu\":{\"shares\":" SHARES ",\"quota\":" QUOTA ",\"period\":" PERIOD
             ",\"cpus\":\"%s\",\"mems\":\"%s\"},\"memory\":{\"limit\":" MEMORY
             "},\"pids\":{\"limit\":" PIDS "}}}",
             bench->cpus, bench->mems);
    sandbox_check("host", katacg_host_open(&sandbox_host, &sandbox_err));
}

void sandbox_new(const char *name, uint64_t flags) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;

    opts.flags = KATACG_MANAGER_SKIP_DEVICES | flags;
    opts.path = name;
    /* v2 ignores subsystems. */
    opts.subsystems = "cpu,cpuacct,cpuset,memory,devices,freezer,blkio,pids";
    sandbox_check("manager", katacg_manager_new(sandbox_host, spec, strlen(spec), &opts,
                                                sizeof(opts), &sandbox, &sandbox_err));
}

int32_t sandbox_born(void) {
    int fd = katacg_manager_dirfd(sandbox, &sandbox_err);
    struct clone_args arguments = {
        .flags = CLONE_INTO_CGROUP,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)fd,
    };
    int32_t child;

    sandbox_check("dirfd", fd);
    child = (int32_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (child < 0)
        bench_die("clone3");
    if (child > 0)
        close(fd);
    return child;
}

void sandbox_destroy(const struct bench *bench, const char *name) {
    (void)bench;
    (void)name;
    sandbox_check("destroy", katacg_manager_destroy(sandbox, &sandbox_err));
    katacg_manager_free(sandbox);
}
