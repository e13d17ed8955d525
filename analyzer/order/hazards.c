/* SPDX-License-Identifier: MIT */
/*
 * hazards.c: what can go wrong without a cycle of locks
 *
 *	RECURSIVE-READ	a thread reads a lock that it reads already, while writers come first and
 *			another thread writes: a writer in between stands behind one and before the
 *other ABANDONED-RISK	a thread ended and left a lock that others use VIOLATION	locks of two
 *classes in both orders, though never the same two
 */
#include <errno.h>
#include <stdlib.h>

#include "judge.h"

/* Whether a finding tells already what came of a lock. */
static bool told_already(const struct order *order, uint32_t lock)
{
	for (size_t i = 0; i < order->nr_findings; i++)
		for (size_t k = 0; k < order->findings[i].nr_members; k++)
			if (order->findings[i].members[k].held.what == ORDER_LOCK &&
			    order->findings[i].members[k].held.index == lock &&
			    (order->findings[i].level == ORDER_OCCURRED ||
			     order->findings[i].level == ORDER_ABANDONED_RISK))
				return true;
	return false;
}

/* ---- reading again ---- */

static bool others_write(const struct contexts *c, uint32_t lock, uint32_t reader)
{
	for (uint32_t node = 1; node < c->nr; node++) {
		const struct context *context = &c->at[node];

		if (context->lock != lock || context->mode & TRACE_SHARED ||
		    !context_acquires(context))
			continue;
		for (uint32_t i = 0; i < context->nr_threads; i++)
			if (c->threads[context->first_thread + i] != reader)
				return true;
	}
	return false;
}

static int read_again(struct order *order, const struct contexts *c, uint32_t node)
{
	const struct context *context = &c->at[node];
	uint32_t thread = c->threads[context->first_thread], up = context->parent;
	struct order_thing lock = contexts_thing(c, context->lock);
	struct order_finding *f;

	while (c->at[up].lock != context->lock)
		up = c->at[up].parent;
	if (!(c->at[up].mode & TRACE_SHARED) || !others_write(c, context->lock, thread) ||
	    told_already(order, context->lock))
		return 0;
	f = judge_new_finding(order, c->process, ORDER_RECURSIVE_READ, 1);
	if (!f)
		return -ENOMEM;
	f->members[0] = (struct order_member){
		.thread = thread,
		.held = lock,
		.wanted = lock,
		.held_node = up,
		.wanted_node = node,
		.held_mode = c->at[up].mode,
		.wanted_mode = context->mode,
		.edge = UINT32_MAX,
	};
	return 0;
}

static int find_read_again(struct order *order, const struct contexts *c)
{
	int err = 0;

	for (uint32_t node = 1; node < c->nr && !err; node++) {
		const struct context *context = &c->at[node];

		if (context->lock != NO_INDEX && context->again && context->nr_threads &&
		    context->place == node && context->mode & TRACE_SHARED &&
		    (context->mode & TRACE_HOW_MASK) == TRACE_HOW_LOCK &&
		    c->model->locks[context->lock].record->flags & TRACE_LOCK_WRITER_PREF)
			err = read_again(order, c, node);
	}
	return err;
}

/* ---- left by a thread that ended ---- */

static bool is_robust(const struct trace_lock *record)
{
	return record->flags & TRACE_LOCK_ROBUST;
}

static int find_abandoned(struct order *order, const struct contexts *c)
{
	const struct model *model = c->model;

	for (size_t i = 0; i < model->nr_visits; i++) {
		const struct visit *visit = &model->visits[i];
		const struct context *context = context_get(c, visit->node);
		struct order_finding *f;

		if (visit->process != c->process || !visit->left || context->lock == NO_INDEX ||
		    !model->threads[visit->thread].record->end_ticks ||
		    !contexts_is_lock(c, context->lock) ||
		    model->locks[context->lock].nr_threads < 2 ||
		    is_robust(model->locks[context->lock].record) ||
		    model->locks[context->lock].record->kind == TRACE_KIND_SEM ||
		    told_already(order, context->lock))
			continue;
		f = judge_new_finding(order, c->process, ORDER_ABANDONED_RISK, 1);
		if (!f)
			return -ENOMEM;
		f->members[0] = (struct order_member){
			.thread = visit->thread,
			.held = contexts_thing(c, context->lock),
			.held_node = visit->node,
			.held_mode = context->mode,
			.edge = UINT32_MAX,
		};
	}
	return 0;
}

int hazards_find(struct order *order, const struct contexts *contexts)
{
	int err = find_read_again(order, contexts);

	return err ? err : find_abandoned(order, contexts);
}

/* ---- classes ---- */

struct class_edge {
	uint32_t process, from, to;
	uint32_t edge;
};

static int compare_classes(const void *a, const void *b)
{
	const struct class_edge *x = a, *y = b;

	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return (x->edge > y->edge) - (x->edge < y->edge);
}

static const struct class_edge *find_classes(const struct class_edge *edges, size_t nr,
					     const struct class_edge *key)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_classes(&edges[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == nr || edges[low].process != key->process || edges[low].from != key->from ||
	    edges[low].to != key->to)
		return NULL;
	return &edges[low];
}

static struct order_member class_member(const struct order *order, uint32_t number)
{
	const struct order_edge *e = &order->edges[number];

	return (struct order_member){
		.thread = e->threads[0],
		.held = e->from,
		.wanted = e->to,
		.held_node = e->from_node,
		.wanted_node = e->to_node,
		.held_mode = e->from_mode,
		.wanted_mode = e->to_mode,
		.edge = number,
	};
}

/* Both orders of two classes; not where a cycle of locks has been judged already. */
static int tell_classes(struct order *order, const struct class_edge *edges, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct class_edge *e = &edges[i], *back;
		struct class_edge key = { e->process, e->to, e->from, 0 };
		struct order_finding *f;

		if (e->from >= e->to || (i && edges[i - 1].process == e->process &&
					 edges[i - 1].from == e->from && edges[i - 1].to == e->to))
			continue;
		back = find_classes(edges, nr, &key);
		if (!back)
			continue;
		f = judge_new_finding(order, e->process, ORDER_VIOLATION, 2);
		if (!f)
			return -ENOMEM;
		f->members[0] = class_member(order, e->edge);
		f->members[1] = class_member(order, back->edge);
	}
	return 0;
}

int hazards_classes(struct order *order)
{
	struct class_edge *edges = malloc((order->nr_edges + 1) * sizeof(*edges));
	size_t nr = 0;
	int err;

	if (!edges)
		return -ENOMEM;
	for (size_t i = 0; i < order->nr_edges; i++) {
		const struct order_edge *e = &order->edges[i];

		if (e->component || e->from.what != ORDER_LOCK || e->to.what != ORDER_LOCK ||
		    (e->to_mode & TRACE_HOW_MASK) == TRACE_HOW_TRY || !e->nr_threads)
			continue;
		edges[nr++] = (struct class_edge){
			e->process,
			order->model->locks[e->from.index].class,
			order->model->locks[e->to.index].class,
			(uint32_t)i,
		};
	}
	qsort(edges, nr, sizeof(*edges), compare_classes);
	err = tell_classes(order, edges, nr);
	free(edges);
	return err;
}
