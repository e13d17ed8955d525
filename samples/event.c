/* SPDX-License-Identifier: MIT */
/*
 * event: wait until something has happened, by a mutex, a condition variable and a number.
 *
 * main raises the event tick again and again; all listeners wait for each tick in turn and answer
 * it. The last one to answer raises answered, and main goes on.
 *
 * What lockprof shows: the table of condition waits has tick.raised (listeners, one wait per tick
 * or a few less) and answered.raised (main). That is idle time, no contention. What is contention
 * is in the table of locks: a broadcast wakes all listeners at once and they queue up for tick.mu
 * to return from their wait, which is shown apart as the wake-up tail of the condition.
 *
 * usage: event [listeners] [ticks]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_THREADS 64

struct event {
	pthread_mutex_t mu;
	pthread_cond_t raised;
	long count;
};

static struct event tick = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };
static struct event answered = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };
static long ticks;

static void event_raise(struct event *e)
{
	pthread_mutex_lock(&e->mu);
	e->count++;
	pthread_cond_broadcast(&e->raised);
	pthread_mutex_unlock(&e->mu);
}

/* Wait until the event was raised `count` times in all: no raise is ever missed. */
static void event_wait(struct event *e, long count)
{
	pthread_mutex_lock(&e->mu);
	while (e->count < count)
		pthread_cond_wait(&e->raised, &e->mu);
	pthread_mutex_unlock(&e->mu);
}

static void *listen(void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "listener-%d", (int)(intptr_t)arg);
	pthread_setname_np(pthread_self(), name);
	for (long i = 1; i <= ticks; i++) {
		event_wait(&tick, i);
		event_raise(&answered);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int listeners = argc > 1 ? atoi(argv[1]) : 4;
	pthread_t thread[MAX_THREADS];

	ticks = argc > 2 ? atol(argv[2]) : 10000;
	if (listeners < 1 || listeners > MAX_THREADS)
		return 2;
	for (int i = 0; i < listeners; i++)
		if (pthread_create(&thread[i], NULL, listen, (void *)(intptr_t)(i + 1)))
			return 1;
	for (long i = 1; i <= ticks; i++) {
		event_raise(&tick);
		event_wait(&answered, i * listeners);
	}
	for (int i = 0; i < listeners; i++)
		pthread_join(thread[i], NULL);
	printf("event: %ld ticks, %ld answers\n", ticks, answered.count);
	return answered.count == ticks * listeners ? 0 : 1;
}
