/* SPDX-License-Identifier: MIT */
/*
 * values: what every mutex, rwlock, spin lock, barrier and once call returns, outcome by outcome.
 *
 * The transparency program: its output must be the same with and without anything preloaded. Each
 * line is `call case -> result errno`, where errno was 4711 before the call and reads "untouched"
 * when it still is. The cases are those that glibc defines and that are cheap to provoke; what is
 * undefined (unlocking a normal mutex that is free) is left out. Hand-overs between threads are
 * by join and by barriers of no interest, so that the order of the lines is fixed.
 *
 * values_wait does the same for conditions, semaphores and futexes, values_threads for threads,
 * cancellation and C11.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "values.h"

static struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec at;

	clock_gettime(clock, &at);
	at.tv_nsec += ms * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

/* Run a body in another thread and wait for its end: a second party, in a fixed order. */
static void elsewhere(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, arg))
		exit(1);
	pthread_join(thread, NULL);
}

struct kind {
	int type, protocol, robust, pshared;
};

static const char *const type_name[] = {
	[PTHREAD_MUTEX_NORMAL] = "normal",
	[PTHREAD_MUTEX_RECURSIVE] = "recursive",
	[PTHREAD_MUTEX_ERRORCHECK] = "errorcheck",
	[PTHREAD_MUTEX_ADAPTIVE_NP] = "adaptive",
};
static const char *const protocol_name[] = {
	[PTHREAD_PRIO_NONE] = "",
	[PTHREAD_PRIO_INHERIT] = "-inherit",
	[PTHREAD_PRIO_PROTECT] = "-protect",
};
enum { NR_KINDS = 4 * 3 * 2 * 2 };

/* All of them, one by one. */
static struct kind kind_at(int i)
{
	return (struct kind){
		.type = i % 4, .protocol = i / 4 % 3, .robust = i / 12 % 2, .pshared = i / 24
	};
}

static int mutex_make(pthread_mutex_t *m, const struct kind *kind)
{
	pthread_mutexattr_t attr;
	char name[64];
	int err;

	snprintf(name, sizeof(name), "%s%s%s%s", type_name[kind->type],
		 protocol_name[kind->protocol], kind->robust ? "-robust" : "",
		 kind->pshared ? "-shared" : "");
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, kind->type);
	pthread_mutexattr_setprotocol(&attr, kind->protocol);
	pthread_mutexattr_setrobust(&attr, kind->robust);
	pthread_mutexattr_setpshared(&attr, kind->pshared);
	err = SAY(name, pthread_mutex_init, m, &attr);
	pthread_mutexattr_destroy(&attr);
	return err;
}

static void *try_all(void *mutex)
{
	pthread_mutex_t *m = mutex;
	struct timespec soon = in_ms(CLOCK_REALTIME, 2), soon_m = in_ms(CLOCK_MONOTONIC, 2);

	SAY("taken", pthread_mutex_trylock, m);
	SAY("taken,past", pthread_mutex_timedlock, m, &long_ago);
	SAY("taken,soon", pthread_mutex_timedlock, m, &soon);
	SAY("taken,nsec-1", pthread_mutex_timedlock, m, &negative_nsec);
	SAY("taken,nsec1e9", pthread_mutex_timedlock, m, &large_nsec);
	SAY("taken,realtime,past", pthread_mutex_clocklock, m, CLOCK_REALTIME, &long_ago);
	SAY("taken,monotonic,soon", pthread_mutex_clocklock, m, CLOCK_MONOTONIC, &soon_m);
	SAY("taken,monotonic,nsec-1", pthread_mutex_clocklock, m, CLOCK_MONOTONIC, &negative_nsec);
	return NULL;
}

static void *unlock_elsewhere(void *mutex)
{
	SAY("not-owner", pthread_mutex_unlock, mutex);
	return NULL;
}

static void unlock_if(int result, const char *what, pthread_mutex_t *m)
{
	if (!result)
		SAY(what, pthread_mutex_unlock, m);
}

static void mutex_free_cases(pthread_mutex_t *m)
{
	unlock_if(SAY("free", pthread_mutex_lock, m), "locked", m);
	unlock_if(SAY("free", pthread_mutex_trylock, m), "trylocked", m);
	unlock_if(SAY("free,past", pthread_mutex_timedlock, m, &long_ago), "timedlocked", m);
	unlock_if(SAY("free,nsec-1", pthread_mutex_timedlock, m, &negative_nsec), "timedlocked", m);
	unlock_if(SAY("free,nsec1e9", pthread_mutex_timedlock, m, &large_nsec), "timedlocked", m);
	unlock_if(SAY("free,monotonic", pthread_mutex_clocklock, m, CLOCK_MONOTONIC, &far_future),
		  "clocklocked", m);
	unlock_if(SAY("free,bad-clock", pthread_mutex_clocklock, m, CLOCK_PROCESS_CPUTIME_ID,
		      &far_future),
		  "clocklocked", m);
	unlock_if(SAY("free,no-clock", pthread_mutex_clocklock, m, 12345, &far_future),
		  "clocklocked", m);
}

/* glibc does not look whether a robust mutex is taken before it destroys it. */
static void mutex_own_cases(pthread_mutex_t *m, const struct kind *kind)
{
	int checked =
		kind->type == PTHREAD_MUTEX_RECURSIVE || kind->type == PTHREAD_MUTEX_ERRORCHECK;
	struct timespec soon = in_ms(CLOCK_REALTIME, 2);

	if (SAY("free", pthread_mutex_lock, m))
		return;
	if (checked)
		unlock_if(SAY("own", pthread_mutex_lock, m), "again", m);
	unlock_if(SAY("own", pthread_mutex_trylock, m), "again", m);
	unlock_if(SAY("own,soon", pthread_mutex_timedlock, m, &soon), "again", m);
	if (!kind->robust)
		SAY("taken", pthread_mutex_destroy, m);
	elsewhere(try_all, m);
	if (checked)
		elsewhere(unlock_elsewhere, m);
	SAY("own", pthread_mutex_unlock, m);
	if (checked)
		SAY("free", pthread_mutex_unlock, m);
}

static void mutexes(void)
{
	pthread_mutex_t m;

	for (int i = 0; i < NR_KINDS; i++) {
		struct kind kind = kind_at(i);

		if (mutex_make(&m, &kind))
			continue;
		mutex_free_cases(&m);
		mutex_own_cases(&m, &kind);
		SAY("healthy", pthread_mutex_consistent, &m);
		SAY("free", pthread_mutex_destroy, &m);
	}
	SAY("default", pthread_mutex_init, &m, NULL);
	SAY("free", pthread_mutex_destroy, &m);
}

static void *die_with(void *mutex)
{
	SAY("and-die", pthread_mutex_lock, mutex);
	return NULL;
}

static void *lock_while_owner_dies(void *mutex)
{
	SAY("owner-dies-meanwhile", pthread_mutex_lock, mutex);
	SAY("repaired", pthread_mutex_consistent, mutex);
	SAY("repaired", pthread_mutex_unlock, mutex);
	return NULL;
}

/* The waiter says nothing before the owner is gone: the order of the lines is fixed. */
static void *die_while_awaited(void *mutex)
{
	static pthread_t waiter;

	pthread_mutex_lock(mutex);
	if (pthread_create(&waiter, NULL, lock_while_owner_dies, mutex))
		exit(1);
	usleep(20000);
	return &waiter;
}

static void robust_repaired(const struct kind *kind)
{
	pthread_mutex_t m;
	pthread_t owner;
	void *waiter;

	mutex_make(&m, kind);
	elsewhere(die_with, &m);
	SAY("owner-dead", pthread_mutex_lock, &m);
	SAY("owner-dead", pthread_mutex_consistent, &m);
	SAY("again", pthread_mutex_consistent, &m);
	SAY("repaired", pthread_mutex_unlock, &m);
	elsewhere(die_with, &m);
	SAY("owner-dead", pthread_mutex_trylock, &m);
	SAY("owner-dead", pthread_mutex_consistent, &m);
	SAY("repaired", pthread_mutex_unlock, &m);
	elsewhere(die_with, &m);
	SAY("owner-dead", pthread_mutex_timedlock, &m, &far_future);
	SAY("owner-dead", pthread_mutex_consistent, &m);
	SAY("repaired", pthread_mutex_unlock, &m);
	if (pthread_create(&owner, NULL, die_while_awaited, &m))
		exit(1);
	pthread_join(owner, &waiter);
	pthread_join(*(pthread_t *)waiter, NULL);
	SAY("after", pthread_mutex_destroy, &m);
}

/*
 * trylock comes last: glibc's returns ENOTRECOVERABLE and leaves the mutex locked, so that whoever
 * calls lock after it (or within lock, a trylock before) sleeps for good.
 */
static void robust_given_up(const struct kind *kind)
{
	pthread_mutex_t m;

	mutex_make(&m, kind);
	elsewhere(die_with, &m);
	SAY("owner-dead", pthread_mutex_lock, &m);
	SAY("not-repaired", pthread_mutex_unlock, &m);
	SAY("given-up", pthread_mutex_lock, &m);
	SAY("given-up", pthread_mutex_lock, &m);
	SAY("given-up", pthread_mutex_timedlock, &m, &far_future);
	SAY("given-up", pthread_mutex_clocklock, &m, CLOCK_MONOTONIC, &far_future);
	SAY("given-up", pthread_mutex_lock, &m);
	SAY("given-up", pthread_mutex_trylock, &m);
	SAY("given-up", pthread_mutex_destroy, &m);
}

/* The owner is another process, killed with the lock in its hands. */
static void robust_shared(void)
{
	static const struct kind kind = { .robust = 1, .pshared = 1 };
	pthread_mutex_t *m =
		mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (m == MAP_FAILED)
		exit(1);
	mutex_make(m, &kind);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pthread_mutex_lock(m);
		raise(SIGKILL);
	}
	waitpid(pid, NULL, 0);
	SAY("owner-killed", pthread_mutex_lock, m);
	SAY("owner-killed", pthread_mutex_consistent, m);
	SAY("repaired", pthread_mutex_unlock, m);
	munmap(m, sizeof(*m));
}

static void robust(void)
{
	for (int i = 0; i < NR_KINDS; i++) {
		struct kind kind = kind_at(i);
		pthread_mutex_t m;

		if (!kind.robust || mutex_make(&m, &kind))
			continue;
		robust_repaired(&kind);
		robust_given_up(&kind);
	}
	robust_shared();
}

static void *try_rwlock(void *rwlock)
{
	pthread_rwlock_t *l = rwlock;
	struct timespec soon = in_ms(CLOCK_REALTIME, 2), soon_m = in_ms(CLOCK_MONOTONIC, 2);

	if (!SAY("taken", pthread_rwlock_tryrdlock, l))
		SAY("read", pthread_rwlock_unlock, l);
	if (!SAY("taken,past", pthread_rwlock_timedrdlock, l, &long_ago))
		SAY("read", pthread_rwlock_unlock, l);
	if (!SAY("taken,soon", pthread_rwlock_clockrdlock, l, CLOCK_MONOTONIC, &soon_m))
		SAY("read", pthread_rwlock_unlock, l);
	SAY("taken", pthread_rwlock_trywrlock, l);
	SAY("taken,past", pthread_rwlock_timedwrlock, l, &long_ago);
	SAY("taken,soon", pthread_rwlock_timedwrlock, l, &soon);
	SAY("taken,soon", pthread_rwlock_clockwrlock, l, CLOCK_MONOTONIC, &soon_m);
	SAY("taken,nsec-1", pthread_rwlock_timedwrlock, l, &negative_nsec);
	return NULL;
}

/* glibc looks at the time and the clock before it looks at the lock. */
static void rwlock_bad_times(pthread_rwlock_t *l)
{
	SAY("free,nsec-1", pthread_rwlock_timedrdlock, l, &negative_nsec);
	SAY("free,nsec1e9", pthread_rwlock_timedrdlock, l, &large_nsec);
	SAY("free,nsec-1", pthread_rwlock_timedwrlock, l, &negative_nsec);
	SAY("free,nsec1e9", pthread_rwlock_timedwrlock, l, &large_nsec);
	SAY("free,bad-clock", pthread_rwlock_clockrdlock, l, CLOCK_THREAD_CPUTIME_ID, &far_future);
	SAY("free,bad-clock", pthread_rwlock_clockwrlock, l, CLOCK_THREAD_CPUTIME_ID, &far_future);
	SAY("free,nsec-1", pthread_rwlock_clockrdlock, l, CLOCK_MONOTONIC, &negative_nsec);
	SAY("free,nsec-1", pthread_rwlock_clockwrlock, l, CLOCK_MONOTONIC, &negative_nsec);
}

static void rwlock_reading(pthread_rwlock_t *l)
{
	SAY("free", pthread_rwlock_rdlock, l);
	SAY("reading", pthread_rwlock_rdlock, l);
	SAY("reading", pthread_rwlock_tryrdlock, l);
	SAY("reading", pthread_rwlock_trywrlock, l);
	SAY("reading,past", pthread_rwlock_timedwrlock, l, &long_ago);
	elsewhere(try_rwlock, l);
	for (int i = 0; i < 3; i++)
		SAY("reading", pthread_rwlock_unlock, l);
}

static void rwlock_writing(pthread_rwlock_t *l)
{
	SAY("free", pthread_rwlock_wrlock, l);
	SAY("writing", pthread_rwlock_rdlock, l);
	SAY("writing", pthread_rwlock_wrlock, l);
	SAY("writing", pthread_rwlock_tryrdlock, l);
	SAY("writing", pthread_rwlock_trywrlock, l);
	SAY("writing,past", pthread_rwlock_timedrdlock, l, &long_ago);
	SAY("writing,past", pthread_rwlock_timedwrlock, l, &long_ago);
	SAY("writing", pthread_rwlock_clockwrlock, l, CLOCK_MONOTONIC, &far_future);
	elsewhere(try_rwlock, l);
	SAY("writing", pthread_rwlock_unlock, l);
}

static void rwlocks(void)
{
	static const char *const name[] = { "reader", "writer", "writer-nonrecursive" };
	pthread_rwlockattr_t attr;
	pthread_rwlock_t l;

	for (int kind = 0; kind < 3; kind++) {
		pthread_rwlockattr_init(&attr);
		pthread_rwlockattr_setkind_np(&attr, kind);
		SAY(name[kind], pthread_rwlock_init, &l, &attr);
		rwlock_bad_times(&l);
		rwlock_reading(&l);
		rwlock_writing(&l);
		if (!SAY("free,past", pthread_rwlock_timedrdlock, &l, &long_ago))
			SAY("read", pthread_rwlock_unlock, &l);
		if (!SAY("free,past", pthread_rwlock_timedwrlock, &l, &long_ago))
			SAY("written", pthread_rwlock_unlock, &l);
		SAY("free", pthread_rwlock_destroy, &l);
	}
}

static void *try_spin(void *spin)
{
	SAY("taken", pthread_spin_trylock, spin);
	return NULL;
}

static void spinlocks(void)
{
	pthread_spinlock_t spin;

	SAY("private", pthread_spin_init, &spin, PTHREAD_PROCESS_PRIVATE);
	SAY("free", pthread_spin_lock, &spin);
	SAY("own", pthread_spin_trylock, &spin);
	elsewhere(try_spin, (void *)&spin);
	SAY("own", pthread_spin_unlock, &spin);
	SAY("free", pthread_spin_trylock, &spin);
	SAY("own", pthread_spin_unlock, &spin);
	SAY("free", pthread_spin_destroy, &spin);
}

static int serial_threads;

static void *arrive(void *barrier)
{
	for (int i = 0; i < 10; i++)
		if (pthread_barrier_wait(barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_fetch_add(&serial_threads, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void barriers(void)
{
	pthread_barrier_t barrier;
	pthread_t thread[3];

	SAY("of-none", pthread_barrier_init, &barrier, NULL, 0);
	SAY("of-one", pthread_barrier_init, &barrier, NULL, 1);
	SAY("of-one", pthread_barrier_wait, &barrier);
	SAY("of-one", pthread_barrier_wait, &barrier);
	SAY("free", pthread_barrier_destroy, &barrier);
	SAY("of-three", pthread_barrier_init, &barrier, NULL, 3);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread[i], NULL, arrive, &barrier))
			exit(1);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	printf("barrier serial threads in 10 rounds of 3: %d\n", serial_threads);
	SAY("free", pthread_barrier_destroy, &barrier);
}

static pthread_once_t outer_once = PTHREAD_ONCE_INIT;
static pthread_once_t inner_once = PTHREAD_ONCE_INIT;

static void inner_run(void)
{
	printf("inner once runs\n");
}

static void outer_run(void)
{
	printf("outer once runs\n");
	SAY("within", pthread_once, &inner_once, inner_run);
}

static void onces(void)
{
	SAY("first", pthread_once, &outer_once, outer_run);
	SAY("second", pthread_once, &outer_once, outer_run);
	SAY("done-within", pthread_once, &inner_once, inner_run);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	mutexes();
	robust();
	rwlocks();
	spinlocks();
	barriers();
	onces();
	return 0;
}
