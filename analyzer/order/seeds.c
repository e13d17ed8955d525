/* SPDX-License-Identifier: MIT */
/*
 * seeds.c: the requests that contexts and joins show, before any event is looked at
 *
 * They are at least those of the history. Whether a thread that signals really made a request
 * just before is not known here, so every request of it counts as one in the signal's name.
 */
#include <errno.h>
#include <stdlib.h>

#include "subject.h"

struct sign {
	uint32_t thread, thing;
};

struct asker {
	const struct subject *s;
	struct requests *requests;
	uint32_t held[TRACE_HELD_MAX + 4];
	uint32_t nr_held;
	bool *joined;	    /* by thread */
	bool *awaited;	    /* by thing */
	struct sign *signs; /* who signals what is awaited */
	size_t nr_signs;
};

static void hold_path(struct asker *a, uint32_t node)
{
	const struct contexts *c = a->s->contexts;

	a->nr_held = 0;
	for (node = context_held(c, node); node && a->nr_held < TRACE_HELD_MAX;
	     node = context_held(c, c->at[node].parent))
		a->held[a->nr_held++] = HELD(c->at[node].lock, c->at[node].mode & TRACE_SHARED);
}

static bool how_asked(const struct subject *s, uint32_t node, enum request_how *how)
{
	const struct context *context = &s->contexts->at[node];
	enum thing_kind kind;

	if (context->lock == NO_INDEX || context->again || !context->nr_threads)
		return false;
	kind = s->things[context->lock].kind;
	switch (context->mode & TRACE_HOW_MASK) {
	case TRACE_HOW_TRY:
		*how = REQUEST_TRY;
		return kind == THING_LOCK;
	case TRACE_HOW_TIMED:
		*how = REQUEST_TIMED;
		return kind == THING_LOCK;
	case TRACE_HOW_LOCK:
	case TRACE_HOW_REACQUIRE:
		*how = kind == THING_LOCK ? REQUEST_LOCK : REQUEST_SIGNAL;
		return kind == THING_LOCK || kind == THING_SEM;
	case TRACE_HOW_WAIT:
		*how = REQUEST_SIGNAL;
		return kind == THING_COND && !subject_wait_ends(s, node);
	default:
		return false;
	}
}

static bool signals(const struct subject *s, const struct context *context)
{
	uint32_t how = context->mode & TRACE_HOW_MASK;

	return context->lock != NO_INDEX && (how == TRACE_HOW_WAKE || how == TRACE_HOW_RELEASE) &&
	       (s->things[context->lock].kind == THING_COND ||
		s->things[context->lock].kind == THING_SEM);
}

static uint32_t local_thread(const struct asker *a, const struct context *context, uint32_t i)
{
	const struct contexts *c = a->s->contexts;
	uint32_t id = c->model->threads[c->threads[context->first_thread + i]].id;

	return id < c->nr_thread_ids ? a->s->local[id] : NO_INDEX;
}

static int add(struct asker *a, struct request like, uint32_t thread, uint32_t node)
{
	like.held = a->held;
	like.nr_held = a->nr_held;
	if (!like.nr_held && (like.shared || !a->s->things[like.thing].writers_first))
		return 0;
	return requests_add(a->requests, &like, (struct visitor){ thread, node, NO_OP });
}

/* One visitor of a context, and what it has besides the path. */
static int ask(struct asker *a, const struct request *like, uint32_t thread, uint32_t node)
{
	uint32_t parent = a->s->contexts->at[node].parent;
	int err;

	hold_path(a, parent);
	if (a->joined[thread])
		a->held[a->nr_held++] = HELD(subject_thread_thing(a->s, thread), false);
	err = add(a, *like, thread, node);
	for (size_t i = 0; i < a->nr_signs && !err; i++) {
		if (a->signs[i].thread != thread || a->signs[i].thing == like->thing)
			continue;
		hold_path(a, parent);
		a->held[a->nr_held++] = HELD(a->signs[i].thing, true);
		err = add(a, *like, thread, node);
	}
	return err;
}

static int ask_all(struct asker *a)
{
	const struct contexts *c = a->s->contexts;
	int err = 0;

	for (uint32_t node = 1; node < c->nr && !err; node++) {
		const struct context *context = &c->at[node];
		struct request like = { .thing = context->lock,
					.shared = context->mode & TRACE_SHARED };

		if (!how_asked(a->s, node, &like.how))
			continue;
		for (uint32_t i = 0; i < context->nr_threads && !err; i++) {
			uint32_t thread = local_thread(a, context, i);

			if (thread != NO_INDEX)
				err = ask(a, &like, thread, node);
		}
	}
	return err;
}

/* The thread's number here, NO_INDEX: of another process. */
static uint32_t local_of(const struct asker *a, uint32_t thread)
{
	const struct contexts *c = a->s->contexts;
	const struct thread *t;

	if (thread == NO_INDEX)
		return NO_INDEX;
	t = &c->model->threads[thread];
	return t->process->number == c->process && t->id < c->nr_thread_ids ? a->s->local[t->id]
									    : NO_INDEX;
}

/* Joined by a thread that holds something, or by one that is joined so itself. */
static void find_joined(struct asker *a)
{
	const struct model *model = a->s->contexts->model;
	bool grown = true;

	for (size_t i = 0; i < a->s->nr_joins; i++)
		a->joined[a->s->joins[i].target] = true;
	while (grown) {
		grown = false;
		for (size_t i = 0; i < model->nr_joins; i++) {
			uint32_t waiter = local_of(a, model->joins[i].waiter);
			uint32_t target = local_of(a, model->joins[i].target);

			if (waiter == NO_INDEX || target == NO_INDEX || !a->joined[waiter] ||
			    a->joined[target])
				continue;
			a->joined[target] = grown = true;
		}
	}
}

static int ask_joins_of_joined(struct asker *a)
{
	const struct model *model = a->s->contexts->model;
	int err = 0;

	for (size_t i = 0; i < model->nr_joins && !err; i++) {
		uint32_t waiter = local_of(a, model->joins[i].waiter);
		uint32_t target = local_of(a, model->joins[i].target);
		struct request like = { .how = REQUEST_JOIN };

		if (waiter == NO_INDEX || target == NO_INDEX || !a->joined[waiter])
			continue;
		like.thing = subject_thread_thing(a->s, target);
		a->held[0] = HELD(subject_thread_thing(a->s, waiter), false);
		a->nr_held = 1;
		err = add(a, like, waiter, 0);
	}
	return err;
}

static int ask_joins(struct asker *a)
{
	int err = ask_joins_of_joined(a);

	for (size_t i = 0; i < a->s->nr_joins && !err; i++) {
		const struct held_join *join = &a->s->joins[i];
		struct request like = { .thing = subject_thread_thing(a->s, join->target),
					.how = REQUEST_JOIN };

		hold_path(a, join->node);
		if (a->joined[join->waiter])
			a->held[a->nr_held++] =
				HELD(subject_thread_thing(a->s, join->waiter), false);
		err = add(a, like, join->waiter, 0);
	}
	return err;
}

/* Whether the thread waits for the same thing at other times: see asks.c. */
static bool takes_turns(const struct asker *a, uint32_t thread, uint32_t thing)
{
	const struct contexts *c = a->s->contexts;

	for (uint32_t node = 1; node < c->nr; node++) {
		const struct context *context = &c->at[node];
		uint32_t how = context->mode & TRACE_HOW_MASK;

		if (context->lock != thing || how == TRACE_HOW_WAKE || how == TRACE_HOW_RELEASE)
			continue;
		for (uint32_t i = 0; i < context->nr_threads; i++)
			if (local_thread(a, context, i) == thread)
				return true;
	}
	return false;
}

static int add_signs(struct asker *a, const struct context *context)
{
	struct sign *signs =
		realloc(a->signs, (a->nr_signs + context->nr_threads) * sizeof(*signs));

	if (!signs)
		return -ENOMEM;
	a->signs = signs;
	for (uint32_t i = 0; i < context->nr_threads; i++) {
		uint32_t thread = local_thread(a, context, i);

		if (!takes_turns(a, thread, context->lock))
			signs[a->nr_signs++] = (struct sign){ thread, context->lock };
	}
	return 0;
}

/* Who signals what somebody waits for while holding something. */
static int find_signs(struct asker *a)
{
	const struct contexts *c = a->s->contexts;
	enum request_how how;
	int err = 0;

	for (uint32_t node = 1; node < c->nr; node++)
		if (how_asked(a->s, node, &how) && how == REQUEST_SIGNAL &&
		    context_held(c, c->at[node].parent))
			a->awaited[c->at[node].lock] = true;
	for (uint32_t node = 1; node < c->nr && !err; node++)
		if (signals(a->s, &c->at[node]) && a->awaited[c->at[node].lock] &&
		    c->at[node].nr_threads)
			err = add_signs(a, &c->at[node]);
	return err;
}

int subject_requests(const struct subject *s, struct requests *requests)
{
	struct asker a = { .s = s, .requests = requests };
	int err;

	a.joined = calloc((size_t)s->nr_threads + 1, sizeof(*a.joined));
	a.awaited = calloc((size_t)s->nr_things + 1, sizeof(*a.awaited));
	err = a.joined && a.awaited ? 0 : -ENOMEM;
	if (!err)
		find_joined(&a);
	if (!err)
		err = find_signs(&a);
	if (!err)
		err = ask_all(&a);
	if (!err)
		err = ask_joins(&a);
	requests_finish(requests);
	free(a.joined);
	free(a.awaited);
	free(a.signs);
	return err;
}
