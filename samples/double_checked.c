/* SPDX-License-Identifier: MIT */
/*
 * double_checked: look first, lock only when there is nothing yet.
 *
 * get_config() reads an atomic pointer; only a thread that finds it empty takes init_mu, looks
 * again, and loads the configuration (200 ms). All threads start together, so that all of them
 * come while it is loading; afterwards each calls get_config() two million times.
 *
 * What lockprof shows: init_mu is taken once by each thread that came too early (4 by default)
 * and never again, whatever the number of calls. Three of them waited about 200 ms each; nearly all
 * of that is charged to the one user-N that was first, in get_config(), where it took the lock:
 * what it did meanwhile, load_config(), stands in the source. A single expensive wait at the start
 * is what this pattern costs, and it is all it costs.
 *
 * usage: double_checked [threads] [calls]
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 64

static pthread_mutex_t init_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t start;
static _Atomic(const int *) config;
static atomic_int loads;
static long calls;

static const int *load_config(void)
{
	static const int loaded = 42;

	atomic_fetch_add(&loads, 1);
	usleep(200000);
	return &loaded;
}

static int get_config(void)
{
	const int *found = atomic_load_explicit(&config, memory_order_acquire);

	if (found)
		return *found;
	pthread_mutex_lock(&init_mu);
	found = atomic_load_explicit(&config, memory_order_relaxed);
	if (!found) {
		found = load_config();
		atomic_store_explicit(&config, found, memory_order_release);
	}
	pthread_mutex_unlock(&init_mu);
	return *found;
}

static void *use(void *arg)
{
	char name[32];
	intptr_t sum = 0;

	snprintf(name, sizeof(name), "user-%d", (int)(intptr_t)arg);
	pthread_setname_np(pthread_self(), name);
	pthread_barrier_wait(&start);
	for (long i = 0; i < calls; i++)
		sum += get_config();
	return (void *)sum;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4;
	pthread_t thread[MAX_THREADS];
	long sum = 0;

	calls = argc > 2 ? atol(argv[2]) : 2000000;
	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	pthread_barrier_init(&start, NULL, (unsigned int)threads);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, use, (void *)(intptr_t)(i + 1)))
			return 1;
	for (int i = 0; i < threads; i++) {
		void *part;

		pthread_join(thread[i], &part);
		sum += (intptr_t)part;
	}
	pthread_barrier_destroy(&start);
	printf("double_checked: loaded %d time, sum %ld\n", atomic_load(&loads), sum);
	return atomic_load(&loads) == 1 && sum == 42 * threads * calls ? 0 : 1;
}
