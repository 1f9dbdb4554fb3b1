/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics: compares katacg_manager_stats and the reader with the files. Counts the exact system
 * calls of a reading. Removes the cgroup, and makes it again.
 */
#include "cgroups.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static struct katacg_error err;
static struct katacg_manager *manager;

static const char spec[] =
    "{\"linux\":{\"resources\":{\"cpu\":{\"quota\":50000},\"pids\":{\"limit\":64}}}}";

static struct katacg_stats all(uint64_t controllers) {
    struct katacg_stats out = KATACG_STATS_INIT;

    CHECK(katacg_manager_stats(manager, controllers, &out, sizeof(out), clear(&err)) == 0, "%s",
          err.message);
    return out;
}

static void apply(void) {
    CHECK(katacg_manager_apply(manager, -1, KATACG_APPLY_SET, clear(&err)) == 0, "%s", err.message);
}

static int unified(void) {
    return mount_count == 1 && mounts[0].v2;
}

/* Debian 13 has no memory controller on v1, and a kernel parameter turns it off. */
static int with_memory(void) {
    if (unified())
        return strstr(file_value("", "", "cgroup.controllers"), "memory") != NULL;
    return mount_of("memory") != NULL;
}

static void limits_and_usage_are_those_of_the_files(void) {
    struct katacg_stats out = all(0);
    const uint64_t valid = KATACG_STATS_HAS_CPU_USAGE | KATACG_STATS_HAS_CPU_THROTTLING |
                           KATACG_STATS_HAS_PIDS_CURRENT;
    const uint64_t memory = KATACG_STATS_HAS_MEMORY_USAGE | KATACG_STATS_HAS_MEMORY_LIMIT |
                            KATACG_STATS_HAS_FAULTS | KATACG_STATS_HAS_WORKING_SET |
                            KATACG_STATS_HAS_OOM_KILLS;

    CHECK((out.valid & valid) == valid, "%llx", (unsigned long long)out.valid);
    CHECK(out.pids_limit == 64 && out.pids_current == 0, "pids");
    if (!with_memory())
        return;
    CHECK((out.valid & memory) == memory, "%llx", (unsigned long long)out.valid);
    CHECK(out.memory_limit == KATACG_STATS_MAX_VALUE, "%llu", (unsigned long long)out.memory_limit);
    CHECK(out.memory_events_oom_kill == 0, "oom kills");
}

/* The call still reads the other controllers. */
static void what_the_kernel_does_not_have_is_missing(void) {
    const uint64_t pressure = KATACG_STATS_HAS_CPU_SOME | KATACG_STATS_HAS_CPU_FULL |
                              KATACG_STATS_HAS_MEMORY_PRESSURE | KATACG_STATS_HAS_IO_PRESSURE;
    const uint64_t memory = KATACG_STATS_HAS_MEMORY_USAGE | KATACG_STATS_HAS_MEMORY_LIMIT |
                            KATACG_STATS_HAS_FAULTS | KATACG_STATS_HAS_OOM_KILLS;
    struct katacg_stats out = all(0);

    CHECK(out.valid & KATACG_STATS_HAS_PIDS_LIMIT, "%llx", (unsigned long long)out.valid);
    if (!with_memory() && unified()) {
        CHECK(out.missing & KATACG_STATS_MEMORY, "%llx", (unsigned long long)out.missing);
        CHECK(!(out.valid & memory), "%llx", (unsigned long long)out.valid);
        CHECK(out.memory_usage == 0 && out.memory_limit == 0, "memory");
    }
    if (unified() && access("/proc/pressure/cpu", F_OK) != 0) {
        CHECK(out.missing & KATACG_STATS_PRESSURE, "%llx", (unsigned long long)out.missing);
        CHECK(!(out.valid & pressure), "%llx", (unsigned long long)out.valid);
    }
}

/* A reading logs the names of the controllers that are missing, and nothing else. */
static void what_is_missing_is_named_in_the_log(void) {
    static const char *const names[] = {"cpu",     "memory", "pids", "io",
                                        "hugetlb", "rdma",   "misc", "pressure"};
    char text[1024] = "";
    uint64_t missing;
    int fds[2], i;
    ssize_t n;

    MUST(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK(katacg_manager_log(manager, fds[1], 1, clear(&err)) == 0, "%s", err.message);
    (void)all(KATACG_STATS_PIDS);
    CHECK(read(fds[0], text, sizeof(text) - 1) == -1, "%s", text);
    missing = all(0).missing;
    n = read(fds[0], text, sizeof(text) - 1);
    text[n < 0 ? 0 : n] = 0;
    CHECK((n > 0) == (missing != 0), "%llx: %s", (unsigned long long)missing, text);
    CHECK(missing == 0 || strstr(text, "no statistics of "), "%s", text);
    for (i = 0; i < 8; i++) {
        char word[16];

        snprintf(word, sizeof(word), " %s", names[i]);
        CHECK(!(missing >> i & 1) || strstr(text, word), "no %s in %s", names[i], text);
    }
    CHECK(katacg_manager_log(manager, -1, 0, clear(&err)) == 0, "%s", err.message);
    close(fds[0]);
    close(fds[1]);
}

/* A brief reading has one file for each of four controllers. */
static void a_brief_reading_has_the_usage_alone(void) {
    struct katacg_stats out = all(KATACG_STATS_BRIEF | KATACG_STATS_CPU | KATACG_STATS_PIDS);

    CHECK(out.valid & KATACG_STATS_HAS_CPU_USAGE, "%llx", (unsigned long long)out.valid);
    CHECK(out.valid & KATACG_STATS_HAS_PIDS_CURRENT, "%llx", (unsigned long long)out.valid);
    CHECK(!(out.valid & KATACG_STATS_HAS_PIDS_LIMIT) && out.missing == 0, "%llx",
          (unsigned long long)out.valid);
}

static void only_what_was_asked_for_is_valid(void) {
    struct katacg_stats out = all(KATACG_STATS_PIDS);

    CHECK(out.pids_limit == 64 && out.missing == 0, "pids");
    CHECK(!(out.valid & (KATACG_STATS_HAS_MEMORY_USAGE | KATACG_STATS_HAS_CPU_USAGE)), "others");
}

/*
 * Bytes behind the size that the caller states stay as they are. Fields that the caller's struct
 * does not have get no bit of valid.
 */
static void structs_of_every_size_are_filled_to_their_size(void) {
    static unsigned char memory[4096 + 8];
    struct katacg_stats whole = all(0);
    size_t size, i;

    for (size = 0; size <= 4096; size++) {
        int good = size >= 16 && size % 8 == 0, result;
        uint64_t valid;

        memset(memory, 0xa5, sizeof(memory));
        result =
            katacg_manager_stats(manager, KATACG_STATS_PIDS, (void *)memory, size, clear(&err));
        if (!good) {
            CHECK_ERROR(result, -EINVAL, &err, KATACG_ERR_ARGUMENT, "size");
            CHECK(memory[0] == 0xa5, "a failed call wrote");
            continue;
        }
        CHECK(result == 0, "%s", err.message);
        for (i = size; i < sizeof(memory) && memory[i] == 0xa5; i++)
            ;
        CHECK(i == sizeof(memory), "size %lu: byte %lu written", (unsigned long)size,
              (unsigned long)i);
        for (i = sizeof(whole); i < size && memory[i] == 0; i++)
            ;
        CHECK(i >= size, "size %lu: byte %lu is not 0", (unsigned long)size, (unsigned long)i);
        memcpy(&valid, memory, sizeof(valid));
        if (size < offsetof(struct katacg_stats, pids_limit) + 8)
            CHECK(!(valid & KATACG_STATS_HAS_PIDS_LIMIT), "size %lu", (unsigned long)size);
        else
            CHECK(valid & KATACG_STATS_HAS_PIDS_LIMIT, "size %lu", (unsigned long)size);
    }
}

static int descriptors(void) {
    DIR *dir = opendir("/proc/self/fd");
    int count = -1;

    MUST(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* Runs readings in a child that this process traces, and returns the system calls of one of them,
 * or -1 if one was not a pread. */
static long calls_of_a_reading(struct katacg_stats_reader *reader) {
    int status;
    long calls = 0, on = 0, entry = 1;
    struct katacg_stats out;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        /* The first reading may grow the buffer. */
        if (katacg_stats_reader_read(reader, &out, sizeof(out), NULL) != 0 ||
            ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
            _exit(1);
        raise(SIGSTOP);
        (void)syscall(SYS_getppid);
        (void)!katacg_stats_reader_read(reader, &out, sizeof(out), NULL);
        (void)syscall(SYS_getppid);
        _exit(0);
    }
    MUST(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
    MUST(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
    for (;;) {
        struct __ptrace_syscall_info info;

        MUST(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
        MUST(waitpid(pid, &status, 0) == pid);
        if (WIFEXITED(status))
            break;
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80))
            continue;
        MUST(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0);
        entry = info.op == PTRACE_SYSCALL_INFO_ENTRY;
        if (!entry)
            continue;
        if (info.entry.nr == SYS_getppid)
            on++;
        else if (on == 1)
            calls = info.entry.nr == SYS_pread64 && calls >= 0 ? calls + 1 : -1;
    }
    CHECK(on == 2, "%ld marks", on);
    return calls;
}

static void a_reading_costs_one_pread_for_each_open_file(uint64_t controllers) {
    struct katacg_stats_reader *reader;
    int before = descriptors(), files;
    long calls;

    CHECK(katacg_stats_reader_open(manager, controllers, &reader, clear(&err)) == 0, "%s",
          err.message);
    files = descriptors() - before;
    CHECK(files > 0, "%d files", files);
    calls = is_watched() ? files : calls_of_a_reading(reader);
    CHECK(calls == files, "%ld system calls for %d files", calls, files);
    katacg_stats_reader_free(reader);
    CHECK(descriptors() == before, "%d descriptors, before %d", descriptors(), before);
}

static int is_file(const char *controller, const char *file) {
    return mount_of(controller) && file_value(controller, test_cgroup("stats"), file)[0] != '(';
}

/* v1 has a file of I/O for each policy. The reader keeps them until one of them names a device. */
static void a_brief_reading_has_one_file_for_each_controller(void) {
    const uint64_t brief = KATACG_STATS_BRIEF | KATACG_STATS_CPU | KATACG_STATS_MEMORY |
                           KATACG_STATS_PIDS | KATACG_STATS_IO;
    struct katacg_stats_reader *reader;
    int before = descriptors(), files, wanted;

    if (unified()) {
        const char *on = with_memory() ? "+io +memory" : "+io";

        set_file_value("", "", "cgroup.subtree_control", on);
        set_file_value("", parent_cgroup(), "cgroup.subtree_control", on);
        wanted = with_memory() ? 4 : 3;
    } else {
        wanted = is_file("cpuacct", "cpuacct.usage") + is_file("pids", "pids.current") +
                 (is_file("memory", "memory.usage_in_bytes") || is_file("", "memory.current")) +
                 is_file("blkio", "blkio.bfq.io_service_bytes_recursive") +
                 is_file("blkio", "blkio.io_service_bytes_recursive") +
                 (is_file("blkio", "blkio.throttle.io_service_bytes_recursive") ||
                  is_file("blkio", "blkio.throttle.io_service_bytes"));
    }
    CHECK(katacg_stats_reader_open(manager, brief, &reader, clear(&err)) == 0, "%s", err.message);
    files = descriptors() - before;
    katacg_stats_reader_free(reader);
    CHECK(files == wanted, "%d files, not %d", files, wanted);
    printf("a brief reading of cpu, memory, pids and io has %d files\n", files);
    a_reading_costs_one_pread_for_each_open_file(brief);
}

static void reader_says_removed_and_opens_the_new_cgroup(void) {
    struct katacg_stats out = KATACG_STATS_INIT;
    struct katacg_stats_reader *reader;
    int i;

    CHECK(katacg_stats_reader_open(manager, KATACG_STATS_PIDS, &reader, clear(&err)) == 0, "%s",
          err.message);
    CHECK(katacg_stats_reader_read(reader, &out, sizeof(out), clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    for (i = 0; i < 3; i++)
        CHECK_ERROR(katacg_stats_reader_read(reader, &out, sizeof(out), clear(&err)), -ENODEV, &err,
                    KATACG_ERR_DELETED, "does not exist");
    apply();
    CHECK(katacg_stats_reader_read(reader, &out, sizeof(out), clear(&err)) == 1, "%s", err.message);
    CHECK(out.pids_limit == 64, "%llu", (unsigned long long)out.pids_limit);
    CHECK(katacg_stats_reader_read(reader, &out, sizeof(out), clear(&err)) == 0, "%s", err.message);
    katacg_stats_reader_free(reader);
}

static void a_cgroup_that_does_not_exist_has_no_statistics(void) {
    struct katacg_stats out = KATACG_STATS_INIT;
    struct katacg_stats_reader *reader = (void *)&out;

    CHECK_ERROR(katacg_manager_stats(manager, 0, &out, sizeof(out), clear(&err)), -ENOENT, &err,
                KATACG_ERR_DELETED, "does not exist");
    CHECK_ERROR(katacg_stats_reader_open(manager, 0, &reader, clear(&err)), -ENOENT, &err,
                KATACG_ERR_DELETED, "does not exist");
    CHECK(reader == NULL, "a failed call left a handle");
}

int main(void) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    const char *why = no_cgroups();

    if (why) {
        puts(why);
        return SKIPPED;
    }
    opts.path = test_cgroup("stats");
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    CHECK(katacg_manager_new(NULL, spec, sizeof(spec) - 1, &opts, sizeof(opts), &manager,
                             clear(&err)) == 0,
          "%s", err.message);
    MUST(manager);
    a_cgroup_that_does_not_exist_has_no_statistics();
    apply();
    limits_and_usage_are_those_of_the_files();
    what_the_kernel_does_not_have_is_missing();
    what_is_missing_is_named_in_the_log();
    a_brief_reading_has_the_usage_alone();
    only_what_was_asked_for_is_valid();
    structs_of_every_size_are_filled_to_their_size();
    a_reading_costs_one_pread_for_each_open_file(KATACG_STATS_CPU | KATACG_STATS_MEMORY |
                                                 KATACG_STATS_PIDS);
    a_reading_costs_one_pread_for_each_open_file(KATACG_STATS_BRIEF | KATACG_STATS_CPU |
                                                 KATACG_STATS_PIDS);
    a_reading_costs_one_pread_for_each_open_file(KATACG_STATS_PRESSURE | KATACG_STATS_CGROUP |
                                                 KATACG_STATS_PIDS | KATACG_STATS_HUGETLB);
    a_brief_reading_has_one_file_for_each_controller();
    reader_says_removed_and_opens_the_new_cgroup();
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(manager);
    return finish();
}
