/* SPDX-License-Identifier: MIT */
/*
 * told: a program that tells lockprof about itself: phases, work, names, when to record, and locks
 * that it makes itself
 *
 * usage: told [threads [pairs]]
 * keys:  pairs of each phase, work, and what was not to be recorded
 *
 * Each thread takes and releases `pairs` times table.mutex in phase "load", three times as often in
 * "serve", where each time is a unit of work, `pairs` times while recording is off, and `pairs` times
 * in "load" again. In "own locks" it takes a lock that it makes itself, first by all threads at once
 * and contended, then its reader's half, then nested in the mutex.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "preload/lockprof.h"

enum { READERS = 1 << 20 };

/* A spinning reader-writer lock: the writer's bit is READERS. */
struct gate {
	atomic_uint word;
};

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER, shard[4];
static pthread_barrier_t together;
static struct gate gate;
static unsigned long pairs;
static atomic_ulong waits;

static bool gate_try(struct gate *g, unsigned int want)
{
	unsigned int seen = atomic_load(&g->word);

	if (want == READERS ? seen : seen >= READERS)
		return false;
	return atomic_compare_exchange_strong(&g->word, &seen, seen + want);
}

static __attribute__((noinline)) void gate_lock(struct gate *g, unsigned int want)
{
	const void *site = __builtin_return_address(0);
	unsigned int how = want == READERS ? 0 : LOCKPROF_SHARED;

	if (!gate_try(g, want)) {
		lockprof_lock_wait(g, how, site);
		atomic_fetch_add(&waits, 1);
		while (!gate_try(g, want))
			sched_yield();
	}
	lockprof_lock_acquired(g, how, site);
}

static void gate_unlock(struct gate *g, unsigned int had)
{
	lockprof_lock_release(g);
	atomic_fetch_sub(&g->word, had);
}

/* All threads go on together, and the first of them begins a phase. */
static void phase(const char *name)
{
	if (pthread_barrier_wait(&together) == PTHREAD_BARRIER_SERIAL_THREAD)
		lockprof_phase(name);
	pthread_barrier_wait(&together);
}

static void take(unsigned long times, unsigned long work)
{
	while (times--) {
		pthread_mutex_lock(&mu);
		pthread_mutex_unlock(&mu);
		if (work)
			lockprof_work(work);
	}
}

static void own_locks(void)
{
	for (unsigned long i = 0; i < pairs; i++) {
		gate_lock(&gate, READERS);
		for (int spin = 0; spin < 50; spin++)
			__asm__ volatile("");
		gate_unlock(&gate, READERS);
		gate_lock(&gate, 1);
		gate_unlock(&gate, 1);
	}
	pthread_mutex_lock(&mu);
	gate_lock(&gate, 1);
	gate_unlock(&gate, 1);
	pthread_mutex_unlock(&mu);
}

static void *thread(void *arg)
{
	unsigned long number = (unsigned long)arg;

	phase("load");
	take(pairs, 0);
	phase("serve");
	take(3 * pairs, 1);
	phase("");
	pthread_mutex_lock(&shard[number % 4]);
	pthread_mutex_unlock(&shard[number % 4]);
	if (pthread_barrier_wait(&together) == PTHREAD_BARRIER_SERIAL_THREAD)
		lockprof_stop();
	pthread_barrier_wait(&together);
	take(pairs, 1);
	if (pthread_barrier_wait(&together) == PTHREAD_BARRIER_SERIAL_THREAD)
		lockprof_start();
	phase("load");
	take(pairs, 0);
	phase("own locks");
	own_locks();
	phase(NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long nr = argc > 1 ? strtoul(argv[1], NULL, 0) : 4;
	pthread_t *threads = calloc(nr, sizeof(*threads));

	pairs = argc > 2 ? strtoul(argv[2], NULL, 0) : 1000;
	pthread_barrier_init(&together, NULL, (unsigned int)nr);
	lockprof_name(&mu, "table.mutex");
	lockprof_name(&gate, "gate");
	for (int i = 0; i < 4; i++) {
		char name[16];

		pthread_mutex_init(&shard[i], NULL);
		snprintf(name, sizeof(name), "shard[%d]", i);
		lockprof_name(&shard[i], name);
	}
	for (unsigned long i = 0; i < nr; i++)
		pthread_create(&threads[i], NULL, thread, (void *)i);
	for (unsigned long i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	printf("threads %lu\npairs %lu\nload %lu\nserve %lu\nwork %lu\nunrecorded %lu\n", nr, pairs,
	       2 * nr * pairs, 3 * nr * pairs, 3 * nr * pairs, nr * pairs);
	printf("gate_exclusive %lu\ngate_shared %lu\ngate_waits %lu\n", nr * pairs,
	       nr * (pairs + 1), atomic_load(&waits));
	free(threads);
	return 0;
}
