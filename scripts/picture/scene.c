/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scene TOP SECONDS WIDTH HEIGHT [FILE]: runs TOP on cgroups with a real load, in a terminal of
 * that size, and prints what it wrote to the terminal. FILE is what the I/O load reads; without it
 * the load writes a file of its own in the directory TMPDIR.
 *
 * All cgroups lie below /katacg-test-picture, or $KATACG_PICTURE. They are removed at the end, also
 * after a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <katacg.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1UL << 20)

static void use_memory(void);
static void use_cpu(void);
static void use_io(void);
static void use_too_much(void);
static void idle(void);

/* Parents come before their children, so the removal goes backwards. */
static struct actor {
    const char *name, *resources;
    void (*play)(void);
    int processes, frozen;
    struct katacg_manager *manager;
} actors[] = {
    {"", "{}", NULL, 0, 0, NULL},
    {"/sandbox", "{\"memory\":{\"limit\":536870912},\"pids\":{\"limit\":100}}", NULL, 0, 0, NULL},
    {"/sandbox/memory-hog", "{\"memory\":{\"limit\":268435456}}", use_memory, 1, 0, NULL},
    {"/sandbox/cpu-hog", "{\"cpu\":{\"quota\":60000,\"period\":100000}}", use_cpu, 2, 0, NULL},
    {"/sandbox/writer", "{\"memory\":{\"limit\":134217728}}", use_io, 1, 0, NULL},
    {"/frozen", "{\"memory\":{\"limit\":67108864}}", use_cpu, 3, 1, NULL},
    {"/oom-killed", "{\"memory\":{\"limit\":33554432}}", use_too_much, 1, 0, NULL},
    {"/many-processes", "{\"pids\":{\"limit\":16}}", idle, 13, 0, NULL},
};
#define ACTORS ((int)(sizeof(actors) / sizeof(actors[0])))

static struct katacg_error err = KATACG_ERROR_INIT;
static struct katacg_host *host;
static const char *io_file;
static volatile sig_atomic_t ended;
static pid_t owner, top;

static void on_signal(int signal) {
    ended = signal;
}

static void idle(void) {
    for (;;)
        pause();
}

static void use_cpu(void) {
    for (;;)
        ;
}

static char *memory_of(size_t size) {
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        _exit(1);
    memset(memory, 1, size);
    return memory;
}

static void use_memory(void) {
    (void)memory_of(240 * MIB);
    idle();
}

/* The kernel kills the child, which is the largest process of the cgroup. */
static void use_too_much(void) {
    pid_t child;

    for (;;) {
        if ((child = fork()) == 0) {
            (void)memory_of(64 * MIB);
            _exit(0);
        }
        (void)waitpid(child, NULL, 0);
        usleep(700000);
    }
}

/* Without O_DIRECT, v1 would count the writes in the root cgroup. */
static void use_io(void) {
    static char block[1 << 16] __attribute__((aligned(4096)));
    const char *directory = getenv("TMPDIR");
    char path[4096];
    off_t at = 0;
    int fd;

    snprintf(path, sizeof(path), "%s/katacg-picture-XXXXXX", directory ? directory : "/tmp");
    fd = io_file ? open(io_file, O_RDONLY | O_DIRECT | O_CLOEXEC)
                 : mkostemp(path, O_DIRECT | O_CLOEXEC);
    if (fd >= 0 && !io_file)
        unlink(path);
    for (;; at = (at + (off_t)sizeof(block)) % (off_t)(16 * MIB)) {
        if (fd < 0 || (io_file ? pread(fd, block, sizeof(block), at)
                               : pwrite(fd, block, sizeof(block), at)) < 0)
            usleep(100000);
        usleep(5000);
    }
}

static void clean(void) {
    int i;

    if (getpid() != owner)
        return;
    for (i = ACTORS - 1; i >= 0; i--) {
        if (!actors[i].manager)
            continue;
        if (katacg_manager_exists(actors[i].manager, NULL) == 1 &&
            (katacg_manager_kill(actors[i].manager, SIGKILL, &err) < 0 ||
             (actors[i].frozen && katacg_manager_thaw(actors[i].manager, &err) < 0) ||
             katacg_manager_destroy(actors[i].manager, &err) < 0))
            fprintf(stderr, "scene: %s\n", err.message);
        katacg_manager_free(actors[i].manager);
    }
    katacg_host_free(host);
}

static void fail(const char *what) {
    fprintf(stderr, "scene: %s\n", what);
    exit(1);
}

/* Creates the cgroup of an actor and starts its processes, each of which joins by itself. */
static void start(struct actor *actor) {
    const char *base = getenv("KATACG_PICTURE");
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_attach attach;
    char path[256];
    int i;

    snprintf(path, sizeof(path), "%s%s", base ? base : "/katacg-test-picture", actor->name);
    opts.path = path;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    if (katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &actor->manager, &err) < 0 ||
        katacg_manager_apply(actor->manager, -1, KATACG_APPLY_EXCLUSIVE, &err) < 0 ||
        katacg_manager_set(actor->manager, actor->resources, strlen(actor->resources), &err) < 0 ||
        katacg_attach_open(actor->manager, 0, &attach, &err) < 0)
        fail(err.message);
    for (i = 0; i < actor->processes; i++) {
        if (fork() > 0)
            continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == owner && katacg_attach_self(&attach) == 0)
            actor->play();
        _exit(1);
    }
    katacg_attach_close(&attach);
    if (actor->frozen) {
        usleep(200000);
        if (katacg_manager_freeze(actor->manager, 5000, &err) < 0)
            fail(err.message);
    }
}

/* Starts top in a terminal of its own. Returns the other end of the terminal. */
static int start_top(const char *program, int width, int height) {
    const char *base = getenv("KATACG_PICTURE");
    struct winsize size = {.ws_row = (unsigned short)height, .ws_col = (unsigned short)width};
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), other;

    if (terminal < 0 || grantpt(terminal) < 0 || unlockpt(terminal) < 0 ||
        ioctl(terminal, TIOCSWINSZ, &size) < 0)
        fail("no terminal");
    if ((top = fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setsid();
        other = open(ptsname(terminal), O_RDWR);
        if (other >= 0 && dup2(other, 0) == 0 && dup2(other, 1) == 1) {
            setenv("TERM", "xterm-256color", 1);
            setenv("LC_ALL", "C.UTF-8", 1);
            unsetenv("NO_COLOR");
            execl(program, program, "-s", "m", base ? base : "/katacg-test-picture", (char *)NULL);
        }
        fprintf(stderr, "scene: cannot run %s: %s\n", program, strerror(errno));
        _exit(1);
    }
    return terminal;
}

static long now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Prints what top writes to the terminal. After the given seconds, ends top with its key. */
static void record(int terminal, long seconds) {
    struct pollfd fd = {.fd = terminal, .events = POLLIN};
    long until = now() + seconds * 1000, asked = 0;
    char bytes[4096];
    ssize_t length;

    while (!ended) {
        if (!asked && now() >= until)
            asked = write(terminal, "q", 1);
        if (poll(&fd, 1, 100) <= 0)
            continue;
        /* EIO: top has closed the terminal. */
        if ((length = read(terminal, bytes, sizeof(bytes))) <= 0)
            return;
        if (fwrite(bytes, 1, (size_t)length, stdout) != (size_t)length)
            fail("cannot write");
    }
}

int main(int argc, char **argv) {
    struct sigaction action = {.sa_handler = on_signal};
    int i, status = 0;

    if (argc < 5 || argc > 6)
        fail("usage: scene TOP SECONDS WIDTH HEIGHT [FILE]");
    io_file = argv[5];
    owner = getpid();
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    if (katacg_host_open(&host, &err) < 0)
        fail(err.message);
    atexit(clean);
    for (i = 0; i < ACTORS && !ended; i++)
        start(&actors[i]);
    if (!ended)
        record(start_top(argv[1], atoi(argv[3]), atoi(argv[4])), atol(argv[2]));
    if (!ended && (waitpid(top, &status, 0) != top || status != 0))
        fail("top has failed");
    return ended ? 128 + ended : 0;
}
