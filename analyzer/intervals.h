/* SPDX-License-Identifier: MIT */
/*
 * intervals.h: the events of a model's traces as intervals of its threads: holds, and waits of all kinds
 *
 * There can be more than anybody can show. Then the longest waits are kept, the holds that they led
 * to, and the longest of the other holds; what is left out is still there as sums over equal parts
 * of the run, thread by thread. So nothing that took time is lost from sight.
 *
 * Of a model with one chosen phase (model_only_phase) only what was begun in that phase is there.
 */
#ifndef ANALYZER_INTERVALS_H
#define ANALYZER_INTERVALS_H

#include "model.h"

/* The numbers of waits are viz/DATA.md's wait_kind. */
enum interval_kind {
	INTERVAL_GOT_IT,      /* a wait for a lock that ended with it */
	INTERVAL_GAVE_UP,     /* ... without it */
	INTERVAL_NEVER_ENDED, /* ... not at all: it lasts to the recording's end */
	INTERVAL_CONDITION,
	INTERVAL_BARRIER,
	INTERVAL_ONCE,
	INTERVAL_FUTEX,
	INTERVAL_JOIN,
	INTERVAL_HOLD,
};

struct interval {
	uint64_t begin_ns, length_ns; /* on the axis of all processes */
	uint32_t thread;	      /* index in model.threads */
	uint32_t lock;		      /* index in model.locks; UINT32_MAX: none, or not known */
	uint32_t node;		      /* in the trace of the thread's process, of its phase; 0: not known */
	uint32_t stack;		      /* of the blocked call; 0: not taken */
	uint32_t joined;	      /* INTERVAL_JOIN: index in model.threads, or UINT32_MAX */
	uint8_t kind;		      /* enum interval_kind */
	bool is_shared;
};

/* By thread, then begin; of those that begin together the longest first. */
struct interval_list {
	struct interval *at;
	size_t nr, capacity;
};

struct interval_bin {
	uint64_t held_ns, waited_ns; /* over all locks together */
};

struct intervals {
	struct interval_list holds, waits;
	uint64_t nr_recorded;	 /* holds and waits, kept or not */
	uint64_t nr_holds;	 /* the holds among them */
	uint64_t min_hold_ns, min_wait_ns; /* shorter ones are left out; 0: none is */
	uint64_t end_ns;	 /* the latest end */
	uint32_t nr_bins;	 /* 0: all were kept */
	struct interval_bin *bins; /* by thread, then bin */
};

/*
 * At most about `max` intervals. begin_ns: by process, when it began on the axis of all. 0 or
 * -errno; end it with intervals_fini() either way.
 */
int intervals_read(struct intervals *all, const struct model *model, const uint64_t *begin_ns,
		   uint64_t max);
void intervals_fini(struct intervals *all);
/* By process, ns since the earliest began; to be freed. NULL: out of memory. */
uint64_t *intervals_begins(const struct model *model);

#endif
