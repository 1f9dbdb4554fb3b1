/* SPDX-License-Identifier: Apache-2.0 */
/* Parses mountinfo and /proc/PID/cgroup that are huge, truncated, or contain NUL bytes. */
#include "fixture.h"

#define LINES 100000
#define LONG_LINE ((size_t)10 << 20)

static char buf[8192];

struct builder {
    char *bytes;
    size_t len, room;
};

static void add(struct builder *b, const char *text, size_t len) {
    if (b->len + len > b->room) {
        b->room = (b->len + len) * 2;
        b->bytes = realloc(b->bytes, b->room);
        MUST(b->bytes);
    }
    memcpy(b->bytes + b->len, text, len);
    b->len += len;
}

static void fill(struct builder *b, const char *unit, size_t len) {
    size_t end = b->len + len;

    while (b->len < end)
        add(b, unit, strlen(unit));
}

/* Parses a host. Returns the length of its list of controllers, which is in buf, or the error. */
static int parse(const struct builder *mounts, const char *cgroup, struct katacg_error *err) {
    struct katacg_host *host = (struct katacg_host *)buf;
    int result =
        katacg_host_parse(mounts->bytes, mounts->len, cgroup, strlen(cgroup), &host, clear(err));

    CHECK((result == 0) == (host != NULL), "a handle on success, NULL on failure");
    if (result == 0)
        result = katacg_host_controllers(host, buf, sizeof(buf), err);
    katacg_host_free(host);
    return result;
}

static void many_lines_are_read(void) {
    static const char last[] = "9 1 0:9 / /cg/cpu rw - cgroup cgroup rw,cpu\n";
    size_t i, lines = divided(LINES);
    struct builder b = {NULL, 0, 0};
    struct katacg_error err;
    char line[200];

    /* One cgroup mount after many others. */
    for (i = 0; i < lines; i++)
        add(&b, line,
            (size_t)sprintf(line, "%lu 25 0:%lu / /m/%lu rw - tmpfs tmpfs rw\n",
                            (unsigned long)i + 100, (unsigned long)i, (unsigned long)i));
    CHECK_ERROR(katacg_v1_mountpoint_parse(b.bytes, b.len, buf, sizeof(buf), clear(&err)), -ENOENT,
                &err, KATACG_ERR_NOT_MOUNTED, "cgroup mountpoint does not exist");
    CHECK_ERROR(parse(&b, paper_cgroup, &err), -ENOENT, &err, KATACG_ERR_NOT_MOUNTED, "mountinfo");
    add(&b, last, strlen(last));
    CHECK(katacg_v1_mountpoint_parse(b.bytes, b.len, buf, sizeof(buf), clear(&err)) == 3 &&
              strcmp(buf, "/cg") == 0,
          "%s", err.message);
    CHECK(parse(&b, paper_cgroup, &err) == 3 && strcmp(buf, "cpu") == 0, "%s", err.message);

    /* One hierarchy, bind-mounted into many containers. */
    b.len = 0;
    for (i = 0; i < lines; i++)
        add(&b, line,
            (size_t)sprintf(line, "%lu 25 0:9 / /m/%lu rw - cgroup cgroup rw,cpu\n",
                            (unsigned long)i + 100, (unsigned long)i));
    CHECK(katacg_v1_mountpoint_parse(b.bytes, b.len, buf, sizeof(buf), clear(&err)) == 2, "%s",
          err.message);
    CHECK(parse(&b, paper_cgroup, &err) == 3 && strcmp(buf, "cpu") == 0, "%s", err.message);

    /* Mounts that cover each other. */
    b.len = 0;
    for (i = 0; i < lines; i++)
        add(&b, line,
            (size_t)sprintf(line, "%lu %lu 0:9 / /m rw - cgroup cgroup rw,cpu\n",
                            (unsigned long)i + 100, (unsigned long)i + 99));
    CHECK(parse(&b, paper_cgroup, &err) == 3 && strcmp(buf, "cpu") == 0, "%s", err.message);
    free(b.bytes);
}

/* Makes each field of a line ten megabytes long in turn. Good lines follow. */
static void long_lines_are_read(void) {
    static const char *const shapes[][3] = {
        {"9 1 0:9 /", "r", " /m rw - tmpfs tmpfs rw\n"},
        {"9 1 0:9 / /", "m", " rw - tmpfs tmpfs rw\n"},
        {"9 1 0:9 / /m rw ", "shared:1 ", "- tmpfs tmpfs rw\n"},
        {"9 1 0:9 / /m rw - tmpfs tmpfs rw", ",lowerdir=/a:/b", "\n"},
        {"9 1 0:9 / /m rw - t", "mpfs", " tmpfs rw\n"},
        {"9 1 0:9 / /m rw - ", "- ", "tmpfs tmpfs rw\n"},
        {"9 1 0:9 / /\\040", "\\040", " rw - tmpfs tmpfs rw\n"},
        {"9 1 0:9 / /m rw - cgroup2 none rw", ",x", "\n"},
    };
    size_t i, len = divided(LONG_LINE);
    struct builder b = {NULL, 0, 0};
    struct katacg_error err;

    for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        b.len = 0;
        add(&b, shapes[i][0], strlen(shapes[i][0]));
        fill(&b, shapes[i][1], len);
        add(&b, shapes[i][2], strlen(shapes[i][2]));
        add(&b, paper_mounts, sizeof(paper_mounts) - 1);
        CHECK(katacg_v1_mountpoint_parse(b.bytes, b.len, buf, sizeof(buf), clear(&err)) ==
                      (int)strlen("/nonexistent/cg") &&
                  strcmp(buf, "/nonexistent/cg") == 0,
              "shape %lu: %s", (unsigned long)i, err.message);
        CHECK(parse(&b, paper_cgroup, &err) > 0 && strstr(buf, "cpu,cpuacct,cpuset,") != NULL,
              "shape %lu: %s", (unsigned long)i, buf);
    }
    /* The library returns a long mountpoint in full. */
    b.len = 0;
    add(&b, "9 1 0:9 / /", 11);
    fill(&b, "m", len);
    add(&b, "/cpu rw - cgroup cgroup rw,cpu\n", 31);
    CHECK(katacg_v1_mountpoint_parse(b.bytes, b.len, NULL, 0, clear(&err)) == (int)len + 1, "%s",
          err.message);
    free(b.bytes);
}

/* Tries every prefix of a good text, malformed lines and NUL bytes. */
static void broken_lines_are_refused(void) {
    static const char nul[] = "9 1 0:9 / /a\0b/cpu rw - cgroup cgroup rw,cpu\n";
    static const char escaped_nul[] = "9 1 0:9 / /a\\000b/cpu rw - cgroup cgroup rw,cpu\n";
    static const char *const bad_cgroup[] = {"x", "1:cpu", "\n1\n", "1:cpu:/a\n:\n"};
    size_t i, len = sizeof(paper_mounts) - 1, step = divided(100) < 100 ? 5 : 1;
    struct katacg_host *host;
    struct katacg_error err;
    struct builder b;
    int result;

    for (i = 0; i <= len; i += step) {
        char *copy = malloc(i ? i : 1);

        MUST(copy);
        memcpy(copy, paper_mounts, i);
        result = katacg_v1_mountpoint_parse(copy, i, buf, sizeof(buf), clear(&err));
        CHECK(result > 0 || (result == -ENOENT && err.code == KATACG_ERR_NOT_MOUNTED), "%d %s",
              result, err.message);
        b.bytes = copy;
        b.len = i;
        result = parse(&b, paper_cgroup, &err);
        CHECK(result > 0 || (result == -ENOENT && err.code == KATACG_ERR_NOT_MOUNTED), "%d %s",
              result, err.message);
        free(copy);
    }
    for (i = 0; i < sizeof(bad_cgroup) / sizeof(bad_cgroup[0]); i++) {
        host = (struct katacg_host *)buf;
        CHECK_ERROR(katacg_host_parse(paper_mounts, len, bad_cgroup[i], strlen(bad_cgroup[i]),
                                      &host, clear(&err)),
                    -EIO, &err, KATACG_ERR_SYSTEM, "id:controllers:path");
        CHECK(host == NULL, "a handle after a failure");
    }
    CHECK_ERROR(katacg_host_parse(NULL, 0, NULL, 0, &host, clear(&err)), -ENOENT, &err,
                KATACG_ERR_NOT_MOUNTED, NULL);
    /* A C string cannot hold a mountpoint with a NUL byte. */
    CHECK_ERROR(katacg_v1_mountpoint_parse(nul, sizeof(nul) - 1, buf, sizeof(buf), clear(&err)),
                -ERANGE, &err, KATACG_ERR_VALUE, "NUL");
    CHECK_ERROR(katacg_v1_mountpoint_parse(escaped_nul, sizeof(escaped_nul) - 1, buf, sizeof(buf),
                                           clear(&err)),
                -ERANGE, &err, KATACG_ERR_VALUE, "NUL");
}

int main(void) {
    many_lines_are_read();
    long_lines_are_read();
    broken_lines_are_refused();
    return finish();
}
