/* SPDX-License-Identifier: MIT */
/*
 * judge.c: counts that must not change, absolute budgets, and the verdict over all
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

bool check_judges(const struct check *check, const struct comparison *comparison)
{
	return comparison->phase || !check->budget->only.nr;
}

bool check_judges_all(const struct check *check, const struct comparison *comparison)
{
	return !comparison->phase == !check->budget->only.nr;
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
	double most = most_of(lock->in->more, lock->key, METRIC_ACQUISITIONS);
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
			   lock->subject, "acquisitions");
	if (!result)
		return -ENOMEM;
	result->lock = lock;
	result->metric = METRIC_ACQUISITIONS;
	if (!steady)
		return words_plain(result,
				   "%s: it is taken %.0f to %.0f times in the runs of the "
				   "baseline, so its number of acquisitions cannot be exact.",
				   lock->subject, change->base_least, change->base_most);
	return words_plain(result,
			   "%s: it is taken %.0f times in a run; in each run of the baseline %.0f "
			   "times.",
			   lock->subject, most, change->base_most);
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
	const struct comparison *c = lock->in;
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
			   lock->subject, metrics[metric].name);
	if (!result)
		return -ENOMEM;
	result->lock = lock;
	result->metric = metric;
	return words_units(result, most);
}

static int judge_marks(struct check *check, const struct comparison *c)
{
	struct result *result;

	if (!check->has_base || !c->lacks_units || !check_judges_all(check, c))
		return 0;
	result = check_add(check, TIER_EXACT, JUDGED_WARN, "comparison", "units of work");
	return result ? words_plain(
				result,
				"Nothing%s%s can be compared per unit of work: only some of the "
				"runs mark theirs (%zu of %zu of the baseline, %zu of %zu new "
				"ones).",
				c->phase ? " in phase " : "", c->phase ? c->phase : "",
				c->base_telling, c->base->nr, c->more_telling, c->more->nr)
		      : -ENOMEM;
}

/* ---- absolute budgets ---- */

/* The budget has a limit for what the runs do not tell. */
static int cannot_tell(struct check *check, const struct lock_change *lock, enum metric metric,
		       unsigned int line)
{
	struct result *result = check_add(check, TIER_BUDGET, JUDGED_INCONCLUSIVE, lock->subject,
					  metrics[metric].name);

	return result ? words_plain(result,
				    "%s: the budget limits %s (%s:%u), but not all of the new runs "
				    "mark their units of work.",
				    lock->subject, metrics[metric].words, check->budget->path, line)
		      : -ENOMEM;
}

static int judge_absolute(struct check *check, const struct lock_change *lock,
			  const struct limits *limits)
{
	bool tells_units = lock->in->more_telling == lock->in->more->nr;

	for (int m = 0; m < NR_METRICS; m++) {
		double value = lock->metric[m].more, limit = limits->absolute[m];
		struct result *result;

		if (isnan(limit))
			continue;
		if (metric_is_per_unit((enum metric)m) && !tells_units) {
			if (cannot_tell(check, lock, (enum metric)m, limits->absolute_line[m]))
				return -ENOMEM;
			continue;
		}
		if (isnan(value))
			continue;
		result = check_add(check, TIER_BUDGET, value > limit ? JUDGED_FAIL : JUDGED_PASS,
				   lock->subject, metrics[m].name);
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

/* ---- locks and phases that came and went ---- */

static enum verdict verdict_of(enum policy policy)
{
	return policy == POLICY_FAIL ? JUDGED_FAIL : JUDGED_WARN;
}

static bool is_found(const struct check *check, const struct limits *section)
{
	for (size_t k = 0; k < check->nr_comparisons; k++) {
		const struct comparison *c = &check->comparisons[k];

		for (size_t i = 0; i < c->nr_locks && check_judges(check, c); i++)
			if (c->locks[i].runs_more &&
			    budget_fits(check->budget, section, &c->locks[i]))
				return true;
	}
	return false;
}

/* A section for a lock in a phase that is not judged, or in none of the runs, which is told apart.
 */
static bool is_elsewhere(const struct check *check, const struct limits *section)
{
	for (size_t k = 0; section->phase && k < check->nr_comparisons; k++) {
		const struct comparison *c = &check->comparisons[k];

		if (c->phase && strcmp(c->phase, section->phase) == 0)
			return !c->more_phases;
	}
	return section->phase != NULL;
}

static int judge_missing(struct check *check)
{
	enum policy policy = check->budget->on_missing_lock;

	for (size_t i = 0; i < check->budget->nr_locks && policy != POLICY_IGNORE; i++) {
		const struct limits *section = &check->budget->locks[i];
		struct result *result;

		if (is_found(check, section) || is_elsewhere(check, section))
			continue;
		result = check_add(check, TIER_BUDGET, verdict_of(policy), section->pattern,
				   "missing");
		if (!result ||
		    words_plain(result, "%s: no such lock was taken%s%s in the new runs (%s:%u).",
				section->pattern, section->phase ? " in phase " : "",
				section->phase ? section->phase : "", check->budget->path,
				section->line))
			return -ENOMEM;
	}
	return 0;
}

/* "the program told of none", "there are: load, serve" */
static void put_phases(const struct run *run, FILE *out)
{
	fputs(run->nr_phases ? "there are: " : "the program told of none", out);
	for (size_t i = 0; i < run->nr_phases; i++)
		fprintf(out, "%s%s", i ? ", " : "", run->phases[i]);
}

static int words_missing_phase(struct result *result, const struct comparison *c)
{
	size_t size, i = 0;
	FILE *out = open_memstream(&result->text, &size);

	if (!out)
		return -ENOMEM;
	while (i + 1 < c->more->nr && run_has_phase(&c->more->runs[i], c->phase))
		i++;
	if (c->more_phases)
		fprintf(out, "phase %s: %zu of %zu new runs have no such phase; ", c->phase,
			c->more->nr - c->more_phases, c->more->nr);
	else
		fprintf(out, "phase %s: the new runs have no such phase; ", c->phase);
	put_phases(&c->more->runs[i], out);
	fputc('.', out);
	if (fclose(out) == 0 && result->text)
		return 0;
	free(result->text);
	result->text = NULL;
	return -ENOMEM;
}

static int judge_phase(struct check *check, const struct comparison *c)
{
	enum policy missing = check->budget->on_missing_phase, new = check->budget->on_new_lock;
	struct result *result;

	if (c->more_phases < c->more->nr && missing != POLICY_IGNORE) {
		result = check_add(check, TIER_BUDGET, verdict_of(missing), c->phase,
				   "missing phase");
		return result ? words_missing_phase(result, c) : -ENOMEM;
	}
	if (!check->has_base || c->base_phases || !c->more_phases || new == POLICY_IGNORE)
		return 0;
	result = check_add(check, TIER_EXACT, verdict_of(new), c->phase, "new phase");
	return result ? words_plain(result,
				    "phase %s: no run of the baseline has such a phase, so nothing "
				    "in it is compared.",
				    c->phase)
		      : -ENOMEM;
}

static int judge_arrival(struct check *check, const struct lock_change *lock)
{
	enum policy policy = check->budget->on_new_lock;
	struct result *result;
	char taken[OUTPUT_NUMBER], wait[OUTPUT_NUMBER];

	if (!check->has_base || lock->runs_base || !lock->in->base_phases ||
	    policy == POLICY_IGNORE)
		return 0;
	result = check_add(check, TIER_EXACT, verdict_of(policy), lock->subject, "new lock");
	if (!result)
		return -ENOMEM;
	result->lock = lock;
	return words_plain(
		result,
		"%s: the baseline has no such lock; it is taken %s times in a run, and "
		"waited for %s.",
		lock->subject,
		metric_text(taken, METRIC_ACQUISITIONS, lock->metric[METRIC_ACQUISITIONS].more),
		metric_text(wait, METRIC_WAIT_TOTAL, lock->metric[METRIC_WAIT_TOTAL].more));
}

/* ---- all of it ---- */

static int judge_locks(struct check *check, const struct comparison *c)
{
	struct limits total = budget_limits(check->budget, &c->total);
	int err = judge_absolute(check, &c->total, &total);

	if (!err)
		err = judge_marks(check, c);
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
	return err;
}

static int judge_comparisons(struct check *check)
{
	int err = 0;

	for (size_t i = 0; i < check->nr_comparisons && !err; i++) {
		const struct comparison *c = &check->comparisons[i];

		if (!check_judges(check, c))
			continue;
		if (c->phase)
			err = judge_phase(check, c);
		if (!err && c->more_phases)
			err = judge_locks(check, c);
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

int check_judge(struct check *check, const struct comparison *comparisons, size_t nr,
		const struct budget *budget, bool has_base)
{
	int err;

	*check = (struct check){ .comparisons = comparisons,
				 .nr_comparisons = nr,
				 .budget = budget,
				 .has_base = has_base };
	err = judge_order(check);
	if (!err)
		err = judge_comparisons(check);
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
