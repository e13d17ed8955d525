/* SPDX-License-Identifier: MIT */
/*
 * class_order: a door before a window in one house, a window before a door in another one. No two
 * threads can block each other; but there is no order of doors and windows either.
 */
#include "scenario.h"

static pthread_mutex_t door_mu[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };
static pthread_mutex_t window_mu[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };

static void *close_front(void *unused)
{
	pthread_mutex_lock(&door_mu[0]);
	pthread_mutex_lock(&window_mu[0]);
	pthread_mutex_unlock(&window_mu[0]);
	pthread_mutex_unlock(&door_mu[0]);
	turn_end();
	return unused;
}

static void *close_back(void *unused)
{
	turn_await(1);
	pthread_mutex_lock(&window_mu[1]);
	pthread_mutex_lock(&door_mu[1]);
	pthread_mutex_unlock(&door_mu[1]);
	pthread_mutex_unlock(&window_mu[1]);
	return unused;
}

int main(void)
{
	pthread_t one = start("one", close_front), two = start("two", close_back);

	finish(one);
	finish(two);
	return 0;
}
