/* SPDX-License-Identifier: MIT */
/* signals.h: who could still give the signal that a circle waits for */
#ifndef LOCKPROF_ORDER_SIGNALS_H
#define LOCKPROF_ORDER_SIGNALS_H

#include "closure.h"

/* Where signals are given and tokens are posted: by thing, then thread, then place. */
struct signals {
	uint32_t *first; /* by thing; nr_things + 1 */
	struct stop *at;
};

/* 0 or -ENOMEM */
int signals_new(struct signals *signals, const struct history *history);
void signals_fini(struct signals *signals);

enum signals_left {
	SIGNALS_NONE,  /* nobody but the members has one to give behind the prefix */
	SIGNALS_STUCK, /* others have, but would have to pass the members */
	SIGNALS_FREE,
};

/* probe: any closure of the same history; it is overwritten. */
enum signals_left signals_left(const struct signals *signals, const struct closure *prefix,
			       struct closure *probe, uint32_t thing, const struct stop *members,
			       uint32_t nr_members);

#endif
