/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures how long reading the statistics of one cgroup takes: by the library, and by a floor,
 * which is the least that a program can do. The floor has the reader's files open beforehand, reads
 * each with one pread(2), and converts every number of the text, without looking at the keys.
 * Prints lines "SET-WHAT NANOSECONDS" for one reading, and "SET-files NUMBER". Argument: CGROUP.
 */
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <katacg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 128, ROUNDS = 9, TEXT = 8192 };

static struct katacg_error err = KATACG_ERROR_INIT;
static struct katacg_stats_reader *reader;
static struct katacg_manager *manager;
static struct katacg_stats out;
static uint64_t controllers, numbers[4096];
static int files[FILES], file_count;
static char text[TEXT];

/*
 * Opens the reader's files once more, for the floor. The reader's descriptors are those from `from`
 * on.
 */
static void reopen(int from, const char *cgroup) {
    char link[64], path[512];

    file_count = 0;
    for (int fd = from; fd < from + FILES; fd++) {
        ssize_t length;
        int other;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        length = readlink(link, path, sizeof(path) - 1);
        if (length < 0)
            break;
        path[length] = 0;
        /* Not the reader's: this program has inherited the descriptor. */
        if (!strstr(path, cgroup))
            continue;
        other = open(path, O_RDONLY | O_CLOEXEC);
        if (other < 0)
            bench_die(path);
        files[file_count] = dup2(other, 500 + file_count);
        file_count++;
        close(other);
    }
}

/* pread(2) without the C library, whose wrapper can cost 0.2 µs a call, and would be counted as the
 * kernel's time. The floor, as any C program, calls the wrapper. */
static long bare_pread(int fd) {
#ifdef __x86_64__
    register long offset __asm__("r10") = 0;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)SYS_pread64), "D"((long)fd), "S"(text), "d"(sizeof(text)),
                       "r"(offset)
                     : "rcx", "r11", "memory");
    return result;
#else
    return pread(fd, text, sizeof(text), 0);
#endif
}

static void preads(void) {
    for (int i = 0; i < file_count; i++)
        if (bare_pread(files[i]) < 0)
            bench_die("pread");
}

/* Reads each file, and converts every number of its text: the least parsing. */
static void floor_reading(void) {
    size_t count = 0;

    for (int i = 0; i < file_count; i++) {
        ssize_t length = pread(files[i], text, sizeof(text), 0);
        const char *at = text, *end = text + length;

        if (length < 0)
            bench_die("pread");
        while (at < end) {
            uint64_t value = 0;

            while (at < end && (unsigned char)(*at - '0') > 9)
                at++;
            if (at == end)
                break;
            for (; at < end && (unsigned char)(*at - '0') <= 9; at++)
                value = value * 10 + (uint64_t)(*at - '0');
            numbers[count++ % 4096] = value;
        }
    }
}

static void reading(void) {
    if (katacg_stats_reader_read(reader, &out, sizeof(out), &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
}

static void one_shot(void) {
    if (katacg_manager_stats(manager, controllers, &out, sizeof(out), &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
}

/* Returns the thread's CPU time in nanoseconds. Other processes do not add to it. */
static uint64_t now(void) {
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Prints the time of one call, measured over calls that together take some 4 ms. */
static void call(const char *what, const char *set, void (*function)(void)) {
    for (uint64_t calls = 16;; calls *= 2) {
        uint64_t begin = now(), took;

        for (uint64_t i = 0; i < calls; i++)
            function();
        took = now() - begin;
        if (took > 4000000) {
            printf("%s-%s %.1f\n", set, what, (double)took / (double)calls);
            return;
        }
    }
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        uint64_t controllers;
    } sets[] = {
        {"brief", KATACG_STATS_BRIEF | KATACG_STATS_CPU | KATACG_STATS_MEMORY | KATACG_STATS_PIDS |
                      KATACG_STATS_IO},
        {"four", KATACG_STATS_CPU | KATACG_STATS_MEMORY | KATACG_STATS_PIDS | KATACG_STATS_IO},
        {"memory", KATACG_STATS_MEMORY},
    };
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;

    opts.path = argc > 1 ? argv[1] : "";
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    if (katacg_manager_new(NULL, "{}", 2, &opts, sizeof(opts), &manager, &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++) {
        int from;

        controllers = sets[s].controllers;
        one_shot();
        from = open("/dev/null", O_RDONLY | O_CLOEXEC);
        close(from);
        if (katacg_stats_reader_open(manager, controllers, &reader, &err) != 0) {
            fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        /* The first reading closes files of I/O that name no device. */
        reading();
        reopen(from, opts.path);
        printf("%s-files %d\n", sets[s].name, file_count);
        for (int round = 0; round < ROUNDS; round++) {
            call("floor", sets[s].name, floor_reading);
            call("reader", sets[s].name, reading);
            call("preads", sets[s].name, preads);
            call("once", sets[s].name, one_shot);
        }
        for (int i = 0; i < file_count; i++)
            close(files[i]);
        katacg_stats_reader_free(reader);
    }
    katacg_manager_free(manager);
    return 0;
}
