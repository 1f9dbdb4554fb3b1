/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures the memory that katacg_v1_mountpoint_parse allocates. Prints "NAME BYTES", the peak, for
 * a whole mountinfo and for its last 100 lines. Arguments: MOUNTINFO (a file).
 *
 * The library calls this program's malloc, because a program's malloc replaces libc's.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <katacg.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* glibc's names of its allocator, which the counting functions call. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *old);

static size_t in_use, peak;

static void *gained(void *block) {
    in_use += malloc_usable_size(block);
    if (in_use > peak)
        peak = in_use;
    return block;
}

void *malloc(size_t size) {
    return gained(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
    return gained(__libc_calloc(count, size));
}

void *realloc(void *old, size_t size) {
    in_use -= malloc_usable_size(old);
    return gained(__libc_realloc(old, size));
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = gained(__libc_memalign(alignment, size));
    return *out ? 0 : ENOMEM;
}

void free(void *old) {
    in_use -= malloc_usable_size(old);
    __libc_free(old);
}

static void measure(const char *name, const char *text, size_t len) {
    char buf[512];
    size_t before = in_use;

    peak = in_use;
    if (katacg_v1_mountpoint_parse(text, len, buf, sizeof(buf), NULL) < 0)
        bench_die("mountpoint");
    printf("%s %zu\n", name, peak - before);
}

int main(int argc, char **argv) {
    struct stat st;
    int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    const char *text, *last;
    size_t len;

    if (fd < 0 || fstat(fd, &st) < 0)
        bench_die("mountinfo");
    len = (size_t)st.st_size;
    text = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED)
        bench_die("mmap");
    last = text + len;
    for (int lines = 0; last > text && lines < 100; lines++)
        for (last--; last > text && last[-1] != '\n'; last--)
            ;
    measure("peak-bytes-warm", last, (size_t)(text + len - last));
    measure("peak-bytes-last-100", last, (size_t)(text + len - last));
    measure("peak-bytes-whole", text, len);
    printf("peak-bytes-file %zu\n", len);
    return 0;
}
