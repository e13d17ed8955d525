/* SPDX-License-Identifier: MIT */
/*
 * scenario.h: threads with names, and who goes on when
 *
 * The programs beside this are small: what matters is in which order the threads come to their
 * locks, and it is the same each time. Turns bring that about: threads look at a plain counter
 * until it says that it is theirs. lockprof sees nothing of it, so that two sections can lie apart
 * in time without anything that orders them. Where something shall order them it is a lock, a
 * join, a semaphore, that lockprof does see.
 */
#ifndef LOCKPROF_TESTS_SCENARIO_H
#define LOCKPROF_TESTS_SCENARIO_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../programs/thread_state.h"

static atomic_int turn;

/* The kernel's numbers of the threads that shall be seen asleep; a child process looks, too. */
static struct sleepers {
	atomic_int tid[8];
} * sleepers;

__attribute__((constructor)) static inline void sleepers_new(void)
{
	sleepers = mmap(NULL, sizeof(*sleepers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (sleepers == MAP_FAILED)
		abort();
}

static inline void turn_await(int wanted)
{
	while (atomic_load(&turn) < wanted)
		sched_yield();
}

static inline void turn_end(void)
{
	atomic_fetch_add(&turn, 1);
}

struct beginning {
	const char *name;
	void *(*run)(void *);
};

static inline void *run_named(void *arg)
{
	struct beginning beginning = *(struct beginning *)arg;

	free(arg);
	pthread_setname_np(pthread_self(), beginning.name);
	return beginning.run(NULL);
}

static inline pthread_t start(const char *name, void *(*run)(void *))
{
	struct beginning *beginning = malloc(sizeof(*beginning));
	pthread_t thread;

	if (!beginning)
		exit(1);
	*beginning = (struct beginning){ name, run };
	if (pthread_create(&thread, NULL, run_named, beginning))
		exit(1);
	return thread;
}

static inline void finish(pthread_t thread)
{
	if (pthread_join(thread, NULL))
		exit(1);
}

/* The calling thread is about to wait for good. */
static inline void will_sleep(int number)
{
	atomic_store(&sleepers->tid[number], (int)gettid());
}

static inline bool is_asleep(pid_t process, int number)
{
	int tid = atomic_load(&sleepers->tid[number]);

	return tid && thread_state_in(process, tid) == 'S';
}

/* In the program itself, or in a child of it, which ends with it. */
static inline void await_sleep(pid_t program, int number)
{
	while (!is_asleep(program, number)) {
		if (getpid() != program && getppid() != program)
			_exit(1);
		sched_yield();
	}
}

/*
 * Kills the program when `nr` of its threads sleep, as somebody does who has lost patience. It is
 * another process, so that all threads of the program may wait. Call it before there are any.
 */
static inline void kill_when_asleep(int nr)
{
	pid_t program = getpid();

	if (fork())
		return;
	for (int i = 0; i < nr; i++)
		await_sleep(program, i);
	kill(program, SIGKILL);
	_exit(0);
}

#endif
