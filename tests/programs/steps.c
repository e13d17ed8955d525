/* SPDX-License-Identifier: MIT */
/*
 * steps: does what it is told, line by line, so that somebody can change its recording in between.
 *
 * take N:  each of the threads takes the mutex N times
 * churn N: as many threads, N times over; each takes the mutex once
 * fork:    a child that does nothing as long as we live; its number is printed first
 *
 * When a line is done it prints the line. It ends with its input.
 *
 * usage: steps THREADS
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { THREADS_MAX = 256 };

static pthread_mutex_t steps_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t begin, end;
static volatile int times; /* changed between the barriers only */

static void take(int n)
{
	for (int i = 0; i < n; i++) {
		pthread_mutex_lock(&steps_mu);
		pthread_mutex_unlock(&steps_mu);
	}
}

static void *worker(void *unused)
{
	for (;;) {
		pthread_barrier_wait(&begin);
		if (times < 0)
			return unused;
		take(times);
		pthread_barrier_wait(&end);
	}
}

static void *visitor(void *unused)
{
	take(1);
	return unused;
}

static void all_take(int n)
{
	times = n;
	pthread_barrier_wait(&begin);
	if (n >= 0)
		pthread_barrier_wait(&end);
}

static void churn(pthread_t *thread, int threads, int n)
{
	for (int i = 0; i < n; i++) {
		for (int j = 0; j < threads; j++)
			if (pthread_create(&thread[j], NULL, visitor, NULL))
				exit(1);
		for (int j = 0; j < threads; j++)
			pthread_join(thread[j], NULL);
	}
}

static void make_child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		exit(1);
	if (pid) {
		printf("%d ", (int)pid);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int threads = argc == 2 ? atoi(argv[1]) : 0, n;
	pthread_t thread[THREADS_MAX], others[THREADS_MAX];
	char line[64];

	if (threads < 1 || threads > THREADS_MAX)
		return 2;
	pthread_barrier_init(&begin, NULL, (unsigned)threads + 1);
	pthread_barrier_init(&end, NULL, (unsigned)threads + 1);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, worker, NULL))
			return 1;
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "take %d", &n) == 1)
			all_take(n);
		else if (sscanf(line, "churn %d", &n) == 1)
			churn(others, threads, n);
		else if (strcmp(line, "fork\n") == 0)
			make_child();
		fputs(line, stdout);
		fflush(stdout);
	}
	all_take(-1);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
