/* SPDX-License-Identifier: MIT */
/*
 * threads: the shim's shared parts under the thread sanitizer, on real threads and a real file
 *
 * The recording half of preload/ is linked in, without the functions that it interposes: the
 * sanitizer needs those for itself. So this program says by itself what it does, as mutex.c would:
 * threads come and go in generations, take locks in nested and new contexts, make and destroy
 * locks, flush their small rings, go over the size limit together, unload modules and ask for
 * each other's numbers; all of them change the phase. tests/model sees all schedules of few steps, this here many steps.
 *
 * usage: threads [generations]
 * keys:  pairs ended
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../preload/attempt.h"
#include "../../preload/phase.h"
#include "../../preload/process.h"
#include "../../preload/sys.h"
#include "../../preload/told.h"
#include "../model/open.h"

enum { THREADS = 6, LOCKS = 32, PAIRS = 150, SITES = 5 };
#define LOCK_MODE KIND_MODE(TRACE_KIND_MUTEX, TRACE_HOW_LOCK)

bool sys_sealed;	/* seccomp.c's */
static pthread_mutex_t mu[LOCKS];
static uint64_t pairs, ended;
static const struct thread_origin unknown;

/* The sanitizer must know that memory comes and goes. */
long sys_enter(long nr, long a, long b, long c, long d, long e, long f)
{
	long result;

	if (nr == SYS_mmap)
		result = (long)mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e, f);
	else if (nr == SYS_munmap)
		result = munmap((void *)a, (size_t)b);
	else
		result = syscall(nr, a, b, c, d, e, f);
	return result == -1 ? -errno : result;
}

static uintptr_t site(unsigned int n)
{
	return (uintptr_t)site + n % SITES;
}

static void lock(pthread_mutex_t *m, uintptr_t at)
{
	struct attempt a;

	if (hold_prepare(thread_self(), m, at, LOCK_MODE)) {
		pthread_mutex_lock(m);
		hold_push(thread_self(), m);
		return;
	}
	if (!attempt_begin(&a, m, at, LOCK_MODE))
		abort();
	if (pthread_mutex_trylock(m)) {
		attempt_blocked(&a, 0);
		pthread_mutex_lock(m);
	}
	attempt_acquired(&a, 0);
}

static void unlock(pthread_mutex_t *m, uintptr_t at)
{
	struct trace_held *h = hold_top(thread_self(), m);
	struct release r;
	uint64_t now;

	if (h) {
		now = clock_ticks();
		pthread_mutex_unlock(m);
		hold_pop(thread_self(), h, now);
		return;
	}
	release_begin(&r, m, TRACE_KIND_MUTEX, at, true);
	pthread_mutex_unlock(m);
	release_end(&r);
}

/* A lock that lives for a moment, at an address that comes again. */
static void short_life(unsigned int n)
{
	static char ground[4096];
	void *address = ground + n % 64 * 40;

	note_born(address, TRACE_KIND_RWLOCK, 0, n);
	note_dies(address, TRACE_KIND_RWLOCK);
}

/* Tells what a program can tell through lockprof.h: a phase, units of work, a name, a wait. */
static void tell(unsigned int n)
{
	static const char *const names[] = { "load", "serve", "", "stop" };
	struct thread *t = thread_enter();
	struct trace_lock *lock;
	struct attempt a;

	phase_begin(names[n % 4]);
	phase_work(t, site(n), 1);
	lock = lock_to_name(&mu[n % LOCKS], TRACE_KIND_MUTEX);
	if (lock)
		lock_name(lock, names[n % 2]);
	thread_leave(t);
	told_wait(&names[n % 3], site(n), KIND_MODE(TRACE_KIND_CUSTOM, TRACE_HOW_LOCK));
	if (n % 2 && told_take(t, &names[n % 3], &a))
		attempt_failed(&a, ETIMEDOUT);
}

static void *run(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	thread_begin(&unknown);
	thread_self()->soft = 200;
	for (unsigned int i = 0; i < PAIRS; i++) {
		unsigned int n = seed * 7 + i, outer = n % (LOCKS / 2), inner = LOCKS / 2 + i % 16;

		lock(&mu[outer], site(n));
		lock(&mu[inner], site(i));
		if (i % 3)
			unlock(&mu[inner], site(i));
		unlock(&mu[outer], site(n));
		if (i % 3 == 0)
			unlock(&mu[inner], site(i));
		short_life(n);
		if (i % 10 == 0)
			tell(n);
		if (i % 50 == 0)
			stack_modules_changed();
	}
	if (!thread_id_of(pthread_self()))
		abort();
	__atomic_fetch_add(&pairs, 2 * PAIRS, __ATOMIC_RELAXED);
	open_thread_end(); /* the sanitizer's own end comes before our destructor's last round */
	return NULL;
}

static void generation(unsigned int number)
{
	pthread_t threads[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		uintptr_t seed = number * THREADS + i;

		if (pthread_create(&threads[i], NULL, run, (void *)seed))
			abort();
		thread_expect(threads[i], 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ended++;
	}
}

int main(int argc, char **argv)
{
	unsigned int generations = argc > 1 ? (unsigned int)atoi(argv[1]) : 10;

	hooks_ready();
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&mu[i], NULL);
	if (!process_load() || !process_ready())
		return 1;
	for (unsigned int g = 0; g < generations; g++)
		generation(g);
	printf("pairs %lu\nended %lu\n", (unsigned long)pairs, (unsigned long)ended);
	return 0;
}
