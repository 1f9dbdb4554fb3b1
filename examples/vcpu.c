/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits only the vCPU threads of a hypervisor, as Kata does: the process goes to a cgroup without
 * CPU limits, and its vCPU threads go to a cgroup with limits. The program then updates the limits,
 * loads the cgroup as after a restart, moves all tasks to the parent cgroup, and destroys both.
 *
 * Exit status: 0 done, 1 failed, 77 this host has no such cgroups, or the program may not create
 * them.
 */
#include <errno.h>
#include <katacg.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct katacg_error err = KATACG_ERROR_INIT;
static struct katacg_manager *all;
static pid_t hypervisor;

#define NOT_HERE 77

/* Removes the process and the cgroups, and exits; failed is NULL on success. */
static void end(const char *failed, int status) {
    if (failed)
        fprintf(stderr, "%s: %s\n", failed, err.message);
    if (hypervisor > 0) {
        kill(hypervisor, SIGKILL);
        waitpid(hypervisor, NULL, 0);
    }
    if (all && katacg_manager_destroy(all, &err) < 0)
        fprintf(stderr, "%s\n", failed = err.message);
    katacg_manager_free(all);
    exit(failed ? 1 : status);
}

static int must(const char *what, int result) {
    if (result < 0)
        end(what, 1);
    return result;
}

static void *vcpu(void *to) {
    int32_t tid = (int32_t)syscall(SYS_gettid);

    if (write(*(int *)to, &tid, sizeof(tid)) != sizeof(tid))
        _exit(1);
    for (;;)
        pause();
}

/* Starts a process with a main thread and two vCPU threads, and receives the ids of these two. */
static pid_t start_hypervisor(int32_t vcpus[2]) {
    pthread_t thread;
    int say[2], i;
    pid_t pid = -1;

    if (pipe(say) < 0 || (pid = fork()) < 0)
        end(strerror(errno), 1);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (i = 0; i < 2; i++)
            if (pthread_create(&thread, NULL, vcpu, &say[1]) != 0)
                _exit(1);
        for (;;)
            pause();
    }
    for (i = 0; i < 2; i++)
        if (read(say[0], &vcpus[i], sizeof(vcpus[i])) != sizeof(vcpus[i]))
            end("the hypervisor does not start", 1);
    return pid;
}

static struct katacg_manager *manager(const char *path, const char *subsystems, uint64_t flags) {
    static const char spec[] = "{\"resources\":{\"cpu\":{\"quota\":50000,\"period\":100000}}}";
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *made;

    opts.path = path;
    opts.subsystems = subsystems;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES | flags;
    if (katacg_manager_new(NULL, spec, sizeof(spec) - 1, &opts, sizeof(opts), &made, &err) < 0) {
        if (err.code != KATACG_ERR_NOT_MOUNTED)
            end(path, 1);
        printf("this example needs cgroup v1 with cpu and memory: %s\n", err.message);
        end(NULL, NOT_HERE);
    }
    return made;
}

static void show(const char *when, const struct katacg_manager *vcpus) {
    int32_t tids[2] = {0};
    char quota[64];
    int count = must("threads", katacg_manager_threads(vcpus, tids, 2, &err));

    must("read", katacg_manager_read(vcpus, "cpu", "cpu.cfs_quota_us", quota, 64, &err));
    printf("%s: %d threads (%d %d), quota %s", when, count, (int)tids[0], (int)tids[1], quota);
}

/* Moves all tasks to the parent cgroup, and destroys the cgroup. */
static void leave(const char *path, struct katacg_manager *from) {
    struct katacg_manager *parent;

    must("parent", katacg_manager_parent(from, &parent, &err));
    printf("%s: %d moves to the parent", path,
           must("move", katacg_manager_move_to(from, parent, &err)));
    must("destroy", katacg_manager_destroy(from, &err));
    puts(", deleted");
    katacg_manager_free(parent);
    katacg_manager_free(from);
}

int main(void) {
    static const char update[] = "{\"cpu\":{\"quota\":80000}}";
    char mount[4096], limiting[256] = "", other[256] = "", top[64];
    char path[128], path_rest[128], limited[256], rest[256];
    struct katacg_manager *vcpus, *process;
    int32_t tids[2];

    if (katacg_v1_mountpoint(mount, sizeof(mount), &err) < 0 ||
        katacg_subsystems(mount, KATACG_SUBSYSTEMS_CONSTRAINTS, limiting, 256, &err) <= 0 ||
        katacg_subsystems(mount, KATACG_SUBSYSTEMS_NO_CONSTRAINTS, other, 256, &err) <= 0) {
        printf("this example needs cgroup v1 with cpu and memory: %s\n", err.message);
        return NOT_HERE;
    }
    /* Kata has both cgroups at the top. Here they have a parent, so that one call removes both. */
    snprintf(top, sizeof(top), "/katacg-test-%d", (int)getpid());
    must("path", katacg_path_validate("/sandbox", 0, path, sizeof(path), &err));
    must("path", katacg_path_no_constraints(path, path_rest, sizeof(path_rest), &err));
    snprintf(limited, sizeof(limited), "%s%s", top, path);
    snprintf(rest, sizeof(rest), "%s%s", top, path_rest);

    all = manager(top, NULL, 0);
    process = manager(rest, other, 0);
    vcpus = manager(limited, limiting, 0);
    hypervisor = start_hypervisor(tids);
    if (katacg_manager_apply(process, hypervisor, 0, &err) < 0) {
        printf("cannot create a cgroup here: %s\n", err.message);
        if (err.sys_errno != EACCES && err.sys_errno != EPERM && err.sys_errno != EROFS)
            end("apply", 1);
        end(NULL, NOT_HERE);
    }
    printf("%s: process %d, %s\n", rest, (int)hypervisor, other);
    must("apply", katacg_manager_apply(vcpus, -1, KATACG_APPLY_SET, &err));
    must("add", katacg_manager_add(vcpus, tids, 2, KATACG_ADD_THREADS, NULL, &err));
    show(limited, vcpus);
    must("update", katacg_manager_set(vcpus, update, sizeof(update) - 1, &err));
    show("updated", vcpus);
    katacg_manager_free(vcpus);
    vcpus = manager(limited, limiting, KATACG_MANAGER_EXISTING);
    show("loaded", vcpus);
    leave(limited, vcpus);
    leave(rest, process);
    end(NULL, 0);
}
