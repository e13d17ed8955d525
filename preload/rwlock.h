/* SPDX-License-Identifier: MIT */
/* rwlock.h: what glibc keeps in a reader-writer lock and we may read, as in mutex.h */
#ifndef LOCKPROF_RWLOCK_H
#define LOCKPROF_RWLOCK_H

#include <pthread.h>

#include "hold.h"

/*
 * glibc: whoever sleeps sets bit 1 of one of the two futex words. Before that __readers counts readers
 * in its upper bits, waiting ones too, and __writers waiting writers, unless readers are preferred.
 */
static inline bool rwlock_has_waiters(const pthread_rwlock_t *l, bool shared)
{
	unsigned int readers = __atomic_load_n(&l->__data.__readers, __ATOMIC_RELAXED) >> 3;
	unsigned int writers = __atomic_load_n(&l->__data.__writers, __ATOMIC_RELAXED);
	unsigned int slept = __atomic_load_n(&l->__data.__wrphase_futex, __ATOMIC_RELAXED) |
			     __atomic_load_n(&l->__data.__writers_futex, __ATOMIC_RELAXED);

	return slept & 2 || writers || (!shared && readers);
}

/* TRACE_LOCK_* */
static inline uint32_t rwlock_flags(const pthread_rwlock_t *l)
{
	bool prefers_writers =
		l->__data.__flags == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;

	return (prefers_writers ? TRACE_LOCK_WRITER_PREF : 0) |
	       (l->__data.__shared ? TRACE_LOCK_PSHARED : 0);
}

#endif
