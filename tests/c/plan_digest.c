/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the library plans for thousands of random specifications, on each layout, with each driver:
 * a digest for each combination, so that a change of behaviour is seen wherever it happens.
 *
 *   plan_digest                     a line for each combination: its name, and the digests of
 *                                   plans and codes, of warnings, and of messages
 *   plan_digest print COMBINATION   all its cases, a line each: number, result, code, errno, JSON,
 *                                   text, warnings and message, with tabs between
 *   plan_digest document NUMBER     the specification and the update of a case
 */
#include "check.h"

#include "documents.h"

#define DOCUMENTS 2000

/* Two sets of v1 mounts: some hierarchies have two controllers, or each has its own. */
static const char *const mountinfo[] = {
    "30 25 0:26 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "31 25 0:27 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n"
    "32 25 0:28 / /cg/memory rw - cgroup cgroup rw,memory\n"
    "33 25 0:29 / /cg/pids rw - cgroup cgroup rw,pids\n"
    "34 25 0:30 / /cg/devices rw - cgroup cgroup rw,devices\n"
    "35 25 0:31 / /cg/freezer rw - cgroup cgroup rw,freezer\n"
    "36 25 0:32 / /cg/blkio rw - cgroup cgroup rw,blkio\n"
    "37 25 0:33 / /cg/hugetlb rw - cgroup cgroup rw,hugetlb\n"
    "38 25 0:34 / /cg/net_cls,net_prio rw - cgroup cgroup rw,net_cls,net_prio\n"
    "39 25 0:35 / /cg/rdma rw - cgroup cgroup rw,rdma\n"
    "40 25 0:36 / /cg/systemd rw - cgroup cgroup rw,name=systemd\n",
    "30 25 0:26 / /cg/cpu rw - cgroup cgroup rw,cpu\n"
    "31 25 0:27 / /cg/cpuacct rw - cgroup cgroup rw,cpuacct\n"
    "32 25 0:28 / /cg/cpuset rw - cgroup cgroup rw,cpuset,noprefix\n"
    "33 25 0:29 / /cg/devices rw - cgroup cgroup rw,devices\n"
    "34 25 0:30 / /cg/memory rw - cgroup cgroup rw,memory\n"
    "35 25 0:31 / /cg/blkio rw - cgroup cgroup rw,blkio\n"
    "36 25 0:32 / /cg/freezer rw - cgroup cgroup rw,freezer\n"
    "37 25 0:33 / /cg/systemd rw - cgroup cgroup rw,name=systemd\n"
    "38 25 0:34 / /cg/unified rw - cgroup2 cgroup2 rw\n"
    "39 25 0:35 / /cg/pids rw - cgroup cgroup rw,pids\n",
    "30 25 0:26 / /cg rw - cgroup2 cgroup2 rw\n",
};
static const char own[] =
    "12:rdma:/own\n11:net_cls,net_prio:/own\n10:hugetlb:/own\n9:blkio:/own\n8:freezer:/own\n"
    "7:devices:/own\n6:pids:/own\n5:memory:/own\n4:cpuset:/own\n3:cpu,cpuacct:/own\n"
    "2:cpuacct:/own\n1:name=systemd:/own/session.scope\n0::/own\n";

static const char *const layouts[] = {"legacy", "hybrid", "unified"};
/* 0 is the cgroupfs driver; the others differ in which properties they have. */
static const unsigned versions[] = {0, 241, 244, 252, 253, 257};
static const struct {
    const char *name;
    uint64_t flags;
} flags[] = {
    {"none", 0}, {"strict", KATACG_MANAGER_STRICT}, {"skip-devices", KATACG_MANAGER_SKIP_DEVICES}};
/* What is asked: of a new manager its paths and state; plans of its own resources; an update. */
static const char *const operations[] = {"new", "apply", "set", "update"};

enum { PLANS, WARNINGS, MESSAGES, DIGESTS };

static struct katacg_host *hosts[COUNT(layouts)];
static uint64_t digests[COUNT(operations)][DIGESTS];
static struct document document;
static char json[1 << 18], text[1 << 18];

/* FNV-1a, with the NUL, which ends each part. */
static void digest(uint64_t *sum, const char *part) {
    do
        *sum = (*sum ^ (unsigned char)*part) * 0x100000001b3u;
    while (*part++);
}

static void start_digests(void) {
    size_t operation, kind;

    for (operation = 0; operation < COUNT(operations); operation++)
        for (kind = 0; kind < DIGESTS; kind++)
            digests[operation][kind] = 0xcbf29ce484222325u;
}

/* Cuts the warnings off a plan and returns them; no string in JSON has a bare quotation mark. */
static char *cut_warnings(char *plan) {
    char *found = strstr(plan, ",\"warnings\":[");

    if (!found)
        return plan + strlen(plan);
    *found = '\0';
    return found + 1;
}

static void print_case(uint64_t number, const char *codes, const char *warnings,
                       const char *message) {
    char *newline;

    while ((newline = strchr(text, '\n')))
        *newline = '|';
    printf("%llu\t%s\t%s\t%s\t%s\t%s\n", (unsigned long long)number, codes, json, text, warnings,
           message);
}

static void note(uint64_t number, int operation, int result, const struct katacg_error *err,
                 int printing) {
    char codes[64];
    const char *warnings;

    /* The code says which error it was only when there was one. */
    snprintf(codes, sizeof(codes), "%d\t%d\t%d", result < 0 ? result : 0, (int)err->code,
             (int)err->sys_errno);
    if (result < 0)
        json[0] = text[0] = '\0';
    warnings = cut_warnings(json);
    if (printing) {
        print_case(number, codes, warnings, err->message);
        return;
    }
    digest(&digests[operation][PLANS], codes);
    digest(&digests[operation][PLANS], json);
    digest(&digests[operation][PLANS], text);
    digest(&digests[operation][WARNINGS], warnings);
    digest(&digests[operation][MESSAGES], err->message);
}

static int manager_new(size_t layout, unsigned version, uint64_t with,
                       struct katacg_manager **manager, struct katacg_error *err) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;

    opts.flags = with;
    opts.path = version ? document.unit_path : document.path;
    opts.subsystems = document.subsystems;
    opts.systemd_version = version;
    opts.driver = version ? KATACG_DRIVER_SYSTEMD : KATACG_DRIVER_CGROUPFS;
    /* A plan that asks systemd all the same fails. */
    opts.bus_address = version ? "unix:path=/nonexistent/bus" : NULL;
    return katacg_manager_new(hosts[layout], document.spec, strlen(document.spec), &opts,
                              sizeof(opts), manager, err);
}

static int ask(const struct katacg_manager *manager, int operation, struct katacg_error *err) {
    const char *resources = operation == 3 ? document.update : NULL;
    size_t len = resources ? strlen(resources) : 0;
    uint32_t with = operation == 1 ? KATACG_PLAN_APPLY : 0;
    int result;

    if (operation == 0) {
        size_t used;

        result = katacg_manager_paths(manager, json, sizeof(json), err);
        if (result < 0)
            return result;
        result = katacg_manager_state(manager, text, sizeof(text), err);
        used = strlen(text);
        return result < 0 ? result
                          : katacg_manager_unit(manager, text + used, sizeof(text) - used, err);
    }
    result = katacg_manager_plan(manager, resources, len, with, json, sizeof(json), err);
    if (result < 0)
        return result;
    return katacg_manager_plan(manager, resources, len, with | KATACG_PLAN_TEXT, text, sizeof(text),
                               err);
}

/* All documents on one combination; with an operation, printed. */
static void combine(size_t layout, unsigned version, uint64_t with, int printed) {
    uint64_t number;

    for (number = 0; number < DOCUMENTS; number++) {
        struct katacg_manager *manager;
        struct katacg_error err;
        int operation, result;

        make_document(number, &document);
        result = manager_new(layout, version, with, &manager, clear(&err));
        for (operation = 0; operation < (int)COUNT(operations); operation++) {
            if (printed >= 0 && operation != printed)
                continue;
            if (manager)
                result = ask(manager, operation, clear(&err));
            else if (operation > 0)
                break;
            note(number, operation, result, &err, printed >= 0);
        }
        katacg_manager_free(manager);
    }
}

/* Each combination, or with `only` that one's cases. Returns whether there was one. */
static int each(const char *only) {
    size_t layout, version, flag, operation;
    char name[96];
    int found = 0;

    for (layout = 0; layout < COUNT(layouts); layout++)
        for (version = 0; version < COUNT(versions); version++)
            for (flag = 0; flag < COUNT(flags); flag++) {
                start_digests();
                if (!only)
                    combine(layout, versions[version], flags[flag].flags, -1);
                for (operation = 0; operation < COUNT(operations); operation++) {
                    const uint64_t *sums = digests[operation];

                    snprintf(name, sizeof(name), "%s-%s%.0u-%s-%s", layouts[layout],
                             version ? "systemd" : "cgroupfs", versions[version], flags[flag].name,
                             operations[operation]);
                    if (!only)
                        printf("%s\t%016llx\t%016llx\t%016llx\n", name,
                               (unsigned long long)sums[PLANS], (unsigned long long)sums[WARNINGS],
                               (unsigned long long)sums[MESSAGES]);
                    else if (strcmp(name, only) == 0) {
                        combine(layout, versions[version], flags[flag].flags, (int)operation);
                        found = 1;
                    }
                }
            }
    return found || !only;
}

int main(int argc, char **argv) {
    struct katacg_error err = KATACG_ERROR_INIT;
    size_t layout;

    if (argc == 3 && strcmp(argv[1], "document") == 0) {
        make_document(strtoull(argv[2], NULL, 10), &document);
        printf("%s\n%s\n%s %s %s\n", document.spec, document.update, document.path,
               document.unit_path, document.subsystems ? document.subsystems : "-");
        return 0;
    }
    for (layout = 0; layout < COUNT(layouts); layout++)
        MUST(katacg_host_parse(mountinfo[layout], strlen(mountinfo[layout]), own, sizeof(own) - 1,
                               &hosts[layout], &err) == 0);
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "print") != 0)) {
        fprintf(stderr, "plan_digest [print COMBINATION | document NUMBER]\n");
        return 1;
    }
    if (!each(argc == 3 ? argv[2] : NULL)) {
        fprintf(stderr, "no combination %s\n", argv[2]);
        return 1;
    }
    for (layout = 0; layout < COUNT(layouts); layout++)
        katacg_host_free(hosts[layout]);
    return 0;
}
