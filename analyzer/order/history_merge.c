/* SPDX-License-Identifier: MIT */
/*
 * history_merge.c: the rows of all threads, put into the order of the run
 *
 * The order is that of the time stamps. Where stamps are equal, what the rules of locks allow
 * decides: a lock is released before another takes it, a token is posted before it is taken. What
 * the rules do not allow at all is counted: exclusive holds that overlap mean that the clocks of
 * two processors disagree, and then no order can be believed.
 *
 * Edges say what had to come before: the start of a thread, its end before a join, the post that
 * a token came from (first posted, first taken), all signals in the time of a wait, all arrivals
 * of a barrier's round. A round is an operation of a row of its own, so that n threads make 2n
 * edges and not n * n. A lock in memory that threads hand to each other (no static variable) was
 * known to its first users before others: the first acquisition by another thread follows their
 * releases.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "history_merge.h"

struct place {
	uint32_t row, at;
	uint64_t serial; /* signals: how many of the thing came before */
};

struct places {
	struct place *at;
	uint32_t nr, room;
};

/* What is known of a thing at a moment of the run. */
struct state {
	struct places holders;	/* LOCK: acquisitions; SEM: posts; BARRIER: arrivals of the round */
	struct places releases; /* published LOCK: the latest of each thread; COND: signals alike */
	uint32_t taken;		/* SEM: of the posts */
	uint32_t tokens;	/* SEM: of the first ones, left */
	uint32_t ranks;
	uint32_t row;		  /* BARRIER: its own */
	uint32_t departed;	  /* BARRIER: of the round that is over */
	uint64_t serial;	  /* COND: signals so far */
	struct place born, ended; /* THREAD */
};

struct head {
	uint64_t ticks;
	uint32_t row;
	uint32_t later; /* 1: follows what others do at the same time */
};

struct merge {
	struct history *h;
	struct state *states;
	uint32_t *next;	      /* by row */
	uint64_t *waits;      /* by row: serial of its condition when the wait began */
	struct places *round; /* by row: the barrier's round it arrived at: row and at */
	struct head *heap;
	uint32_t nr_heap;
	struct head *parked; /* same time, not allowed yet */
	uint32_t nr_parked;
	bool failed;
};

static const bool comes_later[] = {
	[OP_BEGIN] = true, [OP_ACQUIRE] = true, [OP_FAIL] = true,   [OP_JOIN] = true,
	[OP_WOKEN] = true, [OP_TAKE] = true,	[OP_DEPART] = true, [OP_ROUND] = false,
};

static bool push_place(struct merge *m, struct places *p, struct place place)
{
	uint32_t room = p->room ? p->room * 2 : 4;
	struct place *at;

	if (p->nr == p->room) {
		at = realloc(p->at, room * sizeof(*at));
		if (!at) {
			m->failed = true;
			return false;
		}
		p->at = at;
		p->room = room;
	}
	p->at[p->nr++] = place;
	return true;
}

/* Of each row only the latest place is kept. */
static void renew_place(struct merge *m, struct places *p, struct place place)
{
	for (uint32_t i = 0; i < p->nr; i++)
		if (p->at[i].row == place.row) {
			p->at[i] = place;
			return;
		}
	push_place(m, p, place);
}

static void drop_row(struct places *p, uint32_t row)
{
	for (uint32_t i = 0; i < p->nr; i++)
		if (p->at[i].row == row) {
			p->at[i] = p->at[--p->nr];
			return;
		}
}

static void add_edge(struct merge *m, uint32_t row, uint32_t at, struct place from,
		     enum edge_kind kind)
{
	struct row *r = &m->h->rows[row];
	uint32_t room = r->room_edges ? r->room_edges * 2 : 8;
	struct edge *edges;

	if (from.row == row)
		return;
	if (r->nr_edges == r->room_edges) {
		edges = realloc(r->edges, room * sizeof(*edges));
		if (!edges) {
			m->failed = true;
			return;
		}
		r->edges = edges;
		r->room_edges = room;
	}
	r->edges[r->nr_edges++] = (struct edge){ at, from.row, from.at, kind };
}

/* ---- the heap ---- */

static bool head_before(const struct head *a, const struct head *b)
{
	if (a->ticks != b->ticks)
		return a->ticks < b->ticks;
	if (a->later != b->later)
		return a->later < b->later;
	return a->row < b->row;
}

static void heap_push(struct merge *m, struct head head)
{
	uint32_t i = m->nr_heap++, parent;

	for (; i && head_before(&head, &m->heap[parent = (i - 1) / 2]); i = parent)
		m->heap[i] = m->heap[parent];
	m->heap[i] = head;
}

static struct head heap_pop(struct merge *m)
{
	struct head top = m->heap[0], last = m->heap[--m->nr_heap];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < m->nr_heap) {
		if (child + 1 < m->nr_heap && head_before(&m->heap[child + 1], &m->heap[child]))
			child++;
		if (!head_before(&m->heap[child], &last))
			break;
		m->heap[i] = m->heap[child];
		i = child;
	}
	m->heap[i] = last;
	return top;
}

static void push_next(struct merge *m, uint32_t row)
{
	const struct row *r = &m->h->rows[row];
	const struct op *op = &r->ops[m->next[row]];

	if (m->next[row] < r->nr)
		heap_push(m, (struct head){ op->ticks, row, comes_later[op->kind] });
}

/* ---- the rules ---- */

static bool lock_is_free(const struct merge *m, const struct state *s, uint32_t row, bool shared)
{
	for (uint32_t i = 0; i < s->holders.nr; i++) {
		const struct place *p = &s->holders.at[i];

		if (p->row != row && !(shared && m->h->rows[p->row].ops[p->at].flags & OP_SHARED))
			return false;
	}
	return true;
}

static bool allowed(const struct merge *m, uint32_t row, const struct op *op)
{
	const struct state *s = &m->states[op->thing];

	switch (op->kind) {
	case OP_ACQUIRE:
		return lock_is_free(m, s, row, op->flags & OP_SHARED);
	case OP_FAIL:
		return !lock_is_free(m, s, row, false);
	case OP_TAKE:
		return s->tokens || s->taken < s->holders.nr;
	case OP_JOIN:
		return s->ended.row != NO_OP;
	case OP_DEPART:
		return m->round[row].nr && m->round[row].at[0].at != NO_OP;
	case OP_BEGIN:
		return s->born.row != NO_OP || op->flags & OP_ALONE;
	default:
		return true;
	}
}

static void run_acquire(struct merge *m, uint32_t row, uint32_t at, struct op *op)
{
	struct state *s = &m->states[op->thing];
	bool known = !m->h->things[op->thing].published;

	for (uint32_t i = 0; i < s->releases.nr && !known; i++)
		known = s->releases.at[i].row == row;
	for (uint32_t i = 0; i < s->releases.nr && !known; i++)
		add_edge(m, row, at, s->releases.at[i], EDGE_PUBLISHED);
	op->rank = s->ranks++;
	push_place(m, &s->holders, (struct place){ .row = row, .at = at });
}

static void run_release(struct merge *m, uint32_t row, uint32_t at, const struct op *op)
{
	struct state *s = &m->states[op->thing];

	drop_row(&s->holders, row);
	if (op->flags & OP_ENTERS)
		m->waits[row] = m->states[op[1].thing].serial;
	if (m->h->things[op->thing].published)
		renew_place(m, &s->releases, (struct place){ .row = row, .at = at });
}

static void run_take(struct merge *m, uint32_t row, uint32_t at, const struct op *op)
{
	struct state *s = &m->states[op->thing];

	if (s->tokens)
		s->tokens--;
	else if (s->taken < s->holders.nr)
		add_edge(m, row, at, s->holders.at[s->taken++], EDGE_SEM);
	else
		m->h->things[op->thing].initial++;
}

static void run_woken(struct merge *m, uint32_t row, uint32_t at, struct op *op)
{
	const struct state *s = &m->states[op->thing];
	bool signalled = false;

	if (op->flags & OP_ALONE)
		return;
	for (uint32_t i = 0; i < s->releases.nr; i++) {
		if (s->releases.at[i].serial < m->waits[row] || s->releases.at[i].row == row)
			continue;
		add_edge(m, row, at, s->releases.at[i], EDGE_COND);
		signalled = true;
	}
	if (!signalled)
		op->flags |= OP_ALONE;
}

/* The last to arrive ends the round: an operation of the barrier's own row. */
static void end_round(struct merge *m, struct state *s, uint64_t ticks)
{
	struct op op = { .kind = OP_ROUND, .ticks = ticks };
	uint32_t at = history_add(m->h, s->row, &op);

	for (uint32_t i = 0; i < s->holders.nr && at != NO_OP; i++) {
		uint32_t row = s->holders.at[i].row;

		add_edge(m, s->row, at, s->holders.at[i], EDGE_BARRIER);
		if (m->round[row].nr)
			m->round[row].at[0] = (struct place){ .row = s->row, .at = at };
	}
	s->holders.nr = 0;
}

static void run_arrive(struct merge *m, uint32_t row, uint32_t at, const struct op *op)
{
	struct state *s = &m->states[op->thing];

	m->round[row].nr = 0;
	push_place(m, &m->round[row], (struct place){ .row = s->row, .at = NO_OP });
	push_place(m, &s->holders, (struct place){ .row = row, .at = at });
	if (s->holders.nr == m->h->things[op->thing].initial)
		end_round(m, s, op->ticks);
}

/* A barrier whose size is not known: whoever has arrived when the first departs. */
static void run_depart(struct merge *m, uint32_t row, uint32_t at, const struct op *op)
{
	struct state *s = &m->states[op->thing];

	if (m->round[row].nr && m->round[row].at[0].at == NO_OP)
		end_round(m, s, op->ticks);
	if (m->round[row].nr && m->round[row].at[0].at != NO_OP)
		add_edge(m, row, at, m->round[row].at[0], EDGE_BARRIER);
}

static void run_fail(struct merge *m, uint32_t row, uint32_t at, const struct op *op)
{
	const struct state *s = &m->states[op->thing];

	for (uint32_t i = 0; i < s->holders.nr; i++)
		add_edge(m, row, at, s->holders.at[i], EDGE_FAIL);
}

static void run_signal(struct merge *m, uint32_t row, uint32_t at, const struct op *op)
{
	struct state *s = &m->states[op->thing];

	renew_place(m, &s->releases, (struct place){ row, at, s->serial++ });
}

static void run_op(struct merge *m, uint32_t row, uint32_t at)
{
	struct op *op = &m->h->rows[row].ops[at];
	struct state *s = &m->states[op->thing];

	switch (op->kind) {
	case OP_BEGIN:
		if (s->born.row != NO_OP)
			add_edge(m, row, at, s->born, EDGE_START_JOIN);
		break;
	case OP_CREATE:
		s->born = (struct place){ .row = row, .at = at };
		break;
	case OP_EXIT:
		s->ended = (struct place){ .row = row, .at = at };
		break;
	case OP_JOIN:
		if (s->ended.row != NO_OP)
			add_edge(m, row, at, s->ended, EDGE_START_JOIN);
		break;
	case OP_ACQUIRE:
		run_acquire(m, row, at, op);
		break;
	case OP_RELEASE:
		run_release(m, row, at, op);
		break;
	case OP_FAIL:
		run_fail(m, row, at, op);
		break;
	case OP_WAIT:
		if (!at || !(op[-1].flags & OP_ENTERS))
			m->waits[row] = s->serial;
		break;
	case OP_WOKEN:
		run_woken(m, row, at, op);
		break;
	case OP_SIGNAL:
		run_signal(m, row, at, op);
		break;
	case OP_TAKE:
		run_take(m, row, at, op);
		break;
	case OP_POST:
		push_place(m, &s->holders, (struct place){ .row = row, .at = at });
		break;
	case OP_ARRIVE:
		run_arrive(m, row, at, op);
		break;
	case OP_DEPART:
		run_depart(m, row, at, op);
		break;
	default:
		break;
	}
}

/* ---- the run ---- */

static void take(struct merge *m, uint32_t row)
{
	m->h->order[m->h->nr_order++] = row;
	run_op(m, row, m->next[row]++);
	push_next(m, row);
	while (m->nr_parked)
		heap_push(m, m->parked[--m->nr_parked]);
}

/* The rules do not allow it, but it happened. */
static void force(struct merge *m, uint32_t row)
{
	const struct op *op = history_op(m->h, row, m->next[row]);

	if (op->kind == OP_ACQUIRE)
		m->h->clock_skews++;
	else if (op->kind == OP_FAIL || op->kind == OP_JOIN)
		m->h->inconsistent++;
	else if (op->kind == OP_BEGIN)
		m->h->rows[row].unknown_start = true;
	take(m, row);
}

static void run(struct merge *m)
{
	while ((m->nr_heap || m->nr_parked) && !m->failed) {
		struct head head;

		if (m->nr_parked && (!m->nr_heap || m->heap[0].ticks > m->parked[0].ticks)) {
			head = m->parked[0];
			m->parked[0] = m->parked[--m->nr_parked];
			force(m, head.row);
			continue;
		}
		head = heap_pop(m);
		if (allowed(m, head.row, history_op(m->h, head.row, m->next[head.row])))
			take(m, head.row);
		else
			m->parked[m->nr_parked++] = head;
	}
}

/* Each barrier gets a row for its rounds, behind those of the threads. */
static int add_rows(struct merge *m)
{
	struct history *h = m->h;
	uint32_t nr = h->nr_threads;
	struct row *rows;

	for (uint32_t i = 0; i < h->nr_things; i++)
		nr += h->things[i].kind == THING_BARRIER;
	rows = realloc(h->rows, (nr + 1) * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	h->rows = rows;
	memset(&rows[h->nr_rows], 0, (nr + 1 - h->nr_rows) * sizeof(*rows));
	for (uint32_t i = 0; i < h->nr_things; i++) {
		struct state *s = &m->states[i];

		s->born.row = s->ended.row = NO_OP;
		if (h->things[i].kind == THING_SEM)
			s->tokens = h->things[i].initial;
		if (h->things[i].kind == THING_BARRIER) {
			rows[h->nr_rows].open = NO_OP;
			s->row = h->nr_rows++;
		}
	}
	return 0;
}

static int merge_init(struct merge *m, struct history *h)
{
	uint64_t sum = 0;
	int err;

	*m = (struct merge){ .h = h };
	m->states = calloc(h->nr_things + 1, sizeof(*m->states));
	if (!m->states)
		return -ENOMEM;
	err = add_rows(m);
	if (err)
		return err;
	for (uint32_t i = 0; i < h->nr_threads; i++)
		sum += h->rows[i].nr;
	m->next = calloc(h->nr_rows + 1, sizeof(*m->next));
	m->waits = calloc(h->nr_rows + 1, sizeof(*m->waits));
	m->round = calloc(h->nr_rows + 1, sizeof(*m->round));
	m->heap = calloc(h->nr_rows + 1, sizeof(*m->heap));
	m->parked = calloc(h->nr_rows + 1, sizeof(*m->parked));
	h->room_order = sum;
	h->order = spill_resize(&h->spill, NULL, 0, sum * sizeof(*h->order));
	if (!m->next || !m->waits || !m->round || !m->heap || !m->parked || !h->order)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->nr_threads; i++)
		push_next(m, i);
	return 0;
}

static void merge_fini(struct merge *m)
{
	for (uint32_t i = 0; m->states && i < m->h->nr_things; i++) {
		free(m->states[i].holders.at);
		free(m->states[i].releases.at);
	}
	for (uint32_t i = 0; m->round && i < m->h->nr_rows; i++)
		free(m->round[i].at);
	free(m->states);
	free(m->next);
	free(m->waits);
	free(m->round);
	free(m->heap);
	free(m->parked);
}

int history_merge(struct history *history)
{
	struct merge m;
	int err = merge_init(&m, history);

	if (!err)
		run(&m);
	if (m.failed || history->failed)
		err = -ENOMEM;
	merge_fini(&m);
	return err;
}
