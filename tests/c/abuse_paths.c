/* SPDX-License-Identifier: Apache-2.0 */
/* Gives the path functions paths of a megabyte, control bytes, and bytes that are not UTF-8. */
#include <sys/resource.h>

#include "fixture.h"

#define LONG ((size_t)1 << 20)

typedef int (*call)(const char *in, char *buf, size_t buf_len, struct katacg_error *err);

#define VALIDATE(name, flags)                                                                      \
    static int name(const char *in, char *buf, size_t buf_len, struct katacg_error *err) {         \
        return katacg_path_validate(in, flags, buf, buf_len, err);                                 \
    }
VALIDATE(k0, 0)
VALIDATE(k0_systemd, KATACG_PATH_SYSTEMD)
VALIDATE(k0_strict, KATACG_PATH_STRICT)
VALIDATE(k0_strict_systemd, KATACG_PATH_STRICT | KATACG_PATH_SYSTEMD)
VALIDATE(k1, KATACG_PATH_K1)
VALIDATE(k3, KATACG_PATH_K3)
VALIDATE(k3_v2, KATACG_PATH_K3 | KATACG_PATH_V2)

static int subsystem_root(const char *in, char *buf, size_t buf_len, struct katacg_error *err) {
    return katacg_subsystem_path(in, "cpu", "/a", buf, buf_len, err);
}

static int subsystem_path(const char *in, char *buf, size_t buf_len, struct katacg_error *err) {
    return katacg_subsystem_path("/sys/fs/cgroup", "cpu", in, buf, buf_len, err);
}

static int subsystems_root(const char *in, char *buf, size_t buf_len, struct katacg_error *err) {
    return katacg_subsystems(in, KATACG_SUBSYSTEMS_ALL, buf, buf_len, err);
}

static int is_systemd(const char *in, char *buf, size_t buf_len, struct katacg_error *err) {
    (void)err;
    return snprintf(buf, buf_len, "%d%d", katacg_path_is_systemd(in),
                    katacg_path_is_systemd_slice(in));
}

static int manager_path(const char *in, char *buf, size_t buf_len, struct katacg_error *err) {
    static struct katacg_host *host;
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    int result;

    if (!host)
        host = paper_host();
    if (!in) {
        katacg_host_free(host);
        host = NULL;
        return 0;
    }
    opts.path = in;
    result = katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &manager, err);
    if (result == 0)
        result = katacg_manager_path(manager, "cpu", buf, buf_len, err);
    katacg_manager_free(manager);
    return result;
}

static const call calls[] = {
    k0,
    k0_systemd,
    k0_strict,
    k0_strict_systemd,
    k1,
    k3,
    k3_v2,
    katacg_path_rename,
    katacg_path_rename_k3,
    katacg_path_no_constraints,
    katacg_path_parent,
    katacg_path_guest,
    katacg_slice_expand,
    katacg_path_slice,
    katacg_path_unit,
    subsystem_root,
    subsystem_path,
    subsystems_root,
    is_systemd,
    manager_path,
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* Returns `head`, then `unit` repeated up to `len` bytes in all, then `tail`. */
static char *repeat(const char *head, const char *unit, const char *tail, size_t len) {
    size_t at = strlen(head), step = strlen(unit);
    char *out = malloc(len + at + step + strlen(tail) + 1);

    MUST(out);
    memcpy(out, head, at);
    for (; at < len; at += step)
        memcpy(out + at, unit, step);
    strcpy(out + at, tail);
    return out;
}

static void through_all(const char *in, const char *what) {
    size_t room = strlen(in) + 256, i;
    struct katacg_error err;
    char *buf = malloc(room);

    MUST(buf);
    for (i = 0; i < CALLS; i++) {
        int length = calls[i](in, NULL, 0, clear(&err));
        int result = calls[i](in, buf, room, clear(&err));

        CHECK(length == result, "%s, call %lu: length %d result %d", what, (unsigned long)i, length,
              result);
        if (result < 0)
            CHECK(err.code > 0 && err.code != KATACG_ERR_PANIC && err.message[0] &&
                      memchr(err.message, 0, sizeof(err.message)),
                  "%s, call %lu: %s", what, (unsigned long)i, err.message);
        else
            CHECK(strlen(buf) == (size_t)result, "%s, call %lu: %d", what, (unsigned long)i,
                  result);
    }
    free(buf);
}

static double cpu_seconds(void) {
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void long_paths_take_linear_time(void) {
    static const char *const shapes[][3] = {
        {"", "/", ""},         {"", "../", ""},         {"/", "../", ""},     {"", "a-", ""},
        {"", "a-", "a.slice"}, {"", "-", ".slice"},     {"", "a/", ""},       {"/", "a/../", ""},
        {"", ":", ""},         {"a.slice:", "b", ":c"}, {"", "a", ":b:c"},    {"/", "./", ""},
        {"", "\\", ""},        {"", ".", ":a:b"},       {"", "a.slice:", ""}, {"", "\xff", ""},
    };
    size_t full = divided(LONG), sizes[2], i, s;
    double before = cpu_seconds(), used;

    sizes[0] = full / 4;
    sizes[1] = full;
    for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        for (s = 0; s < 2; s++) {
            char *in = repeat(shapes[i][0], shapes[i][1], shapes[i][2], sizes[s]);

            through_all(in, shapes[i][1]);
            free(in);
        }
    /* The paths have some 800 megabytes in all. Quadratic time would be hours. */
    used = cpu_seconds() - before;
    printf("long paths: %.1f s\n", used);
    if (full == LONG)
        CHECK(used < 20, "%.1f s", used);
}

static void strict_mode_refuses_control_bytes(void) {
    struct katacg_error err;
    char path[16], buf[64];
    int byte, flags;

    for (byte = 1; byte < 256; byte++)
        for (flags = 0; flags < 2; flags++) {
            int control = byte < 0x20 || byte == 0x7f;
            uint32_t strict = KATACG_PATH_STRICT | (flags ? KATACG_PATH_K1 : 0);
            int result;

            snprintf(path, sizeof(path), "/ab%cd", byte);
            result = katacg_path_validate(path, strict, buf, sizeof(buf), clear(&err));
            if (control)
                CHECK_ERROR(result, -EINVAL, &err, KATACG_ERR_PATH, "control byte");
            else
                CHECK(result > 0, "byte %#x: %s", byte, err.message);
            CHECK(katacg_path_validate(path, strict & ~2u, buf, sizeof(buf), clear(&err)) > 0,
                  "byte %#x without strict: %s", byte, err.message);
        }
}

/* The bytes appear unchanged in results and in messages. */
static void bytes_that_are_not_utf8_are_kept(void) {
    struct katacg_error err;
    char buf[64];

    CHECK(katacg_path_validate("/a\xff\xfe", 0, buf, sizeof(buf), clear(&err)) == 9 &&
              strcmp(buf, "/kata_a\xff\xfe") == 0,
          "%s", buf);
    CHECK(katacg_path_validate("a\xff", KATACG_PATH_SYSTEMD, buf, sizeof(buf), clear(&err)) ==
                  -EINVAL &&
              strstr(err.message, "'a\xff'"),
          "%s", err.message);
}

int main(void) {
    long_paths_take_linear_time();
    strict_mode_refuses_control_bytes();
    bytes_that_are_not_utf8_are_kept();
    manager_path(NULL, NULL, 0, NULL);
    return finish();
}
