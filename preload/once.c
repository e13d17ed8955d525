/* SPDX-License-Identifier: MIT */
/*
 * once.c: pthread_once and call_once
 *
 * A finished control word is forwarded at once. Else somebody runs the initialiser: when it is
 * this thread (the trampoline tells), nothing is recorded; when it is another, this one waited.
 */
#include <pthread.h>
#include <threads.h>

#include "attempt.h"

enum { ONCE_DONE = 2 };	/* glibc's __PTHREAD_ONCE_DONE */

INTERPOSE(pthread_once);
INTERPOSE(call_once);

/* The call in progress on this thread; calls nest when an initialiser needs another one. */
struct once {
	struct attempt attempt;
	void (*routine)(void);
	struct once *outer;
	bool ran;
};
static __thread struct once *once_now __attribute__((tls_model("initial-exec")));

static void once_run(void)
{
	struct once *once = once_now;

	once->ran = true;
	if (once->attempt.thread)
		once->attempt.thread->slot->wait_node = 0;
	once->routine();
}

/* Also runs when the initialiser is left by cancellation or an exception. */
static void once_left(struct once *once)
{
	once_now = once->outer;
	if (!once->attempt.thread)
		return;
	if (once->ran)
		attempt_dropped(&once->attempt);
	else
		attempt_waited(&once->attempt, TRACE_EV_ONCE, 0, 0);
}

static int once_call(pthread_once_t *control, void (*routine)(void), uintptr_t site)
{
	struct once once __attribute__((cleanup(once_left))) = {
		.routine = routine, .outer = once_now,
	};

	hooks_ready();
	once_now = &once;
	if (attempt_begin(&once.attempt, control, site,
			  KIND_MODE(TRACE_KIND_ONCE, TRACE_HOW_WAIT)))
		attempt_waits(&once.attempt, false);
	return real_pthread_once(control, once_run);
}

int pthread_once(pthread_once_t *control, void (*routine)(void))
{
	if (__atomic_load_n(control, __ATOMIC_ACQUIRE) == ONCE_DONE)
		return 0;
	return once_call(control, routine, CALLER());
}

void call_once(once_flag *flag, void (*routine)(void))
{
	if (__atomic_load_n((pthread_once_t *)flag, __ATOMIC_ACQUIRE) != ONCE_DONE)
		once_call((pthread_once_t *)flag, routine, CALLER());
}
