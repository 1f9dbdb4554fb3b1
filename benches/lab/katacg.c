/* SPDX-License-Identifier: Apache-2.0 */
/* libkatacg, with one host and so one connection for the life of the process. */
#include "harness.h"

#include <katacg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The second program is built with KATACG_MANAGER_NO_ROLLBACK, which reads no old values. */
#ifndef FLAGS
#define FLAGS 0
#endif

static struct katacg_error err = KATACG_ERROR_INIT;
static struct katacg_host *host;
static struct katacg_manager *manager;
static char first[512], second[512];

static void check(const char *what, int result) {
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, err.message);
    exit(1);
}

static void json(char *text, size_t size, const struct limits *limits) {
    snprintf(text, size,
             "{\"cpu\":{\"shares\":%llu,\"quota\":%llu,\"period\":%llu,\"cpus\":\"%s\"},"
             "\"memory\":{\"limit\":%llu},\"pids\":{\"limit\":%llu}}",
             (unsigned long long)limits->shares, (unsigned long long)limits->quota,
             (unsigned long long)limits->period, limits->cpus, (unsigned long long)limits->memory,
             (unsigned long long)limits->pids);
}

static void setup(const struct lab *lab) {
    char limits[400];

    (void)lab;
    json(limits, sizeof(limits), &lab_first);
    snprintf(first, sizeof(first), "{\"resources\":%s}", limits);
    json(second, sizeof(second), &lab_second);
    check("host", katacg_host_open(&host, &err));
}

/* Prints the plan of apply, for whoever changes sdbus.c. */
static void show_plan(void) {
    char text[8192];

    check("plan", katacg_manager_plan(manager, NULL, 0, KATACG_PLAN_APPLY | KATACG_PLAN_TEXT, text,
                                      sizeof(text), &err));
    fprintf(stderr, "%s", text);
    check("plan", katacg_manager_plan(manager, second, strlen(second), KATACG_PLAN_TEXT, text,
                                      sizeof(text), &err));
    fprintf(stderr, "%s", text);
}

static void start(const struct lab *lab) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    char path[160];

    if (lab->slice)
        snprintf(path, sizeof(path), "::%s", lab->unit);
    else
        snprintf(path, sizeof(path), "system.slice:labbench:%s", lab->name);
    opts.path = path;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES | FLAGS;
    check("manager",
          katacg_manager_new(host, first, strlen(first), &opts, sizeof(opts), &manager, &err));
    if (getenv("SHOW_PLAN"))
        show_plan();
    check("apply", katacg_manager_apply(manager, lab->pid, KATACG_APPLY_SET, &err));
}

static void set(const struct lab *lab) {
    (void)lab;
    check("set", katacg_manager_set(manager, second, strlen(second), &err));
}

static void stop(const struct lab *lab) {
    (void)lab;
    check("destroy", katacg_manager_destroy(manager, &err));
    katacg_manager_free(manager);
}

int main(int argc, char **argv) {
    static const struct participant participant = {setup, start, set, stop};

    return lab_main(argc, argv, &participant);
}
