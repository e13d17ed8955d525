/* SPDX-License-Identifier: MIT */
/*
 * rwlock.c: pthread_rwlock_*
 *
 * A reader's hold is shared, a writer's exclusive; the entry on the held stack knows which. glibc
 * checks a deadline's validity before it looks at the lock, so an invalid one is forwarded before
 * any try.
 */
#include <errno.h>
#include <pthread.h>

#include "attempt.h"
#include "rwlock.h"

#define READ(how) KIND_MODE(TRACE_KIND_RWLOCK, TRACE_HOW_##how | TRACE_SHARED)
#define WRITE(how) KIND_MODE(TRACE_KIND_RWLOCK, TRACE_HOW_##how)

INTERPOSE(pthread_rwlock_init);
INTERPOSE(pthread_rwlock_destroy);
INTERPOSE(pthread_rwlock_rdlock);
INTERPOSE(pthread_rwlock_tryrdlock);
INTERPOSE(pthread_rwlock_timedrdlock);
INTERPOSE(pthread_rwlock_clockrdlock);
INTERPOSE(pthread_rwlock_wrlock);
INTERPOSE(pthread_rwlock_trywrlock);
INTERPOSE(pthread_rwlock_timedwrlock);
INTERPOSE(pthread_rwlock_clockwrlock);
INTERPOSE(pthread_rwlock_unlock);

static uint32_t rwlock_owner(const void *lock)
{
	const pthread_rwlock_t *l = lock;

	return (uint32_t)__atomic_load_n(&l->__data.__cur_writer, __ATOMIC_RELAXED);
}

static int read_try(void *lock)
{
	return real_pthread_rwlock_tryrdlock(lock);
}

static int write_try(void *lock)
{
	return real_pthread_rwlock_trywrlock(lock);
}

static int read_block(void *lock, clockid_t clock, const struct timespec *until)
{
	if (!until)
		return real_pthread_rwlock_rdlock(lock);
	if (clock == CLOCK_REALTIME)
		return real_pthread_rwlock_timedrdlock(lock, until);
	return real_pthread_rwlock_clockrdlock(lock, clock, until);
}

static int write_block(void *lock, clockid_t clock, const struct timespec *until)
{
	if (!until)
		return real_pthread_rwlock_wrlock(lock);
	if (clock == CLOCK_REALTIME)
		return real_pthread_rwlock_timedwrlock(lock, until);
	return real_pthread_rwlock_clockwrlock(lock, clock, until);
}

static const struct family read_family = {
	.attempt = read_try, .block = read_block, .owner = rwlock_owner,
};
static const struct family write_family = {
	.attempt = write_try, .block = write_block, .owner = rwlock_owner,
};

static inline __attribute__((always_inline)) int
rwlock_lock(const struct family *family, pthread_rwlock_t *l, uintptr_t site, uint32_t kind_mode,
	    struct deadline deadline)
{
	struct thread *t = thread_self();
	int err = TRIED_NOT;

	if (likely(hold_prepare(t, l, site, kind_mode))) {
		err = kind_mode & TRACE_SHARED ? real_pthread_rwlock_tryrdlock(l) :
						 real_pthread_rwlock_trywrlock(l);
		if (likely(!err)) {
			hold_push(t, l);
			return 0;
		}
		hold_unprepare(t);
	}
	if ((kind_mode & TRACE_HOW_MASK) == TRACE_HOW_TRY)
		return try_slow(family, l, site, kind_mode, err);
	return acquire_slow(family, l, site, kind_mode, err, deadline);
}

/* An invalid deadline is forwarded before any try. */
static int rwlock_lock_timed(const struct family *family, pthread_rwlock_t *l, uintptr_t site,
			     uint32_t kind_mode, struct deadline deadline)
{
	hooks_ready();
	if (!deadline_is_valid(deadline))
		return family->block(l, deadline.clock, deadline.until);
	return rwlock_lock(family, l, site, kind_mode, deadline);
}

int pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *attr)
{
	int err;

	hooks_ready();
	err = real_pthread_rwlock_init(l, attr);
	if (!err)
		note_born(l, TRACE_KIND_RWLOCK, rwlock_flags(l), 0);
	return err;
}

int pthread_rwlock_destroy(pthread_rwlock_t *l)
{
	int err;

	hooks_ready();
	err = real_pthread_rwlock_destroy(l);
	if (!err)
		note_dies(l, TRACE_KIND_RWLOCK);
	return err;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	return rwlock_lock(&read_family, l, CALLER(), READ(LOCK), NO_DEADLINE);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *l)
{
	return rwlock_lock(&read_family, l, CALLER(), READ(TRY), NO_DEADLINE);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *l, const struct timespec *until)
{
	return rwlock_lock_timed(&read_family, l, CALLER(), READ(TIMED),
				 (struct deadline){ CLOCK_REALTIME, until });
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t *l, clockid_t clock, const struct timespec *until)
{
	return rwlock_lock_timed(&read_family, l, CALLER(), READ(TIMED),
				 (struct deadline){ clock, until });
}

int pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	return rwlock_lock(&write_family, l, CALLER(), WRITE(LOCK), NO_DEADLINE);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *l)
{
	return rwlock_lock(&write_family, l, CALLER(), WRITE(TRY), NO_DEADLINE);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *l, const struct timespec *until)
{
	return rwlock_lock_timed(&write_family, l, CALLER(), WRITE(TIMED),
				 (struct deadline){ CLOCK_REALTIME, until });
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t *l, clockid_t clock, const struct timespec *until)
{
	return rwlock_lock_timed(&write_family, l, CALLER(), WRITE(TIMED),
				 (struct deadline){ clock, until });
}

static __attribute__((noinline)) int rwlock_unlock_slow(pthread_rwlock_t *l, uintptr_t site)
{
	struct thread *t = thread_self();
	const struct trace_held *h;
	struct release r;
	int err;

	hooks_ready();
	h = t->live ? hold_find(t, l) : NULL;
	release_begin(&r, l, TRACE_KIND_RWLOCK, site,
		      rwlock_has_waiters(l, h && (h->mode & TRACE_SHARED)));
	err = real_pthread_rwlock_unlock(l);
	if (err)
		release_dropped(&r);
	else
		release_end(&r);
	return err;
}

int pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	struct thread *t = thread_self();
	struct trace_held *h = hold_top(t, l);
	uint64_t now;
	int err;

	if (unlikely(!h || rwlock_has_waiters(l, h->mode & TRACE_SHARED)))
		return rwlock_unlock_slow(l, CALLER());
	now = clock_ticks();
	err = real_pthread_rwlock_unlock(l);
	if (likely(!err))
		hold_pop(t, h, now);
	return err;
}
