/* SPDX-License-Identifier: MIT */
/*
 * idle: what a thread weighs that has taken a lock once
 *
 *	idle THREADS
 *
 * Prints the resident size of the process in kB while all of them sleep.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t all_here;

static void *sleeper(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	pthread_barrier_wait(&all_here);
	pause();
	return arg;
}

int main(int argc, char **argv)
{
	unsigned int nr = argc > 1 ? (unsigned int)atoi(argv[1]) : 1;
	char line[256];
	pthread_t thread;
	FILE *f;

	pthread_barrier_init(&all_here, NULL, nr + 1);
	for (unsigned int i = 0; i < nr; i++)
		if (pthread_create(&thread, NULL, sleeper, NULL))
			return 1;
	pthread_barrier_wait(&all_here);
	f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmRSS:", 6))
			printf("%ld\n", atol(line + 6));
	return 0;
}
