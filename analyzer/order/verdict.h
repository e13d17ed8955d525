/* SPDX-License-Identifier: MIT */
/*
 * verdict.h: can the requests of a cycle really come to wait for each other?
 */
#ifndef LOCKPROF_ORDER_VERDICT_H
#define LOCKPROF_ORDER_VERDICT_H

#include "closure.h"
#include "cycles.h"
#include "signals.h"

/* Where each context's requests are: entries of one node are sorted by thread, then place. */
struct instance {
	uint32_t thread, at;
};

struct instances {
	uint32_t nr_nodes;
	uint32_t *first; /* by node; nr_nodes + 1 */
	struct instance *at;
};

int instances_new(struct instances *instances, const struct history *history, uint32_t nr_nodes,
		  const bool *wanted);
void instances_fini(struct instances *instances);

enum verdict_end {
	VERDICT_NONE, /* no threads or writers for it */
	VERDICT_ORDERED,
	VERDICT_REFUTED,
	VERDICT_POTENTIAL, /* budget */
	VERDICT_PREDICTED,
};

/* Members of the cycle, then the writers that readers stand behind. */
#define VERDICT_STOPS (2 * CYCLE_MAX)

struct verdict {
	enum verdict_end end;
	enum order_hidden reason; /* ORDERED */
	uint32_t nr;		  /* members */
	struct stop stops[VERDICT_STOPS];
	uint32_t nr_stops;
	uint32_t writer_of[CYCLE_MAX]; /* index in stops; 0: none */
	bool reordered;
	bool others_signal; /* others would, but stand behind the members */
	uint32_t *upto;	    /* PREDICTED: the witness; to be freed, as is order */
	uint32_t *order;    /* NULL: as recorded */
	uint64_t nr_order;
};

/* What a verdict is made of; the same for all cycles. */
struct court {
	const struct history *history;
	const struct requests *requests;
	const struct instances *instances;
	const struct signals *signals;
	uint64_t budget; /* steps, for all */
};

/* 0 or -ENOMEM */
int verdict_find(struct court *court, const struct cycle *cycle, struct verdict *verdict);
void verdict_fini(struct verdict *verdict);

#endif
