/* SPDX-License-Identifier: MIT */
/*
 * diff.h: two sides, each of one run or more, compared lock by lock
 *
 *	runs.c		what the user named: which trace files make up one run
 *	measure.c	one run to one value for each class of locks and metric
 *	places.c	... and where these values come from, by names of functions
 *	metrics.c	what is measured: names, units
 *	scopes.c	whole runs, and phases of theirs
 *	stats.c		run-level statistics
 *	compare.c	both sides matched by the classes' keys
 *	diff_text.c, diff_json.c	`lockprof diff`; `lockprof check` is in ../check
 *
 * A run is measured and its model dropped before the next one is read: memory follows the size of
 * the largest run, not the number of runs. Locks are matched by lock_class.key, which has names of
 * functions and variables, but neither addresses nor lines.
 */
#ifndef ANALYZER_DIFF_H
#define ANALYZER_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../order/order.h"
#include "../output.h"

struct json;

/* ---- metrics.c ---- */

enum metric {
	METRIC_HOLD_P50,
	METRIC_HOLD_P90,
	METRIC_DEMAND, /* acquisitions x median hold: what the lock costs when all want it */
	METRIC_ACQUISITIONS,
	METRIC_WAIT_TOTAL,
	METRIC_WAIT_SHARE, /* of the threads' time */
	METRIC_WAIT_USUAL, /* the same, no wait counted as more than the 90th percentile */
	METRIC_CONTENTION, /* contended / acquisitions */
	METRIC_WAIT_P99,
	METRIC_WAIT_MAX,
	METRIC_HOLD_MAX,
	/* By the program's units of work, where it tells of them. */
	METRIC_ACQUISITIONS_PER_UNIT,
	METRIC_DEMAND_PER_UNIT,
	METRIC_WAIT_PER_UNIT,
	NR_METRICS,
};

enum metric_unit { METRIC_NS, METRIC_COUNT, METRIC_RATIO, METRIC_MEAN };

struct metric_facts {
	const char *name;  /* in budgets and tables */
	const char *key;   /* in JSON: with its unit */
	const char *words; /* "the median hold time" */
	enum metric_unit unit;
};
extern const struct metric_facts metrics[NR_METRICS];

bool metric_is_per_unit(enum metric metric);
/* "12.3 us", "4,000", "5.2 %", "2.000"; "-" when it is not a number. In buf. */
const char *metric_text(char buf[OUTPUT_NUMBER], enum metric metric, double value);
/* "+26 %", "x3.4", "-5.0 %"; "new" from nothing to something. In buf. */
const char *metric_change(char buf[OUTPUT_NUMBER], double base, double more);

/* ---- a measured run ---- */

/* Code that takes the lock. The text has names of functions only, so that builds can be compared.
 */
struct place {
	char *text; /* "refill < serve < main" */
	char *file; /* NULL: unknown */
	char *function;
	int line;
	double acquired;
	double demand_ns; /* acquisitions x median hold: no sum, which a single preemption rules */
	double blamed_ns; /* others waited, while it was held from here */
};

/* One class of locks in one run. NAN: nothing was measured. */
struct run_lock {
	char *key;
	char *label;
	const char *kind;
	double value[NR_METRICS];
	double held, hold_ns;
	size_t nr_places;
	struct place *places;
};

struct run_finding {
	enum order_level level;
	char id[16];
	char *text; /* as a sentence */
	char *file, *function;
	int line;
	const char *suppressed;
};

/* In a cycle: `to` was asked for while `from` was held; keys of classes. */
struct run_edge {
	char *from, *to;
	char *from_label, *to_label;
};

struct run {
	char *name; /* as the user named it */
	size_t nr_paths;
	char **paths;

	size_t nr_locks;
	struct run_lock *locks; /* sorted by key; only those whose waits are contention */
	struct run_lock total;	/* over all of them; no hold percentiles */
	size_t nr_findings;
	struct run_finding *findings;
	size_t nr_edges;
	struct run_edge *edges;
	uint32_t nr_cycles; /* strongly connected parts of the lock graph */
	char *program, *host;
	uint32_t nr_cpus;
	double duration_ns, thread_ns;
	double work_units; /* that the program told of; 0: none */
	bool has_losses;   /* of what counts and times are made */
	bool is_partial;   /* a trace could not be read in whole */
	size_t nr_phases;
	char **phases; /* all that the program told of */
};

struct runs {
	struct run *runs;
	size_t nr, nr_measured; /* the first ones are */
	const char *phase;	/* all that is measured is of this phase; NULL: of the whole runs */
};

/*
 * What the user named, as runs that are not measured yet: a file is a run; a folder's traces are
 * one (a tree of processes), or each of its folders that has traces is. 0, or -errno with a
 * message.
 */
int runs_add(struct runs *runs, const char *operand);
/* The same runs as the others, as far as it lacks them, to be measured too. 0, or -errno with a
 * message. */
int runs_follow(struct runs *runs, const struct runs *others);
void runs_fini(struct runs *runs);

struct suppressions;

/* The phase, or the whole run, is there. */
bool run_has_phase(const struct run *run, const char *phase);
/* Measures the runs that are not yet, see model_share() for FILES. 0, or -errno with a message. */
int runs_measure(struct runs *runs, struct symbols *files, struct suppressions *suppressions);
/* Parts of it: one run out of a finished model. 0 or -errno. */
int measure_locks(struct run *run, const struct model *model);
int measure_order(struct run *run, struct model *model, struct suppressions *suppressions);

/*
 * places.c: fills the places of all locks; lock_of_class says which one of the run a class of the
 * model is part of. 0 or -ENOMEM.
 */
#define PLACES_NO_LOCK UINT32_MAX
int places_find(struct run *run, const struct model *model, const uint32_t *lock_of_class);
void places_fini(struct run_lock *lock);

/* ---- both sides ---- */

struct change {
	size_t nr_base, nr_more; /* values */
	double base, more;	 /* medians */
	double base_mad;
	double base_least, base_most;
	double p_up, p_down; /* one-sided; not adjusted */
};

struct place_change {
	const struct place *place; /* of the new side where it has it */
	/* of the median run */
	double base_hold_ns, hold_ns; /* one acquisition's; NAN: not there */
	double demand_ns, blamed_ns;  /* change */
	double acquired;	      /* change; per unit of work where both sides have these */
};

struct lock_change {
	const struct comparison *in;
	const char *key, *label, *kind;
	char *subject;		     /* "cache_mu", "cache_mu in phase serve" */
	size_t runs_base, runs_more; /* that have the lock */
	struct change metric[NR_METRICS];
	double base_held;    /* timed holds of the baseline's run with fewest */
	double base_cost_ns; /* hold and wait time in the baseline: how much it matters */
	size_t nr_places;
	struct place_change *places; /* with the largest gain first: demand and blame together */
};

struct comparison {
	const struct runs *base, *more;
	const char *phase;		 /* NULL: whole runs */
	size_t base_phases, more_phases; /* runs that have it */
	size_t nr_locks;
	struct lock_change *locks; /* largest change of wait time first */
	struct lock_change total;
	double base_thread_ns, more_thread_ns; /* time of all threads, of the median run */
	double base_units, more_units;	       /* of work, of the median run */
	size_t base_telling, more_telling;     /* runs that tell of units of work */
	bool has_units, lacks_units;	       /* all runs do so, or only some */
	/* Why contention cannot be compared; "" when it can. */
	char differ[256];
};

/* 0 or -ENOMEM. The runs must outlive it, and it must stay where it is. */
int compare_runs(struct comparison *comparison, const struct runs *base, const struct runs *more);
void compare_fini(struct comparison *comparison);
/*
 * The probability of values as low as those of the new runs, by their ranks, if they only were the
 * baseline's times `factor`. Out of memory: -1.
 */
double compare_p_grown(const struct comparison *comparison, const struct lock_change *lock,
		       enum metric metric, double factor);
/*
 * Whether the lock's acquisitions per unit of work have no noise: all runs of the baseline, two at
 * least, agree. Where each of them did the same work and the new runs did another amount, they say
 * nothing on what does not belong to the work (start-up, a timer), and nothing is exact.
 */
bool compare_is_exact(const struct comparison *comparison, const struct lock_change *lock);
const struct run_lock *run_find_lock(const struct run *run, const char *key);

/* ---- scopes.c ---- */

struct scope {
	struct runs base, more;
};

/* The first one is of whole runs, the others of a phase each. Initialise to zero. */
struct scopes {
	size_t nr;
	struct scope *scopes;
	struct comparison *comparisons; /* NULL: not yet */
};

/* A phase, or the whole runs (NULL), if it is not there yet. The name must outlive the scopes. 0 or
 * -ENOMEM. */
int scopes_add(struct scopes *scopes, const char *phase);
/* Measures the runs of the first scope, in all scopes. 0, or -errno with a message. */
int scopes_measure(struct scopes *scopes, struct symbols *files, struct suppressions *suppressions);
/* 0 or -ENOMEM */
int scopes_compare(struct scopes *scopes);
/* Before there are more runs. */
void scopes_forget(struct scopes *scopes);
void scopes_fini(struct scopes *scopes);

int diff_text(const struct comparison *comparison, size_t top, FILE *out);
int diff_json(const struct comparison *comparison, FILE *out);
/* Parts that the check's JSON has as well. */
void diff_json_side(struct json *json, const char *key, const struct runs *runs);
void diff_json_locks(struct json *json, const struct comparison *comparison);

#endif
