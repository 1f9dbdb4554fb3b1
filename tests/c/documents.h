/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random OCI specifications: a number gives the same one on every machine. Most values are those
 * that a runtime sets; some documents have values that no runtime should set.
 */
#ifndef DOCUMENTS_H
#define DOCUMENTS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a manager is made from, and what it is updated with later. */
struct document {
    char spec[16384];
    char update[16384];
    const char *path, *unit_path, *subsystems;
};

/* A field of a JSON object: how often it is there (of 100), and its values as JSON. */
struct field {
    const char *name;
    unsigned percent;
    const char *values[14];
};

/* "~" is a random number of random length. */
#define RANDOM_NUMBER "~"

static const struct field cpu_fields[] = {
    {"shares", 60, {"0", "1", "2", "512", "1024", "2048", "262144", "999999", RANDOM_NUMBER}},
    {"quota", 50, {"-1", "0", "1000", "20001", "50000", "100000", "250001", RANDOM_NUMBER}},
    {"period", 50, {"0", "1000", "50000", "100000", "1000000", RANDOM_NUMBER}},
    {"burst", 20, {"0", "1000", "50000", "100000"}},
    {"idle", 20, {"0", "1", "2", "-1"}},
    {"realtimeRuntime", 12, {"0", "950000", "-1", "1000"}},
    {"realtimePeriod", 12, {"0", "1000000", "5000"}},
    {"cpus",
     40,
     {"\"0\"", "\"0-3\"", "\"0-3,9\"", "\"9,0-3\"", "\"\"", "\"31\"", "\"0-1,4-5\\n\""}},
    {"mems", 30, {"\"0\"", "\"0-1\"", "\"\"", "\"1,3\""}},
};

static const struct field memory_fields[] = {
    {"limit", 60, {"-1", "0", "67108864", "134217728", "9223372036854771712", RANDOM_NUMBER}},
    {"swap", 40, {"-1", "0", "67108864", "134217728", "268435456", RANDOM_NUMBER}},
    {"reservation", 35, {"-1", "0", "33554432", "67108864", RANDOM_NUMBER}},
    {"kernel", 12, {"-1", "0", "16777216"}},
    {"kernelTCP", 12, {"-1", "0", "16777216"}},
    {"swappiness", 20, {"0", "10", "60", "100", "101", "200"}},
    {"disableOOMKiller", 25, {"true", "false"}},
    {"checkBeforeUpdate", 25, {"true", "false"}},
    {"useHierarchy", 10, {"true", "false"}},
};

static const struct field pids_fields[] = {
    {"limit", 90, {"-1", "0", "1", "64", "1000", "4194304", RANDOM_NUMBER}},
};

static const struct field io_fields[] = {
    {"weight", 60, {"0", "1", "9", "10", "100", "500", "1000", "1001"}},
    {"leafWeight", 25, {"0", "10", "300", "1000"}},
};

static const struct field io_weight_fields[] = {
    {"major", 97, {"8", "9", "259", "0"}},
    {"minor", 97, {"0", "16", "-1", "1048575"}},
    {"weight", 80, {"10", "100", "500", "1000"}},
    {"leafWeight", 30, {"10", "1000"}},
};

static const struct field throttle_fields[] = {
    {"major", 97, {"8", "9", "259"}},
    {"minor", 97, {"0", "16"}},
    {"rate", 97, {"0", "1", "1048576", "18446744073709551615", RANDOM_NUMBER}},
};

static const struct field hugepage_fields[] = {
    {"pageSize", 99, {"\"2MB\"", "\"1GB\"", "\"64KB\""}},
    {"limit", 99, {"0", "4194304", "9223372036854771712", RANDOM_NUMBER}},
};

static const struct field priority_fields[] = {
    {"name", 99, {"\"lo\"", "\"eth0\"", "\"veth1\""}},
    {"priority", 99, {"0", "1", "4294967295"}},
};

static const struct field rdma_fields[] = {
    {"hcaHandles", 80, {"0", "3", "4294967295"}},
    {"hcaObjects", 80, {"0", "10000"}},
};

static const struct field device_fields[] = {
    {"allow", 97, {"true", "false"}},
    {"type", 85, {"\"c\"", "\"b\"", "\"a\"", "\"u\""}},
    {"major", 75, {"1", "5", "10", "136", "226", "-1", "8"}},
    {"minor", 70, {"0", "3", "9", "232", "-1", "200"}},
    {"access", 90, {"\"rwm\"", "\"rw\"", "\"r\"", "\"m\"", "\"w\""}},
};

static const struct field unified_fields[] = {
    {"memory.max", 25, {"\"max\"", "\"67108864\"", "\"64M\"", "\"0\""}},
    {"memory.high", 20, {"\"max\"", "\"33554432\"", "\"1G\""}},
    {"memory.low", 15, {"\"0\"", "\"max\"", "\"16777216\""}},
    {"memory.min", 15, {"\"0\"", "\"max\"", "\"8388608\""}},
    {"memory.swap.max", 15, {"\"max\"", "\"0\"", "\"67108864\""}},
    {"memory.zswap.max", 10, {"\"max\"", "\"0\"", "\"1048576\""}},
    {"memory.oom.group", 15, {"\"0\"", "\"1\"", "\"2\""}},
    {"memory.zswap.writeback", 5, {"\"0\"", "\"1\""}},
    {"cpu.max", 25, {"\"max\"", "\"50000 100000\"", "\"max 50000\"", "\"20001\"", "\"0 1\""}},
    {"cpu.max.burst", 10, {"\"0\"", "\"20000\""}},
    {"cpu.weight", 20, {"\"1\"", "\"100\"", "\"10000\"", "\"0\"", "\"idle\""}},
    {"cpu.weight.nice", 8, {"\"-20\"", "\"19\""}},
    {"cpu.idle", 12, {"\"0\"", "\"1\""}},
    {"cpuset.cpus", 15, {"\"0-3\"", "\"\"", "\"\\n\"", "\"1,3\""}},
    {"cpuset.mems", 12, {"\"0\"", "\"\""}},
    {"cpuset.cpus.partition", 4, {"\"member\"", "\"root\""}},
    {"io.weight", 15, {"\"100\"", "\"default 200\"", "\"8:0 300\"", "\"default 50\\n8:0 70\""}},
    {"io.bfq.weight", 12, {"\"100\"", "\"1000\"", "\"default 200\"", "\"8:16 30\""}},
    {"io.max", 15, {"\"8:0 rbps=1048576\"", "\"8:0 rbps=max wiops=120\\n8:16 riops=9\\n\""}},
    {"io.latency", 6, {"\"8:0 target=100\""}},
    {"pids.max", 20, {"\"max\"", "\"64\"", "\"0\"", "\"many\""}},
    {"hugetlb.2MB.max", 8, {"\"max\"", "\"4194304\""}},
    {"rdma.max", 5, {"\"mlx5_0 hca_handle=2 hca_object=2000\""}},
    {"misc.max", 5, {"\"sev 1\""}},
    {"cgroup.max.depth", 5, {"\"3\"", "\"max\""}},
};

static const struct field annotation_fields[] = {
    {"org.systemd.property.TimeoutStopSec", 25, {"\"uint64 7\"", "\"1.5\"", "\"7\""}},
    {"org.systemd.property.CollectMode", 25, {"\"'inactive-or-failed'\"", "\"'inactive'\""}},
    {"org.systemd.property.Description", 15, {"\"'a sandbox'\"", "\"'\\u00e9'\""}},
    {"org.systemd.property.After", 10, {"\"['a.service', 'b.service']\"", "\"@as []\""}},
    {"org.systemd.property.CPUWeight", 8, {"\"uint64 77\""}},
    {"org.systemd.property.TasksMax", 8, {"\"uint64 9\""}},
    {"io.kubernetes.cri.sandbox-id", 30, {"\"x\""}},
};

static const struct field bad_annotation_fields[] = {
    {"org.systemd.property.Slice", 25, {"\"'system.slice'\""}},
    {"org.systemd.property.TimeoutStopSec", 25, {"\"uint64\"", "\"'x'\"", "\"-1\"", "\"1e300\""}},
    {"org.systemd.property.A1", 25, {"\"true\""}},
    {"org.systemd.property.AllowedCPUs", 25, {"\"[byte 0x01,\"", "\"[byte 0x01]\""}},
};

/* Values that fit no field, or few. */
static const char *const odd_values[] = {
    "null",    "-1",    "-2",         "9223372036854775807",  "-9223372036854775808",
    "1e3",     "1.5",   "true",       "18446744073709551615", "18446744073709551616",
    "\"\"",    "\"/\"", "\"a/b\"",    "\"\\u0000\"",          "\"x\\ny\"",
    "\"0-\"",  "[]",    "{}",         "\"99999999999\"",      "\"3-1\"",
    "\"2mb\"", "65536", "4294967296", "\"\\u00e9\"",          "\"..\"",
};

static const char *const paths[] = {"/katacg/box", "/a//b/../c/kata_1", "relative/box",
                                    "/deep/er/and/deeper/x"};
static const char *const unit_paths[] = {"my-pods.slice:kata:box", "::a-b.slice", ":p:n",
                                         "system.slice::x", "my-pods.slice:kata:b@-\xc3\xa9"};
static const char *const subsystem_lists[] = {"cpu,memory,pids", "cpuset,cpu,cpuacct,devices",
                                              "blkio,hugetlb,net_cls,net_prio,rdma",
                                              "memory,systemd"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct {
    uint64_t state;
    unsigned odd; /* of 100 values */
    char *at, *end;
} writer;

/* splitmix64 */
static inline uint64_t random_bits(void) {
    uint64_t z = writer.state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline unsigned below(size_t count) {
    return (unsigned)(random_bits() % count);
}

static inline int chance(unsigned percent) {
    return below(100) < percent;
}

static inline void add_text(const char *text) {
    size_t len = strlen(text);

    if (len >= (size_t)(writer.end - writer.at))
        abort();
    memcpy(writer.at, text, len + 1);
    writer.at += len;
}

static inline void add_key(const char *name) {
    if (writer.at[-1] != '{' && writer.at[-1] != '[')
        add_text(",");
    if (name) {
        add_text("\"");
        add_text(name);
        add_text("\":");
    }
}

static inline void add_value(const struct field *field) {
    const char *value;
    char number[32];
    size_t count = 0;

    while (count < COUNT(field->values) && field->values[count])
        count++;
    value = field->values[below(count)];
    if (chance(writer.odd))
        value = odd_values[below(COUNT(odd_values))];
    if (strcmp(value, RANDOM_NUMBER) == 0) {
        snprintf(number, sizeof(number), "%llu",
                 (unsigned long long)(random_bits() >> (1 + below(63))));
        value = number;
    }
    add_text(value);
}

static inline void add_fields(const struct field *fields, size_t count) {
    size_t i;

    for (i = 0; i < count; i++) {
        if (!chance(fields[i].percent))
            continue;
        add_key(fields[i].name);
        add_value(&fields[i]);
    }
}

/* NAME, or without a name the next item of a list. */
#define ADD_OBJECT(name, fields)                                                                   \
    do {                                                                                           \
        add_key(name);                                                                             \
        add_text("{");                                                                             \
        add_fields(fields, COUNT(fields));                                                         \
        add_text("}");                                                                             \
    } while (0)

#define ADD_LIST(name, most, fields)                                                               \
    do {                                                                                           \
        unsigned left_ = 1 + below(most);                                                          \
        add_key(name);                                                                             \
        add_text("[");                                                                             \
        while (left_--)                                                                            \
            ADD_OBJECT(NULL, fields);                                                              \
        add_text("]");                                                                             \
    } while (0)

static inline void add_io(void) {
    static const char *const throttles[] = {"throttleReadBpsDevice", "throttleWriteBpsDevice",
                                            "throttleReadIOPSDevice", "throttleWriteIOPSDevice"};
    size_t i;

    add_key("blockIO");
    add_text("{");
    add_fields(io_fields, COUNT(io_fields));
    if (chance(30))
        ADD_LIST("weightDevice", 2, io_weight_fields);
    for (i = 0; i < COUNT(throttles); i++)
        if (chance(25))
            ADD_LIST(throttles[i], 2, throttle_fields);
    add_text("}");
}

static inline void add_devices(void) {
    add_key("devices");
    /* As nearly every runtime begins. */
    add_text("[{\"allow\":false,\"access\":\"rwm\"}");
    if (chance(8))
        add_text(",{\"allow\":true,\"type\":\"a\",\"access\":\"rwm\"}");
    while (chance(70))
        ADD_OBJECT(NULL, device_fields);
    add_text("]");
}

static inline void add_resources(unsigned percent) {
    add_text("{");
    if (chance(percent))
        ADD_OBJECT("cpu", cpu_fields);
    if (chance(percent))
        ADD_OBJECT("memory", memory_fields);
    if (chance(percent))
        ADD_OBJECT("pids", pids_fields);
    if (chance(percent / 2))
        add_io();
    if (chance(percent / 4))
        ADD_LIST("hugepageLimits", 3, hugepage_fields);
    if (chance(percent / 5)) {
        add_key("network");
        add_text(chance(50) ? "{\"classID\":1048577" : "{\"ignored\":1");
        ADD_LIST("priorities", 3, priority_fields);
        add_text("}");
    }
    if (chance(percent / 5)) {
        add_key("rdma");
        add_text("{");
        ADD_OBJECT("mlx5_1", rdma_fields);
        if (chance(40))
            ADD_OBJECT("mlx4_0", rdma_fields);
        add_text("}");
    }
    if (chance(percent / 3))
        add_devices();
    if (chance(percent / 3))
        ADD_OBJECT("unified", unified_fields);
    add_text("}");
}

static inline void start_text(char *text, size_t size) {
    writer.at = text;
    writer.end = text + size;
    *text = '\0';
}

static inline void make_document(uint64_t number, struct document *out) {
    static const unsigned odd[] = {0, 0, 0, 0, 0, 2, 2, 5, 10, 25};

    writer.state = number * 0x2545f4914f6cdd1du + 1;
    writer.odd = odd[below(COUNT(odd))];
    start_text(out->spec, sizeof(out->spec));
    add_text("{");
    if (chance(40))
        ADD_OBJECT("annotations", annotation_fields);
    else if (chance(5))
        ADD_OBJECT("annotations", bad_annotation_fields);
    add_key("linux");
    add_text("{");
    if (chance(95)) {
        add_key("resources");
        add_resources(60);
    }
    add_text("}}");
    start_text(out->update, sizeof(out->update));
    add_resources(35);
    out->path = paths[below(COUNT(paths))];
    out->unit_path = unit_paths[chance(70) ? 0 : below(COUNT(unit_paths))];
    out->subsystems = chance(80) ? NULL : subsystem_lists[below(COUNT(subsystem_lists))];
}

#endif
