/* SPDX-License-Identifier: MIT */
/*
 * exact_mutex: T threads, N iterations each, over K mutexes, counted under the locks themselves.
 *
 * Flat: iteration i of thread t takes mu[(t + i) % K]. Nested (-n): the same with `outer` held
 * around it, so that each iteration is two acquisitions. The counts are kept in plain variables
 * that the locks guard, and checked against arithmetic before they are printed.
 *
 * usage: exact_mutex [-t threads] [-i iterations] [-k locks] [-n]
 * keys:  threads iterations locks nested acquisitions outer mu[0] ... mu[K-1]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 256
#define MAX_LOCKS   1024

static pthread_mutex_t mu[MAX_LOCKS] = { [0 ... MAX_LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER };
static pthread_mutex_t outer = PTHREAD_MUTEX_INITIALIZER;
static long taken[MAX_LOCKS];
static long outer_taken;
static long iterations = 10000;
static int threads = 4, locks = 4, nested;

static void take(int which)
{
	pthread_mutex_lock(&mu[which]);
	taken[which]++;
	pthread_mutex_unlock(&mu[which]);
}

static void *run(void *arg)
{
	long self = (intptr_t)arg;

	for (long i = 0; i < iterations; i++) {
		if (nested) {
			pthread_mutex_lock(&outer);
			outer_taken++;
		}
		take((int)((self + i) % locks));
		if (nested)
			pthread_mutex_unlock(&outer);
	}
	return NULL;
}

static int usage(void)
{
	fprintf(stderr, "usage: exact_mutex [-t threads] [-i iterations] [-k locks] [-n]\n");
	return 2;
}

static int print_truth(void)
{
	long sum = outer_taken;

	for (int k = 0; k < locks; k++)
		sum += taken[k];
	printf("threads %d\niterations %ld\nlocks %d\nnested %d\n", threads, iterations, locks,
	       nested);
	printf("acquisitions %ld\nouter %ld\n", sum, outer_taken);
	for (int k = 0; k < locks; k++)
		printf("mu[%d] %ld\n", k, taken[k]);
	return sum == threads * iterations * (1 + nested) ? 0 : 1;
}

int main(int argc, char **argv)
{
	pthread_t thread[MAX_THREADS];
	int option;

	while ((option = getopt(argc, argv, "t:i:k:n")) != -1) {
		if (option == 't')
			threads = atoi(optarg);
		else if (option == 'i')
			iterations = atol(optarg);
		else if (option == 'k')
			locks = atoi(optarg);
		else if (option == 'n')
			nested = 1;
		else
			return usage();
	}
	if (threads < 1 || threads > MAX_THREADS || locks < 1 || locks > MAX_LOCKS)
		return usage();
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, run, (void *)(intptr_t)i))
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return print_truth();
}
