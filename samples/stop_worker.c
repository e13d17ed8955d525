/* SPDX-License-Identifier: MIT */
/*
 * stop_worker: a service is stopped with its lock held, and waits for a worker that needs the lock.
 *
 * service_stop() takes service_mu, tells the worker to end and joins it, so that nobody sees a
 * service that is half stopped. The worker takes service_mu for each job. In this run it has just
 * done its last job when the service is stopped; a moment earlier, and both wait for ever.
 *
 * What lockprof shows: `order` says PREDICTED. One side of the circle is no lock but the worker's
 * end: main holds service_mu and waits for it, the worker has it and wants service_mu.
 *
 * usage: stop_worker [jobs]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t service_mu = PTHREAD_MUTEX_INITIALIZER;
static long jobs_done; /* guarded by service_mu */
static int is_stopped; /* guarded by service_mu */
static atomic_int is_idle;
static long jobs;

static void do_job(void)
{
	pthread_mutex_lock(&service_mu);
	jobs_done++;
	pthread_mutex_unlock(&service_mu);
}

static void *work(void *unused)
{
	pthread_setname_np(pthread_self(), "worker");
	for (long i = 0; i < jobs; i++)
		do_job();
	atomic_store(&is_idle, 1);
	return unused;
}

static void service_stop(pthread_t worker)
{
	pthread_mutex_lock(&service_mu);
	pthread_join(worker, NULL);
	is_stopped = 1;
	pthread_mutex_unlock(&service_mu);
}

int main(int argc, char **argv)
{
	pthread_t worker;

	jobs = argc > 1 ? atol(argv[1]) : 1000;
	if (pthread_create(&worker, NULL, work, NULL))
		return 1;
	while (!atomic_load(&is_idle))
		sched_yield();
	service_stop(worker);
	printf("stop_worker: %ld jobs\n", jobs_done);
	return is_stopped && jobs_done == jobs ? 0 : 1;
}
