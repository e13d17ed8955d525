/* SPDX-License-Identifier: MIT */
/*
 * io_under_lock: a cache whose flusher writes to a slow disk with the cache's lock held.
 *
 * Six workers look things up in a cache, a microsecond at a time under cache_mu. A flusher wakes
 * up now and then and writes the dirty pages out in flush_all(), twenty pages of 2 ms each, and
 * keeps cache_mu all that time. The program is idle, and still no worker gets on. (The disk is
 * pwrite to a temporary file and a sleep, so that every machine's disk is equally slow.)
 *
 * What lockprof shows: "worker-1 and 5 others waited ... for cache_mu", nearly all of it while
 * flusher held it in flush_all(). In the table of locks, cache_mu has few contended acquisitions
 * (about six per flush) and yet a wait of seconds: hold p50 is a microsecond, hold maximum 40 ms.
 * The cure is to copy the list of dirty pages under the lock and to write it without.
 *
 * usage: io_under_lock [workers] [flushes]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS	  64
#define PAGES		  20
#define PAGE_SIZE	  4096
#define LOOKUPS_PER_FLUSH 100

static pthread_mutex_t cache_mu = PTHREAD_MUTEX_INITIALIZER;
static char cache[PAGES][PAGE_SIZE];
static int dirty[PAGES];
static int disk = -1;
static int nr_flushes;

static __attribute__((noinline)) void write_page(int page)
{
	if (pwrite(disk, cache[page], PAGE_SIZE, (off_t)page * PAGE_SIZE) == PAGE_SIZE)
		dirty[page] = 0;
	usleep(2000);
}

static __attribute__((noinline)) void flush_all(void)
{
	pthread_mutex_lock(&cache_mu);
	for (int page = 0; page < PAGES; page++)
		write_page(page);
	pthread_mutex_unlock(&cache_mu);
}

static void *flusher(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "flusher");
	for (int i = 0; i < nr_flushes; i++) {
		usleep(20000);
		flush_all();
	}
	return NULL;
}

static __attribute__((noinline)) void lookup(int key)
{
	pthread_mutex_lock(&cache_mu);
	cache[key % PAGES][key % PAGE_SIZE]++;
	dirty[key % PAGES] = 1;
	pthread_mutex_unlock(&cache_mu);
}

static void *worker(void *arg)
{
	int number = (int)(intptr_t)arg;
	char name[32];

	snprintf(name, sizeof(name), "worker-%d", number);
	pthread_setname_np(pthread_self(), name);
	for (int i = 0; i < nr_flushes * LOOKUPS_PER_FLUSH; i++) {
		lookup(i * number);
		usleep(100);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int workers = argc > 1 ? atoi(argv[1]) : 6;
	pthread_t thread[MAX_THREADS], flushing;
	FILE *file = tmpfile();

	nr_flushes = argc > 2 ? atoi(argv[2]) : 12;
	if (workers < 1 || workers > MAX_THREADS || !file)
		return 2;
	disk = fileno(file);
	for (int i = 0; i < workers; i++)
		if (pthread_create(&thread[i], NULL, worker, (void *)(intptr_t)(i + 1)))
			return 1;
	if (pthread_create(&flushing, NULL, flusher, NULL))
		return 1;
	for (int i = 0; i < workers; i++)
		pthread_join(thread[i], NULL);
	pthread_join(flushing, NULL);
	fclose(file);
	printf("io_under_lock: %d lookups, %d flushes\n", workers * nr_flushes * LOOKUPS_PER_FLUSH,
	       nr_flushes);
	return 0;
}
