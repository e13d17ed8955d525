/* SPDX-License-Identifier: MIT */
/*
 * Address ranges, sorted, possibly nested or overlapping: ELF symbols, compilation units,
 * functions, variables and JIT code are all looked up here.
 *
 * A sorted array and not an interval tree: everything is added first and asked afterwards. Each
 * entry carries the highest end so far, so that the walk back from the insertion point stops as
 * soon as nothing before can hold the address; real input needs one or two steps.
 */
#include "ranges.h"

#include <errno.h>
#include <stdlib.h>

/* Only nonsense (a damaged file) nests deeper. */
enum { MAX_STEPS = 4096 };

int ranges_add(struct ranges *r, const struct range *range)
{
	if (range->low >= range->high)
		return 0;
	if (r->nr == r->capacity) {
		size_t capacity = r->capacity ? 2 * r->capacity : 64;
		struct range *at = reallocarray(r->at, capacity, sizeof(*at));

		if (!at)
			return -ENOMEM;
		r->at = at;
		r->capacity = capacity;
	}
	r->at[r->nr++] = *range;
	return 0;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->high != y->high)
		return x->high > y->high ? -1 : 1;
	return 0;
}

void ranges_sort(struct ranges *r)
{
	uint64_t reach = 0;

	if (r->nr)
		qsort(r->at, r->nr, sizeof(*r->at), compare_ranges);
	for (size_t i = 0; i < r->nr; i++) {
		if (r->at[i].high > reach)
			reach = r->at[i].high;
		r->at[i].reach = reach;
	}
}

const struct range *ranges_find(const struct ranges *r, uint64_t address)
{
	size_t low = 0, high = r->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->at[middle].low <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (int steps = 0; low > 0 && steps < MAX_STEPS; low--, steps++) {
		if (r->at[low - 1].reach <= address)
			break;
		if (r->at[low - 1].high > address)
			return &r->at[low - 1];
	}
	return NULL;
}

void ranges_free(struct ranges *r)
{
	free(r->at);
	*r = (struct ranges){ 0 };
}
