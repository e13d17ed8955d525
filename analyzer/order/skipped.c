/* SPDX-License-Identifier: MIT */
/*
 * skipped.c: which sections a witness leaves out, or moves back, though others followed them
 *
 * What such a section wrote, the others may have read: then they might have gone another way. That
 * is what a witness assumes not to be, so it is told.
 */
#include <errno.h>
#include <stdlib.h>

#include "inquiry.h"

struct finder {
	const struct history *h;
	const uint32_t *upto;
	struct skipped *at;
	uint32_t nr, room;
};

static uint32_t last_inside(const struct finder *f, const struct use *use, bool exclusive)
{
	const uint32_t *places = exclusive ? use->exclusive : use->at;
	uint32_t inside = history_before(places, exclusive ? use->nr_exclusive : use->nr,
					 f->upto[use->thread]);

	return inside ? places[inside - 1] : NO_OP;
}

/* The first section that does not end inside. */
static uint32_t first_outside(const struct finder *f, const struct use *use, bool exclusive)
{
	const uint32_t *places = exclusive ? use->exclusive : use->at;
	uint32_t nr = exclusive ? use->nr_exclusive : use->nr;
	uint32_t inside = history_before(places, nr, f->upto[use->thread]);

	if (inside &&
	    history_op(f->h, use->thread, places[inside - 1])->mate >= f->upto[use->thread])
		return places[inside - 1];
	return inside < nr ? places[inside] : NO_OP;
}

static int note(struct finder *f, const struct skipped *skipped)
{
	uint32_t room = f->room ? f->room * 2 : 8;
	struct skipped *at;

	if (f->nr == f->room) {
		at = realloc(f->at, room * sizeof(*at));
		if (!at)
			return -ENOMEM;
		f->at = at;
		f->room = room;
	}
	f->at[f->nr++] = *skipped;
	return 0;
}

/* `use` took the lock inside, after a section of `other` that is outside. */
static int compare(struct finder *f, const struct use *use, const struct use *other)
{
	for (int exclusive = 0; exclusive < 2; exclusive++) {
		uint32_t inside = last_inside(f, use, exclusive);
		uint32_t outside = first_outside(f, other, !exclusive);

		if (inside == NO_OP || outside == NO_OP ||
		    history_op(f->h, use->thread, inside)->rank <
			    history_op(f->h, other->thread, outside)->rank)
			continue;
		return note(f, &(struct skipped){ use->thing, use->thread, inside, other->thread,
						  outside });
	}
	return 0;
}

/* ---- witnesses in another order ---- */

/* The acquisition of a lock that was latest in the run, of those that the witness has had. */
struct latest {
	uint32_t thread, at, rank;
	bool any;
};

static bool is_told(const struct finder *f, uint32_t thing)
{
	for (uint32_t i = 0; i < f->nr; i++)
		if (f->at[i].thing == thing)
			return true;
	return false;
}

static int acquire(struct finder *f, struct latest (*latest)[2], uint32_t thread, uint32_t at)
{
	const struct op *op = history_op(f->h, thread, at);
	bool shared = op->flags & OP_SHARED;
	struct latest *own = &latest[op->thing][shared];
	int err = 0;

	/* Whom it conflicts with: writers in any case, readers if it writes. */
	for (int readers = 0; readers < 2 - shared && !err; readers++) {
		const struct latest *l = &latest[op->thing][readers];

		if (l->any && l->rank > op->rank && l->thread != thread && !is_told(f, op->thing))
			err = note(f, &(struct skipped){ op->thing, l->thread, l->at, thread, at });
	}
	if (!own->any || own->rank < op->rank)
		*own = (struct latest){ thread, at, op->rank, true };
	return err;
}

static int find_reordered(struct finder *f, const uint32_t *order, uint64_t nr_order)
{
	struct latest(*latest)[2] = calloc((size_t)f->h->nr_things + 1, sizeof(*latest));
	uint32_t *done = calloc((size_t)f->h->nr_threads + 1, sizeof(*done));
	int err = latest && done ? 0 : -ENOMEM;

	for (uint64_t i = 0; i < nr_order && !err; i++) {
		uint32_t thread = order[i], at = done[thread]++;

		if (history_op(f->h, thread, at)->kind == OP_ACQUIRE)
			err = acquire(f, latest, thread, at);
	}
	free(latest);
	free(done);
	return err;
}

static int find_left_out(struct finder *f)
{
	const struct history *h = f->h;
	int err = 0;

	for (uint32_t thing = 0; thing < h->nr_things && !err; thing++) {
		uint32_t first = h->thing_uses[thing], last = h->thing_uses[thing + 1];

		for (uint32_t i = first; i < last && !err; i++)
			for (uint32_t k = first; k < last && !err && f->upto[h->uses[i].thread];
			     k++)
				if (i != k)
					err = compare(f, &h->uses[i], &h->uses[k]);
	}
	return err;
}

int skipped_find(const struct history *history, const uint32_t *upto, const uint32_t *order,
		 uint64_t nr_order, struct skipped **skipped, uint32_t *nr)
{
	struct finder f = { .h = history, .upto = upto };
	int err = find_left_out(&f);

	if (!err && order)
		err = find_reordered(&f, order, nr_order);
	*skipped = f.at;
	*nr = f.nr;
	return err;
}
