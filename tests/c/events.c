/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events through the C ABI: the descriptor wakes poll and an edge-triggered epoll, the array may be
 * narrow, and an OOM kill of a cgroup that is then removed is reported. Closing leaves nothing
 * behind, and a forked child takes no event.
 */
#include "cgroups.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static struct katacg_error err;
static struct katacg_manager *manager;

static struct katacg_events *watch(uint64_t kinds) {
    struct katacg_events_opts opts = KATACG_EVENTS_OPTS_INIT;
    struct katacg_events *events = NULL;

    opts.kinds = kinds;
    CHECK(katacg_events_open(manager, &opts, sizeof(opts), &events, clear(&err)) == 0, "%s",
          err.message);
    MUST(events);
    return events;
}

/* Waits for an event of a kind with an edge-triggered epoll, and reads one event at a time. */
static struct katacg_event next(struct katacg_events *events, uint64_t kind) {
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLET}, woken;
    struct katacg_event event;
    int poller = epoll_create1(EPOLL_CLOEXEC), rounds, count;

    MUST(poller >= 0);
    MUST(epoll_ctl(poller, EPOLL_CTL_ADD, katacg_events_fd(events, NULL), &wanted) == 0);
    for (rounds = 0; rounds < 200; rounds++) {
        while ((count = katacg_events_read(events, &event, 1, clear(&err))) > 0) {
            if (event.kind == kind) {
                close(poller);
                return event;
            }
        }
        CHECK(count == 0, "%d %s", count, err.message);
        MUST(epoll_wait(poller, &woken, 1, 5000) >= 0);
    }
    CHECK(0, "no event %llu", (unsigned long long)kind);
    close(poller);
    memset(&event, 0, sizeof(event));
    return event;
}

static void a_quiet_cgroup_with_a_process_does_not_wake(void) {
    pid_t child = start_child();
    struct katacg_events *events;
    struct katacg_event event;
    struct pollfd fd;
    int i;

    CHECK(katacg_manager_add(manager, &child, 1, 0, NULL, clear(&err)) == 0, "%s", err.message);
    events = watch(KATACG_EVENT_REMOVED);
    fd.fd = katacg_events_fd(events, clear(&err));
    fd.events = POLLIN;
    CHECK(fd.fd >= 0, "%s", err.message);
    /* The first readings can be due to events from before. */
    for (i = 0; i < 3; i++) {
        (void)poll(&fd, 1, 200);
        CHECK(katacg_events_read(events, &event, 1, clear(&err)) == 0, "%s", err.message);
    }
    if (mount_of("") != NULL)
        CHECK(poll(&fd, 1, 500) == 0, "it woke");
    katacg_events_free(events);
    end_child(child);
}

static int count_links(const char *what) {
    char path[64], to[256];
    int fd, count = 0;

    for (fd = 0; fd < 1024; fd++) {
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        n = readlink(path, to, sizeof(to) - 1);
        if (n < 0)
            continue;
        to[n] = 0;
        count += strstr(to, what) != NULL;
    }
    return count;
}

/* Returns the number of directories that this process watches by inotify. */
static int count_watches(void) {
    char path[64], line[512];
    int fd, count = 0;

    for (fd = 0; fd < 1024; fd++) {
        FILE *info;

        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        info = fopen(path, "re");
        if (!info)
            continue;
        while (fgets(line, sizeof(line), info))
            count += strncmp(line, "inotify wd:", 11) == 0;
        fclose(info);
    }
    return count;
}

static void a_thousand_rounds_leave_nothing(void) {
    unsigned long i, rounds = divided(1000);
    struct katacg_events *first, *second;
    int before;

    katacg_events_free(watch(0));
    before = count_links("");
    for (i = 0; i < rounds; i++)
        katacg_events_free(watch(0));
    CHECK(count_links("") == before, "%d descriptors, before %d", count_links(""), before);
    CHECK(count_watches() == 0, "%d watched directories", count_watches());
    first = watch(KATACG_EVENT_REMOVED);
    second = watch(KATACG_EVENT_REMOVED);
    CHECK(count_links("inotify") == 1 && count_watches() == 1, "%d inotify instances, %d watches",
          count_links("inotify"), count_watches());
    katacg_events_free(first);
    CHECK(count_watches() == 1, "the second watch has lost its directory");
    katacg_events_free(second);
    CHECK(count_links("") == before, "%d descriptors, before %d", count_links(""), before);
    CHECK(count_links("inotify") == 0 && count_watches() == 0, "inotify is left");
}

/* A forked child watches a cgroup of its own, with the host of its parent. */
static void a_child_does_not_take_the_events_of_its_parent(void) {
    struct katacg_events *events = watch(KATACG_EVENT_REMOVED);
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *box;
    int status, gone[2];
    pid_t child;
    char byte;

    katacg_events_free(events);
    opts.path = test_cgroup("events-box");
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    MUST(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &box, clear(&err)) == 0);
    MUST(katacg_manager_apply(box, -1, 0, clear(&err)) == 0);
    CHECK(katacg_events_open(box, NULL, 0, &events, clear(&err)) == 0, "%s", err.message);
    MUST(pipe(gone) == 0);
    fflush(NULL);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        struct katacg_events *own;
        struct katacg_event event;

        alarm(60);
        if (read(gone[0], &byte, 1) != 1)
            _exit(1);
        /* Reads the child's inotify instance, which must not be that of the parent process. */
        if (katacg_events_open(manager, NULL, 0, &own, clear(&err)) != 0)
            _exit(2);
        if (katacg_events_read(own, &event, 1, clear(&err)) != 0)
            _exit(3);
        katacg_events_free(own);
        katacg_events_free(events);
        _exit(0);
    }
    CHECK(katacg_manager_destroy(box, clear(&err)) == 0, "%s", err.message);
    MUST(write(gone[1], "x", 1) == 1);
    MUST(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    CHECK(next(events, KATACG_EVENT_REMOVED).value == KATACG_EVENT_EXACT, "not exact");
    katacg_events_free(events);
    katacg_manager_free(box);
    close(gone[0]);
    close(gone[1]);
}

static void set_file(const char *path, const char *value) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        _exit(2);
    close(fd);
}

/* Watches in a user namespace that allows no inotify instance, as for a user that has none left. */
static int watch_without_inotify(int ready, const char *path) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *box;
    struct katacg_events *events;

    alarm(60);
    if (unshare(CLONE_NEWUSER) != 0)
        return 77;
    set_file("/proc/self/uid_map", "0 0 1");
    set_file("/proc/sys/user/max_inotify_instances", "0");
    opts.path = path;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    if (katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &box, NULL) != 0)
        return 3;
    manager = box;
    events = watch(KATACG_EVENT_REMOVED);
    if (count_links("inotify") != 0 || write(ready, "x", 1) != 1)
        return 4;
    if (next(events, KATACG_EVENT_REMOVED).count != 1)
        return 5;
    katacg_events_free(events);
    katacg_manager_free(box);
    return 0;
}

static void a_removal_is_reported_without_inotify(void) {
    const char *path = test_cgroup("events-quiet");
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *box;
    int ready[2], status;
    pid_t child;
    char byte;

    opts.path = path;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    MUST(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &box, clear(&err)) == 0);
    MUST(katacg_manager_apply(box, -1, 0, clear(&err)) == 0);
    MUST(pipe(ready) == 0);
    fflush(NULL);
    child = fork();
    MUST(child >= 0);
    if (child == 0)
        _exit(watch_without_inotify(ready[1], path));
    close(ready[1]);
    (void)!read(ready[0], &byte, 1);
    close(ready[0]);
    CHECK(katacg_manager_destroy(box, clear(&err)) == 0, "%s", err.message);
    MUST(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        puts("no user namespaces: a removal without inotify was not tested");
    else
        CHECK(status == 0, "status %#x", (unsigned)status);
    katacg_manager_free(box);
}

static volatile int stop;

static void *read_again_and_again(void *events) {
    struct katacg_event event;

    while (!stop)
        (void)!katacg_events_read(events, &event, 1, NULL);
    return NULL;
}

/* A lock that the other thread holds at the fork is never released in the child. */
static void a_child_frees_a_watch_that_another_thread_was_reading(void) {
    struct katacg_events *events = watch(0);
    int i, status = 0, rounds = is_watched() ? 2 : 20;
    pthread_t thread;

    stop = 0;
    MUST(pthread_create(&thread, NULL, read_again_and_again, events) == 0);
    for (i = 0; i < rounds && status == 0; i++) {
        pid_t child;

        usleep(1000);
        child = fork();
        MUST(child >= 0);
        if (child == 0) {
            alarm(20);
            katacg_events_free(events);
            _exit(0);
        }
        MUST(waitpid(child, &status, 0) == child);
        CHECK(status == 0, "status %#x%s", (unsigned)status,
              status == SIGALRM ? ": the child hangs" : "");
    }
    stop = 1;
    pthread_join(thread, NULL);
    katacg_events_free(events);
}

static void use_memory(void) {
    const size_t size = 64 << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory != MAP_FAILED)
        memset(memory, 1, size);
}

static void an_oom_kill_and_the_removal_are_reported(void) {
    static const char limit[] = "{\"memory\":{\"limit\":8388608}}";
    struct katacg_events *events;
    struct katacg_event event;
    int ready[2], status;
    pid_t child;
    char byte;

    if (mount_of("memory") == NULL && !(mount_count == 1 && mounts[0].v2))
        return;
    CHECK(katacg_manager_set(manager, limit, sizeof(limit) - 1, clear(&err)) == 0, "%s",
          err.message);
    events = watch(KATACG_EVENT_OOM | KATACG_EVENT_OOM_KILL | KATACG_EVENT_REMOVED);
    MUST(pipe(ready) == 0);
    fflush(NULL);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!read(ready[0], &byte, 1);
        use_memory();
        for (;;)
            use_memory();
    }
    CHECK(katacg_manager_add(manager, &child, 1, 0, NULL, clear(&err)) == 0, "%s", err.message);
    MUST(write(ready[1], "x", 1) == 1);
    event = next(events, KATACG_EVENT_OOM_KILL);
    CHECK(event.count == 1 && event.value == 1, "%llu", (unsigned long long)event.count);
    MUST(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %d", status);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    event = next(events, KATACG_EVENT_REMOVED);
    CHECK(event.count == 1 && event.value == KATACG_EVENT_EXACT, "removed, %llu",
          (unsigned long long)event.value);
    CHECK(katacg_events_read(events, &event, 1, clear(&err)) == 0, "%s", err.message);
    katacg_events_free(events);
    close(ready[0]);
    close(ready[1]);
}

int main(void) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    const char *why = no_cgroups();

    if (why) {
        puts(why);
        return SKIPPED;
    }
    opts.path = test_cgroup("events");
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    CHECK(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    MUST(manager);
    CHECK(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0, "%s", err.message);
    a_quiet_cgroup_with_a_process_does_not_wake();
    a_thousand_rounds_leave_nothing();
    a_child_does_not_take_the_events_of_its_parent();
    a_child_frees_a_watch_that_another_thread_was_reading();
    a_removal_is_reported_without_inotify();
    an_oom_kill_and_the_removal_are_reported();
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(manager);
    return finish();
}
