/* SPDX-License-Identifier: MIT */
/*
 * process_shared: opposite orders of two locks that other processes may use as well. What those do
 * is in other traces, so nothing is proved.
 */
#include "scenario.h"

#include <sys/mman.h>

struct shared {
	pthread_mutex_t a_mu, b_mu;
};

static struct shared *shared;

static void *take_a_then_b(void *unused)
{
	pthread_mutex_lock(&shared->a_mu);
	pthread_mutex_lock(&shared->b_mu);
	pthread_mutex_unlock(&shared->b_mu);
	pthread_mutex_unlock(&shared->a_mu);
	turn_end();
	return unused;
}

static void *take_b_then_a(void *unused)
{
	turn_await(1);
	pthread_mutex_lock(&shared->b_mu);
	pthread_mutex_lock(&shared->a_mu);
	pthread_mutex_unlock(&shared->a_mu);
	pthread_mutex_unlock(&shared->b_mu);
	return unused;
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_t one, two;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&shared->a_mu, &attr);
	pthread_mutex_init(&shared->b_mu, &attr);
	one = start("one", take_a_then_b);
	two = start("two", take_b_then_a);
	finish(one);
	finish(two);
	return 0;
}
