/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life cycle of a sandbox's cgroup: validate the path, make a manager from an OCI config.json,
 * start a process, move it into the cgroup with limits, compare the limits with the kernel's
 * values, update them in a second process from the saved state, and destroy the cgroup.
 *
 * Without root, or without a writable cgroup file system, the program prints the plan instead.
 */
#include <errno.h>
#include <katacg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Prints the error, removes the child and the cgroup, and exits. */
static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, err.message);
    end_child();
    if (manager && katacg_manager_destroy(manager, &err) < 0)
        fprintf(stderr, "destroy: %s\n", err.message);
    exit(1);
}

/* Checks a text result. As with snprintf, a text with result >= size did not fit. */
static void fits(int result, size_t size, const char *what) {
    if (result >= 0 && (size_t)result >= size)
        snprintf(err.message, sizeof(err.message), "%d bytes are needed", result + 1);
    if (result < 0 || (size_t)result >= size)
        die(what);
}

/* Starts a process that only waits. */
static pid_t sleeper(void) {
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return pid;
}

static char *slurp(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    char *text = malloc(1 << 20);

    if (!file || !text) {
        perror(path);
        exit(1);
    }
    *len = fread(text, 1, 1 << 20, file);
    fclose(file);
    return text;
}

/* Prints a line for each write of the plan. Returns 1 when the kernel has every wanted value. */
static int compare(struct katacg_manager *m, const char *json) {
    char plan[8192], actual[4096];
    char *line, *next = plan;
    int same = 1;

    fits(katacg_manager_plan(m, json, json ? strlen(json) : 0, KATACG_PLAN_TEXT, plan, sizeof(plan),
                             &err),
         sizeof(plan), "plan");
    printf("%-10s %-28s %-12s %s\n", "controller", "file", "wanted", "actual");
    while ((line = strsep(&next, "\n")) && *line) {
        char *op = strsep(&line, "\t"), *controller = strsep(&line, "\t");
        char *file = strsep(&line, "\t");

        if (strcmp(op, "write") != 0)
            continue;
        fits(katacg_manager_read(m, controller, file, actual, sizeof(actual), &err), sizeof(actual),
             "read");
        actual[strcspn(actual, "\n")] = '\0';
        printf("%-10s %-28s %-12s %s\n", controller, file, line, actual);
        same &= strcmp(line, actual) == 0;
    }
    puts(same ? "wanted = actual\n" : "DIFFERENT\n");
    return same;
}

/* Does what a runtime does after a restart, when it has only the saved state. */
static int second_process(const char *state) {
    static const char update[] = "{\"cpu\":{\"shares\":512,\"quota\":50000,\"period\":100000},"
                                 "\"memory\":{\"limit\":134217728},\"pids\":{\"limit\":64}}";

    child = 0; /* the first process ends it */
    if (katacg_manager_load(NULL, state, strlen(state), &manager, &err) < 0)
        die("load");
    if (katacg_manager_set(manager, update, strlen(update), &err) < 0)
        die("update");
    printf("process %d: reloaded and updated\n", (int)getpid());
    int same = compare(manager, update);
    katacg_manager_free(manager);
    return same;
}

static int dry_run(const char *why) {
    char plan[16384];

    printf("dry run: %s\n", why);
    fits(katacg_manager_plan(manager, NULL, 0, KATACG_PLAN_TEXT | KATACG_PLAN_APPLY, plan,
                             sizeof(plan), &err),
         sizeof(plan), "plan");
    fputs(plan, stdout);
    return 0;
}

int main(int argc, char **argv) {
    const char *config = argc > 1 ? argv[1] : "examples/config.json";
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    char name[64], path[4096], mount[4096], state[8192];
    int32_t pids[16];
    int status, count, same;
    size_t len;
    char *spec = slurp(config, &len);

    snprintf(name, sizeof(name), "/katacg-test-%d", (int)getpid());
    fits(katacg_path_validate(name, KATACG_PATH_STRICT, path, sizeof(path), &err), sizeof(path),
         "validate");
    printf("path %s is used as %s\n", name, path);
    if (katacg_v1_mountpoint(mount, sizeof(mount), &err) >= 0)
        printf("v1 hierarchies are mounted below %s\n", mount);

    /* Kata does not ask for device rules either. */
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    opts.path = path;
    if (katacg_manager_new(NULL, spec, len, &opts, sizeof(opts), &manager, &err) < 0)
        die("manager");

    if ((child = sleeper()) < 0) {
        perror("fork");
        return 1;
    }

    /* apply sets the limits before it moves the process, which so never runs without them. */
    if (katacg_manager_apply(manager, child, KATACG_APPLY_SET, &err) < 0) {
        if (err.sys_errno != EACCES && err.sys_errno != EPERM && err.sys_errno != EROFS)
            die("apply");
        end_child();
        return dry_run(err.message);
    }
    count = katacg_manager_pids(manager, pids, 16, &err);
    printf("process %d is %s\n", (int)child, count == 1 && pids[0] == child ? "in" : "NOT in");
    same = compare(manager, NULL);

    fits(katacg_manager_state(manager, state, sizeof(state), &err), sizeof(state), "state");
    fflush(stdout);
    pid_t second = fork();
    if (second < 0) {
        snprintf(err.message, sizeof(err.message), "%s", strerror(errno));
        die("fork");
    }
    if (second == 0) {
        same = second_process(state);
        fflush(stdout);
        _exit(same ? 0 : 1);
    }
    waitpid(second, &status, 0);

    end_child();
    if (katacg_manager_destroy(manager, &err) < 0)
        die("destroy");
    printf("destroyed; it is %s\n",
           katacg_manager_exists(manager, &err) == 0 ? "gone" : "STILL THERE");
    katacg_manager_free(manager);
    free(spec);
    return same && status == 0 ? 0 : 1;
}
