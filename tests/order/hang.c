/* SPDX-License-Identifier: MIT */
/*
 * hang: it happens. Both threads hold their first lock before either asks for its second one; a
 * third thread wants one of the locks as well and stands behind them, and main waits for the first
 * one's end. When all sleep, the program is killed; with "wait" it says so instead, and a test can
 * look at it. Before that, the order of the first thread went well once.
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

static void say_hanging(void)
{
	pid_t program = getpid();

	if (fork())
		return;
	for (int i = 0; i < 4; i++)
		await_sleep(program, i);
	puts("hanging");
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	pthread_t one;

	if (argc > 1 && !strcmp(argv[1], "wait"))
		say_hanging();
	else
		kill_when_asleep(4);
	one = start("one", take_a_then_b);
	start("two", take_b_then_a);
	start("three", take_b);
	will_sleep(3);
	finish(one);
	return 0;
}
