/* SPDX-License-Identifier: Apache-2.0 */
/* katacg_cgroup_new and katacg_cgroup_load as Kata uses them, in place of containerd's New and
 * Load.
 */
#include "cgroups.h"

#include <unistd.h>

#include "check.h"

static struct katacg_error err;

static struct katacg_manager *new_manager(const char *path, const char *subsystems,
                                          uint64_t flags) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager = NULL;

    opts.path = path;
    opts.subsystems = subsystems;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES | flags;
    CHECK(katacg_manager_new(NULL, NULL, 0, &opts, sizeof(opts), &manager, clear(&err)) == 0, "%s",
          err.message);
    MUST(manager);
    return manager;
}

/* Returns a manager whose cgroup exists and is empty. */
static struct katacg_manager *made(const char *path, const char *subsystems) {
    struct katacg_manager *manager = new_manager(path, subsystems, 0);

    CHECK(katacg_manager_apply(manager, -1, 0, clear(&err)) == 0, "%s", err.message);
    return manager;
}

static void destroy(struct katacg_manager *manager, const char *cgroup) {
    CHECK(katacg_manager_destroy(manager, clear(&err)) == 0, "%s", err.message);
    CHECK(count_there(cgroup) == 0, "%d left of %s", count_there(cgroup), cgroup);
    katacg_manager_free(manager);
}

/* Kata's flow: load the cgroup and its parent, move the processes to the parent, destroy. */
static void loaded_root_is_a_target_for_processes_and_nothing_else(void) {
    static const char limit[] = "{\"pids\":{\"limit\":1}}";
    struct katacg_manager *manager, *loaded, *root;
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    pid_t child = start_child();
    char cgroup[128], parent[64];

    sprintf(cgroup, "%.100s-top", parent_cgroup());
    CHECK(katacg_path_parent(cgroup, parent, sizeof(parent), clear(&err)) == 1, "%s", parent);
    CHECK(katacg_cgroup_new(NULL, NULL, cgroup, NULL, 0, &manager, clear(&err)) == 0, "%s",
          err.message);
    MUST(manager);
    CHECK(katacg_manager_apply(manager, child, 0, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_cgroup_load(NULL, NULL, cgroup, &loaded, clear(&err)) == 0 &&
              katacg_cgroup_load(NULL, NULL, parent, &root, clear(&err)) == 0,
          "%s", err.message);
    MUST(loaded && root);
    CHECK_ERROR(katacg_manager_destroy(root, clear(&err)), -EINVAL, &err, KATACG_ERR_PATH, "root");
    CHECK_ERROR(katacg_manager_kill(root, 9, clear(&err)), -EINVAL, &err, KATACG_ERR_PATH, "root");
    CHECK_ERROR(katacg_manager_set(root, limit, sizeof(limit) - 1, clear(&err)), -EINVAL, &err,
                KATACG_ERR_PATH, "root");
    CHECK(katacg_manager_move_to(loaded, root, clear(&err)) > 0, "%s", err.message);
    CHECK(count_in(child, cgroup) == 0, "still in %d", count_in(child, cgroup));
    katacg_manager_free(root);
    opts.path = parent;
    opts.flags = KATACG_MANAGER_STRICT;
    CHECK_ERROR(katacg_cgroup_load_opts(NULL, &opts, sizeof(opts), &root, clear(&err)), -EINVAL,
                &err, KATACG_ERR_PATH, "'/'");
    end_child(child);
    katacg_manager_free(loaded);
    destroy(manager, cgroup);
}

/* Removes a v1 misc hierarchy from the JSON of paths: the list of subsystems, which is that of
 * containerd, does not have it. */
static const char *without_misc(char *json) {
    char *from = strstr(json, "\"misc\":"), *to = from ? strchr(from, ',') : NULL;

    if (to)
        memmove(from, to + 1, strlen(to));
    return json;
}

/* A manager is in a hybrid host's cgroup2 as well; the list of all v1 subsystems stands for all. */
static void load_of_all_subsystems_joins_cgroup2_where_the_cgroup_exists(void) {
    const char *cgroup = test_cgroup("all");
    struct katacg_manager *manager, *loaded;
    char root[256], all[512], paths[2048], again[2048];

    manager = made(cgroup, NULL);
    if (katacg_v1_mountpoint(root, sizeof(root), clear(&err)) > 0) {
        CHECK(katacg_subsystems(root, KATACG_SUBSYSTEMS_ALL, all, sizeof(all), clear(&err)) > 0,
              "%s", err.message);
        CHECK(katacg_cgroup_load(NULL, all, cgroup, &loaded, clear(&err)) == 0, "%s", err.message);
        CHECK(katacg_manager_paths(manager, paths, sizeof(paths), clear(&err)) > 0 &&
                  katacg_manager_paths(loaded, again, sizeof(again), clear(&err)) > 0 &&
                  strcmp(without_misc(paths), again) == 0,
              "%s, loaded %s", paths, again);
        katacg_manager_free(loaded);
        CHECK(katacg_cgroup_load(NULL, "pids", cgroup, &loaded, clear(&err)) == 0, "%s",
              err.message);
        CHECK(katacg_manager_paths(loaded, again, sizeof(again), clear(&err)) > 0 &&
                  !strstr(again, "\"\":"),
              "%s", again);
        katacg_manager_free(loaded);
    }
    destroy(manager, cgroup);
}

static void cgroup_new_and_load_take_options(void) {
    static const char swap[] = "{\"memory\":{\"kernel\":1048576}}";
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    struct katacg_manager *manager, *loaded;
    char text[512] = "";
    int log[2];

    MUST(pipe(log) == 0);
    opts.path = test_cgroup("options");
    opts.log_fd = log[1];
    opts.log_level = 1;
    CHECK(katacg_cgroup_new_opts(NULL, swap, sizeof(swap) - 1, &opts, sizeof(opts), &manager,
                                 clear(&err)) == 0,
          "%s", err.message);
    MUST(manager);
    close(log[1]);
    CHECK(read(log[0], text, sizeof(text) - 1) > 0 && strstr(text, "warning"), "%s", text);
    close(log[0]);
    opts.log_level = 0;
    CHECK(katacg_cgroup_load_opts(NULL, &opts, sizeof(opts), &loaded, clear(&err)) == 0, "%s",
          err.message);
    katacg_manager_free(loaded);
    destroy(manager, opts.path);
    opts.flags = KATACG_MANAGER_STRICT;
    CHECK(katacg_cgroup_new_opts(NULL, swap, sizeof(swap) - 1, &opts, sizeof(opts), &manager,
                                 clear(&err)) < 0 &&
              manager == NULL,
          "%s", err.message);
    CHECK(count_there(opts.path) == 0, "%d were made", count_there(opts.path));
    opts.flags = 0;
    opts.driver = 99;
    CHECK_ERROR(katacg_cgroup_load_opts(NULL, &opts, sizeof(opts), &manager, clear(&err)), -EINVAL,
                &err, KATACG_ERR_ARGUMENT, "driver");
}

static void cgroup_new_and_load_work_as_kata_uses_them(void) {
    static const char limit[] = "{\"pids\":{\"limit\":17}}", broken[] = "{\"pids\":{\"limit\":-";
    static const char refused[] = "{\"pids\":{\"limit\":17},\"cpu\":{\"cpus\":\"4095\"}}";
    const char *cgroup = test_cgroup("flow");
    struct katacg_manager *manager, *loaded;
    char paths[2048], again[2048];

    CHECK_ERROR(
        katacg_cgroup_new(NULL, "pids", cgroup, broken, sizeof(broken) - 1, &manager, clear(&err)),
        -EINVAL, &err, KATACG_ERR_JSON, "column");
    CHECK(katacg_cgroup_new(NULL, "cpuset,pids", cgroup, refused, sizeof(refused) - 1, &manager,
                            clear(&err)) < 0 &&
              manager == NULL,
          "%s", err.message);
    CHECK(count_there(cgroup) == 0, "%d were made", count_there(cgroup));
    CHECK(katacg_cgroup_new(NULL, "freezer,pids", cgroup, limit, sizeof(limit) - 1, &manager,
                            clear(&err)) == 0,
          "%s", err.message);
    CHECK(count_there(cgroup) == 2, "in %d", count_there(cgroup));
    CHECK(strcmp(file_value("pids", cgroup, "pids.max"), "17") == 0, "%s",
          file_value("pids", cgroup, "pids.max"));
    CHECK(katacg_cgroup_load(NULL, NULL, cgroup, &loaded, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_paths(manager, paths, sizeof(paths), clear(&err)) > 0 &&
              katacg_manager_paths(loaded, again, sizeof(again), clear(&err)) > 0 &&
              strcmp(paths, again) == 0,
          "%s, loaded %s", paths, again);
    katacg_manager_free(loaded);
    destroy(manager, cgroup);
}

/* containerd takes the shares that the kernel makes of them; runc refuses these. */
static void clamped_shares_are_no_error_in_containerds_flows(void) {
    static const char low[] = "{\"cpu\":{\"shares\":1}}", high[] = "{\"cpu\":{\"shares\":300000}}";
    const char *cgroup = test_cgroup("shares");
    struct katacg_manager *manager, *loaded, *strict;
    char state[4096];

    CHECK(katacg_cgroup_new(NULL, "cpu", cgroup, low, sizeof(low) - 1, &manager, clear(&err)) == 0,
          "%s", err.message);
    CHECK(strcmp(file_value("cpu", cgroup, "cpu.shares"), "2") == 0, "%s",
          file_value("cpu", cgroup, "cpu.shares"));
    CHECK(katacg_manager_set(manager, high, sizeof(high) - 1, clear(&err)) == 0, "%s", err.message);
    CHECK(strcmp(file_value("cpu", cgroup, "cpu.shares"), "262144") == 0, "%s",
          file_value("cpu", cgroup, "cpu.shares"));
    CHECK(katacg_manager_state(manager, state, sizeof(state), clear(&err)) > 0, "%s", err.message);
    CHECK(katacg_manager_load(NULL, state, strlen(state), &loaded, clear(&err)) == 0, "%s",
          err.message);
    CHECK(katacg_manager_set(loaded, low, sizeof(low) - 1, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(loaded);
    CHECK(katacg_cgroup_load(NULL, "cpu", cgroup, &loaded, clear(&err)) == 0, "%s", err.message);
    CHECK(katacg_manager_set(loaded, high, sizeof(high) - 1, clear(&err)) == 0, "%s", err.message);
    katacg_manager_free(loaded);
    strict = new_manager(cgroup, "cpu", 0);
    CHECK_ERROR(katacg_manager_set(strict, low, sizeof(low) - 1, clear(&err)), -ERANGE, &err,
                KATACG_ERR_CLAMPED, "not 1");
    katacg_manager_free(strict);
    destroy(manager, cgroup);
}

int main(void) {
    const char *why = no_v1();

    if (why) {
        puts(why);
        return SKIPPED;
    }
    loaded_root_is_a_target_for_processes_and_nothing_else();
    load_of_all_subsystems_joins_cgroup2_where_the_cgroup_exists();
    cgroup_new_and_load_take_options();
    cgroup_new_and_load_work_as_kata_uses_them();
    clamped_shares_are_no_error_in_containerds_flows();
    return finish();
}
