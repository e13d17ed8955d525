/* SPDX-License-Identifier: MIT */
/* mutex.h: what glibc keeps in a mutex and we may read, while it is held or before blocking */
#ifndef LOCKPROF_MUTEX_H
#define LOCKPROF_MUTEX_H

#include <pthread.h>

#include "hold.h"

#define MUTEX(how) KIND_MODE(TRACE_KIND_MUTEX, TRACE_HOW_##how)

/* Does its owner hold it more than once? */
static inline bool mutex_relocked(const void *lock)
{
	return ((const pthread_mutex_t *)lock)->__data.__count > 1;
}

/* 2: waiters (also in the low bits with a priority ceiling); robust and PI use the kernel's bit. */
static inline bool mutex_has_waiters(const pthread_mutex_t *m)
{
	unsigned int word = (unsigned int)__atomic_load_n(&m->__data.__lock, __ATOMIC_RELAXED);

	return (word & 0x8000ffff) == 2 || word >> 31;
}

/* Bits of glibc's __kind. */
enum { MUTEX_ROBUST = 16, MUTEX_INHERIT = 32, MUTEX_PROTECT = 64, MUTEX_PSHARED = 128 };

/* TRACE_LOCK_* */
static inline uint32_t mutex_flags(const pthread_mutex_t *m)
{
	static const uint32_t type_flags[4] = {
		[PTHREAD_MUTEX_RECURSIVE] = TRACE_LOCK_RECURSIVE,
		[PTHREAD_MUTEX_ERRORCHECK] = TRACE_LOCK_ERRORCHECK,
		[PTHREAD_MUTEX_ADAPTIVE_NP] = TRACE_LOCK_ADAPTIVE,
	};
	int kind = m->__data.__kind;

	return type_flags[kind & 3] | (kind & MUTEX_ROBUST ? TRACE_LOCK_ROBUST : 0) |
	       (kind & MUTEX_INHERIT ? TRACE_LOCK_INHERIT : 0) |
	       (kind & MUTEX_PROTECT ? TRACE_LOCK_PROTECT : 0) |
	       (kind & MUTEX_PSHARED ? TRACE_LOCK_PSHARED : 0);
}

#endif
