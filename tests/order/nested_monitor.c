/* SPDX-License-Identifier: MIT */
/*
 * nested_monitor: the consumer sleeps on a condition, which gives its mutex away but not the outer
 * lock that it holds as well. Whoever shall wake it goes through that outer lock at another time:
 * then neither comes on.
 */
#include "scenario.h"

static pthread_mutex_t outer_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t queue_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_filled = PTHREAD_COND_INITIALIZER;
static int filled; /* guarded by queue_mu */

static void *consume(void *unused)
{
	pthread_mutex_lock(&outer_mu);
	pthread_mutex_lock(&queue_mu);
	turn_end();
	while (!filled)
		pthread_cond_wait(&queue_filled, &queue_mu);
	filled = 0;
	pthread_mutex_unlock(&queue_mu);
	pthread_mutex_unlock(&outer_mu);
	turn_end();
	return unused;
}

static void fill_queue(void)
{
	pthread_mutex_lock(&queue_mu);
	filled = 1;
	pthread_cond_signal(&queue_filled);
	pthread_mutex_unlock(&queue_mu);
}

static void *produce(void *unused)
{
	turn_await(1);
	fill_queue();
	turn_await(2);
	pthread_mutex_lock(&outer_mu);
	fill_queue();
	pthread_mutex_unlock(&outer_mu);
	return unused;
}

int main(void)
{
	pthread_t consumer = start("consumer", consume), producer = start("producer", produce);

	finish(consumer);
	finish(producer);
	return 0;
}
