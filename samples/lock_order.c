/* SPDX-License-Identifier: MIT */
/*
 * lock_order: a cache in front of a store, each with its lock, and two ways through them.
 *
 * Requests put a value into the cache and, when it is full, evict one into the store: cache_mu,
 * then store_mu. A flusher writes the store and drops what it has written from the cache: store_mu,
 * then cache_mu. In this run the flusher starts when the requests are done, and nothing happens.
 *
 * What lockprof shows: `order` says PREDICTED, with the schedule in which a request and the flusher
 * hold one lock each and wait for the other; that cache_mu before store_mu is the usual order, and
 * that flush_store() is the exception. `report` shows nothing: nobody waited.
 *
 * usage: lock_order [requests]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define CACHE_SLOTS 64

static pthread_mutex_t cache_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t store_mu = PTHREAD_MUTEX_INITIALIZER;
static long cached, stored, dropped; /* guarded by cache_mu, store_mu, cache_mu */
static atomic_int requests_done;     /* looked at, never waited for: nothing that orders the two */
static long requests;

static void cache_put(void)
{
	pthread_mutex_lock(&cache_mu);
	if (cached == CACHE_SLOTS) {
		pthread_mutex_lock(&store_mu);
		stored++;
		cached--;
		pthread_mutex_unlock(&store_mu);
	}
	cached++;
	pthread_mutex_unlock(&cache_mu);
}

static void flush_store(void)
{
	pthread_mutex_lock(&store_mu);
	pthread_mutex_lock(&cache_mu);
	dropped += stored;
	stored = 0;
	pthread_mutex_unlock(&cache_mu);
	pthread_mutex_unlock(&store_mu);
}

static void *serve(void *unused)
{
	pthread_setname_np(pthread_self(), "server");
	for (long i = 0; i < requests; i++)
		cache_put();
	atomic_store(&requests_done, 1);
	return unused;
}

static void *flush(void *unused)
{
	pthread_setname_np(pthread_self(), "flusher");
	while (!atomic_load(&requests_done))
		sched_yield();
	flush_store();
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t server, flusher;

	requests = argc > 1 ? atol(argv[1]) : 1000;
	if (pthread_create(&server, NULL, serve, NULL) ||
	    pthread_create(&flusher, NULL, flush, NULL))
		return 1;
	pthread_join(server, NULL);
	pthread_join(flusher, NULL);
	printf("lock_order: %ld requests, %ld flushed\n", requests, dropped);
	return cached + dropped == requests ? 0 : 1;
}
