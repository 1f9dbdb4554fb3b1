/* SPDX-License-Identifier: Apache-2.0 */
/* Options from programs that were compiled with an older header, where the struct was smaller. */
#include "systemd.h"

/* Calls like a program that was compiled when the structure had `size` bytes. */
static struct katacg_manager *old_caller(size_t size, const struct katacg_manager_opts *opts,
                                         int wanted, int code) {
    struct katacg_manager *manager = NULL;
    struct katacg_error err;
    void *copy = malloc(size);

    MUST(copy);
    memcpy(copy, opts, size);
    CHECK_ERROR(katacg_manager_new(hosts[UNIFIED], NULL, 0, copy, size, &manager, clear(&err)),
                wanted, &err, code, NULL);
    free(copy);
    return manager;
}

static void options_of_older_sizes_are_accepted(void) {
    /* CPU properties depend on systemd's version. */
    static const char cpu[] = "{\"cpu\":{\"idle\":1}}";
    struct katacg_manager_opts opts;
    struct katacg_manager *manager;
    struct katacg_error err;
    char text[4096];

    CHECK(sizeof(opts) == 80 && offsetof(struct katacg_manager_opts, driver) == 48 &&
              offsetof(struct katacg_manager_opts, bus) == 52 &&
              offsetof(struct katacg_manager_opts, bus_address) == 56 &&
              offsetof(struct katacg_manager_opts, systemd_version) == 64 &&
              offsetof(struct katacg_manager_opts, reserved) == 68 &&
              offsetof(struct katacg_manager_opts, unit) == 72,
          "%lu bytes", (unsigned long)sizeof(opts));
    memset(&opts, 0, sizeof(opts));
    opts.path = PATH;
    opts.driver = 77;
    opts.bus = 77;
    opts.bus_address = (const char *)(uintptr_t)8;
    opts.systemd_version = 257;
    opts.reserved = 77;
    opts.unit = (const char *)(uintptr_t)8;
    katacg_manager_free(old_caller(48, &opts, 0, 0));
    (void)old_caller(56, &opts, -EINVAL, KATACG_ERR_ARGUMENT);
    opts.driver = KATACG_DRIVER_SYSTEMD;
    (void)old_caller(56, &opts, -EINVAL, KATACG_ERR_ARGUMENT);
    opts.bus = KATACG_BUS_SYSTEM;
    katacg_manager_free(old_caller(56, &opts, 0, 0));

    opts.bus_address = NOWHERE;
    manager = old_caller(64, &opts, 0, 0);
    /* The version lies behind these 64 bytes, so the library has to ask a bus. */
    CHECK_ERROR(
        katacg_manager_plan(manager, cpu, sizeof(cpu) - 1, 0, text, sizeof(text), clear(&err)),
        -ECONNREFUSED, &err, KATACG_ERR_BUS, "/nonexistent/bus");
    katacg_manager_free(manager);
    (void)old_caller(72, &opts, -E2BIG, KATACG_ERR_TOO_NEW);
    opts.reserved = 0;
    manager = old_caller(72, &opts, 0, 0);
    CHECK(katacg_manager_plan(manager, cpu, sizeof(cpu) - 1, 0, text, sizeof(text), clear(&err)) >
              0,
          "%s", err.message);
    katacg_manager_free(manager);

    opts.path = "a-b.slice";
    opts.unit = "-x:y.scope";
    manager = old_caller(80, &opts, 0, 0);
    CHECK(katacg_manager_unit(manager, text, sizeof(text), clear(&err)) > 0 &&
              strcmp(text, "-x:y.scope") == 0,
          "%s", err.message);
    katacg_manager_free(manager);
    opts.unit = "x/y.scope";
    (void)old_caller(80, &opts, -EINVAL, KATACG_ERR_PATH);
    opts.unit = "x.scope";
    opts.driver = KATACG_DRIVER_CGROUPFS;
    (void)old_caller(80, &opts, -EINVAL, KATACG_ERR_ARGUMENT);
}

int main(void) {
    make_hosts();
    options_of_older_sizes_are_accepted();
    return free_hosts();
}
