/* SPDX-License-Identifier: MIT */
/*
 * cond.c: pthread_cond_* and C11 cnd_*
 *
 * A wait ends the mutex's hold at its entry and starts a new one at its return, also when it is
 * left by cancellation: glibc takes the mutex again before it unwinds through our frame, and the
 * application's cleanup handlers will release it. The time in between is waiting for a condition
 * and no contention; how much of it came after the signal is split off by the analyzer.
 */
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include "attempt.h"
#include "c11.h"
#include "mutex.h"

#define COND(how) KIND_MODE(TRACE_KIND_COND, TRACE_HOW_##how)

INTERPOSE_VERSION(pthread_cond_init, COND_VERSION);
INTERPOSE_VERSION(pthread_cond_destroy, COND_VERSION);
INTERPOSE_VERSION(pthread_cond_wait, COND_VERSION);
INTERPOSE_VERSION(pthread_cond_timedwait, COND_VERSION);
INTERPOSE(pthread_cond_clockwait);
INTERPOSE_VERSION(pthread_cond_signal, COND_VERSION);
INTERPOSE_VERSION(pthread_cond_broadcast, COND_VERSION);
INTERPOSE(cnd_init);
INTERPOSE(cnd_destroy);
INTERPOSE(cnd_wait);
INTERPOSE(cnd_timedwait);
INTERPOSE(cnd_signal);
INTERPOSE(cnd_broadcast);

struct cond_wait {
	struct attempt wait;
	pthread_mutex_t *mutex;
	uintptr_t site;
	uint32_t mutex_node;	/* of the hold that the wait interrupts; 0: none was seen */
	int err;
};

static int cond_block(pthread_cond_t *c, pthread_mutex_t *m, struct deadline deadline, bool clocked)
{
	if (!deadline.until)
		return real_pthread_cond_wait(c, m);
	if (!clocked)
		return real_pthread_cond_timedwait(c, m, deadline.until);
	return real_pthread_cond_clockwait(c, m, deadline.clock, deadline.until);
}

/* The mutex is about to be released by the wait. */
static void cond_release_mutex(struct cond_wait *w)
{
	struct thread *t = thread_enter();
	struct trace_held *h;
	uint32_t stack;

	if (!t)
		return;
	h = hold_find(t, w->mutex);
	if (h) {
		w->mutex_node = h->node;
		stack = hold_stack(t, h, mutex_has_waiters(w->mutex));
		hold_end(t, h, clock_ticks(), TRACE_ACQ_COND, stack);
	}
	thread_leave(t);
}

/* Runs when the wait is left, by return or by cancellation: the mutex is held again. */
static void cond_returned(struct cond_wait *w)
{
	struct attempt again;

	if (!w->wait.thread)
		return;
	attempt_waited(&w->wait, TRACE_EV_COND_WAIT, (uint64_t)w->err,
		       w->mutex_node == TRACE_NODE_OFF ? 0 : w->mutex_node);
	if (!w->mutex_node && w->err && w->err != ETIMEDOUT)
		return;
	if (attempt_begin(&again, w->mutex, w->site, MUTEX(REACQUIRE)))
		attempt_acquired(&again, w->err == EOWNERDEAD ? TRACE_HELD_OWNERDEAD : 0);
}

static int cond_wait(pthread_cond_t *c, pthread_mutex_t *m, uintptr_t site, uint32_t kind_mode,
		     struct deadline deadline, bool clocked)
{
	struct cond_wait w __attribute__((cleanup(cond_returned))) = {
		.mutex = m, .site = site, .err = ECANCELED,
	};

	hooks_ready();
	cond_release_mutex(&w);
	if (!attempt_begin(&w.wait, c, site, kind_mode))
		return cond_block(c, m, deadline, clocked);
	attempt_waits(&w.wait, deadline.until != NULL);
	w.err = cond_block(c, m, deadline, clocked);
	return w.err;
}

int pthread_cond_wait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m)
{
	return cond_wait(c, m, CALLER(), COND(WAIT), NO_DEADLINE, false);
}

int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
			   const struct timespec *restrict until)
{
	return cond_wait(c, m, CALLER(), COND(WAIT), (struct deadline){ 0, until }, false);
}

int pthread_cond_clockwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
			   clockid_t clock, const struct timespec *restrict until)
{
	return cond_wait(c, m, CALLER(), COND(WAIT), (struct deadline){ clock, until }, true);
}

int cnd_wait(cnd_t *c, mtx_t *m)
{
	return c11_error(cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m, CALLER(), COND(WAIT),
				   NO_DEADLINE, false));
}

int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict until)
{
	return c11_error(cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m, CALLER(), COND(WAIT),
				   (struct deadline){ 0, until }, false));
}

/* Notes a wake-up with the number of threads that were waiting when it was given. */
static int cond_wake(pthread_cond_t *c, uintptr_t site, uint64_t broadcast)
{
	struct thread *t = thread_enter();
	uint64_t value[2] = { __atomic_load_n(&c->__data.__wrefs, __ATOMIC_RELAXED) >> 3,
			      broadcast };
	uint64_t now;
	int err;

	if (!t)
		return broadcast ? real_pthread_cond_broadcast(c) : real_pthread_cond_signal(c);
	now = clock_ticks();
	err = broadcast ? real_pthread_cond_broadcast(c) : real_pthread_cond_signal(c);
	note_event(t, TRACE_EV_SIGNAL, c, site, COND(WAKE), now, value);
	thread_leave(t);
	return err;
}

int pthread_cond_signal(pthread_cond_t *c)
{
	return cond_wake(c, CALLER(), 0);
}

int pthread_cond_broadcast(pthread_cond_t *c)
{
	return cond_wake(c, CALLER(), 1);
}

int cnd_signal(cnd_t *c)
{
	return c11_error(cond_wake((pthread_cond_t *)c, CALLER(), 0));
}

int cnd_broadcast(cnd_t *c)
{
	return c11_error(cond_wake((pthread_cond_t *)c, CALLER(), 1));
}

static void cond_born(const pthread_cond_t *c)
{
	note_born(c, TRACE_KIND_COND, c->__data.__wrefs & 1 ? TRACE_LOCK_PSHARED : 0, 0);
}

int pthread_cond_init(pthread_cond_t *restrict c, const pthread_condattr_t *restrict attr)
{
	int err;

	hooks_ready();
	err = real_pthread_cond_init(c, attr);
	if (!err)
		cond_born(c);
	return err;
}

int pthread_cond_destroy(pthread_cond_t *c)
{
	int err;

	hooks_ready();
	err = real_pthread_cond_destroy(c);
	if (!err)
		note_dies(c, TRACE_KIND_COND);
	return err;
}

int cnd_init(cnd_t *c)
{
	int result;

	hooks_ready();
	result = real_cnd_init(c);
	if (result == thrd_success)
		cond_born((pthread_cond_t *)c);
	return result;
}

void cnd_destroy(cnd_t *c)
{
	hooks_ready();
	real_cnd_destroy(c);
	note_dies(c, TRACE_KIND_COND);
}
