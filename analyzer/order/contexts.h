/* SPDX-License-Identifier: MIT */
/*
 * contexts.h: the lock context tree of one process, in numbers of the model
 *
 * A context is a node of the trace. The tree says who asked for which lock while holding exactly
 * which others; that is all that candidates are made of, so no event is read for them.
 */
#ifndef LOCKPROF_ORDER_CONTEXTS_H
#define LOCKPROF_ORDER_CONTEXTS_H

#include "order.h"

#define NO_INDEX UINT32_MAX

struct context {
	uint32_t lock;	 /* index in model.locks; NO_INDEX: there is no such node */
	uint32_t parent; /* node; 0: nothing held */
	uint32_t mode;	 /* TRACE_HOW_* | TRACE_SHARED */
	uint32_t depth;	 /* nodes above it */
	uint32_t place;	 /* equal for contexts of the same lock, mode and place in the code */
	bool again;	 /* the thread has this lock already: reads within reads */
	uint32_t first_thread, nr_threads; /* in contexts.threads */
	uint64_t times, failures;
};

struct contexts {
	struct model *model;
	uint32_t process; /* number */
	uint32_t nr;	  /* nodes: 1 .. nr - 1 */
	struct context *at;
	uint32_t *threads; /* indices in model.threads, ascending for each context */
	uint32_t nr_locks, nr_thread_ids;
	uint32_t *lock_of, *thread_of; /* id in the trace -> index in the model, or NO_INDEX */
	bool *token; /* by index in model.locks: given back by others than its taker */
};

int contexts_new(struct contexts **contexts, struct model *model, uint32_t process);
void contexts_free(struct contexts *contexts);

/* Whether to have it keeps others out: a mutex, rwlock, spin lock, or a semaphore used like one. */
bool contexts_is_lock(const struct contexts *contexts, uint32_t lock);

static inline const struct context *context_get(const struct contexts *contexts, uint32_t node)
{
	static const struct context none = { .lock = NO_INDEX };

	return node < contexts->nr ? &contexts->at[node] : &none;
}

/* Acquisitions make holds; waits, signals and foreign releases do not. */
static inline bool context_acquires(const struct context *context)
{
	uint32_t how = context->mode & TRACE_HOW_MASK;

	return how >= TRACE_HOW_LOCK && how <= TRACE_HOW_REACQUIRE;
}

/* The next lock held below, starting from a context's parent; 0: none. */
static inline uint32_t context_held(const struct contexts *contexts, uint32_t node)
{
	while (node &&
	       !(context_acquires(&contexts->at[node]) &&
		 contexts_is_lock(contexts, contexts->at[node].lock) && !contexts->at[node].again))
		node = contexts->at[node].parent;
	return node;
}

/* What a lock is in order.h's words. */
struct order_thing contexts_thing(const struct contexts *contexts, uint32_t lock);

/* Adds the edges of the process to order->edges. 0 or -ENOMEM. */
int contexts_edges(const struct contexts *contexts, struct order *order);

#endif
