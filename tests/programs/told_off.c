/* SPDX-License-Identifier: MIT */
/*
 * told_off: recording is switched off and on while locks of all kinds are held
 *
 * Each kind of lock goes through the same steps; waits and threads have steps of their own. What is
 * in the trace in the end is printed: "expect NAME n" acquisitions of the lock of that name, and
 * "foreign n" releases by threads that did not acquire.
 *
 * steps:  everything, then return.
 * grow:   takes all kinds of locks while recording is off, N times, contended too. Prints nothing.
 * held:   holds one of each and waits for a condition with recording off, prints "ready 1" and stays.
 *
 * usage: told_off steps|held | told_off grow N
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "preload/lockprof.h"

enum { A, B, C, LOCKS, DEEP = 80 };

union lock {
	pthread_mutex_t mutex;
	pthread_rwlock_t rwlock;
	pthread_spinlock_t spin;
	sem_t sem;
	atomic_flag own;
};

struct kind {
	const char *name;
	unsigned int number; /* LOCKPROF_MUTEX, ... */
	void (*init)(union lock *l);
	void (*lock)(union lock *l);
	void (*unlock)(union lock *l);
	int type, robust, protocol; /* of mutexes */
};

static const struct kind *kind_now;

static void mutex_init(union lock *l)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, kind_now->type);
	pthread_mutexattr_setrobust(&attr, kind_now->robust);
	pthread_mutexattr_setprotocol(&attr, kind_now->protocol);
	pthread_mutex_init(&l->mutex, &attr);
}

static void mutex_lock(union lock *l)
{
	pthread_mutex_lock(&l->mutex);
}

static void mutex_try(union lock *l)
{
	pthread_mutex_trylock(&l->mutex);
}

static void mutex_timed(union lock *l)
{
	const struct timespec far = { INT32_MAX, 0 };

	pthread_mutex_timedlock(&l->mutex, &far);
}

static void mutex_twice(union lock *l)
{
	pthread_mutex_lock(&l->mutex);
	pthread_mutex_lock(&l->mutex);
	pthread_mutex_unlock(&l->mutex);
}

static void mutex_unlock(union lock *l)
{
	pthread_mutex_unlock(&l->mutex);
}

static void rwlock_init(union lock *l)
{
	pthread_rwlock_init(&l->rwlock, NULL);
}

static void rwlock_read(union lock *l)
{
	pthread_rwlock_rdlock(&l->rwlock);
}

static void rwlock_write(union lock *l)
{
	pthread_rwlock_wrlock(&l->rwlock);
}

static void rwlock_unlock(union lock *l)
{
	pthread_rwlock_unlock(&l->rwlock);
}

static void spin_init(union lock *l)
{
	pthread_spin_init(&l->spin, PTHREAD_PROCESS_PRIVATE);
}

static void spin_lock(union lock *l)
{
	pthread_spin_lock(&l->spin);
}

static void spin_unlock(union lock *l)
{
	pthread_spin_unlock(&l->spin);
}

static void semaphore_init(union lock *l)
{
	sem_init(&l->sem, 0, 1);
}

static void semaphore_wait(union lock *l)
{
	sem_wait(&l->sem);
}

static void semaphore_post(union lock *l)
{
	sem_post(&l->sem);
}

static void own_init(union lock *l)
{
	atomic_flag_clear(&l->own);
}

static void own_lock(union lock *l)
{
	if (atomic_flag_test_and_set(&l->own)) {
		lockprof_lock_wait(l, 0, NULL);
		while (atomic_flag_test_and_set(&l->own))
			;
	}
	lockprof_lock_acquired(l, 0, NULL);
}

static void own_read(union lock *l)
{
	lockprof_lock_acquired(l, LOCKPROF_SHARED, NULL);
}

static void own_unlock(union lock *l)
{
	lockprof_lock_release(l);
	atomic_flag_clear(&l->own);
}

#define MUTEX LOCKPROF_MUTEX, mutex_init
static const struct kind kinds[] = {
	{ "plain", MUTEX, mutex_lock, mutex_unlock, PTHREAD_MUTEX_NORMAL, 0, 0 },
	{ "try", MUTEX, mutex_try, mutex_unlock, PTHREAD_MUTEX_NORMAL, 0, 0 },
	{ "timed", MUTEX, mutex_timed, mutex_unlock, PTHREAD_MUTEX_NORMAL, 0, 0 },
	{ "recursive", MUTEX, mutex_lock, mutex_unlock, PTHREAD_MUTEX_RECURSIVE, 0, 0 },
	{ "twice", MUTEX, mutex_twice, mutex_unlock, PTHREAD_MUTEX_RECURSIVE, 0, 0 },
	{ "errorcheck", MUTEX, mutex_lock, mutex_unlock, PTHREAD_MUTEX_ERRORCHECK, 0, 0 },
	{ "robust", MUTEX, mutex_lock, mutex_unlock, 0, PTHREAD_MUTEX_ROBUST, 0 },
	{ "inherit", MUTEX, mutex_lock, mutex_unlock, 0, 0, PTHREAD_PRIO_INHERIT },
	{ "read", LOCKPROF_RWLOCK, rwlock_init, rwlock_read, rwlock_unlock, 0, 0, 0 },
	{ "write", LOCKPROF_RWLOCK, rwlock_init, rwlock_write, rwlock_unlock, 0, 0, 0 },
	{ "spin", LOCKPROF_SPIN, spin_init, spin_lock, spin_unlock, 0, 0, 0 },
	{ "sem", LOCKPROF_SEMAPHORE, semaphore_init, semaphore_wait, semaphore_post, 0, 0, 0 },
	{ "own", LOCKPROF_CUSTOM, own_init, own_lock, own_unlock, 0, 0, 0 },
	{ "own_read", LOCKPROF_CUSTOM, own_init, own_read, own_unlock, 0, 0, 0 },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static union lock locks[KINDS][LOCKS];
static int expected[KINDS][LOCKS];

static void make_locks(void)
{
	static const char letters[] = "abc";
	char name[32];

	for (int k = 0; k < KINDS; k++) {
		kind_now = &kinds[k];
		for (int i = 0; i < LOCKS; i++) {
			kinds[k].init(&locks[k][i]);
			snprintf(name, sizeof(name), "%s.%c", kinds[k].name, letters[i]);
			lockprof_name_kind(&locks[k][i], kinds[k].number, name);
		}
	}
}

static void lock(int k, int i)
{
	kinds[k].lock(&locks[k][i]);
}

static void unlock(int k, int i)
{
	kinds[k].unlock(&locks[k][i]);
}

static void pair(int k, int i)
{
	lock(k, i);
	unlock(k, i);
}

/* All within off, over its beginning, over its end. */
static void held_over(int k)
{
	lockprof_stop();
	pair(k, A);
	lockprof_start();
	pair(k, A);
	lock(k, A);
	lockprof_stop();
	unlock(k, A);
	lock(k, A);
	lockprof_start();
	unlock(k, A);
	expected[k][A] += 2;
}

/* Under a lock that was taken with recording on or off; what is outermost says. */
static void nested(int k)
{
	lock(k, A);
	lockprof_stop();
	pair(k, B);
	unlock(k, A);
	pair(k, B);
	lock(k, A);
	lockprof_start();
	pair(k, B);
	unlock(k, A);
	pair(k, B);
	expected[k][A] += 1;
	expected[k][B] += 2;
}

/* The lower one is released first: then what is below says it anew. */
static void crossed(int k)
{
	lockprof_stop();
	lock(k, A);
	lock(k, B);
	lockprof_start();
	unlock(k, A);
	pair(k, C); /* in the open again, but for B */
	unlock(k, B);
	lock(k, A);
	lockprof_stop();
	lock(k, B);
	unlock(k, A);
	pair(k, C);
	unlock(k, B);
	lockprof_start();
	expected[k][A] += 1;
	expected[k][B] += 1;
	expected[k][C] += 1;
}

/* More than are timed. */
static void deep(bool starts_within)
{
	static pthread_mutex_t many[DEEP];

	lockprof_stop();
	for (int i = 0; i < DEEP; i++) {
		pthread_mutex_lock(&many[i]);
		if (starts_within && i == DEEP / 2)
			lockprof_start();
	}
	lockprof_start();
	for (int i = 0; i < DEEP; i++)
		pthread_mutex_unlock(&many[starts_within ? i : DEEP - 1 - i]);
}

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER, given = PTHREAD_MUTEX_INITIALIZER,
		       left = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool flag;
static int mu_expected;

static void *signaller(void *on)
{
	pthread_mutex_lock(&mu);
	if (on)
		lockprof_start();
	else
		lockprof_stop();
	flag = true;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mu);
	return NULL;
}

/* A wait for a condition that begins on one side and ends on the other. */
static void condition(bool becomes_on)
{
	pthread_t thread;

	if (becomes_on)
		lockprof_stop();
	flag = false;
	pthread_mutex_lock(&mu);
	pthread_create(&thread, NULL, signaller, becomes_on ? &flag : NULL);
	while (!flag)
		pthread_cond_wait(&cond, &mu);
	pthread_mutex_unlock(&mu);
	pthread_join(thread, NULL);
	lockprof_start();
	/* On: the hold after the wait. Off: that before it, and the signaller's. */
	mu_expected += becomes_on ? 1 : 2;
}

/* The hold is not recorded, the wait is: it must not name the hold's node. */
static void condition_of_unrecorded(void)
{
	const struct timespec long_ago = { 1, 0 };

	lockprof_stop();
	pthread_mutex_lock(&mu);
	lockprof_start();
	pthread_cond_timedwait(&cond, &mu, &long_ago);
	pthread_mutex_unlock(&mu);
	mu_expected++;
}

static void *give(void *unused)
{
	pthread_mutex_unlock(&given);
	return unused;
}

/* Released by another thread, with recording on again (counted there), and off (nowhere). */
static void foreign(void)
{
	pthread_t thread;

	for (int on = 0; on < 2; on++) {
		lockprof_stop();
		pthread_mutex_lock(&given);
		if (on)
			lockprof_start();
		pthread_create(&thread, NULL, give, NULL);
		pthread_join(thread, NULL);
		lockprof_start();
	}
}

static void *leave(void *unused)
{
	lockprof_stop();
	pthread_mutex_lock(&left);
	lockprof_start();
	return unused;
}

static void *in_a_thread(void *run)
{
	void (*function)(void);

	memcpy(&function, run, sizeof(function));
	function();
	return NULL;
}

/* In a thread of its own, since locks may stay on its list. */
static void apart(void (*function)(void))
{
	pthread_t thread;

	pthread_create(&thread, NULL, in_a_thread, &function);
	pthread_join(thread, NULL);
}

static void leaves(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, leave, NULL);
	pthread_join(thread, NULL);
}

static void steps(void)
{
	for (int k = 0; k < KINDS; k++) {
		held_over(k);
		nested(k);
		crossed(k);
	}
	deep(false);
	deep(true);
	condition(false);
	condition(true);
	condition_of_unrecorded();
	apart(foreign);
	leaves();
	for (int k = 0; k < KINDS; k++)
		for (int i = 0; i < LOCKS; i++)
			printf("expect %s.%c %d\n", kinds[k].name, "abc"[i], expected[k][i]);
	printf("expect mu %d\nexpect given 0\nexpect left 0\nforeign 1\n", mu_expected);
}

static unsigned long times;

static void *grow_thread(void *unused)
{
	for (unsigned long i = 0; i < times; i++) {
		for (int k = 0; k < KINDS; k++)
			if (strcmp(kinds[k].name, "try"))
				pair(k, A);
		pthread_mutex_lock(&mu);
		pthread_cond_signal(&cond);
		pthread_mutex_unlock(&mu);
		lockprof_work(1);
	}
	return unused;
}

static void grow(void)
{
	pthread_t thread[3];

	lockprof_stop();
	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, grow_thread, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
}

static void *wait_for_ever(void *unused)
{
	pthread_mutex_lock(&mu);
	flag = true;
	for (;;)
		pthread_cond_wait(&cond, &mu);
	return unused;
}

static void held(void)
{
	pthread_t thread;

	for (int k = 0; k < KINDS; k++)
		pair(k, A);
	lockprof_stop();
	for (int k = 0; k < KINDS; k++)
		lock(k, A);
	pthread_create(&thread, NULL, wait_for_ever, NULL);
	for (bool waits = false; !waits;) {
		pthread_mutex_lock(&mu);
		waits = flag;
		pthread_mutex_unlock(&mu);
	}
	puts("ready 1");
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	make_locks();
	lockprof_name(&mu, "mu");
	lockprof_name(&given, "given");
	lockprof_name(&left, "left");
	times = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	if (!strcmp(mode, "steps"))
		steps();
	else if (!strcmp(mode, "grow"))
		grow();
	else if (!strcmp(mode, "held"))
		held();
	else
		return 2;
	return 0;
}
