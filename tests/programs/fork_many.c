/* SPDX-License-Identifier: MIT */
/*
 * fork_many: a process with threads forks children that take locks too.
 *
 * The parent takes family_mu in a second thread all the while. Each child takes child_mu
 * `iterations` times in its first thread, then again as often in a thread that it starts, and ends:
 * by exit() when its number is even, by _exit() when it is odd. Child c adds c to the iterations.
 * With -h the forking thread holds held_mu across every fork, and both sides release it.
 * With -g every child forks one grandchild, which takes child_mu `iterations` times.
 *
 * usage: fork_many [-h] [-g] [children] [iterations]
 * keys:  processes child.N.acquisitions ... grandchild.acquisitions (of each) family_mu held_mu
 *        acquisitions (of all processes together)
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t family_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t child_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t held_mu = PTHREAD_MUTEX_INITIALIZER;
static atomic_int closing;
static long family;
static long iterations = 1000;
static int hold, grandchildren;

static void *take_child_mu(void *count)
{
	for (long i = 0; i < *(long *)count; i++) {
		pthread_mutex_lock(&child_mu);
		pthread_mutex_unlock(&child_mu);
	}
	return NULL;
}

static void *take_family_mu(void *unused)
{
	while (!atomic_load(&closing)) {
		pthread_mutex_lock(&family_mu);
		family++;
		pthread_mutex_unlock(&family_mu);
		usleep(100);
	}
	return unused;
}

static int reap(pid_t pid)
{
	int status = 1;

	return pid > 0 && waitpid(pid, &status, 0) == pid && !status ? 0 : 1;
}

/* What a child does after the fork; its exit status. */
static int live(long count)
{
	pthread_t thread;
	pid_t pid;

	take_child_mu(&count);
	if (pthread_create(&thread, NULL, take_child_mu, &count))
		return 1;
	pthread_join(thread, NULL);
	if (!grandchildren)
		return 0;
	pid = fork();
	if (pid)
		return reap(pid);
	take_child_mu(&iterations);
	_exit(0);
}

static int beget(int number)
{
	pid_t pid;

	if (hold)
		pthread_mutex_lock(&held_mu);
	pid = fork();
	if (hold)
		pthread_mutex_unlock(&held_mu);
	if (!pid) {
		int status = live(iterations + number);

		if (number % 2)
			_exit(status);
		exit(status);
	}
	return reap(pid);
}

static void print_truth(int children)
{
	long sum = family + hold * children;

	printf("processes %d\n", 1 + children * (1 + grandchildren));
	for (int i = 1; i <= children; i++) {
		printf("child.%d.acquisitions %ld\n", i, 2 * (iterations + i));
		sum += 2 * (iterations + i) + grandchildren * iterations;
	}
	printf("grandchild.acquisitions %ld\n", grandchildren * iterations);
	printf("family_mu %ld\nheld_mu %d\nacquisitions %ld\n", family, hold * children, sum);
}

int main(int argc, char **argv)
{
	int option, children, failed = 0;
	pthread_t thread;

	while ((option = getopt(argc, argv, "hg")) != -1) {
		hold |= option == 'h';
		grandchildren |= option == 'g';
	}
	children = argc > optind ? atoi(argv[optind]) : 5;
	iterations = argc > optind + 1 ? atol(argv[optind + 1]) : iterations;
	if (pthread_create(&thread, NULL, take_family_mu, NULL))
		return 1;
	for (int i = 1; i <= children; i++)
		failed |= beget(i);
	atomic_store(&closing, 1);
	pthread_join(thread, NULL);
	print_truth(children);
	return failed;
}
