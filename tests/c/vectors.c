/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the golden data through the C ABI. tests/vectors.rs writes build/vectors.tsv; each line is
 * function TAB kind TAB expected TAB inputs, and all fields but the first two are in hex.
 */
#include "check.h"

#define INPUTS 3
/* 3835 lines in all, without the lines of functions that C does not export. */
#define TOTAL (3835 - 3 * 190 - 190 - 72)

struct text {
    char *bytes;
    size_t len;
};

struct vector {
    const char *function, *kind;
    struct text expected, inputs[INPUTS];
    unsigned long line;
};

typedef int (*call)(const struct vector *v, char *buf, size_t buf_len, struct katacg_error *err);

static const char *in(const struct vector *v, int i) {
    return v->inputs[i].bytes;
}

static uint32_t flags(const struct vector *v) {
    return (uint32_t)strtoul(in(v, 1), NULL, 10);
}

/* Turns a result of 1 or 0 into the text "1" or "0". */
static int digit(int answer, char *buf, size_t buf_len) {
    return snprintf(buf, buf_len, "%d", answer);
}

#define FACE(name, ...)                                                                            \
    static int name(const struct vector *v, char *buf, size_t buf_len, struct katacg_error *err) { \
        __VA_ARGS__;                                                                               \
    }
#define OF_PATH(name) FACE(c_##name, return katacg_##name(in(v, 0), buf, buf_len, err))
#define OF_BYTES(name)                                                                             \
    FACE(c_##name, return katacg_##name(in(v, 0), v->inputs[0].len, buf, buf_len, err))

FACE(validate_k0, return katacg_path_validate(in(v, 0), flags(v), buf, buf_len, err))
FACE(validate_k1,
     return katacg_path_validate(in(v, 0), flags(v) | KATACG_PATH_K1, buf, buf_len, err))
FACE(validate_k3,
     return katacg_path_validate(in(v, 0), flags(v) | KATACG_PATH_K3, buf, buf_len, err))
FACE(is_systemd, (void)err; return digit(katacg_path_is_systemd(in(v, 0)), buf, buf_len))
FACE(is_slice, (void)err; return digit(katacg_path_is_systemd_slice(in(v, 0)), buf, buf_len))
FACE(subsystem, return katacg_subsystem_path(in(v, 0), in(v, 1), in(v, 2), buf, buf_len, err))
OF_PATH(path_rename)
OF_PATH(path_rename_k3)
OF_PATH(path_no_constraints)
OF_PATH(path_parent)
OF_PATH(path_guest)
OF_PATH(slice_expand)
OF_PATH(path_slice)
OF_PATH(path_unit)
OF_BYTES(v1_mountpoint_parse)
OF_BYTES(cpu_validate)
OF_BYTES(cpu_aggregate)

/* The C function for each line. `second` returns the part of the expected text after a newline. */
static struct {
    const char *function;
    call first, second;
    unsigned long wanted, seen;
} faces[] = {
    {"validCgroupPath", validate_k0, NULL, 380, 0},
    {"k1.ValidCgroupPath", validate_k1, NULL, 380, 0},
    {"k3.ValidCgroupPath", validate_k3, NULL, 380, 0},
    {"isSystemdCgroup", is_systemd, NULL, 190, 0},
    {"k1.IsSystemdCgroup", is_slice, NULL, 190, 0},
    {"renameCgroupPath", c_path_rename, NULL, 190, 0},
    {"k3.RenameCgroupPath", c_path_rename_k3, NULL, 190, 0},
    {"cgroupNoConstraintsPath", c_path_no_constraints, NULL, 190, 0},
    {"parentPath", c_path_parent, NULL, 190, 0},
    {"guestCgroupsPath", c_path_guest, NULL, 190, 0},
    {"k3.getSliceAndUnit", c_path_slice, c_path_unit, 190, 0},
    {"subsystemPath", subsystem, NULL, 190, 0},
    {"runc.ExpandSlice", c_slice_expand, NULL, 25, 0},
    {"v1MountPoint", c_v1_mountpoint_parse, NULL, 72, 0},
    {"validCPUResources", c_cpu_validate, NULL, 46, 0},
    {"sandboxCPUResources", c_cpu_aggregate, NULL, 10, 0},
};

/* Checks the result in a large buffer, its length, and the result in a buffer one byte short. */
static void expect_ok(const struct vector *v, call run, const char *want, size_t len) {
    struct katacg_error err;
    char *buf = malloc(len + 64);
    int result;

    MUST(buf);
    memset(buf, '#', len + 64);
    result = run(v, buf, len + 64, clear(&err));
    CHECK(result == (int)len && memcmp(buf, want, len) == 0 && buf[len] == '\0' && !err.code,
          "line %lu %s: %d \"%s\" wanted %lu \"%.*s\" (%s)", v->line, v->function, result, buf,
          (unsigned long)len, (int)len, want, err.message);
    CHECK(buf[len + 1] == '#', "line %lu: wrote past the NUL", v->line);

    result = run(v, NULL, 0, clear(&err));
    CHECK(result == (int)len && !err.code, "line %lu %s: length %d wanted %lu", v->line,
          v->function, result, (unsigned long)len);

    /* In a buffer that is one byte short, NUL replaces the last byte. */
    memset(buf, '#', len + 64);
    result = run(v, buf, len, clear(&err));
    CHECK(result == (int)len && buf[len] == '#', "line %lu %s: %d of a short buffer", v->line,
          v->function, result);
    if (len > 0)
        CHECK(memcmp(buf, want, len - 1) == 0 && buf[len - 1] == '\0', "line %lu %s: truncated",
              v->line, v->function);
    free(buf);
}

static void expect_error(const struct vector *v, call run) {
    struct katacg_error err;
    char buf[64] = "untouched";
    int result = run(v, buf, sizeof(buf), clear(&err));
    size_t len = v->expected.len, most = KATACG_ERROR_MESSAGE - 1;

    CHECK(result < 0 && err.code > 0, "line %lu %s: %d", v->line, v->function, result);
    if (len <= most)
        CHECK(strlen(err.message) == len && memcmp(err.message, v->expected.bytes, len) == 0,
              "line %lu %s: \"%s\" wanted \"%s\"", v->line, v->function, err.message,
              v->expected.bytes);
    else
        CHECK(strlen(err.message) == most && strcmp(err.message + most - 3, "...") == 0 &&
                  memcmp(err.message, v->expected.bytes, most - 3) == 0,
              "line %lu %s: long message \"%s\"", v->line, v->function, err.message);
    CHECK(strcmp(buf, "untouched") == 0, "line %lu: a failed call wrote \"%s\"", v->line, buf);
}

static void expect_any_error(const struct vector *v, call run) {
    struct katacg_error err;
    char buf[64];
    int result = run(v, buf, sizeof(buf), clear(&err));

    CHECK(result < 0 && err.code > 0 && err.code != KATACG_ERR_PANIC && err.message[0],
          "line %lu %s: %d %s", v->line, v->function, result, err.message);
}

static void run(const struct vector *v, call first, call second) {
    const char *split = second ? strchr(v->expected.bytes, '\n') : NULL;

    if (strcmp(v->kind, "died") == 0) {
        expect_any_error(v, first);
    } else if (strcmp(v->kind, "err") == 0) {
        expect_error(v, first);
        if (second)
            expect_error(v, second);
    } else {
        size_t len = split ? (size_t)(split - v->expected.bytes) : v->expected.len;

        CHECK(strcmp(v->kind, "ok") == 0, "line %lu: kind %s", v->line, v->kind);
        CHECK(!second == !split, "line %lu: expected one part or two?", v->line);
        expect_ok(v, first, v->expected.bytes, len);
        if (split)
            expect_ok(v, second, split + 1, v->expected.len - len - 1);
    }
}

/* Decodes in place and adds a NUL, which the length does not count. */
static struct text unhex(char *hex) {
    struct text out = {hex, strlen(hex) / 2};
    unsigned int byte;
    size_t i;

    for (i = 0; i < out.len; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        MUST(sscanf(two, "%x", &byte) == 1);
        hex[i] = (char)byte;
    }
    hex[out.len] = '\0';
    return out;
}

static char *field(char **rest) {
    char *start = *rest, *end;

    if (!start)
        return NULL;
    end = strchr(start, '\t');
    *rest = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    return start;
}

int main(int argc, char **argv) {
    FILE *file = fopen(argc > 1 ? argv[1] : "build/vectors.tsv", "r");
    char *line = NULL, *hex;
    size_t room = 0, i;
    unsigned long total = 0, every = 1;
    ssize_t length;
    struct vector v = {0};

    MUST(file);
    if (getenv("KATACG_C_DIVIDE"))
        every = strtoul(getenv("KATACG_C_DIVIDE"), NULL, 10);
    while ((length = getline(&line, &room, file)) > 0) {
        char *rest = line;

        line[length - 1] = '\0';
        v.line++;
        v.function = field(&rest);
        v.kind = field(&rest);
        MUST((hex = field(&rest)));
        v.expected = unhex(hex);
        for (i = 0; i < INPUTS; i++)
            v.inputs[i] = (hex = field(&rest)) ? unhex(hex) : (struct text){NULL, 0};
        for (i = 0; i < sizeof(faces) / sizeof(faces[0]); i++)
            if (strcmp(v.function, faces[i].function) == 0)
                break;
        MUST(i < sizeof(faces) / sizeof(faces[0]));
        faces[i].seen++;
        total++;
        if (every == 0 || v.line % every == 0)
            run(&v, faces[i].first, faces[i].second);
    }
    for (i = 0; i < sizeof(faces) / sizeof(faces[0]); i++) {
        printf("%6lu %s\n", faces[i].seen, faces[i].function);
        CHECK(faces[i].seen == faces[i].wanted, "%s: %lu lines", faces[i].function, faces[i].seen);
    }
    printf("%6lu in all\n", total);
    CHECK(total == TOTAL, "%lu lines", total);
    free(line);
    fclose(file);
    return finish();
}
