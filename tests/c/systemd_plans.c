/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks the exact plans for systemd units, as text and as JSON, for each layout and for systemd
 * versions that differ.
 */
#include "systemd.h"

/* Returns the plan for systemd `version`, or "" after a failed check. */
static const char *plan(int layout, const char *path, unsigned version, const char *spec,
                        uint32_t flags) {
    static char text[16384];
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_error err;
    struct katacg_manager *manager;

    opts.path = path;
    opts.systemd_version = version;
    /* No bus listens, so a plan that asks systemd fails. */
    opts.bus_address = NOWHERE;
    manager = make(layout, spec, &opts, &err);
    text[0] = '\0';
    CHECK(manager && katacg_manager_plan(manager, NULL, 0, flags, text, sizeof(text), &err) > 0,
          "%s, version %u: %s", layouts[layout], version, err.message);
    katacg_manager_free(manager);
    return text;
}

/* Checks the unit's name; "" for a directory. */
static void unit(const char *path, const char *wanted) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_error err;
    struct katacg_manager *manager;
    char name[300];
    int len;

    opts.path = path;
    opts.bus_address = NOWHERE;
    manager = make(HYBRID, NULL, &opts, &err);
    len = manager ? katacg_manager_unit(manager, name, sizeof(name), &err) : -1;
    CHECK(len == (int)strlen(wanted) && strcmp(name, wanted) == 0, "%s: %s", path, err.message);
    katacg_manager_free(manager);
}

static void unit_follows_from_the_path(void) {
    unit("a.slice:kata:x", "kata-x.scope");
    unit("a.slice::x", "x.scope");
    unit("::a-b.slice", "a-b.slice");
    unit("/a/b", "");
}

static void planned(int layout, unsigned version, const char *spec, uint32_t flags,
                    const char *wanted) {
    const char *found = plan(layout, PATH, version, spec, flags | KATACG_PLAN_TEXT);

    CHECK(strcmp(found, wanted) == 0, "%s, version %u:\n%swanted:\n%s", layouts[layout], version,
          found, wanted);
}

static void has_not(const char *text, const char *part) {
    CHECK(strstr(text, part) == NULL, "%s in %s", part, text);
}

static const char spec[] =
    "{\"annotations\":{\"org.systemd.property.TimeoutStopSec\":\"uint64 7\",\"other\":\"x\"},"
    "\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
    "{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rw\"}],"
    "\"cpu\":{\"shares\":2000,\"quota\":50001,\"period\":100000,\"cpus\":\"0-3,9\",\"mems\":\"0\"},"
    "\"memory\":{\"limit\":67108864},\"pids\":{\"limit\":64}}}}";

#define START(io)                                                                                  \
    "start\tsystemd\t" UNIT "\tDescription='katacg " UNIT "' Slice='my-pods.slice' Delegate=true " \
    "MemoryAccounting=true CPUAccounting=true " io "Accounting=true TasksAccounting=true "         \
    "DefaultDependencies=false TimeoutStopUSec=uint64 7000000 "
#define SET "property\tsystemd\t" UNIT "\t"
/* The specification's rule, and the runtime's default devices. */
#define ALLOWED                                                                                    \
    "[('block-*', 'm'), ('char-*', 'm'), ('/dev/char/1:3', 'rwm'), ('/dev/char/1:5', 'rwm'), "     \
    "('/dev/char/1:7', 'rwm'), ('/dev/char/1:8', 'rwm'), ('/dev/char/1:9', 'rwm'), "               \
    "('/dev/char/5:0', 'rwm'), ('/dev/char/5:2', 'rwm'), ('/dev/char/10:200', 'rwm'), "            \
    "('char-136', 'rwm')]"
/* What systemd was told is looked at afterwards. */
#define AWAIT(hierarchy)                                                                           \
    "await devices\t" hierarchy "\t\tdeny a *:* rwm, allow b *:* m, allow c *:* m, "               \
    "allow c 1:3 rwm, allow c 1:5 rwm, allow c 1:7 rwm, allow c 1:8 rwm, allow c 1:9 rwm, "        \
    "allow c 5:0 rwm, allow c 5:2 rwm, allow c 10:200 rwm, allow c 136:* rwm\n"
#define DEVICES "DeviceAllow=@a(ss) [] DevicePolicy='strict' DeviceAllow=" ALLOWED " "
#define LIMITS_V1 "MemoryLimit=uint64 67108864 CPUShares=uint64 2000 "
#define LIMITS_V2 "MemoryMax=uint64 67108864 CPUWeight=uint64 170 "
/* 50001 of 100000 microseconds is no whole percentage. The plan rounds it up, also for the file. */
#define PERIOD "CPUQuotaPeriodUSec=uint64 100000 "
#define QUOTA "CPUQuotaPerSecUSec=uint64 510000 "
#define TASKS "TasksMax=uint64 64"
/* Byte 0 has the bits of CPUs 0 to 7. */
#define CPUS " AllowedCPUs=[byte 0x0f, byte 0x02] AllowedMemoryNodes=[byte 0x01]"
#define FILES_V1                                                                                   \
    "write\tcpuset\tcpuset.cpus\t0-3,9\nwrite\tcpuset\tcpuset.mems\t0\n"                           \
    "write\tmemory\tmemory.limit_in_bytes\t67108864\nwrite\tcpu\tcpu.shares\t2000\n"               \
    "write\tcpu\tcpu.cfs_period_us\t100000\nwrite\tcpu\tcpu.cfs_quota_us\t51000\n"                 \
    "write\tpids\tpids.max\t64\n"
#define FILES_V2                                                                                   \
    "write\tpids\tpids.max\t64\nwrite\tmemory\tmemory.max\t67108864\n"                             \
    "write\tcpu\tcpu.weight\t170\nwrite\tcpu\tcpu.max\t51000 100000\n"                             \
    "write\tcpuset\tcpuset.cpus\t0-3,9\nwrite\tcpuset\tcpuset.mems\t0\n"
/* On v1 the library creates the directories that systemd does not manage. */
#define CREATE_V1                                                                                  \
    "create\tcpuset\t\t\ncreate\tdevices\t\t\ncreate\tmemory\t\t\ncreate\tcpu,cpuacct\t\t\n"       \
    "create\tpids\t\t\ncreate\tfreezer\t\t\n"
#define INHERIT "inherit\tcpuset\t\t\n"
#define FREEZE "freeze\tfreezer\t\t\n"
#define THAW "thaw\tfreezer\t\t\n"

static void plans_match_to_the_letter(void) {
    int l;

    for (l = LEGACY; l <= HYBRID; l++) {
        /* systemd may not use a cgroup2 mount beside v1, so the library creates the directory. */
        planned(l, 252, spec, KATACG_PLAN_APPLY,
                l == HYBRID ? START("BlockIO") DEVICES LIMITS_V1 PERIOD QUOTA TASKS CPUS
                    "\n" CREATE_V1 "create\tcgroup2\t\t\n" AWAIT("devices") INHERIT FILES_V1
                            : START("BlockIO") DEVICES LIMITS_V1 PERIOD QUOTA TASKS CPUS
                    "\n" CREATE_V1 AWAIT("devices") INHERIT FILES_V1);
        planned(l, 257, spec, 0,
                FREEZE SET DEVICES LIMITS_V1 PERIOD QUOTA TASKS CPUS "\n" AWAIT("devices")
                    THAW FILES_V1);
        planned(l, 241, spec, 0,
                FREEZE SET DEVICES LIMITS_V1 QUOTA TASKS "\n" AWAIT("devices") THAW FILES_V1);
    }
    planned(UNIFIED, 252, spec, KATACG_PLAN_APPLY,
            START("IO") DEVICES LIMITS_V2 PERIOD QUOTA TASKS CPUS "\n" AWAIT("cgroup2") FILES_V2);
    planned(UNIFIED, 257, spec, KATACG_PLAN_APPLY,
            START("IO") DEVICES LIMITS_V2 PERIOD QUOTA TASKS CPUS "\n" AWAIT("cgroup2") FILES_V2);
    planned(UNIFIED, 241, spec, KATACG_PLAN_APPLY,
            START("IO") DEVICES LIMITS_V2 QUOTA TASKS "\n" AWAIT("cgroup2") FILES_V2);
    planned(UNIFIED, 257, spec, 0,
            SET DEVICES LIMITS_V2 PERIOD QUOTA TASKS CPUS "\n" AWAIT("cgroup2") FILES_V2);
    planned(UNIFIED, 241, spec, 0,
            SET DEVICES LIMITS_V2 QUOTA TASKS "\n" AWAIT("cgroup2") FILES_V2);
}

static void json_plans_have_the_same_steps(void) {
    const char *text = plan(UNIFIED, PATH, 252, spec, KATACG_PLAN_APPLY);

    has(text, "{\"op\":\"start\",\"properties\":[[\"Description\",\"'katacg " UNIT "'\"],"
              "[\"Slice\",\"'my-pods.slice'\"],[\"Delegate\",\"true\"],");
    has(text, ",[\"TimeoutStopUSec\",\"uint64 7000000\"]],\"resources\":[[\"DeviceAllow\","
              "\"@a(ss) []\"],[\"DevicePolicy\",\"'strict'\"],"
              "[\"DeviceAllow\",\"" ALLOWED "\"],");
    has(text, "[\"CPUQuotaPerSecUSec\",\"uint64 510000\"],[\"TasksMax\",\"uint64 64\"],"
              "[\"AllowedCPUs\",\"[byte 0x0f, byte 0x02]\"],"
              "[\"AllowedMemoryNodes\",\"[byte 0x01]\"]],\"unit\":\"" UNIT "\"}");
    has(text, "\"warnings\":[]");

    text = plan(LEGACY, PATH, 241, spec, 0);
    has(text, "{\"hierarchy\":\"freezer\",\"op\":\"freeze\"},{\"op\":\"property\",\"properties\":"
              "[[\"DeviceAllow\",\"@a(ss) []\"],");
    has(text, "\"unit\":\"" UNIT "\"},{\"hierarchy\":\"devices\",\"op\":\"await devices\",");
    has(text, "c 136:* rwm\"},{\"hierarchy\":\"freezer\",\"op\":\"thaw\"}");
    has(text, "\"warnings\":[\"systemd 241 has no AllowedCPUs (since 244); cpuset.cpus is set in "
              "its file alone");
}

static void plan_depends_on_the_systemd_version(void) {
    static const char idle[] = LINUX("\"cpu\":{\"idle\":1}");
    static const char group[] = LINUX("\"unified\":{\"memory.oom.group\":\"1\"}");
    static const char major[] = LINUX("\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{"
                                      "\"allow\":true,\"type\":\"c\",\"major\":226,"
                                      "\"access\":\"rw\"}]");
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    struct katacg_error err;
    const char *text;
    char own[1024];

    planned(UNIFIED, 252, idle, 0, SET "CPUWeight=uint64 0\nwrite\tcpu\tcpu.idle\t1\n");
    planned(UNIFIED, 251, idle, 0, "write\tcpu\tcpu.idle\t1\n");
    text = plan(UNIFIED, PATH, 253, group, KATACG_PLAN_APPLY);
    has(text, "[\"OOMPolicy\",\"'kill'\"]");
    has(text, "\"warnings\":[]");
    text = plan(UNIFIED, PATH, 252, group, KATACG_PLAN_APPLY);
    has_not(text, "[\"OOMPolicy\"");
    has(text, "\"warnings\":[\"systemd 252 has no OOMPolicy of scopes (since 253)");
    /* The runtime's default rules let every node be made. */
    has(plan(UNIFIED, PATH, 240, major, 0), "('char-226', 'rwm')");
    /* What systemd cannot be told is a program beside it on v2, and an error on v1. */
    text = plan(UNIFIED, PATH, 239, major, 0);
    has(text, "{\"hierarchy\":\"cgroup2\",\"op\":\"devices\",");

    opts.path = PATH;
    opts.systemd_version = 239;
    manager = make(LEGACY, major, &opts, &err);
    CHECK_ERROR(katacg_manager_plan(manager, NULL, 0, 0, NULL, 0, clear(&err)), -EOPNOTSUPP, &err,
                KATACG_ERR_UNSUPPORTED, "since version 240");
    katacg_manager_free(manager);
    /* With this flag the specification's rules are taken as they are. */
    opts.flags = KATACG_MANAGER_NO_DEFAULT_DEVICES;
    opts.systemd_version = 257;
    manager = make(UNIFIED, major, &opts, &err);
    CHECK(katacg_manager_plan(manager, NULL, 0, KATACG_PLAN_TEXT, own, sizeof(own), &err) > 0, "%s",
          err.message);
    has(own, "DeviceAllow=[('char-226', 'rw')]\n");
    katacg_manager_free(manager);
    opts.systemd_version = 239;
    /* With this flag the library ignores device rules. */
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    manager = make(UNIFIED, major, &opts, &err);
    CHECK(katacg_manager_plan(manager, NULL, 0, KATACG_PLAN_TEXT, NULL, 0, clear(&err)) == 0, "%s",
          err.message);
    katacg_manager_free(manager);
}

static void quotas_are_rounded_to_whole_percents(void) {
    static const struct {
        const char *cpu, *property, *file;
    } all[] = {
        {"\"quota\":50000,\"period\":100000", "500000", "50000 100000"},
        {"\"quota\":50001,\"period\":100000", "510000", "51000 100000"},
        {"\"quota\":1000,\"period\":100000", "10000", "1000 100000"},
        {"\"quota\":1001,\"period\":100000", "20000", "2000 100000"},
        {"\"quota\":250000,\"period\":100000", "2500000", "250000 100000"},
        {"\"quota\":33333,\"period\":50000", "670000", "33500 50000"},
        {"\"quota\":25000", "250000", "25000 100000"},
        {"\"quota\":-1,\"period\":100000", "18446744073709551615", "max 100000"},
    };
    char json[128], wanted[128];
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const char *text;

        snprintf(json, sizeof(json), LINUX("\"cpu\":{%s}"), all[i].cpu);
        text = plan(UNIFIED, PATH, 257, json, KATACG_PLAN_TEXT);
        snprintf(wanted, sizeof(wanted), " CPUQuotaPerSecUSec=uint64 %s\n", all[i].property);
        has(text, wanted);
        snprintf(wanted, sizeof(wanted), "write\tcpu\tcpu.max\t%s\n", all[i].file);
        has(text, wanted);
    }
}

static void cpu_lists_become_bit_masks(void) {
    static const struct {
        const char *list, *mask;
    } all[] = {
        {"0", "[byte 0x01]"},
        {"7", "[byte 0x80]"},
        {"8", "[byte 0x00, byte 0x01]"},
        {"0-15", "[byte 0xff, byte 0xff]"},
        {"31", "[byte 0x00, byte 0x00, byte 0x00, byte 0x80]"},
        {"9,0-3", "[byte 0x0f, byte 0x02]"},
    };
    char json[128], wanted[128];
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        snprintf(json, sizeof(json), LINUX("\"cpu\":{\"cpus\":\"%s\"}"), all[i].list);
        snprintf(wanted, sizeof(wanted), SET "AllowedCPUs=%s\nwrite\tcpuset\tcpuset.cpus\t%s\n",
                 all[i].mask, all[i].list);
        planned(UNIFIED, 257, json, 0, wanted);
    }
}

static void slice_has_no_delegation_and_no_processes(void) {
    const char *text = plan(UNIFIED, "::my-pods.slice", 257, LINUX("\"pids\":{\"limit\":64}"),
                            KATACG_PLAN_APPLY | KATACG_PLAN_TEXT);

    has(text, "start\tsystemd\tmy-pods.slice\tDescription='katacg my-pods.slice' "
              "Wants=['my.slice'] MemoryAccounting=true ");
    has_not(text, "Delegate=");
    has_not(text, "PIDs=");
    has_not(text, " Slice=");
}

int main(void) {
    make_hosts();
    plans_match_to_the_letter();
    json_plans_have_the_same_steps();
    plan_depends_on_the_systemd_version();
    quotas_are_rounded_to_whole_percents();
    cpu_lists_become_bit_masks();
    slice_has_no_delegation_and_no_processes();
    unit_follows_from_the_path();
    return free_hosts();
}
