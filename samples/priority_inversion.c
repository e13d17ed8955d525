/* SPDX-License-Identifier: MIT */
/*
 * priority_inversion: an urgent thread waits for a lock, and an unimportant one decides how long.
 *
 * All three threads share one CPU. low takes bus_mu for 20 ms of computing; then high wants
 * bus_mu, and mid starts to compute for 300 ms without any lock. mid takes the CPU away from low,
 * so low cannot finish, and high waits for mid, which has nothing to do with the lock. The threads
 * run under SCHED_FIFO where that is permitted, else low has the least favourable nice value, and
 * the effect is weaker. With --inherit bus_mu is of the kind that lends high's priority to its
 * holder, and high waits for little more than 20 ms (under SCHED_FIFO only).
 *
 * What lockprof shows: one contended acquisition of bus_mu, by high, with a wait far above the
 * 20 ms of computing that the lock is held for; blame names low, in use_bus(). mid never appears
 * in the table of locks. Compare the wait with and without --inherit.
 *
 * usage: priority_inversion [--inherit]
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static pthread_mutex_t bus_mu;
static sem_t bus_taken;
static double waited_ms;

static double clock_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The same amount of computing whoever else is running. */
static void compute_ms(double ms)
{
	double until_ms = clock_ms(CLOCK_THREAD_CPUTIME_ID) + ms;

	while (clock_ms(CLOCK_THREAD_CPUTIME_ID) < until_ms)
		;
}

static void become(const char *name, int priority, int niceness)
{
	struct sched_param param = { .sched_priority = priority };

	pthread_setname_np(pthread_self(), name);
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param))
		setpriority(PRIO_PROCESS, 0, niceness); /* of this thread only, on Linux */
}

static void await_bus_taken(void)
{
	while (sem_wait(&bus_taken) && errno == EINTR)
		;
}

static __attribute__((noinline)) void use_bus(double ms)
{
	pthread_mutex_lock(&bus_mu);
	sem_post(&bus_taken);
	sem_post(&bus_taken);
	compute_ms(ms);
	pthread_mutex_unlock(&bus_mu);
}

static void *low(void *unused)
{
	become("low", 10, 19);
	use_bus(20);
	return unused;
}

static void *mid(void *unused)
{
	become("mid", 20, 0);
	await_bus_taken();
	compute_ms(300);
	return unused;
}

static void *high(void *unused)
{
	double from_ms;

	become("high", 30, 0);
	await_bus_taken();
	from_ms = clock_ms(CLOCK_MONOTONIC);
	pthread_mutex_lock(&bus_mu);
	waited_ms = clock_ms(CLOCK_MONOTONIC) - from_ms;
	pthread_mutex_unlock(&bus_mu);
	return unused;
}

static void share_one_cpu(void)
{
	cpu_set_t allowed, one;

	sched_getaffinity(0, sizeof(allowed), &allowed);
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, &allowed))
			CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

int main(int argc, char **argv)
{
	int inherit = argc > 1 && !strcmp(argv[1], "--inherit");
	void *(*body[])(void *) = { high, mid, low };
	pthread_mutexattr_t kind;
	pthread_t thread[3];

	share_one_cpu();
	pthread_mutexattr_init(&kind);
	if (inherit)
		pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&bus_mu, &kind);
	sem_init(&bus_taken, 0, 0);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread[i], NULL, body[i], NULL))
			return 1;
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	sem_destroy(&bus_taken);
	pthread_mutex_destroy(&bus_mu);
	printf("priority_inversion: high waited %.0f ms for a section of 20 ms\n", waited_ms);
	return 0;
}
