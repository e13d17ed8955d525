/* SPDX-License-Identifier: MIT */
/*
 * nested_monitor: a thread sleeps on a condition with a second lock held, and who shall wake it
 * needs that lock.
 *
 * A device sends by its own lock: device_mu, then the queue's queue_mu, and when the queue is full
 * it waits on queue_drained. That wait gives queue_mu away, but not device_mu. The driver drains
 * the queue; now and then it resets the device first, under device_mu. In this run the resets come
 * while nobody waits.
 *
 * What lockprof shows: `order` says COMM-PREDICTED: a circle that is not made of locks alone. The
 * sender holds device_mu and waits for a signal of queue_drained, which only the driver gives; the
 * driver wants device_mu on its way there.
 *
 * usage: nested_monitor [messages]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define QUEUE_SLOTS 4

static pthread_mutex_t device_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t queue_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_drained = PTHREAD_COND_INITIALIZER;
static long queued, sent, drained; /* guarded by queue_mu */
static long resets;		   /* guarded by device_mu */
static atomic_int is_waiting, all_sent;
static long messages;

static void device_send(void)
{
	pthread_mutex_lock(&device_mu);
	pthread_mutex_lock(&queue_mu);
	while (queued == QUEUE_SLOTS) {
		atomic_store(&is_waiting, 1);
		pthread_cond_wait(&queue_drained, &queue_mu);
	}
	queued++;
	sent++;
	pthread_mutex_unlock(&queue_mu);
	pthread_mutex_unlock(&device_mu);
}

static void queue_drain(void)
{
	pthread_mutex_lock(&queue_mu);
	drained += queued;
	queued = 0;
	atomic_store(&is_waiting, 0);
	pthread_cond_signal(&queue_drained);
	pthread_mutex_unlock(&queue_mu);
}

static void device_reset(void)
{
	pthread_mutex_lock(&device_mu);
	resets++;
	queue_drain();
	pthread_mutex_unlock(&device_mu);
}

static void *send_all(void *unused)
{
	pthread_setname_np(pthread_self(), "sender");
	for (long i = 0; i < messages; i++)
		device_send();
	atomic_store(&all_sent, 1);
	return unused;
}

static void *drive(void *unused)
{
	pthread_setname_np(pthread_self(), "driver");
	while (!atomic_load(&all_sent)) {
		if (atomic_load(&is_waiting))
			queue_drain();
		sched_yield();
	}
	device_reset();
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t sender, driver;

	messages = argc > 1 ? atol(argv[1]) : 100;
	if (pthread_create(&sender, NULL, send_all, NULL) ||
	    pthread_create(&driver, NULL, drive, NULL))
		return 1;
	pthread_join(sender, NULL);
	pthread_join(driver, NULL);
	printf("nested_monitor: %ld messages\n", drained);
	return sent == messages && drained == messages && resets == 1 ? 0 : 1;
}
