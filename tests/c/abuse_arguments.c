/* SPDX-License-Identifier: Apache-2.0 */
/* Calls every function with NULL for each of its pointers, and with unknown flags. */
#include <limits.h>

#include "fixture.h"

static struct katacg_host *host;
static struct katacg_manager *manager;
static char buf[4096];

/* The call uses `e`. It must return -EINVAL with an error structure and without one. */
#define REFUSED(call)                                                                              \
    do {                                                                                           \
        struct katacg_error err_, *e = clear(&err_);                                               \
        CHECK_ERROR((call), -EINVAL, &err_, KATACG_ERR_ARGUMENT, NULL);                            \
        CHECK(err_.message[0] && err_.sys_errno == 0, "%s", err_.message);                         \
        e = NULL;                                                                                  \
        CHECK((call) == -EINVAL, "without an error structure");                                    \
    } while (0)

/* The same for a call that makes a handle: the handle must be NULL afterwards. */
#define NO_HANDLE(type, call)                                                                      \
    do {                                                                                           \
        type *out = (type *)buf;                                                                   \
        REFUSED((out = (type *)buf, (call)));                                                      \
        CHECK(out == NULL, "a failed call left a handle");                                         \
    } while (0)

static void path_functions_refuse_null(void) {
    size_t n = sizeof(buf);

    CHECK(katacg_path_is_systemd(NULL) == 0, "NULL");
    CHECK(katacg_path_is_systemd_slice(NULL) == 0, "NULL");
    REFUSED(katacg_path_validate(NULL, 0, buf, n, e));
    REFUSED(katacg_path_validate("/a", 0, NULL, 1, e));
    REFUSED(katacg_path_rename(NULL, buf, n, e));
    REFUSED(katacg_path_rename("/a", NULL, n, e));
    REFUSED(katacg_path_rename_k3(NULL, buf, n, e));
    REFUSED(katacg_path_rename_k3("/a", NULL, n, e));
    REFUSED(katacg_path_no_constraints(NULL, buf, n, e));
    REFUSED(katacg_path_no_constraints("/a", NULL, n, e));
    REFUSED(katacg_path_parent(NULL, buf, n, e));
    REFUSED(katacg_path_parent("/a", NULL, n, e));
    REFUSED(katacg_path_guest(NULL, buf, n, e));
    REFUSED(katacg_path_guest("/a", NULL, n, e));
    REFUSED(katacg_slice_expand(NULL, buf, n, e));
    REFUSED(katacg_slice_expand("a.slice", NULL, n, e));
    REFUSED(katacg_path_slice(NULL, buf, n, e));
    REFUSED(katacg_path_slice("a.slice:b:c", NULL, n, e));
    REFUSED(katacg_path_unit(NULL, buf, n, e));
    REFUSED(katacg_path_unit("a.slice:b:c", NULL, n, e));
    REFUSED(katacg_subsystem_path(NULL, "cpu", "/a", buf, n, e));
    REFUSED(katacg_subsystem_path("/cg", NULL, "/a", buf, n, e));
    REFUSED(katacg_subsystem_path("/cg", "cpu", NULL, buf, n, e));
    REFUSED(katacg_subsystem_path("/cg", "cpu", "/a", NULL, n, e));
    REFUSED(katacg_v1_mountpoint_parse(NULL, 1, buf, n, e));
    REFUSED(katacg_v1_mountpoint_parse(paper_mounts, sizeof(paper_mounts) - 1, NULL, n, e));
    REFUSED(katacg_cpu_validate(NULL, 1, buf, n, e));
    REFUSED(katacg_cpu_validate("{}", 2, NULL, n, e));
    REFUSED(katacg_cpu_aggregate(NULL, 1, buf, n, e));
    REFUSED(katacg_cpu_aggregate("[]", 2, NULL, n, e));
    REFUSED(katacg_cpu_aggregate_with(NULL, 1, 0, buf, n, e));
    REFUSED(katacg_cpu_aggregate_with("[]", 2, KATACG_CPU_UNLIMITED, NULL, n, e));
    REFUSED(katacg_cpu_aggregate_with("[]", 2, 2, buf, n, e));
    REFUSED(katacg_manager_device_allow(NULL, "c 1:3", NULL, e));
    REFUSED(katacg_manager_device_allow(manager, NULL, NULL, e));
    REFUSED(katacg_manager_device_allow(manager, "null", "r", e));
    REFUSED(katacg_manager_device_deny(NULL, "c 1:3", NULL, e));
    REFUSED(katacg_manager_device_deny(manager, "c 1:3", "x", e));
    REFUSED(katacg_manager_devices(NULL, buf, n, e));
    REFUSED(katacg_device_rules(KATACG_DEVICES_RUNTIME, NULL, n, e));
    REFUSED(katacg_device_rules(3, buf, n, e));
    REFUSED(katacg_device_check(NULL, 1, "c 1:3", "r", e));
    REFUSED(katacg_device_check("[]", 2, NULL, "r", e));
    REFUSED(katacg_device_check("[]", 2, "c 1:*", "r", e));
    REFUSED(katacg_device_check("[]", 2, "c 1:3", "", e));
    REFUSED(katacg_subsystems(NULL, KATACG_SUBSYSTEMS_ALL, buf, n, e));
    REFUSED(katacg_subsystems("/sys/fs/cgroup", KATACG_SUBSYSTEMS_ALL, NULL, n, e));
    /* On a host without v1 the function fails with another error. */
    if (katacg_v1_mountpoint(buf, n, NULL) >= 0)
        REFUSED(katacg_v1_mountpoint(NULL, n, e));
    /* The library must refuse an impossible length before it reads that many bytes. */
    REFUSED(katacg_cpu_validate("{}", SIZE_MAX, buf, n, e));
}

static void host_functions_refuse_null(void) {
    size_t n = sizeof(buf);

    REFUSED(katacg_host_open(NULL, e));
    REFUSED(katacg_host_parse(paper_mounts, 1, paper_cgroup, 1, NULL, e));
    NO_HANDLE(struct katacg_host, katacg_host_parse(NULL, 1, paper_cgroup, 1, &out, e));
    NO_HANDLE(struct katacg_host, katacg_host_parse(paper_mounts, 1, NULL, 1, &out, e));
    REFUSED(katacg_host_layout(NULL, e));
    REFUSED(katacg_host_is_rootless(NULL, e));
    REFUSED(katacg_host_controllers(NULL, buf, n, e));
    REFUSED(katacg_host_controllers(host, NULL, n, e));
    REFUSED(katacg_host_mountpoint(NULL, "cpu", buf, n, e));
    REFUSED(katacg_host_mountpoint(host, NULL, buf, n, e));
    REFUSED(katacg_host_mountpoint(host, "cpu", NULL, n, e));
    REFUSED(katacg_host_mountpoint(host, "\xff", buf, n, e));
    REFUSED(katacg_host_own_cgroup(NULL, "cpu", buf, n, e));
    REFUSED(katacg_host_own_cgroup(host, NULL, buf, n, e));
    REFUSED(katacg_host_own_cgroup(host, "cpu", NULL, n, e));
    katacg_host_free(NULL);
}

static void statistics_refuse_null_and_unknown_bits(void) {
    struct katacg_stats stats;
    size_t n = sizeof(stats);

    REFUSED(katacg_manager_stats(NULL, 0, &stats, n, e));
    REFUSED(katacg_manager_stats(manager, 0, NULL, n, e));
    REFUSED(katacg_manager_stats(manager, 0, &stats, 0, e));
    REFUSED(katacg_manager_stats(manager, 0, &stats, SIZE_MAX - 7, e));
    REFUSED(katacg_manager_stats(manager, 512, &stats, n, e));
    REFUSED(katacg_manager_stats(manager, UINT64_MAX, &stats, n, e));
    REFUSED(katacg_manager_stats_json(NULL, 0, buf, sizeof(buf), e));
    REFUSED(katacg_manager_stats_json(manager, 512, buf, sizeof(buf), e));
    REFUSED(katacg_stats_reader_open(manager, 0, NULL, e));
    NO_HANDLE(struct katacg_stats_reader, katacg_stats_reader_open(NULL, 0, &out, e));
    NO_HANDLE(struct katacg_stats_reader, katacg_stats_reader_open(manager, 512, &out, e));
    REFUSED(katacg_stats_reader_read(NULL, &stats, n, e));
    katacg_stats_reader_free(NULL);
}

#define LIST_REFUSES(function, type)                                                               \
    do {                                                                                           \
        static struct type entries_[4];                                                            \
                                                                                                   \
        REFUSED(function(NULL, entries_, sizeof(*entries_), 4, e));                                \
        REFUSED(function(manager, NULL, sizeof(*entries_), 4, e));                                 \
        REFUSED(function(manager, entries_, 0, 4, e));                                             \
        REFUSED(function(manager, entries_, 8, 4, e));                                             \
        REFUSED(function(manager, entries_, 20, 4, e));                                            \
        REFUSED(function(manager, entries_, SIZE_MAX - 7, 4, e));                                  \
        REFUSED(function(manager, entries_, sizeof(*entries_), SIZE_MAX, e));                      \
    } while (0)

static void lists_refuse_null_and_wrong_sizes(void) {
    static struct katacg_keyed_value values[4];
    const size_t size = sizeof(*values);

    LIST_REFUSES(katacg_manager_io_stats, katacg_io_stats);
    LIST_REFUSES(katacg_manager_hugetlb_stats, katacg_hugetlb_stats);
    LIST_REFUSES(katacg_manager_resource_stats, katacg_resource_stats);
    LIST_REFUSES(katacg_manager_cpu_stats, katacg_cpu_stats);
    LIST_REFUSES(katacg_manager_numa_stats, katacg_numa_stats);
    REFUSED(katacg_manager_read_keyed(NULL, "cpu", "cpu.stat", values, size, 4, e));
    REFUSED(katacg_manager_read_keyed(manager, NULL, "cpu.stat", values, size, 4, e));
    REFUSED(katacg_manager_read_keyed(manager, "cpu", NULL, values, size, 4, e));
    REFUSED(katacg_manager_read_keyed(manager, "cpu", "../cpu.stat", values, size, 4, e));
    REFUSED(katacg_manager_read_keyed(manager, "cpu", "cpu.stat", NULL, size, 4, e));
    REFUSED(katacg_manager_read_keyed(manager, "cpu", "cpu.stat", values, 12, 4, e));
    REFUSED(katacg_manager_read_keyed(manager, "cpu", "cpu.stat", values, size, SIZE_MAX, e));
}

static void events_refuse_null_and_unknown_bits(void) {
    struct katacg_events_opts opts = KATACG_EVENTS_OPTS_INIT;
    struct katacg_event event;
    size_t n = sizeof(opts);

    REFUSED(katacg_events_open(manager, NULL, 0, NULL, e));
    NO_HANDLE(struct katacg_events, katacg_events_open(NULL, NULL, 0, &out, e));
    NO_HANDLE(struct katacg_events, katacg_events_open(manager, NULL, n, &out, e));
    NO_HANDLE(struct katacg_events, katacg_events_open(manager, &opts, 4, &out, e));
    opts.kinds = 4096;
    NO_HANDLE(struct katacg_events, katacg_events_open(manager, &opts, n, &out, e));
    opts.kinds = KATACG_EVENT_PRESSURE;
    opts.pressure_resource = 3;
    NO_HANDLE(struct katacg_events, katacg_events_open(manager, &opts, n, &out, e));
    opts.pressure_resource = 0;
    opts.pressure_full = 2;
    NO_HANDLE(struct katacg_events, katacg_events_open(manager, &opts, n, &out, e));
    opts.pressure_full = 0;
    opts.pressure_level = 3;
    NO_HANDLE(struct katacg_events, katacg_events_open(manager, &opts, n, &out, e));
    opts.pressure_level = 0;
    opts.pressure_mode = 3;
    NO_HANDLE(struct katacg_events, katacg_events_open(manager, &opts, n, &out, e));
    opts.pressure_mode = 0;
    opts.kinds = KATACG_EVENT_THRESHOLD;
    NO_HANDLE(struct katacg_events, katacg_events_open(manager, &opts, n, &out, e));
    REFUSED(katacg_events_fd(NULL, e));
    REFUSED(katacg_events_read(NULL, &event, 1, e));
    katacg_events_free(NULL);
}

static void manager_functions_refuse_null(void) {
    size_t n = sizeof(buf);
    const char *state = "{}";
    const struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;

    REFUSED(katacg_manager_new(host, NULL, 0, NULL, 0, NULL, e));
    NO_HANDLE(struct katacg_manager, katacg_manager_new(host, NULL, 1, NULL, 0, &out, e));
    NO_HANDLE(struct katacg_manager, katacg_manager_new(host, NULL, 0, NULL, 32, &out, e));
    REFUSED(katacg_cgroup_new(host, "cpu", "/a", NULL, 0, NULL, e));
    NO_HANDLE(struct katacg_manager, katacg_cgroup_new(host, "", "/a", NULL, 0, &out, e));
    NO_HANDLE(struct katacg_manager, katacg_cgroup_new(host, "cpu", NULL, NULL, 0, &out, e));
    NO_HANDLE(struct katacg_manager, katacg_cgroup_new(host, "cpu", "/a", NULL, 1, &out, e));
    NO_HANDLE(struct katacg_manager, katacg_cgroup_new(host, "nonsense", "/a", NULL, 0, &out, e));
    REFUSED(katacg_cgroup_load(host, "cpu", "/a", NULL, e));
    NO_HANDLE(struct katacg_manager, katacg_cgroup_load(host, "", "/a", &out, e));
    NO_HANDLE(struct katacg_manager, katacg_cgroup_load(host, "cpu", NULL, &out, e));
    REFUSED(katacg_cgroup_new_opts(host, NULL, 0, &opts, sizeof(opts), NULL, e));
    NO_HANDLE(struct katacg_manager, katacg_cgroup_new_opts(host, NULL, 0, NULL, 0, &out, e));
    NO_HANDLE(struct katacg_manager,
              katacg_cgroup_new_opts(host, NULL, 0, &opts, sizeof(opts), &out, e));
    REFUSED(katacg_cgroup_load_opts(host, &opts, sizeof(opts), NULL, e));
    NO_HANDLE(struct katacg_manager, katacg_cgroup_load_opts(host, NULL, 8, &out, e));
    NO_HANDLE(struct katacg_manager, katacg_cgroup_load_opts(host, &opts, sizeof(opts), &out, e));
    REFUSED(katacg_manager_load(host, state, 2, NULL, e));
    NO_HANDLE(struct katacg_manager, katacg_manager_load(host, NULL, 2, &out, e));
    REFUSED(katacg_manager_apply(NULL, -1, 0, e));
    REFUSED(katacg_manager_set(NULL, NULL, 0, e));
    REFUSED(katacg_manager_set(manager, NULL, 1, e));
    REFUSED(katacg_manager_plan(NULL, NULL, 0, 0, buf, n, e));
    REFUSED(katacg_manager_plan(manager, NULL, 1, 0, buf, n, e));
    REFUSED(katacg_manager_plan(manager, NULL, 0, 0, NULL, n, e));
    REFUSED(katacg_manager_paths(NULL, buf, n, e));
    REFUSED(katacg_manager_paths(manager, NULL, n, e));
    REFUSED(katacg_manager_path(NULL, "cpu", buf, n, e));
    REFUSED(katacg_manager_path(manager, NULL, buf, n, e));
    REFUSED(katacg_manager_path(manager, "cpu", NULL, n, e));
    REFUSED(katacg_manager_state(NULL, buf, n, e));
    REFUSED(katacg_manager_state(manager, NULL, n, e));
    REFUSED(katacg_manager_unit(NULL, buf, n, e));
    REFUSED(katacg_manager_unit(manager, NULL, n, e));
    REFUSED(katacg_manager_log(NULL, 2, 1, e));
    REFUSED(katacg_manager_log(manager, -1, 1, e));
    REFUSED(katacg_manager_log(manager, 2, 2, e));
    REFUSED(katacg_manager_pids(NULL, NULL, 0, e));
    REFUSED(katacg_manager_exists(NULL, e));
    REFUSED(katacg_manager_destroy(NULL, e));
    REFUSED(katacg_manager_release(NULL, e));
    REFUSED(katacg_manager_read(NULL, "cpu", "tasks", buf, n, e));
    REFUSED(katacg_manager_read(manager, NULL, "tasks", buf, n, e));
    REFUSED(katacg_manager_read(manager, "cpu", NULL, buf, n, e));
    REFUSED(katacg_manager_write(NULL, "cpu", "tasks", "1", 1, e));
    REFUSED(katacg_manager_write(manager, NULL, "tasks", "1", 1, e));
    REFUSED(katacg_manager_write(manager, "cpu", NULL, "1", 1, e));
    katacg_manager_free(NULL);
}

static void process_functions_refuse_null_and_bad_ids(void) {
    static const int32_t no_ids[] = {0, -1, INT32_MIN};
    int32_t id = 1;
    size_t i;

    REFUSED(katacg_manager_add(NULL, &id, 1, 0, NULL, e));
    REFUSED(katacg_manager_add(manager, NULL, 1, 0, NULL, e));
    REFUSED(katacg_manager_add(manager, &id, SIZE_MAX, 0, NULL, e));
    for (i = 0; i < sizeof(no_ids) / sizeof(no_ids[0]); i++)
        REFUSED(katacg_manager_add(manager, &no_ids[i], 1, 0, NULL, e));
    REFUSED(katacg_manager_add(manager, no_ids, 3, KATACG_ADD_THREADS, NULL, e));
    REFUSED(katacg_manager_all_pids(NULL, NULL, 0, e));
    REFUSED(katacg_manager_threads(NULL, NULL, 0, e));
    REFUSED(katacg_manager_move_to(NULL, manager, e));
    REFUSED(katacg_manager_move_to(manager, NULL, e));
    REFUSED(katacg_manager_parent(manager, NULL, e));
    NO_HANDLE(struct katacg_manager, katacg_manager_parent(NULL, &out, e));
}

static void freezer_and_kill_refuse_null_and_bad_signals(void) {
    uint64_t count = 0;

    REFUSED(katacg_manager_freeze(NULL, 0, e));
    REFUSED(katacg_manager_thaw(NULL, e));
    REFUSED(katacg_manager_freezer_state(NULL, e));
    REFUSED(katacg_manager_kill(NULL, 9, e));
    REFUSED(katacg_manager_kill(manager, 0, e));
    REFUSED(katacg_manager_kill(manager, -1, e));
    REFUSED(katacg_manager_kill(manager, 1000, e));
    REFUSED(katacg_manager_kill(manager, INT32_MIN, e));
    REFUSED(katacg_manager_kill(manager, INT32_MAX, e));
    REFUSED(katacg_manager_oom_kills(NULL, &count, e));
    REFUSED(katacg_manager_oom_kills(manager, NULL, e));
}

static void attach_refuses_null(void) {
    struct katacg_attach attach;

    attach.count = 7;
    REFUSED(katacg_attach_open(NULL, 0, &attach, e));
    CHECK(attach.count == 0, "descriptors after a failure: %u", attach.count);
    REFUSED(katacg_attach_open(manager, 0, NULL, e));
    REFUSED(katacg_manager_dirfd(NULL, e));
    CHECK(katacg_attach_self(NULL) == -EINVAL, "NULL");
    katacg_attach_close(NULL);
    katacg_attach_close(&attach);
}

static void read_and_write_refuse_paths_as_file_names(void) {
    static const char *const bad[] = {"", ".", "..", "a/b", "/", "../cpu.shares", "a/"};
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        REFUSED(katacg_manager_read(manager, "cpu", bad[i], buf, sizeof(buf), e));
        REFUSED(katacg_manager_write(manager, "cpu", bad[i], "1", 1, e));
    }
}

static void unknown_and_contradictory_flags_are_refused(void) {
    static const uint32_t contradictions[] = {
        KATACG_PATH_K1 | KATACG_PATH_K3,
        KATACG_PATH_V2,
        KATACG_PATH_V2 | KATACG_PATH_K1,
        KATACG_PATH_V2 | KATACG_PATH_K1 | KATACG_PATH_K3,
    };
    static const int32_t no_pids[] = {0, -2, -1000, INT32_MIN}, pid = 1;
    struct katacg_attach attach;
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    size_t i, n = sizeof(buf);
    int bit;

    for (bit = 5; bit < 32; bit++)
        REFUSED(katacg_path_validate("/a", (uint32_t)1 << bit, buf, n, e));
    for (bit = 2; bit < 32; bit++)
        REFUSED(katacg_manager_plan(manager, NULL, 0, (uint32_t)1 << bit, buf, n, e));
    for (bit = 2; bit < 32; bit++)
        REFUSED(katacg_manager_apply(manager, -1, (uint32_t)1 << bit, e));
    for (bit = 2; bit < 32; bit++)
        REFUSED(katacg_manager_add(manager, &pid, 1, (uint32_t)1 << bit, NULL, e));
    for (bit = 1; bit < 32; bit++)
        REFUSED(katacg_attach_open(manager, (uint32_t)1 << bit, &attach, e));
    for (i = 0; i < sizeof(contradictions) / sizeof(contradictions[0]); i++)
        REFUSED(katacg_path_validate("/a", contradictions[i], buf, n, e));
    REFUSED(katacg_subsystems("/sys/fs/cgroup", 0, buf, n, e));
    REFUSED(katacg_subsystems("/sys/fs/cgroup", 4, buf, n, e));
    REFUSED(katacg_subsystems("/sys/fs/cgroup", UINT32_MAX, buf, n, e));
    for (i = 0; i < sizeof(no_pids) / sizeof(no_pids[0]); i++)
        REFUSED(katacg_manager_apply(manager, no_pids[i], 0, e));

    opts.path = "/katacg-test-paper/a";
    for (bit = 6; bit < 64; bit++) {
        opts.flags = (uint64_t)1 << bit;
        NO_HANDLE(struct katacg_manager,
                  katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &out, e));
    }
    opts.flags = 0;
    opts.log_level = 2;
    NO_HANDLE(struct katacg_manager,
              katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &out, e));
    opts.log_level = 1;
    opts.log_fd = -1;
    NO_HANDLE(struct katacg_manager,
              katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &out, e));
    opts.log_level = 0;
    opts.path = NULL;
    opts.name = "a/b";
    NO_HANDLE(struct katacg_manager,
              katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &out, e));
    opts.name = NULL;
    opts.path = "/katacg-test-paper/a";
    opts.subsystems = "cpu,nonsense";
    NO_HANDLE(struct katacg_manager,
              katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &out, e));
    /* An empty list is an error, not all subsystems. */
    opts.subsystems = "";
    NO_HANDLE(struct katacg_manager,
              katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &out, e));
    opts.subsystems = NULL;
    /* For chown(2), -1 means to keep the owner. */
    opts.flags = KATACG_MANAGER_DELEGATE;
    opts.owner_uid = UINT32_MAX;
    NO_HANDLE(struct katacg_manager,
              katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &out, e));
}

int main(void) {
    CHECK(katacg_version() != NULL, "a version");
    CHECK(katacg_api_level() == KATACG_API_LEVEL, "%u", katacg_api_level());
    host = paper_host();
    manager = paper_manager(host);
    path_functions_refuse_null();
    host_functions_refuse_null();
    manager_functions_refuse_null();
    statistics_refuse_null_and_unknown_bits();
    lists_refuse_null_and_wrong_sizes();
    events_refuse_null_and_unknown_bits();
    process_functions_refuse_null_and_bad_ids();
    freezer_and_kill_refuse_null_and_bad_signals();
    attach_refuses_null();
    read_and_write_refuse_paths_as_file_names();
    unknown_and_contradictory_flags_are_refused();
    katacg_manager_free(manager);
    katacg_host_free(host);
    return finish();
}
