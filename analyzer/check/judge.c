/* SPDX-License-Identifier: MIT */
/*
 * judge.c: what must hold exactly, absolute budgets, and the verdict over all
 *
 * Without a baseline every deadlock finding counts, with one only those that it has not: a gate is
 * there to keep a build from getting worse, and an old finding would fail every build until it is
 * repaired. An edge is new when no run of the baseline has it in a cycle. How often a rare order is
 * recorded is a matter of chance, so a longer or a second baseline knows more; but what was seen is
 * there.
 *
 * Acquisitions per unit of work are exact where the runs of the baseline agree; see
 * compare_is_exact(). Otherwise judge_relative.c compares them.
 *
 * An absolute budget is compared with the median of the new runs.
 */
#include "check.h"

#include "../report.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const tier_words[] = { "exact", "robust", "contention", "budget" };
const char *const verdict_words[] = { "pass", "warning", "inconclusive", "regression" };

struct result *check_add(struct check *check, enum tier tier, enum verdict verdict,
			 const char *subject, const char *rule)
{
	struct result *all = realloc(check->results, (check->nr_results + 1) * sizeof(*all));
	struct result *result;

	if (!all)
		return NULL;
	check->results = all;
	result = &all[check->nr_results++];
	*result = (struct result){ .tier = tier,
				   .verdict = verdict,
				   .subject = subject,
				   .rule = rule,
				   .metric = -1,
				   .limit = NAN,
				   .p = NAN,
				   .p_adjusted = NAN };
	return result;
}

size_t check_count(const struct check *check, enum verdict verdict)
{
	size_t nr = 0;

	for (size_t i = 0; i < check->nr_results; i++)
		nr += check->results[i].verdict == verdict;
	return nr;
}

/* ---- deadlocks and lock order ---- */

static bool has_finding(const struct runs *runs, size_t nr, const char *id)
{
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < runs->runs[i].nr_findings; k++)
			if (strcmp(runs->runs[i].findings[k].id, id) == 0)
				return true;
	return false;
}

static int judge_finding(struct check *check, const struct run_finding *finding)
{
	const char *level = order_level_words[finding->level];
	struct result *result = check_add(check, TIER_EXACT, JUDGED_FAIL, "lock order", level);

	if (!result)
		return -ENOMEM;
	result->file = finding->file;
	result->function = finding->function;
	result->line = finding->line;
	return words_plain(result, "%s (%s), which %s: %s.", level, finding->id,
			   check->has_base ? "the baseline has not" : "fails any check",
			   finding->text);
}

static int judge_findings(struct check *check)
{
	const struct comparison *c = check->comparison;
	size_t before = check->nr_results;
	int err = 0;

	for (size_t i = 0; i < c->more->nr; i++) {
		const struct run *run = &c->more->runs[i];

		for (size_t k = 0; k < run->nr_findings && !err; k++) {
			const struct run_finding *finding = &run->findings[k];

			if ((int)finding->level <= check->budget->fail_on && !finding->suppressed &&
			    check->budget->fail_on < ORDER_LEVELS &&
			    !has_finding(c->base, c->base->nr, finding->id) &&
			    !has_finding(c->more, i, finding->id))
				err = judge_finding(check, finding);
		}
	}
	if (!err && check->nr_results == before && check->budget->fail_on < ORDER_LEVELS) {
		struct result *result =
			check_add(check, TIER_EXACT, JUDGED_PASS, "lock order", "deadlocks");

		err = result ? words_plain(result, "No %sdeadlock at or above %s.",
					   check->has_base ? "new " : "",
					   order_level_words[check->budget->fail_on])
			     : -ENOMEM;
	}
	return err;
}

static bool has_edge(const struct runs *runs, size_t nr, const struct run_edge *edge)
{
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < runs->runs[i].nr_edges; k++)
			if (strcmp(runs->runs[i].edges[k].from, edge->from) == 0 &&
			    strcmp(runs->runs[i].edges[k].to, edge->to) == 0)
				return true;
	return false;
}

static int judge_edges(struct check *check)
{
	const struct comparison *c = check->comparison;
	enum policy policy = check->budget->new_edges;

	if (!check->has_base || policy == POLICY_IGNORE)
		return 0;
	for (size_t i = 0; i < c->more->nr; i++) {
		for (size_t k = 0; k < c->more->runs[i].nr_edges; k++) {
			const struct run_edge *edge = &c->more->runs[i].edges[k];
			struct result *result;

			if (has_edge(c->base, c->base->nr, edge) || has_edge(c->more, i, edge))
				continue;
			result = check_add(check, TIER_EXACT,
					   policy == POLICY_FAIL ? JUDGED_FAIL : JUDGED_WARN,
					   "lock order", "edge in a cycle");
			if (!result ||
			    words_plain(result,
					"%s is now taken while %s is held, and this order lies in "
					"a cycle, which it does in no run of the baseline.",
					edge->to_label, edge->from_label))
				return -ENOMEM;
		}
	}
	return 0;
}

static int judge_cycles(struct check *check)
{
	const struct runs *more = check->comparison->more;
	double most = 0, limit = check->budget->max_cycles;
	struct result *result;

	if (isnan(limit))
		return 0;
	for (size_t i = 0; i < more->nr; i++)
		most = fmax(most, more->runs[i].nr_cycles);
	result = check_add(check, TIER_EXACT, most > limit ? JUDGED_FAIL : JUDGED_PASS,
			   "lock order", "cycles");
	if (!result)
		return -ENOMEM;
	result->limit = limit;
	return words_plain(result,
			   "The lock graph has %.0f part%s with cycles; the budget allows %.0f.",
			   most,
			   most > 1   ? "s"
			   : most < 1 ? "s"
				      : "",
			   limit);
}

/* ---- counts that never vary ---- */

static double most_of(const struct runs *runs, const char *key, enum metric metric)
{
	double most = 0;

	for (size_t i = 0; i < runs->nr; i++) {
		const struct run_lock *lock = run_find_lock(&runs->runs[i], key);

		most = fmax(most, lock ? lock->value[metric] : 0);
	}
	return most;
}

static int judge_exact(struct check *check, const struct lock_change *lock)
{
	const struct change *change = &lock->metric[METRIC_ACQUISITIONS];
	double own = budget_limits(check->budget, lock).exact_acquisitions;
	double most = most_of(check->comparison->more, lock->key, METRIC_ACQUISITIONS);
	bool wanted = isnan(own) ? check->budget->exact_acquisitions > 0 : own > 0;
	bool steady = !(change->base_most > change->base_least);
	struct result *result;

	/* Wanted of all locks, it is of those where it can be. */
	if (!wanted || !check->has_base || !lock->runs_base || (!steady && isnan(own)))
		return 0;
	result = check_add(check, TIER_EXACT,
			   !steady		      ? JUDGED_INCONCLUSIVE
			   : most > change->base_most ? JUDGED_FAIL
						      : JUDGED_PASS,
			   lock->label, "acquisitions");
	if (!result)
		return -ENOMEM;
	result->lock = lock;
	result->metric = METRIC_ACQUISITIONS;
	if (!steady)
		return words_plain(result,
				   "%s: it is taken %.0f to %.0f times in the runs of the "
				   "baseline, so its number of acquisitions cannot be exact.",
				   lock->label, change->base_least, change->base_most);
	return words_plain(result,
			   "%s: it is taken %.0f times in a run; in each run of the baseline %.0f "
			   "times.",
			   lock->label, most, change->base_most);
}

/* ---- acquisitions per unit of work ---- */

static double least_of(const struct runs *runs, const char *key, enum metric metric)
{
	double least = INFINITY;

	for (size_t i = 0; i < runs->nr; i++) {
		const struct run_lock *lock = run_find_lock(&runs->runs[i], key);

		least = fmin(least, lock ? lock->value[metric] : 0);
	}
	return least;
}

/*
 * All new runs take the lock more often: a failure, by however little. Only some of them do: a
 * matter of chance, which the baseline's runs just did not meet.
 */
static int judge_units(struct check *check, const struct lock_change *lock,
		       const struct limits *limits)
{
	const struct comparison *c = check->comparison;
	const enum metric metric = METRIC_ACQUISITIONS_PER_UNIT;
	double base = lock->metric[metric].base, most;
	struct result *result;

	if (!check->has_base || !lock->runs_base || !(check->budget->gate_units > 0) ||
	    !isnan(limits->relative[metric]) || !compare_is_exact(c, lock))
		return 0;
	most = most_of(c->more, lock->key, metric);
	result = check_add(check, TIER_EXACT,
			   least_of(c->more, lock->key, metric) > base ? JUDGED_FAIL
			   : most > base			       ? JUDGED_WARN
								       : JUDGED_PASS,
			   lock->label, metrics[metric].name);
	if (!result)
		return -ENOMEM;
	result->lock = lock;
	result->metric = metric;
	return words_units(result, most);
}

static int judge_marks(struct check *check)
{
	const struct comparison *c = check->comparison;
	struct result *result;

	if (!check->has_base || !c->lacks_units)
		return 0;
	result = check_add(check, TIER_EXACT, JUDGED_WARN, "comparison", "units of work");
	return result ? words_plain(result,
				    "Nothing can be compared per unit of work: only some of the "
				    "runs mark theirs (%zu of %zu of the baseline, %zu of %zu new "
				    "ones).",
				    c->base_telling, c->base->nr, c->more_telling, c->more->nr)
		      : -ENOMEM;
}

/* ---- absolute budgets ---- */

/* The budget has a limit for what the runs do not tell. */
static int cannot_tell(struct check *check, const struct lock_change *lock, enum metric metric,
		       unsigned int line)
{
	struct result *result = check_add(check, TIER_BUDGET, JUDGED_INCONCLUSIVE, lock->label,
					  metrics[metric].name);

	return result ? words_plain(result,
				    "%s: the budget limits %s (%s:%u), but not all of the new runs "
				    "mark their units of work.",
				    lock->label, metrics[metric].words, check->budget->path, line)
		      : -ENOMEM;
}

static int judge_absolute(struct check *check, const struct lock_change *lock,
			  const struct limits *limits)
{
	size_t nr_runs = check->comparison->more->nr;

	for (int m = 0; m < NR_METRICS; m++) {
		double value = lock->metric[m].more, limit = limits->absolute[m];
		struct result *result;

		if (isnan(limit))
			continue;
		if (metric_is_per_unit((enum metric)m) && lock->metric[m].nr_more < nr_runs) {
			if (cannot_tell(check, lock, (enum metric)m, limits->absolute_line[m]))
				return -ENOMEM;
			continue;
		}
		if (isnan(value))
			continue;
		result = check_add(check, TIER_BUDGET, value > limit ? JUDGED_FAIL : JUDGED_PASS,
				   lock->label, metrics[m].name);
		if (!result)
			return -ENOMEM;
		result->lock = lock;
		result->metric = m;
		result->limit = limit;
		if (words_absolute(check, result, limits->absolute_line[m]))
			return -ENOMEM;
	}
	return 0;
}

/* ---- locks that came and went ---- */

static enum verdict verdict_of(enum policy policy)
{
	return policy == POLICY_FAIL ? JUDGED_FAIL : JUDGED_WARN;
}

static int judge_missing(struct check *check)
{
	const struct comparison *c = check->comparison;
	enum policy policy = check->budget->on_missing_lock;

	for (size_t i = 0; i < check->budget->nr_locks && policy != POLICY_IGNORE; i++) {
		const struct limits *section = &check->budget->locks[i];
		struct result *result;
		bool found = false;

		for (size_t k = 0; k < c->nr_locks && !found; k++)
			found = c->locks[k].runs_more && budget_fits(section, &c->locks[k]);
		if (found)
			continue;
		result = check_add(check, TIER_BUDGET, verdict_of(policy), section->pattern,
				   "missing");
		if (!result ||
		    words_plain(result, "%s: no such lock was taken in the new runs (%s:%u).",
				section->pattern, check->budget->path, section->line))
			return -ENOMEM;
	}
	return 0;
}

static int judge_arrival(struct check *check, const struct lock_change *lock)
{
	enum policy policy = check->budget->on_new_lock;
	struct result *result;
	char taken[OUTPUT_NUMBER], wait[OUTPUT_NUMBER];

	if (!check->has_base || lock->runs_base || policy == POLICY_IGNORE)
		return 0;
	result = check_add(check, TIER_EXACT, verdict_of(policy), lock->label, "new lock");
	if (!result)
		return -ENOMEM;
	result->lock = lock;
	return words_plain(
		result,
		"%s: the baseline has no such lock; it is taken %s times in a run, and "
		"waited for %s.",
		lock->label,
		metric_text(taken, METRIC_ACQUISITIONS, lock->metric[METRIC_ACQUISITIONS].more),
		metric_text(wait, METRIC_WAIT_TOTAL, lock->metric[METRIC_WAIT_TOTAL].more));
}

/* ---- all of it ---- */

static int judge_locks(struct check *check)
{
	const struct comparison *c = check->comparison;
	int err = judge_absolute(check, &c->total, &check->budget->total);

	if (!err)
		err = judge_marks(check);
	for (size_t i = 0; i < c->nr_locks && !err; i++) {
		const struct lock_change *lock = &c->locks[i];
		struct limits limits = budget_limits(check->budget, lock);

		err = judge_exact(check, lock);
		if (!err)
			err = judge_units(check, lock, &limits);
		if (!err && lock->runs_more)
			err = judge_absolute(check, lock, &limits);
		if (!err)
			err = judge_arrival(check, lock);
	}
	return err ? err : judge_missing(check);
}

/* Worst first; else as they were judged. */
static int compare_results(const void *a, const void *b)
{
	const struct result *x = a, *y = b;

	if (x->verdict != y->verdict)
		return x->verdict > y->verdict ? -1 : 1;
	return (x->tier > y->tier) - (x->tier < y->tier);
}

/* A stable sort: there are few results, and glibc's qsort is no promise. */
static void sort_results(struct check *check)
{
	for (size_t i = 1; i < check->nr_results; i++) {
		struct result moving = check->results[i];
		size_t k = i;

		for (; k > 0 && compare_results(&check->results[k - 1], &moving) > 0; k--)
			check->results[k] = check->results[k - 1];
		check->results[k] = moving;
	}
}

int check_judge(struct check *check, const struct comparison *comparison,
		const struct budget *budget, bool has_base)
{
	int err;

	*check = (struct check){ .comparison = comparison, .budget = budget, .has_base = has_base };
	err = judge_findings(check);
	if (!err)
		err = judge_edges(check);
	if (!err)
		err = judge_cycles(check);
	if (!err)
		err = judge_locks(check);
	if (!err && has_base)
		err = judge_relative(check);
	if (!err)
		sort_results(check);
	for (size_t i = 0; i < check->nr_results; i++)
		if (check->results[i].verdict > check->verdict)
			check->verdict = check->results[i].verdict;
	return err;
}

void check_fini(struct check *check)
{
	for (size_t i = 0; i < check->nr_results; i++)
		free(check->results[i].text);
	free(check->results);
	*check = (struct check){ 0 };
}
