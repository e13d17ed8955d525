/* SPDX-License-Identifier: MIT */
/*
 * signals.c: see signals.h
 *
 * A circle through a signal only stands if nobody outside of it comes and gives the signal. Who
 * gives one later in the run does come, unless something in between needs what a member has.
 */
#include <errno.h>
#include <stdlib.h>

#include "signals.h"

#define SIGNALS_LOOK 4096u /* operations between the prefix and a signal */

static bool gives(const struct op *op)
{
	return op->kind == OP_SIGNAL || op->kind == OP_POST;
}

int signals_new(struct signals *s, const struct history *h)
{
	*s = (struct signals){ .first = calloc((size_t)h->nr_things + 2, sizeof(*s->first)) };
	if (!s->first)
		return -ENOMEM;
	for (uint32_t t = 0; t < h->nr_threads; t++)
		for (uint32_t i = 0; i < h->rows[t].nr; i++)
			if (gives(history_op(h, t, i)))
				s->first[history_op(h, t, i)->thing + 2]++;
	for (uint32_t i = 1; i <= h->nr_things; i++)
		s->first[i + 1] += s->first[i];
	s->at = malloc(((size_t)s->first[h->nr_things + 1] + 1) * sizeof(*s->at));
	if (!s->at)
		return -ENOMEM;
	for (uint32_t t = 0; t < h->nr_threads; t++)
		for (uint32_t i = 0; i < h->rows[t].nr; i++)
			if (gives(history_op(h, t, i)))
				s->at[s->first[history_op(h, t, i)->thing + 1]++] =
					(struct stop){ t, i };
	return 0;
}

void signals_fini(struct signals *s)
{
	free(s->first);
	free(s->at);
}

static bool is_member(uint32_t thread, const struct stop *members, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		if (members[i].thread == thread)
			return true;
	return false;
}

/* Whether a member keeps others from this acquisition. */
static bool is_kept_from(const struct history *h, const struct op *op, const struct stop *members,
			 uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		const struct row *row = &h->rows[members[i].thread];
		uint32_t at = history_open(row, members[i].at);

		for (; at != NO_OP; at = history_open_next(row, members[i].at, at))
			if (row->ops[at].thing == op->thing &&
			    !(row->ops[at].flags & op->flags & OP_SHARED))
				return true;
	}
	return false;
}

static bool is_stuck(const struct closure *prefix, struct closure *probe, const struct stop *signal,
		     const struct stop *members, uint32_t nr)
{
	const struct history *h = prefix->history;
	uint32_t from = prefix->upto[signal->thread];

	closure_clear(probe);
	closure_extend(probe, signal->thread, signal->at + 1);
	if (closure_passed(probe, members, nr))
		return true;
	for (uint32_t i = from; i < signal->at && i - from < SIGNALS_LOOK; i++) {
		const struct op *op = history_op(h, signal->thread, i);

		closure_spend(prefix, 1);
		if (op->kind == OP_ACQUIRE && !(op->flags & OP_TRY) &&
		    is_kept_from(h, op, members, nr))
			return true;
	}
	return false;
}

enum signals_left signals_left(const struct signals *s, const struct closure *prefix,
			       struct closure *probe, uint32_t thing, const struct stop *members,
			       uint32_t nr)
{
	enum signals_left left = SIGNALS_NONE;
	uint32_t last = NO_OP;

	for (uint32_t i = s->first[thing]; i < s->first[thing + 1]; i++) {
		const struct stop *signal = &s->at[i];

		/* Of each thread the first one behind the prefix is enough. */
		if (signal->thread == last || signal->at < prefix->upto[signal->thread] ||
		    is_member(signal->thread, members, nr))
			continue;
		last = signal->thread;
		if (!is_stuck(prefix, probe, signal, members, nr))
			return SIGNALS_FREE;
		left = SIGNALS_STUCK;
	}
	closure_spend(prefix, s->first[thing + 1] - s->first[thing]);
	return left;
}
