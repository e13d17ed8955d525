/* SPDX-License-Identifier: MIT */
/*
 * mutex.c: pthread_mutex_* and C11 mtx_*
 *
 * glibc's mtx_t is a pthread_mutex_t, and its mtx_* functions call the pthread ones inside libc,
 * past us; so ours do the same over the same core. Facts that glibc keeps in the mutex (recursion
 * count, waiters, owner) are read while we hold it or before we block, never written.
 */
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include "attempt.h"
#include "c11.h"
#include "mutex.h"
#include "sys.h"


INTERPOSE(pthread_mutex_init);
INTERPOSE(pthread_mutex_destroy);
INTERPOSE(pthread_mutex_lock);
INTERPOSE(pthread_mutex_trylock);
INTERPOSE(pthread_mutex_timedlock);
INTERPOSE(pthread_mutex_clocklock);
INTERPOSE(pthread_mutex_unlock);
INTERPOSE(pthread_mutex_consistent);
INTERPOSE(mtx_init);
INTERPOSE(mtx_destroy);
INTERPOSE(mtx_lock);
INTERPOSE(mtx_trylock);
INTERPOSE(mtx_timedlock);
INTERPOSE(mtx_unlock);

static uint32_t mutex_owner(const void *lock)
{
	const pthread_mutex_t *m = lock;

	return (uint32_t)__atomic_load_n(&m->__data.__owner, __ATOMIC_RELAXED) & 0x3fffffff;
}

static int mutex_try(void *lock)
{
	return real_pthread_mutex_trylock(lock);
}

static int mutex_block(void *lock, clockid_t clock, const struct timespec *until)
{
	if (!until)
		return real_pthread_mutex_lock(lock);
	if (clock == CLOCK_REALTIME)
		return real_pthread_mutex_timedlock(lock, until);
	return real_pthread_mutex_clocklock(lock, clock, until);
}

static const struct family mutex_family = {
	.attempt = mutex_try,
	.block = mutex_block,
	.owner = mutex_owner,
	.relocked = mutex_relocked,
};

/*
 * Robust, priority-inheriting and priority-protected mutexes are asked once, by the very call that
 * the application made: for them a try before it is not the same. (glibc's trylock leaves an
 * unrecoverable mutex locked, and a first EINVAL of a priority ceiling does not come again.) So
 * whether somebody has it is read from the lock word, before the call.
 */
static bool mutex_is_special(const pthread_mutex_t *m)
{
	return m->__data.__kind & (MUTEX_ROBUST | MUTEX_INHERIT | MUTEX_PROTECT);
}

static int special_peek(void *lock)
{
	const pthread_mutex_t *m = lock;
	unsigned int word = (unsigned int)__atomic_load_n(&m->__data.__lock, __ATOMIC_RELAXED);
	unsigned int taken = word & (m->__data.__kind & MUTEX_PROTECT ? 0x7ffff : 0x3fffffff);

	return taken && mutex_owner(m) != (uint32_t)sys_gettid() ? EBUSY : EAGAIN;
}

static const struct family special_family = {
	.attempt = special_peek,
	.block = mutex_block,
	.owner = mutex_owner,
	.relocked = mutex_relocked,
};

/* Every way to ask for a mutex: the fast half, or on to the slow one. */
static inline __attribute__((always_inline)) int
mutex_lock(pthread_mutex_t *m, uintptr_t site, uint32_t kind_mode, struct deadline deadline)
{
	struct thread *t = thread_self();
	int err = TRIED_NOT;

	if (kind_mode != MUTEX(TRY) && unlikely(mutex_is_special(m)))
		return acquire_slow(&special_family, m, site, kind_mode, err, deadline);
	if (likely(hold_prepare(t, m, site, kind_mode))) {
		err = real_pthread_mutex_trylock(m);
		if (likely(!err && !mutex_relocked(m))) {
			hold_push(t, m);
			return 0;
		}
		hold_unprepare(t);
	}
	if (kind_mode == MUTEX(TRY))
		return try_slow(&mutex_family, m, site, kind_mode, err);
	return acquire_slow(&mutex_family, m, site, kind_mode, err, deadline);
}

/* An inner unlock of a recursive mutex ends no hold. */
static __attribute__((noinline)) int mutex_unlock_slow(pthread_mutex_t *m, uintptr_t site)
{
	struct release r;
	int err;

	hooks_ready();
	if (mutex_relocked(m))
		return real_pthread_mutex_unlock(m);
	release_begin(&r, m, TRACE_KIND_MUTEX, site, mutex_has_waiters(m));
	err = real_pthread_mutex_unlock(m);
	if (err)
		release_dropped(&r);
	else
		release_end(&r);
	return err;
}

static inline __attribute__((always_inline)) int mutex_unlock(pthread_mutex_t *m, uintptr_t site)
{
	struct thread *t = thread_self();
	struct trace_held *h = hold_top(t, m);
	uint64_t now;
	int err;

	if (unlikely(!h || mutex_relocked(m) || mutex_has_waiters(m)))
		return mutex_unlock_slow(m, site);
	now = clock_ticks();
	err = real_pthread_mutex_unlock(m);
	if (likely(!err))
		hold_pop(t, h, now);
	return err;
}

static void mutex_born(const pthread_mutex_t *m)
{
	note_born(m, TRACE_KIND_MUTEX, mutex_flags(m), 0);
}

int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	int err;

	hooks_ready();
	err = real_pthread_mutex_init(m, attr);
	if (!err)
		mutex_born(m);
	return err;
}

int pthread_mutex_destroy(pthread_mutex_t *m)
{
	int err;

	hooks_ready();
	err = real_pthread_mutex_destroy(m);
	if (!err)
		note_dies(m, TRACE_KIND_MUTEX);
	return err;
}

int pthread_mutex_lock(pthread_mutex_t *m)
{
	return mutex_lock(m, CALLER(), MUTEX(LOCK), NO_DEADLINE);
}

int pthread_mutex_trylock(pthread_mutex_t *m)
{
	return mutex_lock(m, CALLER(), MUTEX(TRY), NO_DEADLINE);
}

int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *until)
{
	return mutex_lock(m, CALLER(), MUTEX(TIMED), (struct deadline){ CLOCK_REALTIME, until });
}

int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *until)
{
	hooks_ready();
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return real_pthread_mutex_clocklock(m, clock, until);
	return mutex_lock(m, CALLER(), MUTEX(TIMED), (struct deadline){ clock, until });
}

int pthread_mutex_unlock(pthread_mutex_t *m)
{
	return mutex_unlock(m, CALLER());
}

/* Says nothing about holding; interposed so that the whole family goes the same way. */
int pthread_mutex_consistent(pthread_mutex_t *m)
{
	hooks_ready();
	return real_pthread_mutex_consistent(m);
}

int mtx_init(mtx_t *m, int type)
{
	int result;

	hooks_ready();
	result = real_mtx_init(m, type);
	if (result == thrd_success)
		mutex_born((pthread_mutex_t *)m);
	return result;
}

void mtx_destroy(mtx_t *m)
{
	hooks_ready();
	real_mtx_destroy(m);
	note_dies(m, TRACE_KIND_MUTEX);
}

int mtx_lock(mtx_t *m)
{
	return c11_error(mutex_lock((pthread_mutex_t *)m, CALLER(), MUTEX(LOCK), NO_DEADLINE));
}

int mtx_trylock(mtx_t *m)
{
	return c11_error(mutex_lock((pthread_mutex_t *)m, CALLER(), MUTEX(TRY), NO_DEADLINE));
}

int mtx_timedlock(mtx_t *restrict m, const struct timespec *restrict until)
{
	return c11_error(mutex_lock((pthread_mutex_t *)m, CALLER(), MUTEX(TIMED),
				    (struct deadline){ CLOCK_REALTIME, until }));
}

int mtx_unlock(mtx_t *m)
{
	return c11_error(mutex_unlock((pthread_mutex_t *)m, CALLER()));
}
