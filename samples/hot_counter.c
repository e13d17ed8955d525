/* SPDX-License-Identifier: MIT */
/*
 * hot_counter: every thread adds to one counter under one mutex.
 *
 * Each thread does nothing but lock counter_mu, add one, unlock. The section could not be shorter,
 * and still the program is slower with four threads than with one.
 *
 * What lockprof shows: counter_mu leads the table of locks, with exactly threads x increments
 * acquisitions (4,000,000 by default) and holds of some nanoseconds. Blame has no single culprit:
 * the adder-N threads are charged with each other's waits in about equal parts. Read it as "taken
 * too often", not "held too long": the cure is a counter per thread.
 *
 * usage: hot_counter [threads] [increments]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_THREADS 64

static pthread_mutex_t counter_mu = PTHREAD_MUTEX_INITIALIZER;
static long counter;
static long increments;

static void *add(void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "adder-%d", (int)(intptr_t)arg);
	pthread_setname_np(pthread_self(), name);
	for (long i = 0; i < increments; i++) {
		pthread_mutex_lock(&counter_mu);
		counter++;
		pthread_mutex_unlock(&counter_mu);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4;
	pthread_t thread[MAX_THREADS];

	increments = argc > 2 ? atol(argv[2]) : 1000000;
	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, add, (void *)(intptr_t)(i + 1)))
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("hot_counter: counted to %ld\n", counter);
	return counter == threads * increments ? 0 : 1;
}
