/* SPDX-License-Identifier: MIT */
/*
 * thread_pool: workers fetch jobs from one queue; the jobs are too small for it.
 *
 * main puts all jobs in, each worker takes one at a time under jobs_mu, runs it (about a
 * microsecond), and counts it under done_mu. The last job wakes main.
 *
 * What lockprof shows: jobs_mu and done_mu side by side at the top of the table of locks, both
 * taken once or more per job by pool-N. The holds are short, but so are the jobs: the
 * workers stand in a queue for the queue. Blame is spread over the pool-N threads, at run_jobs().
 * The cure is to take several jobs at a time, or a queue per worker (see work_stealing).
 *
 * usage: thread_pool [threads] [jobs]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_THREADS 64

static pthread_mutex_t jobs_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t jobs_ready = PTHREAD_COND_INITIALIZER;
static long jobs_waiting;
static int closing;

static pthread_mutex_t done_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_done = PTHREAD_COND_INITIALIZER;
static long jobs_done;

/* About a nanosecond a round: each multiplication waits for the one before. */
static void work(int rounds)
{
	for (unsigned int x = 1; rounds > 0; rounds--) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
}

static int fetch_job(void)
{
	int found;

	pthread_mutex_lock(&jobs_mu);
	while (!jobs_waiting && !closing)
		pthread_cond_wait(&jobs_ready, &jobs_mu);
	found = jobs_waiting > 0;
	jobs_waiting -= found;
	pthread_mutex_unlock(&jobs_mu);
	return found;
}

static void finish_job(long all)
{
	pthread_mutex_lock(&done_mu);
	if (++jobs_done == all)
		pthread_cond_signal(&all_done);
	pthread_mutex_unlock(&done_mu);
}

struct worker {
	pthread_t thread;
	int number;
	long all;
};

static void *run_jobs(void *arg)
{
	struct worker *self = arg;
	char name[32];

	snprintf(name, sizeof(name), "pool-%d", self->number);
	pthread_setname_np(pthread_self(), name);
	while (fetch_job()) {
		work(500);
		finish_job(self->all);
	}
	return NULL;
}

static void submit(long jobs, int last)
{
	pthread_mutex_lock(&jobs_mu);
	jobs_waiting += jobs;
	closing = last;
	pthread_cond_broadcast(&jobs_ready);
	pthread_mutex_unlock(&jobs_mu);
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4;
	long jobs = argc > 2 ? atol(argv[2]) : 800000;
	struct worker worker[MAX_THREADS];

	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	for (int i = 0; i < threads; i++) {
		worker[i] = (struct worker){ .number = i + 1, .all = jobs };
		if (pthread_create(&worker[i].thread, NULL, run_jobs, &worker[i]))
			return 1;
	}
	submit(jobs, 0);
	pthread_mutex_lock(&done_mu);
	while (jobs_done < jobs)
		pthread_cond_wait(&all_done, &done_mu);
	pthread_mutex_unlock(&done_mu);
	submit(0, 1);
	for (int i = 0; i < threads; i++)
		pthread_join(worker[i].thread, NULL);
	printf("thread_pool: %ld jobs done\n", jobs_done);
	return 0;
}
