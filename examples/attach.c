/*
 * Three ways into a cgroup for a child: moved from outside, joining by itself between fork and
 * exec, and born inside (cgroup2). The time is from before the fork until its program runs inside.
 *
 * Exit status: 0 done, 1 failed, 77 no cgroup can be made on this host.
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

/* A fork; with a cgroup2 directory the child is born in that cgroup. */
static pid_t start(int dir) {
    struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};

    args.cgroup = (unsigned)dir;
    return dir < 0 ? fork() : (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Prints where the child is; in how many hierarchies that is our cgroup. */
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

/* One child: into the directory (-1: none), then through the descriptors (NULL: it is moved). */
static int run(const char *way, int dir, const struct katacg_attach *attach, int wanted) {
    int running[2], failed = 0, inside;
    double begin;
    pid_t child;

    usleep(200000); /* Moving is slow only when the kernel was left in peace for a moment. */
    begin = milliseconds();
    if (pipe2(running, O_CLOEXEC) < 0 || (child = start(dir)) < 0) {
        printf("%s: not possible here: %s\n", way, strerror(errno));
        return 0;
    }
    if (child == 0) {
        /* Of the library only katacg_attach_self may be called here. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!attach || (failed = -katacg_attach_self(attach)) == 0) {
            execlp("sleep", "sleep", "60", (char *)NULL);
            failed = errno;
        }
        _exit(write(running[1], &failed, sizeof(failed)) < 0);
    }
    close(running[1]);
    /* exec closes the child's end; an error comes before that. */
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
        printf("no cgroup can be made here: %s\n", err.message);
        return err.code == KATACG_ERR_NOT_MOUNTED || err.sys_errno == EACCES ||
                       err.sys_errno == EPERM || err.sys_errno == EROFS
                   ? 77
                   : 1;
    }
    if ((wanted = katacg_attach_open(manager, 0, &all, &err)) >= 0 &&
        katacg_attach_open(manager, KATACG_ATTACH_V1_ONLY, &v1, &err) >= 0) {
        failed = run("moved from outside", -1, NULL, wanted);
        failed |= run("joins by itself", -1, &all, wanted);
        if ((dir = katacg_manager_dirfd(manager, &err)) < 0)
            printf("not born inside: %s\n", err.message);
        else
            failed |= run("born in cgroup2, joins v1 by itself", dir, &v1, wanted) | close(dir);
    }
    katacg_attach_close(&all);
    katacg_attach_close(&v1);
    failed |= katacg_manager_destroy(manager, &err);
    if (failed)
        fprintf(stderr, "%s\n", err.message);
    katacg_manager_free(manager);
    return failed != 0;
}
