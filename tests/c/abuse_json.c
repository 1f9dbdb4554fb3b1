/* SPDX-License-Identifier: Apache-2.0 */
/* Gives the library JSON that is truncated, damaged, nested too deeply or out of range. */
#include "fixture.h"

static struct katacg_host *host;
static struct katacg_manager *manager;
static char buf[16384];

typedef int (*call)(const char *json, size_t len, struct katacg_error *err);

static int spec(const char *json, size_t len, struct katacg_error *err) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *out = (struct katacg_manager *)buf;
    int result;

    opts.path = "/katacg-test-paper/a";
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    result = katacg_manager_new(host, json, len, &opts, sizeof(opts), &out, err);
    CHECK((result == 0) == (out != NULL), "a handle on success, NULL on failure");
    katacg_manager_free(out);
    return result;
}

static int state(const char *json, size_t len, struct katacg_error *err) {
    struct katacg_manager *out = (struct katacg_manager *)buf;
    int result = katacg_manager_load(host, json, len, &out, err);

    CHECK((result == 0) == (out != NULL), "a handle on success, NULL on failure");
    katacg_manager_free(out);
    return result;
}

static int resources(const char *json, size_t len, struct katacg_error *err) {
    return katacg_manager_plan(manager, json, len, 0, buf, sizeof(buf), err);
}

static int cpu(const char *json, size_t len, struct katacg_error *err) {
    return katacg_cpu_validate(json, len, buf, sizeof(buf), err);
}

static int cpus(const char *json, size_t len, struct katacg_error *err) {
    return katacg_cpu_aggregate(json, len, buf, sizeof(buf), err);
}

/* Copies the text to memory of exactly its size, so that valgrind sees a read past its end. */
static int exactly(call run, const char *json, size_t len, struct katacg_error *err) {
    char *copy = malloc(len ? len : 1);
    int result;

    MUST(copy);
    memcpy(copy, json, len);
    result = run(copy, len, clear(err));
    free(copy);
    return result;
}

static int has_place(const struct katacg_error *err) {
    return strstr(err->message, "line ") && strstr(err->message, "column ");
}

/* Tries every prefix of the text, and replaces each byte by bytes that matter to JSON. */
static void damage(const char *what, call run, const char *json, size_t len) {
    static const char bytes[] = {'\0', '{', '"', '9', '-', ',', '\\', (char)0xff};
    struct katacg_error err;
    size_t i, b, step = divided(1000) < 1000 ? 7 : 1;
    char *copy = malloc(len);

    MUST(copy);
    CHECK(exactly(run, json, len, &err) >= 0, "%s: %s", what, err.message);
    for (i = 0; i < len; i++) {
        int result = exactly(run, json, i, &err);

        CHECK(result >= 0 || (result == -EINVAL && err.code == KATACG_ERR_JSON && has_place(&err)),
              "%s, %lu bytes: %d code %d %s", what, (unsigned long)i, result, (int)err.code,
              err.message);
    }
    memcpy(copy, json, len);
    for (i = 0; i < len; i += step)
        for (b = 0; b < sizeof(bytes); b++) {
            int result;

            copy[i] = bytes[b];
            result = exactly(run, copy, len, &err);
            CHECK(result >= 0 || (err.code > 0 && err.code != KATACG_ERR_PANIC && err.message[0]),
                  "%s, byte %lu: %d %s", what, (unsigned long)i, result, err.message);
            if (result < 0 && err.code == KATACG_ERR_JSON)
                CHECK(has_place(&err), "%s, byte %lu: %s", what, (unsigned long)i, err.message);
            copy[i] = json[i];
        }
    free(copy);
}

static void values_out_of_range_name_line_and_column(void) {
    static const struct {
        call run;
        const char *json;
    } bad[] = {
        {cpu, "{\"shares\":18446744073709551616}"},
        {cpu, "{\"shares\":-1}"},
        {cpu, "{\"shares\":1.5}"},
        {cpu, "{\"shares\":1e400}"},
        {cpu, "{\"shares\":\"1\"}"},
        {cpu, "{\"quota\":9223372036854775808}"},
        {cpu, "{\"quota\":-9223372036854775809}"},
        {cpu, "{\"period\":-1}"},
        {cpu, "{\"realtimeRuntime\":99999999999999999999999999}"},
        {cpu, "[]"},
        {cpu, "{} {}"},
        {cpus, "[{\"period\":18446744073709551616}]"},
        {cpus, "{}"},
        {resources, "{\"memory\":{\"limit\":9223372036854775808}}"},
        {resources, "{\"memory\":{\"swappiness\":-2}}"},
        {resources, "{\"pids\":{\"limit\":1e30}}"},
        {resources, "{\"blockIO\":{\"weight\":65536}}"},
        {resources, "{\n\"cpu\":\n{\"cpus\":7}}"},
        {spec, "{\"linux\":{\"resources\":{\"cpu\":{\"shares\":-5}}}}"},
        {spec, "{\"resources\":{\"cpu\":{\"shares\":-5}}}"},
        {spec, "{\"cgroupsPath\":7}"},
        {state, "{\"version\":4294967296,\"driver\":\"cgroupfs\",\"path\":\"/a\"}"},
        {state, "{\"version\":1,\"driver\":\"cgroupfs\",\"path\":7}"},
        {state, "{\"version\":1,\"driver\":\"cgroupfs\"}"},
    };
    /* This JSON is well-formed, so the error has no line and column. */
    static const char *const not_hex[] = {
        "{\"version\":1,\"driver\":\"cgroupfs\",\"path\":{\"hex\":\"zz\"}}",
        "{\"version\":1,\"driver\":\"cgroupfs\",\"path\":{\"hex\":\"616\"}}",
    };
    struct katacg_error err;
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int result = exactly(bad[i].run, bad[i].json, strlen(bad[i].json), &err);

        CHECK_ERROR(result, -EINVAL, &err, KATACG_ERR_JSON, NULL);
        CHECK(has_place(&err), "%s: no line and column in \"%s\"", bad[i].json, err.message);
    }
    for (i = 0; i < sizeof(not_hex) / sizeof(not_hex[0]); i++)
        CHECK_ERROR(exactly(state, not_hex[i], strlen(not_hex[i]), &err), -EINVAL, &err,
                    KATACG_ERR_JSON, "hex");
}

static void impossible_values_are_refused_before_a_write(void) {
    static const char *const bad[] = {
        "{\"memory\":{\"limit\":-2}}",
        "{\"memory\":{\"swappiness\":101}}",
        "{\"cpu\":{\"idle\":2}}",
        "{\"hugepageLimits\":[{\"pageSize\":\"2XB\",\"limit\":1}]}",
        "{\"hugepageLimits\":[{\"pageSize\":\"../2MB\",\"limit\":1}]}",
        "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":-1}]}",
        "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":-1,\"minor\":0,\"rate\":1}]}}",
    };
    struct katacg_error err;
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_ERROR(exactly(resources, bad[i], strlen(bad[i]), &err), -ERANGE, &err,
                    KATACG_ERR_VALUE, NULL);
        CHECK_ERROR(katacg_manager_set(manager, bad[i], strlen(bad[i]), clear(&err)), -ERANGE, &err,
                    KATACG_ERR_VALUE, NULL);
    }
}

static void nul_bytes_are_refused(void) {
    static const char after[] = "{}\0", within[] = "{\"cpus\":\"0\0\"}";
    static const char in_path[] = "{\"cgroupsPath\":\"/a\\u0000b\"}";
    struct katacg_manager *out;
    struct katacg_error err;

    /* An empty file. */
    CHECK_ERROR(katacg_manager_new(host, "", 0, NULL, 0, &out, clear(&err)), -EINVAL, &err,
                KATACG_ERR_JSON, "line 1 column 0");
    CHECK_ERROR(exactly(cpu, after, 3, &err), -EINVAL, &err, KATACG_ERR_JSON, "line 1 column 3");
    CHECK_ERROR(exactly(resources, after, 3, &err), -EINVAL, &err, KATACG_ERR_JSON, "column");
    CHECK_ERROR(exactly(spec, after, 3, &err), -EINVAL, &err, KATACG_ERR_JSON, "column");
    CHECK_ERROR(exactly(cpu, within, sizeof(within) - 1, &err), -EINVAL, &err, KATACG_ERR_JSON,
                "column");
    CHECK_ERROR(katacg_manager_new(host, in_path, sizeof(in_path) - 1, NULL, 0, &out, clear(&err)),
                -EINVAL, &err, KATACG_ERR_PATH, "NUL");
}

/* A recursive parser would overflow the stack. */
static void deep_nesting_is_refused(void) {
    static const call all[] = {cpu, cpus, resources, spec, state};
    static const char *const units[] = {"[", "{\"a\":", "[{\"a\":", "{\"linux\":"};
    size_t len = divided((size_t)4 << 20), i, u, at;
    char *text = malloc(len + 16);
    struct katacg_error err;

    MUST(text);
    for (u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        size_t step = strlen(units[u]);

        for (at = 0; at < len; at += step)
            memcpy(text + at, units[u], step);
        for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
            CHECK_ERROR(exactly(all[i], text, at, &err), -EINVAL, &err, KATACG_ERR_JSON, "line");
    }
    free(text);
}

static void wrong_states_are_refused(void) {
    static const struct {
        const char *json;
        int result, code;
    } bad[] = {
        {"{\"version\":2,\"driver\":\"cgroupfs\",\"path\":\"/a\"}", -EOPNOTSUPP,
         KATACG_ERR_UNSUPPORTED},
        {"{\"version\":1,\"driver\":\"upstart\",\"path\":\"/a\"}", -EOPNOTSUPP,
         KATACG_ERR_UNSUPPORTED},
        {"{\"version\":1,\"driver\":\"systemd\",\"path\":\"/a\"}", -EINVAL, KATACG_ERR_PATH},
        {"{\"version\":1,\"driver\":\"cgroupfs\",\"path\":\"/a\",\"paths\":{\"cpu\":\"/etc/x\"}}",
         -EINVAL, KATACG_ERR_PATH},
        {"{\"version\":1,\"driver\":\"cgroupfs\",\"path\":\"/a\","
         "\"paths\":{\"cpu\":\"/nonexistent/cg/cpu/../../x\"}}",
         -EINVAL, KATACG_ERR_PATH},
        {"{\"version\":1,\"driver\":\"cgroupfs\",\"path\":\"/a\","
         "\"paths\":{\"cpu\":\"/nonexistent/cg/cpu\"}}",
         -EINVAL, KATACG_ERR_PATH},
        {"{\"version\":1,\"driver\":\"cgroupfs\",\"path\":\"/a\",\"paths\":{\"rdma\":\"/a\"}}",
         -ENOENT, KATACG_ERR_NOT_MOUNTED},
        {"{\"version\":1,\"driver\":\"cgroupfs\",\"path\":\"/\"}", -EINVAL, KATACG_ERR_PATH},
    };
    struct katacg_error err;
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_ERROR(exactly(state, bad[i].json, strlen(bad[i].json), &err), bad[i].result, &err,
                    bad[i].code, NULL);
}

int main(void) {
    static const char cpu_text[] = "{\"shares\":1,\"quota\":-1,\"period\":3,\"realtimeRuntime\":4,"
                                   "\"realtimePeriod\":5,\"cpus\":\"0-\\u0031\",\"mems\":\"0\"}";
    static const char cpus_text[] = "[null, {\"shares\":10,\"cpus\":\"1\"}, {\"quota\":7}]";
    static char saved[16384];
    struct katacg_error err;
    char *one;
    int len;

    host = paper_host();
    manager = paper_manager(host);
    len = katacg_manager_state(manager, saved, sizeof(saved), clear(&err));
    MUST(len > 0 && len < (int)sizeof(saved));
    damage("spec", spec, paper_spec, sizeof(paper_spec) - 1);
    damage("state", state, saved, (size_t)len);
    /* The value of "resources", without the two braces that close the specification. */
    one = strstr(paper_spec, "resources") + strlen("resources\":");
    damage("resources", resources, one, strlen(one) - 2);
    damage("cpu", cpu, cpu_text, sizeof(cpu_text) - 1);
    damage("cpus", cpus, cpus_text, sizeof(cpus_text) - 1);
    values_out_of_range_name_line_and_column();
    impossible_values_are_refused_before_a_write();
    nul_bytes_are_refused();
    deep_nesting_is_refused();
    wrong_states_are_refused();
    katacg_manager_free(manager);
    katacg_host_free(host);
    return finish();
}
