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
#include "recall.h"
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

static inline uint64_t hold_key(uint32_t kind_mode, uint32_t parent)
{
	return (uint64_t)kind_mode << 32 | parent;
}

static inline bool hold_cached(const struct node_cache *c, const void *lock, uintptr_t site,
			       uint32_t kind_mode, uint32_t parent)
{
	return likely(c->lock == (uintptr_t)lock && c->site == site &&
		      c->parent_mode == hold_key(kind_mode, parent) &&
		      c->tag == __atomic_load_n(lock_tag(lock), __ATOMIC_RELAXED));
}

/* The context that an acquisition at `h` would have. Under the first one lies slot->bottom, whose
 * path is the phase's root and may change at any moment: see trace/phase.h. */
static inline uint32_t hold_below(const struct trace_held *h)
{
	return __atomic_load_n(&h[-1].path, __ATOMIC_RELAXED);
}

static inline uint32_t hold_parent(const struct thread *t)
{
	return hold_below(t->top);
}

/* Back to recording; not in a child that a signal handler forked meanwhile: it found zeros. */
static inline void hold_unprepare(struct thread *t)
{
	barrier();
	if (likely(t->self))
		t->live = 1;
}

/* Makes the next entry for a lock that is taken while recording is off. */
void hold_prepare_off(struct trace_held *h, uintptr_t site, uint32_t kind_mode);

/*
 * May the fast half take this lock? Then the next entry is made, all but its time, and the thread
 * counts as busy until hold_push() or hold_unprepare(). False: the slow half must.
 */
static inline bool hold_prepare(struct thread *t, const void *lock, uintptr_t site,
				uint32_t kind_mode)
{
	const struct node_cache *c;
	struct trace_held *h;
	uint32_t parent;

	if (unlikely(!t->live))
		return false;
	t->live = 0;
	barrier();
	h = t->top;
	if (unlikely(h == t->limit)) {	/* also a child's that a handler forked just now: zeros */
		hold_unprepare(t);
		return false;
	}
	parent = hold_below(h);
	c = hold_cache(t, lock, site, parent);
	if (unlikely(!hold_cached(c, lock, site, kind_mode, parent))) {
		if (parent == TRACE_NODE_OFF) {
			hold_prepare_off(h, site, kind_mode);
			return true;
		}
		if (!node_recall(t, lock, site, kind_mode, parent)) {
			hold_unprepare(t);
			return false;
		}
	}
	h->site = site;
	h->node = h->path = c->node;
	h->mode = kind_mode;
	return true;
}

/* The prepared lock was acquired: its entry becomes part of the held stack. */
static inline void hold_push(struct thread *t, const void *lock)
{
	struct trace_held *h = t->top;

	if (unlikely(!h))
		return;		/* a forked child, see hold_unprepare() */
	h->since = clock_ticks();
	barrier();
	h->lock = (uintptr_t)lock;
	t->top = h + 1;
	barrier();
	t->live = 1;
}

/* May the fast half release it? Then its entry. */
static inline struct trace_held *hold_top(struct thread *t, const void *lock)
{
	struct trace_held *h;

	if (unlikely(!t->live))
		return NULL;
	h = t->top - 1;
	return likely(h->lock == (uintptr_t)lock &&
		      !(h->mode & (TRACE_HELD_CONTENDED | TRACE_HELD_OWNERDEAD))) ? h : NULL;
}

/* The topmost entry for this lock, NULL when the thread does not hold it. */
static inline struct trace_held *hold_find(const struct thread *t, const void *lock)
{
	struct trace_held *h = t->top - 1;

	while (h->lock && h->lock != (uintptr_t)lock)
		h--;
	return h->lock ? h : NULL;
}

/* A signal handler came in between and released or took something: see hold_pop(). */
void hold_pop_disturbed(struct thread *t);

/* After the real unlock: takes the top entry off and records it. */
static inline void hold_pop(struct thread *t, struct trace_held *h, uint64_t now)
{
	if (unlikely(t->top != h + 1)) {
		hold_pop_disturbed(t);
		return;
	}
	t->live = 0;
	barrier();
	h->lock = 0;
	t->top = h;
	ring_plain(t, h->node, now, now - h->since);
	barrier();
	t->live = 1;
}

#endif
