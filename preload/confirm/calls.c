/* SPDX-License-Identifier: MIT */
/*
 * calls.c: the calls that ask for a lock, wait, or release
 *
 * Each looks whether its caller stands at a place of the plan, and then leaves by a jump to the
 * function behind it (the Makefile sees to it that the compiler makes a jump of the last call). So
 * liblockprof.so, which stands behind, finds the application's own return address and stack, and
 * what the call returns, errno and cancellation are nobody's business here.
 */
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

#include "points.h"

#define MUTEX  KIND(MUTEX, 0)
#define WRITER KIND(RWLOCK, 0)
#define READER KIND(RWLOCK, TRACE_SHARED)
#define SPIN   KIND(SPIN, 0)
#define SEM    KIND(SEM, 0)
#define THREAD 0 /* no lock: the end of a thread */

INTERPOSE(pthread_mutex_lock);
INTERPOSE(pthread_mutex_trylock);
INTERPOSE(pthread_mutex_timedlock);
INTERPOSE(pthread_mutex_clocklock);
INTERPOSE(pthread_mutex_unlock);
INTERPOSE(mtx_lock);
INTERPOSE(mtx_trylock);
INTERPOSE(mtx_timedlock);
INTERPOSE(mtx_unlock);
INTERPOSE(pthread_rwlock_rdlock);
INTERPOSE(pthread_rwlock_tryrdlock);
INTERPOSE(pthread_rwlock_timedrdlock);
INTERPOSE(pthread_rwlock_clockrdlock);
INTERPOSE(pthread_rwlock_wrlock);
INTERPOSE(pthread_rwlock_trywrlock);
INTERPOSE(pthread_rwlock_timedwrlock);
INTERPOSE(pthread_rwlock_clockwrlock);
INTERPOSE(pthread_rwlock_unlock);
INTERPOSE(pthread_spin_lock);
INTERPOSE(pthread_spin_trylock);
INTERPOSE(pthread_spin_unlock);
INTERPOSE(sem_wait);
INTERPOSE(sem_trywait);
INTERPOSE(sem_timedwait);
INTERPOSE(sem_clockwait);
INTERPOSE(sem_post);
INTERPOSE_VERSION(pthread_cond_wait, COND_VERSION);
INTERPOSE_VERSION(pthread_cond_timedwait, COND_VERSION);
INTERPOSE(pthread_cond_clockwait);
INTERPOSE(cnd_wait);
INTERPOSE(cnd_timedwait);
INTERPOSE(pthread_join);
INTERPOSE(pthread_timedjoin_np);
INTERPOSE(pthread_clockjoin_np);
INTERPOSE(thrd_join);

/* --- mutexes --------------------------------------------------------------------------------- */

int pthread_mutex_lock(pthread_mutex_t *m)
{
	point_ask(m, CALLER(), MUTEX);
	return real_pthread_mutex_lock(m);
}

int pthread_mutex_trylock(pthread_mutex_t *m)
{
	point_ask(m, CALLER(), MUTEX);
	return real_pthread_mutex_trylock(m);
}

int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *until)
{
	point_ask(m, CALLER(), MUTEX);
	return real_pthread_mutex_timedlock(m, until);
}

int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *until)
{
	point_ask(m, CALLER(), MUTEX);
	return real_pthread_mutex_clocklock(m, clock, until);
}

int pthread_mutex_unlock(pthread_mutex_t *m)
{
	point_release(m, MUTEX);
	return real_pthread_mutex_unlock(m);
}

int mtx_lock(mtx_t *m)
{
	point_ask(m, CALLER(), MUTEX);
	return real_mtx_lock(m);
}

int mtx_trylock(mtx_t *m)
{
	point_ask(m, CALLER(), MUTEX);
	return real_mtx_trylock(m);
}

int mtx_timedlock(mtx_t *restrict m, const struct timespec *restrict until)
{
	point_ask(m, CALLER(), MUTEX);
	return real_mtx_timedlock(m, until);
}

int mtx_unlock(mtx_t *m)
{
	point_release(m, MUTEX);
	return real_mtx_unlock(m);
}

/* --- reader-writer locks --------------------------------------------------------------------- */

int pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	point_ask(l, CALLER(), READER);
	return real_pthread_rwlock_rdlock(l);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *l)
{
	point_ask(l, CALLER(), READER);
	return real_pthread_rwlock_tryrdlock(l);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *l, const struct timespec *until)
{
	point_ask(l, CALLER(), READER);
	return real_pthread_rwlock_timedrdlock(l, until);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t *l, clockid_t clock, const struct timespec *until)
{
	point_ask(l, CALLER(), READER);
	return real_pthread_rwlock_clockrdlock(l, clock, until);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	point_ask(l, CALLER(), WRITER);
	return real_pthread_rwlock_wrlock(l);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *l)
{
	point_ask(l, CALLER(), WRITER);
	return real_pthread_rwlock_trywrlock(l);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *l, const struct timespec *until)
{
	point_ask(l, CALLER(), WRITER);
	return real_pthread_rwlock_timedwrlock(l, until);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t *l, clockid_t clock, const struct timespec *until)
{
	point_ask(l, CALLER(), WRITER);
	return real_pthread_rwlock_clockwrlock(l, clock, until);
}

int pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	point_release(l, WRITER);
	return real_pthread_rwlock_unlock(l);
}

/* --- spin locks, semaphores ------------------------------------------------------------------ */

int pthread_spin_lock(pthread_spinlock_t *l)
{
	point_ask((const void *)l, CALLER(), SPIN);
	return real_pthread_spin_lock(l);
}

int pthread_spin_trylock(pthread_spinlock_t *l)
{
	point_ask((const void *)l, CALLER(), SPIN);
	return real_pthread_spin_trylock(l);
}

int pthread_spin_unlock(pthread_spinlock_t *l)
{
	point_release((const void *)l, SPIN);
	return real_pthread_spin_unlock(l);
}

int sem_wait(sem_t *s)
{
	point_ask(s, CALLER(), SEM);
	return real_sem_wait(s);
}

int sem_trywait(sem_t *s)
{
	point_ask(s, CALLER(), SEM);
	return real_sem_trywait(s);
}

int sem_timedwait(sem_t *restrict s, const struct timespec *restrict until)
{
	point_ask(s, CALLER(), SEM);
	return real_sem_timedwait(s, until);
}

int sem_clockwait(sem_t *restrict s, clockid_t clock, const struct timespec *restrict until)
{
	point_ask(s, CALLER(), SEM);
	return real_sem_clockwait(s, clock, until);
}

int sem_post(sem_t *s)
{
	point_release(s, SEM);
	return real_sem_post(s);
}

/* --- conditions ------------------------------------------------------------------------------ */

int pthread_cond_wait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m)
{
	point_wait(c, m, CALLER());
	return real_pthread_cond_wait(c, m);
}

int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
			   const struct timespec *restrict until)
{
	point_wait(c, m, CALLER());
	return real_pthread_cond_timedwait(c, m, until);
}

int pthread_cond_clockwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m, clockid_t clock,
			   const struct timespec *restrict until)
{
	point_wait(c, m, CALLER());
	return real_pthread_cond_clockwait(c, m, clock, until);
}

int cnd_wait(cnd_t *c, mtx_t *m)
{
	point_wait(c, m, CALLER());
	return real_cnd_wait(c, m);
}

int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict until)
{
	point_wait(c, m, CALLER());
	return real_cnd_timedwait(c, m, until);
}

/* --- joins ----------------------------------------------------------------------------------- */

int pthread_join(pthread_t handle, void **result)
{
	point_ask((const void *)handle, CALLER(), THREAD);
	return real_pthread_join(handle, result);
}

int pthread_timedjoin_np(pthread_t handle, void **result, const struct timespec *until)
{
	point_ask((const void *)handle, CALLER(), THREAD);
	return real_pthread_timedjoin_np(handle, result, until);
}

int pthread_clockjoin_np(pthread_t handle, void **result, clockid_t clock,
			 const struct timespec *until)
{
	point_ask((const void *)handle, CALLER(), THREAD);
	return real_pthread_clockjoin_np(handle, result, clock, until);
}

int thrd_join(thrd_t handle, int *result)
{
	point_ask((const void *)handle, CALLER(), THREAD);
	return real_thrd_join(handle, result);
}
