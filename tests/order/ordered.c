/* SPDX-License-Identifier: MIT */
/*
 * ordered: opposite orders in two phases, and the second phase begins only when the first is over:
 * by a condition that the second thread slept on, a semaphore, or a barrier.
 *
 * usage: ordered cond|sem|barrier
 */
#include "scenario.h"

#include <semaphore.h>

static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t phase_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t phase_cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t phase_barrier;
static sem_t phase_sem;
static int is_over; /* guarded by phase_mu */
static char by;

static void phase_end(void)
{
	if (by == 's') {
		sem_post(&phase_sem);
	} else if (by == 'b') {
		pthread_barrier_wait(&phase_barrier);
	} else {
		turn_await(1); /* the waiter has the mutex, and gives it away by waiting only */
		pthread_mutex_lock(&phase_mu);
		is_over = 1;
		pthread_cond_signal(&phase_cond);
		pthread_mutex_unlock(&phase_mu);
	}
}

static void phase_await(void)
{
	if (by == 's') {
		sem_wait(&phase_sem);
	} else if (by == 'b') {
		pthread_barrier_wait(&phase_barrier);
	} else {
		pthread_mutex_lock(&phase_mu);
		turn_end();
		while (!is_over)
			pthread_cond_wait(&phase_cond, &phase_mu);
		pthread_mutex_unlock(&phase_mu);
	}
}

static void *take_a_then_b(void *unused)
{
	pthread_mutex_lock(&a_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&a_mu);
	phase_end();
	return unused;
}

static void *take_b_then_a(void *unused)
{
	phase_await();
	pthread_mutex_lock(&b_mu);
	pthread_mutex_lock(&a_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_unlock(&b_mu);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t one, two;

	by = argc > 1 ? argv[1][0] : 'c';
	if (sem_init(&phase_sem, 0, 0) || pthread_barrier_init(&phase_barrier, NULL, 2))
		return 1;
	one = start("one", take_a_then_b);
	two = start("two", take_b_then_a);
	finish(one);
	finish(two);
	return 0;
}
