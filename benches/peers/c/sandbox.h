/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by libkatacg's C participants: the host, the manager and the resources. */
#ifndef BENCH_SANDBOX_H
#define BENCH_SANDBOX_H

#include "harness.h"

#include <katacg.h>

extern struct katacg_error sandbox_err;
extern struct katacg_host *sandbox_host;
extern struct katacg_manager *sandbox;

/* Ends the process with the library's message when a call has failed. */
void sandbox_check(const char *what, int result);

/* Opens one host for the whole process, and makes the resources as JSON. */
void sandbox_setup(const struct bench *bench);

/* Makes a manager of all hierarchies. flags: KATACG_MANAGER_*. */
void sandbox_new(const char *name, uint64_t flags);

/* Starts a child in the manager's cgroup on cgroup2. Returns 0 in the child, as fork does. */
int32_t sandbox_born(void);

void sandbox_destroy(const struct bench *bench, const char *name);

#endif
