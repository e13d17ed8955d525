/* SPDX-License-Identifier: MIT */
/*
 * transfer: money between two accounts, each with a lock of its own.
 *
 * By default transfer() takes the lock of the account with the lower number first, and the clerks
 * that send from savings to checking and back run at the same time. With --deadlocking it takes the
 * lock of the account that it takes money from first: two clerks in opposite directions can
 * then deadlock. Here the second clerk starts when the first is done, so that the program ends.
 *
 * What lockprof shows: by default account[0].mu waits (clerks meet there, blame on transfer()),
 * account[1].mu does not, since who wants it already holds the other; --by=lock tells them apart.
 * With --deadlocking nothing waits in this run, and the report says so: it tells what a run has
 * cost, not what could have happened in another one.
 *
 * usage: transfer [--deadlocking] [transfers per clerk]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNTS 2

static struct account {
	pthread_mutex_t mu;
	long balance;
} account[ACCOUNTS] = {
	{ PTHREAD_MUTEX_INITIALIZER, 1000000 },
	{ PTHREAD_MUTEX_INITIALIZER, 1000000 },
};
static long transfers;
static int deadlocking;

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static __attribute__((noinline)) void transfer(struct account *from, struct account *to)
{
	struct account *first = deadlocking || from < to ? from : to;
	struct account *second = first == from ? to : from;

	pthread_mutex_lock(&first->mu);
	pthread_mutex_lock(&second->mu);
	work(500);
	from->balance--;
	to->balance++;
	pthread_mutex_unlock(&second->mu);
	pthread_mutex_unlock(&first->mu);
}

static void *save_money(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "saver");
	for (long i = 0; i < transfers; i++)
		transfer(&account[0], &account[1]);
	return NULL;
}

static void *spend_money(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "spender");
	for (long i = 0; i < transfers; i++)
		transfer(&account[1], &account[0]);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t saver, spender;

	deadlocking = argc > 1 && !strcmp(argv[1], "--deadlocking");
	transfers = argc > 1 + deadlocking ? atol(argv[1 + deadlocking]) : 200000;
	if (pthread_create(&saver, NULL, save_money, NULL))
		return 1;
	if (deadlocking)
		pthread_join(saver, NULL);
	if (pthread_create(&spender, NULL, spend_money, NULL))
		return 1;
	if (!deadlocking)
		pthread_join(saver, NULL);
	pthread_join(spender, NULL);
	printf("transfer: %ld transfers, balances %ld and %ld\n", 2 * transfers, account[0].balance,
	       account[1].balance);
	return account[0].balance == account[1].balance ? 0 : 1;
}
