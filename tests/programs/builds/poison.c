/* SPDX-License-Identifier: MIT */
/*
 * poison: another wrapper of the pthread functions, which takes a lock's memory away the moment
 * that the real call has let go of it
 *
 * Whoever unlocks a lock, posts, signals or arrives last may not look at it again: another thread
 * may have it by then, and free it. A recorder that does so is right almost always. So this
 * wrapper, preloaded behind it, does the worst at once: when a lock at the start of a page is let
 * go, and the page ends with POISON_MARK, it becomes inaccessible before the call returns. Others
 * are forwarded, whatever page their stack happens to put them on.
 *
 * Linked into a program, it makes one that has a wrapper of its own. poisoned.c is made for it.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/mman.h>

#include "poison.h"

/* Asked before the real call: afterwards the page may be somebody else's. */
static int is_marked(const volatile void *lock)
{
	return (uintptr_t)lock % PAGE == 0 &&
	       ((const volatile uint64_t *)lock)[PAGE / sizeof(uint64_t) - 1] == POISON_MARK;
}

#define POISON(fn, type)                                               \
	int fn(type *lock)                                             \
	{                                                              \
		static int (*real)(type *);                            \
		int marked = is_marked(lock), result;                  \
                                                                       \
		if (!real)                                             \
			real = (int (*)(type *))dlsym(RTLD_NEXT, #fn); \
		result = real(lock);                                   \
		if (marked)                                            \
			mprotect((void *)lock, PAGE, PROT_NONE);       \
		return result;                                         \
	}

POISON(pthread_mutex_unlock, pthread_mutex_t)
POISON(pthread_mutex_destroy, pthread_mutex_t)
POISON(pthread_rwlock_unlock, pthread_rwlock_t)
POISON(pthread_rwlock_destroy, pthread_rwlock_t)
POISON(pthread_spin_unlock, pthread_spinlock_t)
POISON(pthread_spin_destroy, pthread_spinlock_t)
POISON(pthread_cond_signal, pthread_cond_t)
POISON(pthread_cond_broadcast, pthread_cond_t)
POISON(pthread_cond_destroy, pthread_cond_t)
POISON(pthread_barrier_wait, pthread_barrier_t)
POISON(pthread_barrier_destroy, pthread_barrier_t)
POISON(sem_post, sem_t)
POISON(sem_destroy, sem_t)
