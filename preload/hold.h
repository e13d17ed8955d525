/* SPDX-License-Identifier: MIT */
/*
 * hold.h: the acquire/release core, fast half: what every uncontended lock and unlock runs
 *
 *	lock:	node (own cache) -> real trylock -> stamp -> push {lock, node, stamp}
 *	unlock:	stamp -> real unlock -> append (node, delta, hold)
 *
 * Inside the application's critical section there are the two stamps and the push. The node is
 * looked up before the acquisition: then a first sight takes its stack where the lock is asked
 * for and not yet held, and every entry on the held stack can be the parent of another.
 *
 * The slow half (attempt.h) takes over for everything else: first sights, contention, waiters at
 * a release, recursion, releases out of order, semaphores without an owner, full stacks.
 */
#ifndef LOCKPROF_HOLD_H
#define LOCKPROF_HOLD_H

#include "clock.h"
#include "dict.h"
#include "ring.h"

#define KIND_MODE(kind, mode) ((uint32_t)(kind) << 8 | (uint32_t)(mode))

static inline struct node_cache *hold_cache(struct thread *t, const void *lock, uintptr_t site,
					    uint32_t parent)
{
	uint64_t h = ((uintptr_t)lock ^ site << 20 ^ (uint64_t)parent << 40) *
		     0x9e3779b97f4a7c15ull;

	return &t->cache[h >> (64 - 9)];
}
_Static_assert(CACHE_SIZE == 1 << 9, "shift in hold_cache");

static inline uint32_t hold_parent(const struct thread *t)
{
	return t->top[-1].path;	/* 0 when nothing is held: slot->bottom */
}

/* The node if this thread's cache knows it, else 0. */
static inline uint32_t hold_node(struct thread *t, const void *lock, uintptr_t site,
				 uint32_t kind_mode)
{
	uint32_t parent = hold_parent(t);
	const struct node_cache *c = hold_cache(t, lock, site, parent);

	if (likely(c->lock == (uintptr_t)lock && c->site == site &&
		   c->parent_mode == ((uint64_t)kind_mode << 32 | parent) &&
		   c->tag == __atomic_load_n(lock_tag(lock), __ATOMIC_RELAXED)))
		return c->node;
	return 0;
}

/* Puts an acquired lock on the held stack; there is room. */
static inline void hold_push(struct thread *t, const void *lock, uintptr_t site, uint32_t node,
			     uint32_t kind_mode)
{
	struct trace_held *h = t->top;

	t->live = 0;
	barrier();
	h->since = clock_ticks();
	h->site = site;
	h->node = h->path = node;
	h->mode = kind_mode;
	barrier();
	h->lock = (uintptr_t)lock;
	t->top = h + 1;
	barrier();
	t->live = 1;
}

/* May the fast half take this lock? Then its node. */
static inline uint32_t hold_ready(struct thread *t, const void *lock, uintptr_t site,
				  uint32_t kind_mode)
{
	if (unlikely(!t->live || t->top == t->limit))
		return 0;
	return hold_node(t, lock, site, kind_mode);
}

/* May the fast half release it? Then its entry. */
static inline struct trace_held *hold_top(struct thread *t, const void *lock)
{
	struct trace_held *h;

	if (unlikely(!t->live))
		return NULL;
	h = t->top - 1;
	return likely(h->lock == (uintptr_t)lock && !(h->mode >> 16)) ? h : NULL;
}

/* The topmost entry for this lock, NULL when the thread does not hold it. */
static inline struct trace_held *hold_find(const struct thread *t, const void *lock)
{
	struct trace_held *h = t->top - 1;

	while (h->lock && h->lock != (uintptr_t)lock)
		h--;
	return h->lock ? h : NULL;
}

/* After the real unlock: takes the top entry off and records it. */
static inline void hold_pop(struct thread *t, struct trace_held *h, uint64_t now)
{
	t->live = 0;
	barrier();
	h->lock = 0;
	t->top = h;
	ring_plain(t, h->node, now, now - h->since);
	barrier();
	t->live = 1;
}

#endif
