/* SPDX-License-Identifier: MIT */
/*
 * links.c: see links.h
 *
 * The maker is the last hold of the lock by another thread that ended within the wait. Two readers
 * do not wait for each other. blame.c knows more, and adds up; here each wait matters.
 */
#include "links.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_NOISE_NS 1000 /* by which a release may seem to come after what it led to */

static uint64_t end_of(const struct interval *i)
{
	return i->begin_ns + i->length_ns;
}

static int by_lock_and_end(const void *a, const void *b)
{
	const struct interval *x = *(const struct interval *const *)a;
	const struct interval *y = *(const struct interval *const *)b;

	if (x->lock != y->lock)
		return x->lock < y->lock ? -1 : 1;
	return (end_of(x) > end_of(y)) - (end_of(x) < end_of(y));
}

/* Holds of the locks that somebody waited for, by lock and end. */
struct ends {
	const struct interval **at;
	size_t nr;
};

static int ends_find(struct ends *ends, const struct intervals *all, size_t nr_locks)
{
	bool *is_waited_for = calloc(nr_locks + 1, sizeof(*is_waited_for));

	ends->at = calloc(all->holds.nr + 1, sizeof(struct interval *));
	if (!is_waited_for || !ends->at) {
		free(is_waited_for);
		return -ENOMEM;
	}
	for (size_t i = 0; i < all->waits.nr; i++)
		if (all->waits.at[i].kind == INTERVAL_GOT_IT && all->waits.at[i].lock < nr_locks)
			is_waited_for[all->waits.at[i].lock] = true;
	for (size_t i = 0; i < all->holds.nr; i++)
		if (all->holds.at[i].lock < nr_locks && is_waited_for[all->holds.at[i].lock])
			ends->at[ends->nr++] = &all->holds.at[i];
	free(is_waited_for);
	qsort(ends->at, ends->nr, sizeof(*ends->at), by_lock_and_end);
	return 0;
}

/* How many of them come before (lock, ns) or at it. */
static size_t count_before(const struct ends *ends, uint32_t lock, uint64_t ns)
{
	size_t low = 0, high = ends->nr;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct interval *at = ends->at[middle];

		if (at->lock < lock || (at->lock == lock && end_of(at) <= ns))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The hold that a wait led to: of its thread and lock, where it ends. NULL: it is not there. */
static const struct interval *hold_after(const struct interval_list *holds,
					 const struct interval *wait)
{
	uint64_t end = end_of(wait);
	size_t low = 0, high = holds->nr;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct interval *at = &holds->at[middle];

		if (at->thread < wait->thread ||
		    (at->thread == wait->thread && at->begin_ns + 2 < end))
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < holds->nr && holds->at[low].thread == wait->thread &&
	       holds->at[low].begin_ns <= end + 2;
	     low++)
		if (holds->at[low].lock == wait->lock)
			return &holds->at[low];
	return NULL;
}

static const struct interval *maker_of(const struct ends *ends, const struct interval *wait)
{
	size_t i = count_before(ends, wait->lock, end_of(wait) + CLOCK_NOISE_NS);

	while (i-- > 0 && ends->at[i]->lock == wait->lock && end_of(ends->at[i]) >= wait->begin_ns)
		if (ends->at[i]->thread != wait->thread &&
		    !(ends->at[i]->is_shared && wait->is_shared) &&
		    ends->at[i]->begin_ns < end_of(wait))
			return ends->at[i];
	return NULL;
}

static void link_wait(struct links *links, const struct intervals *all, const struct ends *ends,
		      uint32_t wait)
{
	const struct interval *maker = maker_of(ends, &all->waits.at[wait]);
	const struct interval *into = hold_after(&all->holds, &all->waits.at[wait]);
	uint32_t from, to;

	if (!maker)
		return;
	from = (uint32_t)(maker - all->holds.at);
	links->maker[wait] = from;
	if (!into || maker->begin_ns >= into->begin_ns)
		return;
	to = (uint32_t)(into - all->holds.at);
	if (links->comes_of[to] != LINKS_NONE)
		return;
	links->comes_of[to] = wait;
	links->next[to] = links->first[from];
	links->first[from] = to;
}

static uint32_t *new_numbers(size_t nr)
{
	uint32_t *numbers = malloc((nr + 1) * sizeof(*numbers));

	if (numbers)
		memset(numbers, 0xff, (nr + 1) * sizeof(*numbers));
	return numbers;
}

int links_find(struct links *links, const struct intervals *all, size_t nr_locks)
{
	struct ends ends = { .nr = 0 };
	int err = ends_find(&ends, all, nr_locks);

	*links = (struct links){ .maker = new_numbers(all->waits.nr),
				 .comes_of = new_numbers(all->holds.nr),
				 .first = new_numbers(all->holds.nr),
				 .next = new_numbers(all->holds.nr) };
	if (!links->maker || !links->comes_of || !links->first || !links->next)
		err = -ENOMEM;
	for (uint32_t i = 0; !err && i < all->waits.nr; i++)
		if (all->waits.at[i].kind == INTERVAL_GOT_IT && all->waits.at[i].lock < nr_locks)
			link_wait(links, all, &ends, i);
	free(ends.at);
	return err;
}

void links_fini(struct links *links)
{
	free(links->maker);
	free(links->comes_of);
	free(links->first);
	free(links->next);
	*links = (struct links){ .maker = NULL };
}
