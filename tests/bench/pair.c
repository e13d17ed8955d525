/* SPDX-License-Identifier: MIT */
/*
 * pair: what one uncontended acquisition and its release cost
 *
 *	pair KIND PATTERN PAIRS [VARIANT]
 *
 * KIND is mutex, recursive, rdlock, wrlock, spin or sem; PATTERN is one lock, many (64 in turn) or
 * nested (two, the second under the first). Prints nanoseconds per pair, measured over chunks of
 * 65536 pairs (three full rings are written in each): the lowest decile of the chunks, since what
 * else runs on the machine only adds.
 * VARIANT: plain (default); clocked, with two reads of the clock between lock and unlock, which is
 * what a recorder cannot do without; clock, the two reads alone. Without VARIANT and without a
 * shim, all three are measured in turn in this one process: "plain clocked clock".
 *
 * A second thread sleeps beside, so that glibc does not take its short cuts for processes with one
 * thread only. The kind and the pattern are constants in each loop: nothing but the calls is timed.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

enum kind { MUTEX, RECURSIVE, RDLOCK, WRLOCK, SPIN, SEM, NR_KINDS };
enum pattern { ONE, MANY, NESTED, NR_PATTERNS };
enum variant { PLAIN, CLOCKED, CLOCK, NR_VARIANTS };
enum { LOCKS = 64, CHUNKS_MAX = 1024, CHUNK = 64 * 1024 };

static const char *const kind_names[] = { "mutex", "recursive", "rdlock", "wrlock", "spin", "sem" };
static const char *const pattern_names[] = { "one", "many", "nested" };
static const char *const variant_names[] = { "plain", "clocked", "clock" };

union lock {
	pthread_mutex_t mutex;
	pthread_rwlock_t rwlock;
	pthread_spinlock_t spin;
	sem_t sem;
	char apart[64];
};

static union lock locks[LOCKS] __attribute__((aligned(64)));
static volatile unsigned int sink;

#define INLINE static inline __attribute__((always_inline))

INLINE void clock_read(void)
{
#if defined(__x86_64__)
	sink = (unsigned int)__rdtsc();
#else
	unsigned long v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	sink = (unsigned int)v;
#endif
}

INLINE void take(enum kind kind, union lock *l)
{
	switch (kind) {
	case RDLOCK:
		pthread_rwlock_rdlock(&l->rwlock);
		break;
	case WRLOCK:
		pthread_rwlock_wrlock(&l->rwlock);
		break;
	case SPIN:
		pthread_spin_lock(&l->spin);
		break;
	case SEM:
		sem_wait(&l->sem);
		break;
	default:
		pthread_mutex_lock(&l->mutex);
	}
}

INLINE void give(enum kind kind, union lock *l)
{
	switch (kind) {
	case RDLOCK:
	case WRLOCK:
		pthread_rwlock_unlock(&l->rwlock);
		break;
	case SPIN:
		pthread_spin_unlock(&l->spin);
		break;
	case SEM:
		sem_post(&l->sem);
		break;
	default:
		pthread_mutex_unlock(&l->mutex);
	}
}

INLINE void taken(enum kind kind, union lock *l, enum variant variant)
{
	if (variant != CLOCK)
		take(kind, l);
	if (variant != PLAIN)
		clock_read();
}

INLINE void given(enum kind kind, union lock *l, enum variant variant)
{
	if (variant != PLAIN)
		clock_read();
	if (variant != CLOCK)
		give(kind, l);
}

INLINE void loop(enum kind kind, enum pattern pattern, enum variant variant, long pairs)
{
	for (long i = 0; i < pairs; i += 1 + (pattern == NESTED)) {
		union lock *l = &locks[pattern == MANY ? i % LOCKS : 0];

		taken(kind, l, variant);
		if (pattern == NESTED) {
			taken(kind, l + 1, variant);
			given(kind, l + 1, variant);
		}
		given(kind, l, variant);
	}
}

INLINE void loop_pattern(enum kind kind, enum pattern pattern, enum variant variant, long pairs)
{
	if (pattern == ONE && variant == PLAIN)
		loop(kind, ONE, PLAIN, pairs);
	else if (pattern == ONE)
		loop(kind, ONE, CLOCKED, pairs);
	else if (pattern == MANY && variant == PLAIN)
		loop(kind, MANY, PLAIN, pairs);
	else if (pattern == MANY)
		loop(kind, MANY, CLOCKED, pairs);
	else if (variant == PLAIN)
		loop(kind, NESTED, PLAIN, pairs);
	else
		loop(kind, NESTED, CLOCKED, pairs);
}

static void chunk(enum kind kind, enum pattern pattern, enum variant variant, long pairs)
{
	if (variant == CLOCK)
		loop(MUTEX, ONE, CLOCK, pairs);
	else if (kind == MUTEX || kind == RECURSIVE)
		loop_pattern(MUTEX, pattern, variant, pairs);
	else if (kind == RDLOCK)
		loop_pattern(RDLOCK, pattern, variant, pairs);
	else if (kind == WRLOCK)
		loop_pattern(WRLOCK, pattern, variant, pairs);
	else if (kind == SPIN)
		loop_pattern(SPIN, pattern, variant, pairs);
	else
		loop_pattern(SEM, pattern, variant, pairs);
}

static void locks_init(enum kind kind)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	if (kind == RECURSIVE)
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	for (int i = 0; i < LOCKS; i++)
		switch (kind) {
		case RDLOCK:
		case WRLOCK:
			pthread_rwlock_init(&locks[i].rwlock, NULL);
			break;
		case SPIN:
			pthread_spin_init(&locks[i].spin, PTHREAD_PROCESS_PRIVATE);
			break;
		case SEM:
			sem_init(&locks[i].sem, 0, 1);
			break;
		default:
			pthread_mutex_init(&locks[i].mutex, &attr);
		}
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int find(const char *name, const char *const *names, int nr)
{
	for (int i = 0; i < nr; i++)
		if (!strcmp(name, names[i]))
			return i;
	fprintf(stderr, "pair: what is '%s'?\n", name);
	exit(2);
}

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

int main(int argc, char **argv)
{
	static double ns[NR_VARIANTS][CHUNKS_MAX];
	int first = PLAIN, last = CLOCK, kind, pattern, nr_chunks;
	long size, pairs;
	pthread_t thread;

	if (argc < 4) {
		fputs("usage: pair KIND PATTERN PAIRS [VARIANT]\n", stderr);
		return 2;
	}
	kind = find(argv[1], kind_names, NR_KINDS);
	pattern = find(argv[2], pattern_names, NR_PATTERNS);
	pairs = atol(argv[3]);
	if (argc > 4)
		first = last = find(argv[4], variant_names, NR_VARIANTS);
	nr_chunks = (int)(pairs / CHUNK < CHUNKS_MAX ? pairs / CHUNK : CHUNKS_MAX);
	nr_chunks += !nr_chunks;
	size = pairs / nr_chunks;
	locks_init((enum kind)kind);
	pthread_create(&thread, NULL, sleeper, NULL);
	for (int i = 0; i < nr_chunks; i++)
		for (int v = first; v <= last; v++) {
			double began = now_ns();

			chunk((enum kind)kind, (enum pattern)pattern, (enum variant)v, size);
			ns[v][i] = (now_ns() - began) / (double)size;
		}
	for (int v = first; v <= last; v++) {
		qsort(ns[v], (size_t)nr_chunks, sizeof(double), by_value);
		printf("%.2f%c", ns[v][nr_chunks / 10], v == last ? '\n' : ' ');
	}
	return 0;
}
