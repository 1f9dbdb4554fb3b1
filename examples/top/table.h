/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table that top prints: as many columns as there is room for, sorted by a key. A line is never
 * wider than the terminal.
 */
#ifndef TABLE_H
#define TABLE_H

#include "tree.h"

#define BOLD "1"
#define DIM "2"
#define RED "1;31"
#define YELLOW "33"
#define GREEN "32"
#define CYAN "36"
#define REVERSE "7"

struct table {
    struct text *out;
    int width, color, utf8;
    char key; /* one of the keys of columns, or 'n' for the name */
    int reversed, flat;
    int left; /* columns left on this line */
};

struct cell {
    char text[32];
    const char *color;
    int bar; /* filled eighths, or -1 for none */
};

#define BAR 8

/* Adds text with one column for each byte, as far as there is room. */
static void put(struct table *table, const char *text) {
    int length = (int)strlen(text);

    if (length > table->left)
        length = table->left;
    text_add(table->out, text, (size_t)length);
    table->left -= length;
}

static void color(struct table *table, const char *code) {
    if (table->color)
        text_print(table->out, "\033[%sm", code ? code : "0");
}

static void pad(struct table *table, int columns) {
    while (columns-- > 0)
        put(table, " ");
}

/* Adds one character of one column, or its ASCII replacement. */
static void put_symbol(struct table *table, const char *symbol, const char *ascii) {
    if (table->left < 1)
        return;
    if (!table->utf8)
        put(table, ascii);
    else {
        text_add(table->out, symbol, strlen(symbol));
        table->left--;
    }
}

static int width_of(const char *name) {
    char shown[8];
    int width = 0;

    while (*name)
        width += next_shown(&name, shown);
    return width;
}

/*
 * Adds a name in exactly so many columns. An ellipsis stands for the end of a name that is too
 * long, or for its beginning if the end says more.
 */
static void put_name(struct table *table, const char *name, int columns, int keep_end) {
    char shown[8];
    int width = 0, next, whole;

    if (columns > table->left)
        columns = table->left;
    if (columns < 1)
        return;
    whole = width_of(name) <= columns;
    if (!whole && keep_end) {
        while (width_of(name) > columns - 1)
            (void)next_shown(&name, shown);
        put_symbol(table, "\xe2\x80\xa6", "~");
        columns--;
    }
    /* One column is for the ellipsis at the end. */
    while (*name) {
        next = next_shown(&name, shown);
        if (width + next > (whole || keep_end ? columns : columns - 1))
            break;
        text_add(table->out, shown, strlen(shown));
        width += next;
    }
    table->left -= width;
    if (!whole && !keep_end) {
        put_symbol(table, "\xe2\x80\xa6", "~");
        width++;
    }
    pad(table, columns - width);
}

/* Prints a number of bytes in at most 5 columns: "1023", "1.0K", "16.0E". */
static void print_bytes(char *out, size_t size, double bytes) {
    const char *unit = "BKMGTPE";

    while (bytes >= 1023.95 && unit[1]) {
        bytes /= 1024;
        unit++;
    }
    if (*unit == 'B')
        snprintf(out, size, "%.0f", bytes);
    else
        snprintf(out, size, bytes < 99.95 ? "%.1f%c" : "%.0f%c", bytes, *unit);
}

/* Prints a count in at most 5 columns: "99999", "100k", "12M". */
static void print_count(char *out, size_t size, double count) {
    const char *unit = " kMGTPE";

    while (count >= (*unit == ' ' ? 99999.5 : 999.5) && unit[1]) {
        count /= 1000;
        unit++;
    }
    snprintf(out, size, *unit == ' ' ? "%.0f" : "%.0f%c", count, *unit);
}

static const char *heat(double value, double warm, double hot) {
    return value >= hot ? RED : value >= warm ? YELLOW : NULL;
}

/* Returns the highest pressure of three resources, in hundredths of a percent, and which it is. */
static uint64_t worst_pressure(const struct row *row, const char **resource) {
    const struct katacg_stats *stats = &row->stats;
    uint64_t most = 0;

    *resource = NULL;
    if (has(row, KATACG_STATS_HAS_CPU_SOME)) {
        most = stats->cpu_some.avg10;
        *resource = "cpu";
    }
    if (has(row, KATACG_STATS_HAS_MEMORY_PRESSURE) &&
        (!*resource || stats->memory_some.avg10 > most)) {
        most = stats->memory_some.avg10;
        *resource = "mem";
    }
    if (has(row, KATACG_STATS_HAS_IO_PRESSURE) && (!*resource || stats->io_some.avg10 > most)) {
        most = stats->io_some.avg10;
        *resource = "io";
    }
    return most;
}

static void show_cpu(const struct row *row, struct cell *cell) {
    if (!(row->rates & KATACG_STATS_HAS_CPU_USAGE))
        return;
    snprintf(cell->text, sizeof(cell->text), "%.1f", row->cpu);
    cell->color = row->cpu < 0.05 ? DIM : heat(row->cpu, 50, 90);
}

static void show_memory(const struct row *row, struct cell *cell) {
    if (has(row, KATACG_STATS_HAS_MEMORY_USAGE))
        print_bytes(cell->text, sizeof(cell->text), (double)row->stats.memory_usage);
}

static void show_limit(const struct row *row, struct cell *cell) {
    double used;

    if (!has(row, KATACG_STATS_HAS_MEMORY_LIMIT | KATACG_STATS_HAS_MEMORY_USAGE))
        return;
    if (row->stats.memory_limit == KATACG_STATS_MAX_VALUE) {
        strcpy(cell->text, "no limit");
        cell->color = DIM;
        return;
    }
    used = row->stats.memory_limit == 0
               ? 1
               : (double)row->stats.memory_usage / (double)row->stats.memory_limit;
    print_bytes(cell->text, sizeof(cell->text), (double)row->stats.memory_limit);
    cell->bar = used >= 1 ? 8 * BAR : (int)(used * 8 * BAR);
    cell->color = used < 0.7 ? GREEN : heat(used, 0.7, 0.9);
}

static void show_pids(const struct row *row, struct cell *cell) {
    if (!has(row, KATACG_STATS_HAS_PIDS_CURRENT))
        return;
    print_count(cell->text, sizeof(cell->text), (double)row->stats.pids_current);
    if (row->stats.pids_current == 0)
        cell->color = DIM;
    else if (has(row, KATACG_STATS_HAS_PIDS_LIMIT))
        cell->color = heat((double)row->stats.pids_current, 0.7 * (double)row->stats.pids_limit,
                           0.9 * (double)row->stats.pids_limit);
}

static void show_io(const struct row *row, struct cell *cell) {
    if (!(row->rates & KATACG_STATS_HAS_IO_OPS))
        return;
    print_count(cell->text, sizeof(cell->text), row->io);
    cell->color = row->io < 0.5 ? DIM : NULL;
}

static void show_read(const struct row *row, struct cell *cell) {
    if (!(row->rates & KATACG_STATS_HAS_IO_BYTES))
        return;
    print_bytes(cell->text, sizeof(cell->text), row->read_bytes);
    cell->color = row->read_bytes < 0.5 ? DIM : NULL;
}

static void show_write(const struct row *row, struct cell *cell) {
    if (!(row->rates & KATACG_STATS_HAS_IO_BYTES))
        return;
    print_bytes(cell->text, sizeof(cell->text), row->write_bytes);
    cell->color = row->write_bytes < 0.5 ? DIM : NULL;
}

static void show_pressure(const struct row *row, struct cell *cell) {
    const char *resource;
    uint64_t most = worst_pressure(row, &resource);

    if (!resource)
        return;
    if (most == 0)
        strcpy(cell->text, "0.0");
    else
        snprintf(cell->text, sizeof(cell->text), "%s %.1f", resource, (double)most / 100);
    cell->color = most == 0 ? DIM : heat((double)most / 100, 10, 40);
}

static void show_oom(const struct row *row, struct cell *cell) {
    if (!has(row, KATACG_STATS_HAS_OOM_KILLS))
        return;
    print_count(cell->text, sizeof(cell->text), (double)row->stats.memory_events_oom_kill);
    cell->color = row->stats.memory_events_oom_kill ? RED : DIM;
}

static void show_state(const struct row *row, struct cell *cell) {
    cell->color = row->freezer == KATACG_FREEZER_THAWED ? NULL : CYAN;
    strcpy(cell->text, row->freezer == KATACG_FREEZER_FROZEN     ? "frozen"
                       : row->freezer == KATACG_FREEZER_FREEZING ? "freezing"
                                                                 : "");
}

static double cpu_value(const struct row *row) {
    return row->cpu;
}

static double memory_value(const struct row *row) {
    return (double)row->stats.memory_usage;
}

static double pids_value(const struct row *row) {
    return (double)row->stats.pids_current;
}

static double io_value(const struct row *row) {
    return row->io;
}

static double pressure_value(const struct row *row) {
    const char *resource;

    return (double)worst_pressure(row, &resource);
}

static double oom_value(const struct row *row) {
    return (double)row->stats.memory_events_oom_kill;
}

/* In the order in which they are shown. A narrow terminal has room for those of the lowest rank. */
static const struct column {
    char key;
    const char *title, *name;
    int width, rank;
    void (*show)(const struct row *row, struct cell *cell);
    double (*value)(const struct row *row);
} columns[] = {
    {'c', "CPU%", "CPU", 6, 1, show_cpu, cpu_value},
    {'m', "MEMORY", "memory", 6, 2, show_memory, memory_value},
    {0, "LIMIT", NULL, 14, 5, show_limit, NULL},
    {'p', "PIDS", "processes", 5, 4, show_pids, pids_value},
    {'i', "IO/s", "I/O", 5, 7, show_io, io_value},
    {0, "READ/s", NULL, 6, 9, show_read, NULL},
    {0, "WRITE/s", NULL, 7, 10, show_write, NULL},
    {'s', "PSI some", "pressure", 8, 6, show_pressure, pressure_value},
    {'o', "OOM", "OOM kills", 5, 3, show_oom, oom_value},
    {0, "STATE", NULL, 8, 8, show_state, NULL},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static const struct column *column_of(char key) {
    size_t i;

    for (i = 0; i < COLUMNS; i++)
        if (columns[i].key == key && key)
            return &columns[i];
    return NULL;
}

/* Chooses the columns that have room beside a name, by rank, with the one that sorts first. */
static int choose(const struct table *table, int name, int shown[COLUMNS]) {
    int left = table->width - name, rank;
    size_t i;

    for (i = 0; i < COLUMNS; i++)
        if ((shown[i] = columns[i].key == table->key && columns[i].width < left))
            left -= columns[i].width + 1;
    for (rank = 1; rank <= (int)COLUMNS; rank++)
        for (i = 0; i < COLUMNS; i++)
            if (columns[i].rank == rank && !shown[i] && (shown[i] = columns[i].width < left))
                left -= columns[i].width + 1;
    return left > 0 ? left + name : name;
}

#endif
