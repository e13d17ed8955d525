/* SPDX-License-Identifier: MIT */
/*
 * compare.c: both sides matched by the keys of their classes of locks, and each metric compared
 *
 * A run that lacks a lock took it 0 times and waited 0 ns for it, but says nothing on how long it
 * is held: such values are left out, and the lock then has fewer of them than there are runs.
 *
 * Values per unit of work have a meaning only in runs that tell of work done. They are compared
 * where all runs of both sides do.
 *
 * Waiting depends on who runs beside whom. So it is only comparable where both sides had the same
 * processors and about as many threads alive at a time, and nothing was lost; otherwise
 * comparison.differ says what is different. Hold times do not care.
 */
#include "diff.h"
#include "stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIKE_PARALLELISM 1.25 /* greatest ratio of the mean numbers of live threads */

/* ---- one metric ---- */

/* Of a lock that the run lacks. */
static double missing_value(const struct run *run, enum metric metric)
{
	if (metric_is_per_unit(metric))
		return run->work_units > 0 ? 0 : NAN;
	return metric == METRIC_HOLD_P50 || metric == METRIC_HOLD_P90 || metric == METRIC_HOLD_MAX
		       ? NAN
		       : 0;
}

static size_t values_of(const struct runs *runs, const char *key, enum metric metric,
			double *values)
{
	size_t nr = 0;

	for (size_t i = 0; i < runs->nr; i++) {
		const struct run_lock *lock =
			key ? run_find_lock(&runs->runs[i], key) : &runs->runs[i].total;
		double value = lock ? lock->value[metric] : missing_value(&runs->runs[i], metric);

		if (!isnan(value))
			values[nr++] = value;
	}
	return nr;
}

static void find_range(struct change *change, const double *base)
{
	change->base_least = change->base_most = change->nr_base ? base[0] : NAN;
	for (size_t i = 1; i < change->nr_base; i++) {
		change->base_least = fmin(change->base_least, base[i]);
		change->base_most = fmax(change->base_most, base[i]);
	}
}

static int compare_metric(struct change *change, const struct comparison *c, const char *key,
			  enum metric metric, double *base, double *more)
{
	size_t nr_base = values_of(c->base, key, metric, base);
	size_t nr_more = values_of(c->more, key, metric, more);

	*change = (struct change){
		.nr_base = nr_base,
		.nr_more = nr_more,
		.p_up = stats_mann_whitney(base, nr_base, more, nr_more),
		.p_down = stats_mann_whitney(more, nr_more, base, nr_base),
	};
	find_range(change, base);
	change->base = nr_base ? stats_median(base, nr_base) : NAN;
	change->more = nr_more ? stats_median(more, nr_more) : NAN;
	change->base_mad = stats_mad(base, nr_base);
	return change->p_up < 0 || change->p_down < 0 ? -ENOMEM : 0;
}

double compare_p_grown(const struct comparison *c, const struct lock_change *lock,
		       enum metric metric, double factor)
{
	const char *key = lock == &c->total ? NULL : lock->key;
	double *base = calloc(c->base->nr + c->more->nr + 1, sizeof(*base));
	double *more, p;
	size_t nr_base, nr_more;

	if (!base)
		return -1;
	more = base + c->base->nr;
	nr_base = values_of(c->base, key, metric, base);
	nr_more = values_of(c->more, key, metric, more);
	for (size_t i = 0; i < nr_base; i++)
		base[i] *= factor;
	p = stats_mann_whitney(more, nr_more, base, nr_base);
	free(base);
	return p;
}

/* ---- where it comes from ---- */

static const struct place *find_place(const struct run_lock *lock, const char *text)
{
	for (size_t i = 0; lock && i < lock->nr_places; i++)
		if (strcmp(lock->places[i].text, text) == 0)
			return &lock->places[i];
	return NULL;
}

enum place_value { PLACE_DEMAND, PLACE_BLAME, PLACE_ACQUIRED, PLACE_HOLD, NR_PLACE_VALUES };

static double place_value(const struct place *place, enum place_value what)
{
	switch (what) {
	case PLACE_DEMAND:
		return place->demand_ns;
	case PLACE_BLAME:
		return place->blamed_ns;
	case PLACE_ACQUIRED:
		return place->acquired;
	default:
		return place->demand_ns / place->acquired;
	}
}

/* Median over the runs; in those without the place it asks for nothing, and holds nothing. */
static double place_median(const struct comparison *c, const struct runs *runs, const char *key,
			   const char *text, enum place_value what, double *values)
{
	bool by_unit = what == PLACE_ACQUIRED && c->has_units;
	size_t nr = 0;

	for (size_t i = 0; i < runs->nr; i++) {
		const struct place *place = find_place(run_find_lock(&runs->runs[i], key), text);

		if (what == PLACE_HOLD && !(place && place->acquired > 0))
			continue;
		values[nr] = place ? place_value(place, what) : 0;
		values[nr++] /= by_unit ? runs->runs[i].work_units : 1;
	}
	return nr || what != PLACE_HOLD ? stats_median(values, nr) : NAN;
}

static struct place_change compare_place(const struct comparison *c, const char *key,
					 const struct place *place, double *values)
{
	double base[NR_PLACE_VALUES], more[NR_PLACE_VALUES];

	for (enum place_value what = 0; what < NR_PLACE_VALUES; what++) {
		base[what] = place_median(c, c->base, key, place->text, what, values);
		more[what] = place_median(c, c->more, key, place->text, what, values);
	}
	return (struct place_change){
		.place = place,
		.base_hold_ns = base[PLACE_HOLD],
		.hold_ns = more[PLACE_HOLD],
		.demand_ns = more[PLACE_DEMAND] - base[PLACE_DEMAND],
		.blamed_ns = more[PLACE_BLAME] - base[PLACE_BLAME],
		.acquired = more[PLACE_ACQUIRED] - base[PLACE_ACQUIRED],
	};
}

static int by_gain(const void *a, const void *b)
{
	const struct place_change *x = a, *y = b;
	double vx = x->demand_ns + x->blamed_ns, vy = y->demand_ns + y->blamed_ns;

	return vx != vy ? (vx < vy) - (vx > vy) : strcmp(x->place->text, y->place->text);
}

static bool has_place(const struct lock_change *lock, const char *text)
{
	for (size_t i = 0; i < lock->nr_places; i++)
		if (strcmp(lock->places[i].place->text, text) == 0)
			return true;
	return false;
}

static int add_places(struct lock_change *lock, const struct comparison *c, const struct runs *runs,
		      double *values)
{
	for (size_t r = 0; r < runs->nr; r++) {
		const struct run_lock *found = run_find_lock(&runs->runs[r], lock->key);

		for (size_t i = 0; found && i < found->nr_places; i++) {
			struct place_change *all;

			if (has_place(lock, found->places[i].text))
				continue;
			all = realloc(lock->places, (lock->nr_places + 1) * sizeof(*all));
			if (!all)
				return -ENOMEM;
			lock->places = all;
			all[lock->nr_places++] =
				compare_place(c, lock->key, &found->places[i], values);
		}
	}
	return 0;
}

/* ---- one lock ---- */

/* What the sides know of the lock: the newer side's label, how often it is there. */
static void describe(struct lock_change *lock, const struct comparison *c)
{
	double cost = 0;

	lock->base_held = INFINITY;
	for (size_t i = 0; i < c->base->nr; i++) {
		const struct run_lock *found = run_find_lock(&c->base->runs[i], lock->key);

		lock->base_held = fmin(lock->base_held, found ? found->held : 0);
		if (!found)
			continue;
		lock->runs_base++;
		lock->label = found->label;
		lock->kind = found->kind;
		cost += found->hold_ns + found->value[METRIC_WAIT_TOTAL];
	}
	for (size_t i = 0; i < c->more->nr; i++) {
		const struct run_lock *found = run_find_lock(&c->more->runs[i], lock->key);

		if (!found)
			continue;
		lock->runs_more++;
		lock->label = found->label;
		lock->kind = found->kind;
	}
	lock->base_cost_ns = c->base->nr ? cost / (double)c->base->nr : 0;
}

/* What results call it. */
static int name_subject(struct lock_change *lock, const struct comparison *c)
{
	int length = asprintf(&lock->subject, "%s%s%s", lock->label, c->phase ? " in phase " : "",
			      c->phase ? c->phase : "");

	if (length < 0)
		lock->subject = NULL;
	lock->in = c;
	return length < 0 ? -ENOMEM : 0;
}

static int compare_lock(struct lock_change *lock, const struct comparison *c, double *values)
{
	size_t room = c->base->nr + c->more->nr;
	int err;

	describe(lock, c);
	err = name_subject(lock, c);
	for (int m = 0; m < NR_METRICS && !err; m++)
		err = compare_metric(&lock->metric[m], c, lock->key, (enum metric)m, values,
				     values + room);
	if (!err)
		err = add_places(lock, c, c->more, values);
	if (!err)
		err = add_places(lock, c, c->base, values);
	if (lock->nr_places)
		qsort(lock->places, lock->nr_places, sizeof(*lock->places), by_gain);
	return err;
}

/* ---- all of them ---- */

static int add_keys(struct comparison *c, const struct runs *runs)
{
	for (size_t i = 0; i < runs->nr; i++) {
		for (size_t k = 0; k < runs->runs[i].nr_locks; k++) {
			struct lock_change *all =
				realloc(c->locks, (c->nr_locks + 1) * sizeof(*all));

			if (!all)
				return -ENOMEM;
			c->locks = all;
			all[c->nr_locks++] =
				(struct lock_change){ .key = runs->runs[i].locks[k].key };
		}
	}
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct lock_change *)a)->key, ((const struct lock_change *)b)->key);
}

static void drop_doubles(struct comparison *c)
{
	size_t kept = 0;

	if (!c->nr_locks)
		return;
	qsort(c->locks, c->nr_locks, sizeof(*c->locks), by_key);
	for (size_t i = 0; i < c->nr_locks; i++)
		if (i == 0 || strcmp(c->locks[i].key, c->locks[kept - 1].key) != 0)
			c->locks[kept++] = c->locks[i];
	c->nr_locks = kept;
}

static double gain(const struct lock_change *lock, enum metric metric)
{
	const struct change *change = &lock->metric[metric];
	double base = isnan(change->base) ? 0 : change->base;
	double more = isnan(change->more) ? 0 : change->more;

	return fabs(more - base);
}

static int by_wait_change(const void *a, const void *b)
{
	static const enum metric order[] = { METRIC_WAIT_TOTAL, METRIC_DEMAND,
					     METRIC_ACQUISITIONS };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		double x = gain(a, order[i]), y = gain(b, order[i]);

		if (x != y)
			return x < y ? 1 : -1;
	}
	return by_key(a, b);
}

/* ---- units of work ---- */

static size_t units_of(const struct runs *runs, double *median, double *values)
{
	size_t nr_telling = 0;

	for (size_t i = 0; i < runs->nr; i++) {
		values[i] = runs->runs[i].work_units;
		nr_telling += values[i] > 0;
	}
	*median = stats_median(values, runs->nr);
	return nr_telling;
}

static void find_units(struct comparison *c, double *values)
{
	size_t nr;

	c->base_telling = units_of(c->base, &c->base_units, values);
	c->more_telling = units_of(c->more, &c->more_units, values);
	nr = c->base_telling + c->more_telling;
	c->has_units = nr > 0 && nr == c->base->nr + c->more->nr;
	c->lacks_units = nr > 0 && !c->has_units;
}

static bool any_lost(const struct runs *runs)
{
	for (size_t i = 0; i < runs->nr; i++)
		if (runs->runs[i].has_losses || runs->runs[i].is_partial)
			return true;
	return false;
}

static bool any_other_work(const struct runs *runs, double units)
{
	for (size_t i = 0; i < runs->nr; i++)
		if (runs->runs[i].work_units < units || runs->runs[i].work_units > units)
			return true;
	return false;
}

bool compare_is_exact(const struct comparison *c, const struct lock_change *lock)
{
	const struct change *change = &lock->metric[METRIC_ACQUISITIONS_PER_UNIT];
	double units;

	if (!c->has_units || c->base->nr < 2 || any_lost(c->base) || any_lost(c->more) ||
	    change->base_most > change->base_least)
		return false;
	units = c->base->runs[0].work_units;
	return any_other_work(c->base, units) || !any_other_work(c->more, units);
}

/* ---- is waiting comparable? ---- */

static double thread_ns(const struct runs *runs, double *values)
{
	for (size_t i = 0; i < runs->nr; i++)
		values[i] = runs->runs[i].thread_ns;
	return stats_median(values, runs->nr);
}

static double live_threads(const struct runs *runs, double *values)
{
	for (size_t i = 0; i < runs->nr; i++) {
		const struct run *run = &runs->runs[i];

		values[i] = run->duration_ns > 0 ? run->thread_ns / run->duration_ns : 0;
	}
	return stats_median(values, runs->nr);
}

/* 0: they are not the same in all runs. */
static uint32_t processors(const struct runs *runs)
{
	for (size_t i = 1; i < runs->nr; i++)
		if (runs->runs[i].nr_cpus != runs->runs[0].nr_cpus)
			return 0;
	return runs->nr ? runs->runs[0].nr_cpus : 0;
}

static void find_differences(struct comparison *c, double *values)
{
	uint32_t base_cpus = processors(c->base), more_cpus = processors(c->more);
	double base = live_threads(c->base, values), more = live_threads(c->more, values);

	if (any_lost(c->base) || any_lost(c->more))
		snprintf(c->differ, sizeof(c->differ),
			 "something was lost in the recording (see the reports' last lines)");
	else if (base_cpus != more_cpus || !base_cpus)
		snprintf(c->differ, sizeof(c->differ),
			 base_cpus && more_cpus
				 ? "the processors differ: %u in the baseline, %u in the new runs"
				 : "the processors differ from run to run",
			 base_cpus, more_cpus);
	else if (!(more <= base * LIKE_PARALLELISM && base <= more * LIKE_PARALLELISM))
		snprintf(c->differ, sizeof(c->differ),
			 "the parallelism differs: on average %.1f threads lived in the baseline, "
			 "%.1f in the new runs",
			 base, more);
}

static size_t runs_having(const struct runs *runs, const char *phase)
{
	size_t nr = 0;

	for (size_t i = 0; i < runs->nr; i++)
		nr += run_has_phase(&runs->runs[i], phase);
	return nr;
}

int compare_runs(struct comparison *comparison, const struct runs *base, const struct runs *more)
{
	struct comparison *c = comparison;
	double *values = calloc(2 * (base->nr + more->nr) + 2, sizeof(*values));
	int err = values ? 0 : -ENOMEM;

	*c = (struct comparison){ .base = base,
				  .more = more,
				  .phase = base->phase,
				  .base_phases = runs_having(base, base->phase),
				  .more_phases = runs_having(more, base->phase) };
	if (!err)
		find_units(c, values);
	if (!err)
		err = add_keys(c, base);
	if (!err)
		err = add_keys(c, more);
	if (!err)
		drop_doubles(c);
	for (size_t i = 0; i < c->nr_locks && !err; i++)
		err = compare_lock(&c->locks[i], c, values);
	c->total = (struct lock_change){ .key = "all locks",
					 .label = "all locks",
					 .kind = "locks",
					 .runs_base = base->nr,
					 .runs_more = more->nr };
	if (!err)
		err = name_subject(&c->total, c);
	for (int m = 0; m < NR_METRICS && !err; m++)
		err = compare_metric(&c->total.metric[m], c, NULL, (enum metric)m, values,
				     values + base->nr + more->nr);
	if (!err && c->nr_locks)
		qsort(c->locks, c->nr_locks, sizeof(*c->locks), by_wait_change);
	if (!err) {
		c->base_thread_ns = thread_ns(base, values);
		c->more_thread_ns = thread_ns(more, values);
		find_differences(c, values);
	}
	free(values);
	return err;
}

void compare_fini(struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->nr_locks; i++) {
		free(comparison->locks[i].places);
		free(comparison->locks[i].subject);
	}
	free(comparison->total.subject);
	free(comparison->locks);
	*comparison = (struct comparison){ 0 };
}
