/* SPDX-License-Identifier: MIT */
/*
 * dropped_outer: a before b, b before c, c before a; but a is let go before c is asked for. The
 * orders make a circle, the threads cannot: the first never holds what the second wants while it
 * wants what the second holds.
 */
#include "scenario.h"

static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t c_mu = PTHREAD_MUTEX_INITIALIZER;

static void *take_b_then_c(void *unused)
{
	pthread_mutex_lock(&a_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_lock(&c_mu);
	pthread_mutex_unlock(&c_mu);
	pthread_mutex_unlock(&b_mu);
	turn_end();
	return unused;
}

static void *take_c_then_a(void *unused)
{
	turn_await(1);
	pthread_mutex_lock(&c_mu);
	pthread_mutex_lock(&a_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_unlock(&c_mu);
	return unused;
}

int main(void)
{
	pthread_t one = start("one", take_b_then_c), two = start("two", take_c_then_a);

	finish(one);
	finish(two);
	return 0;
}
