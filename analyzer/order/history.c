/* SPDX-License-Identifier: MIT */
/*
 * history.c: rows of operations, and the index of who had which lock when; see history.h
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "history_merge.h"

struct history *history_new(uint32_t nr_threads, uint32_t nr_things, uint64_t max_memory)
{
	struct history *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->spill = spill_begin(max_memory);
	h->nr_threads = h->nr_rows = h->room_rows = nr_threads;
	h->nr_things = nr_things;
	h->rows = calloc(nr_threads + 1, sizeof(*h->rows));
	h->things = calloc(nr_things + 1, sizeof(*h->things));
	if (!h->rows || !h->things) {
		history_free(h);
		return NULL;
	}
	for (uint32_t i = 0; i < nr_threads; i++)
		h->rows[i].open = NO_OP;
	return h;
}

void history_free(struct history *h)
{
	if (!h)
		return;
	for (uint32_t i = 0; h->rows && i < h->nr_rows; i++) {
		spill_free(&h->spill, h->rows[i].ops, h->rows[i].room * sizeof(struct op));
		free(h->rows[i].edges);
	}
	free(h->rows);
	free(h->things);
	spill_free(&h->spill, h->order, h->room_order * sizeof(*h->order));
	free(h->uses);
	free(h->thing_uses);
	spill_free(&h->spill, h->use_places, h->nr_places * sizeof(*h->use_places));
	spill_end(&h->spill);
	free(h);
}

static bool row_grow(struct history *h, struct row *row)
{
	uint32_t room = row->room ? row->room * 2 : 16;
	struct op *ops;

	if (row->room > UINT32_MAX / 4)
		return false;
	ops = spill_resize(&h->spill, row->ops, row->room * sizeof(*ops), room * sizeof(*ops));
	if (!ops)
		return false;
	row->ops = ops;
	row->room = room;
	return true;
}

/* The open acquisition of a lock, NO_OP when there is none. */
static uint32_t find_open(const struct row *row, uint32_t thing)
{
	uint32_t at = history_open(row, row->nr);

	while (at != NO_OP && row->ops[at].thing != thing)
		at = history_open_next(row, row->nr, at);
	return at;
}

/* The operation at the row's end, now that it stands there. */
static void link_op(struct row *row)
{
	uint32_t at = row->nr;
	struct op *op = &row->ops[at];

	op->open = row->open;
	if (op->kind != OP_WOKEN)
		op->mate = NO_OP;
	if (op->kind == OP_ACQUIRE)
		row->open = at;
	if (op->kind == OP_RELEASE) {
		op->mate = find_open(row, op->thing);
		if (op->mate != NO_OP)
			row->ops[op->mate].mate = at;
	}
	row->nr++;
	row->open = history_open_from(row, row->nr, row->open);
}

uint32_t history_add(struct history *h, uint32_t thread, const struct op *op)
{
	struct row *row = &h->rows[thread];

	if (row->nr == row->room && !row_grow(h, row)) {
		h->failed = true;
		return NO_OP;
	}
	row->ops[row->nr] = *op;
	link_op(row);
	return row->nr - 1;
}

void history_take_row(struct history *h, uint32_t thread, struct op *ops, uint32_t nr)
{
	struct row *row = &h->rows[thread];

	row->ops = ops;
	row->room = nr;
	while (row->nr < nr)
		link_op(row);
}

/* ---- who had which lock ---- */

const struct use *history_use(const struct history *h, uint32_t thing, uint32_t thread)
{
	uint32_t low = h->thing_uses[thing], high = h->thing_uses[thing + 1];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (h->uses[middle].thread < thread)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == h->thing_uses[thing + 1] || h->uses[low].thread != thread)
		return NULL;
	return &h->uses[low];
}

uint32_t history_before(const uint32_t *places, uint32_t nr, uint32_t limit)
{
	uint32_t low = 0, high = nr;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (places[middle] < limit)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Of one thread: how often it has each lock; then `mark` names the use. */
struct counting {
	uint32_t *mark; /* by thing: use + 1, while one thread is counted */
	size_t room;
	uint64_t places;
};

static int count_row(struct history *h, struct counting *c, uint32_t thread)
{
	const struct row *row = &h->rows[thread];
	size_t first = h->nr_uses;

	for (uint32_t i = 0; i < row->nr; i++) {
		const struct op *op = &row->ops[i];
		struct use *use;

		if (op->kind != OP_ACQUIRE)
			continue;
		if (c->mark[op->thing] <= first) {
			if (h->nr_uses == c->room) {
				c->room = c->room ? c->room * 2 : 64;
				use = realloc(h->uses, c->room * sizeof(*use));
				if (!use)
					return -ENOMEM;
				h->uses = use;
			}
			h->uses[h->nr_uses++] =
				(struct use){ .thing = op->thing, .thread = thread };
			c->mark[op->thing] = (uint32_t)h->nr_uses;
		}
		use = &h->uses[c->mark[op->thing] - 1];
		use->nr++;
		use->nr_exclusive += !(op->flags & OP_SHARED);
	}
	return 0;
}

static int compare_uses(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->thing != y->thing)
		return x->thing < y->thing ? -1 : 1;
	return (x->thread > y->thread) - (x->thread < y->thread);
}

/* Gives each use its places; a list of exclusive ones apart where there are shared ones. */
static int lay_out(struct history *h)
{
	uint64_t sum = 0;
	uint32_t *next;

	for (size_t i = 0; i < h->nr_uses; i++) {
		sum += h->uses[i].nr;
		if (h->uses[i].nr_exclusive < h->uses[i].nr)
			sum += h->uses[i].nr_exclusive;
	}
	next = spill_resize(&h->spill, NULL, 0, sum * sizeof(*next));
	if (!next)
		return -ENOMEM;
	h->use_places = next;
	h->nr_places = sum;
	for (size_t i = 0; i < h->nr_uses; i++) {
		struct use *use = &h->uses[i];

		use->at = use->exclusive = next;
		next += use->nr;
		if (use->nr_exclusive < use->nr) {
			use->exclusive = next;
			next += use->nr_exclusive;
		}
		h->thing_uses[use->thing + 1]++;
	}
	for (uint32_t i = 0; i < h->nr_things; i++)
		h->thing_uses[i + 1] += h->thing_uses[i];
	return 0;
}

static void fill_row(struct history *h, uint32_t thread, uint32_t *mark)
{
	const struct row *row = &h->rows[thread];

	for (uint32_t i = 0; i < row->nr; i++) {
		const struct op *op = &row->ops[i];
		struct use *use;

		if (op->kind != OP_ACQUIRE)
			continue;
		/* The mark is of an earlier thread, or right. */
		if (!mark[op->thing] || h->uses[mark[op->thing] - 1].thread != thread) {
			use = &h->uses[history_use(h, op->thing, thread) - h->uses];
			mark[op->thing] = (uint32_t)(use - h->uses) + 1;
			use->nr = use->nr_exclusive = 0;
		}
		use = &h->uses[mark[op->thing] - 1];
		use->at[use->nr++] = i;
		if (use->exclusive == use->at)
			use->nr_exclusive++;
		else if (!(op->flags & OP_SHARED))
			use->exclusive[use->nr_exclusive++] = i;
	}
}

static int index_uses(struct history *h)
{
	struct counting c = { .mark = calloc(h->nr_things + 1, sizeof(*c.mark)) };
	int err = c.mark ? 0 : -ENOMEM;

	h->thing_uses = calloc(h->nr_things + 2, sizeof(*h->thing_uses));
	if (!h->thing_uses)
		err = -ENOMEM;
	for (uint32_t i = 0; i < h->nr_threads && !err; i++)
		err = count_row(h, &c, i);
	if (!err && h->nr_uses)
		qsort(h->uses, h->nr_uses, sizeof(*h->uses), compare_uses);
	if (!err)
		err = lay_out(h);
	if (!err)
		memset(c.mark, 0, h->nr_things * sizeof(*c.mark));
	for (uint32_t i = 0; i < h->nr_threads && !err; i++)
		fill_row(h, i, c.mark);
	free(c.mark);
	return err;
}

int history_finish(struct history *h)
{
	int err = h->failed ? -ENOMEM : history_merge(h);

	return err ? err : index_uses(h);
}
