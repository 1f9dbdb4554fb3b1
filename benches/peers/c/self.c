/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libkatacg from C, with a process that joins by itself. On v1 this avoids the kernel's grace
 * period. On v2 only a child that starts inside avoids it. Modes:
 *
 * ""       An existing child waits, gets the descriptors through a socket, joins and answers.
 * "fork"   A new child joins and answers. The time includes making the child.
 * "vfork"  A new child in the caller's memory, as posix_spawn makes one, joins and executes. The
 *          time includes making the child, and ends when the child is inside.
 * "into"   v2: a new child starts inside (CLONE_INTO_CGROUP). The time includes making the child.
 */
#include "sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK (64 * 1024)

/* A pipe from the child to its parent, and a socket pair for the descriptors. */
static int answers[2], orders[2];
static struct katacg_attach attach;
/* When the child that shares this process's memory was inside; 0 before that. */
static volatile uint64_t inside;
static char stack[STACK] __attribute__((aligned(16)));

static void setup(const struct bench *bench) {
    sandbox_setup(bench);
    if (pipe2(answers, O_CLOEXEC) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, orders) < 0)
        bench_die("setup");
}

/* Space for the descriptors of a one-byte message. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(attach.fds))];
};

static void send_attach(void) {
    union control control = {0};
    char byte = 0;
    struct iovec data = {&byte, 1};
    size_t length = attach.count * sizeof(attach.fds[0]);
    struct msghdr message = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = CMSG_SPACE(length),
    };
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(rights), attach.fds, length);
    if (sendmsg(orders[0], &message, 0) != 1)
        bench_die("sendmsg");
}

static int receive_attach(void) {
    union control control;
    char byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *rights;
    size_t length;

    if (recvmsg(orders[1], &message, MSG_CMSG_CLOEXEC) != 1)
        return -1;
    rights = CMSG_FIRSTHDR(&message);
    if (!rights || rights->cmsg_type != SCM_RIGHTS)
        return -1;
    length = rights->cmsg_len - CMSG_LEN(0);
    memcpy(attach.fds, CMSG_DATA(rights), length);
    attach.count = (uint32_t)(length / sizeof(attach.fds[0]));
    return 0;
}

static _Noreturn void join_and_wait(void) {
    if (katacg_attach_self(&attach) < 0 || write(answers[1], "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void wait_for_answer(void) {
    char byte;

    if (read(answers[0], &byte, 1) != 1)
        bench_die("child");
}

static int32_t forked(void) {
    int32_t pid = fork();

    if (pid < 0)
        bench_die("fork");
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

static void prepare(struct bench *bench) {
    bench->pid = forked();
    if (bench->pid > 0)
        return;
    if (receive_attach() < 0)
        _exit(1);
    join_and_wait();
}

static void create(const char *name) {
    sandbox_new(name, 0);
    sandbox_check("create", katacg_manager_apply(sandbox, -1, KATACG_APPLY_SET, &sandbox_err));
    bench_phase("create+set");
}

static void create_and_open(const struct bench *bench, const char *name) {
    uint32_t flags = bench->version.unified ? 0 : KATACG_ATTACH_V1_ONLY;

    create(name);
    sandbox_check("open", katacg_attach_open(sandbox, flags, &attach, &sandbox_err));
}

static void start(struct bench *bench, const char *name) {
    create_and_open(bench, name);
    send_attach();
    wait_for_answer();
    bench_phase("attach");
}

static void start_fork(struct bench *bench, const char *name) {
    create_and_open(bench, name);
    bench->pid = forked();
    if (bench->pid == 0)
        join_and_wait();
    wait_for_answer();
    bench_phase("attach");
}

/* Runs in the child, on its own stack in the memory of its parent, which waits until the exec. */
static int join_and_execute(void *unused) {
    static char *const argv[] = {"sleep", "infinity", NULL};

    (void)unused;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (katacg_attach_self(&attach) < 0)
        _exit(1);
    inside = bench_now();
    execv("/bin/sleep", argv);
    _exit(1);
}

static void start_vfork(struct bench *bench, const char *name) {
    create_and_open(bench, name);
    inside = 0;
    bench->pid = clone(join_and_execute, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    if (bench->pid < 0 || inside == 0)
        bench_die("clone");
    bench_phase_until("attach", inside);
    bench->inside = inside;
}

static void start_into(struct bench *bench, const char *name) {
    create(name);
    bench->pid = sandbox_born();
    if (bench->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    bench_phase("attach");
}

static void leave(struct bench *bench) {
    kill(bench->pid, SIGKILL);
    waitpid(bench->pid, NULL, 0);
}

static void destroy(const struct bench *bench, const char *name) {
    katacg_attach_close(&attach);
    sandbox_destroy(bench, name);
}

int main(int argc, char **argv) {
    static const struct {
        const char *mode;
        void (*start)(struct bench *bench, const char *name);
    } modes[] = {{"fork", start_fork}, {"vfork", start_vfork}, {"into", start_into}};
    const char *mode = argc > 7 ? argv[7] : "";
    struct participant participant = {setup, prepare, start, leave, destroy};

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(mode, modes[i].mode) == 0) {
            participant.prepare = NULL;
            participant.start = modes[i].start;
        }
    }
    return bench_main(argc, argv, &participant);
}
