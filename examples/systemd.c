/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a child in a systemd scope: prints the plan, starts the scope with the child and its limits,
 * changes the limits, and ends the scope. Root uses the system's systemd; any other user uses the
 * user's. The argument is a config.json; the program uses its limits and its annotations
 * org.systemd.property.NAME.
 *
 * Where no systemd runs, the program says so and prints the plan for systemd 252.
 *
 * Exit status: 0 done, 1 failed, 77 no systemd starts units on this host.
 */
#include <katacg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char limits[] =
    "{\"annotations\":{\"org.systemd.property.CollectMode\":\"'inactive-or-failed'\"},"
    "\"linux\":{\"resources\":{\"cpu\":{\"shares\":2048,\"quota\":50001,\"period\":100000},"
    "\"memory\":{\"limit\":134217728},\"pids\":{\"limit\":64}}}}";
static const char more[] = "{\"memory\":{\"limit\":268435456},\"pids\":{\"limit\":128}}";

static struct katacg_error err = KATACG_ERROR_INIT;
static struct katacg_manager *manager;
static pid_t child;

static void end_child(void) {
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    child = 0;
}

/* Prints the error, and removes the child and the scope. */
static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, err.message);
    end_child();
    if (manager && katacg_manager_destroy(manager, &err) < 0)
        fprintf(stderr, "destroy: %s\n", err.message);
    katacg_manager_free(manager);
    return 1;
}

static const char *read_config(const char *path, size_t *len) {
    static char text[1 << 16];
    FILE *file = fopen(path, "rb");

    if (!file) {
        perror(path);
        exit(1);
    }
    *len = fread(text, 1, sizeof(text), file);
    fclose(file);
    return text;
}

/* Prints the plan: the unit with its properties, and then each file. */
static int show_plan(const char *json, uint32_t flags) {
    char plan[16384], *line, *next = plan;
    int len = katacg_manager_plan(manager, json, json ? strlen(json) : 0, flags | KATACG_PLAN_TEXT,
                                  plan, sizeof(plan), &err);

    if (len < 0)
        return -1;
    if ((size_t)len >= sizeof(plan)) {
        puts("  (the plan is too long to show)");
        return 0;
    }
    while ((line = strsep(&next, "\n")) && *line) {
        char *op = strsep(&line, "\t"), *of = strsep(&line, "\t"), *name = strsep(&line, "\t");

        if (strcmp(of, "systemd") != 0) {
            printf("  %s %s %s\n", op, *name ? name : of, line);
            continue;
        }
        printf("  %s %s\n", op, name);
        /* NAME=VALUE, the values as GVariant text. */
        printf("    %s\n", line);
    }
    return 0;
}

/* Prints the child's cgroups and the kernel's value of one limit. */
static void show(void) {
    char line[4096];
    FILE *file;

    snprintf(line, sizeof(line), "/proc/%d/cgroup", (int)child);
    if ((file = fopen(line, "r"))) {
        while (fgets(line, sizeof(line), file))
            printf("  %s", line);
        fclose(file);
    }
    if (katacg_manager_read(manager, "pids", "pids.max", line, sizeof(line), &err) > 0)
        printf("  pids.max %s", line);
}

static int without_systemd(const char *spec, size_t len, struct katacg_manager_opts *opts) {
    printf("cannot start a unit here: %s\n\nthe plan for systemd 252 on this host:\n", err.message);
    katacg_manager_free(manager);
    manager = NULL;
    opts->bus = KATACG_BUS_SYSTEM;
    opts->systemd_version = 252;
    if (katacg_manager_new(NULL, spec, len, opts, sizeof(*opts), &manager, &err) < 0 ||
        show_plan(NULL, KATACG_PLAN_APPLY) < 0)
        fprintf(stderr, "plan: %s\n", err.message);
    katacg_manager_free(manager);
    return 77;
}

int main(int argc, char **argv) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    size_t len = sizeof(limits) - 1;
    const char *spec = argc > 1 ? read_config(argv[1], &len) : limits;
    char path[64];

    /* slice:prefix:name; an empty slice means system.slice, or user.slice of a user's systemd. */
    snprintf(path, sizeof(path), ":katacg-test:%d", (int)getpid());
    opts.path = path;
    opts.log_fd = 2;
    opts.log_level = 1;
    /* new asks a user's systemd where its units are. The plan is the first to ask the system's. */
    if (katacg_manager_new(NULL, spec, len, &opts, sizeof(opts), &manager, &err) < 0 ||
        show_plan(NULL, KATACG_PLAN_APPLY) < 0)
        return err.code == KATACG_ERR_BUS || err.code == KATACG_ERR_UNSUPPORTED ||
                       err.code == KATACG_ERR_NOT_MOUNTED
                   ? without_systemd(spec, len, &opts)
                   : failed("manager");

    if ((child = fork()) < 0) {
        perror("fork");
        return 1;
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    /* One call starts the scope with its limits and the child inside. */
    if (katacg_manager_apply(manager, child, KATACG_APPLY_SET, &err) < 0)
        return failed("apply");
    printf("process %d is in:\n", (int)child);
    show();

    puts("with higher limits:");
    if (show_plan(more, 0) < 0 || katacg_manager_set(manager, more, strlen(more), &err) < 0)
        return failed("set");
    show();

    /* systemd kills the processes of a scope that it stops, so destroy refuses a scope in use. */
    if (katacg_manager_destroy(manager, &err) == 0) {
        fputs("the scope was stopped with a process in it\n", stderr);
        return 1;
    }
    printf("not destroyed yet: %s\n", err.message);
    if (katacg_manager_kill(manager, SIGKILL, &err) < 0)
        return failed("kill");
    end_child();
    if (katacg_manager_destroy(manager, &err) < 0)
        return failed("destroy");
    printf("destroyed; it is %s\n",
           katacg_manager_exists(manager, &err) == 0 ? "gone" : "STILL THERE");
    katacg_manager_free(manager);
    return 0;
}
