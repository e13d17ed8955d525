/* SPDX-License-Identifier: MIT */
/* runs_fixture.h: measured runs out of numbers, for the tests of diff and check */
#ifndef LOCKPROF_TESTS_RUNS_FIXTURE_H
#define LOCKPROF_TESTS_RUNS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../analyzer/diff/diff.h"

/* A run of a second of four threads on two processors, without a lock. */
static inline struct run *fixture_run(struct runs *runs)
{
	struct run *run;

	runs->runs = realloc(runs->runs, (runs->nr + 1) * sizeof(*run));
	assert_non_null(runs->runs);
	run = &runs->runs[runs->nr++];
	*run = (struct run){ .name = strdup("run"),
			     .program = strdup("app"),
			     .host = strdup("here"),
			     .nr_cpus = 2,
			     .duration_ns = 1e9,
			     .thread_ns = 4e9 };
	run->total.key = strdup("all locks");
	run->total.label = strdup("all locks");
	run->total.kind = "locks";
	for (int m = METRIC_ACQUISITIONS_PER_UNIT; m <= METRIC_WAIT_PER_UNIT; m++)
		run->total.value[m] = NAN;
	return run;
}

/* Locks must come in the order of their names. All else follows from the four numbers. */
static inline struct run_lock *fixture_lock(struct run *run, const char *name, double taken,
					    double hold_ns, double wait_ns)
{
	struct run_lock *lock;
	char key[128];

	run->locks = realloc(run->locks, (run->nr_locks + 1) * sizeof(*lock));
	assert_non_null(run->locks);
	lock = &run->locks[run->nr_locks++];
	snprintf(key, sizeof(key), "app/mutex/%s", name);
	*lock = (struct run_lock){ .key = strdup(key),
				   .label = strdup(name),
				   .kind = "mutex",
				   .held = taken,
				   .hold_ns = taken * hold_ns };
	lock->value[METRIC_HOLD_P50] = hold_ns;
	lock->value[METRIC_HOLD_P90] = hold_ns * 1.1;
	lock->value[METRIC_HOLD_MAX] = hold_ns * 3;
	lock->value[METRIC_DEMAND] = taken * hold_ns;
	lock->value[METRIC_ACQUISITIONS] = taken;
	lock->value[METRIC_WAIT_TOTAL] = wait_ns;
	lock->value[METRIC_WAIT_SHARE] = wait_ns / run->thread_ns;
	lock->value[METRIC_WAIT_USUAL] = lock->value[METRIC_WAIT_SHARE];
	for (int m = METRIC_ACQUISITIONS_PER_UNIT; m <= METRIC_WAIT_PER_UNIT; m++)
		lock->value[m] = NAN;
	run->total.value[METRIC_WAIT_TOTAL] += wait_ns;
	run->total.value[METRIC_WAIT_SHARE] += wait_ns / run->thread_ns;
	run->total.value[METRIC_WAIT_USUAL] += wait_ns / run->thread_ns;
	run->total.value[METRIC_ACQUISITIONS] += taken;
	return lock;
}

/* The program told of the phase. */
static inline void fixture_phase(struct run *run, const char *phase)
{
	run->phases = realloc(run->phases, (run->nr_phases + 1) * sizeof(*run->phases));
	assert_non_null(run->phases);
	run->phases[run->nr_phases] = strdup(phase);
	assert_non_null(run->phases[run->nr_phases]);
	run->nr_phases++;
}

/* The run tells of so much work. After all of its locks. */
static inline void fixture_units(struct run *run, double units)
{
	run->work_units = units;
	for (size_t i = 0; i <= run->nr_locks; i++) {
		double *v = i < run->nr_locks ? run->locks[i].value : run->total.value;

		v[METRIC_ACQUISITIONS_PER_UNIT] = v[METRIC_ACQUISITIONS] / units;
		v[METRIC_DEMAND_PER_UNIT] = v[METRIC_DEMAND] / units;
		v[METRIC_WAIT_PER_UNIT] = v[METRIC_WAIT_TOTAL] / units;
	}
}

static inline void fixture_place(struct run_lock *lock, const char *text, double demand_ns,
				 double blamed_ns)
{
	struct place *place;

	lock->places = realloc(lock->places, (lock->nr_places + 1) * sizeof(*place));
	assert_non_null(lock->places);
	place = &lock->places[lock->nr_places++];
	*place = (struct place){ .text = strdup(text),
				 .file = strdup("app.c"),
				 .function = strdup(text),
				 .line = 12,
				 .acquired = lock->value[METRIC_ACQUISITIONS],
				 .demand_ns = demand_ns,
				 .blamed_ns = blamed_ns };
}

/* Runs with one lock that is held a little differently each time. */
static inline void fixture_series(struct runs *runs, size_t nr, double hold_ns, double wait_ns)
{
	for (size_t i = 0; i < nr; i++) {
		double jitter = 1 + 0.002 * (double)(i * 7 % 5);

		fixture_lock(fixture_run(runs), "mu", 10000, hold_ns * jitter, wait_ns * jitter);
	}
}

#endif
