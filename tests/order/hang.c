/* SPDX-License-Identifier: MIT */
/*
 * hang: it happens. Both threads hold their first lock before either asks for its second one; a
 * third thread wants one of the locks as well and stands behind them. When all three sleep, the
 * program kills itself. With "wait" it does not: the test looks at it as it hangs. Before that, the
 * order of the first thread went well once.
 */
#include "scenario.h"

static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;

static void *take_a_then_b(void *unused)
{
	for (int i = 0; i < 2; i++) {
		pthread_mutex_lock(&a_mu);
		turn_end();
		turn_await(3 * i);
		if (i)
			will_sleep(0);
		pthread_mutex_lock(&b_mu);
		pthread_mutex_unlock(&b_mu);
		pthread_mutex_unlock(&a_mu);
	}
	return unused;
}

static void *take_b_then_a(void *unused)
{
	turn_await(2);
	pthread_mutex_lock(&b_mu);
	turn_end();
	will_sleep(1);
	pthread_mutex_lock(&a_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_unlock(&b_mu);
	return unused;
}

static void *take_b(void *unused)
{
	turn_await(3);
	will_sleep(2);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&b_mu);
	return unused;
}

int main(int argc, char **argv)
{
	start("one", take_a_then_b);
	start("two", take_b_then_a);
	start("three", take_b);
	if (argc <= 1 || strcmp(argv[1], "wait") != 0)
		kill_hanging(3);
	for (int i = 0; i < 3; i++)
		await_sleep(i);
	puts("hanging");
	fflush(stdout);
	for (;;)
		pause();
}
