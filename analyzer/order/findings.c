/* SPDX-License-Identifier: MIT */
/* findings.c: a cycle and its verdict, in the words of order.h */
#include <errno.h>
#include <stdlib.h>

#include "judge.h"

struct filling {
	struct order *order;
	const struct subject *s;
	const struct inquiry *q;
	const struct requests *requests;
	const struct cycle *cycle;
	const struct verdict *v;
	struct order_finding *f;
};

/* What a member holds is what the one before it wants. */
static uint32_t held_thing(const struct filling *x, uint32_t member)
{
	uint32_t before = (member + x->cycle->nr - 1) % x->cycle->nr;

	return x->requests->at[x->cycle->request[before]].thing;
}

static uint32_t find_edge(const struct filling *x, uint32_t from, uint32_t to)
{
	const struct contexts *c = x->s->contexts;
	uint32_t from_place = context_get(c, from)->place, to_place = context_get(c, to)->place;

	for (size_t i = 0; i < x->order->nr_edges && from && to; i++) {
		const struct order_edge *e = &x->order->edges[i];

		if (e->process == c->process && c->at[e->from_node].place == from_place &&
		    c->at[e->to_node].place == to_place)
			return (uint32_t)i;
	}
	return UINT32_MAX;
}

static uint32_t mode_of(const struct filling *x, uint32_t node)
{
	return context_get(x->s->contexts, node)->mode;
}

/* The open section of a lock at a member's request, NO_OP: what it holds is no lock. */
static uint32_t held_op(const struct row *row, uint32_t at, uint32_t thing)
{
	uint32_t open = history_open(row, at);

	while (open != NO_OP && row->ops[open].thing != thing)
		open = history_open_next(row, at, open);
	return open;
}

/* Of a join with a lock held: it has no context that could tell where it was. */
static uint32_t join_stack(const struct filling *x, uint32_t thread,
			   const struct order_thing *wanted)
{
	for (size_t i = 0; wanted->what == ORDER_THREAD && i < x->s->nr_joins; i++)
		if (x->s->joins[i].waiter == thread &&
		    x->s->thread[x->s->joins[i].target] == wanted->index)
			return x->s->joins[i].stack;
	return 0;
}

static void fill_member(struct filling *x, uint32_t i)
{
	const struct stop *stop = &x->v->stops[i];
	const struct row *row = &x->q->history->rows[stop->thread];
	const struct op *wanted = &row->ops[stop->at];
	uint32_t thing = held_thing(x, i), held = held_op(row, stop->at, thing);
	struct order_member *m = &x->f->members[i];

	*m = (struct order_member){
		.thread = x->s->thread[stop->thread],
		.held = subject_thing(x->s, thing),
		.wanted = subject_thing(x->s, wanted->thing),
		.wanted_node = wanted->node,
		.wanted_mode = mode_of(x, wanted->node),
		.wanted_ticks = wanted->ticks,
	};
	if (held != NO_OP) {
		const struct use *use = history_use(x->q->history, thing, stop->thread);

		m->held_node = row->ops[held].node;
		m->held_mode = mode_of(x, m->held_node);
		m->held_ticks = row->ops[held].ticks;
		m->number = history_before(use->at, use->nr, held) + 1ull;
	}
	m->wanted_stack = join_stack(x, stop->thread, &m->wanted);
	m->edge = find_edge(x, m->held_node, m->wanted_node);
}

static int fill_steps(struct filling *x)
{
	const struct history *h = x->q->history;

	x->f->steps = calloc((size_t)h->nr_threads + 1, sizeof(*x->f->steps));
	if (!x->f->steps)
		return -ENOMEM;
	for (uint32_t t = 0; t < h->nr_threads; t++)
		if (x->v->upto[t])
			x->f->steps[x->f->nr_steps++] = (struct order_step){
				.thread = x->s->thread[t],
				.until_ticks = h->rows[t].ops[x->v->upto[t] - 1].ticks,
				.nr_events = x->v->upto[t],
			};
	return 0;
}

static int assume(struct filling *x, const struct order_assumption *assumption)
{
	struct order_assumption *all =
		realloc(x->f->assumptions, (x->f->nr_assumptions + 1) * sizeof(*all));

	if (!all)
		return -ENOMEM;
	x->f->assumptions = all;
	all[x->f->nr_assumptions++] = *assumption;
	return 0;
}

/* Sections that are left out; *others: not only of the cycle's own locks. */
static int assume_skipped(struct filling *x, bool *others)
{
	const struct history *h = x->q->history;
	struct skipped *skipped = NULL;
	uint32_t nr = 0;
	int err = skipped_find(h, x->v->upto, x->v->order, x->v->nr_order, &skipped, &nr);

	for (uint32_t i = 0; i < nr && !err; i++) {
		const struct skipped *k = &skipped[i];

		*others |= !inquiry_own(x->q, x->cycle, k->thing);
		err = assume(x, &(struct order_assumption){
					.what = ORDER_SKIPS_SECTION,
					.thing = subject_thing(x->s, k->thing),
					.thread = x->s->thread[k->thread],
					.node = history_op(h, k->thread, k->at)->node,
					.other_thread = x->s->thread[k->other],
					.other_node = history_op(h, k->other, k->other_at)->node,
				});
	}
	free(skipped);
	return err;
}

static int assume_rest(struct filling *x)
{
	const struct model *model = x->s->contexts->model;
	int err = 0;

	for (uint32_t i = 0; i < x->cycle->nr && !err; i++) {
		const struct stop *stop = &x->v->stops[i];
		uint32_t thing = x->requests->at[x->cycle->request[i]].thing;
		struct order_assumption a = {
			.thing = subject_thing(x->s, thing),
			.thread = x->s->thread[stop->thread],
			.node = history_op(x->q->history, stop->thread, stop->at)->node,
		};

		if (x->v->writer_of[i]) {
			const struct stop *writer = &x->v->stops[x->v->writer_of[i]];

			a.what = ORDER_WRITER_WAITS;
			a.other_thread = x->s->thread[writer->thread];
			a.other_node = history_op(x->q->history, writer->thread, writer->at)->node;
			err = assume(x, &a);
		}
		if (!err && a.thing.what == ORDER_LOCK &&
		    model->locks[thing].record->kind == TRACE_KIND_SEM) {
			a.what = ORDER_LOCK_LIKE;
			err = assume(x, &a);
		}
		if (!err && x->requests->at[x->cycle->request[i]].how == REQUEST_SIGNAL) {
			a.what = ORDER_OTHER_SIGNAL;
			err = assume(x, &a);
		}
	}
	return err;
}

int findings_fill(struct order *order, const struct subject *subject, const struct inquiry *inquiry,
		  const struct cycle *cycle, const struct verdict *verdict)
{
	struct filling x = { order, subject, inquiry, &inquiry->requests, cycle, verdict, NULL };
	bool others = false;
	int err = 0;

	x.f = judge_new_finding(order, subject->contexts->process, ORDER_POTENTIAL, cycle->nr);
	if (!x.f)
		return -ENOMEM;
	for (uint32_t i = 0; i < cycle->nr; i++)
		fill_member(&x, i);
	if (verdict->end == VERDICT_PREDICTED) {
		err = fill_steps(&x);
		if (!err)
			err = assume_skipped(&x, &others);
		if (!err)
			err = assume_rest(&x);
		x.f->needs_reordering = verdict->reordered;
	}
	x.f->level = inquiry_level(inquiry, cycle, verdict, others);
	return err;
}

/* ---- without a history ---- */

/* The context of a lock in a path, 0: none. */
static uint32_t path_node(const struct subject *s, uint32_t node, uint32_t thing)
{
	const struct contexts *c = s->contexts;

	for (node = context_get(c, node)->parent; node; node = c->at[node].parent)
		if (c->at[node].lock == thing)
			return node;
	return 0;
}

/* Different threads for the members, as far as there are. */
static const struct visitor *choose_visitor(const struct filling *x, uint32_t member)
{
	const struct request *r = &x->requests->at[x->cycle->request[member]];

	for (uint32_t i = 0; i < r->nr_visitors; i++) {
		uint32_t k = 0;

		while (k < member && x->f->members[k].thread != x->s->thread[r->visitors[i].thread])
			k++;
		if (k == member)
			return &r->visitors[i];
	}
	return &r->visitors[0];
}

static void fill_plain_member(struct filling *x, uint32_t i)
{
	const struct visitor *visitor = choose_visitor(x, i);
	uint32_t held = path_node(x->s, visitor->node, held_thing(x, i));
	uint32_t thing = x->requests->at[x->cycle->request[i]].thing;

	x->f->members[i] = (struct order_member){
		.thread = x->s->thread[visitor->thread],
		.held = subject_thing(x->s, held_thing(x, i)),
		.wanted = subject_thing(x->s, thing),
		.held_node = held,
		.held_mode = mode_of(x, held),
		.wanted_node = visitor->node,
		.wanted_mode = mode_of(x, visitor->node),
		.edge = find_edge(x, held, visitor->node),
	};
}

int findings_fill_plain(struct order *order, const struct subject *subject,
			const struct requests *requests, const struct cycle *cycle, const char *why)
{
	struct filling x = { order, subject, NULL, requests, cycle, NULL, NULL };

	x.f = judge_new_finding(order, subject->contexts->process, ORDER_POTENTIAL, cycle->nr);
	if (!x.f)
		return -ENOMEM;
	x.f->why = why;
	for (uint32_t i = 0; i < cycle->nr; i++) {
		enum request_how how = requests->at[cycle->request[i]].how;

		if (how == REQUEST_SIGNAL)
			x.f->level = ORDER_COMM_POTENTIAL;
		fill_plain_member(&x, i);
	}
	for (uint32_t i = 0; i < cycle->nr; i++)
		if (requests->at[cycle->request[i]].how == REQUEST_TIMED)
			x.f->level = ORDER_BOUNDED_STALL;
	return 0;
}

int findings_hide(struct order *order, const struct subject *subject,
		  const struct requests *requests, const struct cycle *cycle,
		  enum order_hidden reason)
{
	struct order_finding scratch = { .nr_members = cycle->nr };
	struct filling x = { order, subject, NULL, requests, cycle, NULL, &scratch };
	struct order_hidden_cycle *all =
		realloc(order->hidden_cycles, (order->nr_hidden_cycles + 1) * sizeof(*all));

	if (!all)
		return -ENOMEM;
	order->hidden_cycles = all;
	scratch.members = calloc(cycle->nr, sizeof(*scratch.members));
	if (!scratch.members)
		return -ENOMEM;
	for (uint32_t i = 0; i < cycle->nr; i++)
		fill_plain_member(&x, i);
	all[order->nr_hidden_cycles++] = (struct order_hidden_cycle){
		.reason = reason,
		.nr_members = cycle->nr,
		.members = scratch.members,
	};
	if (cycle->reason != CYCLE_REAL && cycle->because != NO_OP)
		all[order->nr_hidden_cycles - 1].because = subject_thing(subject, cycle->because);
	return 0;
}
