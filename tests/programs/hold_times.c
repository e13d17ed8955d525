/* SPDX-License-Identifier: MIT */
/*
 * hold_times: holds slow_mu for times that it measures itself, while another thread waits for it.
 *
 * The thread "holder" takes slow_mu once per section and computes for `hold`, twice `hold` or three
 * times `hold` microseconds in turn. The thread "waiter" asks for slow_mu once in each section,
 * when it is sure to be held, and gets it when the section ends. Nothing else locks.
 *
 * Every true time lies between two that are printed. A hold: between what holder measured inside
 * the section and what it measured around lock and unlock. A wait: between the part of the hold
 * in which the kernel showed waiter asleep and the time from just before the call to just after
 * it. Waiter's own holds are tiny and cannot exceed the time from the end of holder's section.
 *
 * usage: hold_times [sections] [hold in microseconds]
 * keys:  sections hold_inner_ns_{sum,min,max} hold_outer_ns_{sum,min,max}
 *        waits wait_inner_ns_{sum,min,max} wait_outer_ns_{sum,min,max} waiter_hold_outer_ns_sum
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

struct span {
	int64_t sum_ns;
	int64_t min_ns;
	int64_t max_ns;
};

static pthread_mutex_t slow_mu = PTHREAD_MUTEX_INITIALIZER;
static atomic_int held;	       /* sections begun, set by holder with the lock held */
static atomic_int attempted;   /* attempts begun, set by waiter */
static atomic_int finished;    /* attempts over */
static int64_t section_end_ns; /* guarded by slow_mu */
static pid_t waiter_tid;
static int sections;
static int64_t hold_ns;
static struct span hold_inner, hold_outer, wait_inner, wait_outer, waiter_hold_outer;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void span_add(struct span *s, int64_t ns)
{
	if (!s->sum_ns || ns < s->min_ns)
		s->min_ns = ns;
	if (ns > s->max_ns)
		s->max_ns = ns;
	s->sum_ns += ns;
}

static void span_print(const char *name, const struct span *s)
{
	printf("%s_sum %lld\n", name, (long long)s->sum_ns);
	printf("%s_min %lld\n", name, (long long)s->min_ns);
	printf("%s_max %lld\n", name, (long long)s->max_ns);
}

static void await(atomic_int *count, int wanted)
{
	while (atomic_load(count) < wanted)
		sched_yield();
}

static void hold_section(int number)
{
	int64_t outer_ns = now_ns(), inner_ns, asleep_ns, end_ns;

	pthread_mutex_lock(&slow_mu);
	inner_ns = now_ns();
	atomic_store(&held, number);
	await(&attempted, number);
	while (thread_state(waiter_tid) != 'S')
		sched_yield();
	asleep_ns = now_ns();
	while (now_ns() < inner_ns + hold_ns * (1 + number % 3))
		;
	end_ns = now_ns();
	section_end_ns = end_ns;
	pthread_mutex_unlock(&slow_mu);
	span_add(&hold_outer, now_ns() - outer_ns);
	span_add(&hold_inner, end_ns - inner_ns);
	span_add(&wait_inner, end_ns - asleep_ns);
}

static void *holder(void *unused)
{
	pthread_setname_np(pthread_self(), "holder");
	for (int i = 1; i <= sections; i++) {
		hold_section(i);
		await(&finished, i);
	}
	return unused;
}

static void *waiter(void *unused)
{
	pthread_setname_np(pthread_self(), "waiter");
	waiter_tid = gettid();
	for (int i = 1; i <= sections; i++) {
		int64_t attempt_ns, acquired_ns, section_ns;

		await(&held, i);
		attempt_ns = now_ns();
		atomic_store(&attempted, i);
		pthread_mutex_lock(&slow_mu);
		acquired_ns = now_ns();
		section_ns = section_end_ns;
		pthread_mutex_unlock(&slow_mu);
		span_add(&waiter_hold_outer, now_ns() - section_ns);
		span_add(&wait_outer, acquired_ns - attempt_ns);
		atomic_store(&finished, i);
	}
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t holding, waiting;

	sections = argc > 1 ? atoi(argv[1]) : 50;
	hold_ns = (argc > 2 ? atol(argv[2]) : 2000) * 1000;
	if (pthread_create(&holding, NULL, holder, NULL) ||
	    pthread_create(&waiting, NULL, waiter, NULL))
		return 1;
	pthread_join(holding, NULL);
	pthread_join(waiting, NULL);
	printf("sections %d\n", sections);
	span_print("hold_inner_ns", &hold_inner);
	span_print("hold_outer_ns", &hold_outer);
	printf("waits %d\n", sections);
	span_print("wait_inner_ns", &wait_inner);
	span_print("wait_outer_ns", &wait_outer);
	printf("waiter_hold_outer_ns_sum %lld\n", (long long)waiter_hold_outer.sum_ns);
	return 0;
}
