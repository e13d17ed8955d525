/* SPDX-License-Identifier: MIT */
/*
 * semaphore_handoff: three semaphores with three meanings, each wait and post counted.
 *
 * Producers and consumers share a ring by the counting semaphores `slots` and `items`: one side
 * waits, the other posts, so neither semaphore has an owner. The ring's indices are guarded by
 * `gate`, a semaphore of value one that is used as a lock: each post follows a wait by the same
 * thread. `turn` starts at zero and is posted by main and awaited by each thread, to start them.
 *
 * usage: semaphore_handoff [pairs of threads] [items per producer]
 * keys:  NAME.waits NAME.posts NAME.lock_like, for slots items gate turn
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_PAIRS 32
#define SLOTS	  8

static sem_t slots, items, gate, turn;
static long ring[SLOTS];
static long head, tail, sum; /* guarded by gate */
static long each;

static void take(sem_t *s)
{
	while (sem_wait(s) && errno == EINTR)
		;
}

static void *produce(void *unused)
{
	take(&turn);
	for (long i = 1; i <= each; i++) {
		take(&slots);
		take(&gate);
		ring[tail++ % SLOTS] = i;
		sem_post(&gate);
		sem_post(&items);
	}
	return unused;
}

static void *consume(void *unused)
{
	take(&turn);
	for (long i = 1; i <= each; i++) {
		take(&items);
		take(&gate);
		sum += ring[head++ % SLOTS];
		sem_post(&gate);
		sem_post(&slots);
	}
	return unused;
}

static void print_truth(const char *name, long count, int lock_like)
{
	printf("%s.waits %ld\n%s.posts %ld\n%s.lock_like %d\n", name, count, name, count, name,
	       lock_like);
}

int main(int argc, char **argv)
{
	int pairs = argc > 1 ? atoi(argv[1]) : 2;
	pthread_t thread[2 * MAX_PAIRS];

	each = argc > 2 ? atol(argv[2]) : 5000;
	if (pairs < 1 || pairs > MAX_PAIRS)
		return 2;
	if (sem_init(&slots, 0, SLOTS) || sem_init(&items, 0, 0) || sem_init(&gate, 0, 1) ||
	    sem_init(&turn, 0, 0))
		return 1;
	for (int i = 0; i < 2 * pairs; i++)
		if (pthread_create(&thread[i], NULL, i % 2 ? consume : produce, NULL))
			return 1;
	for (int i = 0; i < 2 * pairs; i++)
		sem_post(&turn);
	for (int i = 0; i < 2 * pairs; i++)
		pthread_join(thread[i], NULL);
	print_truth("slots", pairs * each, 0);
	print_truth("items", pairs * each, 0);
	print_truth("gate", 2 * pairs * each, 1);
	print_truth("turn", 2 * pairs, 0);
	return sum == pairs * (each * (each + 1) / 2) ? 0 : 1;
}
