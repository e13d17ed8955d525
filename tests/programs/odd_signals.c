/* SPDX-License-Identifier: MIT */
/*
 * odd_signals: signals and locks: threads that wait for signals and serve them, calls that a signal
 * interrupts or restarts, handlers that jump out of a wait, and whether all dispositions and masks
 * are those that the program has made.
 *
 * One mode per story. Each prints only what is the same in every run, so that a test can compare
 * the output, and the exit status, with and without something preloaded.
 *
 * usage: odd_signals MODE
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thread_state.h"

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t sem, done;
static long counter;
static atomic_int tid;

static pthread_t start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	atomic_store(&tid, 0);
	if (pthread_create(&thread, NULL, run, arg))
		exit(1);
	return thread;
}

static void await_sleep(void)
{
	while (!atomic_load(&tid) || thread_state(atomic_load(&tid)) != 'S')
		sched_yield();
}

/* ---- servers: all signals are blocked; threads fetch them and post, signal and lock ---- */

static void *serve(void *signals)
{
	for (;;) {
		siginfo_t info;
		int number = sigwaitinfo(signals, &info);

		if (number < 0)
			continue;
		pthread_mutex_lock(&mu);
		counter += info.si_value.sival_int;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mu);
		sem_post(&done);
		if (number == SIGTERM)
			return signals;
	}
}

static void servers(void)
{
	pthread_t thread[2];
	sigset_t signals;
	long wanted = 0;

	sigfillset(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	for (int i = 0; i < 2; i++)
		thread[i] = start(serve, &signals);
	for (int i = 1; i <= 500; i++) {
		wanted += i;
		sigqueue(getpid(), SIGRTMIN + i % 4, (union sigval){ .sival_int = i });
		while (sem_wait(&done))
			;
	}
	pthread_mutex_lock(&mu);
	while (counter < wanted)
		pthread_cond_wait(&cond, &mu);
	pthread_mutex_unlock(&mu);
	for (int i = 0; i < 2; i++)
		pthread_kill(thread[i], SIGTERM);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	printf("sum %s\n", counter == wanted ? "right" : "wrong");
}

/* ---- restarts: what a handler does to a thread asleep in each call, with and without SA_RESTART
 * ---- */

static atomic_int handled;

static void handler(int number)
{
	(void)number;
	atomic_fetch_add(&handled, 1);
}

static const struct timespec far_future = { 4102444800, 0 };

static int in_call(int which)
{
	switch (which) {
	case 0:
		return sem_wait(&sem);
	case 1:
		return sem_timedwait(&sem, &far_future);
	case 2:
		return sem_clockwait(&sem, CLOCK_MONOTONIC, &far_future);
	case 3:
		return pthread_mutex_lock(&mu);
	case 4:
		return pthread_rwlock_rdlock(&rwlock);
	default:
		return pthread_rwlock_timedwrlock(&rwlock, &far_future);
	}
}

static void *sleep_in_call(void *which)
{
	int result;

	atomic_store(&tid, gettid());
	errno = 0;
	result = in_call(*(int *)which);
	printf("call %d -> %d %s, handled %d\n", *(int *)which, result, strerrorname_np(errno),
	       atomic_load(&handled));
	if (!result && *(int *)which == 3)
		pthread_mutex_unlock(&mu);
	else if (!result && *(int *)which > 3)
		pthread_rwlock_unlock(&rwlock);
	return NULL;
}

static void interrupt(int which, int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	int interrupted = which < 3 && !(flags & SA_RESTART && which == 0);
	pthread_t thread;

	atomic_store(&handled, 0);
	sigaction(SIGUSR1, &action, NULL);
	pthread_mutex_lock(&mu);
	pthread_rwlock_wrlock(&rwlock);
	thread = start(sleep_in_call, &which);
	await_sleep();
	pthread_kill(thread, SIGUSR1);
	while (!atomic_load(&handled))
		sched_yield();
	if (interrupted)
		pthread_join(thread, NULL);
	else if (which < 3)
		sem_post(&sem);
	pthread_rwlock_unlock(&rwlock);
	pthread_mutex_unlock(&mu);
	if (!interrupted)
		pthread_join(thread, NULL);
}

static void restarts(void)
{
	for (int which = 0; which < 6; which++) {
		printf("without SA_RESTART: ");
		interrupt(which, 0);
	}
	for (int which = 0; which < 6; which++) {
		printf("with SA_RESTART: ");
		interrupt(which, SA_RESTART);
	}
}

/* ---- jumps: a handler leaves a wait for good ---- */

static sigjmp_buf away;

static void jump(int number)
{
	siglongjmp(away, number);
}

static void *send_when_asleep(void *thread)
{
	await_sleep();
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

static void jumps(void)
{
	struct sigaction action = { .sa_handler = jump };
	pthread_t self = pthread_self(), sender;
	static int jumped;

	sigaction(SIGUSR1, &action, NULL);
	for (volatile int i = 0; i < 50; i++) {
		sender = start(send_when_asleep, &self);
		if (!sigsetjmp(away, 1)) {
			atomic_store(&tid, gettid());
			while (sem_wait(&sem))
				;
		} else {
			jumped++;
		}
		pthread_join(sender, NULL);
		pthread_mutex_lock(&mu);
		pthread_mutex_unlock(&mu);
	}
	printf("jumped %d\n", jumped);
}

/* ---- untouched: dispositions, masks and pending signals, before and after the first locks ---- */

static void print_signals(const char *when)
{
	unsigned long handlers = 0, blocked = 0, pending = 0;
	sigset_t mask, waiting;

	sigpending(&waiting);
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	for (int number = 1; number < 32; number++) {
		struct sigaction action;

		if (!sigaction(number, NULL, &action) && action.sa_handler != SIG_DFL)
			handlers |= 1ul << number;
		blocked |= (unsigned long)sigismember(&mask, number) << number;
		pending |= (unsigned long)sigismember(&waiting, number) << number;
	}
	printf("%s: handlers %lx, blocked %lx, pending %lx\n", when, handlers, blocked, pending);
}

static void *look(void *when)
{
	pthread_mutex_lock(&mu);
	print_signals(when);
	pthread_mutex_unlock(&mu);
	return NULL;
}

static void untouched(void)
{
	sigset_t some;

	print_signals("at first");
	look("after a lock");
	sigemptyset(&some);
	sigaddset(&some, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &some, NULL);
	raise(SIGUSR2);
	signal(SIGINT, SIG_IGN);
	for (int i = 0; i < 100000; i++) {
		pthread_mutex_lock(&mu);
		pthread_mutex_unlock(&mu);
	}
	print_signals("after many");
	pthread_join(start(look, "in a thread"), NULL);
	sigprocmask(SIG_UNBLOCK, &some, NULL);
	printf("not reached\n");
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "servers", servers },
	{ "restarts", restarts },
	{ "jumps", jumps },
	{ "untouched", untouched },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	sem_init(&sem, 0, 0);
	sem_init(&done, 0, 0);
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		modes[i].run();
		return 0;
	}
	fprintf(stderr, "usage: odd_signals MODE\n");
	return 2;
}
