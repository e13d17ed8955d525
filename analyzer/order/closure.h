/* SPDX-License-Identifier: MIT */
/*
 * closure.h: the part of a run that some operations need
 *
 * A prefix is closed when all that had to come before its operations lies in it. It only ever
 * grows, so following the edges costs as much as there are edges, however many steps it takes.
 */
#ifndef LOCKPROF_ORDER_CLOSURE_H
#define LOCKPROF_ORDER_CLOSURE_H

#include "history.h"

struct closure {
	const struct history *history;
	uint32_t *upto; /* by row: operations that lie in the prefix */
	uint32_t *edge; /* by row: edges that were followed */
	uint32_t *todo; /* rows whose edges are to be followed */
	bool *queued;
	uint32_t nr_todo;
	uint32_t kinds;	  /* edges to follow, 1 << enum edge_kind */
	uint64_t *budget; /* steps left; shared */
};

/* Where a thread of a candidate stops: its operation `at` is a request and does not run. */
struct stop {
	uint32_t thread, at;
};

/* 0 or -ENOMEM; the prefix is empty. */
int closure_init(struct closure *closure, const struct history *history, uint64_t *budget);
void closure_fini(struct closure *closure);
void closure_clear(struct closure *closure);
/* The same prefix as `from`, which belongs to the same history. */
void closure_copy(struct closure *closure, const struct closure *from);

/* Takes the first `upto` operations of a row in, and all that they need. */
void closure_extend(struct closure *closure, uint32_t row, uint32_t upto);
/* Takes what a request needs in, not the request itself. */
void closure_reach(struct closure *closure, const struct stop *stop);
/* Whether one of the requests lies in the prefix. */
bool closure_passed(const struct closure *closure, const struct stop *stops, uint32_t nr);

enum closure_end {
	CLOSURE_DONE,
	CLOSURE_PASSED, /* a request would have to run */
	CLOSURE_STUCK,	/* a section would have to end that never ends */
	CLOSURE_BUDGET,
};

/*
 * Adds what the recorded order of locks asks for: where two conflicting sections of a lock have
 * begun, the one that was first in the run has to end.
 */
enum closure_end closure_locks(struct closure *closure, const struct stop *stops, uint32_t nr);

/* The last acquisition of a use in the prefix, exclusive ones alone; NO_OP: none. */
uint32_t closure_last(const struct closure *closure, const struct use *use, bool exclusive);

static inline bool closure_spend(const struct closure *closure, uint64_t steps)
{
	if (*closure->budget < steps) {
		*closure->budget = 0;
		return false;
	}
	*closure->budget -= steps;
	return true;
}

#endif
