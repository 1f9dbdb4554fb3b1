/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows a live view of a cgroup tree: CPU, memory and its limit, I/O, processes, pressure, OOM
 * kills, and frozen cgroups. The program is an example of katacg_stats_reader: it has one reader
 * for each cgroup, and reads it again and again.
 *
 * Exit status: 0 done; 1 the cgroup could not be shown, or with -1 some cgroup below it; 2 wrong
 * arguments. A signal restores the terminal, and then ends the live view as it ends any program.
 */
#include <katacg.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "top/json.h"
#include "top/terminal.h"
#include "top/view.h"

static const char usage[] =
    "usage: top [-1] [--json] [--flat] [-s KEY] [-d SECONDS] [CGROUP]\n"
    "Shows CGROUP (default: /) and all cgroups below it.\n"
    "  -1          print the tree once; also if the output is no terminal\n"
    "  --json      print one line of JSON for each reading\n"
    "  --flat      one list, not a tree\n"
    "  -s KEY      sort by c CPU, m memory, p processes, i I/O, s pressure, o OOM kills, n name\n"
    "  -d SECONDS  time between two readings (default: 1)\n"
    "Keys: the letters above, r reverse, f flat, space read now, arrows, q quit.\n";

static struct tree tree;
static struct view view;
static struct text out;
static struct table table = {.out = &out, .key = 'c'};
static const char *cgroup = "/";
static double interval = 1;
static int once, json;

static int wrong(const char *why, const char *what) {
    fprintf(stderr, "top: %s %s\n%s", why, what, usage);
    return 2;
}

/* Parses the arguments. Returns -1 to continue, or the exit status. */
static int parse(int argc, char **argv) {
    char *end;
    int i;

    for (i = 1; i < argc; i++) {
        const char *word = argv[i];
        int with_value = !strcmp(word, "-s") || !strcmp(word, "-d");

        if (with_value && ++i == argc)
            return wrong("no value for", word);
        if (!strcmp(word, "-1"))
            once = 1;
        else if (!strcmp(word, "--json"))
            json = 1;
        else if (!strcmp(word, "--flat"))
            table.flat = 1;
        else if (!strcmp(word, "-h") || !strcmp(word, "--help"))
            return fputs(usage, stdout) < 0 || fflush(stdout) != 0;
        else if (!strcmp(word, "-s")) {
            table.key = argv[i][0];
            if ((!column_of(table.key) && table.key != 'n') || argv[i][1])
                return wrong("no key", argv[i]);
        } else if (!strcmp(word, "-d")) {
            interval = strtod(argv[i], &end);
            if (end == argv[i] || *end || !(interval >= 0.05 && interval <= 86400))
                return wrong("no time between 0.05 and 86400 s:", argv[i]);
        } else if (word[0] == '/')
            cgroup = word;
        else
            return wrong("no option, and no path that begins with a slash:", word);
    }
    return -1;
}

/* Opens the tree. Raises the limit of open files first: each cgroup takes some 30 descriptors. */
static int open_tree(struct katacg_error *err) {
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    return tree_open(&tree, cgroup, err);
}

/* Adds the summary: the cgroup, the number of cgroups, the order, the interval and the layout. */
static void put_summary(double next) {
    static const char *const layouts[] = {"", "v1", "hybrid", "v2"};
    const struct column *column = column_of(table.key);
    char text[160];
    int width;

    color(&table, BOLD);
    width = width_of(cgroup);
    put_name(&table, cgroup, width < table.width / 2 ? width : table.width / 2, 1);
    color(&table, NULL);
    if (!tree.root)
        snprintf(text, sizeof(text), ": no such cgroup");
    else
        snprintf(text, sizeof(text), "  %lu cgroup%s  %s%s%s  every %g s  %s",
                 (unsigned long)tree.rows, tree.rows == 1 ? "" : "s",
                 table.reversed ? "least " : "by ", column ? column->name : "name",
                 table.reversed ? " first" : "", next, layouts[tree.layout & 3]);
    put(&table, text);
    if (tree.unread) {
        color(&table, RED);
        snprintf(text, sizeof(text), "  %lu cannot be read", (unsigned long)tree.unread);
        put(&table, text);
        color(&table, NULL);
    }
}

/* Draws the whole screen. Returns how many rows of the tree it has room for. */
static size_t draw(size_t *first, int height) {
    int head = height >= 4, titles = height >= 2, foot = height >= 10;
    size_t room = (size_t)(height - head - titles - foot);
    static const char keys[] = "c CPU  m memory  p processes  i I/O  s pressure  o OOM  n name  "
                               "r reverse  f flat  q quit";

    view_fill(&view, &table, &tree);
    if (*first + room > view.count)
        *first = view.count > room ? view.count - room : 0;
    text_print(&out, "\033[H");
    table.left = table.width;
    if (head) {
        text_print(&out, "\033[2K");
        put_summary(interval);
        text_print(&out, "\r\n");
    }
    put_page(&table, &view, *first, room, titles, "\033[2K", "\r\n");
    /* A newline on the last line would scroll the terminal. */
    if (!foot && out.length > 2 && view.count - *first >= room)
        out.length -= 2;
    else
        text_print(&out, "\033[J");
    if (foot) {
        text_print(&out, "\033[%d;1H", height);
        table.left = table.width;
        color(&table, DIM);
        put(&table, keys);
        color(&table, NULL);
    }
    return room;
}

/* Obeys the keys that were pressed. Returns 1 to quit, 2 to read at once, 0 otherwise. */
static int obey_keys(size_t *first, size_t room) {
    int key, result = 0;

    while ((key = terminal_key())) {
        if (key == 'q')
            return 1;
        if (key == ' ')
            result = 2;
        else if (key == 'r')
            table.reversed = !table.reversed;
        else if (key == 'f')
            table.flat = !table.flat;
        else if (key == 'n' || (key < 0x80 && column_of((char)key)))
            table.key = (char)key;
        else if (key == KEY_DOWN)
            *first += 1;
        else if (key == KEY_PAGE_DOWN)
            *first += room;
        else if (key == KEY_UP)
            *first -= *first > 0;
        else if (key == KEY_PAGE_UP)
            *first -= *first > room ? room : *first;
    }
    return result;
}

/* Shows the live view until a key or a signal ends it. Returns the exit status. */
static int live(void) {
    double next = seconds_now(CLOCK_MONOTONIC) + interval;
    size_t first = 0, room;
    int height, wanted;

    terminal_begin();
    for (;;) {
        terminal_resized = 0;
        terminal_size(&table.width, &height);
        out.length = 0;
        room = draw(&first, height);
        if (terminal_write(out.bytes, out.length) < 0)
            return 1;
        if (terminal_wait(next - seconds_now(CLOCK_MONOTONIC)) < 0)
            return 1;
        if (terminal_signal)
            terminal_obey(terminal_signal);
        if ((wanted = obey_keys(&first, room)) == 1)
            return 0;
        if (wanted == 2 || seconds_now(CLOCK_MONOTONIC) >= next) {
            tree_refresh(&tree);
            next = seconds_now(CLOCK_MONOTONIC) + interval;
        }
    }
}

/*
 * Prints the second of two readings, because rates need two. With --json and without -1, prints
 * every later reading too. Returns the exit status.
 */
static int print(void) {
    const char *columns_wanted = getenv("COLUMNS");
    struct timespec pause = {.tv_sec = (time_t)interval};
    int height;

    pause.tv_nsec = (long)((interval - (double)pause.tv_sec) * 1e9);
    if (isatty(STDOUT_FILENO))
        terminal_size(&table.width, &height);
    else
        table.width = columns_wanted && atoi(columns_wanted) > 0 ? atoi(columns_wanted) : 1000;
    do {
        nanosleep(&pause, NULL);
        tree_refresh(&tree);
        if (!tree.root && once)
            break;
        view_fill(&view, &table, &tree);
        out.length = 0;
        if (json)
            put_json(&out, &tree, &view);
        else
            put_page(&table, &view, 0, view.count, 1, "", "\n");
        if (fwrite(out.bytes, 1, out.length, stdout) != out.length || fflush(stdout) != 0) {
            perror("top: cannot write");
            return 1;
        }
    } while (json && !once);
    if (tree.unread)
        fprintf(stderr, "top: %lu cgroups cannot be read: %s\n", (unsigned long)tree.unread,
                tree.err.message);
    else if (!tree.root)
        fprintf(stderr, "top: the cgroup was removed\n");
    return tree.unread || !tree.root;
}

int main(int argc, char **argv) {
    struct katacg_error err = KATACG_ERROR_INIT;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    int result = parse(argc, argv), terminal;

    if (result >= 0)
        return result;
    setlocale(LC_CTYPE, "");
    terminal = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb");
    table.utf8 = utf8_terminal();
    table.color = terminal && !(no_color && *no_color);
    once |= !terminal && !json;
    if (open_tree(&err) < 0) {
        fprintf(stderr, "top: %s\n", err.message);
        return 1;
    }
    tree_refresh(&tree);
    if (!tree.root) {
        text_name(&out, cgroup);
        fprintf(stderr, "top: %s: %s\n", out.bytes,
                tree.unread ? tree.err.message : "no such cgroup");
        result = 1;
    } else
        result = once || json ? print() : live();
    tree_close(&tree);
    free(view.rows);
    free(out.bytes);
    return result;
}
