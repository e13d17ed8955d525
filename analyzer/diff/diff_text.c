/* SPDX-License-Identifier: MIT */
/*
 * diff_text.c: the comparison for people: a row for each lock, then where the changes come from
 *
 * p is two-sided here, since a diff asks what changed and not what got worse; it is not adjusted
 * for the number of locks, which `lockprof check` does. One run a side has no p at all.
 */
#include "diff.h"

#include "../report.h"
#include "../table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define MOST_PLACES  3
#define SMALL_CHANGE 0.02

static double two_sided(const struct change *change)
{
	double p = 2 * fmin(change->p_up, change->p_down);

	return p < 1 ? p : 1;
}

/* "4.10 ms > 8.90 ms" and "+117 % (p 0.008)" */
static void put_change(struct table *table, const struct change *change, enum metric metric)
{
	char base[OUTPUT_NUMBER], more[OUTPUT_NUMBER], by[OUTPUT_NUMBER];
	bool is_sure = two_sided(change) < 0.05;
	enum output_face face = !is_sure		      ? OUTPUT_PLAIN
				: change->more > change->base ? OUTPUT_RED
							      : OUTPUT_GREEN;

	table_cell(table, OUTPUT_PLAIN, "%s", metric_text(base, metric, change->base));
	table_cell(table, OUTPUT_PLAIN, "%s", metric_text(more, metric, change->more));
	table_cell(table, face, "%s%s", metric_change(by, change->base, change->more),
		   is_sure ? " *" : "");
}

static void put_row(struct table *table, const struct lock_change *lock)
{
	const enum metric shown[] = { METRIC_WAIT_TOTAL, METRIC_HOLD_P50,
				      lock->in->has_units ? METRIC_ACQUISITIONS_PER_UNIT
							  : METRIC_ACQUISITIONS };
	const char *state = !lock->runs_base ? "new: " : !lock->runs_more ? "gone: " : "";

	table_cell(table, OUTPUT_BOLD, "%s%s", state, lock->label);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		put_change(table, &lock->metric[shown[i]], shown[i]);
}

static int put_table(const struct comparison *c, size_t top, FILE *out)
{
	const char *taken = c->has_units ? "per unit" : "taken";
	const char *more_taken = c->has_units ? "> per unit" : "> taken";
	const struct table_column columns[] = {
		{ "lock", TABLE_LEFT, true },	    { "wait", TABLE_RIGHT, false },
		{ "> wait", TABLE_RIGHT, false },   { "change", TABLE_RIGHT, false },
		{ "hold p50", TABLE_RIGHT, false }, { "> p50", TABLE_RIGHT, false },
		{ "change", TABLE_RIGHT, false },   { taken, TABLE_RIGHT, false },
		{ more_taken, TABLE_RIGHT, false }, { "change", TABLE_RIGHT, false },
	};
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int err;

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < c->nr_locks && i < top; i++)
		put_row(table, &c->locks[i]);
	put_row(table, &c->total);
	/* Wider than a terminal on purpose when it must be: names are of no use when cut to three
	 * letters. */
	err = table_print(table, out, output_width() < 120 ? 120 : output_width());
	table_free(table);
	if (c->nr_locks > top)
		fprintf(out, "... and %zu more locks (--all)\n", c->nr_locks - top);
	return err;
}

static void put_place(const struct place_change *change, bool has_units, FILE *out)
{
	char text[1024], base[OUTPUT_NUMBER], more[OUTPUT_NUMBER], wait[OUTPUT_NUMBER];

	output_escape(text, sizeof(text), change->place->text);
	fprintf(out, "  %s: held %s > %s", text,
		metric_text(base, METRIC_HOLD_P50, change->base_hold_ns),
		metric_text(more, METRIC_HOLD_P50, change->hold_ns));
	if (fabs(change->blamed_ns) >= 1)
		fprintf(out, ", made others wait %s%s", change->blamed_ns < 0 ? "-" : "+",
			output_time(wait, (uint64_t)fabs(change->blamed_ns)));
	if (has_units && (change->acquired >= 0.001 || change->acquired <= -0.001))
		fprintf(out, ", taken %+.3f per unit of work", change->acquired);
	fputc('\n', out);
}

static bool changed(const struct change *change)
{
	return fabs(change->more - change->base) > SMALL_CHANGE * fabs(change->base);
}

/* The locks whose waits or holds changed, with the places that changed most. */
static void put_places(const struct comparison *c, size_t top, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < c->nr_locks && i < top; i++) {
		const struct lock_change *lock = &c->locks[i];
		char label[512];

		if (!lock->nr_places || !lock->runs_base || !lock->runs_more ||
		    (!changed(&lock->metric[METRIC_WAIT_TOTAL]) &&
		     !changed(&lock->metric[METRIC_HOLD_P50]) &&
		     !changed(&lock->metric[METRIC_ACQUISITIONS_PER_UNIT])))
			continue;
		output_escape(label, sizeof(label), lock->label);
		fprintf(out, "%s%s\n", any ? "" : "\nWhere, in the median run:\n", label);
		any = true;
		for (size_t k = 0; k < lock->nr_places && k < MOST_PLACES; k++)
			put_place(&lock->places[k], c->has_units, out);
	}
}

static void put_side(const char *what, const struct runs *runs, double units, FILE *out)
{
	char name[512], phase[512] = "", duration[OUTPUT_NUMBER];
	double sum = 0;

	for (size_t i = 0; i < runs->nr; i++)
		sum += runs->runs[i].duration_ns;
	output_escape(name, sizeof(name), runs->runs[0].program);
	if (runs->phase)
		output_escape(phase, sizeof(phase), runs->phase);
	fprintf(out, "%s: %zu run%s of %s%s%s, %s on average", what, runs->nr,
		report_plural(runs->nr), name, runs->phase ? ", phase " : "", phase,
		output_time(duration, (uint64_t)(sum / (double)runs->nr)));
	if (units > 0)
		fprintf(out, ", %.0f unit%s of work", units, report_plural((uint64_t)units));
	fputc('\n', out);
}

int diff_text(const struct comparison *c, size_t top, FILE *out)
{
	int err;

	put_side("base", c->base, c->base_units, out);
	put_side("new ", c->more, c->more_units, out);
	fputc('\n', out);
	err = put_table(c, top, out);
	put_places(c, top, out);
	fputc('\n', out);
	if (c->differ[0])
		fprintf(out, "Waiting is not comparable: %s.\n", c->differ);
	if (c->base->nr < 4 || c->more->nr < 4)
		fputs("With fewer than 4 runs on a side no change can be told from chance.\n", out);
	else
		fputs("Medians over the runs. * : p < 0.05 in the two-sided Mann-Whitney test, for "
		      "each value by itself.\n",
		      out);
	return err;
}
