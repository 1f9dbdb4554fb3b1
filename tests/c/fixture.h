/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host and a manager on paper: their directories do not exist, so a call that writes by mistake
 * changes nothing.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "check.h"

static const char paper_mounts[] =
    "30 25 0:26 / /nonexistent/cg/cpu rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n"
    "31 25 0:27 / /nonexistent/cg/cpuset rw - cgroup cgroup rw,cpuset\n"
    "32 25 0:28 / /nonexistent/cg/memory rw - cgroup cgroup rw,memory\n"
    "33 25 0:29 / /nonexistent/cg/pids rw - cgroup cgroup rw,pids\n"
    "34 25 0:30 / /nonexistent/cg/devices rw - cgroup cgroup rw,devices\n"
    "35 25 0:31 / /nonexistent/cg/blkio rw - cgroup cgroup rw,blkio\n"
    "36 25 0:32 / /nonexistent/cg/hugetlb rw - cgroup cgroup rw,hugetlb\n"
    "37 25 0:33 / /nonexistent/cg/systemd rw - cgroup cgroup rw,name=systemd\n"
    "38 25 0:34 / /nonexistent/cg/unified rw - cgroup2 cgroup2 rw\n";

static const char paper_cgroup[] = "9:name=systemd:/own\n8:hugetlb:/own\n7:blkio:/own\n"
                                   "6:devices:/own\n5:pids:/own\n4:memory:/own\n3:cpuset:/own\n"
                                   "2:cpu,cpuacct:/own\n0::/own\n";

static const char paper_spec[] =
    "{\"linux\":{\"cgroupsPath\":\"/katacg-test-paper/sandbox\",\"resources\":{"
    "\"devices\":[{\"allow\":false,\"access\":\"rwm\"}],"
    "\"cpu\":{\"shares\":512,\"quota\":50000,\"period\":100000,\"cpus\":\"0\",\"mems\":\"0\"},"
    "\"memory\":{\"limit\":67108864,\"reservation\":33554432,\"swappiness\":10},"
    "\"pids\":{\"limit\":64},\"blockIO\":{\"weight\":500,\"throttleReadBpsDevice\":"
    "[{\"major\":8,\"minor\":0,\"rate\":1048576}]},"
    "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]}}}";

static inline struct katacg_host *paper_host(void) {
    struct katacg_error err = KATACG_ERROR_INIT;
    struct katacg_host *host;

    if (katacg_host_parse(paper_mounts, sizeof(paper_mounts) - 1, paper_cgroup,
                          sizeof(paper_cgroup) - 1, &host, &err) < 0) {
        fprintf(stderr, "the paper host: %s\n", err.message);
        exit(1);
    }
    return host;
}

static inline struct katacg_manager *paper_manager(const struct katacg_host *host) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_error err = KATACG_ERROR_INIT;
    struct katacg_manager *manager;

    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    if (katacg_manager_new(host, paper_spec, sizeof(paper_spec) - 1, &opts, sizeof(opts), &manager,
                           &err) < 0) {
        fprintf(stderr, "the paper manager: %s\n", err.message);
        exit(1);
    }
    return manager;
}

#endif
