/* SPDX-License-Identifier: MIT */
/* semaphore_mutex: opposite orders of a mutex and of a semaphore that is used as a mutex. */
#include "scenario.h"

#include <semaphore.h>

static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static sem_t b_sem;

static void *take_a_then_b(void *unused)
{
	pthread_mutex_lock(&a_mu);
	sem_wait(&b_sem);
	sem_post(&b_sem);
	pthread_mutex_unlock(&a_mu);
	turn_end();
	return unused;
}

static void *take_b_then_a(void *unused)
{
	turn_await(1);
	sem_wait(&b_sem);
	pthread_mutex_lock(&a_mu);
	pthread_mutex_unlock(&a_mu);
	sem_post(&b_sem);
	return unused;
}

int main(void)
{
	pthread_t one, two;

	if (sem_init(&b_sem, 0, 1))
		return 1;
	one = start("one", take_a_then_b);
	two = start("two", take_b_then_a);
	finish(one);
	finish(two);
	return 0;
}
