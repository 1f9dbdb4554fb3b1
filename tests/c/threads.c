/* SPDX-License-Identifier: Apache-2.0 */
/* Uses one host and one manager from 32 threads. */
#include "cgroups.h"

#include <pthread.h>
#include <unistd.h>

#include "fixture.h"

#define THREADS 32

/* At the end the cgroup must have all values of the one setting or all of the other. */
static const char *const settings[2] = {
    "{\"cpu\":{\"shares\":512,\"quota\":50000,\"period\":100000},\"memory\":{\"limit\":67108864},"
    "\"pids\":{\"limit\":111}}",
    "{\"cpu\":{\"shares\":1536,\"quota\":70000,\"period\":200000},\"memory\":{\"limit\":134217728},"
    "\"pids\":{\"limit\":222}}",
};
static const struct {
    const char *controller, *file, *values[2];
} files[] = {
    {"cpu", "cpu.shares", {"512", "1536"}},
    {"cpu", "cpu.cfs_quota_us", {"50000", "70000"}},
    {"cpu", "cpu.cfs_period_us", {"100000", "200000"}},
    {"memory", "memory.limit_in_bytes", {"67108864", "134217728"}},
    {"pids", "pids.max", {"111", "222"}},
};

struct job {
    pthread_t thread;
    const struct katacg_host *host;
    const struct katacg_manager *manager;
    const char *subsystem; /* whose "tasks" file the thread reads; NULL on paper */
    int which;
    unsigned long rounds;
    char failure[640];
};

/* Keeps the first failure of a thread, because CHECK works in one thread only. */
#define WORKS(call)                                                                                \
    do {                                                                                           \
        int result_ = (call);                                                                      \
        if (result_ < 0 && !job->failure[0])                                                       \
            snprintf(job->failure, sizeof(job->failure), "%s: %d %s", #call, result_,              \
                     err.message);                                                                 \
    } while (0)

static void *work(void *argument) {
    struct job *job = argument;
    struct katacg_error err = KATACG_ERROR_INIT;
    const char *set = settings[job->which];
    int32_t pids[8];
    char buf[8192];
    unsigned long i;

    for (i = 0; i < job->rounds && !job->failure[0]; i++) {
        struct katacg_manager *loaded = NULL;

        WORKS(katacg_path_validate("/a/b", 0, buf, sizeof(buf), &err));
        WORKS(katacg_path_is_systemd("a:b:c") - 1);
        WORKS(katacg_host_controllers(job->host, buf, sizeof(buf), &err));
        WORKS(katacg_host_mountpoint(job->host, "memory", buf, sizeof(buf), &err));
        WORKS(katacg_manager_plan(job->manager, set, strlen(set), 0, buf, sizeof(buf), &err));
        WORKS(katacg_manager_plan(job->manager, NULL, 0, 0, buf, sizeof(buf), &err));
        WORKS(katacg_manager_paths(job->manager, buf, sizeof(buf), &err));
        WORKS(katacg_manager_path(job->manager, "cpu", buf, sizeof(buf), &err));
        WORKS(katacg_manager_state(job->manager, buf, sizeof(buf), &err));
        WORKS(katacg_manager_load(job->host, buf, strlen(buf), &loaded, &err));
        katacg_manager_free(loaded);
        if (job->subsystem) {
            WORKS(katacg_manager_pids(job->manager, pids, 8, &err));
            WORKS(katacg_manager_exists(job->manager, &err) - 1);
            WORKS(
                katacg_manager_read(job->manager, job->subsystem, "tasks", buf, sizeof(buf), &err));
            WORKS(katacg_manager_set(job->manager, set, strlen(set), &err));
            if (i % 8 == 0)
                WORKS(katacg_manager_apply(job->manager, -1, 0, &err));
        }
    }
    return NULL;
}

static void run(const struct katacg_host *host, const struct katacg_manager *manager,
                const char *subsystem, unsigned long rounds) {
    static struct job jobs[THREADS];
    int i;

    memset(jobs, 0, sizeof(jobs));
    for (i = 0; i < THREADS; i++) {
        jobs[i].host = host;
        jobs[i].manager = manager;
        jobs[i].subsystem = subsystem;
        jobs[i].which = i % 2;
        jobs[i].rounds = rounds;
        MUST(pthread_create(&jobs[i].thread, NULL, work, &jobs[i]) == 0);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(jobs[i].thread, NULL);
        CHECK(!jobs[i].failure[0], "thread %d: %s", i, jobs[i].failure);
    }
}

/* Checks that the files have all values of one setting, and that the manager reports this one. */
static void one_of_two(const struct katacg_manager *manager, const char *cgroup) {
    int which = strcmp(file_value("pids", cgroup, "pids.max"), files[4].values[0]) != 0;
    char state[8192], wanted[64];
    struct katacg_error err;
    size_t i;

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        const char *found = file_value(files[i].controller, cgroup, files[i].file);

        CHECK(strcmp(found, files[i].values[which]) == 0, "%s is %s, wanted %s", files[i].file,
              found, files[i].values[which]);
    }
    CHECK(katacg_manager_state(manager, state, sizeof(state), clear(&err)) > 0, "%s", err.message);
    snprintf(wanted, sizeof(wanted), "\"limit\":%s", files[4].values[which]);
    CHECK(strstr(state, wanted), "%s not in %s", wanted, state);
}

static void threads_share_a_host_on_paper(void) {
    struct katacg_host *host = paper_host();
    struct katacg_manager *manager = paper_manager(host);

    run(host, manager, NULL, divided(500));
    katacg_manager_free(manager);
    katacg_host_free(host);
}

static void threads_share_a_real_cgroup(void) {
    const char *cgroup = test_cgroup("threads");
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager;
    struct katacg_host *host;
    struct katacg_error err;

    opts.path = cgroup;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES;
    CHECK(katacg_host_open(&host, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_new(host, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    CHECK(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0, "%s", err.message);
    run(host, manager, "cpu", divided(200));
    one_of_two(manager, cgroup);
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(manager);
    katacg_host_free(host);
}

int main(void) {
    const char *why = no_v1();

    alarm(300);
    threads_share_a_host_on_paper();
    if (!why)
        threads_share_a_real_cgroup();
    if (why && !check_failures) {
        printf("real cgroups: %s\n", why);
        return SKIPPED;
    }
    return finish();
}
