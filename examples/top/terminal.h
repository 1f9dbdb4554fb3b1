/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal of top's live view: the alternate screen, no echo, no cursor. Signals are blocked
 * except while the program waits, and a handler only notes which signal came.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static struct termios terminal_before;
static int terminal_keys, terminal_on;
static sigset_t terminal_waiting; /* the signals that are blocked while the program waits */
static volatile sig_atomic_t terminal_signal, terminal_resized;

static void on_signal(int signal) {
    if (signal == SIGWINCH)
        terminal_resized = 1;
    else
        terminal_signal = signal;
}

/* Writes everything. A signal ends a write to a terminal that accepts nothing. */
static int terminal_write(const char *bytes, size_t length) {
    sigset_t blocked;
    ssize_t written = 0;

    sigprocmask(SIG_SETMASK, &terminal_waiting, &blocked);
    while (length > 0 && !terminal_signal) {
        written = write(STDOUT_FILENO, bytes, length);
        if (written < 0 && errno != EINTR)
            break;
        bytes += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    return written < 0 && errno != EINTR ? -1 : 0;
}

static void terminal_text(const char *text) {
    (void)terminal_write(text, strlen(text));
}

static void terminal_restore(void) {
    sig_atomic_t signal = terminal_signal;

    if (!terminal_on)
        return;
    terminal_on = 0;
    terminal_signal = 0;
    /* Colors, wrapping, cursor, screen. */
    terminal_text("\033[0m\033[?7h\033[?25h\033[?1049l");
    terminal_signal = signal;
    if (terminal_keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
}

static void terminal_prepare(void) {
    struct termios now;

    terminal_on = 1;
    if (terminal_keys) {
        now = terminal_before;
        now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        now.c_iflag &= ~(tcflag_t)IXON;
        now.c_cc[VMIN] = 0;
        now.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &now);
    }
    terminal_text("\033[?1049h\033[?25l\033[?7l\033[2J");
}

/* Begins the live view. Without a terminal on standard input there are no keys. */
static void terminal_begin(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, SIGPIPE};
    struct sigaction action;
    sigset_t blocked;
    size_t i;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigemptyset(&blocked);
    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, NULL);
        sigaddset(&blocked, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, &terminal_waiting);
    terminal_keys = tcgetattr(STDIN_FILENO, &terminal_before) == 0;
    atexit(terminal_restore);
    terminal_prepare();
}

/* Ends, or stops until SIGCONT, as the signal would have done by itself. */
static void terminal_obey(int number) {
    sigset_t only;

    terminal_restore();
    terminal_signal = 0;
    if (number == SIGTSTP) {
        raise(SIGSTOP);
        terminal_resized = 1;
        terminal_prepare();
        return;
    }
    signal(number, SIG_DFL);
    sigemptyset(&only);
    sigaddset(&only, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
}

static void terminal_size(int *width, int *height) {
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0) {
        size.ws_col = 80;
        size.ws_row = 24;
    }
    *width = size.ws_col;
    *height = size.ws_row;
}

#define KEY_UP 0x100
#define KEY_DOWN 0x101
#define KEY_PAGE_UP 0x102
#define KEY_PAGE_DOWN 0x103
#define KEY_OTHER 0x104

/* Returns the next key, or 0 for none. Unknown sequences of a terminal are passed over. */
static int terminal_key(void) {
    static char bytes[64];
    static ssize_t length, at;
    char final;
    int number = 0;

    if (at >= length) {
        at = 0;
        length = terminal_keys ? read(STDIN_FILENO, bytes, sizeof(bytes)) : 0;
        if (length <= 0)
            return length = 0;
    }
    if (bytes[at] != '\033' || at + 1 >= length || (bytes[at + 1] != '[' && bytes[at + 1] != 'O'))
        return (unsigned char)bytes[at++];
    for (at += 2; at < length && (bytes[at] == ';' || (bytes[at] >= '0' && bytes[at] <= '9')); at++)
        number = number * 10 % 1000 + (bytes[at] - '0');
    final = at < length ? bytes[at++] : 0;
    return final == 'A'                  ? KEY_UP
           : final == 'B'                ? KEY_DOWN
           : final == '~' && number == 5 ? KEY_PAGE_UP
           : final == '~' && number == 6 ? KEY_PAGE_DOWN
                                         : KEY_OTHER;
}

/* Waits for a key, a signal, or so many seconds. Returns -1 if the terminal is gone. */
static int terminal_wait(double seconds) {
    struct pollfd keys = {.fd = terminal_keys ? STDIN_FILENO : -1, .events = POLLIN};
    struct timespec left;

    if (terminal_signal || terminal_resized || seconds <= 0)
        seconds = 0;
    left.tv_sec = (time_t)seconds;
    left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
    if (ppoll(&keys, 1, &left, &terminal_waiting) < 0 && errno != EINTR)
        return -1;
    return keys.revents & (POLLHUP | POLLERR | POLLNVAL) ? -1 : 0;
}

#endif
