/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of JSON for each reading:
 *
 *   {"time":SECONDS,"layout":"unified","cgroups":[{"path":"/a","cpu_percent":12.5,...},...]}
 *
 * Numbers that the kernel does not have are left out. A limit that is not set is null.
 */
#ifndef JSON_H
#define JSON_H

#include "view.h"

static void json_number(struct text *out, int known, const char *name, double value) {
    if (known)
        text_print(out, ",\"%s\":%.2f", name, value);
}

static void json_count(struct text *out, int known, const char *name, uint64_t value) {
    if (!known)
        return;
    if (value == KATACG_STATS_MAX_VALUE)
        text_print(out, ",\"%s\":null", name);
    else
        text_print(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void json_row(struct text *out, const struct row *row) {
    const struct katacg_stats *stats = &row->stats;
    int cpu = (row->rates & KATACG_STATS_HAS_CPU_USAGE) != 0;
    int bytes = (row->rates & KATACG_STATS_HAS_IO_BYTES) != 0;
    int ops = (row->rates & KATACG_STATS_HAS_IO_OPS) != 0;

    text_print(out, "{\"path\":");
    text_json(out, row->path);
    json_number(out, cpu, "cpu_percent", row->cpu);
    json_count(out, has(row, KATACG_STATS_HAS_CPU_USAGE), "cpu_usage_ns", stats->cpu_usage_ns);
    json_count(out, has(row, KATACG_STATS_HAS_MEMORY_USAGE), "memory_bytes", stats->memory_usage);
    json_count(out, has(row, KATACG_STATS_HAS_MEMORY_LIMIT), "memory_limit_bytes",
               stats->memory_limit);
    json_number(out, ops, "io_per_second", row->io);
    json_number(out, bytes, "read_bytes_per_second", row->read_bytes);
    json_number(out, bytes, "write_bytes_per_second", row->write_bytes);
    json_count(out, has(row, KATACG_STATS_HAS_PIDS_CURRENT), "pids", stats->pids_current);
    json_count(out, has(row, KATACG_STATS_HAS_PIDS_LIMIT), "pids_limit", stats->pids_limit);
    json_number(out, has(row, KATACG_STATS_HAS_CPU_SOME), "pressure_cpu_some10",
                (double)stats->cpu_some.avg10 / 100);
    json_number(out, has(row, KATACG_STATS_HAS_MEMORY_PRESSURE), "pressure_memory_some10",
                (double)stats->memory_some.avg10 / 100);
    json_number(out, has(row, KATACG_STATS_HAS_IO_PRESSURE), "pressure_io_some10",
                (double)stats->io_some.avg10 / 100);
    json_count(out, has(row, KATACG_STATS_HAS_OOM_KILLS), "oom_kills",
               stats->memory_events_oom_kill);
    text_print(out, ",\"state\":\"%s\"}",
               row->freezer == KATACG_FREEZER_FROZEN     ? "frozen"
               : row->freezer == KATACG_FREEZER_FREEZING ? "freezing"
                                                         : "thawed");
}

static void put_json(struct text *out, const struct tree *tree, const struct view *view) {
    static const char *const layouts[] = {"", "legacy", "hybrid", "unified"};
    size_t i;

    text_print(out, "{\"time\":%.3f,\"layout\":\"%s\",\"cgroups\":[", seconds_now(CLOCK_REALTIME),
               layouts[tree->layout & 3]);
    for (i = 0; i < view->count; i++) {
        if (i)
            text_print(out, ",");
        json_row(out, view->rows[i]);
    }
    text_print(out, "]}\n");
}

#endif
