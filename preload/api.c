/* SPDX-License-Identifier: MIT */
/*
 * api.c: what the program tells by itself, through lockprof.h
 *
 * Names, phases, work, and locks of its own. Such a lock runs through the same acquire/release core
 * as every other; what differs is that nothing is called in between: the program tells that it
 * waits, has acquired, releases. A wait that is told is kept for the thread until it ends.
 */
#include <errno.h>

#include "attempt.h"
#include "lockprof.h"
#include "phase.h"

#define VISIBLE __attribute__((visibility("default")))

enum { WAITERS = 1024, KINDS_NAMED = TRACE_KIND_CUSTOM };

/* Who spins on a lock of the program's own, by hash: a collision costs a stack that nobody needs. */
static uint32_t waiters[WAITERS];

/* The wait that the thread has told; thread NULL: none. */
static __thread struct attempt told __attribute__((tls_model("initial-exec")));

static uint32_t *waiters_of(const volatile void *lock)
{
	return &waiters[((uintptr_t)lock >> 2) * 0x9e3779b97f4a7c15ull >> (64 - 10)];
}

static uint32_t how_of(unsigned int how)
{
	uint32_t mode = how & LOCKPROF_TRY ? TRACE_HOW_TRY : TRACE_HOW_LOCK;

	return KIND_MODE(TRACE_KIND_CUSTOM, mode | (how & LOCKPROF_SHARED ? TRACE_SHARED : 0));
}

/* Whether the thread has told that it waits for this lock; then it does so no more. */
static bool told_wait(const volatile void *lock, struct attempt *a)
{
	if (!told.thread || told.lock != lock)
		return false;
	*a = told;
	told.thread = NULL;
	__atomic_fetch_sub(waiters_of(lock), 1, __ATOMIC_RELAXED);
	return true;
}

VISIBLE void lockprof_api_phase(const char *name)
{
	struct thread *t = thread_enter();

	if (!t)
		return;
	phase_begin(name);
	thread_leave(t);
}

VISIBLE void lockprof_api_switch(int on)
{
	struct thread *t = thread_enter();

	if (!t)
		return;
	phase_switch(on);
	thread_leave(t);
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
	record = lock_get((const void *)lock, (enum trace_kind)kind);
	if (record)
		lock_name(record, name);
	thread_leave(t);
}

VISIBLE void lockprof_api_wait(const volatile void *lock, unsigned int how, const void *site)
{
	uintptr_t at = site ? (uintptr_t)site : CALLER();
	struct attempt a;

	if (told.thread && told_wait(told.lock, &a))	/* one that never ended, as far as was told */
		attempt_failed(&a, ECANCELED);
	if (!attempt_begin(&told, (const void *)lock, at, how_of(how)))
		return;
	__atomic_fetch_add(waiters_of(lock), 1, __ATOMIC_RELAXED);
	attempt_blocked(&told, 0);
}

VISIBLE void lockprof_api_acquired(const volatile void *lock, unsigned int how, const void *site)
{
	uintptr_t at = site ? (uintptr_t)site : CALLER();
	struct thread *t = thread_self();
	struct attempt a;

	if (told_wait(lock, &a)) {
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

	if (told_wait(lock, &a))
		attempt_failed(&a, ETIMEDOUT);
	else if (attempt_begin(&a, (const void *)lock, at, how_of(how | LOCKPROF_TRY)))
		attempt_busy(&a);
}

VISIBLE void lockprof_api_release(const volatile void *lock)
{
	uint32_t nr = __atomic_load_n(waiters_of(lock), __ATOMIC_RELAXED);
	struct thread *t = thread_self();
	struct trace_held *h = hold_top(t, (const void *)lock);
	struct release r;

	if (likely(h && !nr)) {
		hold_pop(t, h, clock_ticks());
		return;
	}
	release_begin(&r, (const void *)lock, TRACE_KIND_CUSTOM, CALLER(), nr);
	release_end(&r);
}

VISIBLE void lockprof_api_destroyed(const volatile void *lock)
{
	note_dies((const void *)lock, TRACE_KIND_CUSTOM);
}
