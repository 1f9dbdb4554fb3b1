/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroups that top shows, each with a katacg_stats_reader of its own. Each reading lists the
 * directories anew, because cgroups appear and vanish.
 */
#ifndef TREE_H
#define TREE_H

#include <dirent.h>
#include <errno.h>
#include <katacg.h>
#include <time.h>

#include "../text.h"

/* The controllers that top shows. A reader keeps a descriptor for each file of them. */
#define CONTROLLERS                                                                                \
    (KATACG_STATS_CPU | KATACG_STATS_MEMORY | KATACG_STATS_PIDS | KATACG_STATS_IO |                \
     KATACG_STATS_PRESSURE | KATACG_STATS_CGROUP)
#define IO_STATS (KATACG_STATS_HAS_IO_BYTES | KATACG_STATS_HAS_IO_OPS)
/*
 * Readings after which a reader that lacks a controller is opened anew: the reader does not see
 * when the controller is enabled.
 */
#define READINGS_BEFORE_REOPEN 10
#define HIERARCHIES 64

struct row {
    struct row *parent, **children; /* sorted by name */
    size_t child_count;
    char *path;
    const char *name;   /* within path */
    int depth, is_last; /* is_last: of the children of its parent, as they are shown */
    uint64_t where;     /* a bit for each hierarchy in which the cgroup was found */
    struct katacg_manager *manager;
    struct katacg_stats_reader *reader; /* NULL if the program may not open more files */
    struct katacg_stats stats;
    double time; /* of these statistics, in seconds; 0: there are none */
    int readings;
    int freezer; /* KATACG_FREEZER_* */
    /* Which rates since the previous reading are known, as bits of katacg_stats.valid. */
    uint64_t rates;
    double cpu, io, read_bytes, write_bytes; /* percent of one processor; others per second */
};

struct tree {
    struct katacg_host *host;
    int layout;
    char *controllers[HIERARCHIES]; /* one of each hierarchy; "" for cgroup2 */
    int hierarchies;
    const char *path;
    struct row *root; /* NULL while the cgroup does not exist */
    struct row *last; /* the last with a reader */
    int full;         /* no more descriptors: rows without a reader use katacg_manager_stats */
    size_t rows, unread;
    struct katacg_error err; /* why the first of the unread cgroups could not be read */
};

/* A cgroup that was found below another, and in which hierarchies. */
struct found {
    char *name;
    uint64_t where;
};

static inline int has(const struct row *row, uint64_t bits) {
    return (row->stats.valid & bits) == bits;
}

static inline double seconds_now(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void row_free(struct tree *tree, struct row *row) {
    size_t i;

    if (!row)
        return;
    for (i = 0; i < row->child_count; i++)
        row_free(tree, row->children[i]);
    if (row->reader)
        tree->full = 0;
    if (tree->last == row)
        tree->last = NULL;
    katacg_stats_reader_free(row->reader);
    katacg_manager_free(row->manager);
    free(row->children);
    free(row->path);
    free(row);
}

static struct row *row_make(struct row *parent, const char *path, const char *name) {
    struct row *row = must_have(calloc(1, sizeof(*row)));
    size_t length = strlen(path);

    row->parent = parent;
    row->depth = parent ? parent->depth + 1 : 0;
    row->path = must_have(malloc(length + strlen(name) + 2));
    /* Only the path "/" ends in a slash. */
    sprintf(row->path, "%s%s%s", path, *name && length && path[length - 1] != '/' ? "/" : "", name);
    row->name = *name ? row->path + strlen(row->path) - strlen(name) : row->path;
    return row;
}

/* Opens, or opens anew, the manager and the reader. Returns the library's result. */
static int row_open(struct tree *tree, struct row *row, struct katacg_error *err) {
    struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;
    int result;

    katacg_stats_reader_free(row->reader);
    katacg_manager_free(row->manager);
    row->reader = NULL;
    row->manager = NULL;
    row->readings = 0;
    opts.path = row->path;
    opts.flags = KATACG_MANAGER_SKIP_DEVICES | KATACG_MANAGER_EXISTING;
    opts.driver = KATACG_DRIVER_CGROUPFS;
    result = katacg_manager_new(tree->host, NULL, 0, &opts, sizeof(opts), &row->manager, err);
    if (result < 0 || tree->full)
        return result;
    result = katacg_stats_reader_open(row->manager, CONTROLLERS, &row->reader, err);
    if (result == -EMFILE || result == -ENFILE) {
        /* Frees one more reader, so that descriptors are left for everything else. */
        tree->full = 1;
        if (tree->last) {
            katacg_stats_reader_free(tree->last->reader);
            tree->last->reader = NULL;
            tree->last = NULL;
        }
        return 0;
    }
    if (result >= 0)
        tree->last = row;
    return result;
}

static double rate(uint64_t before, uint64_t after, double seconds) {
    return after < before || seconds <= 0 ? 0 : (double)(after - before) / seconds;
}

/* On a hybrid host both v1's freezer and cgroup2's can freeze, and each reports only itself. */
static int freezer_of(const struct tree *tree, const struct row *row) {
    int state = KATACG_FREEZER_THAWED;

    if (has(row, KATACG_STATS_HAS_STATE) && row->stats.is_frozen)
        return KATACG_FREEZER_FROZEN;
    if (tree->layout != KATACG_LAYOUT_UNIFIED)
        state = katacg_manager_freezer_state(row->manager, NULL);
    if (row->parent && row->parent->freezer == KATACG_FREEZER_FROZEN)
        return KATACG_FREEZER_FROZEN;
    return state < 0 ? KATACG_FREEZER_THAWED : state;
}

static int row_read(struct tree *tree, struct row *row, struct katacg_error *err) {
    struct katacg_stats before = row->stats;
    double then = row->time;
    int result;

    if (row->reader)
        result = katacg_stats_reader_read(row->reader, &row->stats, sizeof(row->stats), err);
    else
        result =
            katacg_manager_stats(row->manager, CONTROLLERS, &row->stats, sizeof(row->stats), err);
    if (result < 0)
        return result;
    row->time = seconds_now(CLOCK_MONOTONIC);
    row->freezer = freezer_of(tree, row);
    row->rates = 0;
    /* The counts of a cgroup that was made again start from 0, so there are no rates yet. */
    if (result == 1 || then == 0)
        return 0;
    row->rates = before.valid & row->stats.valid & (KATACG_STATS_HAS_CPU_USAGE | IO_STATS);
    row->cpu = rate(before.cpu_usage_ns, row->stats.cpu_usage_ns, row->time - then) / 1e7;
    row->read_bytes = rate(before.io_read_bytes, row->stats.io_read_bytes, row->time - then);
    row->write_bytes = rate(before.io_write_bytes, row->stats.io_write_bytes, row->time - then);
    row->io = rate(before.io_read_ops, row->stats.io_read_ops, row->time - then) +
              rate(before.io_write_ops, row->stats.io_write_ops, row->time - then);
    return 0;
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const struct found *)left)->name, ((const struct found *)right)->name);
}

/* Lists the child cgroups in every hierarchy, sorted by name, each once. */
static struct found *list(const struct tree *tree, const struct row *row, size_t *count) {
    struct found *found = NULL;
    size_t used = 0, size = 0, i, kept = 0;
    char directory[4096];
    struct dirent *entry;
    int hierarchy, length;
    DIR *dir;

    for (hierarchy = 0; hierarchy < tree->hierarchies; hierarchy++) {
        length = katacg_manager_path(row->manager, tree->controllers[hierarchy], directory,
                                     sizeof(directory), NULL);
        if (length < 0 || (size_t)length >= sizeof(directory) || !(dir = opendir(directory)))
            continue;
        while ((entry = readdir(dir))) {
            if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
                !strcmp(entry->d_name, ".."))
                continue;
            if (used == size)
                found = must_have(realloc(found, (size = 2 * size + 16) * sizeof(*found)));
            found[used].name = must_have(strdup(entry->d_name));
            found[used++].where = (uint64_t)1 << hierarchy;
        }
        closedir(dir);
    }
    if (used)
        qsort(found, used, sizeof(*found), by_name);
    for (i = 0; i < used; i++) {
        if (kept && !strcmp(found[kept - 1].name, found[i].name)) {
            found[kept - 1].where |= found[i].where;
            free(found[i].name);
        } else
            found[kept++] = found[i];
    }
    *count = kept;
    return found;
}

static struct row *row_refresh(struct tree *tree, struct row *row, uint64_t where);

/* Brings the children up to date. Both lists are sorted by name and walked side by side. */
static void refresh_children(struct tree *tree, struct row *row) {
    struct row **old = row->children, **children, *child;
    size_t old_count = row->child_count, count = 0, i, at = 0;
    struct found *found = NULL;

    /* On v2 the statistics say that there is nothing below, so there is nothing to list. */
    if (!has(row, KATACG_STATS_HAS_DESCENDANTS) || row->stats.descendants > 0 ||
        tree->layout != KATACG_LAYOUT_UNIFIED)
        found = list(tree, row, &count);
    children = must_have(malloc((count + 1) * sizeof(struct row *)));
    row->children = children;
    row->child_count = 0;
    for (i = 0; i < count; i++) {
        while (at < old_count && strcmp(old[at]->name, found[i].name) < 0)
            row_free(tree, old[at++]);
        if (at < old_count && !strcmp(old[at]->name, found[i].name))
            child = old[at++];
        else
            child = row_make(row, row->path, found[i].name);
        if ((child = row_refresh(tree, child, found[i].where)))
            children[row->child_count++] = child;
        free(found[i].name);
    }
    while (at < old_count)
        row_free(tree, old[at++]);
    free(old);
    free(found);
}

/*
 * Reads a cgroup and everything below it. Returns NULL, and frees the row, if the cgroup has gone
 * or cannot be read.
 */
static struct row *row_refresh(struct tree *tree, struct row *row, uint64_t where) {
    struct katacg_error err = KATACG_ERROR_INIT;
    int result = 0;

    row->readings++;
    /* On v1 a cgroup is made in one hierarchy after the other. */
    if (!row->manager || row->where != where ||
        (row->stats.missing && row->readings > READINGS_BEFORE_REOPEN))
        result = row_open(tree, row, &err);
    row->where = where;
    if (result >= 0)
        result = row_read(tree, row, &err);
    if (result >= 0) {
        tree->rows++;
        refresh_children(tree, row);
        return row;
    }
    if (err.code != KATACG_ERR_DELETED && tree->unread++ == 0)
        tree->err = err;
    row_free(tree, row);
    return NULL;
}

/* Reads every cgroup. tree->root is NULL if the cgroup at the top does not exist. */
static void tree_refresh(struct tree *tree) {
    tree->rows = tree->unread = 0;
    if (!tree->root)
        tree->root = row_make(NULL, tree->path, "");
    tree->root = row_refresh(tree, tree->root, 0);
}

/* Finds the hierarchies. Several controllers may share one. */
static int tree_open(struct tree *tree, const char *path, struct katacg_error *err) {
    char names[4096], mount[4096], *mounts[HIERARCHIES], *name, *rest = names;
    int i;

    tree->path = path;
    if (katacg_host_open(&tree->host, err) < 0 ||
        (tree->layout = katacg_host_layout(tree->host, err)) < 0 ||
        katacg_host_controllers(tree->host, names, sizeof(names), err) < 0)
        return -1;
    while ((name = strtok_r(rest, ",", &rest)) && tree->hierarchies < HIERARCHIES) {
        name = strcmp(name, "cgroup2") ? name : "";
        if (katacg_host_mountpoint(tree->host, name, mount, sizeof(mount), NULL) < 0)
            continue;
        for (i = 0; i < tree->hierarchies && strcmp(mounts[i], mount); i++)
            ;
        if (i < tree->hierarchies)
            continue;
        mounts[i] = must_have(strdup(mount));
        tree->controllers[tree->hierarchies++] = must_have(strdup(name));
    }
    for (i = 0; i < tree->hierarchies; i++)
        free(mounts[i]);
    return 0;
}

static void tree_close(struct tree *tree) {
    row_free(tree, tree->root);
    while (tree->hierarchies > 0)
        free(tree->controllers[--tree->hierarchies]);
    katacg_host_free(tree->host);
}

#endif
