/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the same calls and writes the same properties and files as libkatacg, by hand on sd-bus of
 * libsystemd. This is the least that systemd costs. One connection serves the whole process. The
 * program does not undo a failure and keeps no old values.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define BUS "org.freedesktop.DBus"
#define SERVICE "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"

/* The v1 hierarchies of Debian 12 that systemd does not manage. */
static const char *const hierarchies[] = {"cpuset",     "devices", "memory",  "cpu,cpuacct",
                                          "pids",       "blkio",   "hugetlb", "net_cls,net_prio",
                                          "perf_event", "freezer", "rdma",    "misc"};
#define HIERARCHIES (sizeof(hierarchies) / sizeof(*hierarchies))

static sd_bus *bus;
/* The last job whose end a signal has reported. */
static char removed[128];
/* The kernel's list of memory nodes, for the v1 cpuset. */
static char mems[64];

static void check(const char *what, int result) {
    if (result >= 0)
        return;
    errno = -result;
    lab_die(what);
}

static void read_line(const char *path, char *text, int size) {
    FILE *f = fopen(path, "re");

    if (!f || !fgets(text, size, f))
        lab_die(path);
    fclose(f);
    text[strcspn(text, "\n")] = '\0';
}

static void put(const struct lab *lab, const char *controller, const char *file,
                const char *value) {
    char path[256];
    int fd;

    lab_path(lab, controller, file, path, sizeof(path));
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        lab_die(path);
    close(fd);
}

static void put_number(const struct lab *lab, const char *controller, const char *file,
                       uint64_t value) {
    char text[32];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    put(lab, controller, file, text);
}

static void write_limits(const struct lab *lab, const struct limits *limits) {
    char text[64];

    if (lab->unified) {
        put_number(lab, "", "pids.max", limits->pids);
        put_number(lab, "", "memory.max", limits->memory);
        put_number(lab, "", "cpu.weight", limits->weight);
        snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)limits->quota,
                 (unsigned long long)limits->period);
        put(lab, "", "cpu.max", text);
        put(lab, "", "cpuset.cpus", limits->cpus);
        return;
    }
    put(lab, "cpuset", "cpuset.cpus", limits->cpus);
    put_number(lab, "memory", "memory.limit_in_bytes", limits->memory);
    put_number(lab, "cpu", "cpu.shares", limits->shares);
    put_number(lab, "cpu", "cpu.cfs_period_us", limits->period);
    put_number(lab, "cpu", "cpu.cfs_quota_us", limits->quota);
    put_number(lab, "pids", "pids.max", limits->pids);
}

/* Creates a level of a v1 hierarchy. An empty cpuset takes no process, so it is filled. */
static void make(size_t hierarchy, const char *path) {
    char file[320], all[64];
    int fd;

    if (mkdir(path, 0755) < 0) {
        if (errno != EEXIST)
            lab_die(path);
        return;
    }
    if (hierarchy != 0)
        return;
    read_line("/sys/fs/cgroup/cpuset/cpuset.cpus", all, sizeof(all));
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof(file), "%s/cpuset.%s", path, i ? "mems" : "cpus");
        fd = open(file, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, i ? mems : all, strlen(i ? mems : all)) < 0)
            lab_die(file);
        close(fd);
    }
}

static void make_all(const struct lab *lab) {
    char path[256];

    for (size_t i = 0; i < HIERARCHIES; i++) {
        if (!lab->slice) {
            snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/system.slice", hierarchies[i]);
            make(i, path);
        }
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s", hierarchies[i], lab->cgroup);
        make(i, path);
    }
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
    const char *path;

    (void)userdata;
    (void)error;
    if (!sd_bus_message_is_signal(m, MANAGER, "JobRemoved"))
        return 0;
    check("JobRemoved", sd_bus_message_read(m, "uoss", NULL, &path, NULL, NULL));
    snprintf(removed, sizeof(removed), "%s", path);
    return 0;
}

static int on_match(sd_bus_message *m, void *userdata, sd_bus_error *error) {
    (void)userdata;
    (void)error;
    check("AddMatch", -sd_bus_message_get_errno(m));
    return 0;
}

static sd_bus_message *method_of(const char *service, const char *object, const char *interface,
                                 const char *name) {
    sd_bus_message *m = NULL;

    check(name, sd_bus_message_new_method_call(bus, &m, service, object, interface, name));
    check(name, sd_bus_message_set_auto_start(m, 0));
    return m;
}

static sd_bus_message *method(const char *name) {
    return method_of(SERVICE, OBJECT, MANAGER, name);
}

/* Sends a call with a string as its argument, and does not wait for a reply. */
static void tell(sd_bus_message *m, const char *text, int answer) {
    check(text, sd_bus_message_append(m, "s", text));
    if (answer) {
        check(text, sd_bus_call_async(bus, NULL, m, on_match, NULL, 0));
    } else {
        check(text, sd_bus_message_set_expect_reply(m, 0));
        check(text, sd_bus_send(bus, m, NULL));
    }
    sd_bus_message_unref(m);
}

/* sd_bus_add_match cannot match arguments that come after a number, so this calls AddMatch itself.
 */
static void match(const char *call, const char *unit) {
    char rule[512];

    snprintf(rule, sizeof(rule),
             "type='signal',sender='" SERVICE "',path='" OBJECT "',interface='" MANAGER
             "',member='JobRemoved',arg2='%s'",
             unit);
    tell(method_of(BUS, "/org/freedesktop/DBus", BUS, call), rule, strcmp(call, "AddMatch") == 0);
}

static void wait_for_job(sd_bus_message *reply) {
    const char *job;

    check("job", sd_bus_message_read(reply, "o", &job));
    while (strcmp(job, removed) != 0) {
        int processed = sd_bus_process(bus, NULL);

        check("process", processed);
        if (processed == 0)
            check("wait", sd_bus_wait(bus, 30 * 1000000ull));
    }
    sd_bus_message_unref(reply);
}

static void add_limits(const struct lab *lab, sd_bus_message *m, const struct limits *limits) {
    uint64_t per_second = limits->quota * 1000000 / limits->period;

    check("limits", sd_bus_message_append(
                        m, "(sv)(sv)(sv)(sv)(sv)(sv)", lab->unified ? "MemoryMax" : "MemoryLimit",
                        "t", limits->memory, lab->unified ? "CPUWeight" : "CPUShares", "t",
                        lab->unified ? limits->weight : limits->shares, "CPUQuotaPeriodUSec", "t",
                        limits->period, "CPUQuotaPerSecUSec", "t", per_second, "TasksMax", "t",
                        limits->pids, "AllowedCPUs", "ay", 1, (int)limits->cpu_bits));
}

static void start(const struct lab *lab) {
    sd_bus_message *m = method("StartTransientUnit"), *reply = NULL;
    char text[128];
    int r = 0;

    match("AddMatch", lab->unit);
    r |= sd_bus_message_append(m, "ss", lab->unit, "replace");
    r |= sd_bus_message_open_container(m, 'a', "(sv)");
    snprintf(text, sizeof(text), "katacg %s", lab->unit);
    r |= sd_bus_message_append(m, "(sv)", "Description", "s", text);
    if (lab->slice)
        r |= sd_bus_message_append(m, "(sv)", "Wants", "as", 1, "-.slice");
    else
        r |= sd_bus_message_append(m, "(sv)(sv)(sv)", "Slice", "s", "system.slice", "Delegate", "b",
                                   1, "PIDs", "au", 1, (uint32_t)lab->pid);
    r |= sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)", "MemoryAccounting", "b", 1,
                               "CPUAccounting", "b", 1,
                               lab->unified ? "IOAccounting" : "BlockIOAccounting", "b", 1,
                               "TasksAccounting", "b", 1, "DefaultDependencies", "b", 0);
    check("properties", r);
    add_limits(lab, m, &lab_first);
    r |= sd_bus_message_close_container(m);
    r |= sd_bus_message_append(m, "a(sa(sv))", 0);
    check("StartTransientUnit", r);
    check("StartTransientUnit", sd_bus_call(bus, m, 0, NULL, &reply));
    wait_for_job(reply);
    sd_bus_message_unref(m);
    match("RemoveMatch", lab->unit);
    if (!lab->unified)
        make_all(lab);
    write_limits(lab, &lab_first);
    if (!lab->unified && lab->pid > 0)
        for (size_t i = 0; i < HIERARCHIES; i++)
            put_number(lab, hierarchies[i], "cgroup.procs", (uint64_t)lab->pid);
}

static void set(const struct lab *lab) {
    sd_bus_message *m = method("SetUnitProperties"), *reply = NULL;
    int r = 0;

    r |= sd_bus_message_append(m, "sb", lab->unit, 1);
    r |= sd_bus_message_open_container(m, 'a', "(sv)");
    add_limits(lab, m, &lab_second);
    r |= sd_bus_message_close_container(m);
    check("SetUnitProperties", r);
    check("SetUnitProperties", sd_bus_call(bus, m, 0, NULL, &reply));
    sd_bus_message_unref(reply);
    sd_bus_message_unref(m);
    write_limits(lab, &lab_second);
}

static void stop_unit(const struct lab *lab) {
    sd_bus_message *m = method("StopUnit"), *reply = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int r;

    match("AddMatch", lab->unit);
    check("StopUnit", sd_bus_message_append(m, "ss", lab->unit, "replace"));
    r = sd_bus_call(bus, m, 0, &error, &reply);
    sd_bus_message_unref(m);
    /* A scope without processes may have ended by itself. */
    if (r < 0 && sd_bus_error_has_name(&error, SERVICE ".NoSuchUnit")) {
        sd_bus_error_free(&error);
    } else {
        check("StopUnit", r);
        wait_for_job(reply);
        tell(method("ResetFailedUnit"), lab->unit, 0);
    }
    match("RemoveMatch", lab->unit);
}

static void stop(const struct lab *lab) {
    size_t n = lab->unified ? 1 : HIERARCHIES;
    char path[256];

    stop_unit(lab);
    for (size_t i = 0; i < n; i++) {
        lab_path(lab, hierarchies[i], "", path, sizeof(path));
        if (rmdir(path) < 0 && errno != ENOENT)
            lab_die(path);
    }
}

static void setup(const struct lab *lab) {
    check("open", sd_bus_open_system(&bus));
    check("filter", sd_bus_add_filter(bus, NULL, on_message, NULL));
    if (!lab->unified)
        read_line("/sys/fs/cgroup/cpuset/cpuset.mems", mems, sizeof(mems));
}

int main(int argc, char **argv) {
    static const struct participant participant = {setup, start, set, stop};

    return lab_main(argc, argv, &participant);
}
