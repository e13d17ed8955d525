/* SPDX-License-Identifier: MIT */
/* attempt.c: the slow half of the acquire/release core; see attempt.h */
#include <errno.h>
#include <string.h>

#include "attempt.h"
#include "file.h"
#include "mutex.h"
#include "rwlock.h"

/* The node if a cache knows it, else 0. */
static uint32_t node_cached(struct thread *t, const void *lock, uintptr_t site,
			    uint32_t kind_mode, uint32_t parent)
{
	const struct node_cache *c = hold_cache(t, lock, site, parent);

	if (hold_cached(c, lock, site, kind_mode, parent) ||
	    node_recall(t, lock, site, kind_mode, parent))
		return c->node;
	return 0;
}

/* The node from the dictionary; the caches know it from now on. */
static uint32_t node_fetch(struct thread *t, const void *lock, uintptr_t site,
			   uint32_t kind_mode, uint32_t parent, bool with_stack)
{
	uint32_t tag = __atomic_load_n(lock_tag(lock), __ATOMIC_RELAXED);
	uint32_t node = node_get(with_stack ? t : NULL, parent, lock, site, kind_mode);

	if (node != TRACE_NODE_UNKNOWN) {
		node_remember(lock, site, kind_mode, parent, tag, node);
		node_recall(t, lock, site, kind_mode, parent);
	}
	return node;
}

/* While recording is off there are no nodes: the caches do not know any under that parent. */
static uint32_t node_lookup(struct thread *t, const void *lock, uintptr_t site,
			    uint32_t kind_mode, uint32_t parent, bool with_stack)
{
	uint32_t node;

	if (unlikely(parent == TRACE_NODE_OFF))
		return TRACE_NODE_OFF;
	node = node_cached(t, lock, site, kind_mode, parent);
	return node ? node : node_fetch(t, lock, site, kind_mode, parent, with_stack);
}

/*
 * A lock without init call (a static initialiser, shared memory made elsewhere) tells what it is
 * when it is asked for: only then its memory is sure to be there.
 */
static void describe_lock(const void *address, uint32_t kind)
{
	struct trace_lock *lock = lock_find(address, (enum trace_kind)kind);

	if (!lock || (__atomic_load_n(&lock->flags, __ATOMIC_RELAXED) & TRACE_LOCK_INITIALISED))
		return;
	if (kind == TRACE_KIND_MUTEX)
		lock_set_flag(lock, mutex_flags(address));
	else if (kind == TRACE_KIND_RWLOCK)
		lock_set_flag(lock, rwlock_flags(address));
}

bool attempt_begin(struct attempt *a, const void *lock, uintptr_t site, uint32_t kind_mode)
{
	struct thread *t = thread_enter();
	uint32_t parent;

	*a = (struct attempt){ .thread = t, .lock = lock, .site = site, .kind_mode = kind_mode };
	if (!t)
		return false;
	parent = hold_parent(t);
	a->node = parent == TRACE_NODE_OFF ? parent :
					     node_cached(t, lock, site, kind_mode, parent);
	if (a->node)
		return true;
	a->node = node_fetch(t, lock, site, kind_mode, parent, true);
	describe_lock(lock, kind_mode >> 8);
	return true;
}

void hold_prepare_off(struct trace_held *h, uintptr_t site, uint32_t kind_mode)
{
	h->site = site;
	h->node = h->path = TRACE_NODE_OFF;
	h->mode = kind_mode | TRACE_HELD_OFF;
}

/* The state page says what the thread waits for; survives a kill. */
static void state_waits(struct attempt *a, uint32_t stack, uint32_t owner, bool bounded)
{
	struct trace_slot *slot = a->thread->slot;

	slot->wait_since = a->began;
	slot->wait_stack = stack;
	slot->wait_owner = owner;
	slot->wait_flags = bounded ? TRACE_WAIT_BOUNDED : 0;
	barrier();
	slot->wait_node = a->node;
}

void attempt_blocked(struct attempt *a, uint32_t owner)
{
	struct thread *t = a->thread;
	struct trace_lock *lock;
	uint64_t value[2];

	a->began = clock_ticks();
	if (a->node == TRACE_NODE_OFF) {
		thread_leave(t);
		return;
	}
	lock = lock_get(a->lock, (enum trace_kind)(a->kind_mode >> 8));
	if (lock)
		lock_set_flag(lock, TRACE_LOCK_CONTENDED);
	value[0] = stack_take(t);
	value[1] = owner;
	state_waits(a, (uint32_t)value[0], owner,
		    (a->kind_mode & TRACE_HOW_MASK) == TRACE_HOW_TIMED);
	ring_event(t, TRACE_EV_WAIT_BEGIN, a->node, a->began, value);
	thread_leave(t);
}

void attempt_waits(struct attempt *a, bool bounded)
{
	a->began = clock_ticks();
	if (a->node != TRACE_NODE_OFF)
		state_waits(a, 0, 0, bounded);
	thread_leave(a->thread);
}

bool attempt_returned(struct attempt *a)
{
	struct thread *t = a->thread;

	if (!t || !a->began)
		return t;
	if (!t->self) {
		a->thread = NULL;
		return false;
	}
	t->live = 0;
	barrier();
	t->slot->wait_node = 0;
	return true;
}

/* Acquired, but there is no entry for a hold: counted at once. */
static void acquired_untimed(struct attempt *a, uint64_t now)
{
	uint64_t value[4] = { 0, TRACE_ACQ_NO_HOLD, 0, 0 };

	if (a->began) {
		value[ACQ_FLAGS] |= TRACE_ACQ_WAITED;
		value[ACQ_WAIT] = now - a->began;
	}
	ring_event(a->thread, TRACE_EV_ACQUISITION, a->node, now, value);
}

void attempt_acquired(struct attempt *a, uint32_t flags)
{
	uint64_t now = clock_ticks();
	struct thread *t = a->thread;
	struct trace_held *h;

	if (!attempt_returned(a))
		return;
	h = t->top;	/* not earlier: a signal handler may have released what we hold */
	if (h == t->limit) {
		t->untimed++;
		if (a->node != TRACE_NODE_OFF)
			file_loss(TRACE_LOSS_DEPTH, 1);
		acquired_untimed(a, now);
	} else {
		h->site = a->site;
		h->since = now;
		h->wait = a->began ? now - a->began : 0;
		h->node = h->path = a->node;
		h->mode = a->kind_mode | flags | (a->began ? TRACE_HELD_CONTENDED : 0) |
			  (a->node == TRACE_NODE_OFF ? TRACE_HELD_OFF : 0);
		barrier();
		h->lock = (uintptr_t)a->lock;
		t->top = h + 1;
	}
	a->thread = NULL;
	thread_leave(t);
}

static void attempt_note(struct attempt *a, enum trace_event_type type, const uint64_t *value)
{
	uint64_t now = clock_ticks();
	struct thread *t = a->thread;

	if (!attempt_returned(a))
		return;
	ring_event(t, type, a->node, now, value);
	a->thread = NULL;
	thread_leave(t);
}

void attempt_relocked(struct attempt *a)
{
	attempt_note(a, TRACE_EV_RELOCK, NULL);
}

void attempt_busy(struct attempt *a)
{
	attempt_note(a, TRACE_EV_TRY_FAIL, NULL);
}

void attempt_token(struct attempt *a)
{
	uint64_t now = clock_ticks();
	struct thread *t = a->thread;

	if (!attempt_returned(a))
		return;
	acquired_untimed(a, now);
	a->thread = NULL;
	thread_leave(t);
}

void attempt_failed(struct attempt *a, int error)
{
	uint64_t value[2] = { a->began ? clock_ticks() - a->began : 0, (uint64_t)error };

	attempt_note(a, TRACE_EV_WAIT_END, value);
}

void attempt_waited(struct attempt *a, enum trace_event_type type, uint64_t second, uint64_t third)
{
	uint64_t value[4] = { clock_ticks() - a->began, second, third, 0 };

	attempt_note(a, type, value);
}

void attempt_dropped(struct attempt *a)
{
	struct thread *t = a->thread;

	if (!attempt_returned(a))
		return;
	a->thread = NULL;
	thread_leave(t);
}

void attempt_cancelled(struct attempt *a)
{
	if (a->thread && a->began)
		attempt_failed(a, ECANCELED);
}

static bool got_it(int err)
{
	return !err || err == EOWNERDEAD;
}

static int acquire_finish(const struct family *family, struct attempt *a, int err)
{
	if (!got_it(err) && a->began)
		attempt_failed(a, err);
	else if (!got_it(err))
		attempt_dropped(a);
	else if (family->relocked && family->relocked(a->lock))
		attempt_relocked(a);
	else
		attempt_acquired(a, err ? TRACE_HELD_OWNERDEAD : 0);
	return err;
}

int acquire_slow(const struct family *family, void *lock, uintptr_t site, uint32_t kind_mode,
		 int tried, struct deadline deadline)
{
	struct attempt a;

	if (!attempt_begin(&a, lock, site, kind_mode))
		return got_it(tried) ? tried : family->block(lock, deadline.clock, deadline.until);
	if (tried == TRIED_NOT)
		tried = family->attempt(lock);
	if (!got_it(tried)) {
		if (tried == EBUSY)
			attempt_blocked(&a, family->owner ? family->owner(lock) : 0);
		tried = family->block(lock, deadline.clock, deadline.until);
	}
	return acquire_finish(family, &a, tried);
}

int try_slow(const struct family *family, void *lock, uintptr_t site, uint32_t kind_mode,
	     int tried)
{
	struct attempt a;

	if (!attempt_begin(&a, lock, site, kind_mode))
		return tried == TRIED_NOT ? family->attempt(lock) : tried;
	if (tried == TRIED_NOT)
		tried = family->attempt(lock);
	if (tried != EBUSY)
		return acquire_finish(family, &a, tried);
	attempt_busy(&a);
	return tried;
}

/* Also the child that a handler forked in between: its thread is all zeros. */
void hold_pop_disturbed(struct thread *t)
{
	if (t->self)
		file_loss(TRACE_LOSS_NESTED, 1);
}

/*
 * Closes the gap of a released entry that was not on top. What is held above it is now held in
 * another context: locks taken from here on are children of that path.
 */
static void hold_remove(struct thread *t, struct trace_held *h)
{
	for (; h + 1 < t->top; h++) {
		*h = h[1];
		h->path = node_lookup(t, (const void *)(uintptr_t)h->lock, h->site,
				      h->mode & 0xffff, hold_below(h), false);
	}
	h->lock = 0;
	t->top = h;
}

static void hold_event(struct thread *t, const struct trace_held *h, uint64_t now, uint64_t flags,
		       uint32_t stack)
{
	uint64_t value[4] = { now - h->since, flags, 0, stack };

	if (h->mode & TRACE_HELD_CONTENDED) {
		value[ACQ_FLAGS] |= TRACE_ACQ_WAITED;
		value[ACQ_WAIT] = h->wait;
	}
	if (h->mode & TRACE_HELD_OWNERDEAD)
		value[ACQ_FLAGS] |= TRACE_ACQ_OWNERDEAD;
	if (stack)
		value[ACQ_FLAGS] |= TRACE_ACQ_STACK;
	if (value[ACQ_FLAGS])
		ring_event(t, TRACE_EV_ACQUISITION, h->node, now, value);
	else
		ring_plain(t, h->node, now, value[ACQ_HOLD]);
}

void hold_end(struct thread *t, struct trace_held *h, uint64_t now, uint64_t flags,
	      uint32_t release_stack)
{
	struct trace_held ended = *h;

	hold_remove(t, h);
	hold_event(t, &ended, now, flags, release_stack);
}

void hold_to_token(struct thread *t, struct trace_held *h)
{
	struct trace_held token = *h;

	hold_remove(t, h);
	token.since = clock_ticks();
	hold_event(t, &token, token.since, TRACE_ACQ_NO_HOLD, 0);
}

uint32_t hold_stack(struct thread *t, const struct trace_held *h, bool waiters)
{
	return waiters && !(h->mode & TRACE_HELD_OFF) ? stack_take(t) : 0;
}

void note_born(const void *lock, enum trace_kind kind, uint32_t flags, uint32_t value)
{
	struct thread *t = thread_enter();

	if (!t)
		return;
	lock_born(t, lock, kind, flags, value);
	thread_leave(t);
}

void note_dies(const void *lock, enum trace_kind kind)
{
	struct thread *t = thread_enter();

	if (!t)
		return;
	lock_dies(lock, kind);
	thread_leave(t);
}

void note_event(struct thread *t, enum trace_event_type type, const void *lock, uintptr_t site,
		uint32_t kind_mode, uint64_t now, const uint64_t *value)
{
	uint32_t node = node_lookup(t, lock, site, kind_mode, hold_parent(t), true);

	ring_event(t, type, node, now, value);
}

void note_work(struct thread *t, uintptr_t site, uint64_t now, uint64_t units)
{
	uint32_t phase = hold_below(t->slot->held);
	uint32_t node = node_lookup(t, NULL, site, TRACE_HOW_WORK, phase, true);

	if (node != TRACE_NODE_UNKNOWN)
		ring_event(t, TRACE_EV_WORK, node, now, &units);
}

void release_begin(struct release *r, const void *lock, enum trace_kind kind, uintptr_t site,
		   bool waiters)
{
	struct thread *t = thread_enter();

	*r = (struct release){ .thread = t, .lock = lock, .site = site, .kind = kind,
			       .waiters = waiters };
	if (!t)
		return;
	r->held = hold_find(t, lock);
	r->now = clock_ticks();
}

/* Released here, acquired by another thread, or before we looked. */
static void release_foreign(struct release *r)
{
	struct thread *t = r->thread;
	uint64_t stack = r->waiters && hold_parent(t) != TRACE_NODE_OFF ? stack_take(t) : 0;

	if (t->untimed)
		t->untimed--;
	else
		note_event(t, TRACE_EV_FOREIGN, r->lock, r->site,
			   KIND_MODE(r->kind, TRACE_HOW_RELEASE), r->now, &stack);
}

void release_end(struct release *r)
{
	struct thread *t = r->thread;

	if (!t)
		return;
	if (r->held)
		hold_end(t, r->held, r->now, 0, hold_stack(t, r->held, r->waiters));
	else
		release_foreign(r);
	thread_leave(t);
}

void release_dropped(struct release *r)
{
	if (r->thread)
		thread_leave(r->thread);
}
