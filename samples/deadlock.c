/* SPDX-License-Identifier: MIT */
/*
 * deadlock: it happens. Two clerks move money between two accounts, each locking the payer first,
 * and this time they meet. A watchdog sees that nothing moves any more and ends the program.
 *
 * Each clerk's first transfer goes well. For the second one they wait until both have locked
 * their payer, so that the program hangs in every run and not in one of a million.
 *
 * What lockprof shows: `order` says OCCURRED: who waits for whom since when, where each got the
 * lock it holds, and that main stands behind them. The same is there when the program was killed,
 * and when it still hangs. `report` begins with the two unfinished waits.
 *
 * usage: deadlock
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE_NS 200000000

static struct account {
	pthread_mutex_t mu;
	long balance;
} savings = { PTHREAD_MUTEX_INITIALIZER, 100 }, checking = { PTHREAD_MUTEX_INITIALIZER, 100 };

static atomic_int nr_first_done, nr_payers_locked;

static void await(atomic_int *count, int wanted)
{
	atomic_fetch_add(count, 1);
	while (atomic_load(count) < wanted)
		sched_yield();
}

static void transfer(struct account *from, struct account *to, int is_meeting)
{
	pthread_mutex_lock(&from->mu);
	if (is_meeting)
		await(&nr_payers_locked, 2);
	pthread_mutex_lock(&to->mu);
	from->balance--;
	to->balance++;
	pthread_mutex_unlock(&to->mu);
	pthread_mutex_unlock(&from->mu);
}

static void *save(void *unused)
{
	pthread_setname_np(pthread_self(), "saver");
	transfer(&checking, &savings, 0);
	await(&nr_first_done, 2);
	transfer(&checking, &savings, 1);
	return unused;
}

static void *spend(void *unused)
{
	pthread_setname_np(pthread_self(), "spender");
	while (!atomic_load(&nr_first_done))
		sched_yield();
	transfer(&savings, &checking, 0);
	await(&nr_first_done, 2);
	transfer(&savings, &checking, 1);
	return unused;
}

int main(void)
{
	pthread_t saver, spender;
	struct timespec until;

	if (pthread_create(&saver, NULL, save, NULL) || pthread_create(&spender, NULL, spend, NULL))
		return 1;
	while (atomic_load(&nr_payers_locked) < 2)
		sched_yield();
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (!pthread_timedjoin_np(saver, NULL, &until))
		return 1;
	printf("deadlock: no transfer comes to its end\n");
	return 0;
}
