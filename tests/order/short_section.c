/* SPDX-License-Identifier: MIT */
/*
 * short_section: the first thread holds log_mu around both its locks, the second one only has a
 * short, empty section of it before its own two. In recorded order the second thread's section of
 * log_mu comes after the first thread let go of everything; let it come first, and the circle
 * closes.
 */
#include "scenario.h"

static pthread_mutex_t log_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;

static void *take_a_then_b(void *unused)
{
	pthread_mutex_lock(&log_mu);
	pthread_mutex_lock(&a_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_unlock(&log_mu);
	turn_end();
	return unused;
}

static void *take_b_then_a(void *unused)
{
	turn_await(1);
	pthread_mutex_lock(&log_mu);
	pthread_mutex_unlock(&log_mu);
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
