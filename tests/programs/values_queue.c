/* SPDX-License-Identifier: MIT */
/*
 * values_queue: who is let in while others wait: rwlocks of each kind with a writer or a reader
 * waiting, and conditions with a mutex of each kind.
 *
 * The lines are those of values.c: `call case -> result errno`. The same with and without anything
 * preloaded, and in every run: those who wait are asleep (the kernel says so) before anybody else
 * calls, and they say nothing before they are joined.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "thread_state.h"
#include "values.h"

static pthread_rwlock_t rwlock;
static atomic_int tid;
static int order, place[2];

static void *write_in_turn(void *which)
{
	atomic_store(&tid, gettid());
	pthread_rwlock_wrlock(&rwlock);
	place[(intptr_t)which] = ++order;
	pthread_rwlock_unlock(&rwlock);
	return NULL;
}

static void *read_in_turn(void *which)
{
	atomic_store(&tid, gettid());
	pthread_rwlock_rdlock(&rwlock);
	place[(intptr_t)which] = __atomic_add_fetch(&order, 1, __ATOMIC_SEQ_CST);
	pthread_rwlock_unlock(&rwlock);
	return NULL;
}

/* The new thread is asleep in its call when this returns. */
static pthread_t start_waiting(void *(*run)(void *), intptr_t which)
{
	pthread_t thread;

	atomic_store(&tid, 0);
	if (pthread_create(&thread, NULL, run, (void *)which))
		exit(1);
	while (!atomic_load(&tid) || thread_state(atomic_load(&tid)) != 'S')
		sched_yield();
	return thread;
}

static void *ask_for_all(void *unused)
{
	if (!SAY("others-wait", pthread_rwlock_tryrdlock, &rwlock))
		SAY("read", pthread_rwlock_unlock, &rwlock);
	if (!SAY("others-wait,past", pthread_rwlock_timedrdlock, &rwlock, &long_ago))
		SAY("read", pthread_rwlock_unlock, &rwlock);
	if (!SAY("others-wait,past", pthread_rwlock_clockrdlock, &rwlock, CLOCK_MONOTONIC,
		 &long_ago))
		SAY("read", pthread_rwlock_unlock, &rwlock);
	SAY("others-wait", pthread_rwlock_trywrlock, &rwlock);
	SAY("others-wait,past", pthread_rwlock_timedwrlock, &rwlock, &long_ago);
	return unused;
}

static void ask_elsewhere(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, ask_for_all, NULL))
		exit(1);
	pthread_join(thread, NULL);
}

/* Read by main, a writer waits: may another reader come? A recursive one? */
static void writer_waits(void)
{
	pthread_t writer;

	SAY("main", pthread_rwlock_rdlock, &rwlock);
	writer = start_waiting(write_in_turn, 0);
	ask_elsewhere();
	if (!SAY("again", pthread_rwlock_tryrdlock, &rwlock))
		SAY("again", pthread_rwlock_unlock, &rwlock);
	SAY("main", pthread_rwlock_unlock, &rwlock);
	pthread_join(writer, NULL);
}

/* Written by main, one of each waits: who comes first? */
static void both_wait(int kind)
{
	pthread_t thread[2];

	order = 0;
	SAY("main", pthread_rwlock_wrlock, &rwlock);
	thread[0] = start_waiting(write_in_turn, 0);
	thread[1] = start_waiting(read_in_turn, 1);
	ask_elsewhere();
	SAY("main", pthread_rwlock_unlock, &rwlock);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	if (kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP)
		printf("writer %d, reader %d\n", place[0], place[1]);
	else
		printf("both %d\n", place[0] + place[1]);
}

static void rwlocks(void)
{
	for (int kind = 0; kind < 3; kind++) {
		pthread_rwlockattr_t attr;

		pthread_rwlockattr_init(&attr);
		pthread_rwlockattr_setkind_np(&attr, kind);
		printf("kind %d\n", kind);
		SAY("new", pthread_rwlock_init, &rwlock, &attr);
		writer_waits();
		both_wait(kind);
		SAY("free", pthread_rwlock_destroy, &rwlock);
	}
}

/* ---- conditions ---- */

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t mutex;

/* Comes when the waiter has let go of the mutex, and therefore waits. */
static void *wake(void *unused)
{
	pthread_mutex_lock(&mutex);
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mutex);
	return unused;
}

static void wait_with(const pthread_mutexattr_t *attr)
{
	pthread_t thread;

	if (SAY("new", pthread_mutex_init, &mutex, attr))
		return;
	pthread_mutex_lock(&mutex);
	if (pthread_create(&thread, NULL, wake, NULL))
		exit(1);
	SAY("woken", pthread_cond_wait, &cond, &mutex);
	pthread_join(thread, NULL);
	if (pthread_create(&thread, NULL, wake, NULL))
		exit(1);
	SAY("woken", pthread_cond_clockwait, &cond, &mutex, CLOCK_MONOTONIC, &far_future);
	pthread_join(thread, NULL);
	SAY("past", pthread_cond_timedwait, &cond, &mutex, &long_ago);
	SAY("nsec-1", pthread_cond_timedwait, &cond, &mutex, &negative_nsec);
	SAY("held-again", pthread_mutex_unlock, &mutex);
	SAY("free", pthread_mutex_destroy, &mutex);
}

/* Without priority ceilings, which a thread without a real-time priority cannot take. */
static void conditions(void)
{
	for (int i = 0; i < 4 * 2 * 2; i++) {
		pthread_mutexattr_t attr;

		printf("type %d protocol %d robust %d\n", i % 4, i / 4 % 2, i / 8);
		pthread_mutexattr_init(&attr);
		pthread_mutexattr_settype(&attr, i % 4);
		pthread_mutexattr_setprotocol(&attr, i / 4 % 2);
		pthread_mutexattr_setrobust(&attr, i / 8);
		wait_with(&attr);
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	rwlocks();
	conditions();
	return 0;
}
