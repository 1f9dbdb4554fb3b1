/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints a line for each event of some cgroups, until all of them are removed, or until SIGINT or
 * SIGTERM. The program is an example of katacg_events. Between events it sleeps in ppoll(2).
 *
 * Exit status: 0 done, 1 a cgroup could not be watched, 2 wrong arguments.
 */
#include <errno.h>
#include <katacg.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text.h"

struct watch {
    const char *cgroup;
    struct katacg_events *events; /* NULL after the cgroup was removed */
};

static struct katacg_error err = KATACG_ERROR_INIT;
static volatile sig_atomic_t ended;
static int json;

static void on_signal(int signal) {
    (void)signal;
    ended = 1;
}

static const char *name_of(uint64_t kind) {
    switch (kind) {
    case KATACG_EVENT_OOM:
        return "oom";
    case KATACG_EVENT_OOM_KILL:
        return "oom_kill";
    case KATACG_EVENT_OOM_GROUP_KILL:
        return "oom_group_kill";
    case KATACG_EVENT_MEMORY_HIGH:
        return "memory_high";
    case KATACG_EVENT_MEMORY_MAX:
        return "memory_max";
    case KATACG_EVENT_EMPTY:
        return "empty";
    case KATACG_EVENT_FROZEN:
        return "frozen";
    case KATACG_EVENT_THAWED:
        return "thawed";
    case KATACG_EVENT_PIDS_MAX:
        return "pids_max";
    case KATACG_EVENT_PRESSURE:
        return "pressure";
    case KATACG_EVENT_THRESHOLD:
        return "threshold";
    case KATACG_EVENT_REMOVED:
        return "removed";
    }
    return "unknown";
}

/* Returns the name of a removal's value: how sure the counts are. */
static const char *certainty_of(uint64_t value) {
    return value == KATACG_EVENT_EXACT      ? "exact"
           : value == KATACG_EVENT_AT_LEAST ? "at least"
                                            : "unknown";
}

/* Prints one line. Without an event, the line says that the watch has begun. */
static int print(const char *cgroup, const struct katacg_event *event) {
    const char *name = event ? name_of(event->kind) : "watching";
    int removed = event && event->kind == KATACG_EVENT_REMOVED;
    struct text line = {0};
    struct timespec now;
    struct tm local;
    char text[32];
    int failed;

    clock_gettime(CLOCK_REALTIME, &now);
    if (json) {
        text_print(&line, "{\"time\":%lld.%03ld,\"cgroup\":", (long long)now.tv_sec,
                   now.tv_nsec / 1000000);
        text_json(&line, cgroup);
        text_print(&line, ",\"event\":\"%s\"", name);
        if (removed)
            text_print(&line, ",\"counts\":\"%s\"", certainty_of(event->value));
        else if (event)
            text_print(&line, ",\"count\":%llu,\"total\":%llu", (unsigned long long)event->count,
                       (unsigned long long)event->value);
        text_print(&line, "}\n");
    } else {
        strftime(text, sizeof(text), "%H:%M:%S", localtime_r(&now.tv_sec, &local));
        text_print(&line, "%s.%03ld  ", text, now.tv_nsec / 1000000);
        text_name(&line, cgroup);
        text_print(&line, "  %s", name);
        if (removed)
            text_print(&line, "  (the counts are %s)",
                       event->value == KATACG_EVENT_AT_LEAST ? "the least that happened"
                                                             : certainty_of(event->value));
        else if (event && event->value)
            text_print(&line, "  %llu  (in all %llu)", (unsigned long long)event->count,
                       (unsigned long long)event->value);
        else if (event)
            text_print(&line, "  %llu", (unsigned long long)event->count);
        text_print(&line, "\n");
    }
    failed = fwrite(line.bytes, 1, line.length, stdout) != line.length || fflush(stdout) != 0;
    free(line.bytes);
    if (failed)
        perror("watch: cannot write");
    return failed ? -1 : 0;
}

/* Begins to watch a cgroup that exists. */
static int open_watch(const struct katacg_host *host, struct watch *watch) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    int result;

    opts.path = watch->cgroup;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES | KATACG_MANAGER_EXISTING;
    result = katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &manager, &err);
    if (result < 0)
        return result;
    /* No options: all kinds of events that the cgroup can report. */
    result = katacg_events_open(manager, NULL, 0, &watch->events, &err);
    katacg_manager_free(manager);
    return result < 0 ? result : print(watch->cgroup, NULL);
}

/* Prints the events of one cgroup. Returns 1 if it was removed, and -1 on failure. */
static int read_watch(struct watch *watch) {
    struct katacg_event events[16];
    int count, i;

    do {
        if ((count = katacg_events_read(watch->events, events, 16, &err)) < 0)
            return -1;
        for (i = 0; i < count; i++) {
            if (print(watch->cgroup, &events[i]) < 0)
                return -1;
            if (events[i].kind == KATACG_EVENT_REMOVED)
                return 1;
        }
    } while (count == 16);
    return 0;
}

/* Waits for events until all cgroups are removed. Returns the exit status. */
static int run(struct watch *watches, struct pollfd *fds, int count, const sigset_t *waiting) {
    int left = count, i, result;

    for (i = 0; i < count; i++) {
        fds[i].fd = katacg_events_fd(watches[i].events, &err);
        fds[i].events = POLLIN;
    }
    while (left > 0 && !ended) {
        if (ppoll(fds, (nfds_t)count, NULL, waiting) < 0) {
            if (errno == EINTR)
                continue;
            perror("watch: ppoll");
            return 1;
        }
        for (i = 0; i < count; i++) {
            if (!fds[i].revents)
                continue;
            if ((result = read_watch(&watches[i])) < 0)
                return 1;
            if (result == 1) {
                fds[i].fd = -1;
                katacg_events_free(watches[i].events);
                watches[i].events = NULL;
                left--;
            }
        }
    }
    return 0;
}

/* Blocks signals except while the program waits: none comes between the check and the wait. */
static void prepare_signals(sigset_t *waiting) {
    struct sigaction action;
    sigset_t blocked;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, waiting);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int main(int argc, char **argv) {
    struct katacg_host *host = NULL;
    struct watch *watches;
    struct pollfd *fds;
    int count, i, failed;
    sigset_t waiting;

    setlocale(LC_CTYPE, "");
    json = argc > 1 && !strcmp(argv[1], "--json");
    count = argc - 1 - json;
    for (i = 1 + json; i < argc && argv[i][0] != '-'; i++)
        ;
    if (count < 1 || i < argc) {
        fputs("usage: watch [--json] CGROUP...\n", stderr);
        return 2;
    }
    watches = must_have(calloc((size_t)count, sizeof(*watches)));
    fds = must_have(calloc((size_t)count, sizeof(*fds)));
    for (i = 0; i < count; i++)
        watches[i].cgroup = argv[1 + json + i];
    prepare_signals(&waiting);
    failed = katacg_host_open(&host, &err) < 0;
    for (i = 0; i < count && !failed; i++)
        failed = open_watch(host, &watches[i]) < 0;
    failed = failed || run(watches, fds, count, &waiting);
    if (failed && err.code)
        fprintf(stderr, "watch: %s\n", err.message);
    for (i = 0; i < count; i++)
        katacg_events_free(watches[i].events);
    katacg_host_free(host);
    free(watches);
    free(fds);
    return failed;
}
