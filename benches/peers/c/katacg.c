/*
 * libkatacg from C, as a runtime uses it: one host for the life of the process, and for each
 * sandbox a manager from its resources, applied and set in one call. Mode "apart": create, set and
 * attach as a call each, and a failed set not undone. Mode "self": the process is a new child,
 * which joins by itself before it would exec; making the child is part of start.
 */
#include "harness.h"

#include <fcntl.h>
#include <katacg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct katacg_error err = KATACG_ERROR_INIT;
static struct katacg_host *host;
static struct katacg_manager *manager;
static char spec[512];
static int joined[2];

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
    if (pipe2(joined, O_CLOEXEC) < 0)
        bench_die("pipe2");
    check("host", katacg_host_open(&host, &err));
}

static void start_apart(const struct bench *bench) {
    check("create", katacg_manager_apply(manager, -1, 0, &err));
    bench_phase("create");
    check("set", katacg_manager_set(manager, NULL, 0, &err));
    bench_phase("set");
    check("attach", katacg_manager_add(manager, &bench->pid, 1, 0, NULL, &err));
    bench_phase("attach");
}

static _Noreturn void child(const struct katacg_attach *attach) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (katacg_attach_self(attach) < 0 || write(joined[1], "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void start_self(struct bench *bench) {
    struct katacg_attach attach;
    char byte;

    check("create", katacg_manager_apply(manager, -1, KATACG_APPLY_SET, &err));
    check("open", katacg_attach_open(manager, KATACG_ATTACH_V1_ONLY, &attach, &err));
    bench_phase("create+set");
    bench->pid = fork();
    if (bench->pid == 0)
        child(&attach);
    if (bench->pid < 0 || read(joined[0], &byte, 1) != 1)
        bench_die("child");
    katacg_attach_close(&attach);
    bench_phase("attach");
}

static void start(struct bench *bench, const char *name) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;

    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    /* As the peers do it, so that the phases compare. */
    if (strcmp(bench->mode, "apart") == 0)
        opts.flags |= KATACG_MANAGER_NO_ROLLBACK;
    opts.path = name;
    opts.subsystems = "cpu,cpuacct,cpuset,memory,devices,freezer,blkio,pids";
    check("manager",
          katacg_manager_new(host, spec, strlen(spec), &opts, sizeof(opts), &manager, &err));
    if (strcmp(bench->mode, "apart") == 0)
        start_apart(bench);
    else if (strcmp(bench->mode, "self") == 0)
        start_self(bench);
    else
        check("apply", katacg_manager_apply(manager, bench->pid, KATACG_APPLY_SET, &err));
}

static void leave_self(struct bench *bench) {
    kill(bench->pid, SIGKILL);
    waitpid(bench->pid, NULL, 0);
}

static void destroy(const struct bench *bench, const char *name) {
    (void)bench;
    (void)name;
    check("destroy", katacg_manager_destroy(manager, &err));
    katacg_manager_free(manager);
}

int main(int argc, char **argv) {
    static const struct participant moved = {setup, start, NULL, destroy};
    static const struct participant self = {setup, start, leave_self, destroy};
    int by_itself = argc > 7 && strcmp(argv[7], "self") == 0;

    return bench_main(argc, argv, by_itself ? &self : &moved);
}
