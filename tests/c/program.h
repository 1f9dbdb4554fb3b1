/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the programs of examples/ for tests, with a pipe or a terminal as their output.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define OUTPUT (1 << 20)

struct program {
    pid_t pid;
    pid_t leader; /* of the terminal's session; it outlives the program */
    int fd;       /* our end of the terminal, or of the pipe */
    int slave;    /* the program's end of the terminal, or -1 */
    struct termios before;
    size_t length;
    char output[OUTPUT]; /* what was read, ended with NUL */
};

/* The most descriptors that the next program may have, or 0 for this program's own limit. */
static rlim_t program_files;

static inline double clock_now(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* In a checkout the programs are in build/, in a virtual machine of the lab beside the tests. */
static inline const char *example(const char *name) {
    static char path[128];

    snprintf(path, sizeof(path), "build/examples/%s", name);
    if (access(path, X_OK) != 0)
        snprintf(path, sizeof(path), "examples/%s", name);
    MUST(access(path, X_OK) == 0);
    return path;
}

static inline void run_child(const char *name, char *const *arguments, int out, int terminal) {
    static char valgrind[] = "valgrind", log[] = "--log-file=%q{OUT}/valgrind.%p", quiet[] = "-q";
    static char leaks[] = "--leak-check=full", status[] = "--error-exitcode=99";
    char *words[16] = {valgrind, log, quiet, leaks, status}, path[128];
    int count = is_watched() ? 5 : 0, null = open("/dev/null", O_RDONLY);

    snprintf(path, sizeof(path), "%s", example(name));
    for (words[count++] = path; *arguments && count < 15; arguments++)
        words[count++] = *arguments;
    words[count] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (program_files)
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){program_files, program_files});
    dup2(terminal ? out : null, 0);
    dup2(out, 1);
    dup2(out, 2);
    execvp(words[0], words);
    _exit(127);
}

/*
 * Starts a program in a session that has the terminal. The leader of the session is another
 * process, because its end would reset the modes of the terminal.
 */
static inline pid_t start_in_session(struct program *program, const char *name,
                                     char *const *arguments, int out) {
    int told[2];
    pid_t pid;

    MUST(pipe2(told, O_CLOEXEC) == 0);
    program->leader = fork();
    MUST(program->leader >= 0);
    if (program->leader == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (setsid() < 0 || ioctl(out, TIOCSCTTY, 0) < 0)
            _exit(1);
        /* The program is a child of the test, which waits for its end. */
        pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0)
            run_child(name, arguments, out, 1);
        signal(SIGINT, SIG_IGN);
        signal(SIGQUIT, SIG_IGN);
        (void)!write(told[1], &pid, sizeof(pid));
        for (;;)
            pause();
    }
    close(told[1]);
    MUST(read(told[0], &pid, sizeof(pid)) == (ssize_t)sizeof(pid) && pid > 0);
    close(told[0]);
    return pid;
}

/* Starts a program. With a width it gets a terminal of that size, else a pipe. */
static inline void start_program(struct program *program, int width, int height, const char *name,
                                 char *const *arguments) {
    struct winsize size = {.ws_row = (unsigned short)height, .ws_col = (unsigned short)width};
    int ends[2] = {-1, -1};

    if (width) {
        ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        MUST(ends[0] >= 0 && grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0);
        ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
        MUST(ends[1] >= 0 && ioctl(ends[1], TIOCSWINSZ, &size) == 0);
        MUST(tcgetattr(ends[0], &program->before) == 0);
    } else
        MUST(pipe2(ends, O_CLOEXEC) == 0);
    program->fd = ends[0];
    program->slave = width ? ends[1] : -1;
    program->length = 0;
    program->output[0] = '\0';
    fflush(NULL);
    if (width) {
        program->pid = start_in_session(program, name, arguments, ends[1]);
        return;
    }
    program->pid = fork();
    MUST(program->pid >= 0);
    if (program->pid == 0)
        run_child(name, arguments, ends[1], 0);
    close(ends[1]);
}

/* Waits so long for output. Returns 1 if some came, 0 if none did, -1 at its end. */
static inline int read_output(struct program *program, int milliseconds) {
    struct pollfd fd = {.fd = program->fd, .events = POLLIN};
    ssize_t length;

    if (poll(&fd, 1, milliseconds) <= 0)
        return 0;
    /* A test looks at what came last. */
    if (program->length > OUTPUT - 8192) {
        memmove(program->output, program->output + OUTPUT / 2, program->length - OUTPUT / 2 + 1);
        program->length -= OUTPUT / 2;
    }
    length = read(program->fd, program->output + program->length, 4096);
    if (length <= 0)
        return -1;
    program->length += (size_t)length;
    program->output[program->length] = '\0';
    return 1;
}

/* Waits up to a minute until a text is in the output. Returns where it is, or NULL. */
static inline const char *wait_output(struct program *program, const char *text) {
    double until = clock_now() + 60;
    const char *found;

    while (!(found = strstr(program->output, text)) && clock_now() < until)
        if (read_output(program, 100) < 0)
            break;
    found = strstr(program->output, text);
    CHECK(found, "no \"%s\" in %s", text,
          program->output + (program->length > 2000 ? program->length - 2000 : 0));
    return found;
}

static inline void forget_output(struct program *program) {
    program->length = 0;
    program->output[0] = '\0';
}

static inline void press(struct program *program, const char *keys) {
    MUST(write(program->fd, keys, strlen(keys)) == (ssize_t)strlen(keys));
}

/* Waits up to a minute for the end, and reads what is left. Returns the status of waitpid(2). */
static inline int wait_program(struct program *program) {
    double until = clock_now() + 60;
    int status = -1;
    pid_t pid;

    while ((pid = waitpid(program->pid, &status, WNOHANG)) == 0 && clock_now() < until)
        (void)read_output(program, 20);
    if (pid == 0) {
        CHECK(0, "the program does not end: %s", program->output);
        kill(program->pid, SIGKILL);
        waitpid(program->pid, &status, 0);
    }
    while (read_output(program, 50) > 0)
        ;
    return status;
}

static inline void close_program(struct program *program) {
    close(program->fd);
    if (program->slave < 0)
        return;
    close(program->slave);
    kill(program->leader, SIGKILL);
    waitpid(program->leader, NULL, 0);
}

static inline int end_program(struct program *program) {
    int status = wait_program(program);

    close_program(program);
    return status;
}

/* Runs a program to its end. Returns its exit status. */
static inline int run_program(struct program *program, const char *name, char *const *arguments) {
    int status;

    start_program(program, 0, 0, name, arguments);
    status = end_program(program);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Returns what follows one JSON value, or NULL if there is none. */
static inline const char *json_after(const char *at) {
    char closing = *at == '{' ? '}' : ']';
    int object = *at == '{';
    char *end;

    if (*at == '"') {
        for (at++; *at && *at != '"'; at += *at == '\\' && at[1] ? 2 : 1)
            if ((unsigned char)*at < ' ')
                return NULL;
        return *at ? at + 1 : NULL;
    }
    if (*at == '{' || *at == '[') {
        for (at++; *at && *at != closing; at++) {
            if (object && (*at != '"' || !(at = json_after(at)) || *at++ != ':'))
                return NULL;
            if (!(at = json_after(at)) || (*at != ',' && *at != closing))
                return NULL;
            if (*at == closing)
                return at + 1;
        }
        /* Only an empty one ends here: a comma needs a value behind it. */
        return *at && at[-1] != ',' ? at + 1 : NULL;
    }
    if (!strncmp(at, "null", 4))
        return at + 4;
    if (*at != '-' && (*at < '0' || *at > '9'))
        return NULL;
    (void)strtod(at, &end);
    return end;
}

/* Checks that each line is one JSON value. Returns the number of lines. */
static inline int json_lines(const char *text) {
    const char *end;
    int lines = 0;

    for (; *text; text = end + 1, lines++) {
        end = json_after(text);
        CHECK(end && *end == '\n', "no JSON: %s", text);
        if (!end || *end != '\n')
            return -1;
    }
    return lines;
}

#endif
