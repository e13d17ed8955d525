/* SPDX-License-Identifier: MIT */
/*
 * request_phases: a service that tells lockprof its phases, its requests, and a lock of its own.
 *
 * Phase "load": one thread fills a table of 2,000 rows, each slowly and under table_mu; a monitor
 * looks at the table meanwhile and waits. Phase "serve": four workers answer requests; each looks a
 * row up, under table_mu for a moment, and counts it under stats_spin, a spin lock that the program
 * makes itself. With --twice a request takes table_mu once more than it must; nobody waits for that.
 *
 * What lockprof shows: over the whole run table_mu has long holds and long waits. The table of phases
 * says that the long holds are of "load" alone. In "serve" a request takes table_mu once, and with
 * --twice exactly twice, in every run: what `lockprof check` can compare without any tolerance.
 *
 * usage: request_phases [--twice] [requests]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../preload/lockprof.h"

enum { WORKERS = 4, ROWS = 2000 };

static pthread_mutex_t table_mu = PTHREAD_MUTEX_INITIALIZER;
static int table[ROWS], rows;
static atomic_bool loaded;
static long requests = 40000;
static bool twice;

/* A spin lock, which lockprof sees because it tells. */
static struct spin {
	atomic_flag taken;
} stats_spin = { ATOMIC_FLAG_INIT };
static long answered;

static void spin_lock(struct spin *s)
{
	const void *caller = __builtin_return_address(0);

	if (atomic_flag_test_and_set_explicit(&s->taken, memory_order_acquire)) {
		lockprof_lock_wait(s, 0, caller);
		while (atomic_flag_test_and_set_explicit(&s->taken, memory_order_acquire))
			;
	}
	lockprof_lock_acquired(s, 0, caller);
}

static void spin_unlock(struct spin *s)
{
	lockprof_lock_release(s);
	atomic_flag_clear_explicit(&s->taken, memory_order_release);
}

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static void load_row(int row)
{
	pthread_mutex_lock(&table_mu);
	work(20000);
	table[row] = row * row;
	rows = row + 1;
	pthread_mutex_unlock(&table_mu);
	work(5000);
}

static int rows_so_far(void)
{
	int n;

	pthread_mutex_lock(&table_mu);
	n = rows;
	pthread_mutex_unlock(&table_mu);
	return n;
}

static void *monitor(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "monitor");
	while (!atomic_load(&loaded)) {
		rows_so_far();
		work(10000);
	}
	return NULL;
}

static int look_up(long request)
{
	int row;

	if (twice)
		rows_so_far();
	pthread_mutex_lock(&table_mu);
	row = table[request % ROWS];
	pthread_mutex_unlock(&table_mu);
	return row;
}

static void answer(long request)
{
	work(2000 + look_up(request) % 7);
	spin_lock(&stats_spin);
	answered++;
	spin_unlock(&stats_spin);
	lockprof_work(1);
}

static void *worker(void *arg)
{
	long first = (long)arg;
	char name[16];

	snprintf(name, sizeof(name), "worker-%ld", first);
	pthread_setname_np(pthread_self(), name);
	for (long i = first; i < requests; i += WORKERS)
		answer(i);
	return NULL;
}

static void load(void)
{
	pthread_t watcher;

	pthread_create(&watcher, NULL, monitor, NULL);
	for (int i = 0; i < ROWS; i++)
		load_row(i);
	atomic_store(&loaded, true);
	pthread_join(watcher, NULL);
}

static void serve(void)
{
	pthread_t workers[WORKERS];

	for (long i = 0; i < WORKERS; i++)
		pthread_create(&workers[i], NULL, worker, (void *)i);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--twice"))
			twice = true;
		else
			requests = atol(argv[i]);
	}
	lockprof_name(&stats_spin, "stats_spin");
	lockprof_phase("load");
	load();
	lockprof_phase("serve");
	serve();
	lockprof_phase(NULL);
	printf("request_phases: %ld requests answered over %d rows\n", answered, rows);
	return 0;
}
