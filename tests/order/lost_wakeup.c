/* SPDX-License-Identifier: MIT */
/*
 * lost_wakeup: the signal is given while nobody waits yet, and the waiter does not look whether
 * what it waits for is there already. It waits for ever, and main for it. With "timed" it has a
 * deadline, and the wait will end.
 */
#include "scenario.h"

#include <time.h>

static pthread_mutex_t mail_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t mail_came = PTHREAD_COND_INITIALIZER;

static bool is_timed;

static void *await_mail(void *unused)
{
	struct timespec later;

	clock_gettime(CLOCK_REALTIME, &later);
	later.tv_sec += 60;
	turn_await(1);
	pthread_mutex_lock(&mail_mu);
	will_sleep(0);
	if (is_timed)
		pthread_cond_timedwait(&mail_came, &mail_mu, &later);
	else
		pthread_cond_wait(&mail_came, &mail_mu);
	pthread_mutex_unlock(&mail_mu);
	return unused;
}

static void *bring_mail(void *unused)
{
	pthread_cond_signal(&mail_came);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t reader;

	is_timed = argc > 1 && !strcmp(argv[1], "timed");
	kill_when_asleep(2);
	reader = start("reader", await_mail);
	finish(start("postman", bring_mail));
	turn_end();
	will_sleep(1);
	finish(reader);
	return 0;
}
