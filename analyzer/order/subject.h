/* SPDX-License-Identifier: MIT */
/*
 * subject.h: one process on its way from lock contexts to a history
 *
 * Things of the history are the model's locks, by index, and behind them the process's threads.
 * Threads of the history are those of the process, counted from 0.
 */
#ifndef LOCKPROF_ORDER_SUBJECT_H
#define LOCKPROF_ORDER_SUBJECT_H

#include "contexts.h"
#include "inquiry.h"

/* `waiter` joined `target` (of the history) while it held the lock of this context. */
struct held_join {
	uint32_t waiter, target, node;
	uint32_t stack; /* of the join */
};

struct subject {
	struct contexts *contexts;
	const struct reader *reader;
	uint32_t nr_threads;
	uint32_t *thread; /* of the history -> index in the model */
	uint32_t *local;  /* id in the trace -> of the history, or NO_INDEX */
	uint32_t nr_things;
	struct thing *things;
	bool *kept; /* by thing: its sections are in the history */
	struct held_join *joins;
	size_t nr_joins, room_joins;
	/* of the events */
	uint64_t lost;
	bool found_more; /* locks that have to be kept, too */
};

int subject_new(struct subject **subject, struct contexts *contexts);
void subject_free(struct subject *subject);

static inline uint32_t subject_thread_thing(const struct subject *s, uint32_t thread)
{
	return (uint32_t)s->contexts->model->nr_locks + thread;
}

/*
 * Whether a wait at this context ends by itself: it had a deadline that passed once. Futex words
 * count too: nobody knows what they stand for.
 */
static inline bool subject_wait_ends(const struct subject *s, uint32_t node)
{
	const struct context *context = &s->contexts->at[node];

	return context->failures ||
	       s->contexts->model->locks[context->lock].record->kind == TRACE_KIND_FUTEX;
}

struct order_thing subject_thing(const struct subject *subject, uint32_t thing);

/* joins.c: finds subject->joins, reading only the threads that join somebody. 0 or -errno */
int joins_find(struct subject *subject);

/* The requests that the contexts and joins show. 0 or -ENOMEM */
int subject_requests(const struct subject *subject, struct requests *requests);

/*
 * Marks the locks that the history needs to judge the cycles: those of their requests, those
 * around what is kept or what orders threads, those that attempts failed on.
 */
void subject_keep(struct subject *subject, const struct requests *requests,
		  const struct cycles *cycles);
/* Marks what is around what is kept. */
void subject_keep_around(struct subject *subject);

/* events.c: the history of what is kept. 0 or -errno */
int events_read(struct subject *subject, uint64_t max_memory, struct history **history,
		void (*progress)(double part));

/* What happened at one place of a stream; sections stand at their end. */
enum item_what {
	ITEM_NOTHING,
	ITEM_SECTION,
	ITEM_LEFT, /* never ended */
	ITEM_POINT,
};

struct item {
	uint64_t ticks; /* of the event */
	uint64_t begin; /* of a section */
	uint32_t thing, node;
	uint32_t depth;		   /* of a section's context */
	uint8_t what, kind, flags; /* kind: enum op_kind of a POINT; flags: OP_* */
	uint8_t spare;
};

struct items {
	struct item *at;
	size_t nr, room;
};

/* rows.c: puts the items of one thread into the order in which things happened. 0 or -ENOMEM */
int rows_make(const struct subject *subject, struct history *history, uint32_t thread,
	      const struct items *items);

#endif
