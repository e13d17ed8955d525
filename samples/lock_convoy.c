/* SPDX-License-Identifier: MIT */
/*
 * lock_convoy: one slow holder in two hundred, and all the others line up behind it.
 *
 * Each request writes a line to a log under log_mu: a microsecond, nearly always. Every 200th time
 * the writer turns the log file over and sleeps for 2 ms with the lock held. By the time it
 * wakes, every other thread stands in the queue, and they leave it one by one.
 *
 * What lockprof shows: log_mu with a hold time that looks harmless at p50 and p90 (about a
 * microsecond) and a hold maximum three orders above; the same gap in its waits, and as many
 * waiters at once as there are other threads. Blame puts nearly all of the wait on rotate_log(),
 * a fraction of a per cent of the acquisitions. An average would have hidden it.
 *
 * usage: lock_convoy [threads] [requests per thread]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS  64
#define ROTATE_EVERY 200

static pthread_mutex_t log_mu = PTHREAD_MUTEX_INITIALIZER;
static long lines, rotations;
static long requests;

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static __attribute__((noinline)) void write_line(void)
{
	pthread_mutex_lock(&log_mu);
	work(500);
	lines++;
	pthread_mutex_unlock(&log_mu);
}

static __attribute__((noinline)) void rotate_log(void)
{
	pthread_mutex_lock(&log_mu);
	usleep(2000);
	lines++;
	rotations++;
	pthread_mutex_unlock(&log_mu);
}

static void *serve(void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "server-%d", (int)(intptr_t)arg);
	pthread_setname_np(pthread_self(), name);
	for (long i = 1; i <= requests; i++) {
		work(5000);
		if (i % ROTATE_EVERY)
			write_line();
		else
			rotate_log();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4;
	pthread_t thread[MAX_THREADS];

	requests = argc > 2 ? atol(argv[2]) : 10000;
	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, serve, (void *)(intptr_t)(i + 1)))
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("lock_convoy: %ld lines, %ld rotations\n", lines, rotations);
	return lines == threads * requests ? 0 : 1;
}
