/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests the systemd driver without a systemd: which driver a path gets, options, states, and the
 * errors when no bus can be reached.
 */
#include "systemd.h"

#include <time.h>
#include <unistd.h>

#include "cgroups.h"

static void refused(int layout, const char *spec, const struct katacg_manager_opts *opts,
                    int result, int code, const char *part) {
    struct katacg_manager *manager = NULL;
    struct katacg_error err;

    CHECK_ERROR(katacg_manager_new(hosts[layout], spec, spec ? strlen(spec) : 0, opts,
                                   sizeof(*opts), &manager, clear(&err)),
                result, &err, code, part);
    CHECK(manager == NULL, "a handle in spite of \"%s\"", err.message);
}

/* `where` has the cgroup's path for each opts.driver, or NULL where the path is refused. */
static void driver_follows_from_option_and_path(void) {
    static const struct {
        const char *path, *where[4];
    } all[] = {
        {"system.slice:kata:x",
         {"system.slice/kata-x.scope", NULL, "system.slice/kata-x.scope",
          "system.slice/kata-x.scope"}},
        {"kubepods-burstable.slice:cri:x",
         {"kubepods.slice/kubepods-burstable.slice/cri-x.scope", NULL,
          "kubepods.slice/kubepods-burstable.slice/cri-x.scope",
          "own/kubepods-burstable.slice:cri:x"}},
        {":kata:x",
         {"system.slice/kata-x.scope", NULL, "system.slice/kata-x.scope", "own/:kata:x"}},
        {"a.slice:kata:a-b.slice",
         {"a.slice/a-b.slice", NULL, "a.slice/a-b.slice", "own/a.slice:kata:a-b.slice"}},
        {"/kata/x", {"kata/x", "kata/x", NULL, "kata/x"}},
        {"/a:b", {"a:b", "a:b", NULL, "a:b"}},
        {"system:kata:x", {NULL, NULL, NULL, NULL}},
    };
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    char path[512], wanted[512];
    struct katacg_error err;
    uint32_t d;
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        for (d = KATACG_DRIVER_AUTO; d <= KATACG_DRIVER_AUTO_K0; d++) {
            struct katacg_manager *manager;

            opts.path = all[i].path;
            opts.driver = d;
            if (!all[i].where[d]) {
                refused(LEGACY, NULL, &opts, -EINVAL, KATACG_ERR_PATH, NULL);
                continue;
            }
            manager = make(LEGACY, NULL, &opts, &err);
            snprintf(wanted, sizeof(wanted), "/sys/fs/cgroup/pids/%s", all[i].where[d]);
            CHECK(manager && katacg_manager_path(manager, "pids", path, sizeof(path), &err) > 0 &&
                      strcmp(path, wanted) == 0,
                  "%s by driver %u: %s, wanted %s; %s", all[i].path, (unsigned)d, path, wanted,
                  err.message);
            katacg_manager_free(manager);
        }
}

static void wrong_options_are_refused(void) {
    static const struct {
        const char *key, *value;
    } annotations[] = {
        {"X", "1"}, {"Timeout-Stop", "1"}, {"CPUWeight", "nonsense"}, {"TimeoutStopSec", "'x'"}};
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    char json[256];
    size_t i;

    opts.path = PATH;
    for (opts.driver = 4; opts.driver != 0; opts.driver <<= 1)
        refused(UNIFIED, NULL, &opts, -EINVAL, KATACG_ERR_ARGUMENT, "unknown opts.driver");
    for (opts.bus = 3; opts.bus <= 0x7fffffff; opts.bus = opts.bus * 2 + 1)
        refused(UNIFIED, NULL, &opts, -EINVAL, KATACG_ERR_ARGUMENT, "unknown opts.bus");
    opts.bus = 0;
    for (opts.reserved = 1; opts.reserved != 0; opts.reserved <<= 1)
        refused(UNIFIED, NULL, &opts, -E2BIG, KATACG_ERR_TOO_NEW, "reserved");
    /* The check also covers options that the chosen driver does not use. */
    opts.path = "/kata/x";
    opts.bus = 77;
    refused(UNIFIED, NULL, &opts, -EINVAL, KATACG_ERR_ARGUMENT, "unknown opts.bus 77");

    opts.path = PATH;
    opts.bus = KATACG_BUS_USER;
    refused(LEGACY, NULL, &opts, -EOPNOTSUPP, KATACG_ERR_UNSUPPORTED, "on v1");
    refused(HYBRID, NULL, &opts, -EOPNOTSUPP, KATACG_ERR_UNSUPPORTED, "on v1");
    opts.bus = 0;
    opts.flags = KATACG_MANAGER_STRICT;
    opts.path = "my-pods.slice:..:x";
    refused(UNIFIED, NULL, &opts, -EINVAL, KATACG_ERR_PATH, NULL);
    opts.flags = 0;
    opts.path = PATH;
    for (i = 0; i < sizeof(annotations) / sizeof(annotations[0]); i++) {
        snprintf(json, sizeof(json),
                 "{\"annotations\":{\"org.systemd.property.%s\":\"%s\"},\"linux\":{}}",
                 annotations[i].key, annotations[i].value);
        refused(UNIFIED, json, &opts, -ERANGE, KATACG_ERR_VALUE, annotations[i].key);
    }
}

static double seconds(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Reads /proc/PID/cgroup. */
static void where_is(pid_t pid, char *text, size_t size) {
    char path[64];
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
    MUST((file = fopen(path, "r")) != NULL);
    len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    fclose(file);
}

/* On this host, no bus listens at the address. The calls must fail at once and change nothing. */
static void unreachable_bus_fails_at_once(void) {
    static const char limits[] = "{\"pids\":{\"limit\":64}}";
    static const char with_limits[] = LINUX("\"pids\":{\"limit\":64}");
    static char before[8192], after[8192];
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    struct katacg_host *host;
    struct katacg_error err;
    const char *none = no_cgroups();
    char name[64], cgroup[128];
    double begin = seconds();
    pid_t child;
    int v;

    if (katacg_host_open(&host, clear(&err)) < 0) {
        printf("not on a real host: %s\n", err.message);
        return;
    }
    child = start_child();
    snprintf(name, sizeof(name), ":katacg-test:%d", (int)getpid());
    snprintf(cgroup, sizeof(cgroup), "/system.slice/katacg-test-%d.scope", (int)getpid());
    opts.path = name;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    opts.bus = KATACG_BUS_SYSTEM;
    opts.bus_address = NOWHERE;
    where_is(child, before, sizeof(before));
    for (v = 0; v < 2; v++) {
        opts.systemd_version = v == 0 ? 0 : 252;
        CHECK(katacg_manager_new(host, with_limits, sizeof(with_limits) - 1, &opts, sizeof(opts),
                                 &manager, clear(&err)) == 0,
              "%s", err.message);
        CHECK_ERROR(katacg_manager_apply(manager, -1, 0, clear(&err)), -ECONNREFUSED, &err,
                    KATACG_ERR_BUS, "StartTransientUnit of katacg-test-");
        CHECK_ERROR(katacg_manager_apply(manager, child, KATACG_APPLY_SET, clear(&err)),
                    -ECONNREFUSED, &err, KATACG_ERR_BUS, "/nonexistent/bus");
        CHECK(strstr(err.message, "are systemd and its D-Bus running here?") != NULL &&
                  err.sys_errno == ENOENT,
              "%d %s", (int)err.sys_errno, err.message);
        /* These resources do not depend on the version, and there is no cgroup to set. */
        CHECK(katacg_manager_set(manager, limits, sizeof(limits) - 1, clear(&err)) == -ENOENT &&
                  err.code == KATACG_ERR_DELETED,
              "%s", err.message);
        CHECK(katacg_manager_destroy(manager, clear(&err)) == -ECONNREFUSED &&
                  err.code == KATACG_ERR_BUS,
              "%s", err.message);
        CHECK(katacg_manager_exists(manager, clear(&err)) == 0, "%s", err.message);
        katacg_manager_free(manager);
    }
    where_is(child, after, sizeof(after));
    CHECK(strcmp(before, after) == 0, "the process was in\n%sand is in\n%s", before, after);
    if (!none)
        CHECK(count_there(cgroup) == 0, "%d directories are left", count_there(cgroup));
    /* Eight of these calls connect. A second for each would take longer. */
    CHECK(seconds() - begin < (is_watched() ? 20 : 6), "it took %.1f s", seconds() - begin);
    end_child(child);
    katacg_host_free(host);
}

/* Bad addresses in opts.bus_address and in each environment variable. */
static void bad_bus_addresses_are_refused(void) {
    static const struct {
        const char *address;
        int result, code;
        const char *part;
    } bad[] = {
        {"", -EINVAL, KATACG_ERR_ARGUMENT, "empty"},
        {";", -EINVAL, KATACG_ERR_ARGUMENT, "empty"},
        {"/run/dbus/system_bus_socket", -EINVAL, KATACG_ERR_ARGUMENT, "no transport"},
        {"unix:path=", -EINVAL, KATACG_ERR_ARGUMENT, "malformed"},
        {"unix:path=/a%zz", -EINVAL, KATACG_ERR_ARGUMENT, "malformed"},
        {"unix:dir=/tmp", -EOPNOTSUPP, KATACG_ERR_UNSUPPORTED, "unix:path="},
        {"tcp:host=localhost,port=1", -EOPNOTSUPP, KATACG_ERR_UNSUPPORTED, "unix:path="},
        {"unix:abstract=katacg-test-nobody", -ECONNREFUSED, KATACG_ERR_BUS, "katacg-test-nobody"},
        {"unix:path=/nonexistent/a;unix:path=/nonexistent/b", -ECONNREFUSED, KATACG_ERR_BUS,
         "/nonexistent/a"},
        {"unix:path=/dev/null", -ECONNREFUSED, KATACG_ERR_BUS, "/dev/null"},
    };
    static const char *const variables[] = {"DBUS_SYSTEM_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS",
                                            "XDG_RUNTIME_DIR"};
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    struct katacg_error err;
    size_t i;

    opts.path = PATH;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        opts.bus = KATACG_BUS_SYSTEM;
        opts.bus_address = bad[i].address;
        if (bad[i].code != KATACG_ERR_BUS) {
            refused(UNIFIED, NULL, &opts, bad[i].result, bad[i].code, bad[i].part);
        } else {
            manager = make(UNIFIED, NULL, &opts, &err);
            CHECK_ERROR(katacg_manager_apply(manager, -1, 0, clear(&err)), bad[i].result, &err,
                        bad[i].code, bad[i].part);
            katacg_manager_free(manager);
        }
        /* katacg_manager_new asks a user's systemd where its units are. */
        opts.bus = KATACG_BUS_USER;
        refused(UNIFIED, NULL, &opts, bad[i].result, bad[i].code, bad[i].part);
    }
    opts.bus_address = NULL;
    for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        MUST(unsetenv(variables[i]) == 0);
    refused(UNIFIED, NULL, &opts, -EOPNOTSUPP, KATACG_ERR_UNSUPPORTED, "XDG_RUNTIME_DIR");
    MUST(setenv("XDG_RUNTIME_DIR", "/nonexistent/run", 1) == 0);
    refused(UNIFIED, NULL, &opts, -ECONNREFUSED, KATACG_ERR_BUS, "unix:path=/nonexistent/run/bus");
    MUST(setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/session", 1) == 0);
    refused(UNIFIED, NULL, &opts, -ECONNREFUSED, KATACG_ERR_BUS, "unix:path=/nonexistent/session");
    opts.bus = KATACG_BUS_SYSTEM;
    MUST(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/system", 1) == 0);
    manager = make(UNIFIED, NULL, &opts, &err);
    CHECK_ERROR(katacg_manager_apply(manager, -1, 0, clear(&err)), -ECONNREFUSED, &err,
                KATACG_ERR_BUS, "unix:path=/nonexistent/system");
    katacg_manager_free(manager);
}

static void states_round_trip_and_wrong_states_are_refused(void) {
    static const char annotated[] =
        "{\"annotations\":{\"org.systemd.property.TimeoutStopSec\":\"uint64 7\",\"other\":\"x\"},"
        "\"linux\":" LINUX("\"cpu\":{\"quota\":50001},\"pids\":{\"limit\":64}") "}";
#define STATE(driver, path) "{\"version\":1,\"driver\":\"" driver "\",\"path\":\"" path "\""
    static const struct {
        const char *json;
        int result, code;
    } bad[] = {
        {STATE("systemd", "/a") "}", -EINVAL, KATACG_ERR_PATH},
        {STATE("systemd", "a:b") "}", -EINVAL, KATACG_ERR_PATH},
        {STATE("systemd", "a:b:c") "}", -EINVAL, KATACG_ERR_PATH},
        {STATE("cgroupfs", "a.slice:b:c") "}", -EINVAL, KATACG_ERR_PATH},
        {STATE("upstart", "a.slice:b:c") "}", -EOPNOTSUPP, KATACG_ERR_UNSUPPORTED},
        {STATE("systemd", "a.slice:b:c") ",\"bus\":\"moon\"}", -EINVAL, KATACG_ERR_JSON},
        {STATE("systemd", "a.slice:b:c") ",\"paths\":{\"\":\"/etc/x\"}}", -EINVAL, KATACG_ERR_PATH},
        {STATE("systemd", "a.slice:b:c") ",\"paths\":{\"rdma\":\"/sys/fs/cgroup/pids/x\"}}",
         -ENOENT, KATACG_ERR_NOT_MOUNTED},
        {STATE("systemd", "a.slice:b:c") ",\"annotations\":{\"org.systemd.property.X\":\"1\"}}",
         -ERANGE, KATACG_ERR_VALUE},
    };
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    struct katacg_error err;
    char saved[8192], again[8192], was[8192], is[8192];
    size_t i;
    int l;

    for (l = 0; l < LAYOUTS; l++) {
        opts.path = PATH;
        opts.bus_address = NOWHERE;
        manager = make(l, annotated, &opts, &err);
        CHECK(katacg_manager_state(manager, saved, sizeof(saved), clear(&err)) > 0 &&
                  katacg_manager_paths(manager, was, sizeof(was), clear(&err)) > 0,
              "%s", err.message);
        has(saved, "\"driver\":\"systemd\"");
        has(saved, "\"bus\":\"system\"");
        has(saved, "\"busAddress\":\"" NOWHERE "\"");
        has(saved, "\"org.systemd.property.TimeoutStopSec\":\"uint64 7\"");
        katacg_manager_free(manager);
        manager = NULL;
        CHECK(katacg_manager_load(hosts[l], saved, strlen(saved), &manager, clear(&err)) == 0, "%s",
              err.message);
        CHECK(katacg_manager_state(manager, again, sizeof(again), clear(&err)) > 0 &&
                  strcmp(saved, again) == 0,
              "%s, was %s", again, saved);
        CHECK(katacg_manager_paths(manager, is, sizeof(is), clear(&err)) > 0 &&
                  strcmp(was, is) == 0,
              "%s, were %s", is, was);
        CHECK_ERROR(katacg_manager_apply(manager, -1, 0, clear(&err)), -ECONNREFUSED, &err,
                    KATACG_ERR_BUS, "StartTransientUnit of " UNIT);
        katacg_manager_free(manager);
        /* The saved hierarchies do not exist on a host of another layout. */
        CHECK(katacg_manager_load(hosts[l == UNIFIED ? LEGACY : UNIFIED], saved, strlen(saved),
                                  &manager, clear(&err)) < 0 &&
                  !manager,
              "%s loaded elsewhere: %s", layouts[l], err.message);
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        manager = NULL;
        CHECK_ERROR(katacg_manager_load(hosts[UNIFIED], bad[i].json, strlen(bad[i].json), &manager,
                                        clear(&err)),
                    bad[i].result, &err, bad[i].code, NULL);
        CHECK(!manager, "a handle");
    }
    /* A directory whose name looks like a unit stays a directory. */
    memset(&opts, 0, sizeof(opts));
    opts.path = PATH;
    opts.driver = KATACG_DRIVER_AUTO_K0;
    manager = make(LEGACY, NULL, &opts, &err);
    CHECK(katacg_manager_state(manager, saved, sizeof(saved), clear(&err)) > 0, "%s", err.message);
    has(saved, "\"driver\":\"cgroupfs\"");
    katacg_manager_free(manager);
    CHECK(katacg_manager_load(hosts[LEGACY], saved, strlen(saved), &manager, clear(&err)) == 0 &&
              katacg_manager_state(manager, again, sizeof(again), clear(&err)) > 0 &&
              strcmp(saved, again) == 0,
          "%s, was %s", err.message, saved);
    katacg_manager_free(manager);
}

int main(void) {
    make_hosts();
    driver_follows_from_option_and_path();
    wrong_options_are_refused();
    states_round_trip_and_wrong_states_are_refused();
    unreachable_bus_fails_at_once();
    bad_bus_addresses_are_refused();
    return free_hosts();
}
