/* SPDX-License-Identifier: MIT */
/*
 * bounded_buffer: producers and consumers share a ring of 16 slots.
 *
 * The textbook form: one mutex, buffer_mu, and two condition variables, not_full and not_empty.
 * Two producers put items in, two consumers take them out and do some work on each.
 *
 * What lockprof shows: in the table of locks, buffer_mu with at least one acquisition per put and
 * per take (40,000 by default; each wake-up from a condition adds one). In the table of condition
 * waits, not_full: the consumers are the slow side, so the producers sleep there for most of the
 * run. That sleep is not contention and is not mixed into buffer_mu's wait; only the tail from the
 * signal to the return, when the woken thread needs buffer_mu back, says something about the lock.
 *
 * usage: bounded_buffer [pairs of threads] [items per producer]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_PAIRS 32
#define SLOTS	  16

static pthread_mutex_t buffer_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;
static long slot[SLOTS];
static int head, used;
static long items;

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static void put(long item)
{
	pthread_mutex_lock(&buffer_mu);
	while (used == SLOTS)
		pthread_cond_wait(&not_full, &buffer_mu);
	slot[(head + used++) % SLOTS] = item;
	pthread_cond_signal(&not_empty);
	pthread_mutex_unlock(&buffer_mu);
}

static long take(void)
{
	long item;

	pthread_mutex_lock(&buffer_mu);
	while (used == 0)
		pthread_cond_wait(&not_empty, &buffer_mu);
	item = slot[head];
	head = (head + 1) % SLOTS;
	used--;
	pthread_cond_signal(&not_full);
	pthread_mutex_unlock(&buffer_mu);
	return item;
}

static void *produce(void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "producer-%d", (int)(intptr_t)arg);
	pthread_setname_np(pthread_self(), name);
	for (long i = 1; i <= items; i++)
		put(i);
	return NULL;
}

static void *consume(void *arg)
{
	char name[32];
	intptr_t sum = 0;

	snprintf(name, sizeof(name), "consumer-%d", (int)(intptr_t)arg);
	pthread_setname_np(pthread_self(), name);
	for (long i = 0; i < items; i++) {
		sum += take();
		work(30000);
	}
	return (void *)sum;
}

int main(int argc, char **argv)
{
	int pairs = argc > 1 ? atoi(argv[1]) : 2;
	pthread_t producer[MAX_PAIRS], consumer[MAX_PAIRS];
	long sum = 0;

	items = argc > 2 ? atol(argv[2]) : 10000;
	if (pairs < 1 || pairs > MAX_PAIRS)
		return 2;
	for (int i = 0; i < pairs; i++)
		if (pthread_create(&producer[i], NULL, produce, (void *)(intptr_t)(i + 1)) ||
		    pthread_create(&consumer[i], NULL, consume, (void *)(intptr_t)(i + 1)))
			return 1;
	for (int i = 0; i < pairs; i++) {
		void *part;

		pthread_join(producer[i], NULL);
		pthread_join(consumer[i], &part);
		sum += (intptr_t)part;
	}
	printf("bounded_buffer: %ld items, sum %ld\n", pairs * items, sum);
	return sum == pairs * (items * (items + 1) / 2) ? 0 : 1;
}
