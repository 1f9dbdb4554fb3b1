/* SPDX-License-Identifier: Apache-2.0 */
/* Destroys cgroups: repeatedly, with children, and with processes that live or are ending. */
#include "cgroups.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static struct katacg_error err;

static struct katacg_manager *new_manager(const char *path) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;

    opts.path = path;
    CHECK(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    MUST(manager);
    return manager;
}

static void apply(struct katacg_manager *manager, pid_t pid) {
    CHECK(katacg_manager_apply(manager, pid, 0, clear(&err)) == 0, "%s", err.message);
}

static void destroy(struct katacg_manager *manager, const char *cgroup) {
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(cgroup) == 0, "%d left", count_there(cgroup));
    CHECK(katacg_manager_exists(manager, clear(&err)) == 0, "exists");
}

static void destroy_can_be_repeated(void) {
    const char *cgroup = test_cgroup("again");
    struct katacg_manager *manager = new_manager(cgroup);
    int i;

    destroy(manager, cgroup);
    for (i = 0; i < 3; i++) {
        apply(manager, -1);
        CHECK(count_there(cgroup) == mount_count, "in %d", count_there(cgroup));
        destroy(manager, cgroup);
        destroy(manager, cgroup);
    }
    /* Another process has removed two of the directories. */
    apply(manager, -1);
    remove_cgroup(mount_of("memory"), cgroup);
    remove_cgroup(mount_of("cpu"), cgroup);
    destroy(manager, cgroup);
    katacg_manager_free(manager);
}

static void destroy_removes_child_cgroups(void) {
    const char *cgroup = test_cgroup("family");
    struct katacg_manager *manager = new_manager(cgroup);

    apply(manager, -1);
    make_cgroup(mount_of("memory"), test_cgroup("family/a"));
    make_cgroup(mount_of("memory"), test_cgroup("family/b"));
    make_cgroup(mount_of("memory"), test_cgroup("family/b/c"));
    make_cgroup(mount_of("memory"), test_cgroup("family/b/c/d"));
    make_cgroup(mount_of("pids"), test_cgroup("family/x"));
    if (mount_of(""))
        make_cgroup(mount_of(""), test_cgroup("family/y"));
    destroy(manager, cgroup);
    CHECK(count_there(parent_cgroup()) == mount_count, "the parent was removed");
    katacg_manager_free(manager);
}

static double seconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/*
 * destroy waits about one second in all, not one second per hierarchy. The bounds are wide, so that
 * a slow machine does not fail.
 */
static void destroy_names_the_process_inside(void) {
    const char *cgroup = test_cgroup("alive");
    struct katacg_manager *manager = new_manager(cgroup);
    pid_t child = start_child();
    char number[16];
    double start;

    apply(manager, child);
    snprintf(number, sizeof(number), "%d", (int)child);
    start = seconds();
    CHECK_ERROR(katacg_manager_destroy(manager, clear(&err)), -EBUSY, &err, KATACG_ERR_BUSY,
                number);
    start = seconds() - start;
    printf("destroy with a process inside: %.1f s\n", start);
    CHECK(start > 0.5, "destroy did not wait: %.3f s", start);
    CHECK(mount_count < 5 || start < 0.8 * mount_count, "destroy waited %.1f s", start);
    CHECK(kill(child, 0) == 0, "the process was killed");
    CHECK(count_in(child, cgroup) == mount_count, "the process was moved");
    CHECK(katacg_manager_exists(manager, clear(&err)) == 1, "exists");

    /* A process that has ended but was not reaped yet. */
    kill(child, SIGKILL);
    destroy(manager, cgroup);
    end_child(child);
    katacg_manager_free(manager);
}

static void destroy_names_the_process_in_a_child_cgroup(void) {
    const char *cgroup = test_cgroup("below"), *inner = test_cgroup("below/inner");
    struct katacg_manager *manager = new_manager(cgroup);
    pid_t child = start_child();
    char number[16];

    apply(manager, -1);
    make_cgroup(mount_of("pids"), inner);
    snprintf(number, sizeof(number), "%d", (int)child);
    set_file_value("pids", inner, "cgroup.procs", number);
    CHECK_ERROR(katacg_manager_destroy(manager, clear(&err)), -EBUSY, &err, KATACG_ERR_BUSY,
                number);
    CHECK(count_there(cgroup) == 1, "the others are gone: %d left", count_there(cgroup));
    end_child(child);
    destroy(manager, cgroup);
    katacg_manager_free(manager);
}

int main(void) {
    const char *why = no_v1();

    if (why) {
        puts(why);
        return SKIPPED;
    }
    destroy_can_be_repeated();
    destroy_removes_child_cgroups();
    destroy_names_the_process_inside();
    destroy_names_the_process_in_a_child_cgroup();
    return finish();
}
