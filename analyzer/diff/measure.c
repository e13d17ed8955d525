/* SPDX-License-Identifier: MIT */
/*
 * measure.c: one run, as one value for each class of locks and metric
 *
 * Classes of one key (two static variables of the same name, a lock of each worker process) are
 * added up before anything is divided. The run's total is the sum over all locks whose waits are
 * contention, so it has no percentiles of holds: of unlike locks together these mean nothing.
 */
#include "diff.h"

#include "../report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One class on its way: many can have one key. */
struct keyed {
	const char *key;
	size_t class;
};

static int compare_keyed(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : (x->class > y->class) - (x->class < y->class);
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/*
 * The waits, the longest tenth of them counted as no longer than the 90th percentile. A thread that
 * is taken off the processor while it has a lock, or is to get it, makes a few waits very long; in
 * a loaded machine these few are half of the sum, and vary from run to run.
 */
static double usual_wait_ns(const struct histogram *wait)
{
	double most = (double)histogram_percentile_ns(wait, 0.9), sum = 0;
	uint64_t low_ns, high_ns, count;

	for (size_t at = 0; histogram_next(wait, &at, &low_ns, &high_ns, &count);)
		sum += fmin((double)(low_ns + high_ns) / 2, most) * (double)count;
	return sum;
}

/* NAN where the program tells of no work. */
static double per_unit(const struct run *run, double value)
{
	return run->work_units > 0 ? value / run->work_units : NAN;
}

static void put_values(struct run_lock *lock, const struct counters *c, const struct run *run)
{
	double *v = lock->value, thread_ns = run->thread_ns;

	for (int i = 0; i < NR_METRICS; i++)
		v[i] = NAN;
	if (histogram_count(c->hold)) {
		v[METRIC_HOLD_P50] = (double)histogram_percentile_ns(c->hold, 0.5);
		v[METRIC_HOLD_P90] = (double)histogram_percentile_ns(c->hold, 0.9);
		v[METRIC_HOLD_MAX] = (double)c->hold_max_ns;
		v[METRIC_DEMAND] = (double)c->acquired * v[METRIC_HOLD_P50];
		v[METRIC_DEMAND_PER_UNIT] = per_unit(run, v[METRIC_DEMAND]);
	}
	v[METRIC_ACQUISITIONS] = (double)c->acquired;
	v[METRIC_WAIT_TOTAL] = (double)c->wait_ns;
	v[METRIC_WAIT_SHARE] = ratio((double)c->wait_ns, thread_ns);
	v[METRIC_WAIT_USUAL] = ratio(usual_wait_ns(c->wait), thread_ns);
	v[METRIC_CONTENTION] = ratio((double)c->contended, (double)c->acquired);
	v[METRIC_WAIT_P99] = (double)histogram_percentile_ns(c->wait, 0.99);
	v[METRIC_WAIT_MAX] = (double)c->wait_max_ns;
	v[METRIC_ACQUISITIONS_PER_UNIT] = per_unit(run, v[METRIC_ACQUISITIONS]);
	v[METRIC_WAIT_PER_UNIT] = per_unit(run, v[METRIC_WAIT_TOTAL]);
	lock->held = (double)histogram_count(c->hold);
	lock->hold_ns = (double)c->hold_ns;
}

/* A class is what one of its locks is. */
static bool *contending(const struct model *model)
{
	bool *found = calloc(model->nr_classes + 1, sizeof(*found));

	for (size_t i = 0; found && i < model->nr_locks; i++)
		if (report_lock_contends(&model->locks[i]))
			found[model->locks[i].class] = true;
	return found;
}

static size_t find_keys(const struct model *model, struct keyed *keyed)
{
	bool *contends = contending(model);
	size_t nr = 0;

	for (size_t i = 0; contends && i < model->nr_classes; i++) {
		const struct counters *c = &model->classes[i].all;

		if (contends[i] && (c->acquired || c->wait_ns))
			keyed[nr++] = (struct keyed){ model->classes[i].key, i };
	}
	qsort(keyed, nr, sizeof(*keyed), compare_keyed);
	nr = contends ? nr : SIZE_MAX;
	free(contends);
	return nr;
}

/* The classes of one key, and what they are together. */
static int measure_key(struct run *run, const struct model *model, const struct keyed *keyed,
		       size_t nr)
{
	struct run_lock *lock = &run->locks[run->nr_locks];
	const struct lock_class *first = &model->classes[keyed[0].class];
	struct counters sum = { 0 };
	int err = 0;

	*lock = (struct run_lock){ .key = strdup(first->key),
				   .label = strdup(first->label),
				   .kind = report_kind_name(first->kind) };
	run->nr_locks++;
	for (size_t i = 0; i < nr && !err; i++)
		err = counters_add(&sum, &model->classes[keyed[i].class].all);
	put_values(lock, &sum, run);
	counters_fini(&sum);
	return !err && (!lock->key || !lock->label) ? -ENOMEM : err;
}

static int measure_total(struct run *run, const struct model *model)
{
	struct counters sum = { 0 };
	double demand = 0, usual = 0, hold_ns = 0;
	int err = 0;

	for (size_t i = 0; i < model->nr_locks && !err; i++)
		if (report_lock_contends(&model->locks[i]))
			err = counters_add(&sum, &model->locks[i].all);
	for (size_t i = 0; i < run->nr_locks; i++) {
		demand += isnan(run->locks[i].value[METRIC_DEMAND])
				  ? 0
				  : run->locks[i].value[METRIC_DEMAND];
		usual += run->locks[i].value[METRIC_WAIT_USUAL];
		hold_ns += run->locks[i].hold_ns;
	}
	put_values(&run->total, &sum, run);
	run->total.value[METRIC_HOLD_P50] = run->total.value[METRIC_HOLD_P90] = NAN;
	run->total.value[METRIC_DEMAND] = demand;
	run->total.value[METRIC_DEMAND_PER_UNIT] = per_unit(run, demand);
	run->total.value[METRIC_WAIT_USUAL] = usual;
	run->total.hold_ns = hold_ns;
	run->total.kind = "locks";
	run->total.key = strdup("all locks");
	run->total.label = strdup("all locks");
	counters_fini(&sum);
	return !err && (!run->total.key || !run->total.label) ? -ENOMEM : err;
}

/* The first row is of what is in no phase. */
static int measure_phases(struct run *run, const struct model *model)
{
	run->phases = calloc(model->nr_phases + 1, sizeof(*run->phases));
	if (!run->phases)
		return -ENOMEM;
	for (size_t i = 1; i < model->nr_phases; i++) {
		run->phases[run->nr_phases] = strdup(model->phases[i].name);
		if (!run->phases[run->nr_phases])
			return -ENOMEM;
		run->nr_phases++;
	}
	return 0;
}

static int measure_facts(struct run *run, const struct model *model)
{
	static const enum trace_loss counted[] = { TRACE_LOSS_DEPTH, TRACE_LOSS_NODES,
						   TRACE_LOSS_THREADS, TRACE_LOSS_EVENTS };
	const struct process *first = &model->processes[0];
	const struct trace_header *header = report_header(first);

	run->program = strdup(report_base_name(first->exe));
	run->host = strdup(header->host);
	run->nr_cpus = header->nr_cpus;
	run->duration_ns = (double)model->duration_ns;
	run->thread_ns = (double)model->thread_ns;
	run->work_units = (double)model->work_units;
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		run->has_losses |= model->losses[counted[i]] > 0;
	run->is_partial = report_has_damages(model);
	return run->program && run->host ? measure_phases(run, model) : -ENOMEM;
}

/* Keys and the run's locks are in the same order. */
static int measure_places(struct run *run, const struct model *model, const struct keyed *keyed,
			  size_t nr)
{
	uint32_t *lock_of_class = calloc(model->nr_classes + 1, sizeof(*lock_of_class));
	uint32_t lock = 0;
	int err;

	if (!lock_of_class)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_classes; i++)
		lock_of_class[i] = PLACES_NO_LOCK;
	for (size_t i = 0; i < nr; i++) {
		lock += i && strcmp(keyed[i].key, keyed[i - 1].key) != 0;
		lock_of_class[keyed[i].class] = lock;
	}
	err = places_find(run, model, lock_of_class);
	free(lock_of_class);
	return err;
}

int measure_locks(struct run *run, const struct model *model)
{
	struct keyed *keyed = calloc(model->nr_classes + 1, sizeof(*keyed));
	int err = keyed ? measure_facts(run, model) : -ENOMEM;
	size_t nr = err ? 0 : find_keys(model, keyed);

	run->locks = calloc(nr == SIZE_MAX ? 1 : nr + 1, sizeof(*run->locks));
	if (!err && (nr == SIZE_MAX || !run->locks))
		err = -ENOMEM;
	for (size_t begin = 0, end; begin < nr && !err; begin = end) {
		for (end = begin + 1; end < nr && !strcmp(keyed[end].key, keyed[begin].key); end++)
			;
		err = measure_key(run, model, &keyed[begin], end - begin);
	}
	if (!err)
		err = measure_places(run, model, keyed, nr);
	free(keyed);
	return err ? err : measure_total(run, model);
}

const struct run_lock *run_find_lock(const struct run *run, const char *key)
{
	for (size_t low = 0, high = run->nr_locks; low < high;) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(key, run->locks[middle].key);

		if (order == 0)
			return &run->locks[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
