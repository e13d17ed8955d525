/* SPDX-License-Identifier: MIT */
/*
 * sem.c: sem_*
 *
 * A semaphore has no owner, but many are used as locks: each post follows a wait by the same
 * thread. So a token is treated as a hold until the semaphore proves to be a counting one: a
 * thread takes a second token, or posts without having one. From then on its waits and posts are
 * recorded as they happen, without hold. The analyzer ignores the few holds from before.
 *
 * sem_wait and sem_timedwait act on a pending cancel even when a token is there, so it is tested
 * before the try (sem_clockwait, in glibc, does so only when it blocks). sem_post may be called from signal handlers: so may ours.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>

#include "attempt.h"

#define SEM(how) KIND_MODE(TRACE_KIND_SEM, TRACE_HOW_##how)

INTERPOSE(sem_init);
INTERPOSE(sem_destroy);
INTERPOSE(sem_open);
INTERPOSE(sem_close);
INTERPOSE(sem_wait);
INTERPOSE(sem_trywait);
INTERPOSE(sem_timedwait);
INTERPOSE(sem_clockwait);
INTERPOSE(sem_post);

/* glibc, 64 bit: the value in the lower half, the number of waiters in the upper. */
static uint32_t sem_waiters(sem_t *s)
{
	return (uint32_t)(__atomic_load_n((uint64_t *)s, __ATOMIC_RELAXED) >> 32);
}

static int sem_block(sem_t *s, struct deadline deadline)
{
	if (!deadline.until)
		return real_sem_wait(s);
	if (deadline.clock == CLOCK_REALTIME)
		return real_sem_timedwait(s, deadline.until);
	return real_sem_clockwait(s, deadline.clock, deadline.until);
}

/* A token was taken: a hold, as long as this semaphore may be a lock. */
static void sem_taken(struct attempt *a)
{
	struct trace_held *h;

	if (!attempt_returned(a))
		return;
	h = hold_find(a->thread, a->lock);
	if (h) {
		lock_set_counting(a->lock);
		hold_to_token(a->thread, h);
	}
	if (h || lock_is_counting(a->lock))
		attempt_token(a);
	else
		attempt_acquired(a, 0);
}

static __attribute__((noinline)) int sem_wait_slow(sem_t *s, uintptr_t site, uint32_t kind_mode,
						   struct deadline deadline)
{
	struct attempt a __attribute__((cleanup(attempt_cancelled)));
	int saved = errno;

	if (!attempt_begin(&a, s, site, kind_mode))
		return sem_block(s, deadline);
	if (real_sem_trywait(s)) {
		errno = saved;
		attempt_blocked(&a, 0);
		if (sem_block(s, deadline)) {
			attempt_failed(&a, errno);
			return -1;
		}
	}
	sem_taken(&a);
	return 0;
}

/* The fast half: an ordinary hold, unless this may be a counting semaphore. */
static inline __attribute__((always_inline)) bool sem_take(sem_t *s, uintptr_t site,
							   uint32_t kind_mode)
{
	struct thread *t = thread_self();

	if (unlikely(!t->live || hold_find(t, s) ||
		     (__atomic_load_n(lock_tag(s), __ATOMIC_RELAXED) & LOCK_TAG_COUNTING) ||
		     !hold_prepare(t, s, site, kind_mode)))
		return false;
	if (unlikely(real_sem_trywait(s))) {
		hold_unprepare(t);
		return false;
	}
	hold_push(t, s);
	return true;
}

static inline __attribute__((always_inline)) int sem_acquire(sem_t *s, uintptr_t site,
							     uint32_t kind_mode,
							     struct deadline deadline)
{
	int saved = errno;

	if (likely(sem_take(s, site, kind_mode)))
		return 0;
	errno = saved;
	return sem_wait_slow(s, site, kind_mode, deadline);
}

int sem_wait(sem_t *s)
{
	pthread_testcancel();
	return sem_acquire(s, CALLER(), SEM(LOCK), NO_DEADLINE);
}

int sem_timedwait(sem_t *restrict s, const struct timespec *restrict until)
{
	const struct deadline deadline = { CLOCK_REALTIME, until };

	hooks_ready();
	if (!deadline_is_valid(deadline))
		return sem_block(s, deadline);
	pthread_testcancel();
	return sem_acquire(s, CALLER(), SEM(TIMED), deadline);
}

int sem_clockwait(sem_t *restrict s, clockid_t clock, const struct timespec *restrict until)
{
	const struct deadline deadline = { clock, until };

	hooks_ready();
	if (!deadline_is_valid(deadline))
		return sem_block(s, deadline);
	return sem_acquire(s, CALLER(), SEM(TIMED), deadline);
}

static __attribute__((noinline)) int sem_trywait_slow(sem_t *s, uintptr_t site)
{
	struct attempt a;
	int result;

	if (!attempt_begin(&a, s, site, SEM(TRY)))
		return real_sem_trywait(s);
	result = real_sem_trywait(s);
	if (!result)
		sem_taken(&a);
	else if (errno == EAGAIN)
		attempt_busy(&a);
	else
		attempt_dropped(&a);
	return result;
}

int sem_trywait(sem_t *s)
{
	int saved = errno;

	if (likely(sem_take(s, CALLER(), SEM(TRY))))
		return 0;
	errno = saved;
	return sem_trywait_slow(s, CALLER());
}

/* A token given back by its taker, or a signal to somebody else. */
static __attribute__((noinline)) int sem_post_slow(sem_t *s, uintptr_t site)
{
	struct thread *t = thread_enter();
	uint64_t waiters, now;
	struct trace_held *h;
	int result;

	if (!t)
		return real_sem_post(s);
	waiters = sem_waiters(s);
	h = hold_find(t, s);
	now = clock_ticks();
	result = real_sem_post(s);
	if (!result && h) {
		hold_end(t, h, now, 0, hold_stack(t, h, waiters));
	} else if (!result) {
		lock_set_counting(s);
		note_event(t, TRACE_EV_POST, s, site, SEM(WAKE), now, &waiters);
	}
	thread_leave(t);
	return result;
}

int sem_post(sem_t *s)
{
	struct thread *t = thread_self();
	struct trace_held *h = hold_top(t, s);
	uint64_t now;
	int result;

	if (unlikely(!h || sem_waiters(s)))
		return sem_post_slow(s, CALLER());
	now = clock_ticks();
	result = real_sem_post(s);
	if (likely(!result))
		hold_pop(t, h, now);
	return result;
}

int sem_init(sem_t *s, int pshared, unsigned int value)
{
	int result;

	hooks_ready();
	result = real_sem_init(s, pshared, value);
	if (!result)
		note_born(s, TRACE_KIND_SEM, pshared ? TRACE_LOCK_PSHARED : 0, value);
	return result;
}

int sem_destroy(sem_t *s)
{
	int result;

	hooks_ready();
	result = real_sem_destroy(s);
	if (!result)
		note_dies(s, TRACE_KIND_SEM);
	return result;
}

/* Opened again under the same name, a semaphore keeps its address and its record. */
static void sem_opened(sem_t *s, const char *name)
{
	struct thread *t = thread_enter();
	struct trace_lock *lock;

	if (!t)
		return;
	lock = lock_find(s, TRACE_KIND_SEM);
	if (!lock) {
		lock_born(t, s, TRACE_KIND_SEM, TRACE_LOCK_PSHARED,
			  (uint32_t)__atomic_load_n((uint64_t *)s, __ATOMIC_RELAXED));
		lock = lock_find(s, TRACE_KIND_SEM);
		if (lock)
			lock_name(lock, name);
	}
	thread_leave(t);
}

sem_t *sem_open(const char *name, int flags, ...)
{
	mode_t mode;
	unsigned int value;
	va_list args;
	sem_t *s;

	hooks_ready();
	va_start(args, flags);
	mode = va_arg(args, mode_t);
	value = va_arg(args, unsigned int);
	va_end(args);
	s = real_sem_open(name, flags, mode, value);
	if (s != SEM_FAILED)
		sem_opened(s, name);
	return s;
}

/* The mapping may stay (it is counted), so a close is no end of the semaphore. */
int sem_close(sem_t *s)
{
	hooks_ready();
	return real_sem_close(s);
}
