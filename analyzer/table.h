/* SPDX-License-Identifier: MIT */
/*
 * Aligned tables for the terminal.
 */
#ifndef ANALYZER_TABLE_H
#define ANALYZER_TABLE_H

#include "output.h"

#include <stdbool.h>
#include <stdio.h>

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table_column {
	const char *title;
	enum table_align align;
	bool flexible; /* this one (at most one) is cut when a row does not fit */
};

struct table;

/* The columns must stay where they are until table_free(). NULL: out of memory. */
struct table *table_new(const struct table_column *columns, size_t nr_columns);
void table_free(struct table *table);

/*
 * The next cell of the row; the row after the last column begins by itself. The text is
 * escaped, so names out of a trace may be given as they are. Running out of memory is
 * remembered and returned by table_print().
 */
void table_cell(struct table *table, enum output_face face, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Header (unless all titles are NULL) and rows, fitted into width. 0, -ENOMEM or -EIO. */
int table_print(const struct table *table, FILE *out, size_t width);

#endif
