/* SPDX-License-Identifier: MIT */
/*
 * sections: a program whose critical sections are known, for measuring the gate (check.sh).
 *
 * Threads do a fixed number of turns. A turn takes three locks, one after the other, and works
 * between them. All work is counted in steps, not in time, as a program's is: a thread that is
 *taken off the processor within a section holds its lock longer.
 *
 *	cache_mu	400 steps held, times `percent` of the command line
 *	queue_mu	200 steps
 *	log_mu		800 steps; "removed" leaves it out
 *	extra_mu	400 steps; only with "added"
 *
 * usage: sections THREADS TURNS PERCENT [added|removed]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 64
#define OUTSIDE	    3000 /* steps of a turn without a lock */

static pthread_mutex_t cache_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t queue_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t log_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t extra_mu = PTHREAD_MUTEX_INITIALIZER;

static int turns, percent;
static bool added, removed;

/* Each step needs the one before, so that no compiler and no processor makes it shorter. */
static void work(int steps)
{
	unsigned int x = 1;

	for (int i = 0; i < steps; i++) {
		x = x * 1664525u + 1013904223u;
		__asm__ volatile("" : "+r"(x));
	}
}

static void __attribute__((noinline)) lookup(int steps)
{
	pthread_mutex_lock(&cache_mu);
	work(steps);
	pthread_mutex_unlock(&cache_mu);
}

static void __attribute__((noinline)) enqueue(void)
{
	pthread_mutex_lock(&queue_mu);
	work(200);
	pthread_mutex_unlock(&queue_mu);
}

static void __attribute__((noinline)) write_log(void)
{
	pthread_mutex_lock(&log_mu);
	work(800);
	pthread_mutex_unlock(&log_mu);
}

static void __attribute__((noinline)) more(void)
{
	pthread_mutex_lock(&extra_mu);
	work(400);
	pthread_mutex_unlock(&extra_mu);
}

static void *serve(void *arg)
{
	(void)arg;
	for (int i = 0; i < turns; i++) {
		lookup(400 * percent / 100);
		work(OUTSIDE / 2);
		enqueue();
		work(OUTSIDE / 2);
		if (!removed)
			write_log();
		if (added)
			more();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 2;
	pthread_t thread[MAX_THREADS];

	turns = argc > 2 ? atoi(argv[2]) : 10000;
	percent = argc > 3 ? atoi(argv[3]) : 100;
	added = argc > 4 && strcmp(argv[4], "added") == 0;
	removed = argc > 4 && strcmp(argv[4], "removed") == 0;
	if (threads < 1 || threads > MAX_THREADS || turns < 1 || percent < 1)
		return 2;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, serve, NULL))
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
