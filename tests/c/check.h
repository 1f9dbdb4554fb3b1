/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks for every test program. A program goes on after a failed check, so that one run shows all
 * failures. Its exit status tells tests/c/run the result.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <katacg.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKIPPED 77

static int check_failures;
static unsigned long check_count;

static inline void check_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void check_failed(const char *file, int line, const char *format, ...) {
    va_list arguments;

    check_failures++;
    /* Twenty lines are enough to show what a loop does wrong. */
    if (check_failures > 20)
        return;
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* CHECK(condition, printf arguments that show the values). */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        check_count++;                                                                             \
        if (!(condition))                                                                          \
            check_failed(__FILE__, __LINE__, #condition ": " __VA_ARGS__);                         \
    } while (0)

/* Ends the program when a step of the test's own set-up fails. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: set-up failed: %s: %s\n", __FILE__, __LINE__, #condition,      \
                    strerror(errno));                                                              \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Asserts a failure: the result, the code, and (unless NULL) a part of the message. */
static inline void check_error(const char *file, int line, int result, int wanted,
                               const struct katacg_error *err, int code, const char *part) {
    check_count++;
    if (result != wanted || err->code != code || (part && !strstr(err->message, part)))
        check_failed(file, line, "result %d code %d \"%s\"; wanted %d code %d \"%s\"", result,
                     (int)err->code, err->message, wanted, code, part ? part : "");
}

#define CHECK_ERROR(result, wanted, err, code, part)                                               \
    check_error(__FILE__, __LINE__, (result), (wanted), (err), (code), (part))

/* Clears an error structure, so that it shows only the next call's error. */
static inline struct katacg_error *clear(struct katacg_error *err) {
    memset(err, 0, sizeof(*err));
    err->size = sizeof(*err);
    return err;
}

/* Returns count, divided by KATACG_C_DIVIDE when it is set, for machines where loops are slow. */
static inline unsigned long divided(unsigned long count) {
    const char *text = getenv("KATACG_C_DIVIDE");
    unsigned long by = text ? strtoul(text, NULL, 10) : 1;
    unsigned long less = by ? count / by : count;

    return less ? less : 1;
}

/*
 * Whether the program runs under valgrind. valgrind does not know clone3, makes system calls that
 * a filter would kill, and opens one more descriptor in each child. Every program also runs
 * without valgrind.
 */
static inline int is_watched(void) {
    return getenv("KATACG_C_WATCHED") != NULL;
}

static inline int finish(void) {
    printf("%lu checks, %d failed\n", check_count, check_failures);
    return check_failures ? 1 : 0;
}

#endif
