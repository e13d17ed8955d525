/* SPDX-License-Identifier: MIT */
/* init_phase: main takes the locks the other way round, but before there is any other thread. */
#include "scenario.h"

static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;

static void *take_a_then_b(void *unused)
{
	pthread_mutex_lock(&a_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&a_mu);
	return unused;
}

int main(void)
{
	pthread_mutex_lock(&b_mu);
	pthread_mutex_lock(&a_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_unlock(&b_mu);
	finish(start("one", take_a_then_b));
	return 0;
}
