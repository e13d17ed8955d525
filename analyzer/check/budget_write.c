/* SPDX-License-Identifier: MIT */
/*
 * budget_write.c: a budget that a baseline keeps, to be edited
 *
 * Only what can be promised is written as a limit: medians of holds with half as much again as the
 * worst run, and shares of waiting with twice the worst run and a percent more, since waiting
 * varies. What was measured stands beside each limit.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define MOST_LOCKS  10
#define LEAST_HOLDS 30

/* Two digits, rounded up, in a unit that the parser knows. */
static void put_time(double ns, FILE *out)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	double step = pow(10, floor(log10(fmax(ns, 1))) - 1);
	size_t unit = 0;

	ns = ceil(ns / step) * step;
	while (ns >= 1000 && unit < 3) {
		ns /= 1000;
		unit++;
	}
	fprintf(out, "%.3g%s", ns, units[unit]);
}

static void put_share(double share, FILE *out)
{
	fprintf(out, "%.3g%%", fmin(100, ceil(share * 100)));
}

static void put_range(const struct change *change, enum metric metric, FILE *out)
{
	char base[OUTPUT_NUMBER], least[OUTPUT_NUMBER], most[OUTPUT_NUMBER];

	fprintf(out, "  # measured: %s (%s to %s)\n", metric_text(base, metric, change->base),
		metric_text(least, metric, change->base_least),
		metric_text(most, metric, change->base_most));
}

static void put_hold(const struct lock_change *lock, enum metric metric, FILE *out)
{
	fprintf(out, "%s = ", metrics[metric].name);
	put_time(1.5 * lock->metric[metric].base_most + 50, out);
	put_range(&lock->metric[metric], metric, out);
}

/* Waiting in a part of a run varies even more: left to the user. */
static void put_wait(const struct lock_change *lock, FILE *out)
{
	const struct change *change = &lock->metric[METRIC_WAIT_SHARE];

	fprintf(out, "%swait_share = ", lock->in->phase ? "# " : "");
	put_share(2 * change->base_most + 0.01, out);
	put_range(change, METRIC_WAIT_SHARE, out);
}

static bool is_writable(const char *name)
{
	return *name && !strchr(name, '"') && output_escape(NULL, 0, name) == strlen(name);
}

/* One that never varies is a promise; else a tenth more than the worst run. */
static void put_units(const struct lock_change *lock, FILE *out)
{
	const struct change *change = &lock->metric[METRIC_ACQUISITIONS_PER_UNIT];
	double limit = change->base_most;

	if (!lock->in->has_units)
		return;
	if (change->base_most > change->base_least)
		limit *= 1.1;
	fprintf(out, "%s = %.10g", metrics[METRIC_ACQUISITIONS_PER_UNIT].name,
		ceil(limit * 1e6) / 1e6);
	put_range(change, METRIC_ACQUISITIONS_PER_UNIT, out);
}

static void put_lock(const struct lock_change *lock, FILE *out)
{
	/* The name without the address that tells twins apart: the same in the next build. */
	const char *name = strchr(lock->key, '/');
	char text[1024];

	name = name ? strchr(name + 1, '/') : NULL;
	output_escape(text, sizeof(text), name ? name + 1 : lock->label);
	fprintf(out, "\n[lock \"%s\"", text);
	if (lock->in->phase)
		fprintf(out, " in \"%s\"", lock->in->phase);
	fputs("]\n", out);
	put_units(lock, out);
	put_hold(lock, METRIC_HOLD_P50, out);
	put_hold(lock, METRIC_HOLD_P90, out);
	if (!lock->in->phase)
		put_wait(lock, out);
}

/* The next lock by what it costs, after `last`; NULL: there is none. */
static const struct lock_change *next_lock(const struct comparison *c,
					   const struct lock_change *last)
{
	const struct lock_change *best = NULL;

	for (size_t i = 0; i < c->nr_locks; i++) {
		const struct lock_change *lock = &c->locks[i];

		if (lock->runs_base < c->base->nr || lock->base_held < LEAST_HOLDS ||
		    !is_writable(lock->label) || (last && lock->base_cost_ns >= last->base_cost_ns))
			continue;
		if (!best || lock->base_cost_ns > best->base_cost_ns)
			best = lock;
	}
	return best;
}

static void put_locks(const struct comparison *c, FILE *out)
{
	const struct lock_change *lock = next_lock(c, NULL);

	for (size_t i = 0; lock && i < MOST_LOCKS; i++) {
		put_lock(lock, out);
		lock = next_lock(c, lock);
	}
}

/* One that each run has. */
static void put_phase(const struct comparison *c, FILE *out)
{
	if (c->base_phases < c->base->nr || !is_writable(c->phase))
		return;
	fprintf(out, "\n[phase \"%s\"]\n", c->phase);
	put_units(&c->total, out);
	put_wait(&c->total, out);
	put_locks(c, out);
}

int budget_write(const struct comparison *comparisons, size_t nr, FILE *out)
{
	const struct comparison *comparison = &comparisons[0];
	uint32_t cycles = 0;
	char program[512];

	output_escape(program, sizeof(program), comparison->base->runs[0].program);
	fprintf(out,
		"# Budget for lockprof check, made from %zu run%s of %s.\n"
		"# Limits are for the median of the new runs; see lockprof-check(1).\n\n"
		"[check]\n"
		"# alpha = 0.05             chance of a false failure by the tests against a baseline\n"
		"# hold_rel = +20%%          how much hold times may grow against it\n"
		"# gate_wait = no           whether more waiting fails; it varies between runs\n"
		"# wait_alpha = 0.01        chance of a false failure by waiting\n"
		"# wait_rel = +50%%\n"
		"# on_missing_lock = warn   or ignore, fail: a section below that fits no lock\n"
		"# on_missing_phase = fail\n"
		"# on_new_lock = warn\n\n"
		"[lock-order]\n",
		comparison->base->nr, comparison->base->nr == 1 ? "" : "s", program);
	for (size_t i = 0; i < comparison->base->nr; i++)
		if (cycles < comparison->base->runs[i].nr_cycles)
			cycles = comparison->base->runs[i].nr_cycles;
	fprintf(out, "cycles = %u\n# fail_on = PREDICTED\n\n[total]\n", cycles);
	put_units(&comparison->total, out);
	put_wait(&comparison->total, out);
	put_locks(comparison, out);
	for (size_t i = 1; i < nr; i++)
		put_phase(&comparisons[i], out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}
