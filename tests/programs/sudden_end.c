/* SPDX-License-Identifier: MIT */
/*
 * sudden_end: does something odd a fixed number of times, prints the numbers and kills itself.
 *
 * What was done before the kill was completed, so all of it must have been recorded, to the unit.
 *
 * pairs:   locks and unlocks one mutex.
 * chain:   goes along a chain of locks hand over hand, so that each is released before the one
 *          that was taken after it.
 * lives:   destroys a mutex and makes another at the same address, without an init call.
 * waits:   waits for a condition with a deadline that is over.
 * handler: a timer's handler takes a mutex while the thread is busy with another one and with a
 *          condition that nobody awaits, and a third one while it sleeps in sem_wait.
 *
 * usage: sudden_end MODE
 * keys:  those of the mode
 */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

enum {
	PAIRS = 1234,
	CHAIN = 8,
	ROUNDS = 100,
	LIVES = 3,
	WAITS = 1000,
	CALLS = 1000000,
	ASLEEP = 50
};

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t busy_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t asleep_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;

static void take(pthread_mutex_t *m, int times)
{
	for (int i = 0; i < times; i++) {
		pthread_mutex_lock(m);
		pthread_mutex_unlock(m);
	}
}

static void pairs(void)
{
	take(&mu, PAIRS);
	printf("pairs %d\n", PAIRS);
}

static void chain(void)
{
	static pthread_mutex_t link[CHAIN] = {
		[0 ... CHAIN - 1] = PTHREAD_MUTEX_INITIALIZER,
	};

	for (int round = 0; round < ROUNDS; round++) {
		pthread_mutex_lock(&link[0]);
		for (int i = 1; i < CHAIN; i++) {
			pthread_mutex_lock(&link[i]);
			pthread_mutex_unlock(&link[i - 1]);
		}
		pthread_mutex_unlock(&link[CHAIN - 1]);
	}
	printf("rounds %d\nlinks %d\n", ROUNDS, CHAIN);
}

static void lives(void)
{
	for (int life = 1; life <= LIVES; life++) {
		mu = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
		take(&mu, 100 * life);
		pthread_mutex_destroy(&mu);
	}
	printf("lives %d\n", LIVES);
}

/* Each ends one hold of the mutex and begins another. */
static void waits(void)
{
	static const struct timespec long_ago = { 1, 0 };

	pthread_mutex_lock(&mu);
	for (int i = 0; i < WAITS; i++)
		pthread_cond_timedwait(&cond, &mu, &long_ago);
	pthread_mutex_unlock(&mu);
	printf("waits %d\n", WAITS);
}

static volatile sig_atomic_t is_busy = 1, busy, asleep;

static void handle(int unused)
{
	(void)unused;
	if (is_busy) {
		take(&busy_mu, 1);
		busy++;
	} else {
		take(&asleep_mu, 1);
		asleep++;
	}
}

static void set_timer(int usec)
{
	struct itimerval every = { { 0, usec }, { 0, usec } };

	setitimer(ITIMER_REAL, &every, NULL);
}

static void handler(void)
{
	struct sigaction action = { .sa_handler = handle };

	sem_init(&sem, 0, 0);
	sigaction(SIGALRM, &action, NULL);
	set_timer(100);
	for (int i = 0; i < CALLS; i++) {
		take(&mu, 1);
		pthread_cond_signal(&cond);
	}
	set_timer(0);
	is_busy = 0;
	set_timer(2000);
	while (asleep < ASLEEP)
		sem_wait(&sem);
	set_timer(0);
	printf("calls %d\nbusy %d\nasleep %d\n", CALLS, busy, asleep);
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "pairs", pairs }, { "chain", chain },	    { "lives", lives },
	{ "waits", waits }, { "handler", handler },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		modes[i].run();
		fflush(stdout);
		raise(SIGKILL);
	}
	fprintf(stderr, "usage: sudden_end MODE\n");
	return 2;
}
