/* SPDX-License-Identifier: MIT */
/*
 * cycles.c: see cycles.h
 *
 * A search in depth over requests, twice. The first turns back as soon as something makes the
 * row harmless, and finds the real cycles; the second goes on, to be able to tell why the others
 * are none, and counts each row of locks once. Each has a budget of steps, because there may be
 * exponentially many; when it runs out that is told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "components.h"
#include "cycles.h"

#define REAL_STEPS   4000000u
#define REAL_CYCLES  50000u
#define HIDDEN_STEPS 400000u

struct holder {
	uint32_t thing, request;
	bool shared;
};

struct search {
	struct cycles *out;
	const struct requests *requests;
	const struct thing *things;
	uint32_t max_cycle;
	uint32_t *component;	/* by thing */
	struct holder *holders; /* by thing */
	uint32_t nr_holders, *first_holder;
	struct cycle path;
	uint64_t steps;
	bool hidden;	/* the second search */
	bool again;	/* for longer ones, where there are no short ones */
	bool *covered;	/* by component: it has cycles that are short enough */
	uint64_t *seen; /* hashes of rows of locks */
	size_t nr_seen, nr_slots;
	bool failed;
};

static bool useful(const struct search *s, const struct request *r)
{
	for (uint32_t i = 0; i < r->nr_held; i++)
		if (s->component[r->thing] &&
		    s->component[HELD_THING(r->held[i])] == s->component[r->thing])
			return true;
	return false;
}

/* ---- rows of locks that were met already ---- */

static uint64_t row_hash(const struct search *s)
{
	uint64_t hash = 1;
	uint32_t least = 0;

	for (uint32_t i = 1; i < s->path.nr; i++)
		if (s->requests->at[s->path.request[i]].thing <
		    s->requests->at[s->path.request[least]].thing)
			least = i;
	for (uint32_t i = 0; i < s->path.nr; i++) {
		uint32_t r = s->path.request[(least + i) % s->path.nr];

		hash = (hash ^ s->requests->at[r].thing) * 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
	}
	return hash ? hash : 1;
}

static bool insert(uint64_t *slots, size_t nr_slots, uint64_t hash)
{
	size_t i = hash & (nr_slots - 1);

	while (slots[i] && slots[i] != hash)
		i = (i + 1) & (nr_slots - 1);
	if (slots[i])
		return false;
	slots[i] = hash;
	return true;
}

/* Whether this row is met for the first time. */
static bool first_time(struct search *s)
{
	uint64_t *slots;
	size_t nr = s->nr_slots ? s->nr_slots * 2 : 1024;

	if (s->nr_seen * 2 >= s->nr_slots) {
		slots = calloc(nr, sizeof(*slots));
		if (!slots) {
			s->failed = true;
			return false;
		}
		for (size_t i = 0; i < s->nr_slots; i++)
			if (s->seen[i])
				insert(slots, nr, s->seen[i]);
		free(s->seen);
		s->seen = slots;
		s->nr_slots = nr;
	}
	if (!insert(s->seen, s->nr_slots, row_hash(s)))
		return false;
	s->nr_seen++;
	return true;
}

/* ---- reasons ---- */

/* A choice of different threads for the members from `i` on. The first CYCLE_MAX of each do. */
static bool threads_from(const struct search *s, uint32_t i, uint32_t *chosen)
{
	const struct request *r;
	uint32_t tried = 0;

	if (i == s->path.nr)
		return true;
	r = &s->requests->at[s->path.request[i]];
	for (uint32_t v = 0; v < r->nr_visitors && tried <= CYCLE_MAX; v++) {
		uint32_t k = 0;

		if (v && r->visitors[v].thread == r->visitors[v - 1].thread)
			continue;
		tried++;
		chosen[i] = r->visitors[v].thread;
		while (k < i && chosen[k] != chosen[i])
			k++;
		if (k == i && threads_from(s, i + 1, chosen))
			return true;
	}
	return false;
}

static bool enough_threads(const struct search *s)
{
	uint32_t chosen[CYCLE_MAX];

	return threads_from(s, 0, chosen);
}

/* A thing that both hold, not both for reading; NO_OP: none. */
static uint32_t gate(const struct request *a, const struct request *b)
{
	uint32_t i = 0, k = 0;

	while (i < a->nr_held && k < b->nr_held) {
		uint32_t x = a->held[i], y = b->held[k];

		if (HELD_THING(x) == HELD_THING(y) && !(HELD_SHARED(x) && HELD_SHARED(y)))
			return HELD_THING(x);
		if (x < y)
			i++;
		else
			k++;
	}
	return NO_OP;
}

static void object(struct search *s, enum order_hidden reason, uint32_t because)
{
	if (s->path.reason != CYCLE_REAL)
		return;
	s->path.reason = reason;
	s->path.because = because;
}

/* What speaks against a request that joins the path; sets path.reason. */
static void judge_joining(struct search *s, uint32_t request)
{
	const struct request *r = &s->requests->at[request];

	if (r->how == REQUEST_TRY)
		object(s, ORDER_HIDDEN_TRY, r->thing);
	for (uint32_t i = 0; i < s->path.nr && s->path.reason == CYCLE_REAL; i++) {
		uint32_t between = gate(&s->requests->at[s->path.request[i]], r);

		if (between != NO_OP)
			object(s, ORDER_HIDDEN_GATE, between);
	}
}

/* ---- the search ---- */

static void found(struct search *s)
{
	struct cycle *at;
	size_t room = s->out->room ? s->out->room * 2 : 64;

	if (!enough_threads(s)) {
		s->path.reason = ORDER_HIDDEN_ONE_THREAD;
		s->path.because = NO_OP;
	}
	if (s->hidden ? s->path.reason == CYCLE_REAL : s->path.reason != CYCLE_REAL)
		return;
	if (!s->again)
		s->covered[s->component[s->requests->at[s->path.request[0]].thing]] = true;
	if (!first_time(s) && s->hidden)
		return;
	if (s->out->nr == s->out->room) {
		at = realloc(s->out->at, room * sizeof(*at));
		if (!at) {
			s->failed = true;
			return;
		}
		s->out->at = at;
		s->out->room = room;
	}
	s->out->at[s->out->nr++] = s->path;
	if (!s->hidden && s->out->nr >= REAL_CYCLES)
		s->steps = 0;
}

static bool asked_already(const struct search *s, uint32_t thing)
{
	for (uint32_t i = 0; i < s->path.nr; i++)
		if (s->requests->at[s->path.request[i]].thing == thing)
			return true;
	return false;
}

static bool waits_already(const struct search *s)
{
	for (uint32_t i = 0; i < s->path.nr; i++)
		if (s->requests->at[s->path.request[i]].how == REQUEST_SIGNAL)
			return true;
	return false;
}

static void deepen(struct search *s);

/* The latest request asks for what this one holds. */
static void follow(struct search *s, const struct holder *holder)
{
	uint32_t last = s->path.nr - 1;
	const struct request *asks = &s->requests->at[s->path.request[last]];
	const struct request *next = &s->requests->at[holder->request];
	struct cycle before = s->path;
	bool readers = asks->shared && holder->shared && asks->how != REQUEST_SIGNAL;

	s->path.behind_writer[last] = readers;
	if (readers && !s->things[asks->thing].writers_first)
		object(s, ORDER_HIDDEN_READERS, asks->thing);
	if (holder->request == s->path.request[0]) {
		if (s->path.nr > 1)
			found(s);
	} else if (holder->request > s->path.request[0] && s->path.nr < s->max_cycle &&
		   !asked_already(s, next->thing) &&
		   !(next->how == REQUEST_SIGNAL && waits_already(s))) {
		judge_joining(s, holder->request);
		s->path.request[s->path.nr++] = holder->request;
		if (s->hidden || s->path.reason == CYCLE_REAL)
			deepen(s);
	}
	s->path = before;
}

static void deepen(struct search *s)
{
	uint32_t thing = s->requests->at[s->path.request[s->path.nr - 1]].thing;

	for (uint32_t i = s->first_holder[thing]; i < s->first_holder[thing + 1]; i++) {
		if (!s->steps || s->failed)
			return;
		s->steps--;
		follow(s, &s->holders[i]);
	}
}

static void search(struct search *s)
{
	for (uint32_t i = 0; i < s->requests->nr && s->steps; i++) {
		const struct request *r = &s->requests->at[i];

		if (!useful(s, r) || (s->again && s->covered[s->component[r->thing]]))
			continue;
		s->path = (struct cycle){ .reason = CYCLE_REAL, .because = NO_OP };
		judge_joining(s, i);
		if (!s->hidden && s->path.reason != CYCLE_REAL)
			continue;
		s->path.request[s->path.nr++] = i;
		deepen(s);
	}
}

/* ---- the graph ---- */

static int find_components(struct search *s, uint32_t nr_things)
{
	size_t nr = 0;
	uint32_t nr_components;
	struct arc *arcs;
	int err;

	for (uint32_t i = 0; i < s->requests->nr; i++)
		nr += s->requests->at[i].nr_held;
	arcs = malloc((nr + 1) * sizeof(*arcs));
	s->component = calloc((size_t)nr_things + 1, sizeof(*s->component));
	if (!arcs || !s->component) {
		free(arcs);
		return -ENOMEM;
	}
	nr = 0;
	for (uint32_t i = 0; i < s->requests->nr; i++) {
		const struct request *r = &s->requests->at[i];

		for (uint32_t k = 0; k < r->nr_held; k++)
			arcs[nr++] = (struct arc){ HELD_THING(r->held[k]), r->thing };
	}
	err = components_find(nr_things, nr, arcs, s->component, &nr_components);
	free(arcs);
	return err;
}

static int compare_holders(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->thing != y->thing)
		return x->thing < y->thing ? -1 : 1;
	return (x->request > y->request) - (x->request < y->request);
}

static int find_holders(struct search *s, uint32_t nr_things)
{
	size_t nr = 0;

	for (uint32_t i = 0; i < s->requests->nr; i++)
		nr += s->requests->at[i].nr_held;
	s->holders = malloc((nr + 1) * sizeof(*s->holders));
	s->first_holder = calloc((size_t)nr_things + 2, sizeof(*s->first_holder));
	if (!s->holders || !s->first_holder)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->requests->nr; i++) {
		const struct request *r = &s->requests->at[i];

		for (uint32_t k = 0; k < r->nr_held; k++) {
			uint32_t thing = HELD_THING(r->held[k]);

			if (!s->component[thing] || s->component[thing] != s->component[r->thing])
				continue;
			s->holders[s->nr_holders++] =
				(struct holder){ thing, i, HELD_SHARED(r->held[k]) };
			s->first_holder[thing + 1]++;
		}
	}
	qsort(s->holders, s->nr_holders, sizeof(*s->holders), compare_holders);
	for (uint32_t i = 0; i < nr_things; i++)
		s->first_holder[i + 1] += s->first_holder[i];
	return 0;
}

/* Whether a part has room for a longer cycle than was looked for there. */
static int find_longer(struct search *s, uint32_t nr_things)
{
	uint32_t *size = calloc((size_t)nr_things + 1, sizeof(*size));

	if (!size)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr_things; i++) {
		uint32_t part = s->component[i];

		if (part && ++size[part] > (s->covered[part] ? s->max_cycle : CYCLE_MAX))
			s->out->longer_left = true;
	}
	free(size);
	return 0;
}

/* Where no cycle is short enough, longer ones are looked for. */
static void search_all(struct search *s)
{
	uint32_t max_cycle = s->max_cycle;

	for (int again = 0; again < 2; again++) {
		s->steps = s->hidden ? HIDDEN_STEPS : REAL_STEPS;
		s->again = again;
		s->max_cycle = again ? CYCLE_MAX : max_cycle;
		search(s);
		if (!s->hidden && !again)
			s->out->capped = !s->steps;
		else if (!s->hidden)
			s->out->longer_left |= !s->steps;
	}
	s->max_cycle = max_cycle;
}

int cycles_find(struct cycles *cycles, const struct requests *requests, const struct thing *things,
		uint32_t nr_things, uint32_t max_cycle)
{
	struct search s = { .out = cycles,
			    .requests = requests,
			    .things = things,
			    .max_cycle = max_cycle < CYCLE_MAX ? max_cycle : CYCLE_MAX };
	int err = find_components(&s, nr_things);

	*cycles = (struct cycles){ .nr = 0 };
	if (!err)
		err = find_holders(&s, nr_things);
	s.covered = calloc((size_t)nr_things + 1, sizeof(*s.covered));
	if (!s.covered)
		err = -ENOMEM;
	for (int round = 0; round < 2 && !err; round++) {
		s.hidden = round;
		search_all(&s);
		if (!s.hidden)
			err = find_longer(&s, nr_things);
		if (s.failed)
			err = -ENOMEM;
	}
	free(s.covered);
	free(s.component);
	free(s.holders);
	free(s.first_holder);
	free(s.seen);
	return err;
}

void cycles_fini(struct cycles *cycles)
{
	free(cycles->at);
	*cycles = (struct cycles){ .nr = 0 };
}
