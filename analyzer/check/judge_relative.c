/* SPDX-License-Identifier: MIT */
/*
 * judge_relative.c: what may grow by so much against the baseline
 *
 * Every value of a lock that could fail the check is a question, and all questions are one family
 * for Holm's adjustment, so that alpha is the chance of any false failure by the test alone. (The
 * limits on ratio and difference then make it far less.) Which questions are asked is known before
 * the new runs are looked at: what the budget names, then as many as the numbers of runs can
 * answer: the median hold of all locks, the costliest in the baseline first, then what follows in
 * by_default. Few runs can reach no small p: five against five bear 12 questions, six against
 * six 46.
 *
 * The limit on the ratio is the budget's, but never less than 3 times the baseline's own spread
 * (MAD); a value that jumps about between runs of one build is none to fail a build by. Three times
 * are also three standard errors of the difference of two medians of 7 values; with more runs that
 * becomes less, so that more runs see more.
 */
#include "check.h"

#include "../diff/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_HOLDS   30   /* in each run of the baseline, for percentiles that mean something */
#define STEADY_COUNTS 0.05 /* range of the acquisitions over their median */
#define MOST_SPREADS  3
#define ERRORS	      8 /* 3 * sqrt(2) * 1.2533 * 1.4826: MADs by the root of the runs */

/* What is asked of a lock that the budget does not name, the most telling first. */
static const enum metric by_default[] = { METRIC_HOLD_P50, METRIC_WAIT_SHARE, METRIC_DEMAND,
					  METRIC_HOLD_P90 };

struct question {
	const struct lock_change *lock;
	enum metric metric;
	double relative; /* greatest growth */
	double p;
};

struct family {
	struct question *questions;
	size_t nr;
	bool differ; /* something was asked that cannot be compared */
};

static bool is_contention(enum metric metric)
{
	return metric == METRIC_WAIT_TOTAL || metric == METRIC_WAIT_SHARE ||
	       metric == METRIC_CONTENTION || metric == METRIC_WAIT_P99 ||
	       metric == METRIC_WAIT_MAX;
}

/* Without marks of the work done, more acquisitions can just be more work: if their number varies.
 */
static bool is_steady(const struct lock_change *lock)
{
	const struct change *change = &lock->metric[METRIC_ACQUISITIONS];

	return change->base_most - change->base_least <= STEADY_COUNTS * change->base;
}

/* What a lock's value may grow by; NAN: it is not asked for. */
static double relative_of(const struct check *check, const struct lock_change *lock,
			  const struct limits *limits, enum metric metric)
{
	const struct budget *budget = check->budget;
	bool is_lock = lock != &check->comparison->total;

	if (!isnan(limits->relative[metric]))
		return isinf(limits->relative[metric]) ? NAN : limits->relative[metric];
	switch (metric) {
	case METRIC_HOLD_P50:
	case METRIC_HOLD_P90:
		return is_lock && budget->gate_hold > 0 ? budget->hold_rel : NAN;
	case METRIC_DEMAND:
		return is_lock && budget->gate_hold > 0 && is_steady(lock) ? budget->hold_rel : NAN;
	case METRIC_WAIT_SHARE:
		return budget->gate_wait > 0 ? budget->wait_rel : NAN;
	default:
		return NAN;
	}
}

static int ask(struct check *check, struct family *family, const struct lock_change *lock,
	       enum metric metric, double relative)
{
	struct question *all;

	if (isnan(relative) || isinf(relative))
		return 0;
	if (is_contention(metric) && check->comparison->differ[0]) {
		family->differ = true;
		return 0;
	}
	all = realloc(family->questions, (family->nr + 1) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	family->questions = all;
	all[family->nr++] = (struct question){ lock, metric, relative, 1 };
	return 0;
}

/* What the budget asks for by name is asked whatever the lock costs. */
static bool is_named(const struct limits *limits)
{
	for (int m = 0; m < NR_METRICS; m++)
		if (isfinite(limits->relative[m]))
			return true;
	return false;
}

static int ask_lock(struct check *check, struct family *family, const struct lock_change *lock,
		    const struct limits *limits)
{
	int err = 0;

	for (int m = 0; m < NR_METRICS && !err; m++)
		err = ask(check, family, lock, (enum metric)m,
			  relative_of(check, lock, limits, (enum metric)m));
	return err;
}

static bool is_eligible(const struct check *check, const struct lock_change *lock)
{
	return lock->runs_base == check->comparison->base->nr && lock->base_held >= LEAST_HOLDS;
}

static int by_cost(const void *a, const void *b)
{
	const struct lock_change *x = *(const struct lock_change *const *)a;
	const struct lock_change *y = *(const struct lock_change *const *)b;

	if (x->base_cost_ns != y->base_cost_ns)
		return x->base_cost_ns < y->base_cost_ns ? 1 : -1;
	return strcmp(x->key, y->key);
}

static bool is_asked(const struct family *family, const struct lock_change *lock)
{
	for (size_t i = 0; i < family->nr; i++)
		if (family->questions[i].lock == lock)
			return true;
	return false;
}

/* What the budget names, of all locks together too. */
static int ask_named(struct check *check, struct family *family, const struct lock_change **locks,
		     size_t nr)
{
	int err = ask_lock(check, family, &check->comparison->total, &check->budget->total);

	for (size_t i = 0; i < nr && !err; i++) {
		struct limits limits = budget_limits(check->budget, locks[i]);

		if (is_named(&limits))
			err = ask_lock(check, family, locks[i], &limits);
	}
	return err;
}

/* As long as there is room; *total counts what would be asked if there were more. */
static int ask_others(struct check *check, struct family *family, const struct lock_change **locks,
		      size_t nr, size_t capacity, size_t *total)
{
	int err = 0;

	*total = family->nr;
	for (size_t m = 0; m < sizeof(by_default) / sizeof(by_default[0]); m++) {
		for (size_t i = 0; i < nr && !err; i++) {
			struct limits limits = budget_limits(check->budget, locks[i]);
			size_t before = family->nr;

			if (is_named(&limits) || !is_eligible(check, locks[i]))
				continue;
			err = ask(check, family, locks[i], by_default[m],
				  relative_of(check, locks[i], &limits, by_default[m]));
			*total += family->nr - before;
			if (family->nr > capacity)
				family->nr = before;
		}
	}
	return err;
}

static void count_locks(struct check *check, const struct family *family,
			const struct lock_change **locks, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		bool judged = is_asked(family, locks[i]);

		check->nr_judged += judged;
		check->nr_eligible += judged || is_eligible(check, locks[i]);
	}
}

/* ---- answers ---- */

static double floor_of(const struct check *check, enum metric metric)
{
	switch (metric) {
	case METRIC_HOLD_P50:
	case METRIC_HOLD_P90:
	case METRIC_HOLD_MAX:
		return check->budget->hold_floor_ns;
	case METRIC_DEMAND:
		return check->budget->demand_floor_ns;
	case METRIC_ACQUISITIONS:
		return 0;
	default:
		return check->budget->wait_floor_ns;
	}
}

/* Shares pass the floor by the wait time behind them. */
static bool passes_floor(const struct check *check, const struct question *q)
{
	bool by_total = is_contention(q->metric) && q->metric != METRIC_WAIT_P99 &&
			q->metric != METRIC_WAIT_MAX;
	const struct change *change = &q->lock->metric[by_total ? METRIC_WAIT_TOTAL : q->metric];

	return change->more - change->base >= floor_of(check, q->metric);
}

static double limit_of(const struct question *q)
{
	const struct change *change = &q->lock->metric[q->metric];
	double spreads = fmin(MOST_SPREADS, ERRORS / sqrt(fmax((double)change->nr_base, 1)));
	double spread = change->base > 0 ? spreads * change->base_mad / change->base : 0;

	return 1 + fmax(q->relative, spread);
}

/* A lock that is waited for more while all together wait less: the queue only moved. */
static bool has_moved(const struct check *check, const struct question *q)
{
	const struct change *total = &check->comparison->total.metric[METRIC_WAIT_SHARE];
	struct limits limits = budget_limits(check->budget, q->lock);

	return is_contention(q->metric) && total->more <= total->base && !is_named(&limits);
}

/* Waiting that varies so much from run to run that a doubling would not be seen. */
static bool is_too_noisy(const struct check *check, const struct question *q)
{
	return is_contention(q->metric) && q->relative < 1 && limit_of(q) > 2 &&
	       q->lock->metric[METRIC_WAIT_TOTAL].base >= check->budget->wait_floor_ns;
}

static enum verdict verdict_of(const struct check *check, const struct question *q,
			       double p_adjusted)
{
	const struct change *change = &q->lock->metric[q->metric];
	bool grew = change->base > 0 ? change->more / change->base > limit_of(q) : change->more > 0;

	grew = grew && passes_floor(check, q);
	if (grew && p_adjusted < check->budget->alpha)
		return has_moved(check, q) ? JUDGED_WARN : JUDGED_FAIL;
	if (is_too_noisy(check, q))
		return JUDGED_INCONCLUSIVE;
	return grew ? JUDGED_WARN : JUDGED_PASS;
}

static int answer(struct check *check, const struct question *q, double p_adjusted)
{
	enum tier tier = is_contention(q->metric) ? TIER_CONTENTION : TIER_ROBUST;
	struct result *result = check_add(check, tier, verdict_of(check, q, p_adjusted),
					  q->lock->label, metrics[q->metric].name);

	if (!result)
		return -ENOMEM;
	result->lock = q->lock;
	result->metric = (int)q->metric;
	result->limit = limit_of(q);
	result->p = q->p;
	result->p_adjusted = p_adjusted;
	return words_relative(check, result);
}

static int answer_all(struct check *check, struct family *family)
{
	double *p = calloc(family->nr + 1, sizeof(*p));
	int err = p ? 0 : -ENOMEM;

	for (size_t i = 0; p && i < family->nr; i++) {
		struct question *q = &family->questions[i];

		p[i] = q->p = q->lock->metric[q->metric].p_up;
	}
	if (!err)
		err = stats_holm(p, family->nr);
	check->nr_questions = family->nr;
	for (size_t i = 0; i < family->nr && !err; i++)
		err = answer(check, &family->questions[i], p[i]);
	free(p);
	return err;
}

/* ---- when it cannot be told ---- */

static int inconclusive(struct check *check, const char *rule, const char *text)
{
	struct result *result =
		check_add(check, TIER_ROBUST, JUDGED_INCONCLUSIVE, "comparison", rule);

	return result ? words_plain(result, "%s", text) : -ENOMEM;
}

static int too_few(struct check *check, size_t needed)
{
	const struct comparison *c = check->comparison;
	char text[256];

	snprintf(text, sizeof(text),
		 "%zu run%s against %zu of the baseline cannot show anything at alpha = %g: at "
		 "least %zu on each side are needed.",
		 c->more->nr, c->more->nr == 1 ? "" : "s", c->base->nr, check->budget->alpha,
		 needed);
	return inconclusive(check, "too few runs", text);
}

/* Whether any lock of the baseline is there still; a wrong program has none. */
static bool has_common(const struct comparison *c)
{
	bool any_base = false;

	for (size_t i = 0; i < c->nr_locks; i++) {
		any_base |= c->locks[i].runs_base > 0;
		if (c->locks[i].runs_base && c->locks[i].runs_more)
			return true;
	}
	return !any_base;
}

static int contention_differs(struct check *check)
{
	struct result *result = check_add(check, TIER_CONTENTION, JUDGED_INCONCLUSIVE, "comparison",
					  "not comparable");

	return result ? words_plain(result, "Waiting cannot be compared: %s.",
				    check->comparison->differ)
		      : -ENOMEM;
}

static int judge_family(struct check *check, const struct lock_change **locks, size_t nr)
{
	const struct comparison *c = check->comparison;
	size_t capacity = stats_capacity(c->base->nr, c->more->nr, check->budget->alpha);
	size_t least, total;
	struct family family = { 0 };
	int err = ask_named(check, &family, locks, nr);

	least = family.nr;
	if (!err)
		err = ask_others(check, &family, locks, nr, capacity, &total);
	if (!err && family.differ)
		err = contention_differs(check);
	if (err)
		goto out;
	least = least ? least : total > 0;
	check->runs_for_all = stats_runs_needed(total, check->budget->alpha);
	if (least > 0 && (least > capacity || (double)c->base->nr < check->budget->min_runs ||
			  (double)c->more->nr < check->budget->min_runs)) {
		size_t needed = stats_runs_needed(least, check->budget->alpha);

		family.nr = 0;
		err = too_few(check, (size_t)fmax((double)needed, check->budget->min_runs));
	} else {
		err = answer_all(check, &family);
	}
	count_locks(check, &family, locks, nr);
out:
	free(family.questions);
	return err;
}

int judge_relative(struct check *check)
{
	const struct comparison *c = check->comparison;
	const struct lock_change **locks = calloc(c->nr_locks + 1, sizeof(*locks));
	int err;

	if (!locks)
		return -ENOMEM;
	for (size_t i = 0; i < c->nr_locks; i++)
		locks[i] = &c->locks[i];
	qsort(locks, c->nr_locks, sizeof(*locks), by_cost);
	err = has_common(c) ? judge_family(check, locks, c->nr_locks)
			    : inconclusive(check, "nothing in common",
					   "No lock of the baseline is in the new runs: is it the "
					   "same program?");
	free(locks);
	return err;
}

/* ---- where it comes from ---- */

const struct place_change *judge_culprit(const struct lock_change *lock, enum metric metric)
{
	const struct place_change *best = NULL;
	double most = 0;

	for (size_t i = 0; i < lock->nr_places; i++) {
		const struct place_change *place = &lock->places[i];
		double gain = is_contention(metric) ? place->blamed_ns : place->demand_ns;

		if (gain > most) {
			most = gain;
			best = place;
		}
	}
	return best;
}
