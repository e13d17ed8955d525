/* SPDX-License-Identifier: MIT */
/*
 * old_cond: the conditions of LinuxThreads, as a program linked twenty years ago calls them
 *
 * pthread_cond_*@GLIBC_2.2.5 keep a pointer where today's keep 48 bytes. Whoever answers for them
 * with today's functions writes over what comes next; so that is looked at after every call.
 * x86-64 only.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define OLD(fn) __asm__(".symver old_" #fn ", " #fn "@GLIBC_2.2.5")
OLD(pthread_cond_init);
OLD(pthread_cond_destroy);
OLD(pthread_cond_wait);
OLD(pthread_cond_timedwait);
OLD(pthread_cond_signal);
OLD(pthread_cond_broadcast);
extern __typeof__(pthread_cond_init) old_pthread_cond_init;
extern __typeof__(pthread_cond_destroy) old_pthread_cond_destroy;
extern __typeof__(pthread_cond_wait) old_pthread_cond_wait;
extern __typeof__(pthread_cond_timedwait) old_pthread_cond_timedwait;
extern __typeof__(pthread_cond_signal) old_pthread_cond_signal;
extern __typeof__(pthread_cond_broadcast) old_pthread_cond_broadcast;

enum { POINTER = 8, TODAY = 48 };

static union {
	pthread_cond_t cond;
	unsigned char byte[TODAY];
} old;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static int stage;

static void say(const char *call, int result)
{
	int changed = 0;

	for (int i = POINTER; i < TODAY; i++)
		changed += old.byte[i] != 0xaa;
	printf("%s -> %d, %d bytes beyond are changed\n", call, result, changed);
}

static void *answer(void *unused)
{
	pthread_mutex_lock(&mu);
	stage = 1;
	old_pthread_cond_signal(&old.cond);
	while (stage != 2)
		old_pthread_cond_wait(&old.cond, &mu);
	stage = 3;
	old_pthread_cond_broadcast(&old.cond);
	pthread_mutex_unlock(&mu);
	return unused;
}

int main(void)
{
	static const struct timespec long_ago = { 1, 0 };
	pthread_t thread;

	memset(&old, 0xaa, sizeof(old));
	say("init", old_pthread_cond_init(&old.cond, NULL));
	pthread_mutex_lock(&mu);
	say("timedwait", old_pthread_cond_timedwait(&old.cond, &mu, &long_ago) == ETIMEDOUT);
	pthread_create(&thread, NULL, answer, NULL);
	while (stage != 1)
		say("wait", old_pthread_cond_wait(&old.cond, &mu));
	stage = 2;
	say("signal", old_pthread_cond_signal(&old.cond));
	while (stage != 3)
		say("wait", old_pthread_cond_wait(&old.cond, &mu));
	say("broadcast", old_pthread_cond_broadcast(&old.cond));
	pthread_mutex_unlock(&mu);
	pthread_join(thread, NULL);
	say("destroy", old_pthread_cond_destroy(&old.cond));
	return 0;
}
