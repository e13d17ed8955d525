/* SPDX-License-Identifier: MIT */
/*
 * inquiry.h: a history's requests, the cycles that they make, and what each can come to
 *
 * Nothing here knows of traces, so tests ask it about runs that are written down in a line.
 */
#ifndef LOCKPROF_ORDER_INQUIRY_H
#define LOCKPROF_ORDER_INQUIRY_H

#include "verdict.h"

struct inquiry {
	const struct history *history;
	uint32_t nr_nodes;
	struct requests requests;
	struct cycles cycles;
	struct instances instances;
	struct signals signals;
	struct court court;
};

/* steps: for all verdicts together. 0 or -ENOMEM; inquiry_fini() in any case. */
int inquiry_init(struct inquiry *inquiry, const struct history *history, uint32_t nr_nodes,
		 uint32_t max_cycle, uint64_t steps);
void inquiry_fini(struct inquiry *inquiry);

/* A section of another thread that was first in the run and is not, or comes later, in a witness.
 */
struct skipped {
	uint32_t thing;
	uint32_t thread, at;	  /* who took the lock after it */
	uint32_t other, other_at; /* the section; other_at may lie behind its thread's end */
};

/*
 * skipped.c: one for each lock, or two. order: as in struct verdict. To be freed; NULL
 * with *nr 0: none.
 */
int skipped_find(const struct history *history, const uint32_t *upto, const uint32_t *order,
		 uint64_t nr_order, struct skipped **skipped, uint32_t *nr);

/* Whether one of the cycle's members waits for, or holds, this thing. */
bool inquiry_own(const struct inquiry *inquiry, const struct cycle *cycle, uint32_t thing);

/*
 * The level of a cycle with a witness: ORDER_PREDICTED, _CONDITIONAL, _COMM_*, _BOUNDED_STALL.
 * others: sections of locks that are not the cycle's own are left out.
 */
enum order_level inquiry_level(const struct inquiry *inquiry, const struct cycle *cycle,
			       const struct verdict *verdict, bool others);

/* asks.c: the requests of a history. */
int asks_find(struct requests *requests, const struct history *history, uint32_t nr_nodes);

#endif
