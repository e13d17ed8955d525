/* SPDX-License-Identifier: MIT */
/*
 * scenario.h: threads with names, and who goes on when
 *
 * The programs beside this are small: what matters is in which order the threads come to their
 * locks, and it is the same each time. Turns bring that about: threads look at a plain counter
 * until it says that it is theirs. lockprof sees nothing of it, so that two sections can lie apart
 * in time without anything that orders them. Where something shall order them it is a lock, a
 * join, a semaphore, that lockprof does see.
 */
#ifndef LOCKPROF_TESTS_SCENARIO_H
#define LOCKPROF_TESTS_SCENARIO_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../programs/thread_state.h"

static atomic_int turn;
static atomic_int sleepers[8]; /* kernel's numbers of the threads that shall be seen asleep */

static inline void turn_await(int wanted)
{
	while (atomic_load(&turn) < wanted)
		sched_yield();
}

static inline void turn_end(void)
{
	atomic_fetch_add(&turn, 1);
}

static inline pthread_t start(const char *name, void *(*run)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		exit(1);
	pthread_setname_np(thread, name);
	return thread;
}

static inline void finish(pthread_t thread)
{
	if (pthread_join(thread, NULL))
		exit(1);
}

/* The calling thread is about to wait for good. */
static inline void will_sleep(int number)
{
	atomic_store(&sleepers[number], (int)gettid());
}

static inline void await_sleep(int number)
{
	while (!atomic_load(&sleepers[number]) ||
	       thread_state((pid_t)atomic_load(&sleepers[number])) != 'S')
		sched_yield();
}

/* As somebody would who has lost patience. */
static inline void kill_hanging(int nr_sleepers)
{
	for (int i = 0; i < nr_sleepers; i++)
		await_sleep(i);
	raise(SIGKILL);
}

#endif
