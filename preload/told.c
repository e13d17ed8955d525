/* SPDX-License-Identifier: MIT */
/* told.c: see told.h */
#include <errno.h>
#include <string.h>

#include "attempt.h"
#include "told.h"

uint32_t told_waiters[TOLD_WAITERS];

void told_init(void)
{
	memset(told_waiters, 0, sizeof(told_waiters));
}

static void forget(struct thread *t)
{
	__atomic_fetch_sub(told_waiters_of(t->told.lock), 1, __ATOMIC_RELAXED);
	t->told.thread = NULL;
}

/* Stored only while the shim is at work: a signal handler's waits are not told then. */
void told_wait(const void *lock, uintptr_t site, uint32_t kind_mode)
{
	struct attempt a;
	struct thread *t;

	if (!attempt_begin(&a, lock, site, kind_mode))
		return;
	t = a.thread;
	told_end(t);
	__atomic_fetch_add(told_waiters_of(lock), 1, __ATOMIC_RELAXED);
	t->told = a;
	attempt_blocked(&t->told, 0);
}

bool told_take(struct thread *t, const volatile void *lock, struct attempt *a)
{
	if (likely(!t->told.thread) || t->told.lock != lock || !t->live)
		return false;
	t->live = 0;
	barrier();
	if (!t->told.thread || t->told.lock != lock) {	/* a handler ended it, or forked */
		hold_unprepare(t);
		return false;
	}
	*a = t->told;
	forget(t);
	return true;
}

void told_end(struct thread *t)
{
	uint64_t now = clock_ticks(), value[2] = { now - t->told.began, ECANCELED };

	if (!t->told.thread)
		return;
	forget(t);
	t->slot->wait_node = 0;
	ring_event(t, TRACE_EV_WAIT_END, t->told.node, now, value);
}
