/* SPDX-License-Identifier: MIT */
/*
 * exited_owner: a thread ends early and forgets the lock that it holds. The next one waits for a
 * lock that nobody will ever release.
 */
#include "scenario.h"

static pthread_mutex_t state_mu = PTHREAD_MUTEX_INITIALIZER;

static void *forget_unlock(void *unused)
{
	pthread_mutex_lock(&state_mu);
	return unused;
}

static void *read_state(void *unused)
{
	will_sleep(0);
	pthread_mutex_lock(&state_mu);
	pthread_mutex_unlock(&state_mu);
	return unused;
}

int main(void)
{
	pthread_t reader;

	kill_when_asleep(2);
	finish(start("hasty", forget_unlock));
	reader = start("reader", read_state);
	will_sleep(1);
	finish(reader);
	return 0;
}
