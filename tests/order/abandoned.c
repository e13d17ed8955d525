/* SPDX-License-Identifier: MIT */
/* abandoned: a thread ends with a lock in hand that main has used before. Nobody asks for it later.
 */
#include "scenario.h"

static pthread_mutex_t state_mu = PTHREAD_MUTEX_INITIALIZER;

static void *forget_unlock(void *unused)
{
	pthread_mutex_lock(&state_mu);
	return unused;
}

int main(void)
{
	pthread_mutex_lock(&state_mu);
	pthread_mutex_unlock(&state_mu);
	finish(start("hasty", forget_unlock));
	return 0;
}
