/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of the table that top prints of a tree.
 */
#ifndef VIEW_H
#define VIEW_H

#include "table.h"

/* The rows in the order in which they are shown. */
struct view {
    struct row **rows;
    size_t count, size;
};

/* The order of compare(): qsort passes no argument for it. */
static const struct table *order;

static int compare(const void *left, const void *right) {
    const struct row *a = *(struct row *const *)left, *b = *(struct row *const *)right;
    const struct column *column = column_of(order->key);
    double difference = column && column->value ? column->value(b) - column->value(a) : 0;
    int result = difference > 0 ? 1 : difference < 0 ? -1 : strcmp(a->path, b->path);

    return order->reversed ? -result : result;
}

static void view_add(struct view *view, struct row *row) {
    if (view->count == view->size) {
        view->size = 2 * view->size + 64;
        view->rows = must_have(realloc(view->rows, view->size * sizeof(struct row *)));
    }
    view->rows[view->count++] = row;
}

/* Adds a row and those below it, the children of each sorted. */
static void view_tree(struct view *view, const struct table *table, struct row *row) {
    size_t bytes = row->child_count * sizeof(struct row *), i;
    struct row **sorted;

    view_add(view, row);
    if (row->child_count == 0)
        return;
    sorted = must_have(malloc(bytes));
    memcpy(sorted, row->children, bytes);
    if (!table->flat)
        qsort(sorted, row->child_count, sizeof(struct row *), compare);
    for (i = 0; i < row->child_count; i++) {
        sorted[i]->is_last = i + 1 == row->child_count;
        view_tree(view, table, sorted[i]);
    }
    free(sorted);
}

static void view_fill(struct view *view, const struct table *table, const struct tree *tree) {
    view->count = 0;
    order = table;
    if (tree->root)
        view_tree(view, table, tree->root);
    if (table->flat && view->count)
        qsort(view->rows, view->count, sizeof(struct row *), compare);
}

/* Draws the lines from the parents to a row, in so many columns of two. */
static void put_branch(struct table *table, const struct row *row, int columns) {
    if (columns > 1 && row->parent->depth > 0) {
        const struct row *parent = row->parent;
        int skip = row->depth - columns, i;

        /* Of a tree that is too deep, only the lowest part has lines. */
        for (i = 1; i < columns; i++) {
            parent = row->parent;
            while (parent->depth > i + skip)
                parent = parent->parent;
            if (parent->is_last)
                put(table, " ");
            else
                put_symbol(table, "\xe2\x94\x82", "|");
            put(table, " ");
        }
    }
    if (row->is_last)
        put_symbol(table, "\xe2\x94\x94", "`");
    else
        put_symbol(table, "\xe2\x94\x9c", "|");
    put_symbol(table, "\xe2\x94\x80", "-");
}

/* Returns the name to show: in a flat list, the path below the cgroup at the top. */
static const char *shown_name(const struct table *table, const struct row *row) {
    const struct row *first = row;
    size_t length;

    if (!table->flat || !row->parent)
        return row->name;
    while (first->parent)
        first = first->parent;
    length = strlen(first->path);
    return row->path + length + (row->path[length] == '/');
}

static void put_row_name(struct table *table, const struct row *row, int columns) {
    /* However deep the tree is, half of the room is for the name. */
    int depth = table->flat ? 0 : row->depth > columns / 4 ? columns / 4 : row->depth;

    if (depth > 0) {
        color(table, DIM);
        put_branch(table, row, depth);
        color(table, NULL);
    }
    if (row->freezer == KATACG_FREEZER_FROZEN)
        color(table, CYAN);
    put_name(table, shown_name(table, row), columns - 2 * depth, table->flat);
    color(table, NULL);
}

static void put_bar(struct table *table, const struct cell *cell) {
    char code[16], symbol[4] = "\xe2\x96\x88";
    int i, filled;

    snprintf(code, sizeof(code), "%s;100", cell->color ? cell->color : "0");
    color(table, code);
    for (i = 0; i < BAR; i++) {
        filled = cell->bar - 8 * i;
        /* U+2588 is a full block, U+258F an eighth of one. */
        symbol[2] = (char)(0x90 - (filled >= 8 ? 8 : filled));
        /* Without colors nothing shows where the bar ends, so half a block must do. */
        if (filled >= 8 || (table->color ? filled > 0 : filled >= 4))
            put_symbol(table, table->color ? symbol : "\xe2\x96\x88", "#");
        else
            put_symbol(table, table->color ? " " : "\xe2\x96\x91", table->color ? " " : ".");
    }
    color(table, NULL);
    put(table, " ");
}

static void put_cell(struct table *table, const struct column *column, const struct row *row) {
    struct cell cell = {"", NULL, -1};
    int width = column->width;

    column->show(row, &cell);
    if (!cell.text[0] && column->show != show_state) {
        strcpy(cell.text, "-");
        cell.color = DIM;
    }
    put(table, " ");
    if (cell.bar >= 0 && table->left >= width) {
        put_bar(table, &cell);
        width -= BAR + 1;
    }
    if (column->show == show_state)
        width = -width;
    else
        pad(table, width - (int)strlen(cell.text));
    if (cell.color)
        color(table, cell.color);
    put(table, cell.text);
    if (cell.color)
        color(table, NULL);
    pad(table, -width - (int)strlen(cell.text));
}

static void put_titles(struct table *table, const int shown[COLUMNS], int name) {
    const struct column *column;
    size_t i;
    int blanks;

    color(table, REVERSE);
    put_name(table, "CGROUP", name, 0);
    for (i = 0; i < COLUMNS; i++) {
        if (!shown[i])
            continue;
        column = &columns[i];
        blanks = column->width - (int)strlen(column->title);
        put(table, " ");
        if (column->show != show_state)
            pad(table, blanks);
        if (column->key && column->key == table->key)
            color(table, BOLD);
        put(table, column->title);
        if (column->key && column->key == table->key) {
            color(table, NULL);
            color(table, REVERSE);
        }
        if (column->show == show_state)
            pad(table, blanks);
    }
    color(table, NULL);
}

/* Returns the width of the longest name to show. */
static int longest_name(const struct table *table, const struct view *view) {
    int longest = 20, width;
    size_t i;

    for (i = 0; i < view->count; i++) {
        width = width_of(shown_name(table, view->rows[i]));
        width += table->flat ? 0 : 2 * view->rows[i]->depth;
        longest = width > longest ? width : longest;
    }
    return longest;
}

/*
 * Prints so many rows, from first on, below the titles if these are wanted. Each line is between
 * `before` and `after`.
 */
static void put_page(struct table *table, const struct view *view, size_t first, size_t rows,
                     int titles, const char *before, const char *after) {
    int shown[COLUMNS], name, longest = longest_name(table, view);
    size_t i, at;

    name = choose(table, table->width < 30 ? table->width / 2 : 15, shown);
    name = name > longest ? longest : name;
    if (titles) {
        text_print(table->out, "%s", before);
        table->left = table->width;
        put_titles(table, shown, name);
        text_print(table->out, "%s", after);
    }
    for (at = first; at < view->count && at - first < rows; at++) {
        text_print(table->out, "%s", before);
        table->left = table->width;
        put_row_name(table, view->rows[at], name);
        for (i = 0; i < COLUMNS; i++)
            if (shown[i])
                put_cell(table, &columns[i], view->rows[at]);
        text_print(table->out, "%s", after);
    }
}

#endif
