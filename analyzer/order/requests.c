/* SPDX-License-Identifier: MIT */
/* requests.c: see requests.h */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "requests.h"

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

static uint64_t hash_of(const struct request *r, const uint32_t *held)
{
	uint64_t hash = mix(r->thing, (uint64_t)r->how << 1 | r->shared);

	for (uint32_t i = 0; i < r->nr_held; i++)
		hash = mix(hash, held[i]);
	return hash;
}

static bool same_request(const struct request *a, const struct request *b)
{
	return a->hash == b->hash && a->thing == b->thing && a->how == b->how &&
	       a->shared == b->shared && a->nr_held == b->nr_held &&
	       (!a->nr_held || !memcmp(a->held, b->held, a->nr_held * sizeof(*a->held)));
}

/* The slot of the request, or the free one where it belongs. */
static uint32_t *find_slot(const struct requests *requests, const struct request *r)
{
	uint32_t i = (uint32_t)r->hash & (requests->nr_slots - 1);

	while (requests->slots[i] && !same_request(&requests->at[requests->slots[i] - 1], r))
		i = (i + 1) & (requests->nr_slots - 1);
	return &requests->slots[i];
}

static int grow(struct requests *requests)
{
	uint32_t room = requests->room ? requests->room * 2 : 64;
	struct request *at = realloc(requests->at, room * sizeof(*at));
	uint32_t *slots;

	if (!at)
		return -ENOMEM;
	requests->at = at;
	slots = calloc((size_t)room * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(requests->slots);
	requests->slots = slots;
	requests->nr_slots = room * 2;
	requests->room = room;
	for (uint32_t i = 0; i < requests->nr; i++)
		*find_slot(requests, &at[i]) = i + 1;
	return 0;
}

static int add_visitor(struct request *r, struct visitor visitor)
{
	uint32_t room = r->room_visitors ? r->room_visitors * 2 : 2;
	struct visitor *visitors;

	if (r->nr_visitors == r->room_visitors) {
		visitors = realloc(r->visitors, room * sizeof(*visitors));
		if (!visitors)
			return -ENOMEM;
		r->visitors = visitors;
		r->room_visitors = room;
	}
	r->visitors[r->nr_visitors++] = visitor;
	return 0;
}

static int add_request(struct requests *requests, struct request *r, uint32_t *slot)
{
	uint32_t *held = malloc((r->nr_held + 1) * sizeof(*held));

	if (!held)
		return -ENOMEM;
	if (r->nr_held)
		memcpy(held, r->held, r->nr_held * sizeof(*held));
	r->held = held;
	r->nr_visitors = r->room_visitors = 0;
	r->visitors = NULL;
	requests->at[requests->nr++] = *r;
	*slot = requests->nr;
	return 0;
}

int requests_add(struct requests *requests, const struct request *like, struct visitor visitor)
{
	struct request r = *like;
	uint32_t *slot;
	int err = requests->nr == requests->room ? grow(requests) : 0;

	if (err)
		return err;
	if (r.nr_held)
		qsort(r.held, r.nr_held, sizeof(*r.held), compare_numbers);
	r.hash = hash_of(&r, r.held);
	slot = find_slot(requests, &r);
	if (!*slot)
		err = add_request(requests, &r, slot);
	return err ? err : add_visitor(&requests->at[*slot - 1], visitor);
}

static int compare_visitors(const void *a, const void *b)
{
	const struct visitor *x = a, *y = b;

	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return (x->owes > y->owes) - (x->owes < y->owes);
}

void requests_finish(struct requests *requests)
{
	for (uint32_t i = 0; i < requests->nr; i++) {
		struct request *r = &requests->at[i];
		uint32_t used = 0;

		qsort(r->visitors, r->nr_visitors, sizeof(*r->visitors), compare_visitors);
		for (uint32_t k = 0; k < r->nr_visitors; k++)
			if (!k || compare_visitors(&r->visitors[used - 1], &r->visitors[k]))
				r->visitors[used++] = r->visitors[k];
		r->nr_visitors = used;
	}
}

void requests_fini(struct requests *requests)
{
	for (uint32_t i = 0; i < requests->nr; i++) {
		free(requests->at[i].held);
		free(requests->at[i].visitors);
	}
	free(requests->at);
	free(requests->slots);
	*requests = (struct requests){ .nr = 0 };
}
