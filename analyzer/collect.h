/* SPDX-License-Identifier: MIT */
/* collect.h: what collect.c (statistics) and collect_parts.c (what has an order in time) share */
#ifndef LOCKPROF_COLLECT_H
#define LOCKPROF_COLLECT_H

#include "pass.h"

struct hist_index {
	uint32_t stat;
	uint32_t hist;
};

struct collect {
	struct pass *pass;
	struct model *model;
	const struct trace_stat **stats;
	size_t nr_stats, cap_stats;
	size_t nr_own;		  /* of these, folded here; the others are the file's */
	struct hist_index *hists; /* of the file, by stat */
	size_t nr_hists;
	uint32_t *thread_row, *lock_row; /* id -> index in the model */
	uint64_t *wait_ticks;		 /* by lock id */
	uint64_t *folded_ticks;		 /* of these, of the file's statistics */
};

/* collect_parts.c; each 0 or -ENOMEM. Locks come first: they say who can be blamed. */
int collect_locks(struct collect *c);
int collect_blames(struct collect *c);
int collect_wait_stacks(struct collect *c);
int collect_joins(struct collect *c);

#endif
