/* SPDX-License-Identifier: MIT */
/*
 * gate_lock: two objects are locked in either order, but nobody locks two without world_mu.
 *
 * Each mover swaps two tiles of a board, one of them from left to right, the other from right to
 * left. Locking two tiles in opposite orders looks like a deadlock; but whoever wants two takes
 * world_mu first, and it keeps the movers apart.
 *
 * What lockprof shows: `order` finds nothing and says that one cycle was hidden by a gate lock;
 * --explain-hidden names world_mu and both orders. Without the gate it would be PREDICTED:
 * --careless leaves it out.
 *
 * usage: gate_lock [--careless] [moves]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t world_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t left_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t right_mu = PTHREAD_MUTEX_INITIALIZER;
static long left_moves, right_moves; /* guarded by both tiles' locks */
static atomic_int turn;		     /* who moves: one after the other, so that all runs end */
static long moves;
static int careless;

static void move_to_right(void)
{
	pthread_mutex_lock(&left_mu);
	pthread_mutex_lock(&right_mu);
	right_moves++;
	pthread_mutex_unlock(&right_mu);
	pthread_mutex_unlock(&left_mu);
}

static void move_to_left(void)
{
	pthread_mutex_lock(&right_mu);
	pthread_mutex_lock(&left_mu);
	left_moves++;
	pthread_mutex_unlock(&left_mu);
	pthread_mutex_unlock(&right_mu);
}

static void play(int number, void (*move)(void))
{
	for (long i = 0; i < moves; i++) {
		while (atomic_load(&turn) != number)
			sched_yield();
		if (!careless)
			pthread_mutex_lock(&world_mu);
		move();
		if (!careless)
			pthread_mutex_unlock(&world_mu);
		atomic_store(&turn, !number);
	}
}

static void *play_right(void *unused)
{
	pthread_setname_np(pthread_self(), "righter");
	play(0, move_to_right);
	return unused;
}

static void *play_left(void *unused)
{
	pthread_setname_np(pthread_self(), "lefter");
	play(1, move_to_left);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t righter, lefter;

	careless = argc > 1 && !strcmp(argv[1], "--careless");
	moves = argc > 1 + careless ? atol(argv[1 + careless]) : 500;
	if (pthread_create(&righter, NULL, play_right, NULL) ||
	    pthread_create(&lefter, NULL, play_left, NULL))
		return 1;
	pthread_join(righter, NULL);
	pthread_join(lefter, NULL);
	printf("gate_lock: %ld moves\n", left_moves + right_moves);
	return left_moves + right_moves == 2 * moves ? 0 : 1;
}
