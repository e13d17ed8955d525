/* SPDX-License-Identifier: MIT */
/*
 * asks.c: the requests of a history
 *
 * A lock counts as held from its acquisition to its release. Besides:
 *
 *	A thread that somebody joins while holding something holds its own end, all its life; and
 *	so do the threads that it joins.
 *	A thread that is going to give a signal, or a token, which somebody waits for while holding
 *	something, holds that signal when it makes its latest requests before. Not so a thread that
 *	waits for the same signal at other times: there the threads take turns, as those of an
 *	interpreter with one lock for all, and who waits has given its turn away.
 */
#include <errno.h>
#include <stdlib.h>

#include "inquiry.h"

#define OWED_REQUESTS 8

struct asks {
	const struct history *h;
	struct requests *requests;
	bool *joined;	 /* by thread */
	bool *awaited;	 /* by thing: signals that somebody waits for while holding something */
	uint32_t *waits; /* by thing: the latest thread that waits for it + 1 */
	uint32_t *seen;	 /* by node: thread + 1 */
	uint32_t *held;
	uint32_t room_held;
};

static bool how_asked(const struct history *h, const struct op *op, enum request_how *how)
{
	bool lock = h->things[op->thing].kind == THING_LOCK;

	switch (op->kind) {
	case OP_ACQUIRE:
	case OP_REQUEST:
		*how = lock ? REQUEST_LOCK : REQUEST_SIGNAL;
		if (op->flags & OP_TRY)
			*how = REQUEST_TRY;
		else if (lock && op->flags & OP_TIMED)
			*how = REQUEST_TIMED;
		return true;
	case OP_JOIN:
		*how = REQUEST_JOIN;
		return true;
	case OP_WAIT:
	case OP_TAKE:
		*how = REQUEST_SIGNAL;
		return !(op->flags & (OP_TRY | OP_TIMED));
	default:
		return false;
	}
}

static bool holds_something(const struct row *row, uint32_t at)
{
	return history_open(row, at) != NO_OP;
}

static void note_awaited(struct asks *a, const struct row *row, uint32_t at)
{
	const struct op *op = &row->ops[at];

	if ((op->kind == OP_WAIT || op->kind == OP_TAKE) && !(op->flags & (OP_TRY | OP_TIMED)) &&
	    holds_something(row, at))
		a->awaited[op->thing] = true;
}

/* Who is joined by a thread that holds something, be it only its own end. */
static bool note_joined(struct asks *a, uint32_t thread, uint32_t at)
{
	const struct op *op = history_op(a->h, thread, at);
	uint32_t target = op->kind == OP_JOIN ? a->h->things[op->thing].thread : NO_OP;

	if (target == NO_OP || a->joined[target] ||
	    !(a->joined[thread] || holds_something(&a->h->rows[thread], at)))
		return false;
	a->joined[target] = true;
	return true;
}

static void look_ahead(struct asks *a)
{
	bool grown = true;

	for (uint32_t t = 0; t < a->h->nr_threads; t++)
		for (uint32_t i = 0; i < a->h->rows[t].nr; i++)
			note_awaited(a, &a->h->rows[t], i);
	while (grown) {
		grown = false;
		for (uint32_t t = 0; t < a->h->nr_threads; t++)
			for (uint32_t i = 0; i < a->h->rows[t].nr; i++)
				grown |= note_joined(a, t, i);
	}
}

static int push_held(struct asks *a, struct request *like, uint32_t held)
{
	uint32_t room = a->room_held ? a->room_held * 2 : 16, *new;

	if (like->nr_held == a->room_held) {
		new = realloc(a->held, room * sizeof(*new));
		if (!new)
			return -ENOMEM;
		a->held = new;
		a->room_held = room;
	}
	a->held[like->nr_held++] = held;
	like->held = a->held;
	return 0;
}

static int add(struct asks *a, uint32_t thread, uint32_t at, uint32_t owes)
{
	const struct row *row = &a->h->rows[thread];
	const struct op *op = &row->ops[at];
	struct visitor visitor = { thread, op->node, owes };
	struct request like = { .thing = op->thing,
				.shared = op->flags & OP_SHARED,
				.held = a->held };
	int err = 0;

	if (!how_asked(a->h, op, &like.how))
		return 0;
	for (uint32_t i = history_open(row, at); i != NO_OP && !err;
	     i = history_open_next(row, at, i))
		err = push_held(a, &like, HELD(row->ops[i].thing, row->ops[i].flags & OP_SHARED));
	if (!err && a->joined[thread])
		err = push_held(a, &like, HELD(row->ops[0].thing, false));
	if (!err && owes != NO_OP)
		err = push_held(a, &like, HELD(owes, true));
	if (err || (!like.nr_held && (like.shared || !a->h->things[op->thing].writers_first)))
		return err;
	return requests_add(a->requests, &like, visitor);
}

/* The latest requests before a signal that somebody may wait for, made since the one before. */
static int add_owed(struct asks *a, uint32_t thread, uint32_t signal)
{
	const struct row *row = &a->h->rows[thread];
	uint32_t thing = row->ops[signal].thing, found = 0;
	enum request_how how;
	int err = 0;

	for (uint32_t i = signal; i-- && found < OWED_REQUESTS && !err;) {
		const struct op *op = &row->ops[i];

		if (op->kind == row->ops[signal].kind && op->thing == thing)
			break;
		if (!how_asked(a->h, op, &how) || how == REQUEST_TRY)
			continue;
		found++;
		if (op->thing != thing)
			err = add(a, thread, i, thing);
	}
	return err;
}

static int find_in_row(struct asks *a, uint32_t thread)
{
	const struct row *row = &a->h->rows[thread];
	int err = 0;

	for (uint32_t i = 0; i < row->nr; i++)
		if (row->ops[i].kind == OP_WAIT || row->ops[i].kind == OP_TAKE)
			a->waits[row->ops[i].thing] = thread + 1;
	for (uint32_t i = 0; i < row->nr && !err; i++) {
		const struct op *op = &row->ops[i];

		if ((op->kind == OP_SIGNAL || op->kind == OP_POST) && a->awaited[op->thing] &&
		    a->waits[op->thing] != thread + 1)
			err = add_owed(a, thread, i);
		if (op->node && a->seen[op->node] == thread + 1)
			continue;
		a->seen[op->node] = thread + 1;
		if (!err)
			err = add(a, thread, i, NO_OP);
	}
	return err;
}

int asks_find(struct requests *requests, const struct history *history, uint32_t nr_nodes)
{
	struct asks a = { .h = history, .requests = requests };
	int err;

	a.joined = calloc((size_t)history->nr_threads + 1, sizeof(*a.joined));
	a.awaited = calloc((size_t)history->nr_things + 1, sizeof(*a.awaited));
	a.seen = calloc((size_t)nr_nodes + 1, sizeof(*a.seen));
	a.waits = calloc((size_t)history->nr_things + 1, sizeof(*a.waits));
	err = a.joined && a.awaited && a.seen && a.waits ? 0 : -ENOMEM;
	if (!err)
		look_ahead(&a);
	for (uint32_t i = 0; i < history->nr_threads && !err; i++)
		err = find_in_row(&a, i);
	requests_finish(requests);
	free(a.joined);
	free(a.awaited);
	free(a.seen);
	free(a.waits);
	free(a.held);
	return err;
}
