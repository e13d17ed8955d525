/* SPDX-License-Identifier: MIT */
/*
 * barrier_phases: threads compute in step; one of them is always late.
 *
 * Every phase ends at the barrier phase_end. The thread called laggard computes three times as
 * long as each of the others.
 *
 * What lockprof shows: the table of barriers has phase_end with as many rounds as phases (20 by
 * default), laggard as the last to come in all of them (nearly all, on a busy machine), and the
 * time that the others spent waiting for it. No lock is involved, and the table of locks is
 * empty.
 *
 * usage: barrier_phases [threads] [phases]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_THREADS 64

static pthread_barrier_t phase_end;
static atomic_int serial;
static int phases;

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static void *compute(void *arg)
{
	int number = (int)(intptr_t)arg;
	char name[32];

	snprintf(name, sizeof(name), number ? "worker-%d" : "laggard", number);
	pthread_setname_np(pthread_self(), name);
	for (int i = 0; i < phases; i++) {
		work(number ? 4000000 : 12000000);
		if (pthread_barrier_wait(&phase_end) == PTHREAD_BARRIER_SERIAL_THREAD)
			atomic_fetch_add(&serial, 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4;
	pthread_t thread[MAX_THREADS];

	phases = argc > 2 ? atoi(argv[2]) : 20;
	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	pthread_barrier_init(&phase_end, NULL, (unsigned int)threads);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, compute, (void *)(intptr_t)i))
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&phase_end);
	printf("barrier_phases: %d phases\n", atomic_load(&serial));
	return atomic_load(&serial) == phases ? 0 : 1;
}
