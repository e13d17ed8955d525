/* SPDX-License-Identifier: MIT */
/*
 * skipped.c: which sections a witness leaves out though others followed them in the run
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

int skipped_find(const struct history *history, const uint32_t *upto, struct skipped **skipped,
		 uint32_t *nr)
{
	struct finder f = { .h = history, .upto = upto };
	int err = 0;

	for (uint32_t thing = 0; thing < history->nr_things && !err; thing++) {
		uint32_t first = history->thing_uses[thing], last = history->thing_uses[thing + 1];

		for (uint32_t i = first; i < last && !err; i++)
			for (uint32_t k = first; k < last && !err && upto[history->uses[i].thread];
			     k++)
				if (i != k)
					err = compare(&f, &history->uses[i], &history->uses[k]);
	}
	*skipped = f.at;
	*nr = f.nr;
	return err;
}
