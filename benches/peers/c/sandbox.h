/* What the participants of libkatacg in C share: its host, its manager, and the resources. */
#ifndef BENCH_SANDBOX_H
#define BENCH_SANDBOX_H

#include "harness.h"

#include <katacg.h>

extern struct katacg_error sandbox_err;
extern struct katacg_host *sandbox_host;
extern struct katacg_manager *sandbox;

/* Ends the process with the library's message when a result is a failure. */
void sandbox_check(const char *what, int result);

/* One host for the life of the process, and the resources as JSON. */
void sandbox_setup(const struct bench *bench);

/* A new manager of all the hierarchies. flags: KATACG_MANAGER_*. */
void sandbox_new(const char *name, uint64_t flags);

/* A child that is born in the manager's cgroup, on cgroup2: 0 in the child. */
int32_t sandbox_born(void);

void sandbox_destroy(const struct bench *bench, const char *name);

#endif
