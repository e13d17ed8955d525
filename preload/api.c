/* SPDX-License-Identifier: MIT */
/*
 * api.c: what the program tells by itself, through lockprof.h
 *
 * Names, phases, work, and locks of its own. Such a lock runs through the same acquire/release core
 * as every other; what differs is that nothing is called in between: the program tells that it
 * waits, has acquired, releases. There is no lock at address 0.
 */
#include <errno.h>

#include "attempt.h"
#include "lockprof.h"
#include "phase.h"
#include "process.h"
#include "told.h"

#define VISIBLE __attribute__((visibility("default")))

enum { KINDS_NAMED = TRACE_KIND_CUSTOM };

static uint32_t how_of(unsigned int how)
{
	uint32_t mode = how & LOCKPROF_TRY ? TRACE_HOW_TRY : TRACE_HOW_LOCK;

	return KIND_MODE(TRACE_KIND_CUSTOM, mode | (how & LOCKPROF_SHARED ? TRACE_SHARED : 0));
}

/*
 * What changes the phase touches nothing of the thread. So it need not be lost when a signal handler
 * changes it in the midst of the shim's own work, or a destructor after the thread's end.
 * False: there is no trace.
 */
static bool change_begin(struct thread **entered)
{
	struct thread *t = thread_self();

	*entered = t->live || !t->self ? thread_enter() : NULL;
	return process_records() && thread_has_clock();
}

static void change_end(struct thread *entered)
{
	if (entered)
		thread_leave(entered);
}

VISIBLE void lockprof_api_phase(const char *name)
{
	struct thread *t;

	if (change_begin(&t))
		phase_begin(name);
	change_end(t);
}

VISIBLE void lockprof_api_switch(int on)
{
	struct thread *t;

	if (change_begin(&t))
		phase_switch(on);
	change_end(t);
}

VISIBLE void lockprof_api_work(uint64_t units)
{
	uintptr_t site = CALLER();
	struct thread *t = thread_enter();

	if (!t)
		return;
	phase_work(t, site, units);
	thread_leave(t);
}

VISIBLE void lockprof_api_name(const volatile void *lock, unsigned int kind, const char *name)
{
	struct thread *t;
	struct trace_lock *record;

	if (!lock || !kind || kind > KINDS_NAMED || !name || !*name)
		return;
	t = thread_enter();
	if (!t)
		return;
	record = lock_to_name((const void *)lock, (enum trace_kind)kind);
	if (record)
		lock_name(record, name);
	thread_leave(t);
}

VISIBLE void lockprof_api_wait(const volatile void *lock, unsigned int how, const void *site)
{
	if (lock)
		told_wait((const void *)lock, site ? (uintptr_t)site : CALLER(), how_of(how));
}

VISIBLE void lockprof_api_acquired(const volatile void *lock, unsigned int how, const void *site)
{
	uintptr_t at = site ? (uintptr_t)site : CALLER();
	struct thread *t = thread_self();
	struct attempt a;

	if (unlikely(!lock))
		return;
	if (told_take(t, lock, &a)) {
		attempt_acquired(&a, 0);
	} else if (likely(hold_prepare(t, (const void *)lock, at, how_of(how)))) {
		hold_push(t, (const void *)lock);
	} else if (attempt_begin(&a, (const void *)lock, at, how_of(how))) {
		attempt_acquired(&a, 0);
	}
}

VISIBLE void lockprof_api_gave_up(const volatile void *lock, unsigned int how, const void *site)
{
	uintptr_t at = site ? (uintptr_t)site : CALLER();
	struct attempt a;

	if (!lock)
		return;
	if (told_take(thread_self(), lock, &a))
		attempt_failed(&a, ETIMEDOUT);
	else if (attempt_begin(&a, (const void *)lock, at, how_of(how | LOCKPROF_TRY)))
		attempt_busy(&a);
}

VISIBLE void lockprof_api_release(const volatile void *lock)
{
	uint32_t nr = __atomic_load_n(told_waiters_of(lock), __ATOMIC_RELAXED);
	struct thread *t = thread_self();
	struct trace_held *h;
	struct release r;

	if (unlikely(!lock))	/* what ends the list of held locks */
		return;
	h = hold_top(t, (const void *)lock);
	if (likely(h && !nr)) {
		hold_pop(t, h, clock_ticks());
		return;
	}
	release_begin(&r, (const void *)lock, TRACE_KIND_CUSTOM, CALLER(), nr);
	release_end(&r);
}

VISIBLE void lockprof_api_destroyed(const volatile void *lock)
{
	if (lock)
		note_dies((const void *)lock, TRACE_KIND_CUSTOM);
}
