/* SPDX-License-Identifier: MIT */
/*
 * kill_me: threads lock and unlock until somebody kills the process, and the count survives it.
 *
 * FILE is made to hold one cache line per thread, mapped shared: two native 64-bit counters, the
 * completed pairs and the started pairs, then padding. Whatever kills the process, for each thread
 * completed <= what was really done <= started <= completed + 1.
 *
 * "ready 1" is printed when every thread has completed a pair. With a number of pairs the
 * program ends by itself after that many in each thread (0: never).
 *
 * usage: kill_me FILE [threads] [locks] [pairs per thread]
 * keys:  threads locks ready
 */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_THREADS 64
#define MAX_LOCKS   64

struct line {
	volatile uint64_t completed;
	volatile uint64_t started;
	char padding[48];
};

static pthread_mutex_t mu[MAX_LOCKS] = { [0 ... MAX_LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER };
static struct line *lines;
static int locks;
static uint64_t pairs;

static void *run(void *arg)
{
	uint64_t self = (uintptr_t)arg;
	struct line *line = &lines[self];

	for (uint64_t i = 0; !pairs || i < pairs; i++) {
		pthread_mutex_t *m = &mu[(self + i) % (uint64_t)locks];

		line->started = i + 1;
		pthread_mutex_lock(m);
		pthread_mutex_unlock(m);
		line->completed = i + 1;
	}
	return NULL;
}

static struct line *map_lines(const char *path, int threads)
{
	size_t size = (size_t)threads * sizeof(struct line);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	void *at;

	if (fd < 0 || ftruncate(fd, (off_t)size))
		return NULL;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[2]) : 2;
	pthread_t thread[MAX_THREADS];

	locks = argc > 3 ? atoi(argv[3]) : 4;
	pairs = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
	if (argc < 2 || threads < 1 || threads > MAX_THREADS || locks < 1 || locks > MAX_LOCKS) {
		fprintf(stderr, "usage: kill_me FILE [threads] [locks] [pairs per thread]\n");
		return 2;
	}
	lines = map_lines(argv[1], threads);
	if (!lines) {
		perror(argv[1]);
		return 1;
	}
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, run, (void *)(intptr_t)i))
			return 1;
	for (int i = 0; i < threads; i++)
		while (!lines[i].completed)
			sched_yield();
	printf("threads %d\nlocks %d\nready 1\n", threads, locks);
	fflush(stdout);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
