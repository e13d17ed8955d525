/* SPDX-License-Identifier: MIT */
/* top_text.c: a look as tables; the same for a terminal and for a file */
#include "top.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../trace/phase.h"
#include "table.h"
#include "words.h"

enum { HEAD_LINES = 5, WAIT_HEAD_LINES = 2, ROWS_LEAST = 3, WIDE = 100 };

static double seconds(const struct top *top)
{
	return top->interval_ns ? (double)top->interval_ns / 1e9 : 1;
}

static void print_process(const struct top *top, FILE *out)
{
	const struct trace_header *h = reader_header(top->reader);
	const char *name = strrchr(h->exe, '/');
	char text[256], escaped[4 * sizeof(text)], clock[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%.100s, pid %u, %s%s%s%s", name ? name + 1 : h->exe, h->pid,
		 words_mode(h->mode), h->phase & PHASE_OFF ? ", recording is off" : "",
		 (uint32_t)h->phase ? ", phase " : "", (uint32_t)h->phase ? h->phase_name : "");
	output_escape(escaped, sizeof(escaped), text);
	fprintf(out, "%s%s%s  %s, %.2f s\n", output_face_begin(OUTPUT_BOLD), escaped,
		output_face_end(OUTPUT_BOLD), clock, seconds(top));
}

static void print_total(const struct top *top, FILE *out)
{
	const struct top_row *all = &top->total;
	char acquired[OUTPUT_NUMBER], contended[OUTPUT_NUMBER];

	fprintf(out,
		"%s acquisitions/s, %s contended/s, %.2f threads waiting on average, %" PRIu32
		" of %zu now\n\n",
		output_si(acquired, (double)all->acquired / seconds(top)),
		output_si(contended, (double)all->contended / seconds(top)),
		(double)all->wait_ns / 1e9 / seconds(top), all->nr_waiting,
		reader_nr_slots(top->reader));
}

/* ---- rows ---- */

static void put_rate(struct table *table, bool is_key, uint64_t count, const struct top *top)
{
	char buf[OUTPUT_NUMBER];

	table_cell(table, is_key ? OUTPUT_BOLD : OUTPUT_PLAIN, "%s",
		   output_si(buf, (double)count / seconds(top)));
}

/* Of one second, how much. */
static void put_time(struct table *table, bool is_key, uint64_t ns, const struct top *top)
{
	char buf[OUTPUT_NUMBER];

	table_cell(table, is_key ? OUTPUT_BOLD : OUTPUT_PLAIN, "%s",
		   output_time(buf, (uint64_t)((double)ns / seconds(top))));
}

/* Of "mutex created in make_cache" only the place, where names get little room: as in the report.
 */
static const char *short_label(const struct top *top, const char *label)
{
	static const char *const verbs[] = { " created in ", " first used in " };

	for (size_t i = 0; top->by == TOP_BY_CLASS && output_width() < WIDE && i < 2; i++) {
		const char *verb = strstr(label, verbs[i]);

		if (verb)
			return verb + strlen(verbs[i]);
	}
	return label;
}

static void put_row(struct table *table, const struct top *top, const struct top_row *row,
		    enum top_key key)
{
	const char *label = short_label(top, row->label);
	char buf[OUTPUT_NUMBER];

	put_rate(table, key == TOP_ACQUIRED, row->acquired, top);
	put_rate(table, key == TOP_CONTENDED, row->contended, top);
	put_time(table, key == TOP_WAIT_TOTAL, row->wait_ns, top);
	table_cell(table, key == TOP_AVG_WAIT ? OUTPUT_BOLD : OUTPUT_PLAIN, "%s",
		   row->contended ? output_time(buf, row->wait_ns / row->contended) : "-");
	put_time(table, key == TOP_HOLD_TOTAL, row->hold_ns, top);
	table_cell(table, row->nr_waiting ? OUTPUT_RED : OUTPUT_PLAIN, "%" PRIu32, row->nr_waiting);
	if (row->nr_locks > 1)
		table_cell(table, OUTPUT_PLAIN, "%s (%" PRIu32 ")", label, row->nr_locks);
	else
		table_cell(table, OUTPUT_PLAIN, "%s", label);
}

static int print_rows(const struct top *top, enum top_key key, size_t max, FILE *out)
{
	static const struct table_column columns[] = {
		{ "acq/s", TABLE_RIGHT, false },  { "cont/s", TABLE_RIGHT, false },
		{ "wait/s", TABLE_RIGHT, false }, { "avg wait", TABLE_RIGHT, false },
		{ "hold/s", TABLE_RIGHT, false }, { "waiting", TABLE_RIGHT, false },
		{ "lock", TABLE_LEFT, true },
	};
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int err;

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < top->nr_rows && i < max; i++)
		put_row(table, top, &top->rows[i], key);
	err = table_print(table, out, output_width());
	table_free(table);
	return err;
}

/* ---- waits ---- */

static void put_wait(struct table *table, const struct top *top, const struct top_wait *wait)
{
	char buf[OUTPUT_NUMBER];

	table_cell(table, OUTPUT_PLAIN, "%s", wait->thread);
	table_cell(table, OUTPUT_PLAIN, "%s%s", output_time(buf, wait->wait_ns),
		   wait->is_bounded ? "*" : "");
	table_cell(table, OUTPUT_PLAIN, "%s%s", short_label(top, wait->label),
		   wait->is_shared ? " (read)" : "");
	if (!wait->nr_holders)
		table_cell(table, OUTPUT_DIM, "nobody known");
	else if (wait->nr_holders > 1)
		table_cell(table, OUTPUT_PLAIN, "%s and %" PRIu32 " more, %s", wait->holder,
			   wait->nr_holders - 1, output_time(buf, wait->held_ns));
	else
		table_cell(table, OUTPUT_PLAIN, "%s, %s", wait->holder,
			   output_time(buf, wait->held_ns));
}

static int print_waits(const struct top *top, size_t max, FILE *out)
{
	static const struct table_column columns[] = {
		{ "waits now", TABLE_LEFT, false },
		{ "since", TABLE_RIGHT, false },
		{ "for", TABLE_LEFT, true },
		{ "held by, since", TABLE_LEFT, false },
	};
	struct table *table;
	int err;

	if (!top->nr_waits || !max)
		return 0;
	table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < top->nr_waits && i < max; i++)
		put_wait(table, top, &top->waits[i]);
	fputc('\n', out);
	err = table_print(table, out, output_width());
	table_free(table);
	return err;
}

/* ---- together ---- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Rows go first, but where both want more room than there is the waits get half. */
int top_print(const struct top *top, enum top_key key, size_t max_rows, size_t lines, FILE *out)
{
	size_t rows = least(top->nr_rows, max_rows), waits = least(top->nr_waits, max_rows);
	int err;

	if (lines) {
		size_t room = lines > HEAD_LINES + ROWS_LEAST ? lines - HEAD_LINES : ROWS_LEAST;
		size_t half = room / 2 > WAIT_HEAD_LINES ? room / 2 - WAIT_HEAD_LINES : 0;

		if (rows + waits + WAIT_HEAD_LINES > room) {
			size_t left =
				room > rows + WAIT_HEAD_LINES ? room - rows - WAIT_HEAD_LINES : 0;

			waits = least(waits, left > half ? left : half);
			rows = least(rows, room - (waits ? waits + WAIT_HEAD_LINES : 0));
		}
	}
	print_process(top, out);
	print_total(top, out);
	err = print_rows(top, key, rows, out);
	return err ? err : print_waits(top, waits, out);
}
