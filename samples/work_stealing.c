/* SPDX-License-Identifier: MIT */
/*
 * work_stealing: a deque per worker; who has nothing left steals from the others.
 *
 * All tasks start in the deque of worker-1, the worst case. The others try the locks
 * of their neighbours with pthread_mutex_trylock (a thief never waits), take half of what they
 * find, and go on with their own deque.
 *
 * What lockprof shows: the locks deque[0].mu to deque[N-1].mu as one class, deque[0].mu the
 * busiest of them. Waits are few, since only owners block; what the thieves cost is in the column
 * of failed tries. Compare with thread_pool, which does the same with one queue.
 *
 * usage: work_stealing [threads] [tasks]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_THREADS 16

static struct deque {
	pthread_mutex_t mu;
	long tasks;
} deque[MAX_THREADS] = { [0 ... MAX_THREADS - 1] = { .mu = PTHREAD_MUTEX_INITIALIZER } };

static atomic_long tasks_left;
static int nr_workers;

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static int take_own(struct deque *own)
{
	int found;

	pthread_mutex_lock(&own->mu);
	found = own->tasks > 0;
	own->tasks -= found;
	pthread_mutex_unlock(&own->mu);
	return found;
}

static long steal_half(struct deque *victim)
{
	long loot;

	if (pthread_mutex_trylock(&victim->mu))
		return 0;
	loot = (victim->tasks + 1) / 2;
	victim->tasks -= loot;
	pthread_mutex_unlock(&victim->mu);
	return loot;
}

static void refill(int self)
{
	for (int i = 1; i < nr_workers; i++) {
		long loot = steal_half(&deque[(self + i) % nr_workers]);

		if (!loot)
			continue;
		pthread_mutex_lock(&deque[self].mu);
		deque[self].tasks += loot;
		pthread_mutex_unlock(&deque[self].mu);
		return;
	}
	sched_yield();
}

static void *run_tasks(void *arg)
{
	int self = (int)(intptr_t)arg;
	intptr_t done = 0;
	char name[32];

	snprintf(name, sizeof(name), "worker-%d", self + 1);
	pthread_setname_np(pthread_self(), name);
	while (atomic_load(&tasks_left) > 0) {
		if (!take_own(&deque[self])) {
			refill(self);
			continue;
		}
		work(3000);
		done++;
		atomic_fetch_sub(&tasks_left, 1);
	}
	return (void *)done;
}

int main(int argc, char **argv)
{
	long tasks = argc > 2 ? atol(argv[2]) : 200000, done = 0;
	pthread_t thread[MAX_THREADS];

	nr_workers = argc > 1 ? atoi(argv[1]) : 4;
	if (nr_workers < 1 || nr_workers > MAX_THREADS)
		return 2;
	deque[0].tasks = tasks;
	atomic_store(&tasks_left, tasks);
	for (int i = 0; i < nr_workers; i++)
		if (pthread_create(&thread[i], NULL, run_tasks, (void *)(intptr_t)i))
			return 1;
	for (int i = 0; i < nr_workers; i++) {
		void *part;

		pthread_join(thread[i], &part);
		done += (intptr_t)part;
	}
	printf("work_stealing: %ld tasks done\n", done);
	return done == tasks ? 0 : 1;
}
