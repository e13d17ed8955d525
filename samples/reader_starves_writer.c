/* SPDX-License-Identifier: MIT */
/*
 * reader_starves_writer: overlapping readers keep a writer out for as long as they go on.
 *
 * A reader-writer lock of the default kind lets a new reader in whenever another reader is still
 * inside. Four readers hold table_lock for 4 ms at a time and come back at once; the writer wants
 * it a single time, a little after the start. With --fair the lock is of the kind that prefers
 * writers, and the writer comes in after one read section.
 *
 * What lockprof shows: in the table of locks, table_lock with its read and write counters apart:
 * some 400 reads that never waited against one write that waited for nearly the whole run. Blame
 * names the reader-N threads in read_table(), each for its part. With --fair the write waits for
 * some milliseconds and the readers begin to wait too.
 *
 * usage: reader_starves_writer [--fair] [readers] [reads per reader]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64

static pthread_rwlock_t table_lock;
static long reads;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void read_table(void)
{
	pthread_rwlock_rdlock(&table_lock);
	usleep(4000);
	pthread_rwlock_unlock(&table_lock);
}

static void *reader(void *arg)
{
	int number = (int)(intptr_t)arg;
	char name[32];

	snprintf(name, sizeof(name), "reader-%d", number);
	pthread_setname_np(pthread_self(), name);
	usleep((useconds_t)number * 1000);
	for (long i = 0; i < reads; i++)
		read_table();
	return NULL;
}

static void *writer(void *waited_ms)
{
	double start_ms;

	pthread_setname_np(pthread_self(), "writer");
	usleep(10000);
	start_ms = now_ms();
	pthread_rwlock_wrlock(&table_lock);
	*(double *)waited_ms = now_ms() - start_ms;
	pthread_rwlock_unlock(&table_lock);
	return NULL;
}

int main(int argc, char **argv)
{
	int fair = argc > 1 && !strcmp(argv[1], "--fair");
	int readers = argc > 1 + fair ? atoi(argv[1 + fair]) : 4;
	pthread_t thread[MAX_THREADS], writing;
	pthread_rwlockattr_t kind;
	double waited_ms;

	reads = argc > 2 + fair ? atol(argv[2 + fair]) : 100;
	if (readers < 1 || readers > MAX_THREADS)
		return 2;
	pthread_rwlockattr_init(&kind);
	if (fair)
		pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&table_lock, &kind);
	for (int i = 0; i < readers; i++)
		if (pthread_create(&thread[i], NULL, reader, (void *)(intptr_t)(i + 1)))
			return 1;
	if (pthread_create(&writing, NULL, writer, &waited_ms))
		return 1;
	for (int i = 0; i < readers; i++)
		pthread_join(thread[i], NULL);
	pthread_join(writing, NULL);
	pthread_rwlock_destroy(&table_lock);
	printf("reader_starves_writer: the writer waited %.0f ms\n", waited_ms);
	return 0;
}
