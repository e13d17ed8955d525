/* SPDX-License-Identifier: MIT */
/*
 * closure.c: see closure.h
 *
 * The rule of locks is that of sync-preserving deadlocks (Tunc, Mathur, Pavlogiannis, Viswanathan,
 * PLDI 2023), extended to readers: the recorded run, restricted to a prefix closed under it, is a
 * run of the program up to there. Only sections that are open at the end of a thread's part can
 * break the rule, so only these are looked at, against the latest acquisitions of others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "closure.h"

int closure_init(struct closure *c, const struct history *history, uint64_t *budget)
{
	uint32_t nr = history->nr_rows;

	*c = (struct closure){ .history = history, .kinds = EDGE_ANY, .budget = budget };
	c->upto = calloc(nr + 1, sizeof(*c->upto));
	c->edge = calloc(nr + 1, sizeof(*c->edge));
	c->todo = calloc(nr + 1, sizeof(*c->todo));
	c->queued = calloc(nr + 1, sizeof(*c->queued));
	if (c->upto && c->edge && c->todo && c->queued)
		return 0;
	closure_fini(c);
	return -ENOMEM;
}

void closure_fini(struct closure *c)
{
	free(c->upto);
	free(c->edge);
	free(c->todo);
	free(c->queued);
	*c = (struct closure){ .history = NULL };
}

void closure_clear(struct closure *c)
{
	memset(c->upto, 0, c->history->nr_rows * sizeof(*c->upto));
	memset(c->edge, 0, c->history->nr_rows * sizeof(*c->edge));
}

void closure_copy(struct closure *c, const struct closure *from)
{
	memcpy(c->upto, from->upto, c->history->nr_rows * sizeof(*c->upto));
	memcpy(c->edge, from->edge, c->history->nr_rows * sizeof(*c->edge));
}

static void take_in(struct closure *c, uint32_t row, uint32_t upto)
{
	if (upto <= c->upto[row])
		return;
	c->upto[row] = upto;
	if (!c->queued[row]) {
		c->queued[row] = true;
		c->todo[c->nr_todo++] = row;
	}
}

static void follow(struct closure *c, uint32_t row)
{
	const struct row *r = &c->history->rows[row];
	uint32_t first = c->edge[row], i = first;

	for (; i < r->nr_edges && r->edges[i].at < c->upto[row]; i++)
		if (c->kinds >> r->edges[i].kind & 1)
			take_in(c, r->edges[i].thread, r->edges[i].from + 1);
	c->edge[row] = i;
	closure_spend(c, i - first + 1);
}

static void settle(struct closure *c)
{
	while (c->nr_todo) {
		uint32_t row = c->todo[--c->nr_todo];

		c->queued[row] = false;
		follow(c, row);
	}
}

void closure_extend(struct closure *c, uint32_t row, uint32_t upto)
{
	take_in(c, row, upto);
	settle(c);
}

void closure_reach(struct closure *c, const struct stop *stop)
{
	const struct row *row = &c->history->rows[stop->thread];

	closure_extend(c, stop->thread, stop->at);
	/* Who asks for a lock in shared memory has been given its address. */
	for (uint32_t i = c->edge[stop->thread]; i < row->nr_edges && row->edges[i].at == stop->at;
	     i++)
		if (row->edges[i].kind == EDGE_PUBLISHED && c->kinds >> EDGE_PUBLISHED & 1)
			take_in(c, row->edges[i].thread, row->edges[i].from + 1);
	settle(c);
}

bool closure_passed(const struct closure *c, const struct stop *stops, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		if (c->upto[stops[i].thread] > stops[i].at)
			return true;
	return false;
}

uint32_t closure_last(const struct closure *c, const struct use *use, bool exclusive)
{
	const uint32_t *places = exclusive ? use->exclusive : use->at;
	uint32_t nr = exclusive ? use->nr_exclusive : use->nr;
	uint32_t inside = history_before(places, nr, c->upto[use->thread]);

	return inside ? places[inside - 1] : NO_OP;
}

/* Whether a section that began later in the run, and conflicts, has begun in the prefix. */
static bool must_end(struct closure *c, uint32_t thread, uint32_t at)
{
	const struct history *h = c->history;
	const struct op *section = history_op(h, thread, at);
	uint32_t first = h->thing_uses[section->thing], last = h->thing_uses[section->thing + 1];

	closure_spend(c, last - first);
	for (uint32_t i = first; i < last; i++) {
		const struct use *use = &h->uses[i];
		uint32_t other;

		if (use->thread == thread || !c->upto[use->thread])
			continue;
		other = closure_last(c, use, section->flags & OP_SHARED);
		if (other != NO_OP && history_op(h, use->thread, other)->rank > section->rank)
			return true;
	}
	return false;
}

/* One look at a thread's open sections. */
static enum closure_end end_sections(struct closure *c, uint32_t thread, bool *grown)
{
	const struct row *row = &c->history->rows[thread];
	uint32_t upto = c->upto[thread], at = history_open(row, upto);

	for (; at != NO_OP; at = history_open_next(row, upto, at)) {
		if (!must_end(c, thread, at))
			continue;
		if (row->ops[at].mate == NO_OP)
			return CLOSURE_STUCK;
		closure_extend(c, thread, row->ops[at].mate + 1);
		*grown = true;
		return CLOSURE_DONE;
	}
	return CLOSURE_DONE;
}

enum closure_end closure_locks(struct closure *c, const struct stop *stops, uint32_t nr)
{
	bool grown = true;

	while (grown) {
		grown = false;
		if (!*c->budget)
			return CLOSURE_BUDGET;
		for (uint32_t i = 0; i < c->history->nr_threads; i++) {
			if (c->upto[i] && end_sections(c, i, &grown) == CLOSURE_STUCK)
				return CLOSURE_STUCK;
			if (closure_passed(c, stops, nr))
				return CLOSURE_PASSED;
		}
	}
	return CLOSURE_DONE;
}
