/* SPDX-License-Identifier: MIT */
#ifndef LOCKPROF_RANGES_H
#define LOCKPROF_RANGES_H

#include <stddef.h>
#include <stdint.h>

/* One address range [low, high) and what it stands for. */
struct range {
	uint64_t low, high;
	uint64_t reach;   /* highest `high` up to here; set by ranges_sort() */
	const char *name; /* the user's, not owned */
	uint32_t value;   /* the user's */
	uint32_t rank;    /* of ranges with one `low`, the highest rank is found first */
};

struct ranges {
	struct range *at;
	size_t nr, capacity;
};

/* Ignores empty ranges. Returns 0 or -ENOMEM. */
int ranges_add(struct ranges *r, const struct range *range);
void ranges_sort(struct ranges *r);
/* The range with the highest `low` that holds ADDRESS, or NULL. */
const struct range *ranges_find(const struct ranges *r, uint64_t address);
void ranges_free(struct ranges *r);

#endif
