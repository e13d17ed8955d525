/* SPDX-License-Identifier: MIT */
/*
 * blame_known: one thread is to blame for every wait in this program.
 *
 * In each round "holder" takes mu in hold_long(), called from culprit(), and keeps it until all the
 * waiters are asleep (the kernel says so) and the hold time is over. The waiters ask for mu in
 * victim(). Holder takes the lock when nobody else has it or wants it, so it never waits. When it
 * lets go, the waiters pass through one after the other; what they wait for each other there is
 * below the sum of waiter_hold_ns times the waiters.
 *
 * usage: blame_known [hold in milliseconds] [waiters] [rounds]
 * keys:  rounds waiters waits waited_ns waited_max_ns asleep_ns hold_ns waiter_hold_ns
 *        holder_waits
 * waited_ns is measured around the calls; asleep_ns is the part of the holds in which all
 * waiters were seen asleep, times the waiters: the blame on culprit() lies between the two.
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "thread_state.h"

#define MAX_WAITERS 64

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static atomic_int round_held; /* the round whose lock holder has */
static atomic_int attempting; /* attempts begun, over all rounds */
static atomic_int finished;   /* attempts over */
static struct waiter {
	pthread_t thread;
	pid_t tid;
	int64_t waited_ns, waited_max_ns, hold_ns;
} waiter[MAX_WAITERS];
static int nr_waiters, rounds;
static int64_t hold_ns, held_ns, asleep_ns;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void await(atomic_int *count, int wanted)
{
	while (atomic_load(count) < wanted)
		sched_yield();
}

static __attribute__((noinline)) void hold_long(int round)
{
	int64_t start_ns, all_asleep_ns;

	pthread_mutex_lock(&mu);
	start_ns = now_ns();
	atomic_store(&round_held, round);
	await(&attempting, round * nr_waiters);
	for (int i = 0; i < nr_waiters; i++)
		while (thread_state(waiter[i].tid) != 'S')
			sched_yield();
	all_asleep_ns = now_ns();
	while (now_ns() < start_ns + hold_ns)
		;
	asleep_ns += nr_waiters * (now_ns() - all_asleep_ns);
	held_ns += now_ns() - start_ns;
	pthread_mutex_unlock(&mu);
	__asm__ volatile(""); /* the unlock is no tail call */
}

static __attribute__((noinline)) void culprit(int round)
{
	hold_long(round);
	__asm__ volatile("");
}

static __attribute__((noinline)) void victim(struct waiter *self)
{
	int64_t from_ns = now_ns(), acquired_ns, waited_ns;

	atomic_fetch_add(&attempting, 1);
	pthread_mutex_lock(&mu);
	acquired_ns = now_ns();
	waited_ns = acquired_ns - from_ns;
	self->waited_ns += waited_ns;
	if (waited_ns > self->waited_max_ns)
		self->waited_max_ns = waited_ns;
	pthread_mutex_unlock(&mu);
	self->hold_ns += now_ns() - acquired_ns;
}

static void *wait_rounds(void *arg)
{
	struct waiter *self = arg;
	char name[32];

	snprintf(name, sizeof(name), "waiter-%d", (int)(self - waiter + 1));
	pthread_setname_np(pthread_self(), name);
	self->tid = gettid();
	for (int round = 1; round <= rounds; round++) {
		await(&round_held, round);
		victim(self);
		atomic_fetch_add(&finished, 1);
	}
	return NULL;
}

static void *hold_rounds(void *unused)
{
	pthread_setname_np(pthread_self(), "holder");
	for (int round = 1; round <= rounds; round++) {
		culprit(round);
		await(&finished, round * nr_waiters);
	}
	return unused;
}

static void print_truth(void)
{
	int64_t waited_ns = 0, waited_max_ns = 0, waiter_hold_ns = 0;

	for (int i = 0; i < nr_waiters; i++) {
		waited_ns += waiter[i].waited_ns;
		waiter_hold_ns += waiter[i].hold_ns;
		if (waiter[i].waited_max_ns > waited_max_ns)
			waited_max_ns = waiter[i].waited_max_ns;
	}
	printf("rounds %d\nwaiters %d\nwaits %d\n", rounds, nr_waiters, rounds * nr_waiters);
	printf("waited_ns %lld\nwaited_max_ns %lld\n", (long long)waited_ns,
	       (long long)waited_max_ns);
	printf("asleep_ns %lld\nhold_ns %lld\n", (long long)asleep_ns, (long long)held_ns);
	printf("waiter_hold_ns %lld\nholder_waits 0\n", (long long)waiter_hold_ns);
}

int main(int argc, char **argv)
{
	pthread_t holder;

	hold_ns = (argc > 1 ? atol(argv[1]) : 50) * 1000000;
	nr_waiters = argc > 2 ? atoi(argv[2]) : 3;
	rounds = argc > 3 ? atoi(argv[3]) : 1;
	if (nr_waiters < 1 || nr_waiters > MAX_WAITERS)
		return 2;
	for (int i = 0; i < nr_waiters; i++)
		if (pthread_create(&waiter[i].thread, NULL, wait_rounds, &waiter[i]))
			return 1;
	if (pthread_create(&holder, NULL, hold_rounds, NULL))
		return 1;
	for (int i = 0; i < nr_waiters; i++)
		pthread_join(waiter[i].thread, NULL);
	pthread_join(holder, NULL);
	print_truth();
	return 0;
}
