/* SPDX-License-Identifier: MIT */
/*
 * judge_relative.c: what may grow by so much against the baseline
 *
 * The questions (judge_questions.c) are answered by one-sided Mann-Whitney tests over the runs,
 * adjusted by Holm within each family. A value fails when that is below the family's alpha, and its
 * medians grew by more than a limit and by more than a floor.
 *
 * Holds: the limit is the budget's, but never less than 3 times the baseline's own spread (MAD); a
 * value that jumps about between runs of one build is none to fail a build by. Three times are also
 * three standard errors of the difference of two medians of 7 values; with more runs that becomes
 * less, so that more runs see more. What does not fail passes: hold times vary little.
 *
 * Waiting varies much, so that "it did not fail" means nothing by itself. It passes when a test the
 * other way round rules out that it grew by half as much again as the limit allows; else the runs
 * cannot tell. This needs no spread: the more the runs differ, the less either test can show.
 */
#include "judge_questions.h"

#include "../diff/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define MOST_SPREADS  3
#define LEAST_VISIBLE 0.75
#define LEAST_COUNT   0.01 /* acquisitions more per unit of work */
#define ERRORS	      8	   /* 3 * sqrt(2) * 1.2533 * 1.4826: MADs by the root of the runs */

/* ---- how much it grew ---- */

static double floor_of(const struct check *check, enum metric metric)
{
	switch (metric) {
	case METRIC_HOLD_P50:
	case METRIC_HOLD_P90:
	case METRIC_HOLD_MAX:
		return check->budget->hold_floor_ns;
	case METRIC_DEMAND:
	case METRIC_DEMAND_PER_UNIT:
		return check->budget->demand_floor_ns;
	case METRIC_ACQUISITIONS:
		return 0;
	case METRIC_ACQUISITIONS_PER_UNIT:
		return LEAST_COUNT;
	default:
		return check->budget->wait_floor_ns;
	}
}

/* The time behind a share, or what is per unit of work, in the whole run. */
static double grown_ns(const struct question *q)
{
	const struct comparison *c = q->lock->in;
	const struct change *change = &q->lock->metric[q->metric];

	switch (q->metric) {
	case METRIC_WAIT_USUAL:
		return change->more * c->more_thread_ns - change->base * c->base_thread_ns;
	case METRIC_WAIT_SHARE:
	case METRIC_CONTENTION:
		change = &q->lock->metric[METRIC_WAIT_TOTAL];
		return change->more - change->base;
	case METRIC_DEMAND_PER_UNIT:
	case METRIC_WAIT_PER_UNIT:
		return (change->more - change->base) * c->base_units;
	default:
		return change->more - change->base;
	}
}

static double limit_of(const struct question *q)
{
	const struct change *change = &q->lock->metric[q->metric];
	double spreads = fmin(MOST_SPREADS, ERRORS / sqrt(fmax((double)change->nr_base, 1)));
	double spread = change->base > 0 ? spreads * change->base_mad / change->base : 0;

	return 1 + (question_is_contention(q->metric) ? q->relative : fmax(q->relative, spread));
}

static bool has_grown(const struct check *check, const struct question *q)
{
	const struct change *change = &q->lock->metric[q->metric];

	return (change->base > 0 ? change->more / change->base > limit_of(q) : change->more > 0) &&
	       grown_ns(q) >= floor_of(check, q->metric);
}

/* A lock that is waited for more while all together wait less: the queue only moved. */
static bool has_moved(const struct check *check, const struct question *q)
{
	const struct change *total =
		&q->lock->in->total
			 .metric[q->metric == METRIC_WAIT_USUAL ? q->metric : METRIC_WAIT_SHARE];

	return question_is_contention(q->metric) && total->more <= total->base &&
	       !question_is_named(check, q->lock);
}

/* ---- whether waiting can be told at all ---- */

/*
 * Growth that must not go unseen: half as much again as may be, so that what lies between may be
 * called either. Under load a doubling of the program's waits is less than one of what is measured.
 */
static double visible_growth(const struct question *q)
{
	return fmax(LEAST_VISIBLE, 1.5 * q->relative);
}

/* That it grew so much is ruled out. 1, 0, or -ENOMEM. */
static int is_ruled_out(const struct check *check, const struct question *q, enum metric metric)
{
	double p = compare_p_grown(q->lock->in, q->lock, metric, 1 + visible_growth(q));

	return p < 0 ? -ENOMEM : p < check->budget->alpha / check->budget->nr_looks;
}

/*
 * By its usual waits or by the sum of all: few waits of seconds make the sum vary, and where most
 * waits are for a processor the usual ones do. But the sum is no excuse for usual waits that grew.
 * 1, 0, or -ENOMEM.
 */
static int can_tell(const struct check *check, const struct question *q, bool grew)
{
	bool is_share = q->metric == METRIC_WAIT_SHARE;
	int ruled_out;

	if (!grew && q->lock->metric[METRIC_WAIT_TOTAL].base < check->budget->wait_floor_ns)
		return 1;
	ruled_out = is_ruled_out(check, q, q->metric);
	if (ruled_out || grew || !(is_share || q->metric == METRIC_WAIT_USUAL))
		return ruled_out;
	return is_ruled_out(check, q, is_share ? METRIC_WAIT_USUAL : METRIC_WAIT_SHARE);
}

/* ---- answers ---- */

/* 0 or -ENOMEM */
static int judge_question(struct check *check, const struct question *q, bool is_sure,
			  enum verdict *verdict)
{
	bool grew = has_grown(check, q);
	int told = 1;

	if (grew && is_sure) {
		*verdict = has_moved(check, q) ? JUDGED_WARN : JUDGED_FAIL;
		return 0;
	}
	if (question_is_contention(q->metric))
		told = can_tell(check, q, grew);
	*verdict = !told ? JUDGED_INCONCLUSIVE : grew ? JUDGED_WARN : JUDGED_PASS;
	check->wants_runs |= !told;
	return told < 0 ? told : 0;
}

static int answer(struct check *check, const struct family *family, const struct question *q,
		  double p_adjusted)
{
	enum tier tier = question_is_contention(q->metric) ? TIER_CONTENTION : TIER_ROBUST;
	enum verdict verdict;
	int err = judge_question(check, q, p_adjusted < family->alpha, &verdict);
	struct result *result =
		err ? NULL
		    : check_add(check, tier, verdict, q->lock->subject, metrics[q->metric].name);

	if (!result)
		return -ENOMEM;
	result->lock = q->lock;
	result->metric = (int)q->metric;
	result->limit = limit_of(q);
	result->visible = visible_growth(q);
	result->p = q->lock->metric[q->metric].p_up;
	result->p_adjusted = p_adjusted;
	result->is_sure = p_adjusted < family->alpha;
	result->nr_tested = family->nr;
	return words_relative(check, result);
}

static int answer_all(struct check *check, const struct family *family)
{
	double *p = calloc(family->nr + 1, sizeof(*p));
	int err = p ? 0 : -ENOMEM;

	for (size_t i = 0; p && i < family->nr; i++)
		p[i] = family->questions[i].lock->metric[family->questions[i].metric].p_up;
	if (!err)
		err = stats_holm(p, family->nr);
	check->nr_questions += family->nr;
	for (size_t i = 0; i < family->nr && !err; i++)
		err = answer(check, family, &family->questions[i], p[i]);
	free(p);
	return err;
}

/* ---- when it cannot be told ---- */

static int inconclusive(struct check *check, enum tier tier, const char *rule, const char *text)
{
	struct result *result = check_add(check, tier, JUDGED_INCONCLUSIVE, "comparison", rule);

	return result ? words_plain(result, "%s", text) : -ENOMEM;
}

static int too_few(struct check *check, enum family_kind kind, const struct family *family,
		   size_t needed)
{
	const struct comparison *c = &check->comparisons[0];
	char text[256];

	snprintf(text, sizeof(text),
		 "%zu run%s against %zu of the baseline cannot show anything%s at alpha = %.2g: at "
		 "least %zu on each side are needed.",
		 c->more->nr, c->more->nr == 1 ? "" : "s", c->base->nr,
		 kind == FAMILY_WAITS ? " about waiting" : "", family->alpha, needed);
	check->wants_runs = true;
	return inconclusive(check, kind == FAMILY_WAITS ? TIER_CONTENTION : TIER_ROBUST,
			    "too few runs", text);
}

/* Whether any lock of the baseline is there still; a wrong program has none. */
static bool has_common(const struct check *check)
{
	bool any_base = false;

	for (size_t k = 0; k < check->nr_comparisons; k++) {
		const struct comparison *c = &check->comparisons[k];

		for (size_t i = 0; i < c->nr_locks && check_judges_all(check, c); i++) {
			any_base |= c->locks[i].runs_base > 0;
			if (c->locks[i].runs_base && c->locks[i].runs_more)
				return true;
		}
	}
	return !any_base;
}

static int contention_differs(struct check *check, const struct comparison *c)
{
	struct result *result = check_add(check, TIER_CONTENTION, JUDGED_INCONCLUSIVE, "comparison",
					  "not comparable");

	return result ? words_plain(result, "Waiting%s%s cannot be compared: %s.",
				    c->phase ? " in phase " : "", c->phase ? c->phase : "",
				    c->differ)
		      : -ENOMEM;
}

static int judge_family(struct check *check, enum family_kind kind, struct family *family)
{
	const struct comparison *c = &check->comparisons[0];
	double min_runs = check->budget->min_runs;
	size_t least = family->nr_named ? family->nr_named : family->nr_all > 0;
	size_t needed = stats_runs_needed(least, family->alpha);
	size_t for_all = stats_runs_needed(family->nr_all, family->alpha);

	check->wants_runs |= family->nr < family->nr_all;
	check->runs_for_all = for_all > check->runs_for_all ? for_all : check->runs_for_all;
	if (!least || (least <= family->capacity && (double)c->base->nr >= min_runs &&
		       (double)c->more->nr >= min_runs))
		return answer_all(check, family);
	family->nr = 0;
	/* What is asked besides can be left out. */
	return kind == FAMILY_ALL_WAITS
		       ? 0
		       : too_few(check, kind, family, (size_t)fmax((double)needed, min_runs));
}

int judge_relative(struct check *check)
{
	struct families families;
	int err;

	if (!has_common(check))
		return inconclusive(check, TIER_ROBUST, "nothing in common",
				    "No lock of the baseline is in the new runs: is it the same "
				    "program?");
	err = questions_find(check, &families);
	for (size_t i = 0; i < check->nr_comparisons && !err; i++)
		if (families.differ[i])
			err = contention_differs(check, &check->comparisons[i]);
	if (!err && families.lacks_units)
		err = inconclusive(check, TIER_ROBUST, "no units of work",
				   "The budget compares values per unit of work, but not all runs "
				   "mark theirs.");
	for (enum family_kind kind = 0; kind < NR_FAMILIES && !err; kind++)
		err = judge_family(check, kind, &families.family[kind]);
	questions_count(check, &families);
	questions_free(&families);
	return err;
}

/* ---- where it comes from ---- */

const struct place_change *judge_culprit(const struct lock_change *lock, enum metric metric)
{
	const struct place_change *best = NULL;
	double most = 0;

	for (size_t i = 0; i < lock->nr_places; i++) {
		const struct place_change *place = &lock->places[i];
		double gain = metric == METRIC_ACQUISITIONS_PER_UNIT ? place->acquired
			      : question_is_contention(metric)	     ? place->blamed_ns
								     : place->demand_ns;

		if (gain > most) {
			most = gain;
			best = place;
		}
	}
	return best;
}
