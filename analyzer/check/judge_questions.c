/* SPDX-License-Identifier: MIT */
/*
 * judge_questions.c: which values of which locks are compared with the baseline
 *
 * Every value that could fail the check is a question. They come in families, each with a chance of
 * its own to fail the check falsely, whatever their number:
 *
 *	HOLDS		alpha: the median hold of all locks, the costliest in the baseline first,
 *			then what follows in by_default
 *	WAITS		4/5 of wait_alpha: the usual waits of each lock that has a twentieth of the
 *			baseline's waiting, and of all locks together unless one lock is nearly all
 *	ALL_WAITS	the rest of wait_alpha: the sum of all waits of all locks, for what is not
 *			usual; it varies much, and shows large changes only
 *
 * Where the program tells of its units of work, acquisitions and demand are those of one unit.
 *
 * Of a phase only what the budget names is asked; of phases that are judged alone, all. They have
 *no families of their own: more phases are more questions.
 *
 * What the budget names comes first. Which questions are asked is known before the new runs are
 * looked at. Few runs can reach no small p: five against five bear 12 questions at alpha = 0.05,
 * six against six 46. With --max-runs the runs are looked at several times, and each look has an
 * equal share of alpha.
 */
#include "judge_questions.h"

#include "../diff/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_HOLDS   30   /* in each run of the baseline, for percentiles that mean something */
#define STEADY_COUNTS 0.05 /* range of the acquisitions over their median */
#define LEAST_PART    0.05 /* of the baseline's waiting, for a lock to be asked for its part */
#define NEARLY_ALL    0.95
#define USUAL_PART    0.8 /* of wait_alpha */

/* What is asked of a lock that the budget does not name, the most telling first. */
static const enum metric by_default[] = {
	METRIC_HOLD_P50,   METRIC_ACQUISITIONS_PER_UNIT,
	METRIC_DEMAND,	   METRIC_DEMAND_PER_UNIT,
	METRIC_HOLD_P90,   METRIC_WAIT_USUAL,
	METRIC_WAIT_SHARE,
};

bool question_is_contention(enum metric metric)
{
	return metric == METRIC_WAIT_TOTAL || metric == METRIC_WAIT_SHARE ||
	       metric == METRIC_WAIT_USUAL || metric == METRIC_CONTENTION ||
	       metric == METRIC_WAIT_P99 || metric == METRIC_WAIT_MAX ||
	       metric == METRIC_WAIT_PER_UNIT;
}

bool question_is_named(const struct check *check, const struct lock_change *lock)
{
	struct limits limits = budget_limits(check->budget, lock);

	for (int m = 0; m < NR_METRICS; m++)
		if (isfinite(limits.relative[m]))
			return true;
	return false;
}

/* ---- what is asked of a lock ---- */

/* Without marks of the work done, more acquisitions can just be more work: if their number varies.
 */
static bool is_steady(const struct lock_change *lock)
{
	const struct change *change = &lock->metric[METRIC_ACQUISITIONS];

	return change->base_most - change->base_least <= STEADY_COUNTS * change->base;
}

static bool is_eligible(const struct check *check, const struct lock_change *lock,
			enum metric metric)
{
	return check_judges_all(check, lock->in) && lock->runs_base == lock->in->base->nr &&
	       (question_is_contention(metric) || lock->base_held >= LEAST_HOLDS);
}

/* Its part of the baseline's waiting. */
static double part_of(const struct lock_change *lock)
{
	double all = lock->in->total.metric[METRIC_WAIT_TOTAL].base;

	return all > 0 ? lock->metric[METRIC_WAIT_TOTAL].base / all : 0;
}

static bool is_nearly_one_lock(const struct check *check, const struct comparison *c)
{
	for (size_t i = 0; i < c->nr_locks; i++)
		if (part_of(&c->locks[i]) >= NEARLY_ALL &&
		    is_eligible(check, &c->locks[i], METRIC_WAIT_USUAL))
			return true;
	return false;
}

/* The growth that the check allows a value for which the budget has no limit; NAN: not asked. */
static double default_of(const struct check *check, const struct lock_change *lock,
			 enum metric metric)
{
	const struct budget *budget = check->budget;
	bool is_total = lock == &lock->in->total;
	bool has_units = lock->in->has_units;

	switch (metric) {
	case METRIC_HOLD_P50:
	case METRIC_HOLD_P90:
		return !is_total && budget->gate_hold > 0 ? budget->hold_rel : NAN;
	case METRIC_DEMAND:
		return !is_total && !has_units && budget->gate_hold > 0 && is_steady(lock)
			       ? budget->hold_rel
			       : NAN;
	case METRIC_DEMAND_PER_UNIT:
		return !is_total && has_units && budget->gate_hold > 0 ? budget->hold_rel : NAN;
	case METRIC_ACQUISITIONS_PER_UNIT:
		return !is_total && has_units && budget->gate_units > 0 &&
				       !compare_is_exact(lock->in, lock)
			       ? budget->units_rel
			       : NAN;
	case METRIC_WAIT_USUAL:
		return budget->gate_wait > 0 && (is_total ? !is_nearly_one_lock(check, lock->in)
							  : part_of(lock) >= LEAST_PART)
			       ? budget->wait_rel
			       : NAN;
	case METRIC_WAIT_SHARE:
		return is_total && budget->gate_wait > 0 ? budget->wait_rel : NAN;
	default:
		return NAN;
	}
}

static int ask(struct check *check, struct families *families, enum family_kind kind,
	       const struct question *question)
{
	struct family *family = &families->family[kind];
	struct question *all;

	if (isnan(question->relative) || isinf(question->relative))
		return 0;
	if (question_is_contention(question->metric) && question->lock->in->differ[0]) {
		families->differ[question->lock->in - check->comparisons] = true;
		return 0;
	}
	if (metric_is_per_unit(question->metric) && !question->lock->in->has_units) {
		families->lacks_units = true;
		return 0;
	}
	all = realloc(family->questions, (family->nr + 1) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	family->questions = all;
	all[family->nr++] = *question;
	family->nr_all++;
	return 0;
}

/* ---- of all locks ---- */

/* The baseline's costliest first; all locks together before them. */
static int by_cost(const void *a, const void *b)
{
	const struct lock_change *x = *(const struct lock_change *const *)a;
	const struct lock_change *y = *(const struct lock_change *const *)b;

	if (x->base_cost_ns != y->base_cost_ns)
		return x->base_cost_ns < y->base_cost_ns ? 1 : -1;
	return strcmp(x->key, y->key) ? strcmp(x->key, y->key) : strcmp(x->subject, y->subject);
}

/* Of all comparisons that are judged. NULL: out of memory. */
static const struct lock_change **sort_locks(const struct check *check, size_t *nr)
{
	const struct lock_change **locks;
	size_t room = check->nr_comparisons, nr_totals;

	for (size_t k = 0; k < check->nr_comparisons; k++)
		room += check->comparisons[k].nr_locks;
	locks = calloc(room, sizeof(*locks));
	if (!locks)
		return NULL;
	*nr = 0;
	for (size_t k = 0; k < check->nr_comparisons; k++)
		if (check_judges(check, &check->comparisons[k]))
			locks[(*nr)++] = &check->comparisons[k].total;
	nr_totals = *nr;
	for (size_t k = 0; k < check->nr_comparisons; k++) {
		const struct comparison *c = &check->comparisons[k];

		for (size_t i = 0; i < c->nr_locks && check_judges(check, c); i++)
			locks[(*nr)++] = &c->locks[i];
	}
	qsort(locks + nr_totals, *nr - nr_totals, sizeof(*locks), by_cost);
	return locks;
}

static enum family_kind family_of(enum metric metric, bool by_name)
{
	if (!question_is_contention(metric))
		return FAMILY_HOLDS;
	return metric == METRIC_WAIT_SHARE && !by_name ? FAMILY_ALL_WAITS : FAMILY_WAITS;
}

static int ask_lock(struct check *check, struct families *families, const struct lock_change *lock)
{
	struct limits limits = budget_limits(check->budget, lock);
	int err = 0;

	for (int m = 0; m < NR_METRICS && !err; m++) {
		bool by_name = !isnan(limits.relative[m]);
		enum metric metric = (enum metric)m;
		double relative = by_name ? limits.relative[m] : default_of(check, lock, metric);

		err = ask(check, families, family_of(metric, by_name),
			  &(struct question){ lock, metric, relative });
	}
	return err;
}

/* Locks that the budget names are asked whatever they cost, and whatever the number of runs. */
static int ask_named(struct check *check, struct families *families,
		     const struct lock_change *const *locks, size_t nr)
{
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++)
		if (question_is_named(check, locks[i]))
			err = ask_lock(check, families, locks[i]);
	for (size_t f = 0; f < NR_FAMILIES; f++)
		families->family[f].nr_named = families->family[f].nr;
	return err;
}

/* As long as there is room. */
static int ask_others(struct check *check, struct families *families, enum metric metric,
		      const struct lock_change *const *locks, size_t nr)
{
	enum family_kind kind = family_of(metric, false);
	struct family *family = &families->family[kind];
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++) {
		const struct lock_change *lock = locks[i];
		struct question question = { lock, metric, default_of(check, lock, metric) };
		size_t before = family->nr;

		if (question_is_named(check, lock) || !is_eligible(check, lock, metric) ||
		    !isnan(budget_limits(check->budget, lock).relative[metric]))
			continue;
		err = ask(check, families, kind, &question);
		if (family->nr > family->capacity)
			family->nr = before;
	}
	return err;
}

static bool is_asked(const struct families *families, const struct lock_change *lock)
{
	for (size_t f = 0; f < NR_FAMILIES; f++)
		for (size_t i = 0; i < families->family[f].nr; i++)
			if (families->family[f].questions[i].lock == lock)
				return true;
	return false;
}

void questions_count(struct check *check, const struct families *families)
{
	for (size_t k = 0; k < check->nr_comparisons; k++) {
		const struct comparison *c = &check->comparisons[k];

		for (size_t i = 0; i < c->nr_locks; i++) {
			bool judged = is_asked(families, &c->locks[i]);

			check->nr_judged += judged;
			check->nr_eligible +=
				judged || is_eligible(check, &c->locks[i], METRIC_HOLD_P50);
		}
	}
}

static int begin(const struct check *check, struct families *families)
{
	const struct comparison *c = &check->comparisons[0];
	const struct budget *budget = check->budget;
	const double alpha[NR_FAMILIES] = {
		[FAMILY_HOLDS] = budget->alpha,
		[FAMILY_WAITS] = budget->wait_alpha * USUAL_PART,
		[FAMILY_ALL_WAITS] = budget->wait_alpha * (1 - USUAL_PART),
	};

	*families = (struct families){ .differ = calloc(check->nr_comparisons, sizeof(bool)) };
	for (size_t f = 0; f < NR_FAMILIES; f++) {
		families->family[f].alpha = alpha[f] / budget->nr_looks;
		families->family[f].capacity =
			stats_capacity(c->base->nr, c->more->nr, families->family[f].alpha);
	}
	return families->differ ? 0 : -ENOMEM;
}

int questions_find(struct check *check, struct families *families)
{
	size_t nr = 0;
	const struct lock_change **locks = sort_locks(check, &nr);
	int err = begin(check, families);

	if (!locks)
		err = -ENOMEM;
	if (!err)
		err = ask_named(check, families, locks, nr);
	for (size_t m = 0; m < sizeof(by_default) / sizeof(by_default[0]) && !err; m++)
		err = ask_others(check, families, by_default[m], locks, nr);
	free(locks);
	return err;
}

void questions_free(struct families *families)
{
	for (size_t f = 0; f < NR_FAMILIES; f++)
		free(families->family[f].questions);
	free(families->differ);
	*families = (struct families){ 0 };
}
