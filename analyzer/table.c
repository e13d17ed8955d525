/* SPDX-License-Identifier: MIT */
/*
 * Tables: collect the cells, measure, then print.
 *
 * A column is as wide as its widest cell. When the sum exceeds the width, the flexible column
 * gives way: its longer cells lose their middle, since of a stack or a path the two ends say
 * most. Below a useful minimum it gives no more, and the row is simply longer than the line.
 *
 * Cells are escaped when they come in, so that a width is the width of what is printed and no
 * thread name can send the terminal an escape sequence.
 */
#include "table.h"
#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2		 /* spaces between columns */
#define FLEXIBLE_MIN 16	 /* the flexible column is not cut below this */
#define ELLIPSIS "\u2026"

struct cell {
	char *text; /* escaped, owned */
	size_t columns;
	enum output_face face;
};

struct table {
	const struct table_column *columns;
	size_t nr_columns;
	struct cell *cells; /* row by row */
	size_t nr_cells, max_cells;
	int err; /* sticky: 0 or -ENOMEM */
};

struct table *table_new(const struct table_column *columns, size_t nr_columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->nr_columns = nr_columns;
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->nr_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

static int reserve_cell(struct table *table)
{
	size_t max = table->max_cells ? table->max_cells * 2 : 64;
	struct cell *cells;

	if (table->nr_cells < table->max_cells)
		return 0;
	cells = realloc(table->cells, max * sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	table->cells = cells;
	table->max_cells = max;
	return 0;
}

static char *escaped(const char *text)
{
	size_t size = output_escape(NULL, 0, text) + 1;
	char *copy = malloc(size);

	if (copy)
		output_escape(copy, size, text);
	return copy;
}

void table_cell(struct table *table, enum output_face face, const char *format, ...)
{
	struct cell cell = { .face = face };
	char *raw = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&raw, format, args) < 0)
		raw = NULL;
	va_end(args);
	cell.text = raw ? escaped(raw) : NULL;
	free(raw);
	if (!cell.text || reserve_cell(table) < 0) {
		free(cell.text);
		table->err = -ENOMEM;
		return;
	}
	cell.columns = utf8_columns(cell.text);
	table->cells[table->nr_cells++] = cell;
}

static bool has_header(const struct table *table)
{
	for (size_t i = 0; i < table->nr_columns; i++)
		if (table->columns[i].title)
			return true;
	return false;
}

static struct cell header_cell(const struct table *table, size_t column)
{
	const char *title = table->columns[column].title;
	struct cell cell = { .text = (char *)(title ? title : ""), .face = OUTPUT_BOLD };

	cell.columns = utf8_columns(cell.text);
	return cell;
}

/* The natural widths, then the flexible column cut to what the others leave of the line. */
static void measure(const struct table *table, size_t *widths, size_t width)
{
	size_t total = 0;

	for (size_t i = 0; i < table->nr_columns; i++)
		widths[i] = header_cell(table, i).columns;
	for (size_t i = 0; i < table->nr_cells; i++) {
		size_t *wide = &widths[i % table->nr_columns];

		if (table->cells[i].columns > *wide)
			*wide = table->cells[i].columns;
	}
	for (size_t i = 0; i < table->nr_columns; i++)
		total += widths[i] + (i > 0 ? GAP : 0);
	for (size_t i = 0; i < table->nr_columns && total > width; i++) {
		size_t others = total - widths[i];

		if (!table->columns[i].flexible || widths[i] <= FLEXIBLE_MIN)
			continue;
		widths[i] = others + FLEXIBLE_MIN < width ? width - others : FLEXIBLE_MIN;
		break;
	}
}

/*
 * Bytes of the start of text that takes limit columns. Where a wide character straddles the
 * limit, it is left out, or with past taken in. The columns really taken come back in *columns.
 */
static size_t walk_columns(const char *text, size_t limit, bool past, size_t *columns)
{
	size_t left = strlen(text), at = 0;

	*columns = 0;
	while (at < left && *columns < limit) {
		uint32_t code;
		size_t length = utf8_decode(text + at, left - at, &code);
		size_t wide = utf8_code_columns(code);

		if (*columns + wide > limit && !past)
			break;
		*columns += wide;
		at += length;
	}
	return at;
}

/* Prints text in at most width columns, without its middle if need be; returns the columns. */
static size_t print_cut(FILE *out, const struct cell *cell, size_t width)
{
	size_t head, tail = (width - 1) / 2, skipped, bytes, skip;

	if (cell->columns <= width) {
		fputs(cell->text, out);
		return cell->columns;
	}
	bytes = walk_columns(cell->text, width - 1 - tail, false, &head);
	skip = walk_columns(cell->text, cell->columns - tail, true, &skipped);
	fprintf(out, "%.*s" ELLIPSIS "%s", (int)bytes, cell->text, cell->text + skip);
	return head + 1 + cell->columns - skipped;
}

static void print_cell(FILE *out, const struct cell *cell, const struct table_column *column,
		       size_t width, bool last)
{
	size_t pad = cell->columns < width ? width - cell->columns : 0;

	if (column->align == TABLE_RIGHT)
		fprintf(out, "%*s", (int)pad, "");
	fputs(cell->columns ? output_face_begin(cell->face) : "", out);
	pad = width - print_cut(out, cell, width);
	fputs(cell->columns ? output_face_end(cell->face) : "", out);
	if (column->align == TABLE_LEFT && !last)
		fprintf(out, "%*s", (int)pad, "");
}

static void print_row(const struct table *table, const struct cell *cells, FILE *out,
		      const size_t *widths)
{
	size_t nr = table->nr_columns;

	while (nr > 0 && cells[nr - 1].columns == 0)
		nr--;
	for (size_t i = 0; i < nr; i++) {
		if (i > 0)
			fprintf(out, "%*s", GAP, "");
		print_cell(out, &cells[i], &table->columns[i], widths[i], i + 1 == nr);
	}
	fputc('\n', out);
}

int table_print(const struct table *table, FILE *out, size_t width)
{
	size_t nr = table->nr_columns;
	size_t *widths = calloc(nr, sizeof(*widths));
	struct cell *header = calloc(nr, sizeof(*header));
	int err = table->err;

	if (!widths || !header)
		err = -ENOMEM;
	if (err)
		goto out;
	measure(table, widths, width);
	for (size_t i = 0; i < nr; i++)
		header[i] = header_cell(table, i);
	if (has_header(table))
		print_row(table, header, out, widths);
	for (size_t i = 0; i + nr <= table->nr_cells; i += nr)
		print_row(table, &table->cells[i], out, widths);
	if (ferror(out))
		err = -EIO;
out:
	free(header);
	free(widths);
	return err;
}
