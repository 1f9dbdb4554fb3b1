/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many cgroups run out of memory and are removed at once, in four ways: by this process, by another
 * process that tries rmdir(2) again and again, by such a process while siblings run out of memory
 * too, and by systemd. If the removal says that the counts are exact, the kill must have been
 * reported. Prints how many kills were reported (told), in doubt and missed.
 */
#include "cgroups.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

/* Cgroups in all ways of removal together. */
#define ROUNDS 200
#define TOGETHER 8
#define LIMIT "1048576"

enum { US, RIVAL, SIBLINGS, SYSTEMD, WAYS };
static const char *const names[] = {"this process", "another process",
                                    "another process, among siblings", "systemd"};

static struct katacg_error err;
static struct katacg_host *host;

struct box {
    struct katacg_manager *manager;
    struct katacg_events *events;
    pid_t hog, rival;
    int start, told;
    int removed;
    uint64_t value;
};

/* Starts a child that uses up memory once `start` is written. It only makes system calls. */
static pid_t start_hog(int *start) {
    int ready[2], i;
    pid_t child;

    MUST(pipe2(ready, O_CLOEXEC) == 0);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        char byte;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ready[1]);
        if (read(ready[0], &byte, 1) != 1)
            _exit(1);
        /* The use of memory ends: a host that does not limit memory must survive. */
        for (i = 0; i < 8; i++) {
            const size_t size = 4 << 20;
            char *memory =
                mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

            if (memory != MAP_FAILED)
                memset(memory, 1, size);
        }
        for (;;)
            pause();
    }
    close(ready[0]);
    *start = ready[1];
    return child;
}

static pid_t start_rival(const char *cgroup) {
    pid_t child = fork();

    MUST(child >= 0);
    if (child == 0) {
        int m, left = 1, all = mount_count;
        char path[MOUNTS][1024];

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(60);
        for (m = 0; m < all; m++)
            snprintf(path[m], sizeof(path[m]), "%s%s", mounts[m].path, cgroup);
        while (left) {
            for (left = 0, m = 0; m < all; m++)
                if (rmdir(path[m]) != 0 && errno != ENOENT)
                    left = 1;
            sched_yield();
        }
        _exit(0);
    }
    return child;
}

/* Returns 0 when the host cannot limit memory. */
static int open_box(struct box *box, int way, int number) {
    static const char spec[] =
        "{\"linux\":{\"resources\":{\"memory\":{\"limit\":" LIMIT ",\"swap\":" LIMIT "}}}}";
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_events_opts events = KATACG_EVENTS_OPTS_INIT;
    char path[512];
    int result;

    memset(box, 0, sizeof(*box));
    if (way == SYSTEMD)
        snprintf(path, sizeof(path), "system.slice:%s:%d", parent_cgroup() + 1, number);
    else if (way == SIBLINGS)
        snprintf(path, sizeof(path), "%s/storm/%d", parent_cgroup(), number);
    else
        snprintf(path, sizeof(path), "%s/storm-%d-%d/box", parent_cgroup(), way, number);
    opts.path = path;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    MUST(katacg_manager_new(host, spec, sizeof(spec) - 1, &opts, sizeof(opts), &box->manager,
                            clear(&err)) == 0);
    box->hog = start_hog(&box->start);
    result = katacg_manager_apply(box->manager, way == SYSTEMD ? box->hog : -1, KATACG_APPLY_SET,
                                  clear(&err));
    if (result < 0 && (err.code == KATACG_ERR_CONTROLLER || err.code == KATACG_ERR_NOT_MOUNTED))
        return 0;
    CHECK(result >= 0, "%s", err.message);
    events.kinds = KATACG_EVENT_OOM | KATACG_EVENT_OOM_KILL | KATACG_EVENT_REMOVED;
    CHECK(katacg_events_open(box->manager, &events, sizeof(events), &box->events, clear(&err)) == 0,
          "%s", err.message);
    MUST(box->events);
    if (way != SYSTEMD)
        CHECK(katacg_manager_add(box->manager, &box->hog, 1, 0, NULL, clear(&err)) == 0, "%s",
              err.message);
    if (way == RIVAL || way == SIBLINGS)
        box->rival = start_rival(path);
    return 1;
}

static void read_events(struct box *box) {
    struct katacg_event list[4];
    int i, count = katacg_events_read(box->events, list, 4, clear(&err));

    CHECK(count >= 0, "%s", err.message);
    for (i = 0; i < count; i++) {
        if (list[i].kind == KATACG_EVENT_OOM_KILL)
            box->told += (int)list[i].count;
        if (list[i].kind == KATACG_EVENT_REMOVED) {
            box->removed = 1;
            box->value = list[i].value;
        }
    }
}

/* Waits until a box is removed. Reads every second box's events while its process still runs. */
static void run_box(struct box *box, int way, int number) {
    time_t end = time(NULL) + 60;
    int status;

    if (way == US || number % 2 == 0) {
        MUST(waitpid(box->hog, &status, 0) == box->hog);
        box->hog = 0;
    }
    if (way == US)
        CHECK(katacg_manager_destroy(box->manager, clear(&err)) == 0, "%s", err.message);
    if (box->rival && number % 2 == 0) {
        MUST(waitpid(box->rival, &status, 0) == box->rival);
        box->rival = 0;
    }
    while (!box->removed && time(NULL) < end) {
        struct pollfd fd = {.fd = katacg_events_fd(box->events, NULL), .events = POLLIN};

        MUST(poll(&fd, 1, 1000) >= 0);
        read_events(box);
    }
    CHECK(box->removed, "the removal of box %d by %s is not told", number, names[way]);
}

static void close_box(struct box *box, int way, int number) {
    char path[512];
    int status, m;

    close(box->start);
    if (box->hog) {
        kill(box->hog, SIGKILL);
        MUST(waitpid(box->hog, &status, 0) == box->hog);
    }
    if (box->rival)
        MUST(waitpid(box->rival, &status, 0) == box->rival);
    katacg_events_free(box->events);
    if (way == SYSTEMD)
        /* Hierarchies that systemd does not manage are left. */
        CHECK(katacg_manager_destroy(box->manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(box->manager);
    snprintf(path, sizeof(path), "%s/storm-%d-%d", parent_cgroup(), way, number);
    for (m = 0; m < mount_count; m++)
        remove_cgroup(&mounts[m], path);
}

static int storm(int way, int rounds) {
    int exact = 0, told = 0, doubtful = 0, missed = 0, at_least = 0, number, i;
    int together = is_watched() ? 2 : TOGETHER;
    struct box boxes[TOGETHER];
    time_t start = time(NULL);

    if (is_watched())
        rounds = 4;
    for (number = 0; number < rounds; number += together) {
        if (together > rounds - number)
            together = rounds - number;
        for (i = 0; i < together; i++)
            if (!open_box(&boxes[i], way, number + i)) {
                close_box(&boxes[i], way, number + i);
                return 0;
            }
        for (i = 0; i < together; i++)
            /* Under valgrind, a child can run out of memory as soon as it is in its cgroup. */
            MUST(write(boxes[i].start, "x", 1) == 1 || errno == EPIPE);
        for (i = 0; i < together; i++)
            run_box(&boxes[i], way, number + i);
        for (i = 0; i < together; i++) {
            const struct box *box = &boxes[i];

            told += box->told;
            exact += box->value == KATACG_EVENT_EXACT;
            at_least += box->value == KATACG_EVENT_AT_LEAST;
            doubtful += box->told == 0 && box->value != KATACG_EVENT_EXACT;
            missed += box->told == 0 && box->value == KATACG_EVENT_EXACT;
            CHECK(box->told <= 1, "%d kills of one process", box->told);
            close_box(&boxes[i], way, number + i);
        }
    }
    printf("removed by %s: %d kills, %d told, %d in doubt, %d missed; %d exact, %d at least, %d "
           "unknown; %ld s\n",
           names[way], rounds, told, doubtful, missed, exact, at_least, rounds - exact - at_least,
           (long)(time(NULL) - start));
    fflush(stdout);
    CHECK(missed == 0, "%d kills missed although the removal by %s says exact", missed, names[way]);
    if (way == US)
        CHECK(told == rounds && exact == rounds, "%d of %d told, %d exact", told, rounds, exact);
    return 1;
}

int main(void) {
    const char *why = no_cgroups();
    int way, ways = WAYS;

    if (why) {
        puts(why);
        return SKIPPED;
    }
    signal(SIGPIPE, SIG_IGN);
    MUST(katacg_host_open(&host, clear(&err)) == 0);
    /* The last way is systemd's. */
    if (access("/run/systemd/system", F_OK) != 0 || is_watched())
        ways--;
    for (way = 0; way < ways; way++) {
        if (!storm(way, (ROUNDS + ways - 1) / ways)) {
            puts("no memory controller");
            katacg_host_free(host);
            return SKIPPED;
        }
    }
    katacg_host_free(host);
    return finish();
}
