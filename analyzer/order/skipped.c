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

/* The latest inside, or the first outside, by two different threads. */
struct extreme {
	struct {
		uint32_t thread, at, rank;
	} of[2];
	uint32_t nr;
};

static void enter(struct extreme *x, uint32_t thread, uint32_t at, uint32_t rank, bool first)
{
	uint32_t k = x->nr;

	while (k && (first ? rank < x->of[k - 1].rank : rank > x->of[k - 1].rank))
		k--;
	if (k == 2)
		return;
	if (k == 0)
		x->of[1] = x->of[0];
	x->of[k].thread = thread;
	x->of[k].at = at;
	x->of[k].rank = rank;
	x->nr += x->nr < 2;
}

/* The latest inside came after the first outside, by another thread. */
static int compare(struct finder *f, uint32_t thing, const struct extreme *in,
		   const struct extreme *out, bool *found)
{
	for (uint32_t i = 0; i < in->nr; i++)
		for (uint32_t k = 0; k < out->nr; k++) {
			if (*found || in->of[i].thread == out->of[k].thread ||
			    in->of[i].rank < out->of[k].rank)
				continue;
			*found = true;
			return note(f, &(struct skipped){ thing, in->of[i].thread, in->of[i].at,
							  out->of[k].thread, out->of[k].at });
		}
	return 0;
}

/* Of one lock: readers are left out of no reader's sight. */
static int find_left_out_of(struct finder *f, uint32_t thing)
{
	const struct history *h = f->h;
	struct extreme in[2] = { { .nr = 0 } }, out[2] = { { .nr = 0 } };
	bool found = false;
	int err;

	for (uint32_t i = h->thing_uses[thing]; i < h->thing_uses[thing + 1]; i++)
		for (int exclusive = 0; exclusive < 2; exclusive++) {
			const struct use *use = &h->uses[i];
			uint32_t inside = last_inside(f, use, exclusive);
			uint32_t outside = first_outside(f, use, exclusive);

			if (inside != NO_OP)
				enter(&in[exclusive], use->thread, inside,
				      history_op(h, use->thread, inside)->rank, false);
			if (outside != NO_OP)
				enter(&out[exclusive], use->thread, outside,
				      history_op(h, use->thread, outside)->rank, true);
		}
	err = compare(f, thing, &in[0], &out[1], &found);
	return err ? err : compare(f, thing, &in[1], &out[0], &found);
}

static int find_left_out(struct finder *f)
{
	int err = 0;

	for (uint32_t thing = 0; thing < f->h->nr_things && !err; thing++)
		err = find_left_out_of(f, thing);
	return err;
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
