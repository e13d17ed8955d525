/* SPDX-License-Identifier: MIT */
/*
 * The ranked tables: as many columns side by side as the line has room for, the rest below as
 * "More about these locks", in as many further tables as it takes. So at 80 columns nothing is cut
 * and nothing is lost, and on a wide terminal it is one table.
 */
#include "report.h"
#include "table.h"
#include "utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GAP	    2	/* of table.c, between columns */
#define WIDE	    100 /* from here on locks' names get NAME_MAX, below NAME_MIN columns */
#define NAME_MIN    21
#define NAME_CUT    16 /* in further tables: the first has it whole */
#define NAME_MAX    40
#define MAX_COLUMNS 24

/* A printed row: the row itself, or the readers or writers of the one before. */
struct line {
	const struct report_row *row;
	const struct counters *counters;
	char *label;
};

struct lines {
	struct line *lines;
	size_t nr;
};

static void lines_fini(struct lines *lines)
{
	for (size_t i = 0; lines->lines && i < lines->nr; i++)
		free(lines->lines[i].label);
	free(lines->lines);
}

static bool add_line(struct lines *lines, const struct report_row *row, const struct counters *c,
		     char *label)
{
	if (label)
		lines->lines[lines->nr++] = (struct line){ row, c, label };
	return label != NULL;
}

/*
 * "mutex created in make_cache (cache.c:41)": where names get little room, only the place is left
 * of a nameless class, and of "mutex 0x7f..10 created in ..." only what tells it from the others.
 */
static char *row_name(const struct report *report, const struct report_row *row)
{
	static const char *const verbs[] = { " created in ", " first used in " };
	bool is_short = row->kind && report->width < WIDE && !report->wide;
	char *label = report_row_label(report, report->by, row);

	for (size_t i = 0; label && is_short && i < 2; i++) {
		char *verb = strstr(label, verbs[i]),
		     *place = verb ? verb + strlen(verbs[i]) : NULL;

		if (verb && report->by == REPORT_BY_LOCK)
			*verb = '\0';
		else if (verb)
			memmove(label, place, strlen(place) + 1);
	}
	return label;
}

static bool add_row(const struct report *report, struct lines *lines, const struct report_row *row)
{
	return add_line(lines, row, row->all, row_name(report, row)) &&
	       (!row->read || (add_line(lines, row, row->read, strdup("  read")) &&
			       add_line(lines, row, row->write, strdup("  write"))));
}

static int lines_init(struct lines *lines, const struct report *report,
		      const struct report_rows *rows, size_t nr_rows)
{
	*lines = (struct lines){ .lines = calloc(3 * nr_rows + 1, sizeof(struct line)) };
	if (!lines->lines)
		return -ENOMEM;
	for (size_t i = 0; i < nr_rows; i++) {
		if (!add_row(report, lines, &rows->rows[i])) {
			lines_fini(lines);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Columns that the cells need; 0: all of them are empty. */
static size_t column_width(const struct report *report, const struct lines *lines,
			   const struct report_column *column)
{
	size_t width = 0, title = strlen(column->title);
	char text[REPORT_CELL];

	for (size_t i = 0; i < lines->nr; i++) {
		size_t columns;

		column->cell(report, lines->lines[i].row, lines->lines[i].counters, text);
		columns = utf8_columns(text);
		if (columns > width)
			width = columns;
	}
	return width == 0 || width > title ? width : title;
}

/* What the names get beside the columns that are not optional; more, if those leave it. */
static size_t name_width(const struct report *report, const struct lines *lines, bool is_first)
{
	size_t width = strlen("Lock");
	bool is_locks = report->by == REPORT_BY_CLASS || report->by == REPORT_BY_LOCK;
	size_t most = report->width >= WIDE || !is_locks ? NAME_MAX
		      : is_first			 ? NAME_MIN
							 : NAME_CUT;

	for (size_t i = 0; i < lines->nr; i++) {
		size_t columns = utf8_columns(lines->lines[i].label);

		if (columns > width)
			width = columns;
	}
	return width < most ? width : most;
}

/*
 * The columns from *next on that fit beside the names, into chosen; *next goes behind them.
 * Those that are not optional come whatever their width is, cutting the names. On a narrow line
 * the first table of locks has these alone: so it always looks the same.
 */
static size_t choose_columns(const struct report *report, const struct lines *lines,
			     const struct report_column *columns, size_t nr, size_t *next,
			     const struct report_column **chosen)
{
	size_t used = name_width(report, lines, *next == 0), nr_chosen = 0;
	bool narrow = report->width < WIDE && !report->wide;
	bool main_only = *next == 0 && narrow && lines->nr > 0 && lines->lines[0].row->kind;

	for (; *next < nr; ++*next) {
		const struct report_column *column = &columns[*next];
		size_t width = column_width(report, lines, column);

		if (column->optional && width == 0)
			continue;
		if (column->optional && nr_chosen > 0 && !report->wide &&
		    (main_only || used + GAP + width > report->width))
			break;
		used += GAP + width;
		chosen[nr_chosen++] = column;
	}
	return nr_chosen;
}

static bool is_blank(const struct report *report, const struct line *line,
		     const struct report_column **chosen, size_t nr_chosen)
{
	char text[REPORT_CELL];

	for (size_t i = 0; i < nr_chosen; i++) {
		chosen[i]->cell(report, line->row, line->counters, text);
		if (*text)
			return false;
	}
	return true;
}

static void add_cells(const struct report *report, struct table *table, const struct line *line,
		      const struct report_column **chosen, size_t nr_chosen)
{
	char text[REPORT_CELL];

	table_cell(table, OUTPUT_PLAIN, "%s", line->label);
	for (size_t i = 0; i < nr_chosen; i++) {
		enum output_face face = chosen[i]->cell(report, line->row, line->counters, text);

		table_cell(table, face, "%s", text);
	}
}

static const char *const row_titles[] = {
	"Lock", "Lock", "Thread", "Call site", "Process", "Phase"
};

static int print_slice(const struct report *report, FILE *out, const struct lines *lines,
		       const struct report_column **chosen, size_t nr_chosen)
{
	struct table_column columns[MAX_COLUMNS + 1] = {
		{ row_titles[report->by], TABLE_LEFT, true },
	};
	struct table *table;
	int err;

	for (size_t i = 0; i < nr_chosen; i++)
		columns[i + 1] = (struct table_column){
			chosen[i]->title, chosen[i]->is_text ? TABLE_LEFT : TABLE_RIGHT, false
		};
	table = table_new(columns, nr_chosen + 1);
	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < lines->nr; i++)
		if (!is_blank(report, &lines->lines[i], chosen, nr_chosen))
			add_cells(report, table, &lines->lines[i], chosen, nr_chosen);
	err = table_print(table, out, report->wide ? SIZE_MAX : report->width);
	table_free(table);
	return err;
}

static const char *const row_nouns[] = {
	"lock", "lock", "thread", "call site", "process", "phase"
};
static const char *const row_plurals[] = { "locks",	 "locks",     "threads",
					   "call sites", "processes", "phases" };

static void print_heading(const struct report *report, FILE *out, size_t shown, size_t nr)
{
	static const char *const ranks[] = {
		"acquisitions", "contended acquisitions", "waiting time",
		"longest wait", "average wait",		  "hold time",
		"longest hold",
	};
	const char *nouns = row_plurals[report->by];

	if (shown < nr)
		report_heading(out, "%c%s by %s (%zu of %zu)", nouns[0] - 'a' + 'A', nouns + 1,
			       ranks[report->key], shown, nr);
	else
		report_heading(out, "%c%s by %s", nouns[0] - 'a' + 'A', nouns + 1,
			       ranks[report->key]);
}

static int print_slices(const struct report *report, FILE *out, const struct lines *lines)
{
	const struct report_column *chosen[MAX_COLUMNS];
	size_t nr_columns, next = 0;
	const struct report_column *columns = report_columns(report->by, &nr_columns);
	bool is_first = true;
	int err = 0;

	while (!err && (is_first || !report->is_short)) {
		size_t nr = choose_columns(report, lines, columns, nr_columns, &next, chosen);

		if (nr == 0)
			break;
		if (!is_first)
			report_heading(out, "More about these %s", row_plurals[report->by]);
		err = print_slice(report, out, lines, chosen, nr);
		is_first = false;
	}
	return err;
}

int report_tables(const struct report *report, FILE *out)
{
	struct report_rows rows;
	struct lines lines;
	size_t shown = report->top;
	int err = report_rows_init(&rows, report, report->by);

	if (err)
		return err;
	shown = rows.nr < shown ? rows.nr : shown;
	err = lines_init(&lines, report, &rows, shown);
	if (!err && shown > 0) {
		print_heading(report, out, shown, rows.nr);
		err = print_slices(report, out, &lines);
		if (!err && shown < rows.nr && !report->is_short)
			fprintf(out, "... and %zu more %s: --all shows them.\n", rows.nr - shown,
				rows.nr - shown == 1 ? row_nouns[report->by]
						     : row_plurals[report->by]);
	}
	if (!err)
		lines_fini(&lines);
	report_rows_fini(&rows);
	return err;
}
