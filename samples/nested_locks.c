/* SPDX-License-Identifier: MIT */
/*
 * nested_locks: who waits for an inner lock makes others wait for the outer one.
 *
 * Finders lock table_mu, then the lock of a row under it, row[0].mu to row[3].mu, and release both.
 * An updater never touches table_mu, but keeps row[0].mu for 2 ms at a time. A finder that wants
 * row 0 then waits with table_mu held, and all other finders wait behind it, whatever row they
 * want.
 *
 * What lockprof shows: table_mu waits the longest, and blame for it names finder-N in find(). That
 * is only half the truth: the hold times of table_mu contain the waits for row[0].mu. The second
 * sentence of the report, about the class row[].mu, names its holder: updater in update_row().
 *
 * usage: nested_locks [finders] [finds per finder]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 64
#define ROWS	    4
#define UPDATES	    100

static pthread_mutex_t table_mu = PTHREAD_MUTEX_INITIALIZER;
static struct row {
	pthread_mutex_t mu;
	long found;
	long updated;
} row[ROWS] = { [0 ... ROWS - 1] = { .mu = PTHREAD_MUTEX_INITIALIZER } };
static long finds;

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static __attribute__((noinline)) void find(int which)
{
	pthread_mutex_lock(&table_mu);
	pthread_mutex_lock(&row[which].mu);
	row[which].found++;
	pthread_mutex_unlock(&row[which].mu);
	pthread_mutex_unlock(&table_mu);
}

static __attribute__((noinline)) void update_row(int which)
{
	pthread_mutex_lock(&row[which].mu);
	row[which].updated++;
	usleep(2000);
	pthread_mutex_unlock(&row[which].mu);
}

static void *finder(void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "finder-%d", (int)(intptr_t)arg);
	pthread_setname_np(pthread_self(), name);
	for (long i = 0; i < finds; i++) {
		find((int)(i % ROWS));
		work(20000);
	}
	return NULL;
}

static void *updater(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "updater");
	for (int i = 0; i < UPDATES; i++) {
		update_row(0);
		usleep(2000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int finders = argc > 1 ? atoi(argv[1]) : 3;
	pthread_t thread[MAX_THREADS], updating;
	long found = 0;

	finds = argc > 2 ? atol(argv[2]) : 6000;
	if (finders < 1 || finders > MAX_THREADS)
		return 2;
	if (pthread_create(&updating, NULL, updater, NULL))
		return 1;
	for (int i = 0; i < finders; i++)
		if (pthread_create(&thread[i], NULL, finder, (void *)(intptr_t)(i + 1)))
			return 1;
	for (int i = 0; i < finders; i++)
		pthread_join(thread[i], NULL);
	pthread_join(updating, NULL);
	for (int i = 0; i < ROWS; i++)
		found += row[i].found;
	printf("nested_locks: %ld finds, %ld updates\n", found, row[0].updated);
	return found == finders * finds ? 0 : 1;
}
