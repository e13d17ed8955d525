/* SPDX-License-Identifier: MIT */
/*
 * contended: how often per second threads get through a lock that all of them want
 *
 *	contended KIND THREADS INSIDE OUTSIDE MILLISECONDS [clocked]
 *
 * KIND: mutex; rwlock, nine of ten take it shared; cond, two threads hand a turn to and fro;
 * private, each thread has a mutex of its own. INSIDE and OUTSIDE are steps of a dependent
 * multiplication, a bit below a nanosecond each: the work under the lock and between two turns.
 * Counted by steps and not by a clock, it is the same work in each run and no clock is read in the
 * section, unless `clocked` asks for two reads of the clock under the lock, which is what a
 *recorder cannot do without. Prints thousand turns per second of time, then per second of processor
 *time: the second tells more where other programs run beside.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

enum { THREADS_MAX = 64 };

struct worker {
	pthread_t thread;
	pthread_mutex_t mutex;
	unsigned int number;
	unsigned long state;
	unsigned long turns;
} __attribute__((aligned(128)));

static struct worker workers[THREADS_MAX];
static pthread_mutex_t mutex __attribute__((aligned(128))) = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock __attribute__((aligned(128))) = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static unsigned int turn_of;
static pthread_barrier_t start;
static unsigned int inside, outside;
static bool clocked;
static __thread volatile unsigned int sink;
static atomic_bool stop __attribute__((aligned(128)));

/* Goes on from where the last work ended, so that the processor cannot do both at once. */
static void work(struct worker *w, unsigned int steps)
{
	unsigned long x = w->state;

	for (unsigned int i = 0; i < steps; i++) {
		x = x * 6364136223846793005ul + 1;
		__asm__ volatile("" : "+r"(x));
	}
	w->state = x;
}

static void clock_read(void)
{
#if defined(__x86_64__)
	sink = (unsigned int)__rdtsc();
#else
	unsigned long v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	sink = (unsigned int)v;
#endif
}

static void section(struct worker *w)
{
	if (clocked)
		clock_read();
	work(w, inside);
	if (clocked)
		clock_read();
}

static void turn_mutex(struct worker *w)
{
	pthread_mutex_lock(&mutex);
	section(w);
	pthread_mutex_unlock(&mutex);
}

static void turn_private(struct worker *w)
{
	pthread_mutex_lock(&w->mutex);
	section(w);
	pthread_mutex_unlock(&w->mutex);
}

static void turn_rwlock(struct worker *w)
{
	if ((w->turns + w->number) % 10)
		pthread_rwlock_rdlock(&rwlock);
	else
		pthread_rwlock_wrlock(&rwlock);
	section(w);
	pthread_rwlock_unlock(&rwlock);
}

static void turn_cond(struct worker *w)
{
	pthread_mutex_lock(&mutex);
	while (turn_of != w->number % 2 && !stop)
		pthread_cond_wait(&turned, &mutex);
	section(w);
	turn_of = !(w->number % 2);
	pthread_cond_signal(&turned);
	pthread_mutex_unlock(&mutex);
}

static const struct {
	const char *name;
	void (*turn)(struct worker *w);
} kinds[] = {
	{ "mutex", turn_mutex },
	{ "rwlock", turn_rwlock },
	{ "cond", turn_cond },
	{ "private", turn_private },
};

static void (*turn)(struct worker *w);

static void *worker(void *arg)
{
	struct worker *w = arg;

	pthread_barrier_wait(&start);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		turn(w);
		work(w, outside);
		w->turns++;
	}
	return NULL;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	unsigned long turns = 0, ms;
	unsigned int nr;
	double began, began_cpu, took;

	if (argc < 6) {
		fputs("usage: contended KIND THREADS INSIDE OUTSIDE MILLISECONDS [clocked]\n",
		      stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(argv[1], kinds[i].name))
			turn = kinds[i].turn;
	nr = (unsigned int)atoi(argv[2]);
	inside = (unsigned int)atoi(argv[3]);
	outside = (unsigned int)atoi(argv[4]);
	ms = strtoul(argv[5], NULL, 10);
	clocked = argc > 6 && !strcmp(argv[6], "clocked");
	if (!turn || nr < 1 || nr > THREADS_MAX)
		return 2;
	pthread_barrier_init(&start, NULL, nr + 1);
	for (unsigned int i = 0; i < nr; i++) {
		workers[i].number = i;
		pthread_mutex_init(&workers[i].mutex, NULL);
		if (pthread_create(&workers[i].thread, NULL, worker, &workers[i]))
			return 1;
	}
	pthread_barrier_wait(&start);
	began = now_s();
	began_cpu = cpu_s();
	nanosleep(&(struct timespec){ (time_t)(ms / 1000), (long)(ms % 1000 * 1000000) }, NULL);
	stop = true;
	took = now_s() - began;
	pthread_mutex_lock(&mutex);
	pthread_cond_broadcast(&turned);
	pthread_mutex_unlock(&mutex);
	for (unsigned int i = 0; i < nr; i++) {
		pthread_join(workers[i].thread, NULL);
		turns += workers[i].turns;
	}
	printf("%.1f %.1f\n", (double)turns / took / 1e3,
	       (double)turns / (cpu_s() - began_cpu) / 1e3);
	return 0;
}
