/* SPDX-License-Identifier: MIT */
/*
 * many_threads: G generations of T threads, each of which takes locks and ends.
 *
 * A generation is joined before the next one starts, so at most T threads live at a time, whatever
 * the number that ever lived. Every thread takes its own mutex own_mu[t] and then the common
 * common_mu, `iterations` times each. The last thread of each generation is detached and leaves by
 * pthread_exit(); its end is awaited by a counter.
 *
 * usage: many_threads [generations] [threads] [iterations]
 * keys:  generations threads_started threads_at_once common_mu own_mu_each acquisitions
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_THREADS 4096

static pthread_mutex_t own_mu[MAX_THREADS] = {
	[0 ... MAX_THREADS - 1] = PTHREAD_MUTEX_INITIALIZER,
};
static pthread_mutex_t common_mu = PTHREAD_MUTEX_INITIALIZER;
static long own_taken[MAX_THREADS];
static long common_taken;
static atomic_long detached_done;
static long iterations;
static int threads;

static void take_locks(int self)
{
	for (long i = 0; i < iterations; i++) {
		pthread_mutex_lock(&own_mu[self]);
		own_taken[self]++;
		pthread_mutex_unlock(&own_mu[self]);
		pthread_mutex_lock(&common_mu);
		common_taken++;
		pthread_mutex_unlock(&common_mu);
	}
}

static void *run(void *arg)
{
	int self = (int)(intptr_t)arg;

	take_locks(self);
	if (self == threads - 1) {
		atomic_fetch_add(&detached_done, 1);
		pthread_exit(NULL);
	}
	return NULL;
}

static int run_generation(pthread_t *thread)
{
	long done = atomic_load(&detached_done);

	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, run, (void *)(intptr_t)i))
			return 1;
	pthread_detach(thread[threads - 1]);
	for (int i = 0; i < threads - 1; i++)
		pthread_join(thread[i], NULL);
	while (atomic_load(&detached_done) == done)
		sched_yield();
	return 0;
}

int main(int argc, char **argv)
{
	long generations = argc > 1 ? atol(argv[1]) : 20;
	static pthread_t thread[MAX_THREADS];
	long sum;

	threads = argc > 2 ? atoi(argv[2]) : 50;
	iterations = argc > 3 ? atol(argv[3]) : 10;
	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	for (long g = 0; g < generations; g++)
		if (run_generation(thread))
			return 1;
	sum = common_taken;
	for (int i = 0; i < threads; i++)
		sum += own_taken[i];
	printf("generations %ld\nthreads_started %ld\n", generations, generations * threads);
	printf("threads_at_once %d\ncommon_mu %ld\n", threads, common_taken);
	printf("own_mu_each %ld\nacquisitions %ld\n", own_taken[0], sum);
	return sum == 2 * generations * threads * iterations ? 0 : 1;
}
