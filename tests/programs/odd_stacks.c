/* SPDX-License-Identifier: MIT */
/*
 * odd_stacks: lock calls on stacks that a profiler does not expect: of 16 KiB, next to their end,
 * of signal handlers, of coroutines that go from thread to thread, and a hundred thousand calls
 * deep.
 *
 * One mode per story. Each prints only what is the same in every run, so that a test can compare
 * the output, and the exit status, with and without something preloaded.
 *
 * usage: odd_stacks MODE
 */
#define _GNU_SOURCE 1
#include <alloca.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "thread_state.h"

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t sem, never;
static long counter;

/* ---- tiny: the smallest stacks there are, and everything on them ---- */

enum { TINY_THREADS = 8 };

static pthread_barrier_t tiny_barrier;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int tiny_turn;

static void tiny_once(void)
{
	counter += 100000;
}

/* Each in its turn: all but one wait for the condition, and contend for the mutex. */
static void tiny_take_turns(int self)
{
	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&mu);
		while (tiny_turn != self)
			pthread_cond_wait(&cond, &mu);
		tiny_turn = (self + 1) % TINY_THREADS;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mu);
	}
}

static void *tiny_cancelled(void *unused)
{
	while (sem_wait(&never))
		;
	return unused;
}

static void *tiny_run(void *number)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_attr_t attr;
	pthread_t thread;

	for (int i = 0; i < 1000; i++) {
		pthread_rwlock_rdlock(&rwlock);
		pthread_rwlock_unlock(&rwlock);
		pthread_mutex_lock(&mu);
		counter++;
		pthread_mutex_unlock(&mu);
		sem_post(&sem);
		sem_wait(&sem);
	}
	pthread_barrier_wait(&tiny_barrier);
	pthread_once(&once, tiny_once);
	tiny_take_turns((int)(intptr_t)number);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN);
	if (pthread_create(&thread, &attr, tiny_cancelled, NULL))
		exit(1);
	pthread_cancel(thread);
	pthread_join(thread, &number);
	return number;
}

static void tiny(void)
{
	pthread_t thread[TINY_THREADS];
	pthread_attr_t attr;
	void *result;

	pthread_barrier_init(&tiny_barrier, NULL, TINY_THREADS);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN);
	for (int i = 0; i < TINY_THREADS; i++)
		if (pthread_create(&thread[i], &attr, tiny_run, (void *)(intptr_t)i))
			exit(1);
	for (int i = 0; i < TINY_THREADS; i++) {
		pthread_join(thread[i], &result);
		printf("%s\n", result == PTHREAD_CANCELED ? "its thread was cancelled" : "?");
	}
	printf("counter %ld\n", counter);
}

/* ---- brink: a lock call with next to nothing left of the stack, and no access below it ---- */

enum { BRINK_STACK = 65536, BRINK_PAGE = 65536 };

static char *brink_low;

static void brink_lock(void)
{
	pthread_mutex_lock(&mu);
	counter++;
	pthread_mutex_unlock(&mu);
}

static void *brink_run(void *unused)
{
	enum { LEFT = 2300 }; /* for a call with a recorder in it, not for walking the stack */
	char *here = __builtin_frame_address(0);
	volatile char *fill = alloca((size_t)(here - brink_low) - LEFT);

	fill[0] = 1;
	brink_lock();
	return unused;
}

static void brink(void)
{
	char *low = mmap(NULL, BRINK_PAGE + BRINK_STACK, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t thread;

	brink_low = low + BRINK_PAGE;
	mprotect(low, BRINK_PAGE, PROT_NONE);
	pthread_mutex_lock(&mu); /* elsewhere, so that the functions are bound */
	pthread_mutex_unlock(&mu);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, brink_low, BRINK_STACK);
	if (pthread_create(&thread, &attr, brink_run, NULL))
		exit(1);
	pthread_join(thread, NULL);
	printf("counter %ld\n", counter);
}

/* ---- altstack: a handler on a stack of its own, and nothing was locked before ---- */

static void altstack_handler(int number)
{
	pthread_mutex_lock(&mu);
	counter += number;
	pthread_mutex_unlock(&mu);
	sem_post(&sem);
	sem_wait(&sem);
}

/* The very first call of the process comes from there. */
static void altstack(void)
{
	struct sigaction action = { .sa_handler = altstack_handler, .sa_flags = SA_ONSTACK };
	size_t bytes = (size_t)sysconf(_SC_MINSIGSTKSZ) + 8192;
	stack_t stack = { .ss_sp = malloc(bytes), .ss_size = bytes };

	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < 1000; i++)
		raise(SIGUSR1);
	printf("counter %ld\n", counter / SIGUSR1);
}

/* ---- coroutines: a held stack per coroutine, on one thread ---- */

enum { COROUTINES = 4, COROUTINE_STACK = 32768 };

static ucontext_t coroutine[COROUTINES], back;
static pthread_mutex_t coroutine_mu[COROUTINES] = {
	[0 ... COROUTINES - 1] = PTHREAD_MUTEX_INITIALIZER,
};

/* Holds its own lock while the others run and hold theirs. */
static void coroutine_run(int self)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&coroutine_mu[self]);
		swapcontext(&coroutine[self], &coroutine[(self + 1) % COROUTINES]);
		counter++;
		pthread_mutex_unlock(&coroutine_mu[self]);
	}
}

static void coroutine_make(int i, void (*run)(int))
{
	getcontext(&coroutine[i]);
	coroutine[i].uc_stack.ss_sp = malloc(COROUTINE_STACK);
	coroutine[i].uc_stack.ss_size = COROUTINE_STACK;
	coroutine[i].uc_link = i + 1 < COROUTINES ? &coroutine[i + 1] : &back;
	makecontext(&coroutine[i], (void (*)(void))run, 1, i);
}

static void coroutines_make(void (*run)(int))
{
	for (int i = 0; i < COROUTINES; i++)
		coroutine_make(i, run);
}

static void coroutines(void)
{
	coroutines_make(coroutine_run);
	swapcontext(&back, &coroutine[0]);
	printf("counter %ld\n", counter);
}

/* ---- travel: coroutines that lock on one thread and unlock on the next ---- */

enum { TRAVEL_THREADS = 3, TRAVEL_ROUNDS = 600 };

static ucontext_t *home[COROUTINES]; /* of who resumed it */
static sem_t travel_turn[TRAVEL_THREADS];

static void travel_run(int self)
{
	for (;;) {
		pthread_mutex_lock(&coroutine_mu[self]);
		swapcontext(&coroutine[self], home[self]);
		counter++;
		pthread_mutex_unlock(&coroutine_mu[self]);
		swapcontext(&coroutine[self], home[self]);
	}
}

/* Each thread resumes all coroutines once, then it is the next one's turn. */
static void *travel_resume(void *number)
{
	int self = (int)(intptr_t)number;
	ucontext_t mine;

	for (int round = 0; round < TRAVEL_ROUNDS; round++) {
		while (sem_wait(&travel_turn[self]))
			;
		for (int i = 0; i < COROUTINES; i++) {
			home[i] = &mine;
			swapcontext(&mine, &coroutine[i]);
		}
		sem_post(&travel_turn[(self + 1) % TRAVEL_THREADS]);
	}
	return NULL;
}

static void travel(void)
{
	pthread_t thread[TRAVEL_THREADS];

	coroutines_make(travel_run);
	for (int i = 0; i < TRAVEL_THREADS; i++)
		sem_init(&travel_turn[i], 0, i == 0);
	for (int i = 0; i < TRAVEL_THREADS; i++)
		if (pthread_create(&thread[i], NULL, travel_resume, (void *)(intptr_t)i))
			exit(1);
	for (int i = 0; i < TRAVEL_THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("counter %ld\n", counter);
}

/* ---- recursion: a lock in each of 100,000 calls, and contention at the bottom ---- */

enum { RECURSION_DEPTH = 100000, RECURSION_STACK = 64 << 20 };

static pthread_mutex_t recursion_mu = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static atomic_int recursion_tid;

static void *hold_until_awaited(void *unused)
{
	pthread_mutex_lock(&mu);
	sem_post(&sem);
	while (!atomic_load(&recursion_tid) || thread_state(atomic_load(&recursion_tid)) != 'S')
		sched_yield();
	pthread_mutex_unlock(&mu);
	return unused;
}

static __attribute__((noinline)) long recurse(long depth)
{
	long below;

	if (!depth) {
		while (sem_wait(&sem))
			;
		atomic_store(&recursion_tid, gettid());
		pthread_mutex_lock(&mu);
		pthread_mutex_unlock(&mu);
		return 0;
	}
	pthread_mutex_lock(&recursion_mu);
	below = recurse(depth - 1);
	return below + (pthread_mutex_unlock(&recursion_mu) == 0);
}

static void *recursion_run(void *holder)
{
	if (pthread_create(holder, NULL, hold_until_awaited, NULL))
		exit(1);
	printf("unlocked %ld times\n", recurse(RECURSION_DEPTH));
	printf("once more: %s\n", strerrorname_np(pthread_mutex_unlock(&recursion_mu)));
	return NULL;
}

static void recursion(void)
{
	pthread_t thread, holder;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, RECURSION_STACK);
	if (pthread_create(&thread, &attr, recursion_run, &holder))
		exit(1);
	pthread_join(thread, NULL);
	pthread_join(holder, NULL);
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "tiny", tiny },	  { "brink", brink },
	{ "altstack", altstack }, { "coroutines", coroutines },
	{ "travel", travel },	  { "recursion", recursion },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	sem_init(&sem, 0, 0);
	sem_init(&never, 0, 0);
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		modes[i].run();
		return 0;
	}
	fprintf(stderr, "usage: odd_stacks MODE\n");
	return 2;
}
