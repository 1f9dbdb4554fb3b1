/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of statistics: compares them with the files, with arrays and structs of every size. Checks
 * the error for a missing controller.
 */
#include "cgroups.h"

#include "check.h"

static struct katacg_error err;
static struct katacg_manager *manager;

static const char spec[] = "{\"linux\":{\"resources\":{\"pids\":{\"limit\":64}}}}";

static int unified(void) {
    return mount_count == 1 && mounts[0].v2;
}

/* A call with n = 0 returns the number of entries, or says which controller is missing. */
#define COUNT_OR_CONTROLLER(count, call)                                                           \
    do {                                                                                           \
        (count) = (call);                                                                          \
        if ((count) < 0)                                                                           \
            CHECK_ERROR((count), -EOPNOTSUPP, &err, KATACG_ERR_CONTROLLER, "has no files of");     \
    } while (0)

static void processors_are_those_of_the_file(void) {
    static struct katacg_cpu_stats cpus[4096];
    int count, i;

    COUNT_OR_CONTROLLER(count,
                        katacg_manager_cpu_stats(manager, cpus, sizeof(*cpus), 4096, clear(&err)));
    CHECK((count < 0) == unified(), "%d processors", count);
    for (i = 0; i < count; i++) {
        CHECK(cpus[i].cpu == (uint64_t)i, "%llu", (unsigned long long)cpus[i].cpu);
        CHECK(cpus[i].valid == (KATACG_CPU_HAS_USAGE | KATACG_CPU_HAS_TIMES), "%llx",
              (unsigned long long)cpus[i].valid);
    }
}

/* The cgroup does no I/O, so the list is empty. A missing controller is an error instead. */
static void no_io_is_an_empty_list(void) {
    int count;

    COUNT_OR_CONTROLLER(count, katacg_manager_io_stats(
                                   manager, NULL, sizeof(struct katacg_io_stats), 0, clear(&err)));
    if (mount_of("blkio"))
        CHECK(count == 0, "%d devices", count);
}

static void huge_pages_have_their_sizes_and_no_limit(void) {
    struct katacg_hugetlb_stats sizes[16];
    int count, i;

    COUNT_OR_CONTROLLER(
        count, katacg_manager_hugetlb_stats(manager, sizes, sizeof(*sizes), 16, clear(&err)));
    if (mount_of("hugetlb") && mount_of("hugetlb")->v2 == 0)
        CHECK(count > 0, "%d sizes", count);
    for (i = 0; i < count; i++) {
        const uint64_t both = KATACG_HUGETLB_HAS_USAGE | KATACG_HUGETLB_HAS_LIMIT;
        char file[64];

        CHECK((sizes[i].valid & both) == both, "%llx", (unsigned long long)sizes[i].valid);
        CHECK(sizes[i].usage == 0 && sizes[i].limit == KATACG_STATS_MAX_VALUE, "%s", sizes[i].size);
        CHECK(sizes[i].page_size >= 4096, "%s", sizes[i].size);
        if (!mount_of("hugetlb"))
            continue;
        snprintf(file, sizeof(file), "hugetlb.%s.usage_in_bytes", sizes[i].size);
        CHECK(strcmp(file_value("hugetlb", test_cgroup("lists"), file), "0") == 0, "%s", file);
    }
}

static void nodes_have_memory(void) {
    struct katacg_numa_stats nodes[64];
    int count;

    COUNT_OR_CONTROLLER(count,
                        katacg_manager_numa_stats(manager, nodes, sizeof(*nodes), 64, clear(&err)));
    if (count > 0) {
        CHECK(nodes[0].valid & KATACG_NUMA_HAS_ANON, "%llx", (unsigned long long)nodes[0].valid);
        CHECK(nodes[0].node == 0 && nodes[0].anon < 1 << 24, "node 0");
    }
}

static void resources_are_listed_or_missing(void) {
    int count;

    COUNT_OR_CONTROLLER(count, katacg_manager_resource_stats(manager, NULL,
                                                             sizeof(struct katacg_resource_stats),
                                                             0, clear(&err)));
    if (mount_of("rdma"))
        CHECK(count >= 0, "%s", err.message);
}

static void every_value_of_a_file_is_there_by_name(void) {
    struct katacg_keyed_value values[200];
    int count, i, found = 0;

    count = katacg_manager_read_keyed(manager, "pids", "pids.max", values, sizeof(*values), 200,
                                      clear(&err));
    CHECK(count == 1 && values[0].value == 64 && values[0].valid == KATACG_KEYED_HAS_VALUE, "%s",
          err.message);
    CHECK(!values[0].name[0] && !values[0].key[0] && !strcmp(values[0].text, "64"), "pids.max");
    count = katacg_manager_read_keyed(manager, "cpu", "cpu.stat", values, sizeof(*values), 200,
                                      clear(&err));
    CHECK(count >= 3, "%d %s", count, err.message);
    for (i = 0; i < count; i++)
        found += !strcmp(values[i].key, "nr_periods") && values[i].value == 0;
    CHECK(found == 1, "nr_periods %d times", found);
    count = katacg_manager_read_keyed(manager, "cpu", "cpu.no_such", NULL, sizeof(*values), 0,
                                      clear(&err));
    CHECK(count < 0 && strstr(err.message, "cpu.no_such"), "%d %s", count, err.message);
}

/*
 * Bytes behind the array or the caller's struct stay as they are. Fields that the caller's struct
 * does not have get no bit of valid.
 */
static void arrays_and_structs_of_every_size_are_filled_to_their_size(void) {
    static unsigned char memory[4096 + 8];
    const size_t whole = sizeof(struct katacg_keyed_value);
    size_t size, i, n;

    for (n = 0; n <= 2; n++)
        for (size = 16; size <= 1024; size += 8) {
            size_t room = n * size;
            uint64_t valid;
            int result;

            memset(memory, 0xa5, sizeof(memory));
            result = katacg_manager_read_keyed(manager, "pids", "pids.max", (void *)memory, size, n,
                                               clear(&err));
            CHECK(result == 1, "size %lu: %s", (unsigned long)size, err.message);
            room = n > 0 ? size : 0;
            for (i = room; i < sizeof(memory) && memory[i] == 0xa5; i++)
                ;
            CHECK(i == sizeof(memory), "size %lu: byte %lu written", (unsigned long)size,
                  (unsigned long)i);
            if (n == 0)
                continue;
            for (i = whole; i < size && memory[i] == 0; i++)
                ;
            CHECK(i >= size, "size %lu: byte %lu is not 0", (unsigned long)size, (unsigned long)i);
            memcpy(&valid, memory, sizeof(valid));
            CHECK(valid == (size >= whole), "size %lu: %llx", (unsigned long)size,
                  (unsigned long long)valid);
        }
}

static void a_cgroup_that_does_not_exist_has_no_lists(void) {
    const size_t size = sizeof(struct katacg_keyed_value);

    CHECK_ERROR(katacg_manager_io_stats(manager, NULL, 64, 0, clear(&err)), -ENOENT, &err,
                KATACG_ERR_DELETED, "does not exist");
    CHECK_ERROR(katacg_manager_resource_stats(manager, NULL, 64, 0, clear(&err)), -ENOENT, &err,
                KATACG_ERR_DELETED, "does not exist");
    CHECK_ERROR(katacg_manager_read_keyed(manager, "pids", "pids.max", NULL, size, 0, clear(&err)),
                -ENOENT, &err, KATACG_ERR_DELETED, "does not exist");
}

int main(void) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    const char *why = no_cgroups();

    if (why) {
        puts(why);
        return SKIPPED;
    }
    opts.path = test_cgroup("lists");
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    CHECK(katacg_manager_new(NULL, spec, sizeof(spec) - 1, &opts, sizeof(opts), &manager,
                             clear(&err)) == 0,
          "%s", err.message);
    MUST(manager);
    a_cgroup_that_does_not_exist_has_no_lists();
    CHECK(katacg_manager_apply(manager, -1, KATACG_APPLY_SET, clear(&err)) == 0, "%s", err.message);
    processors_are_those_of_the_file();
    no_io_is_an_empty_list();
    huge_pages_have_their_sizes_and_no_limit();
    nodes_have_memory();
    resources_are_listed_or_missing();
    every_value_of_a_file_is_there_by_name();
    arrays_and_structs_of_every_size_are_filled_to_their_size();
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    a_cgroup_that_does_not_exist_has_no_lists();
    katacg_manager_free(manager);
    return finish();
}
