/* SPDX-License-Identifier: Apache-2.0 */
/* Passes the two growable structures, each with every size that a caller may give. */
#include "fixture.h"

static struct katacg_host *host;

/* Fails with a long message; fail_short fails with a short one. */
static int fail_long(struct katacg_error *err) {
    static char path[2000];

    memset(path, 'x', sizeof(path) - 1);
    return katacg_path_validate(path, KATACG_PATH_SYSTEMD, NULL, 0, err);
}

static int fail_short(struct katacg_error *err) {
    return katacg_path_rename("", NULL, 0, err);
}

/*
 * `size` is the size that the structure states. The memory has exactly that many bytes, so that
 * valgrind sees a write past the end that the guard bytes miss.
 */
static void error_of_size(uint32_t size, int (*fail)(struct katacg_error *)) {
    size_t whole = sizeof(struct katacg_error);
    size_t most = size == 0 || size > whole ? whole : size;
    size_t real = size == 0 ? whole : size > 8192 ? 8192 : size < 4 ? 4 : size, i;
    unsigned char *memory = malloc(real);
    struct katacg_error *err = (struct katacg_error *)(void *)memory;

    MUST(memory);
    memset(memory, 0xa5, real);
    memcpy(memory, &size, sizeof(size));
    CHECK(fail(err) == -EINVAL, "size %lu", (unsigned long)size);
    CHECK(memcmp(memory, &size, sizeof(size)) == 0, "size %lu was changed", (unsigned long)size);
    for (i = most < 4 ? 4 : most; i < real; i++)
        CHECK(memory[i] == 0xa5, "size %lu: byte %lu written", (unsigned long)size,
              (unsigned long)i);
    if (most > 16) {
        const char *message = (const char *)memory + 16;
        size_t room = most - 16;

        CHECK(memchr(message, 0, room) != NULL, "size %lu: no NUL", (unsigned long)size);
        int32_t code, sys;

        memcpy(&code, memory + 4, sizeof(code));
        memcpy(&sys, memory + 8, sizeof(sys));
        CHECK(code == KATACG_ERR_PATH && sys == 0, "size %lu: code %d errno %d",
              (unsigned long)size, (int)code, (int)sys);
        if (fail == fail_long && room > 4)
            CHECK(strlen(message) == room - 1 && strcmp(message + room - 4, "...") == 0,
                  "size %lu: \"%s\"", (unsigned long)size, message);
    }
    free(memory);
}

static void error_structures_of_every_size_are_respected(void) {
    static const uint32_t sizes[] = {0,   1,   3,   4,    8,    15,    16,       17,
                                     18,  19,  20,  21,   22,   32,    64,       100,
                                     511, 512, 513, 1024, 8192, 65536, 1u << 31, UINT32_MAX};
    size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        error_of_size(sizes[i], fail_short);
        error_of_size(sizes[i], fail_long);
    }
}

static void success_does_not_write_the_error(void) {
    struct katacg_error err, before;
    struct katacg_manager *manager = paper_manager(host);
    char buf[8192];

    memset(&err, 0xa5, sizeof(err));
    err.size = sizeof(err);
    before = err;
    CHECK(katacg_path_validate("/a", 0, buf, sizeof(buf), &err) > 0, "validate");
    CHECK(katacg_path_validate("/a", 0, buf, 2, &err) > 0, "validate, truncated");
    CHECK(katacg_path_rename("/a", buf, sizeof(buf), &err) > 0, "rename");
    CHECK(katacg_slice_expand("a-b.slice", buf, sizeof(buf), &err) > 0, "expand");
    CHECK(katacg_v1_mountpoint_parse(paper_mounts, sizeof(paper_mounts) - 1, buf, sizeof(buf),
                                     &err) > 0,
          "v1");
    CHECK(katacg_cpu_validate("{}", 2, buf, sizeof(buf), &err) > 0, "cpu");
    CHECK(katacg_subsystems("/nonexistent", KATACG_SUBSYSTEMS_ALL, buf, sizeof(buf), &err) == 0,
          "none");
    CHECK(katacg_host_layout(host, &err) == KATACG_LAYOUT_HYBRID, "layout");
    CHECK(katacg_host_is_rootless(host, &err) == 0, "rootless");
    CHECK(katacg_host_controllers(host, buf, sizeof(buf), &err) > 0, "controllers");
    CHECK(katacg_host_mountpoint(host, "pids", buf, sizeof(buf), &err) > 0, "mountpoint");
    CHECK(katacg_host_own_cgroup(host, "pids", buf, sizeof(buf), &err) > 0, "own");
    CHECK(katacg_manager_plan(manager, NULL, 0, 0, buf, sizeof(buf), &err) > 0, "plan");
    CHECK(katacg_manager_state(manager, buf, sizeof(buf), &err) > 0, "state");
    CHECK(katacg_manager_paths(manager, buf, sizeof(buf), &err) > 0, "paths");
    CHECK(memcmp(&err, &before, sizeof(err)) == 0, "a success wrote to the error structure");
    katacg_manager_free(manager);
}

/* Passes an options structure that states `size` bytes, of which `real` exist. */
static int with_options(const void *opts, size_t size, size_t real, struct katacg_error *err) {
    static const char spec[] = "{\"cgroupsPath\":\"/katacg-test-paper/a\"}";
    struct katacg_manager *manager = (struct katacg_manager *)(void *)err;
    void *copy = opts ? malloc(real) : NULL;
    int result;

    if (opts) {
        MUST(copy);
        memcpy(copy, opts, real);
    }
    result = katacg_manager_new(host, spec, sizeof(spec) - 1, copy, size, &manager, clear(err));
    CHECK((result == 0) == (manager != NULL), "a handle on success, NULL on failure: %d", result);
    if (result == 0)
        katacg_manager_free(manager);
    free(copy);
    return result;
}

static void options_of_every_size_are_checked(void) {
    static unsigned char memory[8192];
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_error err;
    size_t exact = sizeof(opts), size;

    CHECK(exact >= 72 && offsetof(struct katacg_manager_opts, log_level) == 28 &&
              offsetof(struct katacg_manager_opts, name) == 32 &&
              offsetof(struct katacg_manager_opts, owner_gid) == 44 &&
              offsetof(struct katacg_manager_opts, driver) == 48 &&
              offsetof(struct katacg_manager_opts, bus_address) == 56 &&
              offsetof(struct katacg_manager_opts, reserved) == 68,
          "the layout of the first version: %lu", (unsigned long)exact);
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    memcpy(memory, &opts, exact);

    CHECK(with_options(NULL, 0, 0, &err) == 0, "%s", err.message);
    CHECK(with_options(memory, 8, 8, &err) == 0, "flags alone: %s", err.message);
    for (size = 8; size <= 4096; size += 8)
        CHECK(with_options(memory, size, size, &err) == 0, "%lu bytes: %s", (unsigned long)size,
              err.message);
    /* Every version's size is a multiple of 8, so another size is a mistake. */
    for (size = 0; size <= 4096; size++)
        if (size < 8 || size % 8 != 0)
            CHECK_ERROR(with_options(memory, size, size < 8 ? 8 : size, &err), -EINVAL, &err,
                        KATACG_ERR_ARGUMENT, "size");
    CHECK_ERROR(with_options(NULL, exact, 0, &err), -EINVAL, &err, KATACG_ERR_ARGUMENT, "NULL");

    for (size = exact + 8; size <= 4096; size += 8) {
        memory[size - 1 - size / 8 % 8] = 1;
        CHECK_ERROR(with_options(memory, size, size, &err), -E2BIG, &err, KATACG_ERR_TOO_NEW,
                    "does not know");
        memory[size - 1 - size / 8 % 8] = 0;
    }
    /* The library refuses such a large size before it reads anything. */
    CHECK_ERROR(with_options(memory, SIZE_MAX - 7, 8, &err), -E2BIG, &err, KATACG_ERR_TOO_NEW,
                NULL);
}

int main(void) {
    host = paper_host();
    CHECK(sizeof(struct katacg_error) == 512, "the layout of the first version");
    CHECK(offsetof(struct katacg_error, message) == 16, "the layout of the first version");
    CHECK(sizeof(struct katacg_attach) == 128 && offsetof(struct katacg_attach, fds) == 8,
          "the layout of the first version");
    error_structures_of_every_size_are_respected();
    success_does_not_write_the_error();
    options_of_every_size_are_checked();
    katacg_host_free(host);
    return finish();
}
