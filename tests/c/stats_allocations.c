/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reading of a reader allocates no memory, once its buffer has grown: this program's malloc
 * counts the calls.
 */
#include "cgroups.h"

#include "check.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static volatile unsigned long allocations;

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    allocations++;
    return __libc_realloc(old, size);
}

int main(void) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_stats_reader *reader;
    struct katacg_manager *manager;
    struct katacg_stats out;
    struct katacg_error err;
    const char *why = no_cgroups();
    unsigned long before;
    int i;

    if (why) {
        puts(why);
        return SKIPPED;
    }
    opts.path = test_cgroup("allocations");
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    MUST(katacg_manager_new(NULL, "{}", 2, &opts, sizeof(opts), &manager, clear(&err)) == 0);
    MUST(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0);
    before = allocations;
    CHECK(katacg_stats_reader_open(manager, 0, &reader, clear(&err)) == 0, "%s", err.message);
    CHECK(allocations > before, "no allocation is seen");
    CHECK(katacg_stats_reader_read(reader, &out, sizeof(out), &err) == 0, "%s", err.message);
    before = allocations;
    for (i = 0; i < 100; i++)
        CHECK(katacg_stats_reader_read(reader, &out, sizeof(out), &err) == 0, "%s", err.message);
    CHECK(allocations == before, "%lu allocations in 100 readings", allocations - before);
    katacg_stats_reader_free(reader);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(manager);
    return finish();
}
