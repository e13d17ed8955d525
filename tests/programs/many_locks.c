/* SPDX-License-Identifier: MIT */
/*
 * many_locks: mutexes that come and go, on addresses that are used again and again.
 *
 * N mutexes are allocated, initialised, locked M times each, destroyed and freed, at most `live` of
 * them at a time. With live = 1 an allocator hands out one address N times, and a tool that
 * takes an address for a lock sees one lock; with live = N all are different.
 * Every second mutex of a batch is initialised in make_odd(), the others in make_even(). With -s
 * the mutexes are initialised statically (by assignment) and never destroyed.
 *
 * usage: many_locks [-s] [locks] [times each] [live]
 * keys:  locks odd even times_each live acquisitions addresses
 * addresses is the number of different ones, when live is at most 4096 (else 0).
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_ADDRESSES 4096

static void *address[MAX_ADDRESSES];
static int nr_addresses;
static long acquisitions, odd, even;
static int by_assignment;

static void note_address(void *at)
{
	for (int i = 0; i < nr_addresses; i++)
		if (address[i] == at)
			return;
	if (nr_addresses < MAX_ADDRESSES)
		address[nr_addresses++] = at;
}

static __attribute__((noinline)) void make_odd(pthread_mutex_t *m)
{
	pthread_mutex_init(m, NULL);
	odd++;
}

static __attribute__((noinline)) void make_even(pthread_mutex_t *m)
{
	pthread_mutex_init(m, NULL);
	even++;
}

static pthread_mutex_t *make(long number)
{
	pthread_mutex_t *m = malloc(sizeof(*m));

	if (!m)
		exit(1);
	if (by_assignment)
		*m = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	else if (number % 2)
		make_odd(m);
	else
		make_even(m);
	return m;
}

static void use(pthread_mutex_t *m, long times)
{
	for (long i = 0; i < times; i++) {
		pthread_mutex_lock(m);
		acquisitions++;
		pthread_mutex_unlock(m);
	}
}

static void run_batch(pthread_mutex_t **batch, long size, long times, int count_addresses)
{
	for (long i = 0; i < size; i++) {
		batch[i] = make(i);
		if (count_addresses)
			note_address(batch[i]);
	}
	for (long i = 0; i < size; i++)
		use(batch[i], times);
	for (long i = 0; i < size; i++) {
		if (!by_assignment)
			pthread_mutex_destroy(batch[i]);
		free(batch[i]);
	}
}

int main(int argc, char **argv)
{
	long locks, times, live, made = 0;
	pthread_mutex_t **batch;

	by_assignment = getopt(argc, argv, "s") == 's';
	locks = argc > optind ? atol(argv[optind]) : 10000;
	times = argc > optind + 1 ? atol(argv[optind + 1]) : 5;
	live = argc > optind + 2 ? atol(argv[optind + 2]) : 100;
	if (live < 1)
		return 2;
	batch = calloc((size_t)live, sizeof(*batch));
	if (!batch)
		return 1;
	while (made < locks) {
		long size = locks - made < live ? locks - made : live;

		run_batch(batch, size, times, live <= MAX_ADDRESSES);
		made += size;
	}
	free(batch);
	printf("locks %ld\nodd %ld\neven %ld\ntimes_each %ld\nlive %ld\n", made, odd, even, times,
	       live);
	printf("acquisitions %ld\naddresses %d\n", acquisitions, nr_addresses);
	return acquisitions == locks * times ? 0 : 1;
}
