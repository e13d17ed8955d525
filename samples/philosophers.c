/* SPDX-License-Identifier: MIT */
/*
 * philosophers: five of them, five forks, and each needs the fork on either side.
 *
 * By default each takes the fork with the lower number first, so that no circle of waiting can
 * close. With --naive each takes the left one first, which can deadlock; here they dine one after
 * the other (each is joined before the next one starts), so that the program always ends.
 *
 * What lockprof shows: five locks, fork_mu[0] to fork_mu[4], one class in the table, and with
 * --by=lock each taken 2 x meals times (4,000 by default). By default neighbours wait for each
 * other, in eat(). With --naive nobody waits, and the report says so: it tells what a run has cost,
 * not what could have happened in another one.
 *
 * usage: philosophers [--naive] [meals]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEATS 5

static pthread_mutex_t fork_mu[SEATS] = { [0 ... SEATS - 1] = PTHREAD_MUTEX_INITIALIZER };
static long meals_eaten[SEATS];
static long meals;
static int naive;

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static void eat(int seat)
{
	int left = seat, right = (seat + 1) % SEATS;
	int first = naive || left < right ? left : right;
	int second = first == left ? right : left;

	pthread_mutex_lock(&fork_mu[first]);
	pthread_mutex_lock(&fork_mu[second]);
	work(20000);
	meals_eaten[seat]++;
	pthread_mutex_unlock(&fork_mu[second]);
	pthread_mutex_unlock(&fork_mu[first]);
}

static void *dine(void *arg)
{
	int seat = (int)(intptr_t)arg;
	char name[32];

	snprintf(name, sizeof(name), "philosopher-%d", seat);
	pthread_setname_np(pthread_self(), name);
	for (long i = 0; i < meals; i++) {
		eat(seat);
		work(20000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[SEATS];
	long eaten = 0;

	naive = argc > 1 && !strcmp(argv[1], "--naive");
	meals = argc > 1 + naive ? atol(argv[1 + naive]) : 2000;
	for (int i = 0; i < SEATS; i++) {
		if (pthread_create(&thread[i], NULL, dine, (void *)(intptr_t)i))
			return 1;
		if (naive)
			pthread_join(thread[i], NULL);
	}
	for (int i = 0; i < SEATS; i++) {
		if (!naive)
			pthread_join(thread[i], NULL);
		eaten += meals_eaten[i];
	}
	printf("philosophers: %ld meals\n", eaten);
	return eaten == SEATS * meals ? 0 : 1;
}
