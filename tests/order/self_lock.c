/* SPDX-License-Identifier: MIT */
/*
 * self_lock: a function takes a lock and calls another one that takes it, too. A plain mutex then
 * waits for its own holder; an error-checking one says EDEADLK.
 *
 * usage: self_lock plain|checking
 */
#include "scenario.h"

#include <errno.h>

static pthread_mutex_t cache_mu;
static int refused;

static void cache_remove(void)
{
	will_sleep(0);
	refused = pthread_mutex_lock(&cache_mu);
	if (!refused)
		pthread_mutex_unlock(&cache_mu);
}

static void *cache_trim(void *unused)
{
	pthread_mutex_lock(&cache_mu);
	cache_remove();
	pthread_mutex_unlock(&cache_mu);
	return unused;
}

int main(int argc, char **argv)
{
	int is_checking = argc > 1 && argv[1][0] == 'c';
	pthread_mutexattr_t attr;
	pthread_t thread;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr,
				  is_checking ? PTHREAD_MUTEX_ERRORCHECK : PTHREAD_MUTEX_NORMAL);
	if (pthread_mutex_init(&cache_mu, &attr))
		return 1;
	if (!is_checking)
		kill_when_asleep(2);
	thread = start("trimmer", cache_trim);
	will_sleep(1);
	finish(thread);
	return refused == EDEADLK ? 0 : 1;
}
