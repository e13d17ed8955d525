/* SPDX-License-Identifier: MIT */
/*
 * fork_join: split a sum over threads, join them, do it again.
 *
 * Each round starts a thread per slice, and joins them in order. Slice 1 costs four times as much
 * as the others, so that each round is as long as its slowest slice. A thread adds its part to
 * the total once, under total_mu.
 *
 * What lockprof shows: in the table of locks, total_mu with exactly rounds x threads acquisitions
 * (200 by default) and next to no wait. In the table of joins, main waits nearly the whole run,
 * and almost all of it for slice-1: the imbalance is what costs, not the lock.
 *
 * usage: fork_join [threads] [rounds]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_THREADS 64

static pthread_mutex_t total_mu = PTHREAD_MUTEX_INITIALIZER;
static long total;

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static void *sum_slice(void *arg)
{
	int slice = (int)(intptr_t)arg;
	char name[32];

	snprintf(name, sizeof(name), "slice-%d", slice);
	pthread_setname_np(pthread_self(), name);
	work(slice == 1 ? 6000000 : 1500000);
	pthread_mutex_lock(&total_mu);
	total += slice;
	pthread_mutex_unlock(&total_mu);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4;
	int rounds = argc > 2 ? atoi(argv[2]) : 50;
	pthread_t thread[MAX_THREADS];

	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < threads; i++)
			if (pthread_create(&thread[i], NULL, sum_slice, (void *)(intptr_t)(i + 1)))
				return 1;
		for (int i = 0; i < threads; i++)
			pthread_join(thread[i], NULL);
	}
	printf("fork_join: %d rounds, total %ld\n", rounds, total);
	return total == (long)rounds * threads * (threads + 1) / 2 ? 0 : 1;
}
