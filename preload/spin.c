/* SPDX-License-Identifier: MIT */
/*
 * spin.c: pthread_spin_*
 *
 * Waiting for a spin lock burns processor time; the analyzer shows it apart. The lock word does not
 * say whether somebody spins, so our own spinners count themselves, by hash of the address: a
 * collision makes a release take a stack that nobody needs.
 */
#include <errno.h>
#include <pthread.h>

#include "attempt.h"

#define SPIN(how) KIND_MODE(TRACE_KIND_SPIN, TRACE_HOW_##how)

INTERPOSE(pthread_spin_init);
INTERPOSE(pthread_spin_destroy);
INTERPOSE(pthread_spin_lock);
INTERPOSE(pthread_spin_trylock);
INTERPOSE(pthread_spin_unlock);

#define SPINNERS 1024
static uint32_t spinners[SPINNERS];

static uint32_t *spinners_of(const volatile void *lock)
{
	return &spinners[((uintptr_t)lock >> 2) * 0x9e3779b97f4a7c15ull >> (64 - 10)];
}

static int spin_try(void *lock)
{
	return real_pthread_spin_trylock(lock);
}

static int spin_block(void *lock, clockid_t clock, const struct timespec *until)
{
	int err;

	(void)clock;
	(void)until;
	__atomic_fetch_add(spinners_of(lock), 1, __ATOMIC_RELAXED);
	err = real_pthread_spin_lock(lock);
	__atomic_fetch_sub(spinners_of(lock), 1, __ATOMIC_RELAXED);
	return err;
}

static const struct family spin_family = { .attempt = spin_try, .block = spin_block };

static inline __attribute__((always_inline)) int spin_lock(pthread_spinlock_t *l, uintptr_t site,
							   uint32_t kind_mode)
{
	struct thread *t = thread_self();
	int err = TRIED_NOT;

	if (likely(hold_prepare(t, (const void *)l, site, kind_mode))) {
		err = real_pthread_spin_trylock(l);
		if (likely(!err)) {
			hold_push(t, (const void *)l);
			return 0;
		}
		hold_unprepare(t);
	}
	if (kind_mode == SPIN(TRY))
		return try_slow(&spin_family, (void *)l, site, kind_mode, err);
	return acquire_slow(&spin_family, (void *)l, site, kind_mode, err, NO_DEADLINE);
}

int pthread_spin_init(pthread_spinlock_t *l, int pshared)
{
	int err;

	hooks_ready();
	err = real_pthread_spin_init(l, pshared);
	if (!err)
		note_born((const void *)l, TRACE_KIND_SPIN, pshared ? TRACE_LOCK_PSHARED : 0, 0);
	return err;
}

int pthread_spin_destroy(pthread_spinlock_t *l)
{
	int err;

	hooks_ready();
	err = real_pthread_spin_destroy(l);
	if (!err)
		note_dies((const void *)l, TRACE_KIND_SPIN);
	return err;
}

int pthread_spin_lock(pthread_spinlock_t *l)
{
	return spin_lock(l, CALLER(), SPIN(LOCK));
}

int pthread_spin_trylock(pthread_spinlock_t *l)
{
	return spin_lock(l, CALLER(), SPIN(TRY));
}

static __attribute__((noinline)) int spin_unlock_slow(pthread_spinlock_t *l, uintptr_t site)
{
	struct release r;
	int err;

	hooks_ready();
	release_begin(&r, (const void *)l, TRACE_KIND_SPIN, site,
		      __atomic_load_n(spinners_of(l), __ATOMIC_RELAXED));
	err = real_pthread_spin_unlock(l);
	release_end(&r);
	return err;
}

int pthread_spin_unlock(pthread_spinlock_t *l)
{
	struct thread *t = thread_self();
	struct trace_held *h = hold_top(t, (const void *)l);
	uint64_t now;
	int err;

	if (unlikely(!h || __atomic_load_n(spinners_of(l), __ATOMIC_RELAXED)))
		return spin_unlock_slow(l, CALLER());
	now = clock_ticks();
	err = real_pthread_spin_unlock(l);
	hold_pop(t, h, now);
	return err;
}
