/* SPDX-License-Identifier: Apache-2.0 */
/*
 * examples/top: its table, its JSON, small terminals and their sizes, keys, signals, a tree that
 * changes meanwhile, and names that contain control sequences.
 */
#include "cgroups.h"
#include "program.h"

static struct katacg_error err;
static struct program top;
static char base[128];

static struct katacg_manager *make(const char *name, const char *resources) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", base, name);
    opts.path = path;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    opts.driver = KATACG_DRIVER_CGROUPFS;
    CHECK(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    MUST(manager);
    CHECK(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0 &&
              katacg_manager_set(manager, resources, strlen(resources), clear(&err)) == 0,
          "%s", err.message);
    return manager;
}

static void destroy(struct katacg_manager *manager) {
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(manager);
}

/* Debian 13 has no memory controller on v1. */
static int with_memory(void) {
    return mount_of("memory") != NULL || (mount_count == 1 && mounts[0].v2);
}

static void start_top(int width, int height, const char *first, const char *second) {
    char fast[] = "-d", time[] = "0.05", one[32], two[32];
    char *arguments[] = {fast, time, base, one, two, NULL};

    snprintf(one, sizeof(one), "%s", first ? first : "");
    snprintf(two, sizeof(two), "%s", second ? second : "");
    arguments[first ? second ? 5 : 4 : 3] = NULL;
    start_program(&top, width, height, "top", arguments);
}

/*
 * Follows the output as a terminal of that size. Returns 0 if a line is too long, the screen
 * scrolls, or something comes that is no text and no known sequence.
 */
static int fits(const char *at, int width, int height) {
    int row = 0, column = 0, number;

    for (; *at; at++) {
        if (*at == '\r')
            column = 0;
        else if (*at == '\n') {
            if (++row >= height)
                return 0;
        } else if (*at == '\033') {
            if (*++at != '[')
                return 0;
            for (number = 0, at += at[1] == '?' ? 2 : 1; *at == ';' || (*at >= '0' && *at <= '9');
                 at++)
                number = *at == ';' ? number : 10 * number + (*at - '0');
            if (*at == 'H') {
                /* "24;1": the last line. */
                row = number > 1 ? height - 1 : 0;
                column = 0;
            } else if (!strchr("JKmhl", *at))
                return 0;
        } else if ((*at & 0xc0) != 0x80 && ((unsigned char)*at < ' ' || ++column > width))
            return 0;
    }
    return 1;
}

static void a_table_is_printed_once(void) {
    struct katacg_manager *child =
        make("plain", with_memory() ? "{\"memory\":{\"limit\":8388608}}" : "{}");
    char once[] = "-1", fast[] = "-d", time[] = "0.05";
    char *arguments[] = {once, fast, time, base, NULL};
    const char *line;

    CHECK(run_program(&top, "top", arguments) == 0, "%s", top.output);
    CHECK(!strncmp(top.output, "CGROUP ", 7), "%s", top.output);
    CHECK(!strchr(top.output, '\033'), "%s", top.output);
    CHECK((line = strstr(top.output, "plain ")) != NULL, "%s", top.output);
    if (with_memory())
        CHECK(line && strstr(line, " 8.0M "), "%s", top.output);
    CHECK(strstr(top.output, "no limit") || !with_memory(), "%s", top.output);
    destroy(child);
}

static void json_is_json_whatever_the_names_are(void) {
    static const char odd[] = "a\033[2J\"\\\t:b.slice:c";
    struct katacg_manager *child = make(odd, "{\"pids\":{\"limit\":7}}"),
                          *bytes = make("\xff", "{}");
    char once[] = "-1", fast[] = "-d", time[] = "0.05", json[] = "--json";
    char *arguments[] = {once, fast, time, json, base, NULL};

    CHECK(run_program(&top, "top", arguments) == 0, "%s", top.output);
    CHECK(json_lines(top.output) == 1, "%s", top.output);
    CHECK(strstr(top.output, "/a\\u001b[2J\\\"\\\\\\u0009:b.slice:c\""), "%s", top.output);
    CHECK(strstr(top.output, "\"pids_limit\":7,"), "%s", top.output);
    CHECK(strstr(top.output, "{\"hex\":\"2f"), "%s", top.output);
    CHECK(strstr(top.output, "\"cpu_percent\":0.00"), "%s", top.output);
    arguments[3] = base;
    arguments[4] = NULL;
    CHECK(run_program(&top, "top", arguments) == 0, "%s", top.output);
    CHECK(strstr(top.output, "a\\x1b[2J\"\\\\x09:b.slice:c ") && strstr(top.output, "\\xff "), "%s",
          top.output);
    destroy(child);
    destroy(bytes);
}

static void wrong_calls_say_what_is_wrong(void) {
    static const char *const wrong[][2] = {{"-s", "x"},  {"-d", "0"},    {"-d", "nan"},
                                           {"-d", NULL}, {"--no", NULL}, {"relative", NULL}};
    char missing[] = "/katacg-test-missing", help[] = "--help", one[16], two[16];
    char *arguments[] = {help, NULL, NULL};
    size_t i;

    CHECK(run_program(&top, "top", arguments) == 0 && strstr(top.output, "usage:"), "help");
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(one, sizeof(one), "%s", wrong[i][0]);
        snprintf(two, sizeof(two), "%s", wrong[i][1] ? wrong[i][1] : "");
        arguments[0] = one;
        arguments[1] = wrong[i][1] ? two : NULL;
        CHECK(run_program(&top, "top", arguments) == 2 && strstr(top.output, "usage:"), "%s: %s",
              one, top.output);
    }
    arguments[0] = missing;
    arguments[1] = NULL;
    CHECK(run_program(&top, "top", arguments) == 1 && strstr(top.output, "no such cgroup"), "%s",
          top.output);
}

static int same_modes(void) {
    struct termios now;

    MUST(tcgetattr(top.fd, &now) == 0);
    return now.c_lflag == top.before.c_lflag && now.c_iflag == top.before.c_iflag;
}

/* The last bytes show the cursor again and leave the other screen. */
static int screen_is_left(void) {
    static const char last[] = "\033[?25h\033[?1049l";
    size_t length = sizeof(last) - 1;

    return top.length >= length && !strcmp(top.output + top.length - length, last);
}

static void lines_fit_terminals_of_every_size(void) {
    static const int sizes[][2] = {{20, 5}, {1, 1}, {3, 2}, {9, 3}, {40, 9}, {80, 24}, {300, 60}};
    struct winsize size = {0};
    char first[] = "\033[H";
    size_t i;
    int round;

    start_top(20, 5, NULL, NULL);
    (void)wait_output(&top, first);
    CHECK(!same_modes(), "the terminal still echoes");
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size.ws_col = (unsigned short)sizes[i][0];
        size.ws_row = (unsigned short)sizes[i][1];
        MUST(ioctl(top.fd, TIOCSWINSZ, &size) == 0);
        /* The first screen after the change may have been begun before it. */
        for (round = 0; round < 3; round++) {
            const char *begin, *end;

            forget_output(&top);
            (void)wait_output(&top, first);
            begin = strstr(top.output, first);
            while (begin && !(end = strstr(begin + 1, first)))
                if (read_output(&top, 1000) <= 0)
                    break;
            begin = strstr(top.output, first);
            end = begin ? strstr(begin + 1, first) : NULL;
            CHECK(end, "no second screen: %s", top.output);
            if (!end || round < 2)
                continue;
            top.output[end - top.output] = '\0';
            CHECK(fits(begin, sizes[i][0], sizes[i][1]), "%dx%d: %s", sizes[i][0], sizes[i][1],
                  begin);
            if (sizes[i][0] >= 20 && sizes[i][1] >= 5)
                CHECK(strstr(begin, "CGROUP") && strstr(begin, "CPU"), "%s", begin);
        }
    }
    press(&top, "q");
    CHECK(end_program(&top) == 0, "%s", top.output);
    CHECK(screen_is_left(), "%s", top.output);
}

static void signals_end_it_after_the_terminal_is_restored(void) {
    static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    size_t i;
    int status;

    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        start_top(80, 24, NULL, NULL);
        (void)wait_output(&top, "\033[H");
        CHECK(!same_modes(), "the terminal still echoes");
        if (signals[i] == SIGINT)
            press(&top, "\003");
        else
            MUST(kill(top.pid, signals[i]) == 0);
        status = wait_program(&top);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signals[i], "status %d", status);
        CHECK(screen_is_left(), "%s", top.output);
        CHECK(same_modes(), "signal %d leaves the terminal changed", signals[i]);
        close_program(&top);
    }
}

static void it_stops_and_goes_on_as_other_programs_do(void) {
    int status;

    start_top(80, 24, NULL, NULL);
    (void)wait_output(&top, "\033[H");
    MUST(kill(top.pid, SIGTSTP) == 0);
    MUST(waitpid(top.pid, &status, WUNTRACED) == top.pid && WIFSTOPPED(status));
    while (read_output(&top, 50) > 0)
        ;
    CHECK(same_modes() && screen_is_left(), "the terminal is changed while top is stopped");
    forget_output(&top);
    MUST(kill(top.pid, SIGCONT) == 0);
    (void)wait_output(&top, "\033[?1049h");
    (void)wait_output(&top, "\033[H");
    press(&top, "q");
    CHECK(end_program(&top) == 0 && screen_is_left(), "%s", top.output);
}

/* Returns whether one name comes before the other on the next screens. */
static int comes_before(const char *first, const char *second) {
    int round;

    for (round = 0; round < 200; round++) {
        const char *begin, *one, *two;

        forget_output(&top);
        (void)wait_output(&top, "\033[J");
        begin = strstr(top.output, "\033[H");
        one = begin ? strstr(begin, first) : NULL;
        two = begin ? strstr(begin, second) : NULL;
        if (one && two && one < two)
            return 1;
    }
    return 0;
}

static void keys_sort_and_the_state_is_shown(void) {
    struct katacg_manager *one = make("one-alpha", "{}"), *two = make("two-beta", "{}");
    struct katacg_manager *inner = make("two-beta/below", "{}");
    char once[] = "-1", fast[] = "-d", time[] = "0.05", json[] = "--json";
    char *arguments[] = {once, fast, time, json, base, NULL};
    pid_t child = start_child();
    const char *below;

    CHECK(katacg_manager_add(inner, &child, 1, 0, NULL, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_freeze(two, 5000, clear(&err)) == 0, "%s", err.message);
    CHECK(run_program(&top, "top", arguments) == 0, "%s", top.output);
    CHECK((below = strstr(top.output, "/two-beta/below\"")) != NULL &&
              strstr(below, "\"state\":\"frozen\""),
          "%s", top.output);
    start_top(100, 24, "-s", "n");
    CHECK(comes_before("one-alpha", "two-beta"), "by name: %s", top.output);
    (void)wait_output(&top, "frozen");
    press(&top, "r");
    CHECK(comes_before("two-beta", "one-alpha"), "reversed: %s", top.output);
    press(&top, "rp");
    CHECK(comes_before("two-beta", "one-alpha"), "by processes: %s", top.output);
    press(&top, "nf");
    CHECK(comes_before("\033[2Kone-alpha", "two-beta"), "flat: %s", top.output);
    press(&top, "\033[B\033[5~\033OA \033[99;5X\033q");
    CHECK(end_program(&top) == 0, "%s", top.output);
    CHECK(katacg_manager_kill(two, SIGKILL, clear(&err)) == 0, "%s", err.message);
    end_child(child);
    destroy(inner);
    destroy(one);
    destroy(two);
}

static void cgroups_come_and_go_meanwhile(void) {
    struct katacg_manager *managers[8];
    unsigned long round, i, rounds = divided(is_watched() ? 200 : 40) + 3;
    char name[32];

    start_top(100, 50, "-s", "n");
    for (round = 0; round < rounds; round++) {
        for (i = 0; i < 8; i++) {
            snprintf(name, sizeof(name), i < 4 ? "come-%lu" : "come-0/go-%lu", i);
            managers[i] = make(name, "{}");
        }
        (void)read_output(&top, 10);
        while (i-- > 0)
            destroy(managers[i]);
    }
    managers[0] = make("new-one", "{}");
    forget_output(&top);
    (void)wait_output(&top, "new-one");
    destroy(managers[0]);
    press(&top, "q");
    CHECK(end_program(&top) == 0, "%s", top.output);
}

static void no_color_is_heeded(void) {
    const char *at;

    start_top(80, 24, NULL, NULL);
    CHECK(wait_output(&top, "\033[7m") != NULL, "no color");
    press(&top, "q");
    CHECK(end_program(&top) == 0, "%s", top.output);
    setenv("NO_COLOR", "1", 1);
    start_top(80, 24, NULL, NULL);
    (void)wait_output(&top, "\033[J");
    for (at = top.output; (at = strstr(at, "\033[")); at++)
        CHECK(at[2 + strspn(at + 2, "0123456789;")] != 'm', "%s", at);
    press(&top, "q");
    CHECK(end_program(&top) == 0, "%s", top.output);
    unsetenv("NO_COLOR");
}

static void few_descriptors_are_enough(void) {
    char once[] = "-1", fast[] = "-d", time[] = "0.05", json[] = "--json";
    char *arguments[] = {once, fast, time, json, base, NULL}, name[16];
    struct katacg_manager *managers[10];
    const char *at;
    int i, count = 0;

    for (i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "fd-%d", i);
        managers[i] = make(name, "{\"pids\":{\"limit\":9}}");
    }
    program_files = 100;
    CHECK(run_program(&top, "top", arguments) == 0, "%s", top.output);
    program_files = 0;
    for (at = top.output; (at = strstr(at, "\"pids_limit\":9,")); at++)
        count++;
    CHECK(count == 10, "%d cgroups: %s", count, top.output);
    while (i-- > 0)
        destroy(managers[i]);
}

int main(void) {
    const char *why = no_cgroups();
    struct katacg_manager *parent;

    if (why) {
        puts(why);
        return SKIPPED;
    }
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("NO_COLOR");
    snprintf(base, sizeof(base), "%s", parent_cgroup());
    parent = make("keep", "{}");
    a_table_is_printed_once();
    json_is_json_whatever_the_names_are();
    wrong_calls_say_what_is_wrong();
    lines_fit_terminals_of_every_size();
    signals_end_it_after_the_terminal_is_restored();
    it_stops_and_goes_on_as_other_programs_do();
    keys_sort_and_the_state_is_shown();
    cgroups_come_and_go_meanwhile();
    no_color_is_heeded();
    if (!is_watched())
        few_descriptors_are_enough();
    destroy(parent);
    return finish();
}
