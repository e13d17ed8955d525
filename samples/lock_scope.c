/* SPDX-License-Identifier: MIT */
/*
 * lock_scope: the same work twice, in a critical section that is too large and in a minimal one.
 *
 * A thread parses an item (about 5 microseconds, its own business) and adds the result to a
 * shared sum. The first half of the program does both under large_mu. The second half parses
 * without a lock and takes small_mu for the addition only.
 *
 * What lockprof shows: two locks with the same number of acquisitions (threads x items, 80,000
 * by default) and the same threads. large_mu leads the table: hold p50 of microseconds, threads
 * waiting for most of their time, blame on add_parsed_inside(). small_mu is held for nanoseconds
 * and hardly waits. The printed times say what that is worth on this machine.
 *
 * usage: lock_scope [threads] [items per thread]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_THREADS 64

static pthread_mutex_t large_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t small_mu = PTHREAD_MUTEX_INITIALIZER;
static long large_sum, small_sum;
static long items;

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static long parse(long item)
{
	work(5000);
	return item;
}

static __attribute__((noinline)) void add_parsed_inside(long item)
{
	pthread_mutex_lock(&large_mu);
	large_sum += parse(item);
	pthread_mutex_unlock(&large_mu);
}

static __attribute__((noinline)) void add_parsed_before(long item)
{
	long parsed = parse(item);

	pthread_mutex_lock(&small_mu);
	small_sum += parsed;
	pthread_mutex_unlock(&small_mu);
}

static void *run_large(void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "large-%d", (int)(intptr_t)arg);
	pthread_setname_np(pthread_self(), name);
	for (long i = 1; i <= items; i++)
		add_parsed_inside(i);
	return NULL;
}

static void *run_small(void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "small-%d", (int)(intptr_t)arg);
	pthread_setname_np(pthread_self(), name);
	for (long i = 1; i <= items; i++)
		add_parsed_before(i);
	return NULL;
}

static double run_ms(int threads, void *(*body)(void *))
{
	pthread_t thread[MAX_THREADS];
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, body, (void *)(intptr_t)(i + 1)))
			exit(1);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4;
	double large_ms, small_ms;

	items = argc > 2 ? atol(argv[2]) : 20000;
	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	large_ms = run_ms(threads, run_large);
	small_ms = run_ms(threads, run_small);
	printf("lock_scope: large %.0f ms, minimal %.0f ms\n", large_ms, small_ms);
	return large_sum == small_sum ? 0 : 1;
}
