/* SPDX-License-Identifier: MIT */
/*
 * judge_words.c: each result as sentences: what got worse, by how much, how sure that is, and where
 *
 * The writers show these texts as they are, so that a console, a code review and a test report say
 * the same. Names out of traces are not escaped here: each writer has its own rules.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int words_plain(struct result *result, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&result->text, format, args);
	va_end(args);
	if (length < 0)
		result->text = NULL;
	return length < 0 ? -ENOMEM : 0;
}

static bool is_wait(int metric)
{
	return (metric >= METRIC_WAIT_TOTAL && metric <= METRIC_WAIT_MAX) ||
	       metric == METRIC_WAIT_PER_UNIT;
}

/* " Most of it is in lookup < serve, which holds it 487 ns (before: 388 ns)." */
static void put_culprit(const struct result *result, FILE *out)
{
	const struct place_change *place = judge_culprit(result->lock, (enum metric)result->metric);
	char base[OUTPUT_NUMBER], more[OUTPUT_NUMBER];

	if (!place)
		return;
	if (result->metric == METRIC_ACQUISITIONS_PER_UNIT) {
		fprintf(out, " Most of it is in %s, which %s %s.", place->place->text,
			result->lock->in->base->nr ? "gained" : "has",
			metric_text(more, METRIC_ACQUISITIONS_PER_UNIT, place->acquired));
		return;
	}
	if (is_wait(result->metric)) {
		fprintf(out, " Most of it while %s held it, which others waited %s longer for.",
			place->place->text, metric_text(more, METRIC_WAIT_TOTAL, place->blamed_ns));
		return;
	}
	fprintf(out, " Most of it is in %s, which holds it for %s", place->place->text,
		metric_text(more, METRIC_HOLD_P50, place->hold_ns));
	if (!isnan(place->base_hold_ns))
		fprintf(out, " (before: %s)",
			metric_text(base, METRIC_HOLD_P50, place->base_hold_ns));
	fputc('.', out);
}

static void take_place(struct result *result)
{
	const struct place_change *change =
		judge_culprit(result->lock, (enum metric)result->metric);

	if (!change)
		return;
	result->file = change->place->file;
	result->function = change->place->function;
	result->line = change->place->line;
}

static void put_sureness(const struct check *check, const struct result *result, FILE *out)
{
	const struct comparison *c = &check->comparisons[0];

	fprintf(out, "p = %.2g (%.2g by itself, %zu value%s tested) with %zu new runs against %zu",
		result->p_adjusted, result->p, result->nr_tested, result->nr_tested == 1 ? "" : "s",
		c->more->nr, c->base->nr);
}

/* The verdict's reason, where the numbers alone do not give it. */
static void put_reason(const struct result *result, FILE *out)
{
	const struct change *change = &result->lock->metric[result->metric];
	char least[OUTPUT_NUMBER], most[OUTPUT_NUMBER], growth[OUTPUT_NUMBER];
	enum metric metric = (enum metric)result->metric;

	if (result->verdict == JUDGED_INCONCLUSIVE)
		fprintf(out,
			", but the runs differ too much (%s to %s in the baseline) to tell that "
			"from %s",
			metric_text(least, metric, change->base_least),
			metric_text(most, metric, change->base_most),
			metric_change(growth, 1, 1 + result->visible));
	else if (result->verdict == JUDGED_WARN && result->is_sure)
		fputs(", but all locks together are not waited for more", out);
	else if (result->verdict == JUDGED_WARN)
		fputs(", which cannot be told from chance", out);
}

static void put_relative(const struct check *check, const struct result *result, FILE *out)
{
	const struct change *change = &result->lock->metric[result->metric];
	char base[OUTPUT_NUMBER], more[OUTPUT_NUMBER], by[OUTPUT_NUMBER], most[OUTPUT_NUMBER];
	enum metric metric = (enum metric)result->metric;

	fprintf(out, "%s: %s went from %s to %s (%s; allowed: %s)", result->subject,
		metrics[metric].words, metric_text(base, metric, change->base),
		metric_text(more, metric, change->more),
		metric_change(by, change->base, change->more),
		metric_change(most, 1, result->limit));
	put_reason(result, out);
	fputs(": ", out);
	put_sureness(check, result, out);
	fputc('.', out);
	if (result->verdict >= JUDGED_WARN && change->more > change->base)
		put_culprit(result, out);
}

static void put_absolute(const struct check *check, const struct result *result, unsigned int line,
			 FILE *out)
{
	char value[OUTPUT_NUMBER], limit[OUTPUT_NUMBER];
	enum metric metric = (enum metric)result->metric;

	fprintf(out, "%s: %s is %s in the median run; the budget allows %s (%s:%u).",
		result->subject, metrics[metric].words,
		metric_text(value, metric, result->lock->metric[metric].more),
		metric_text(limit, metric, result->limit), check->budget->path, line);
	if (result->verdict == JUDGED_FAIL)
		put_culprit(result, out);
}

static int finish(struct result *result, FILE *out)
{
	if (fclose(out) != 0 || !result->text) {
		free(result->text);
		result->text = NULL;
		return -ENOMEM;
	}
	take_place(result);
	return 0;
}

/* So many digits that the two can be told apart. */
static void put_counts(double count, double base, FILE *out)
{
	char text[OUTPUT_NUMBER], base_text[OUTPUT_NUMBER];
	const enum metric metric = METRIC_ACQUISITIONS_PER_UNIT;

	if (strcmp(metric_text(text, metric, count), metric_text(base_text, metric, base)) == 0 &&
	    (count < base || count > base))
		fprintf(out, "%.9g acquisitions per unit of work instead of %.9g", count, base);
	else
		fprintf(out, "%s acquisitions per unit of work instead of %s", text, base_text);
}

static void put_units(const struct result *result, double most, FILE *out)
{
	const struct place_change *place =
		judge_culprit(result->lock, METRIC_ACQUISITIONS_PER_UNIT);
	double base = result->lock->metric[METRIC_ACQUISITIONS_PER_UNIT].base;
	double more = result->lock->metric[METRIC_ACQUISITIONS_PER_UNIT].more;
	char text[OUTPUT_NUMBER];

	fprintf(out, "%s: ", result->subject);
	if (result->verdict == JUDGED_WARN) {
		fputs("in some of the new runs, but not in all, ", out);
		put_counts(most, base, out);
	} else if (more < base || more > base) {
		put_counts(more, base, out);
	} else {
		fprintf(out, "%s acquisitions per unit of work, as in the baseline",
			metric_text(text, METRIC_ACQUISITIONS_PER_UNIT, base));
	}
	if (result->verdict == JUDGED_FAIL && place)
		fprintf(out, "; %s gained %s", place->place->text,
			metric_text(text, METRIC_ACQUISITIONS_PER_UNIT, place->acquired));
	fputc('.', out);
}

int words_units(struct result *result, double most)
{
	size_t size;
	FILE *out = open_memstream(&result->text, &size);

	if (!out)
		return -ENOMEM;
	put_units(result, most, out);
	return finish(result, out);
}

int words_relative(const struct check *check, struct result *result)
{
	size_t size;
	FILE *out = open_memstream(&result->text, &size);

	if (!out)
		return -ENOMEM;
	put_relative(check, result, out);
	return finish(result, out);
}

int words_absolute(const struct check *check, struct result *result, unsigned int line)
{
	size_t size;
	FILE *out = open_memstream(&result->text, &size);

	if (!out)
		return -ENOMEM;
	put_absolute(check, result, line, out);
	return finish(result, out);
}
