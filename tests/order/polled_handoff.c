/* SPDX-License-Identifier: MIT */
/*
 * polled_handoff: the second thread begins when it finds a flag set, which it looks for under a
 * lock. The program is right: the flag orders the two. But a recorder of locks sees no flag, only
 * that a section of queue_mu came after another one.
 */
#include "scenario.h"

static pthread_mutex_t queue_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;
static int is_queued; /* guarded by queue_mu */

static void *take_a_then_b(void *unused)
{
	pthread_mutex_lock(&a_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_lock(&queue_mu);
	is_queued = 1;
	pthread_mutex_unlock(&queue_mu);
	return unused;
}

static int poll_queue(void)
{
	int found;

	pthread_mutex_lock(&queue_mu);
	found = is_queued;
	pthread_mutex_unlock(&queue_mu);
	return found;
}

static void *take_b_then_a(void *unused)
{
	while (!poll_queue())
		sched_yield();
	pthread_mutex_lock(&b_mu);
	pthread_mutex_lock(&a_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_unlock(&b_mu);
	return unused;
}

int main(void)
{
	pthread_t one = start("one", take_a_then_b), two = start("two", take_b_then_a);

	finish(one);
	finish(two);
	return 0;
}
