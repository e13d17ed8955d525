/* SPDX-License-Identifier: MIT */
/* one_thread: both orders, by one thread. It cannot wait for itself: no deadlock. */
#include "scenario.h"

static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;

static void *take_both_ways(void *unused)
{
	pthread_mutex_lock(&a_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_lock(&a_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_unlock(&b_mu);
	return unused;
}

int main(void)
{
	finish(start("one", take_both_ways));
	return 0;
}
