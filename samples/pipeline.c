/* SPDX-License-Identifier: MIT */
/*
 * pipeline: three stages in a row, joined by two queues; the middle stage is the slow one.
 *
 * reader -> queue parsed -> transformer -> queue done -> writer. Each queue has a mutex of its own
 * and two condition variables. The transformer works five times as long on an item as the others.
 *
 * What lockprof shows: the locks parsed.mu and done.mu are almost never contended, and yet threads
 * sleep all the time: the table of condition waits has reader at parsed.room (the queue before
 * the slow stage is full) and writer at done.data (the queue after it is empty). Full before and
 * empty after: transformer is the bottleneck, and no lock is to blame.
 *
 * usage: pipeline [items]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS 8

struct queue {
	pthread_mutex_t mu;
	pthread_cond_t room;
	pthread_cond_t data;
	long slot[SLOTS];
	int head, used;
};

#define QUEUE_INITIALIZER                                                          \
	{                                                                          \
		.mu = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER, \
		.data = PTHREAD_COND_INITIALIZER                                   \
	}

static struct queue parsed = QUEUE_INITIALIZER;
static struct queue done = QUEUE_INITIALIZER;
static long items;

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static void queue_put(struct queue *q, long item)
{
	pthread_mutex_lock(&q->mu);
	while (q->used == SLOTS)
		pthread_cond_wait(&q->room, &q->mu);
	q->slot[(q->head + q->used++) % SLOTS] = item;
	pthread_cond_signal(&q->data);
	pthread_mutex_unlock(&q->mu);
}

static long queue_take(struct queue *q)
{
	long item;

	pthread_mutex_lock(&q->mu);
	while (q->used == 0)
		pthread_cond_wait(&q->data, &q->mu);
	item = q->slot[q->head];
	q->head = (q->head + 1) % SLOTS;
	q->used--;
	pthread_cond_signal(&q->room);
	pthread_mutex_unlock(&q->mu);
	return item;
}

static void *read_items(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "reader");
	for (long i = 1; i <= items; i++) {
		work(10000);
		queue_put(&parsed, i);
	}
	return NULL;
}

static void *transform_items(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "transformer");
	for (long i = 0; i < items; i++) {
		long item = queue_take(&parsed);

		work(50000);
		queue_put(&done, item * 2);
	}
	return NULL;
}

static void *write_items(void *sum)
{
	pthread_setname_np(pthread_self(), "writer");
	for (long i = 0; i < items; i++) {
		*(long *)sum += queue_take(&done);
		work(10000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t reader, transformer, writer;
	long sum = 0;

	items = argc > 1 ? atol(argv[1]) : 8000;
	if (pthread_create(&reader, NULL, read_items, NULL) ||
	    pthread_create(&transformer, NULL, transform_items, NULL) ||
	    pthread_create(&writer, NULL, write_items, &sum))
		return 1;
	pthread_join(reader, NULL);
	pthread_join(transformer, NULL);
	pthread_join(writer, NULL);
	printf("pipeline: %ld items, sum %ld\n", items, sum);
	return sum == items * (items + 1) ? 0 : 1;
}
