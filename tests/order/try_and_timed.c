/* SPDX-License-Identifier: MIT */
/*
 * try_and_timed: opposite orders where not every request waits for good.
 *
 * usage: try_and_timed back-off|outer|timed
 *	back-off	both try for the inner lock, and let go of the outer one when it is taken
 *	outer		the outer lock is had by trylock: it is held all the same
 *	timed		one inner request has a deadline: a stall that ends
 */
#include "scenario.h"

#include <time.h>

static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;
static char how;

static int take_inner(pthread_mutex_t *mutex)
{
	struct timespec soon;

	if (how == 'b')
		return pthread_mutex_trylock(mutex);
	if (how == 'o')
		return pthread_mutex_lock(mutex);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_sec += 60;
	return pthread_mutex_timedlock(mutex, &soon);
}

static void *take_a_then_b(void *unused)
{
	if (how == 'o')
		pthread_mutex_trylock(&a_mu);
	else
		pthread_mutex_lock(&a_mu);
	if (!take_inner(&b_mu))
		pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&a_mu);
	turn_end();
	return unused;
}

static void *take_b_then_a(void *unused)
{
	turn_await(1);
	pthread_mutex_lock(&b_mu);
	if (how != 'b')
		pthread_mutex_lock(&a_mu);
	else
		pthread_mutex_trylock(&a_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_unlock(&b_mu);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t one, two;

	how = argc > 1 ? argv[1][0] : 'b';
	one = start("one", take_a_then_b);
	two = start("two", take_b_then_a);
	finish(one);
	finish(two);
	return 0;
}
