/* SPDX-License-Identifier: MIT */
/*
 * join_circle: three threads, each waiting for the next one's end. (Of two that do so the C library
 * refuses one.)
 */
#include "scenario.h"

static pthread_t thread[3];
static const char *const names[] = { "one", "two", "three" };

static void *await_next(int number)
{
	turn_await(1);
	will_sleep(number);
	pthread_join(thread[(number + 1) % 3], NULL);
	return NULL;
}

static void *await_two(void *unused)
{
	(void)unused;
	return await_next(0);
}

static void *await_three(void *unused)
{
	(void)unused;
	return await_next(1);
}

static void *await_one(void *unused)
{
	(void)unused;
	return await_next(2);
}

int main(void)
{
	void *(*const run[])(void *) = { await_two, await_three, await_one };

	kill_when_asleep(4);
	for (int i = 0; i < 3; i++)
		thread[i] = start(names[i], run[i]);
	turn_end();
	will_sleep(3);
	pause();
	return 0;
}
