/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates, reads and removes cgroups by plain system calls, without the library, so that tests can
 * compare what the library reports with the kernel.
 *
 * The cgroups of a test lie below a parent cgroup of that test. They are removed at exit. When a
 * test dies, tests/c/run removes them by the beginning of their name.
 */
#ifndef CGROUPS_H
#define CGROUPS_H

#include <sys/types.h>

#define MOUNTS 32

struct mount {
    char controllers[128]; /* v1: "cpu,cpuacct" or "name=systemd"; "" for cgroup2 */
    char path[512];
    int v2;
};

extern struct mount mounts[MOUNTS];
extern int mount_count;

/* Returns NULL when the test can create cgroups, else the reason why it cannot. */
const char *no_cgroups(void);
/*
 * no_v1: the same for v1 hierarchies with cpuset, memory, cpu and pids. no_limits: the same for
 * these or for a unified host.
 */
const char *no_v1(void);
const char *no_limits(void);

/* Return "/katacg-test-RANDOM", which stays the same in one process, and that with "/NAME". */
const char *parent_cgroup(void);
const char *test_cgroup(const char *name);

/* Removes all cgroups of this process, as at exit. For a process that loses its privilege. */
void remove_all(void);

/* Returns the mount with this controller ("" for cgroup2), or NULL. */
const struct mount *mount_of(const char *controller);

/* Whether the cgroup's directory exists in one hierarchy, and in how many hierarchies it does. */
int is_there(const struct mount *mount, const char *cgroup);
int count_there(const char *cgroup);

void make_cgroup(const struct mount *mount, const char *cgroup);
void remove_cgroup(const struct mount *mount, const char *cgroup);

/* Returns the contents of a file without the last newline, or "(ERRNO)" when it is unreadable. */
const char *file_value(const char *controller, const char *cgroup, const char *file);
void set_file_value(const char *controller, const char *cgroup, const char *file,
                    const char *value);

/* Returns the cgroup of a process in one hierarchy, or "" when /proc does not show that one. */
const char *cgroup_of(pid_t pid, const struct mount *mount);
/* Returns the number of hierarchies in which the process is in exactly that cgroup. */
int count_in(pid_t pid, const char *cgroup);

/* Starts a process that waits until it is killed or its parent ends. */
pid_t start_child(void);
void end_child(pid_t pid);

#endif
