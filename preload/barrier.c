/* SPDX-License-Identifier: MIT */
/* barrier.c: pthread_barrier_*: who arrived when; the analyzer tells who was last */
#include <pthread.h>

#include "attempt.h"

INTERPOSE(pthread_barrier_init);
INTERPOSE(pthread_barrier_destroy);
INTERPOSE(pthread_barrier_wait);

int pthread_barrier_init(pthread_barrier_t *restrict b, const pthread_barrierattr_t *restrict attr,
			 unsigned int count)
{
	int err;

	hooks_ready();
	err = real_pthread_barrier_init(b, attr, count);
	if (!err)
		note_born(b, TRACE_KIND_BARRIER, 0, count);
	return err;
}

int pthread_barrier_destroy(pthread_barrier_t *b)
{
	int err;

	hooks_ready();
	err = real_pthread_barrier_destroy(b);
	if (!err)
		note_dies(b, TRACE_KIND_BARRIER);
	return err;
}

int pthread_barrier_wait(pthread_barrier_t *b)
{
	struct attempt a;
	int err;

	if (!attempt_begin(&a, b, CALLER(), KIND_MODE(TRACE_KIND_BARRIER, TRACE_HOW_WAIT)))
		return real_pthread_barrier_wait(b);
	attempt_waits(&a, false);
	err = real_pthread_barrier_wait(b);
	attempt_waited(&a, TRACE_EV_BARRIER, err == PTHREAD_BARRIER_SERIAL_THREAD, 0);
	return err;
}
