/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that the library leaves its caller's process unchanged: threads, signals, environment,
 * descriptors, umask and working directory. The library must not print anything either.
 */
#include "cgroups.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

extern char **environ;

#define SIGNALS 64
#define DESCRIPTORS 256

struct snapshot {
    int threads;
    unsigned char actions[SIGNALS][64]; /* the kernel's; glibc hides two signals */
    sigset_t blocked;
    char environment[32768];
    int fds[DESCRIPTORS], fd_count;
    char targets[DESCRIPTORS][128];
    mode_t mask;
    char directory[4096];
    struct rlimit limits[RLIM_NLIMITS];
};

static int count_entries(const char *path) {
    DIR *dir = opendir(path);
    struct dirent *entry;
    int count = 0;

    MUST(dir);
    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void look(struct snapshot *s) {
    size_t used = 0;
    char **variable;
    int i;

    memset(s, 0, sizeof(*s));
    s->threads = count_entries("/proc/self/task");
    for (i = 0; i < SIGNALS; i++)
        syscall(SYS_rt_sigaction, i + 1, NULL, s->actions[i], 8);
    sigprocmask(SIG_SETMASK, NULL, &s->blocked);
    for (variable = environ; *variable && used < sizeof(s->environment) - 1; variable++)
        used += (size_t)snprintf(s->environment + used, sizeof(s->environment) - used, "%s\n",
                                 *variable);
    for (i = 0; i < 4096 && s->fd_count < DESCRIPTORS; i++) {
        char name[64];

        if (fcntl(i, F_GETFD) < 0)
            continue;
        snprintf(name, sizeof(name), "/proc/self/fd/%d", i);
        if (readlink(name, s->targets[s->fd_count], sizeof(s->targets[0]) - 1) < 0)
            strcpy(s->targets[s->fd_count], "?");
        s->fds[s->fd_count++] = i;
    }
    s->mask = umask(0);
    umask(s->mask);
    MUST(getcwd(s->directory, sizeof(s->directory)));
    for (i = 0; i < RLIM_NLIMITS; i++)
        getrlimit(i, &s->limits[i]);
}

static void compare(const struct snapshot *before, const struct snapshot *after) {
    int i;

    CHECK(after->threads == before->threads, "%d threads, were %d", after->threads,
          before->threads);
    for (i = 0; i < SIGNALS; i++)
        CHECK(memcmp(before->actions[i], after->actions[i], sizeof(before->actions[0])) == 0,
              "the disposition of signal %d", i + 1);
    CHECK(memcmp(&before->blocked, &after->blocked, sizeof(before->blocked)) == 0, "signal mask");
    CHECK(strcmp(before->environment, after->environment) == 0, "the environment");
    CHECK(before->fd_count == after->fd_count, "%d descriptors, were %d", after->fd_count,
          before->fd_count);
    for (i = 0; i < after->fd_count; i++)
        CHECK(before->fds[i] == after->fds[i] && strcmp(before->targets[i], after->targets[i]) == 0,
              "descriptor %d is %s", after->fds[i], after->targets[i]);
    CHECK(before->mask == after->mask, "umask");
    CHECK(strcmp(before->directory, after->directory) == 0, "working directory");
    CHECK(memcmp(before->limits, after->limits, sizeof(before->limits)) == 0, "limits");
}

/* Returns the number of new descriptors, which must all be close-on-exec. */
static int new_descriptors(const struct snapshot *before) {
    static struct snapshot now;
    int i, b, count = 0;

    look(&now);
    for (i = 0; i < now.fd_count; i++) {
        for (b = 0; b < before->fd_count && before->fds[b] != now.fds[i]; b++)
            ;
        if (b < before->fd_count)
            continue;
        count++;
        CHECK(fcntl(now.fds[i], F_GETFD) & FD_CLOEXEC, "%s is not close-on-exec", now.targets[i]);
    }
    return count;
}

/* Plans a unit without a bus, and fails to start it, because no bus listens. */
static void use_systemd(const struct katacg_host *host) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    struct katacg_error err;
    char buf[8192];

    opts.path = "my-pods.slice:kata:box";
    opts.bus = KATACG_BUS_SYSTEM;
    opts.bus_address = "unix:path=/nonexistent/bus";
    opts.systemd_version = 252;
    CHECK(katacg_manager_new(host, paper_spec, sizeof(paper_spec) - 1, &opts, sizeof(opts),
                             &manager, clear(&err)) == 0,
          "%s", err.message);
    CHECK(katacg_manager_plan(manager, NULL, 0, 0, buf, sizeof(buf), clear(&err)) > 0, "%s",
          err.message);
    CHECK(katacg_manager_apply(manager, -1, KATACG_APPLY_SET, clear(&err)) < 0, "");
    CHECK(katacg_manager_destroy(manager, clear(&err)) < 0, "");
    katacg_manager_free(manager);
}

static void use_paper(void) {
    struct katacg_host *host = paper_host();
    struct katacg_manager *manager = paper_manager(host), *loaded;
    struct katacg_error err;
    char buf[8192];
    int len;

    CHECK(strcmp(katacg_version(), "0") > 0 && katacg_api_level() >= 1, "version");
    CHECK(katacg_path_validate("/a/b", 0, buf, sizeof(buf), clear(&err)) > 0, "%s", err.message);
    CHECK(katacg_path_validate("", KATACG_PATH_STRICT, buf, sizeof(buf), clear(&err)) < 0, "");
    CHECK(katacg_path_is_systemd("a:b:c") == 1, "");
    CHECK(katacg_cpu_validate("{\"shares\":x}", 12, buf, sizeof(buf), clear(&err)) < 0, "");
    CHECK(katacg_manager_plan(manager, NULL, 0, 0, buf, sizeof(buf), clear(&err)) > 0, "%s",
          err.message);
    len = katacg_manager_state(manager, buf, sizeof(buf), clear(&err));
    CHECK(katacg_manager_load(host, buf, (size_t)len, &loaded, clear(&err)) == 0, "%s",
          err.message);
    /* The directories do not exist, so the call fails and has to clean up. */
    CHECK(katacg_manager_apply(manager, -1, KATACG_APPLY_SET, clear(&err)) < 0, "");
    katacg_manager_free(loaded);
    katacg_manager_free(manager);
    use_systemd(host);
    katacg_host_free(host);
    CHECK(katacg_v1_mountpoint(buf, sizeof(buf), NULL) != 0, "");
}

/* Runs the life cycle of a sandbox with `child` inside, including calls that fail. */
static void use_real(const struct snapshot *before, pid_t child) {
    static const char limits[] = "{\"cpu\":{\"shares\":512,\"cpus\":\"0\",\"mems\":\"0\"},"
                                 "\"memory\":{\"limit\":67108864},\"pids\":{\"limit\":64}}";
    static const char refused[] = "{\"cpu\":{\"cpus\":\"4095\"}}";
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    struct katacg_host *host;
    struct katacg_error err;
    char buf[8192];

    opts.path = test_cgroup("manners");
    CHECK(katacg_host_open(&host, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    CHECK(katacg_manager_apply(manager, child, 0, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_set(manager, limits, sizeof(limits) - 1, clear(&err)) == 0, "%s",
          err.message);
    CHECK(katacg_manager_set(manager, refused, sizeof(refused) - 1, clear(&err)) < 0, "");
    CHECK(katacg_manager_read(manager, "cpu", "none", buf, sizeof(buf), clear(&err)) < 0, "");
    CHECK(katacg_manager_pids(manager, NULL, 0, clear(&err)) == 1, "%s", err.message);
    CHECK(new_descriptors(before) <= mount_count, "%d descriptors for %d hierarchies",
          new_descriptors(before), mount_count);
    kill(child, SIGKILL);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    /* A manager works after its host is freed. */
    katacg_host_free(host);
    CHECK(katacg_manager_exists(manager, clear(&err)) == 0, "");
    katacg_manager_free(manager);
}

/* Whether a process may create a user namespace on this machine. */
static int may_unshare(void) {
    int status = 0;
    pid_t child = fork();

    MUST(child >= 0);
    if (child == 0)
        _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
    waitpid(child, &status, 0);
    return status == 0;
}

int main(void) {
    static struct snapshot before, after;
    const char *why = no_limits();
    FILE *printed = tmpfile();
    pid_t child = why ? 0 : start_child();
    int out = dup(1), error = dup(2), can_unshare = may_unshare();
    struct stat status;

    MUST(printed && out >= 0 && error >= 0);
    putenv("KATACG_MANNERS=1");
    MUST(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
    umask(027);
    fflush(NULL);
    MUST(dup2(fileno(printed), 1) == 1 && dup2(fileno(printed), 2) == 2);
    look(&before);
    use_paper();
    if (!why)
        use_real(&before, child);
    look(&after);
    fflush(NULL);
    MUST(fstat(fileno(printed), &status) == 0);
    dup2(out, 1);
    dup2(error, 2);
    /* Failed checks print to the same file, so show its contents. */
    if (status.st_size > 0) {
        char text[4096];
        size_t got;

        rewind(printed);
        got = fread(text, 1, sizeof(text), printed);
        fwrite(text, 1, got, stderr);
        CHECK(status.st_size == 0, "%ld bytes were printed", (long)status.st_size);
    }
    compare(&before, &after);
    fclose(printed);
    close(out);
    close(error);

    /* In the new user namespace this process has no privilege to remove its cgroups. */
    remove_all();
    /* The kernel refuses unshare(CLONE_NEWUSER) to a process with a second thread. */
    CHECK(!can_unshare || unshare(CLONE_NEWUSER) == 0, "unshare: %s", strerror(errno));
    if (why && !check_failures) {
        printf("the sandbox: %s\n", why);
        return SKIPPED;
    }
    return finish();
}
