/* SPDX-License-Identifier: MIT */
/*
 * abba: two threads take two locks in opposite order, the second one long after the first. Nothing
 * keeps them apart but the turns: in another run both hold one and want the other.
 */
#include "scenario.h"

static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;

static void *take_a_then_b(void *unused)
{
	pthread_mutex_lock(&a_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&a_mu);
	turn_end();
	return unused;
}

static void *take_b_then_a(void *unused)
{
	turn_await(1);
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
