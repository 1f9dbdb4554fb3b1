/* SPDX-License-Identifier: Apache-2.0 */
/*
 * examples/watch: a real OOM kill and the removal, several cgroups, JSON, signals, and no work
 * while nothing happens.
 */
#include "cgroups.h"
#include "program.h"

#include <sys/mman.h>

static struct katacg_error err;
static struct program watch;
static char paths[2][128], json[] = "--json";

static struct katacg_manager *make(int which, const char *resources) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;

    opts.path = paths[which];
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
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

static int with_memory(void) {
    return mount_of("memory") != NULL || (mount_count == 1 && mounts[0].v2);
}

/* Starts a process in the cgroup that uses more memory than it may, and waits for its end. */
static void run_out_of_memory(struct katacg_manager *manager) {
    struct katacg_attach attach;
    int status;
    pid_t child;

    CHECK(katacg_attach_open(manager, 0, &attach, clear(&err)) >= 0, "%s", err.message);
    fflush(NULL);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        char *memory;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (katacg_attach_self(&attach) == 0) {
            memory =
                mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (memory != MAP_FAILED)
                memset(memory, 1, 64 << 20);
        }
        _exit(1);
    }
    katacg_attach_close(&attach);
    MUST(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %d", status);
}

static void start_watch(char *first, char *second, char *third) {
    char *arguments[] = {first, second, third, NULL};

    start_program(&watch, 0, 0, "watch", arguments);
}

/* Returns whether a line has this cgroup and this text, after "HH:MM:SS.mmm  ". */
static int line_says(const char *path, const char *text) {
    const char *line = watch.output, *end, *found;

    for (; (end = strchr(line, '\n')); line = end + 1) {
        found = strstr(line, text);
        if (end - line > 14 && line[2] == ':' && line[5] == ':' && line[8] == '.' &&
            !strncmp(line + 14, path, strlen(path)) && found && found < end)
            return 1;
    }
    return 0;
}

static void an_oom_kill_and_the_removal_are_printed(void) {
    struct katacg_manager *one, *two;

    if (!with_memory())
        return;
    one = make(0, "{\"memory\":{\"limit\":8388608,\"swap\":8388608}}");
    two = make(1, "{}");
    start_watch(paths[0], paths[1], NULL);
    (void)wait_output(&watch, "watching\n");
    while (!line_says(paths[1], "watching") && read_output(&watch, 10000) > 0)
        ;
    run_out_of_memory(one);
    (void)wait_output(&watch, "  oom_kill  1  (in all 1)\n");
    CHECK(line_says(paths[0], "oom_kill"), "%s", watch.output);
    run_out_of_memory(one);
    (void)wait_output(&watch, "  oom_kill  1  (in all 2)\n");
    destroy(two);
    (void)wait_output(&watch, "removed");
    CHECK(line_says(paths[1], "removed  (the counts are "), "%s", watch.output);
    CHECK(!line_says(paths[0], "removed"), "%s", watch.output);
    destroy(one);
    CHECK(end_program(&watch) == 0, "%s", watch.output);
    CHECK(line_says(paths[0], "removed  (the counts are "), "%s", watch.output);
}

static void json_lines_are_json(void) {
    struct katacg_manager *one = make(0, "{}");
    pid_t child = start_child();

    CHECK(katacg_manager_add(one, &child, 1, 0, NULL, clear(&err)) == 0, "%s", err.message);
    start_watch(json, paths[0], NULL);
    (void)wait_output(&watch, "\"event\":\"watching\"}\n");
    CHECK(katacg_manager_freeze(one, 5000, clear(&err)) == 0, "%s", err.message);
    (void)wait_output(&watch, "\"event\":\"frozen\",\"count\":");
    CHECK(katacg_manager_thaw(one, clear(&err)) == 0, "%s", err.message);
    (void)wait_output(&watch, "\"event\":\"thawed\",\"count\":");
    end_child(child);
    destroy(one);
    CHECK(end_program(&watch) == 0, "%s", watch.output);
    CHECK(json_lines(watch.output) >= 4, "%s", watch.output);
    CHECK(strstr(watch.output, "\"event\":\"removed\",\"counts\":\""), "%s", watch.output);
}

/* Returns how often the program has been woken. */
static long switches(void) {
    char path[64], line[256];
    long count = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)watch.pid);
    MUST((file = fopen(path, "r")));
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
            break;
    fclose(file);
    return count;
}

static void it_sleeps_and_a_signal_ends_it(void) {
    struct katacg_manager *one = make(0, "{}");
    pid_t child = start_child();
    long before, woken;

    CHECK(katacg_manager_add(one, &child, 1, 0, NULL, clear(&err)) == 0, "%s", err.message);
    start_watch(paths[0], NULL, NULL);
    (void)wait_output(&watch, "watching\n");
    sleep(1);
    before = switches();
    sleep(2);
    woken = switches() - before;
    /* On v1 a timer has the freezer and refused forks read every 100 ms. */
    CHECK(woken <= (mount_count == 1 && mounts[0].v2 ? 0 : 25), "woken %ld times", woken);
    MUST(kill(watch.pid, SIGINT) == 0);
    CHECK(end_program(&watch) == 0, "%s", watch.output);
    end_child(child);
    destroy(one);
}

static void wrong_calls_say_what_is_wrong(void) {
    char missing[] = "/katacg-test-missing", option[] = "--no";
    char *arguments[] = {missing, NULL};

    CHECK(run_program(&watch, "watch", arguments) == 1, "%s", watch.output);
    CHECK(strstr(watch.output, missing), "%s", watch.output);
    arguments[0] = option;
    CHECK(run_program(&watch, "watch", arguments) == 2 && strstr(watch.output, "usage:"), "%s",
          watch.output);
    arguments[0] = NULL;
    CHECK(run_program(&watch, "watch", arguments) == 2 && strstr(watch.output, "usage:"), "%s",
          watch.output);
}

int main(void) {
    const char *why = no_cgroups();

    if (why) {
        puts(why);
        return SKIPPED;
    }
    snprintf(paths[0], sizeof(paths[0]), "%s", test_cgroup("one"));
    snprintf(paths[1], sizeof(paths[1]), "%s", test_cgroup("two"));
    an_oom_kill_and_the_removal_are_printed();
    json_lines_are_json();
    it_sleeps_and_a_signal_ends_it();
    wrong_calls_say_what_is_wrong();
    return finish();
}
