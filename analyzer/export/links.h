/* SPDX-License-Identifier: MIT */
/*
 * links.h: which hold made way for which wait, found again in intervals
 */
#ifndef EXPORT_LINKS_H
#define EXPORT_LINKS_H

#include "../intervals.h"

#define LINKS_NONE UINT32_MAX

/*
 * Of a wait that ended with the lock: the hold whose end let it in, and the hold that it led to.
 * A hold is led to by one wait at most, and can make way for several (readers).
 */
struct links {
	uint32_t *maker;    /* by wait: the hold that it waited for */
	uint32_t *comes_of; /* by hold: the wait that led to it */
	uint32_t *first;    /* by hold: the first hold that it made way for */
	uint32_t *next;	    /* by hold that was made way for: the next one of the same maker */
};

/* 0 or -errno; end it with links_fini() either way. A maker begins before what it leads to. */
int links_find(struct links *links, const struct intervals *all, size_t nr_locks);
void links_fini(struct links *links);

#endif
