/* SPDX-License-Identifier: MIT */
/*
 * told: what the calls of lockprof.h cost, and a lock and unlock while recording is off
 *
 *	told WHAT CALLS [THREADS]
 *
 * WHAT is work, own (acquired and release of a lock of the program's own), phase (a change), pair
 * (lock and unlock of a mutex), stopped (the same while recording is off) or nothing (the loop).
 * THREADS others wait meanwhile, each known to the recorder. Prints nanoseconds per call: the
 * lowest decile of chunks, since what else runs on the machine only adds.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "preload/lockprof.h"

enum { CHUNKS = 100, STACK_BYTES = 1 << 16 };

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t begun;
static volatile int word;

static void work(long calls)
{
	while (calls--)
		lockprof_work(1);
}

static void own(long calls)
{
	while (calls--) {
		lockprof_lock_acquired(&word, 0, NULL);
		lockprof_lock_release(&word);
	}
}

static void phase(long calls)
{
	while (calls--)
		lockprof_phase(calls & 1 ? "one" : "other");
}

static void pair(long calls)
{
	while (calls--) {
		pthread_mutex_lock(&mu);
		pthread_mutex_unlock(&mu);
	}
}

static void stopped(long calls)
{
	lockprof_stop();
	pair(calls);
	lockprof_start();
}

static void nothing(long calls)
{
	while (calls--)
		__asm__ volatile("" ::: "memory");
}

static const struct {
	const char *name;
	void (*run)(long calls);
} kinds[] = {
	{ "work", work }, { "own", own },	  { "phase", phase },
	{ "pair", pair }, { "stopped", stopped }, { "nothing", nothing },
};

static void *other(void *unused)
{
	pthread_barrier_wait(&begun);
	for (;;)
		pause();
	return unused;
}

static void others(unsigned int threads)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_BYTES);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	pthread_barrier_init(&begun, NULL, threads + 1);
	for (unsigned int i = 0; i < threads; i++)
		if (pthread_create(&thread, &small, other, NULL))
			exit(1);
	pthread_barrier_wait(&begun);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	long calls = argc > 2 ? atol(argv[2]) : 1000000;
	double ns[CHUNKS];

	others(argc > 3 ? (unsigned int)atoi(argv[3]) : 1);
	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(argv[1], kinds[i].name))
			continue;
		for (int chunk = 0; chunk < CHUNKS; chunk++) {
			double began = now_ns();

			kinds[i].run(calls / CHUNKS);
			ns[chunk] = (now_ns() - began) / (double)(calls / CHUNKS);
		}
		qsort(ns, CHUNKS, sizeof(*ns), by_size);
		printf("%.1f\n", ns[CHUNKS / 10]);
		exit(0);
	}
	return 2;
}
