/* SPDX-License-Identifier: MIT */
/*
 * exec_chain: a program that replaces itself by itself, again and again, with one pid throughout.
 *
 * Every link of the chain starts two threads that take chain_mu `iterations` times each, joins
 * them, prints its count and executes /proc/self/exe with one link less. The links differ in
 * their counts (link n adds n to the iterations), so that a test can tell which is which.
 *
 * usage: exec_chain [links] [iterations]
 * keys:  link.N.acquisitions, from link.LINKS to link.1
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 2

static pthread_mutex_t chain_mu = PTHREAD_MUTEX_INITIALIZER;
static long acquisitions;

static void *run(void *iterations)
{
	for (long i = 0; i < *(long *)iterations; i++) {
		pthread_mutex_lock(&chain_mu);
		acquisitions++;
		pthread_mutex_unlock(&chain_mu);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int link = argc > 1 ? atoi(argv[1]) : 3;
	long base = argc > 2 ? atol(argv[2]) : 1000, iterations = base + link;
	char next[16], same[32];
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, run, &iterations))
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("link.%d.acquisitions %ld\n", link, acquisitions);
	fflush(stdout);
	if (link <= 1)
		return 0;
	snprintf(next, sizeof(next), "%d", link - 1);
	snprintf(same, sizeof(same), "%ld", base);
	execl("/proc/self/exe", argv[0], next, same, (char *)NULL);
	perror("execl");
	return 1;
}
