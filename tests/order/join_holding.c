/* SPDX-License-Identifier: MIT */
/*
 * join_holding: main waits for the worker's end with the list locked, and the worker takes that
 * lock. It had it before main did; next time it may come later, and wait for ever.
 */
#include "scenario.h"

static pthread_mutex_t list_mu = PTHREAD_MUTEX_INITIALIZER;

static void *append_to_list(void *unused)
{
	pthread_mutex_lock(&list_mu);
	pthread_mutex_unlock(&list_mu);
	turn_end();
	return unused;
}

static void stop_worker(pthread_t worker)
{
	turn_await(1);
	pthread_mutex_lock(&list_mu);
	finish(worker);
	pthread_mutex_unlock(&list_mu);
}

int main(void)
{
	stop_worker(start("worker", append_to_list));
	return 0;
}
