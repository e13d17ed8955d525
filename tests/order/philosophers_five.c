/* SPDX-License-Identifier: MIT */
/*
 * philosophers_five: each takes the left fork, then the right one, one philosopher after the other.
 * No two of them can block each other, all five can.
 */
#include "scenario.h"

#include <stdint.h>

#define SEATS 5

static pthread_mutex_t fork_mu[SEATS] = { [0 ... SEATS - 1] = PTHREAD_MUTEX_INITIALIZER };

static void *dine(void *arg)
{
	int seat = (int)(intptr_t)arg;
	char name[32];

	snprintf(name, sizeof(name), "philosopher-%d", seat);
	pthread_setname_np(pthread_self(), name);
	turn_await(seat);
	pthread_mutex_lock(&fork_mu[seat]);
	pthread_mutex_lock(&fork_mu[(seat + 1) % SEATS]);
	pthread_mutex_unlock(&fork_mu[(seat + 1) % SEATS]);
	pthread_mutex_unlock(&fork_mu[seat]);
	turn_end();
	return NULL;
}

int main(void)
{
	pthread_t thread[SEATS];

	for (intptr_t i = 0; i < SEATS; i++)
		if (pthread_create(&thread[i], NULL, dine, (void *)i))
			return 1;
	for (int i = 0; i < SEATS; i++)
		finish(thread[i]);
	return 0;
}
