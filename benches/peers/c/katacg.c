/*
 * libkatacg from C, as a runtime uses it: one host for the life of the process, and for each
 * sandbox a manager from its resources, applied and set in one call. Mode "apart": create, set and
 * attach as a call each.
 */
#include "harness.h"

#include <katacg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct katacg_error err = KATACG_ERROR_INIT;
static struct katacg_host *host;
static struct katacg_manager *manager;
static char spec[512];
static int apart;

static void check(const char *what, int result) {
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, err.message);
    exit(1);
}

static void setup(const struct bench *bench) {
    snprintf(spec, sizeof(spec),
             "{\"resources\":{\"cpu\":{\"shares\":" SHARES ",\"quota\":" QUOTA ",\"period\":" PERIOD
             ",\"cpus\":\"%s\",\"mems\":\"%s\"},\"memory\":{\"limit\":" MEMORY
             "},\"pids\":{\"limit\":" PIDS "}}}",
             bench->cpus, bench->mems);
    apart = strcmp(bench->mode, "apart") == 0;
    check("host", katacg_host_open(&host, &err));
}

static void start(const struct bench *bench, const char *name) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;

    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    opts.path = name;
    opts.subsystems = "cpu,cpuacct,cpuset,memory,devices,freezer,blkio,pids";
    check("manager",
          katacg_manager_new(host, spec, strlen(spec), &opts, sizeof(opts), &manager, &err));
    if (!apart) {
        check("apply", katacg_manager_apply(manager, bench->pid, KATACG_APPLY_SET, &err));
        return;
    }
    check("create", katacg_manager_apply(manager, -1, 0, &err));
    bench_phase("create");
    check("set", katacg_manager_set(manager, NULL, 0, &err));
    bench_phase("set");
    check("attach", katacg_manager_apply(manager, bench->pid, 0, &err));
    bench_phase("attach");
}

static void destroy(const struct bench *bench, const char *name) {
    (void)bench;
    (void)name;
    check("destroy", katacg_manager_destroy(manager, &err));
    katacg_manager_free(manager);
}

int main(int argc, char **argv) {
    static const struct participant katacg = {setup, start, destroy};

    return bench_main(argc, argv, &katacg);
}
