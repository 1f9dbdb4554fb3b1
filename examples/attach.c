/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three ways to start a child in a cgroup: the parent moves the child, the child joins by itself
 * between fork and exec, or the kernel starts the child inside (cgroup2). Prints the time from
 * before the fork until the child's program runs inside the cgroup.
 *
 * Exit status: 0 done, 1 failed, 77 this program may not create a cgroup on this host.
 */
#include <errno.h>
#include <fcntl.h>
#include <katacg.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct katacg_error err = KATACG_ERROR_INIT;
static struct katacg_manager *manager;
static char name[64];

static double milliseconds(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Forks. With a cgroup2 directory the child starts in that cgroup; dir is -1 without one. */
static pid_t start(int dir) {
    struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};

    args.cgroup = (unsigned)dir;
    return dir < 0 ? fork() : (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Prints the child's cgroups. Returns the number of hierarchies in which it is in our cgroup. */
static int show(pid_t child) {
    char line[512];
    int inside = 0;
    FILE *file;

    snprintf(line, sizeof(line), "/proc/%d/cgroup", (int)child);
    if (!(file = fopen(line, "r")))
        return 0;
    while (fgets(line, sizeof(line), file)) {
        printf("    %s", line);
        inside += strstr(line, name) != NULL;
    }
    fclose(file);
    return inside;
}

/*
 * Starts one child, in the cgroup2 directory unless dir is -1. The child then joins through the
 * descriptors; without them (NULL) the parent moves the child. Returns 1 on failure.
 */
static int run(const char *way, int dir, const struct katacg_attach *attach, int wanted) {
    int running[2], failed = 0, inside;
    double begin;
    pid_t child;

    usleep(200000); /* A move right after another one is fast; the slow case is measured. */
    begin = milliseconds();
    if (pipe2(running, O_CLOEXEC) < 0 || (child = start(dir)) < 0) {
        printf("%s: not possible here: %s\n", way, strerror(errno));
        return 0;
    }
    if (child == 0) {
        /* katacg_attach_self is the only function of the library that may be called here. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!attach || (failed = -katacg_attach_self(attach)) == 0) {
            execlp("sleep", "sleep", "60", (char *)NULL);
            failed = errno;
        }
        _exit(write(running[1], &failed, sizeof(failed)) < 0);
    }
    close(running[1]);
    /* exec closes the child's end of the pipe. An error arrives before that. */
    if (read(running[0], &failed, sizeof(failed)) > 0)
        snprintf(err.message, sizeof(err.message), "the child: %s", strerror(failed));
    else if (!attach && katacg_manager_add(manager, &child, 1, 0, NULL, &err) < 0)
        failed = 1;
    close(running[0]);
    printf("%s: %.2f ms\n", way, milliseconds() - begin);
    inside = show(child);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return failed || inside != wanted;
}

int main(void) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_attach all = {0}, v1 = {0};
    int dir, wanted, failed = 1;

    snprintf(name, sizeof(name), "/katacg-test-%d", (int)getpid());
    opts.path = name;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    if (katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, &err) < 0 ||
        katacg_manager_apply(manager, -1, 0, &err) < 0) {
        printf("cannot create a cgroup here: %s\n", err.message);
        return err.code == KATACG_ERR_NOT_MOUNTED || err.sys_errno == EACCES ||
                       err.sys_errno == EPERM || err.sys_errno == EROFS
                   ? 77
                   : 1;
    }
    if ((wanted = katacg_attach_open(manager, 0, &all, &err)) >= 0 &&
        katacg_attach_open(manager, KATACG_ATTACH_V1_ONLY, &v1, &err) >= 0) {
        failed = run("moved by its parent", -1, NULL, wanted);
        failed |= run("joins by itself", -1, &all, wanted);
        if ((dir = katacg_manager_dirfd(manager, &err)) < 0)
            printf("cannot start inside: %s\n", err.message);
        else
            failed |= run("starts in cgroup2, joins v1 by itself", dir, &v1, wanted) | close(dir);
    }
    katacg_attach_close(&all);
    katacg_attach_close(&v1);
    failed |= katacg_manager_destroy(manager, &err);
    if (failed)
        fprintf(stderr, "%s\n", err.message);
    katacg_manager_free(manager);
    return failed != 0;
}
