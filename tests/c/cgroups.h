/*
 * Real cgroups for the tests, by plain system calls and not through the library: what it says it
 * did is compared with what is there.
 *
 * All that a test makes lies below a parent of its own, and is removed when it exits. A test that
 * dies leaves its cgroups to tests/c/run, which knows the beginning of the name.
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

/* NULL when cgroups can be made; else why not. */
const char *no_cgroups(void);
/* The same of v1's with cpuset, memory, cpu and pids; and of those or a unified host's. */
const char *no_v1(void);
const char *no_limits(void);

/* "/katacg-test-RANDOM", the same for the whole process; and "/katacg-test-RANDOM/NAME". */
const char *parent_cgroup(void);
const char *test_cgroup(const char *name);

/* What happens at exit; for a process that will not have the right to do it then. */
void remove_all(void);

/* The mount with this controller ("" for cgroup2), or NULL. */
const struct mount *mount_of(const char *controller);

/* Whether, and in how many hierarchies, the cgroup's directory is there. */
int is_there(const struct mount *mount, const char *cgroup);
int count_there(const char *cgroup);

void make_cgroup(const struct mount *mount, const char *cgroup);
void remove_cgroup(const struct mount *mount, const char *cgroup);

/* A file of a cgroup, its last newline taken off; "(ERRNO)" when it cannot be read. */
const char *knob(const char *controller, const char *cgroup, const char *file);
void set_knob(const char *controller, const char *cgroup, const char *file, const char *value);

/* Where a process is; "" in a hierarchy that it is not shown in. */
const char *cgroup_of(pid_t pid, const struct mount *mount);
/* In how many hierarchies a process is in just that cgroup. */
int count_in(pid_t pid, const char *cgroup);

/* A process that waits until it is killed, or until its parent ends. */
pid_t start_child(void);
void end_child(pid_t pid);

#endif
