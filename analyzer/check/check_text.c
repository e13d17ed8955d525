/* SPDX-License-Identifier: MIT */
/*
 * check_text.c: the verdict for people: what failed in sentences, then every value that was judged
 */
#include "check.h"

#include "../report.h"
#include "../table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static enum output_face face_of(enum verdict verdict)
{
	switch (verdict) {
	case JUDGED_FAIL:
		return OUTPUT_RED;
	case JUDGED_INCONCLUSIVE:
	case JUDGED_WARN:
		return OUTPUT_YELLOW;
	default:
		return OUTPUT_GREEN;
	}
}

static int put_sentence(const struct result *result, FILE *out)
{
	const struct report report = { .width = output_width() };
	enum output_face face = face_of(result->verdict);
	struct report_line line;
	char first[OUTPUT_NUMBER];

	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fputs(result->text, line.out);
	if (result->file && result->line > 0)
		fprintf(line.out, " [%s:%d]", result->file, result->line);
	snprintf(first, sizeof(first), "%s: ", verdict_words[result->verdict]);
	return report_paragraph(&report, out, first, face, &line);
}

static int put_sentences(const struct check *check, FILE *out)
{
	int err = 0;

	for (size_t i = 0; i < check->nr_results && !err; i++)
		if (check->results[i].verdict > JUDGED_PASS)
			err = put_sentence(&check->results[i], out);
	return err;
}

static bool has_phases(const struct check *check)
{
	return check->nr_comparisons > 1;
}

static void put_row(struct table *table, const struct check *check, const struct result *result)
{
	const struct change *change = &result->lock->metric[result->metric];
	char text[OUTPUT_NUMBER];
	enum metric metric = (enum metric)result->metric;

	if (has_phases(check))
		table_cell(table, OUTPUT_PLAIN, "%s",
			   result->lock->in->phase ? result->lock->in->phase : "all");
	table_cell(table, OUTPUT_BOLD, "%s", result->lock->label);
	table_cell(table, OUTPUT_PLAIN, "%s", result->rule);
	table_cell(table, OUTPUT_PLAIN, "%s",
		   check->has_base ? metric_text(text, metric, change->base) : "");
	table_cell(table, OUTPUT_PLAIN, "%s", metric_text(text, metric, change->more));
	table_cell(table, OUTPUT_PLAIN, "%s",
		   check->has_base ? metric_change(text, change->base, change->more) : "");
	if (isnan(result->limit))
		table_cell(table, OUTPUT_PLAIN, "exact");
	else if (result->tier == TIER_BUDGET)
		table_cell(table, OUTPUT_PLAIN, "%s", metric_text(text, metric, result->limit));
	else
		table_cell(table, OUTPUT_PLAIN, "%s", metric_change(text, 1, result->limit));
	if (isnan(result->p_adjusted))
		table_cell(table, OUTPUT_PLAIN, "-");
	else
		table_cell(table, OUTPUT_PLAIN, "%.2g", result->p_adjusted);
	table_cell(table, face_of(result->verdict), "%s", verdict_words[result->verdict]);
}

static int put_table(const struct check *check, FILE *out)
{
	static const struct table_column columns[] = {
		{ "phase", TABLE_LEFT, false },	   { "lock", TABLE_LEFT, true },
		{ "value", TABLE_LEFT, false },	   { "base", TABLE_RIGHT, false },
		{ "new", TABLE_RIGHT, false },	   { "change", TABLE_RIGHT, false },
		{ "allowed", TABLE_RIGHT, false }, { "p", TABLE_RIGHT, false },
		{ "", TABLE_LEFT, false },
	};
	size_t first = has_phases(check) ? 0 : 1;
	struct table *table =
		table_new(columns + first, sizeof(columns) / sizeof(columns[0]) - first);
	size_t nr = 0;
	int err = 0;

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < check->nr_results; i++) {
		if (check->results[i].metric < 0)
			continue;
		put_row(table, check, &check->results[i]);
		nr++;
	}
	if (nr) {
		fputc('\n', out);
		err = table_print(table, out, output_width());
	}
	table_free(table);
	return err;
}

static void put_judged(const struct check *check, FILE *out)
{
	fprintf(out, "Compared with the baseline: %zu value%s of %zu lock%s", check->nr_questions,
		report_plural(check->nr_questions), check->nr_judged,
		report_plural(check->nr_judged));
	if (check->nr_judged < check->nr_eligible)
		fprintf(out, ", out of %zu those that cost most time there", check->nr_eligible);
	if (check->runs_for_all > check->comparisons[0].more->nr)
		fprintf(out, "; %zu runs a side would do for all", check->runs_for_all);
	fputs(".\n", out);
	if (check->budget->nr_looks > 1)
		fprintf(out,
			"More runs are made while they cannot tell all; each of %u looks has its "
			"part of alpha.\n",
			check->budget->nr_looks);
	for (size_t i = 0; i < check->nr_comparisons; i++) {
		const struct comparison *c = &check->comparisons[i];
		char phase[512] = "";

		if (c->phase)
			output_escape(phase, sizeof(phase), c->phase);
		if (c->differ[0] && check_judges(check, c))
			fprintf(out, "Waiting%s%s is not comparable: %s.\n",
				c->phase ? " in phase " : "", phase, c->differ);
	}
}

int check_text(const struct check *check, FILE *out)
{
	const struct comparison *c = &check->comparisons[0];
	char program[512];
	int err;

	output_escape(program, sizeof(program), c->more->runs[0].program);
	fprintf(out, "%s%s%s: %zu run%s of %s", output_face_begin(face_of(check->verdict)),
		verdict_words[check->verdict], output_face_end(face_of(check->verdict)),
		c->more->nr, report_plural(c->more->nr), program);
	if (check->has_base)
		fprintf(out, " against %zu", c->base->nr);
	fprintf(out, "; %zu failed, %zu inconclusive, %zu warning%s, %zu passed\n",
		check_count(check, JUDGED_FAIL), check_count(check, JUDGED_INCONCLUSIVE),
		check_count(check, JUDGED_WARN), report_plural(check_count(check, JUDGED_WARN)),
		check_count(check, JUDGED_PASS));
	err = put_sentences(check, out);
	if (!err)
		err = put_table(check, out);
	if (check->has_base) {
		fputc('\n', out);
		put_judged(check, out);
	}
	return err;
}
