/* SPDX-License-Identifier: MIT */
/*
 * values_wait: what conditions, semaphores and syscall(SYS_futex) return, outcome by outcome.
 *
 * The lines are those of values.c: `call case -> result errno`, with errno 4711 before the call.
 * The same with and without anything preloaded, and the same in every run: where two threads take
 * part, one of them is silent or is joined before the other goes on.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "values.h"

static pthread_mutex_t mu = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

/* Comes when the waiter has let go of the mutex, and therefore waits. */
static void *signal_cond(void *broadcast)
{
	pthread_mutex_lock(&mu);
	if (broadcast)
		pthread_cond_broadcast(&cond);
	else
		pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mu);
	return NULL;
}

static pthread_t start(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, arg))
		exit(1);
	return thread;
}

static void cond_signalled(void)
{
	pthread_t thread;

	pthread_mutex_lock(&mu);
	thread = start(signal_cond, NULL);
	SAY("signalled", pthread_cond_wait, &cond, &mu);
	pthread_join(thread, NULL);
	thread = start(signal_cond, &mu);
	SAY("broadcast", pthread_cond_wait, &cond, &mu);
	pthread_join(thread, NULL);
	thread = start(signal_cond, NULL);
	SAY("signalled", pthread_cond_timedwait, &cond, &mu, &far_future);
	pthread_join(thread, NULL);
	thread = start(signal_cond, &mu);
	SAY("broadcast,monotonic", pthread_cond_clockwait, &cond, &mu, CLOCK_MONOTONIC,
	    &far_future);
	pthread_join(thread, NULL);
	SAY("owned-again", pthread_mutex_unlock, &mu);
}

static void cond_errors(void)
{
	SAY("nobody", pthread_cond_signal, &cond);
	SAY("nobody", pthread_cond_broadcast, &cond);
	SAY("not-owned", pthread_cond_wait, &cond, &mu);
	SAY("not-owned", pthread_cond_timedwait, &cond, &mu, &far_future);
	pthread_mutex_lock(&mu);
	SAY("past", pthread_cond_timedwait, &cond, &mu, &long_ago);
	SAY("nsec-1", pthread_cond_timedwait, &cond, &mu, &negative_nsec);
	SAY("nsec1e9", pthread_cond_timedwait, &cond, &mu, &large_nsec);
	SAY("past,monotonic", pthread_cond_clockwait, &cond, &mu, CLOCK_MONOTONIC, &long_ago);
	SAY("nsec-1", pthread_cond_clockwait, &cond, &mu, CLOCK_MONOTONIC, &negative_nsec);
	SAY("bad-clock", pthread_cond_clockwait, &cond, &mu, CLOCK_PROCESS_CPUTIME_ID, &far_future);
	SAY("still-owned", pthread_mutex_unlock, &mu);
	SAY("free", pthread_mutex_unlock, &mu);
}

static pthread_mutex_t robust_mu;

static void *signal_and_die(void *unused)
{
	pthread_mutex_lock(&robust_mu);
	pthread_cond_signal(&cond);
	return unused;
}

static void cond_owner_dies(void)
{
	pthread_mutexattr_t attr;
	pthread_t thread;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust_mu, &attr);
	pthread_mutex_lock(&robust_mu);
	thread = start(signal_and_die, NULL);
	SAY("signaller-dies", pthread_cond_wait, &cond, &robust_mu);
	pthread_join(thread, NULL);
	SAY("signaller-dies", pthread_mutex_consistent, &robust_mu);
	SAY("repaired", pthread_mutex_unlock, &robust_mu);
	pthread_mutex_destroy(&robust_mu);
}

static void conds(void)
{
	pthread_condattr_t attr;
	pthread_cond_t made;

	cond_signalled();
	cond_errors();
	cond_owner_dies();
	SAY("default", pthread_cond_init, &made, NULL);
	SAY("unused", pthread_cond_destroy, &made);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_condattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	SAY("monotonic,shared", pthread_cond_init, &made, &attr);
	pthread_mutex_lock(&mu);
	SAY("monotonic,past", pthread_cond_timedwait, &made, &mu, &long_ago);
	pthread_mutex_unlock(&mu);
	SAY("monotonic,shared", pthread_cond_destroy, &made);
}

static void print_value(const char *what, sem_t *sem)
{
	int value = -1;

	SAY(what, sem_getvalue, sem, &value);
	printf("value %d\n", value);
}

/* Comes when the waiter is most likely asleep. */
static void *post_later(void *sem)
{
	usleep(20000);
	sem_post(sem);
	return NULL;
}

static void semaphore_awaited(void)
{
	pthread_t thread;
	sem_t sem;

	sem_init(&sem, 0, 0);
	thread = start(post_later, &sem);
	SAY("posted-meanwhile", sem_wait, &sem);
	pthread_join(thread, NULL);
	thread = start(post_later, &sem);
	SAY("posted-meanwhile", sem_timedwait, &sem, &far_future);
	pthread_join(thread, NULL);
	thread = start(post_later, &sem);
	SAY("posted-meanwhile", sem_clockwait, &sem, CLOCK_MONOTONIC, &far_future);
	pthread_join(thread, NULL);
	sem_destroy(&sem);
}

static void *hold_and_post(void *sem)
{
	sem_wait(sem);
	usleep(20000);
	sem_post(sem);
	return NULL;
}

static void await_value(sem_t *sem, int wanted)
{
	int value;

	do
		sem_getvalue(sem, &value);
	while (value != wanted);
}

/* As a lock: the same call finds it free and taken in turn, and is used to it. */
static void semaphore_as_lock(void)
{
	pthread_t thread;
	sem_t sem;

	sem_init(&sem, 0, 1);
	for (int i = 0; i < 6; i++) {
		int taken = i % 2;

		if (taken) {
			thread = start(hold_and_post, &sem);
			await_value(&sem, 0);
		}
		SAY(taken ? "taken" : "free", sem_wait, &sem);
		sem_post(&sem);
		if (taken)
			pthread_join(thread, NULL);
	}
	sem_destroy(&sem);
}

static void semaphores(void)
{
	sem_t sem;

	SAY("too-large", sem_init, &sem, 0, (unsigned int)SEM_VALUE_MAX + 1);
	SAY("full", sem_init, &sem, 0, SEM_VALUE_MAX);
	SAY("full", sem_post, &sem);
	SAY("full", sem_wait, &sem);
	SAY("one-less", sem_post, &sem);
	print_value("full", &sem);
	SAY("full", sem_destroy, &sem);
	SAY("of-four", sem_init, &sem, 0, 4);
	SAY("free", sem_wait, &sem);
	SAY("free", sem_trywait, &sem);
	SAY("free,past", sem_timedwait, &sem, &long_ago);
	SAY("free,past", sem_clockwait, &sem, CLOCK_MONOTONIC, &long_ago);
	print_value("empty", &sem);
	SAY("empty", sem_trywait, &sem);
	SAY("empty,past", sem_timedwait, &sem, &long_ago);
	SAY("empty,past", sem_clockwait, &sem, CLOCK_MONOTONIC, &long_ago);
	SAY("empty,nsec-1", sem_timedwait, &sem, &negative_nsec);
	SAY("empty", sem_post, &sem);
	SAY("free,nsec-1", sem_timedwait, &sem, &negative_nsec);
	SAY("free,nsec1e9", sem_timedwait, &sem, &large_nsec);
	SAY("free,nsec-1", sem_clockwait, &sem, CLOCK_MONOTONIC, &negative_nsec);
	SAY("free,bad-clock", sem_clockwait, &sem, CLOCK_PROCESS_CPUTIME_ID, &far_future);
	print_value("not-taken", &sem);
	SAY("last", sem_destroy, &sem);
}

static atomic_int interrupted;

static void on_signal(int number)
{
	(void)number;
}

/* Again and again, so that one signal is sure to find the other thread asleep. */
static void *interrupt(void *thread)
{
	while (!atomic_load(&interrupted)) {
		pthread_kill(*(pthread_t *)thread, SIGUSR1);
		usleep(1000);
	}
	return NULL;
}

#define SAY_INTERRUPTED(what, fn, ...)                 \
	do {                                           \
		atomic_store(&interrupted, 0);         \
		interrupter = start(interrupt, &self); \
		SAY(what, fn, __VA_ARGS__);            \
		atomic_store(&interrupted, 1);         \
		pthread_join(interrupter, NULL);       \
	} while (0)

static int futex(int *word, int op, int value, const struct timespec *timeout, int *word2,
		 int value3)
{
	return (int)syscall(SYS_futex, word, op, value, timeout, word2, value3);
}

static void interruptions(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t self = pthread_self(), interrupter;
	int word = 0;
	sem_t sem;

	sigaction(SIGUSR1, &action, NULL);
	sem_init(&sem, 0, 0);
	SAY_INTERRUPTED("signal", sem_wait, &sem);
	SAY_INTERRUPTED("signal", sem_timedwait, &sem, &far_future);
	SAY_INTERRUPTED("signal", sem_clockwait, &sem, CLOCK_MONOTONIC, &far_future);
	SAY_INTERRUPTED("wait,signal", futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
	print_value("after-signals", &sem);
	sem_destroy(&sem);
}

static void named_semaphores(void)
{
	sem_t *one, *two, unnamed;
	char name[64];

	snprintf(name, sizeof(name), "/values_wait-%d", getpid());
	sem_unlink(name); /* of one that was killed and had our number */
	errno = SENTINEL;
	one = sem_open(name, 0);
	say("sem_open", "missing", one == SEM_FAILED ? -1 : 0);
	errno = SENTINEL;
	one = sem_open(name, O_CREAT | O_EXCL, 0600, 2);
	say("sem_open", "new", one == SEM_FAILED ? -1 : 0);
	if (one == SEM_FAILED)
		return;
	errno = SENTINEL;
	two = sem_open(name, O_CREAT | O_EXCL, 0600, 2);
	say("sem_open", "exists", two == SEM_FAILED ? -1 : 0);
	two = sem_open(name, O_CREAT, 0600, 7);
	printf("sem_open again gives the same address: %d\n", one == two);
	print_value("named", one);
	SAY("named", sem_wait, one);
	SAY("named", sem_post, two);
	SAY("named", sem_close, two);
	SAY("named,still-open", sem_trywait, one);
	SAY("named", sem_unlink, name);
	SAY("gone", sem_unlink, name);
	SAY("named,last", sem_close, one);
	sem_init(&unnamed, 0, 0);
	SAY("unnamed", sem_close, &unnamed);
	errno = SENTINEL;
	say("sem_open", "bad-name", sem_open("/a/b", O_CREAT, 0600, 1) == SEM_FAILED ? -1 : 0);
	errno = SENTINEL;
	say("sem_open", "too-large",
	    sem_open(name, O_CREAT, 0600, (unsigned int)SEM_VALUE_MAX + 1) == SEM_FAILED ? -1 : 0);
}

static void futexes(void)
{
	static const struct timespec soon = { 0, 2000000 };
	int word = 5, other = 0;

	SAY("wait,mismatch", futex, &word, FUTEX_WAIT, 4, NULL, NULL, 0);
	SAY("wait,soon", futex, &word, FUTEX_WAIT, 5, &soon, NULL, 0);
	SAY("wait-private,soon", futex, &word, FUTEX_WAIT_PRIVATE, 5, &soon, NULL, 0);
	SAY("wait,nsec-1", futex, &word, FUTEX_WAIT, 5, &negative_nsec, NULL, 0);
	SAY("bitset,past", futex, &word, FUTEX_WAIT_BITSET, 5, &long_ago, NULL, 1);
	SAY("bitset,none", futex, &word, FUTEX_WAIT_BITSET, 5, &long_ago, NULL, 0);
	SAY("wake,nobody", futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0);
	SAY("cmp-requeue,mismatch", futex, &word, FUTEX_CMP_REQUEUE, 1, NULL, &other, 4);
	SAY("cmp-requeue,nobody", futex, &word, FUTEX_CMP_REQUEUE, 1, NULL, &other, 5);
	SAY("wake-op,nobody", futex, &word, FUTEX_WAKE_OP, 1, NULL, &other,
	    FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 0));
	printf("wake-op added %d\n", other);
	SAY("bad-op", futex, &word, 99, 0, NULL, NULL, 0);
	SAY("bad-address", futex, (int *)8, FUTEX_WAIT, 0, NULL, NULL, 0);
}

/* Numbers other than SYS_futex go through untouched, with all six arguments. */
static void other_syscalls(void)
{
	char *page;

	errno = SENTINEL;
	say("syscall", "none-such", (int)syscall(-1L));
	errno = SENTINEL;
	printf("syscall getpid is right: %d\n", syscall(SYS_getpid) == getpid());
	page = (char *)syscall(SYS_mmap, NULL, 4096L, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1L, 0L);
	printf("syscall mmap gives a page: %d\n", page != MAP_FAILED && page[4095] == 0);
	printf("syscall munmap: %ld\n", syscall(SYS_munmap, page, 4096L));
	printf("errno %s\n", errno == SENTINEL ? "untouched" : error_name(errno));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	conds();
	semaphores();
	semaphore_awaited();
	semaphore_as_lock();
	interruptions();
	named_semaphores();
	futexes();
	other_syscalls();
	return 0;
}
