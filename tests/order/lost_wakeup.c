/* SPDX-License-Identifier: MIT */
/*
 * lost_wakeup: the signal is given while nobody waits yet, and the waiter does not look whether
 * what it waits for is there already. It waits for ever, and main for it.
 */
#include "scenario.h"

static pthread_mutex_t mail_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t mail_came = PTHREAD_COND_INITIALIZER;

static void *await_mail(void *unused)
{
	turn_await(1);
	pthread_mutex_lock(&mail_mu);
	will_sleep(0);
	pthread_cond_wait(&mail_came, &mail_mu);
	pthread_mutex_unlock(&mail_mu);
	return unused;
}

static void *bring_mail(void *unused)
{
	pthread_cond_signal(&mail_came);
	return unused;
}

int main(void)
{
	pthread_t reader;

	kill_when_asleep(2);
	reader = start("reader", await_mail);
	finish(start("postman", bring_mail));
	turn_end();
	will_sleep(1);
	finish(reader);
	return 0;
}
