/* SPDX-License-Identifier: MIT */
/*
 * gate_in_the_middle: a third lock is held at both inner requests, but it is taken after the
 * outer ones: one thread waits for it while the other goes on to the request that closes the
 * circle. It looks like a gate and is none.
 */
#include "scenario.h"

static pthread_mutex_t middle_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;

static void *take_a_then_b(void *unused)
{
	pthread_mutex_lock(&a_mu);
	pthread_mutex_lock(&middle_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&middle_mu);
	pthread_mutex_unlock(&a_mu);
	turn_end();
	return unused;
}

static void *take_b_then_a(void *unused)
{
	turn_await(1);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_lock(&middle_mu);
	pthread_mutex_lock(&a_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_unlock(&middle_mu);
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
