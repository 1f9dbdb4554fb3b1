/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child joins a cgroup between fork and exec under a filter that allows only write, close and
 * exit_group. Another child starts inside the cgroup2 directory.
 */
#include "cgroups.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static struct katacg_error err;

static struct katacg_manager *new_manager(const char *path) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;

    opts.path = path;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    CHECK(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    MUST(manager);
    return manager;
}

static struct katacg_manager *made(const char *path) {
    struct katacg_manager *manager = new_manager(path);

    CHECK(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0, "%s", err.message);
    return manager;
}

static void destroy(struct katacg_manager *manager, const char *cgroup) {
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(cgroup) == 0, "%d left of %s", count_there(cgroup), cgroup);
    katacg_manager_free(manager);
}

static void open_gives_close_on_exec_descriptors(void) {
    const char *cgroup = test_cgroup("open");
    struct katacg_manager *manager = new_manager(cgroup);
    int v2 = mount_of("") != NULL, count, fd;
    struct katacg_attach attach, copy;
    uint32_t i;

    memset(&attach, 0xa5, sizeof(attach));
    CHECK_ERROR(katacg_attach_open(manager, 0, &attach, clear(&err)), -ENOENT, &err,
                KATACG_ERR_DELETED, cgroup);
    CHECK(attach.count == 0, "count %u after a failure", attach.count);
    CHECK(katacg_manager_dirfd(manager, clear(&err)) == (v2 ? -ENOENT : -EOPNOTSUPP), "%s",
          err.message);
    CHECK(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0, "%s", err.message);

    memset(&attach, 0xa5, sizeof(attach));
    count = katacg_attach_open(manager, KATACG_ATTACH_V1_ONLY, &attach, clear(&err));
    CHECK(count == mount_count - v2 && attach.count == (uint32_t)count, "%d of %d, count %u: %s",
          count, mount_count - v2, attach.count, err.message);
    katacg_attach_close(&attach);
    count = katacg_attach_open(manager, 0, &attach, clear(&err));
    CHECK(count == mount_count && attach.count == (uint32_t)count, "%d of %d, count %u: %s", count,
          mount_count, attach.count, err.message);
    CHECK(attach.reserved == 0, "reserved is %u", attach.reserved);
    for (i = 0; i < attach.count; i++)
        CHECK(fcntl(attach.fds[i], F_GETFD) & FD_CLOEXEC, "%d is not close-on-exec",
              (int)attach.fds[i]);
    copy = attach;
    katacg_attach_close(&attach);
    CHECK(attach.count == 0 && katacg_attach_self(&attach) == 0, "nothing to join");
    for (i = 0; i < copy.count; i++)
        CHECK(fcntl(copy.fds[i], F_GETFD) < 0, "%d is open", (int)copy.fds[i]);
    /* Another file gets the number of a closed descriptor. */
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    katacg_attach_close(&attach);
    CHECK(fcntl(fd, F_GETFD) >= 0, "the second close closed a descriptor of another file");
    close(fd);
    CHECK(katacg_attach_self(&copy) == -EBADF, "%d", katacg_attach_self(&copy));
    destroy(manager, cgroup);
}

/* Allows only write, close and exit_group. SIGSYS kills the process at any other call. */
static int restrict_calls(void) {
#define ALLOW(call)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    static struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_write),
        ALLOW(SYS_close),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void filter_kills_other_system_calls(void) {
    int status = 0;
    pid_t child = fork();

    MUST(child >= 0);
    if (child == 0) {
        if (!restrict_calls())
            _exit(1);
        syscall(SYS_getppid);
        _exit(2);
    }
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status %#x", (unsigned)status);
}

/*
 * The child reports its results through one pipe. It then blocks in a write to another pipe, which
 * is full, so that the parent can look at the child.
 */
static void attach_self_needs_only_write(void) {
    const char *cgroup = test_cgroup("self");
    struct katacg_manager *manager = made(cgroup);
    struct katacg_attach attach;
    int tell[2], wait_here[2], status = 0;
    int results[3] = {-1, -1, -1};
    char fill[4096] = {0};
    pid_t child;

    CHECK(katacg_attach_open(manager, 0, &attach, clear(&err)) == mount_count, "%s", err.message);
    MUST(pipe(tell) == 0 && pipe(wait_here) == 0);
    MUST(fcntl(wait_here[1], F_SETFL, O_NONBLOCK) == 0);
    while (write(wait_here[1], fill, sizeof(fill)) > 0)
        ;
    MUST(fcntl(wait_here[1], F_SETFL, 0) == 0);
    fflush(NULL);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!is_watched() && !restrict_calls())
            _exit(3);
        errno = 4321;
        results[0] = katacg_attach_self(&attach);
        results[1] = errno;
        katacg_attach_close(&attach);
        results[2] = (int)attach.count;
        if (write(tell[1], results, sizeof(results)) != sizeof(results))
            _exit(4);
        _exit(write(wait_here[1], fill, sizeof(fill)) == sizeof(fill) ? 0 : 5);
    }
    close(tell[1]);
    CHECK(read(tell[0], results, sizeof(results)) == sizeof(results), "the child reported nothing");
    CHECK(results[0] == 0 && results[1] == 4321 && results[2] == 0, "%d, errno %d, count %d",
          results[0], results[1], results[2]);
    CHECK(count_in(child, cgroup) == mount_count, "in %d of %d", count_in(child, cgroup),
          mount_count);
    CHECK(katacg_manager_pids(manager, NULL, 0, clear(&err)) == 1, "%s", err.message);
    /* The parent's descriptors stay open. They do not keep the cgroup from being removed. */
    CHECK(fcntl(attach.fds[0], F_GETFD) >= 0, "closed by the child");
    MUST(read(wait_here[0], fill, sizeof(fill)) == sizeof(fill));
    MUST(read(wait_here[0], fill, sizeof(fill)) == sizeof(fill));
    waitpid(child, &status, 0);
    CHECK(status == 0, "status %#x%s", (unsigned)status,
          WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? ": another system call" : "");
    close(tell[0]);
    close(wait_here[0]);
    close(wait_here[1]);
    destroy(manager, cgroup);

    /* For a removed cgroup attach_self fails and moves nothing. */
    fflush(NULL);
    child = fork();
    MUST(child >= 0);
    if (child == 0)
        _exit(-katacg_attach_self(&attach));
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == ENODEV, "status %#x", (unsigned)status);
    katacg_attach_close(&attach);
}

static void clone_into_cgroup_starts_a_child_inside(void) {
    const char *cgroup = test_cgroup("born");
    struct katacg_manager *manager = made(cgroup);
    struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
    int dir = katacg_manager_dirfd(manager, clear(&err)), file;
    struct stat opened, named;
    char path[1024];
    pid_t child;

    if (!mount_of("")) {
        CHECK(dir == -EOPNOTSUPP && err.code == KATACG_ERR_UNSUPPORTED, "%d %s", dir, err.message);
        destroy(manager, cgroup);
        return;
    }
    CHECK(dir >= 0, "%s", err.message);
    CHECK(fcntl(dir, F_GETFD) & FD_CLOEXEC, "not close-on-exec");
    snprintf(path, sizeof(path), "%s%s", mount_of("")->path, cgroup);
    CHECK(fstat(dir, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
              opened.st_dev == named.st_dev,
          "the descriptor is not %s", path);
    file = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0, "openat: %s", strerror(errno));
    close(file);

    args.cgroup = (unsigned)dir;
    fflush(NULL);
    child = is_watched() ? start_child() : (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    MUST(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    CHECK(count_in(child, cgroup) == !is_watched(), "in %d", count_in(child, cgroup));
    CHECK(katacg_manager_add(manager, &child, 1, 0, NULL, clear(&err)) == 0, "%s", err.message);
    CHECK(count_in(child, cgroup) == mount_count, "in %d", count_in(child, cgroup));
    end_child(child);
    close(dir);
    destroy(manager, cgroup);
}

int main(void) {
    const char *why = no_cgroups();

    if (why) {
        puts(why);
        return SKIPPED;
    }
    open_gives_close_on_exec_descriptors();
    if (!is_watched())
        filter_kills_other_system_calls();
    attach_self_needs_only_write();
    clone_into_cgroup_starts_a_child_inside();
    return finish();
}
