/* SPDX-License-Identifier: MIT */
/*
 * linear.c: an order in which the operations of a prefix can run
 *
 * A search in depth that always tries the operation first that was first in the recorded run, so
 * where the recorded order will do nothing is searched. A lock whose section stays open is only
 * taken when the others in the prefix are through with it. Positions from which no way leads on
 * are remembered. The number of steps that are taken back is limited.
 */
#include <stdlib.h>
#include <string.h>

#include "reorder.h"

#define LINEAR_RETREATS 20000u
#define LINEAR_SEEN	(1u << 16)

/* The operation has to wait until a thread has begun the wait that it ends. */
struct wake {
	uint32_t row, at;
	uint32_t waiter, wait;
};

struct line {
	const struct history *h;
	const struct closure *prefix;
	uint32_t *done;	   /* by row */
	uint32_t *writer;  /* by thing: row + 1 */
	uint32_t *readers; /* by thing */
	struct wake *wakes;
	uint32_t nr_wakes;
	uint32_t *path; /* rows */
	uint64_t nr_path, left;
	uint64_t position; /* hash of done[] */
	uint64_t *seen;
	uint32_t nr_seen, retreats;
};

static uint64_t mix(uint32_t row, uint32_t done)
{
	uint64_t x = ((uint64_t)row << 32 | done) * 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9ull;
	return x ^ x >> 32;
}

/* ---- what may run next ---- */

static bool edges_allow(const struct line *l, uint32_t row)
{
	const struct row *r = &l->h->rows[row];
	uint32_t at = l->done[row], low = 0, high = r->nr_edges;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (r->edges[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < r->nr_edges && r->edges[low].at == at; low++)
		if (l->done[r->edges[low].thread] <= r->edges[low].from)
			return false;
	return true;
}

/* A section that stays open comes after all others that it conflicts with. */
static bool others_are_through(const struct line *l, uint32_t row, const struct op *op)
{
	const struct history *h = l->h;

	if (op->mate < l->prefix->upto[row])
		return true;
	for (uint32_t i = h->thing_uses[op->thing]; i < h->thing_uses[op->thing + 1]; i++) {
		uint32_t thread = h->uses[i].thread, last;

		if (thread == row)
			continue;
		last = closure_last(l->prefix, &h->uses[i], op->flags & OP_SHARED);
		if (last != NO_OP && l->done[thread] <= history_op(h, thread, last)->mate)
			return false;
	}
	return true;
}

static bool wakes_allow(const struct line *l, uint32_t row)
{
	for (uint32_t i = 0; i < l->nr_wakes; i++)
		if (l->wakes[i].row == row && l->wakes[i].at == l->done[row] &&
		    l->done[l->wakes[i].waiter] <= l->wakes[i].wait)
			return false;
	return true;
}

static bool may_run(const struct line *l, uint32_t row)
{
	const struct op *op = &l->h->rows[row].ops[l->done[row]];

	if (l->done[row] >= l->prefix->upto[row] || !edges_allow(l, row))
		return false;
	switch (op->kind) {
	case OP_ACQUIRE:
		return !l->writer[op->thing] && (op->flags & OP_SHARED || !l->readers[op->thing]) &&
		       others_are_through(l, row, op);
	case OP_FAIL:
		return l->writer[op->thing] || l->readers[op->thing];
	case OP_SIGNAL:
		return wakes_allow(l, row);
	default:
		return true;
	}
}

/* ---- steps ---- */

static void hold(struct line *l, uint32_t row, const struct op *op, bool take)
{
	if (op->flags & OP_SHARED)
		l->readers[op->thing] += take ? 1 : -1u;
	else
		l->writer[op->thing] = take ? row + 1 : 0;
}

static void perform(struct line *l, uint32_t row, bool forward)
{
	const struct row *r = &l->h->rows[row];
	const struct op *op = &r->ops[l->done[row] - !forward];

	l->position -= mix(row, l->done[row]);
	l->done[row] += forward ? 1 : -1u;
	l->position += mix(row, l->done[row]);
	if (op->kind == OP_ACQUIRE)
		hold(l, row, op, forward);
	else if (op->kind == OP_RELEASE && op->mate != NO_OP)
		hold(l, row, &r->ops[op->mate], !forward);
}

static bool remember(struct line *l)
{
	uint32_t i = (uint32_t)l->position & (LINEAR_SEEN - 1);

	while (l->seen[i] && l->seen[i] != l->position)
		i = (i + 1) & (LINEAR_SEEN - 1);
	if (l->seen[i])
		return false;
	l->seen[i] = l->position;
	l->nr_seen++;
	return true;
}

static bool is_dead_end(const struct line *l)
{
	uint32_t i = (uint32_t)l->position & (LINEAR_SEEN - 1);

	while (l->seen[i] && l->seen[i] != l->position)
		i = (i + 1) & (LINEAR_SEEN - 1);
	return l->seen[i];
}

/*
 * The next row to try at this position: that of the earliest operation that may run, among those
 * that come after the one tried before (NO_OP: none).
 */
static uint32_t next_row(struct line *l, uint32_t tried)
{
	uint64_t after = 0, best_ticks = UINT64_MAX;
	uint32_t best = NO_OP;

	if (tried != NO_OP)
		after = l->h->rows[tried].ops[l->done[tried]].ticks;
	for (uint32_t i = 0; i < l->h->nr_rows; i++) {
		uint64_t ticks;

		if (l->done[i] >= l->prefix->upto[i])
			continue;
		ticks = l->h->rows[i].ops[l->done[i]].ticks;
		if (tried != NO_OP && (ticks < after || (ticks == after && i <= tried)))
			continue;
		if ((best == NO_OP || ticks < best_ticks) && may_run(l, i)) {
			best = i;
			best_ticks = ticks;
		}
	}
	return best;
}

static bool search(struct line *l)
{
	uint32_t tried = NO_OP, row;

	while (l->nr_path < l->left) {
		if (!closure_spend(l->prefix, l->h->nr_rows))
			return false;
		row = next_row(l, tried);
		if (row != NO_OP) {
			perform(l, row, true);
			if (l->nr_seen && is_dead_end(l)) {
				perform(l, row, false);
				tried = row;
				continue;
			}
			l->path[l->nr_path++] = row;
			tried = NO_OP;
			continue;
		}
		if (!l->nr_path || l->retreats++ == LINEAR_RETREATS)
			return false;
		remember(l);
		tried = l->path[--l->nr_path];
		perform(l, tried, false);
	}
	return true;
}

/* ---- setting up ---- */

static bool find_wakes(struct line *l)
{
	for (int round = 0; round < 2; round++) {
		uint32_t nr = 0;

		for (uint32_t i = 0; i < l->h->nr_threads; i++) {
			const struct row *r = &l->h->rows[i];

			for (uint32_t k = 0; k < r->nr_edges; k++) {
				const struct edge *e = &r->edges[k];

				if (e->at >= l->prefix->upto[i])
					break;
				if (e->kind != EDGE_COND)
					continue;
				if (l->wakes)
					l->wakes[nr] = (struct wake){ e->thread, e->from, i,
								      r->ops[e->at].mate };
				nr++;
			}
		}
		if (round)
			break;
		l->nr_wakes = nr;
		l->wakes = malloc((nr + 1) * sizeof(*l->wakes));
		if (!l->wakes)
			return false;
	}
	return true;
}

static bool line_init(struct line *l)
{
	const struct history *h = l->h;

	l->done = calloc(h->nr_rows + 1, sizeof(*l->done));
	l->writer = calloc(h->nr_things + 1, sizeof(*l->writer));
	l->readers = calloc(h->nr_things + 1, sizeof(*l->readers));
	l->seen = calloc(LINEAR_SEEN, sizeof(*l->seen));
	for (uint32_t i = 0; i < h->nr_rows; i++)
		l->left += l->prefix->upto[i];
	l->path = malloc((l->left + 1) * sizeof(*l->path));
	return l->done && l->writer && l->readers && l->seen && l->path && find_wakes(l);
}

static enum reorder_end line_result(struct line *l, struct reorder *result)
{
	uint32_t nr = l->h->nr_rows;

	*result = (struct reorder){ .upto = malloc((nr + 1) * sizeof(*result->upto)) };
	if (!result->upto)
		return REORDER_NO_MEMORY;
	memcpy(result->upto, l->prefix->upto, nr * sizeof(*result->upto));
	for (uint64_t i = 0; i < l->nr_path; i++)
		if (l->path[i] < l->h->nr_threads)
			l->path[result->nr_order++] = l->path[i];
	result->order = l->path;
	l->path = NULL;
	return REORDER_FOUND;
}

enum reorder_end reorder_line_up(const struct closure *prefix, struct reorder *result)
{
	struct line l = { .h = prefix->history, .prefix = prefix };
	enum reorder_end end = REORDER_NO_MEMORY;

	if (line_init(&l))
		end = search(&l) ? line_result(&l, result) : REORDER_UNKNOWN;
	free(l.done);
	free(l.writer);
	free(l.readers);
	free(l.seen);
	free(l.wakes);
	free(l.path);
	return end;
}
