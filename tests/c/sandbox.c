/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the life cycle of a sandbox on cgroup v1: apply, set, a set from the saved state in another
 * process, warnings. Every value is read from its file without the library.
 */
#include "cgroups.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static struct katacg_error err;
static char text[16384];

/* Returns a manager for the cgroup. The host is read for this manager alone. */
static struct katacg_manager *new_manager(const char *cgroup, const char *subsystems,
                                          const char *resources, int log_fd) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;
    char spec[4096];

    snprintf(spec, sizeof(spec), "{\"linux\":{\"cgroupsPath\":\"%s\",\"resources\":%s}}", cgroup,
             resources);
    opts.subsystems = subsystems;
    opts.log_fd = log_fd;
    opts.log_level = log_fd > 0;
    CHECK(katacg_manager_new(NULL, spec, strlen(spec), &opts, sizeof(opts), &manager,
                             clear(&err)) == 0,
          "%s", err.message);
    MUST(manager);
    return manager;
}

static void calls_before_apply_report_deleted(struct katacg_manager *manager, const char *cgroup) {
    int32_t pids[4];

    CHECK(katacg_manager_exists(manager, clear(&err)) == 0, "exists");
    CHECK_ERROR(katacg_manager_pids(manager, pids, 4, clear(&err)), -ENOENT, &err,
                KATACG_ERR_DELETED, cgroup);
    CHECK_ERROR(katacg_manager_set(manager, "{\"cpu\":{\"shares\":9}}", 20, clear(&err)), -ENOENT,
                &err, KATACG_ERR_DELETED, cgroup);
    CHECK_ERROR(katacg_manager_read(manager, "cpu", "cpu.shares", text, sizeof(text), clear(&err)),
                -ENOENT, &err, KATACG_ERR_DELETED, cgroup);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
}

/* Checks that the process is in every hierarchy, and that katacg_manager_paths lists all of them.
 */
static void is_in(struct katacg_manager *manager, pid_t pid, const char *cgroup) {
    int m, keys = 0, controllers = 0;
    int32_t pids[4] = {0};
    const char *at;

    CHECK(count_in(pid, cgroup) == mount_count, "in %d of %d hierarchies", count_in(pid, cgroup),
          mount_count);
    CHECK(katacg_manager_paths(manager, text, sizeof(text), clear(&err)) > 0, "%s", err.message);
    for (at = text; (at = strstr(at, "\":\"")); at++)
        keys++;
    for (m = 0; m < mount_count; m++) {
        char wanted[1024], key[64];

        snprintf(wanted, sizeof(wanted), "\":\"%s%s\"", mounts[m].path, cgroup);
        CHECK(strstr(text, wanted), "%s not in %s", wanted, text);
        for (at = mounts[m].controllers, controllers++; (at = strchr(at, ',')); at++)
            controllers++;
        snprintf(key, sizeof(key), "%.*s", (int)strcspn(mounts[m].controllers, ","),
                 mounts[m].controllers);
        snprintf(wanted, sizeof(wanted), "%s%s", mounts[m].path, cgroup);
        char path[1024];
        CHECK(katacg_manager_path(manager, key, path, sizeof(path), clear(&err)) > 0 &&
                  strcmp(path, wanted) == 0,
              "%s: %s", key, path);
    }
    CHECK(keys == controllers, "%d paths for %d controllers: %s", keys, controllers, text);
    CHECK(katacg_manager_pids(manager, pids, 4, clear(&err)) == 1 && pids[0] == pid, "pids: %d, %s",
          (int)pids[0], err.message);
    CHECK(katacg_manager_pids(manager, NULL, 0, clear(&err)) == 1, "how many pids");
    CHECK_ERROR(katacg_manager_pids(manager, NULL, 1, clear(&err)), -EINVAL, &err,
                KATACG_ERR_ARGUMENT, NULL);
    CHECK_ERROR(katacg_manager_read(manager, "cpu", "tasks", NULL, 1, clear(&err)), -EINVAL, &err,
                KATACG_ERR_ARGUMENT, NULL);
}

#define CHECK_FILE(controller, file, wanted)                                                       \
    CHECK(strcmp(file_value(controller, cgroup, file), wanted) == 0, "%s is %s, wanted %s", file,  \
          file_value(controller, cgroup, file), wanted)

static void set(struct katacg_manager *manager, const char *resources) {
    CHECK(katacg_manager_set(manager, resources, strlen(resources), clear(&err)) == 0, "%s: %s",
          resources, err.message);
}

/* Returns "MAJOR:MINOR" of some block device, or NULL when the machine has none. */
static const char *block_device(void) {
    static char number[32];
    struct dirent *entry;
    DIR *dir = opendir("/sys/block");

    while (dir && (entry = readdir(dir)) && !number[0]) {
        char name[600];
        FILE *file;

        snprintf(name, sizeof(name), "/sys/block/%s/dev", entry->d_name);
        if ((file = fopen(name, "r"))) {
            if (fscanf(file, "%31s", number) != 1)
                number[0] = '\0';
            fclose(file);
        }
    }
    if (dir)
        closedir(dir);
    return number[0] ? number : NULL;
}

static void each_resource_reaches_its_file(struct katacg_manager *manager, const char *cgroup) {
    const char *device = block_device();
    int major, minor;
    char json[512];

    set(manager, "{\"cpu\":{\"shares\":512}}");
    CHECK_FILE("cpu", "cpu.shares", "512");
    set(manager, "{\"cpu\":{\"quota\":50000,\"period\":200000}}");
    CHECK_FILE("cpu", "cpu.cfs_quota_us", "50000");
    CHECK_FILE("cpu", "cpu.cfs_period_us", "200000");
    CHECK_FILE("cpu", "cpu.shares", "512");
    set(manager, "{\"cpu\":{\"quota\":-1}}");
    CHECK_FILE("cpu", "cpu.cfs_quota_us", "-1");
    set(manager, "{\"cpu\":{\"cpus\":\"0\",\"mems\":\"0\"}}");
    CHECK_FILE("cpuset", "cpuset.cpus", "0");
    CHECK_FILE("cpuset", "cpuset.mems", "0");
    set(manager, "{\"memory\":{\"limit\":67108864}}");
    CHECK_FILE("memory", "memory.limit_in_bytes", "67108864");
    set(manager, "{\"memory\":{\"reservation\":33554432,\"swappiness\":10}}");
    CHECK_FILE("memory", "memory.soft_limit_in_bytes", "33554432");
    CHECK_FILE("memory", "memory.swappiness", "10");
    CHECK_FILE("memory", "memory.limit_in_bytes", "67108864");
    if (is_there(mount_of("memory"), "/memory.memsw.limit_in_bytes")) {
        set(manager, "{\"memory\":{\"limit\":67108864,\"swap\":134217728}}");
        CHECK_FILE("memory", "memory.memsw.limit_in_bytes", "134217728");
        /* The new memory limit is above the old memory and swap limit, so swap goes first. */
        set(manager, "{\"memory\":{\"limit\":268435456,\"swap\":268435456}}");
        CHECK_FILE("memory", "memory.limit_in_bytes", "268435456");
        set(manager, "{\"memory\":{\"limit\":33554432,\"swap\":33554432}}");
        CHECK_FILE("memory", "memory.memsw.limit_in_bytes", "33554432");
        set(manager, "{\"memory\":{\"limit\":-1}}");
        CHECK_FILE("memory", "memory.memsw.limit_in_bytes", "9223372036854771712");
    }
    set(manager, "{\"pids\":{\"limit\":64}}");
    CHECK_FILE("pids", "pids.max", "64");
    set(manager, "{\"pids\":{\"limit\":-1}}");
    CHECK_FILE("pids", "pids.max", "max");
    set(manager, "{\"pids\":{}}");
    CHECK_FILE("pids", "pids.max", "max");
    if (device && mount_of("blkio") && sscanf(device, "%d:%d", &major, &minor) == 2) {
        char wanted[64];

        snprintf(json, sizeof(json),
                 "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":%d,\"minor\":%d,"
                 "\"rate\":1048576}]}}",
                 major, minor);
        set(manager, json);
        snprintf(wanted, sizeof(wanted), "%s 1048576", device);
        CHECK_FILE("blkio", "blkio.throttle.read_bps_device", wanted);
    }
    if (mount_of("")) {
        set(manager, "{\"unified\":{\"cgroup.max.descendants\":\"7\"}}");
        CHECK_FILE("", "cgroup.max.descendants", "7");
    }
    CHECK(katacg_manager_write(manager, "cpu", "cpu.shares", "700", 3, clear(&err)) == 0, "%s",
          err.message);
    CHECK_FILE("cpu", "cpu.shares", "700");
    CHECK(katacg_manager_read(manager, "cpu", "cpu.shares", text, sizeof(text), clear(&err)) == 4 &&
              strcmp(text, "700\n") == 0,
          "%s", text);
    CHECK_ERROR(katacg_manager_read(manager, "nonsense", "x", text, sizeof(text), clear(&err)),
                -ENOENT, &err, KATACG_ERR_NOT_MOUNTED, "nonsense");
}

static void refused_values_are_explained(struct katacg_manager *manager, const char *cgroup) {
    static const char small[] = "{\"memory\":{\"limit\":1048576}}";
    static const char devices[] = "{\"devices\":[{\"allow\":false,\"access\":\"\"}]}";
    pid_t child;

    CHECK_ERROR(katacg_manager_set(manager, "{\"cpu\":{\"shares\":1}}", 20, clear(&err)), -ERANGE,
                &err, KATACG_ERR_CLAMPED, "the minimum allowed cpu-shares is 2, not 1");
    CHECK_ERROR(katacg_manager_set(manager, devices, sizeof(devices) - 1, clear(&err)), -ERANGE,
                &err, KATACG_ERR_VALUE, "devices[0]");
    CHECK_ERROR(katacg_manager_plan(manager, devices, sizeof(devices) - 1, 0, NULL, 0, clear(&err)),
                -ERANGE, &err, KATACG_ERR_VALUE, "devices[0]");
    if (!mount_of("rdma") && !strstr(file_value("", "", "cgroup.controllers"), "rdma")) {
        static const char rdma[] = "{\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3}}}";
        CHECK_ERROR(katacg_manager_set(manager, rdma, sizeof(rdma) - 1, clear(&err)), -EOPNOTSUPP,
                    &err, KATACG_ERR_CONTROLLER, "available: ");
    }

    /* A child locks eight megabytes, charged to the cgroup, that cannot be swapped out. */
    set(manager, "{\"memory\":{\"limit\":67108864}}");
    int ready[2];
    char byte;
    MUST(pipe(ready) == 0);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        size_t len = (size_t)8 << 20;
        char *memory;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (katacg_manager_apply(manager, getpid(), 0, &err) < 0)
            _exit(1);
        memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED || mlock(memory, len) != 0)
            _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1, "the child could not lock memory in the cgroup");
    close(ready[0]);
    CHECK_ERROR(katacg_manager_set(manager, small, sizeof(small) - 1, clear(&err)), -EBUSY, &err,
                KATACG_ERR_SYSTEM, "unable to set memory limit to 1048576 (current usage: ");
    CHECK(err.sys_errno == EBUSY && strstr(err.message, "memory.limit_in_bytes") &&
              strstr(err.message, ", peak usage: "),
          "%s", err.message);
    CHECK_FILE("memory", "memory.limit_in_bytes", "67108864");
    end_child(child);
}

/* The resources that the manager remembers can be set again, as after a restart. */
static void own_resources_can_be_set_again(struct katacg_manager *manager) {
    CHECK(katacg_manager_set(manager, NULL, 0, clear(&err)) == 0, "%s; of the state %s",
          err.message,
          katacg_manager_state(manager, text, sizeof(text), NULL) > 0 ? text : "nothing");
}

static void loaded_state_controls_the_cgroup(const char *cgroup) {
    struct katacg_manager *manager = new_manager(cgroup, NULL, "{}", 0);
    static const char update[] = "{\"cpu\":{\"shares\":333},\"pids\":{\"limit\":33}}";
    int len, status;
    pid_t child;

    set(manager, "{\"cpu\":{\"shares\":444},\"pids\":{\"limit\":44}}");
    len = katacg_manager_state(manager, text, sizeof(text), clear(&err));
    CHECK(len > 0 && strstr(text, "444"), "%s", text);
    fflush(NULL);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        struct katacg_manager *loaded;

        alarm(60);
        /* NULL means the resources of the state. */
        if (katacg_manager_load(NULL, text, (size_t)len, &loaded, clear(&err)) < 0 ||
            katacg_manager_exists(loaded, &err) != 1 ||
            katacg_manager_write(loaded, "cpu", "cpu.shares", "555", 3, &err) < 0 ||
            katacg_manager_set(loaded, NULL, 0, &err) < 0 ||
            strcmp(file_value("cpu", cgroup, "cpu.shares"), "444") != 0 ||
            katacg_manager_set(loaded, update, sizeof(update) - 1, &err) < 0) {
            fprintf(stderr, "after load: %s\n", err.message);
            _exit(1);
        }
        katacg_manager_free(loaded);
        _exit(0);
    }
    waitpid(child, &status, 0);
    CHECK(status == 0, "status %#x", (unsigned)status);
    CHECK_FILE("cpu", "cpu.shares", "333");
    CHECK_FILE("pids", "pids.max", "33");
    katacg_manager_free(manager);
}

static void warnings_go_to_the_log(void) {
    const char *cgroup = test_cgroup("warnings");
    FILE *log = tmpfile();
    struct katacg_manager *loaded;
    struct katacg_manager *manager = new_manager(
        cgroup, NULL, "{\"memory\":{\"kernel\":1048576,\"limit\":67108864}}", fileno(log));
    size_t got;

    CHECK(katacg_manager_apply(manager, -1, KATACG_APPLY_SET, clear(&err)) == 0, "%s", err.message);
    rewind(log);
    got = fread(text, 1, sizeof(text) - 1, log);
    text[got] = '\0';
    CHECK(got > 0 && strstr(text, "warning: ") && strstr(text, "kernel") && text[got - 1] == '\n' &&
              strchr(text, '\n') == text + got - 1,
          "the log has \"%s\"", text);

    /* A loaded manager has no log until katacg_manager_log. */
    CHECK(katacg_manager_state(manager, text, sizeof(text), clear(&err)) < (int)sizeof(text),
          "state");
    CHECK(katacg_manager_load(NULL, text, strlen(text), &loaded, clear(&err)) == 0, "%s",
          err.message);
    CHECK(katacg_manager_set(loaded, NULL, 0, clear(&err)) == 0, "%s", err.message);
    CHECK(fread(text, 1, sizeof(text), log) == 0, "a log of its own");
    CHECK(katacg_manager_log(loaded, fileno(log), 1, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_set(loaded, NULL, 0, clear(&err)) == 0, "%s", err.message);
    CHECK(fseek(log, (long)got, SEEK_SET) == 0 && fread(text, 1, sizeof(text), log) == got,
          "no second warning");
    CHECK(katacg_manager_log(loaded, 0, 0, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_set(loaded, NULL, 0, clear(&err)) == 0, "%s", err.message);
    CHECK(fread(text, 1, sizeof(text), log) == 0, "not silent again");
    katacg_manager_free(loaded);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(manager);
    CHECK(fcntl(fileno(log), F_GETFD) >= 0, "the log descriptor is the caller's");
    fclose(log);
}

int main(void) {
    const char *why = no_v1();
    struct katacg_manager *manager;
    const char *cgroup;
    pid_t child;

    if (why) {
        puts(why);
        return SKIPPED;
    }
    cgroup = test_cgroup("sandbox");
    manager = new_manager(cgroup, NULL, "{}", 0);
    calls_before_apply_report_deleted(manager, cgroup);
    CHECK(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(cgroup) == mount_count, "in %d hierarchies", count_there(cgroup));
    CHECK(katacg_manager_exists(manager, clear(&err)) == 1, "exists");
    CHECK(katacg_manager_pids(manager, NULL, 0, clear(&err)) == 0, "no process was moved");
    child = start_child();
    CHECK(katacg_manager_apply(manager, child, 0, clear(&err)) == 0, "%s", err.message);
    is_in(manager, child, cgroup);
    each_resource_reaches_its_file(manager, cgroup);
    own_resources_can_be_set_again(manager);
    end_child(child);
    refused_values_are_explained(manager, cgroup);
    loaded_state_controls_the_cgroup(cgroup);
    warnings_go_to_the_log();
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(cgroup) == 0, "%d left", count_there(cgroup));
    CHECK(katacg_manager_exists(manager, clear(&err)) == 0, "exists");
    katacg_manager_free(manager);
    return finish();
}
