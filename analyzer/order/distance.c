/* SPDX-License-Identifier: MIT */
/*
 * distance.c: how near the two sections of an inversion came to each other
 *
 * For two neighbours in the cycle: the sections of what each holds, in which it asks for what the
 * other holds. A sweep over time remembers the latest end of each side, by two different threads.
 */
#include <errno.h>
#include <stdlib.h>

#include "judge.h"

#define DISTANCE_SECTIONS 4000000u

struct span {
	uint64_t begin, end;
	uint32_t thread, side;
};

struct sweep {
	struct span *at;
	size_t nr, room;
};

static int add_span(struct sweep *w, const struct span *span)
{
	size_t room = w->room ? w->room * 2 : 256;
	struct span *at;

	if (w->nr == w->room) {
		at = realloc(w->at, room * sizeof(*at));
		if (!at)
			return -ENOMEM;
		w->at = at;
		w->room = room;
	}
	w->at[w->nr++] = *span;
	return 0;
}

/* The section of `held` that is open at the operation, if it has an end. */
static bool section_at(const struct row *row, uint32_t at, uint32_t held, struct span *span)
{
	uint32_t open = history_open(row, at);

	while (open != NO_OP && row->ops[open].thing != held)
		open = history_open_next(row, at, open);
	if (open == NO_OP || row->ops[open].mate == NO_OP)
		return false;
	span->begin = row->ops[open].ticks;
	span->end = row->ops[row->ops[open].mate].ticks;
	return true;
}

static int add_side(struct sweep *w, const struct inquiry *q, const struct request *r,
		    uint32_t held, uint32_t side)
{
	const struct instances *in = &q->instances;
	int err = 0;

	for (uint32_t v = 0; v < r->nr_visitors && !err; v++) {
		uint32_t node = r->visitors[v].node;

		if (v && r->visitors[v - 1].node == node)
			continue;
		for (uint32_t i = in->first[node]; i < in->first[node + 1] && !err; i++) {
			struct span span = { .thread = in->at[i].thread, .side = side };

			if (w->nr < DISTANCE_SECTIONS &&
			    in->at[i].thread == r->visitors[v].thread &&
			    section_at(&q->history->rows[span.thread], in->at[i].at, held, &span))
				err = add_span(w, &span);
		}
	}
	return err;
}

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

/* The latest ends of one side, by two threads. */
struct latest {
	uint64_t end[2];
	uint32_t thread[2], nr;
};

static void remember(struct latest *l, const struct span *span)
{
	uint32_t k = 0;

	while (k < l->nr && l->thread[k] != span->thread)
		k++;
	if (k == 2)
		k = l->end[0] < l->end[1] ? 0 : 1;
	else if (k == l->nr)
		l->end[l->nr++] = 0;
	if (l->thread[k] != span->thread || l->end[k] < span->end)
		l->end[k] = span->end;
	l->thread[k] = span->thread;
}

static void sweep(struct sweep *w, uint64_t *gap, uint64_t *overlap)
{
	struct latest latest[2] = { { .nr = 0 } };

	if (w->nr)
		qsort(w->at, w->nr, sizeof(*w->at), compare_spans);
	for (size_t i = 0; i < w->nr; i++) {
		const struct span *span = &w->at[i];
		const struct latest *other = &latest[!span->side];

		for (uint32_t k = 0; k < other->nr; k++) {
			if (other->thread[k] == span->thread)
				continue;
			if (other->end[k] > span->begin) {
				*gap = 0;
				++*overlap;
				break;
			}
			if (span->begin - other->end[k] < *gap)
				*gap = span->begin - other->end[k];
		}
		remember(&latest[span->side], span);
	}
}

/* Of more than two members the widest gap between neighbours counts. */
int distance_find(const struct subject *s, const struct inquiry *q, const struct cycle *cycle,
		  struct order_finding *f)
{
	uint64_t widest = 0, overlap = UINT64_MAX;
	struct sweep w = { .at = NULL };
	int err = 0;

	for (uint32_t i = 0; i < cycle->nr && !err; i++) {
		uint32_t next = (i + 1) % cycle->nr, before = (i + cycle->nr - 1) % cycle->nr;
		const struct request *r = &q->requests.at[cycle->request[i]];
		const struct request *n = &q->requests.at[cycle->request[next]];
		uint64_t gap = UINT64_MAX, times = 0;

		w.nr = 0;
		err = add_side(&w, q, r, q->requests.at[cycle->request[before]].thing, 0);
		if (!err)
			err = add_side(&w, q, n, r->thing, 1);
		sweep(&w, &gap, &times);
		if (gap > widest)
			widest = gap;
		if (times < overlap)
			overlap = times;
	}
	free(w.at);
	f->gap_ns = widest == UINT64_MAX
			    ? widest
			    : (uint64_t)((double)widest * reader_ns_per_tick(s->reader));
	f->overlap = overlap;
	return err;
}
