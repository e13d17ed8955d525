/* SPDX-License-Identifier: MIT */
/* cycles.h: requests that can wait for each other in a circle, and why others cannot */
#ifndef LOCKPROF_ORDER_CYCLES_H
#define LOCKPROF_ORDER_CYCLES_H

#include "order.h"
#include "requests.h"

#define CYCLE_MAX  8
#define CYCLE_REAL ORDER_HIDDEN_REASONS /* no reason against it so far */

struct cycle {
	uint32_t nr;
	uint32_t request[CYCLE_MAX];   /* each asks for what the next one holds */
	bool behind_writer[CYCLE_MAX]; /* both only read: it takes a waiting writer */
	enum order_hidden reason;      /* or CYCLE_REAL */
	uint32_t because;	       /* thing; NO_OP: none to name */
};

struct cycles {
	size_t nr, room;
	struct cycle *at; /* the real ones, then those with a reason: one for each row of locks */
	bool capped;
	bool longer_left; /* there may be cycles that are longer than what was looked for */
};

/*
 * max_cycle: members, at most CYCLE_MAX; where there is no cycle of so few, up to CYCLE_MAX.
 * 0 or -ENOMEM
 */
int cycles_find(struct cycles *cycles, const struct requests *requests, const struct thing *things,
		uint32_t nr_things, uint32_t max_cycle);
void cycles_fini(struct cycles *cycles);

#endif
