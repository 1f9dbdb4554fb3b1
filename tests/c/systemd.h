/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts of each layout on paper, and managers of units on them. No bus listens at their address, so
 * a call that asks systemd by mistake fails.
 */
#ifndef SYSTEMD_H
#define SYSTEMD_H

#include "check.h"

#define V1                                                                                         \
    "30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"                  \
    "31 25 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"                            \
    "32 25 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"                            \
    "33 25 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"                                \
    "34 25 0:30 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"                          \
    "35 25 0:31 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"                          \
    "36 25 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"

#define UNIT "kata-box.scope"
#define PATH "my-pods.slice:kata:box"
#define NOWHERE "unix:path=/nonexistent/bus"
#define LINUX(resources) "{\"resources\":{" resources "}}"

enum { LEGACY, HYBRID, UNIFIED, LAYOUTS };

static const char *const layouts[LAYOUTS] = {"legacy", "hybrid", "unified"};
static struct katacg_host *hosts[LAYOUTS];

static inline void make_hosts(void) {
    static const char *const mountinfo[LAYOUTS] = {
        V1, V1 "37 25 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"};
    static const char own[] = "7:name=systemd:/own\n6:freezer:/own\n5:devices:/own\n4:pids:/own\n"
                              "3:memory:/own\n2:cpuset:/own\n1:cpu,cpuacct:/own\n0::/own\n";
    struct katacg_error err = KATACG_ERROR_INIT;
    int l;

    for (l = 0; l < LAYOUTS; l++)
        MUST(katacg_host_parse(mountinfo[l], strlen(mountinfo[l]), own, sizeof(own) - 1, &hosts[l],
                               &err) == 0);
}

/* Returns a new manager, or NULL and fills in the error. */
static inline struct katacg_manager *make(int layout, const char *spec,
                                          const struct katacg_manager_opts *opts,
                                          struct katacg_error *err) {
    struct katacg_manager *manager = NULL;
    int result = katacg_manager_new(hosts[layout], spec, spec ? strlen(spec) : 0, opts,
                                    sizeof(*opts), &manager, clear(err));

    CHECK((result == 0) == (manager != NULL), "%d %s", result, err->message);
    return manager;
}

static inline void has(const char *text, const char *part) {
    CHECK(strstr(text, part) != NULL, "no %s in %s", part, text);
}

static inline int free_hosts(void) {
    int l;

    for (l = 0; l < LAYOUTS; l++)
        katacg_host_free(hosts[l]);
    return finish();
}

#endif
