/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libkatacg from C, as a runtime uses it: one host for the whole process, and for each sandbox a
 * manager that applies and sets in one call. Mode "apart" makes one call each for create, set and
 * attach, and does not restore old values after a failed set.
 */
#include "sandbox.h"

#include <string.h>

static void start(struct bench *bench, const char *name) {
    sandbox_new(name, 0);
    sandbox_check("apply",
                  katacg_manager_apply(sandbox, bench->pid, KATACG_APPLY_SET, &sandbox_err));
}

static void start_apart(struct bench *bench, const char *name) {
    /* The peers do not restore old values either, so the phases can be compared. */
    sandbox_new(name, KATACG_MANAGER_NO_ROLLBACK);
    sandbox_check("create", katacg_manager_apply(sandbox, -1, 0, &sandbox_err));
    bench_phase("create");
    sandbox_check("set", katacg_manager_set(sandbox, NULL, 0, &sandbox_err));
    bench_phase("set");
    sandbox_check("attach", katacg_manager_add(sandbox, &bench->pid, 1, 0, NULL, &sandbox_err));
    bench_phase("attach");
}

int main(int argc, char **argv) {
    struct participant participant = {
        .setup = sandbox_setup, .start = start, .destroy = sandbox_destroy};

    if (argc > 7 && strcmp(argv[7], "apart") == 0)
        participant.start = start_apart;
    return bench_main(argc, argv, &participant);
}
