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

#endif
