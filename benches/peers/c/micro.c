/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures libkatacg's pure functions from C, and prints "NAME NANOSECONDS" for one call of each.
 * Arguments: MOUNTINFO (a file).
 */
#include "harness.h"

#include <fcntl.h>
#include <katacg.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The same paths as in go/micro. */
static const struct {
    const char *name, *path;
} paths[] = {
    {"absolute", "/docker/7ddc1b5b1d0b6d2a7b7c4c0dfdb4e0b8a9a1d53bb4a3a1e2b6b0a3e1e0d7f6c5"},
    {"relative", "pods/7f4c9d66/sandbox"},
    {"systemd", "system.slice:kata:7ddc1b5b1d0b"},
};

static const char *path, *mountinfo;
static size_t mountinfo_len;

static void validate(void) {
    char buf[512];

    if (katacg_path_validate(path, 0, buf, sizeof(buf), NULL) < 0)
        bench_die("validate");
}

static void mountpoint(void) {
    char buf[512];

    if (katacg_v1_mountpoint_parse(mountinfo, mountinfo_len, buf, sizeof(buf), NULL) < 0)
        bench_die("mountpoint");
}

/* Returns the time of one call, measured over about 20 ms after 20 ms of warming up. */
static void call(const char *what, const char *which, void (*f)(void)) {
    for (uint64_t calls = 1;; calls *= 2) {
        uint64_t begin = bench_now(), took;

        for (uint64_t i = 0; i < calls; i++)
            f();
        took = bench_now() - begin;
        if (took > 20000000) {
            printf("c-%s%s %.1f\n", what, which, (double)took / (double)calls);
            return;
        }
    }
}

static void *first_call(void *took) {
    uint64_t begin = bench_now();

    validate();
    *(uint64_t *)took = bench_now() - begin;
    return NULL;
}

/* A runtime with many threads, such as a Go program, pays the first call once per thread. */
static void first_in_thread(const char *name) {
    pthread_t thread;
    uint64_t took = 0;

    if (pthread_create(&thread, NULL, first_call, &took) != 0 || pthread_join(thread, NULL) != 0)
        bench_die("pthread");
    printf("%s %llu\n", name, (unsigned long long)took);
}

int main(int argc, char **argv) {
    struct stat st;
    int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    char *text;

    if (fd < 0 || fstat(fd, &st) < 0)
        bench_die("mountinfo");
    text = malloc((size_t)st.st_size);
    if (!text || read(fd, text, (size_t)st.st_size) != st.st_size)
        bench_die("mountinfo");
    close(fd);
    mountinfo = text;
    mountinfo_len = (size_t)st.st_size;

    path = paths[0].path;
    first_in_thread("c-validate-first-in-process");
    first_in_thread("c-validate-first-in-thread");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        path = paths[i].path;
        call("validate-", paths[i].name, validate);
    }
    call("mountpoint", "", mountpoint);
    free(text);
    return 0;
}
