/* SPDX-License-Identifier: MIT */
/* reorder.h: schedules that lead to requests in another order than the recorded one */
#ifndef LOCKPROF_ORDER_REORDER_H
#define LOCKPROF_ORDER_REORDER_H

#include "closure.h"

enum reorder_end { REORDER_FOUND, REORDER_REFUTED, REORDER_UNKNOWN, REORDER_NO_MEMORY };

struct reorder {
	uint32_t *upto;	 /* by row: operations that run; to be freed, as is order */
	uint32_t *order; /* rows; those of barriers are left out */
	uint64_t nr_order;
};

/*
 * `base` has what the requests need by edges alone. FOUND: *result is a schedule of a prefix that
 * has it and none of the requests.
 */
enum reorder_end reorder_find(const struct closure *base, const struct stop *stops, uint32_t nr,
			      struct reorder *result);

/* linear.c: a run of a prefix by edges and locks. FOUND, or UNKNOWN. */
enum reorder_end reorder_line_up(const struct closure *prefix, struct reorder *result);

#endif
