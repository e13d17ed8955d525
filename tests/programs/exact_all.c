/* SPDX-License-Identifier: MIT */
/*
 * exact_all: every kind of call a fixed number of times, each with a known outcome.
 *
 * Every call goes through DO(), which compares the result with the expected one and counts it
 * twice: by function and outcome (`plain_mu.pthread_mutex_trylock.EBUSY 4`) and by what it means
 * for the lock (`plain_mu.try_failures 4`). Threads hand over to each other by atomics and by
 * looking at what the kernel says of a thread, never by a lock, so that nothing is counted but what
 * is meant. A call counted as contended had its thread asleep (for a spin lock: burning CPU) in it.
 *
 * The meanings: acquisitions (read. and write. for rwlocks), contended, relocks, try_failures,
 * timeouts, self_deadlocks, releases; conditions: waits, timeouts, signals, broadcasts, and
 * reacquisitions of their mutex; semaphores: acquisitions, posts; barriers: arrivals, serial;
 * once: calls, runs; threads: created, joined, detached; futex: waits, mismatches, timeouts, wakes.
 * No try, time-out or relock is an acquisition; a contended acquisition is one of the acquisitions.
 *
 * usage: exact_all
 * keys:  LOCK.FUNCTION.OUTCOME and LOCK.MEANING, sorted
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "thread_state.h"

#define MAX_ROWS 256

static pthread_mutex_t plain_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t recursive_mu = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_mutex_t errorcheck_mu = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static sem_t tokens;
static pthread_mutex_t cond_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static mtx_t c11_mu, c11_cond_mu;
static cnd_t c11_cond;
static once_flag c11_once = ONCE_FLAG_INIT;
static int futex_word;

static struct row {
	char name[96];
	long count;
} rows[MAX_ROWS];
static int nr_rows, failed;
static atomic_flag rows_busy = ATOMIC_FLAG_INIT;

static void note(const char *lock, const char *what)
{
	char name[96];
	int i = 0;

	snprintf(name, sizeof(name), "%s.%s", lock, what);
	while (atomic_flag_test_and_set(&rows_busy))
		sched_yield();
	while (i < nr_rows && strcmp(rows[i].name, name))
		i++;
	if (i == MAX_ROWS)
		abort();
	if (i == nr_rows)
		strcpy(rows[nr_rows++].name, name);
	rows[i].count++;
	atomic_flag_clear(&rows_busy);
}

static void saw(const char *lock, const char *meaning, int want, const char *fn, int got)
{
	char what[80];

	snprintf(what, sizeof(what), "%s.%s", fn, got ? strerrorname_np(got) : "ok");
	if (got != want) {
		fprintf(stderr, "exact_all: %s: %s, wanted %d\n", lock, what, want);
		failed = 1;
	}
	note(lock, what);
	if (meaning)
		note(lock, meaning);
}

/* The three ways of reporting an error, as an errno value. */
static int by_errno(int r)
{
	return r == -1 ? errno : 0;
}

static int by_thrd(int r)
{
	return r == thrd_success    ? 0
	       : r == thrd_busy	    ? EBUSY
	       : r == thrd_timedout ? ETIMEDOUT
				    : EIO;
}

#define DO(lock, meaning, want, fn, ...) saw(#lock, meaning, want, #fn, fn(__VA_ARGS__))
#define DO_SEM(lock, meaning, want, fn, ...) \
	saw(#lock, meaning, want, #fn, by_errno(fn(__VA_ARGS__)))
#define DO_C11(lock, meaning, want, fn, ...) \
	saw(#lock, meaning, want, #fn, by_thrd(fn(__VA_ARGS__)))

static const struct timespec *in_ms(clockid_t clock, long ms)
{
	static _Thread_local struct timespec at;

	clock_gettime(clock, &at);
	at.tv_nsec += ms * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return &at;
}

#define SOON   in_ms(CLOCK_REALTIME, 5)
#define SOON_M in_ms(CLOCK_MONOTONIC, 5)
#define LATE   in_ms(CLOCK_REALTIME, 60000)
#define LATE_M in_ms(CLOCK_MONOTONIC, 60000)

/* A second thread: takes something, stays until it is told to leave, and gives it back. */
static struct helper {
	pthread_t thread;
	void (*take)(void);
	void (*give)(void);
	atomic_int tid, inside, leave;
} helper;

static void *help(void *unused)
{
	atomic_store(&helper.tid, gettid());
	helper.take();
	atomic_store(&helper.inside, 1);
	while (!atomic_load(&helper.leave))
		usleep(100);
	helper.give();
	return unused;
}

static void start_helper(void (*take)(void), void (*give)(void), int leave)
{
	helper.take = take;
	helper.give = give;
	atomic_store(&helper.tid, 0);
	atomic_store(&helper.inside, 0);
	atomic_store(&helper.leave, leave);
	DO(threads, "created", 0, pthread_create, &helper.thread, NULL, help, NULL);
}

static void occupy(void (*take)(void), void (*give)(void))
{
	start_helper(take, give, 0);
	while (!atomic_load(&helper.inside))
		usleep(100);
}

static void vacate(void)
{
	atomic_store(&helper.leave, 1);
	DO(threads, "joined", 0, pthread_join, helper.thread, NULL);
}

static void await_sleep(void)
{
	while (!atomic_load(&helper.tid) || thread_state(atomic_load(&helper.tid)) != 'S')
		sched_yield();
}

/* The caller has the lock; the helper asks for it, sleeps, and gets it by release(). */
static void contend(void (*take)(void), void (*give)(void), void (*release)(void))
{
	start_helper(take, give, 1);
	await_sleep();
	release();
	vacate();
}

static void plain_lock(void)
{
	DO(plain_mu, "acquisitions", 0, pthread_mutex_lock, &plain_mu);
}

static void plain_timedlock(void)
{
	DO(plain_mu, "acquisitions", 0, pthread_mutex_timedlock, &plain_mu, LATE);
}

static void plain_unlock(void)
{
	DO(plain_mu, "releases", 0, pthread_mutex_unlock, &plain_mu);
}

static void plain_contend(void (*take)(void))
{
	plain_lock();
	contend(take, plain_unlock, plain_unlock);
	note("plain_mu", "contended");
}

static void mutexes(void)
{
	for (int i = 0; i < 11; i++, plain_unlock())
		plain_lock();
	for (int i = 0; i < 7; i++, plain_unlock())
		DO(plain_mu, "acquisitions", 0, pthread_mutex_trylock, &plain_mu);
	for (int i = 0; i < 5; i++, plain_unlock())
		plain_timedlock();
	for (int i = 0; i < 3; i++, plain_unlock())
		DO(plain_mu, "acquisitions", 0, pthread_mutex_clocklock, &plain_mu, CLOCK_MONOTONIC,
		   LATE_M);
	occupy(plain_lock, plain_unlock);
	for (int i = 0; i < 4; i++)
		DO(plain_mu, "try_failures", EBUSY, pthread_mutex_trylock, &plain_mu);
	for (int i = 0; i < 2; i++)
		DO(plain_mu, "timeouts", ETIMEDOUT, pthread_mutex_timedlock, &plain_mu, SOON);
	DO(plain_mu, "timeouts", ETIMEDOUT, pthread_mutex_clocklock, &plain_mu, CLOCK_MONOTONIC,
	   SOON_M);
	vacate();
	for (int i = 0; i < 3; i++)
		plain_contend(plain_lock);
	plain_contend(plain_timedlock);
}

static void special_mutexes(void)
{
	DO(recursive_mu, "acquisitions", 0, pthread_mutex_lock, &recursive_mu);
	DO(recursive_mu, "relocks", 0, pthread_mutex_lock, &recursive_mu);
	DO(recursive_mu, "relocks", 0, pthread_mutex_trylock, &recursive_mu);
	DO(recursive_mu, "relocks", 0, pthread_mutex_timedlock, &recursive_mu, LATE);
	for (int i = 0; i < 3; i++)
		DO(recursive_mu, NULL, 0, pthread_mutex_unlock, &recursive_mu);
	DO(recursive_mu, "releases", 0, pthread_mutex_unlock, &recursive_mu);
	DO(errorcheck_mu, "acquisitions", 0, pthread_mutex_lock, &errorcheck_mu);
	DO(errorcheck_mu, "self_deadlocks", EDEADLK, pthread_mutex_lock, &errorcheck_mu);
	DO(errorcheck_mu, "try_failures", EBUSY, pthread_mutex_trylock, &errorcheck_mu);
	DO(errorcheck_mu, "releases", 0, pthread_mutex_unlock, &errorcheck_mu);
	DO(errorcheck_mu, NULL, EPERM, pthread_mutex_unlock, &errorcheck_mu);
}

static void table_rdlock(void)
{
	DO(table_lock, "read.acquisitions", 0, pthread_rwlock_rdlock, &table_lock);
}

static void table_wrlock(void)
{
	DO(table_lock, "write.acquisitions", 0, pthread_rwlock_wrlock, &table_lock);
}

static void table_unlock(void)
{
	DO(table_lock, "releases", 0, pthread_rwlock_unlock, &table_lock);
}

static void rwlocks_free(void)
{
	for (int i = 0; i < 6; i++, table_unlock())
		table_rdlock();
	for (int i = 0; i < 5; i++, table_unlock())
		table_wrlock();
	for (int i = 0; i < 4; i++, table_unlock())
		DO(table_lock, "read.acquisitions", 0, pthread_rwlock_tryrdlock, &table_lock);
	for (int i = 0; i < 3; i++, table_unlock())
		DO(table_lock, "write.acquisitions", 0, pthread_rwlock_trywrlock, &table_lock);
	DO(table_lock, "read.acquisitions", 0, pthread_rwlock_timedrdlock, &table_lock, LATE);
	table_unlock();
	DO(table_lock, "write.acquisitions", 0, pthread_rwlock_timedwrlock, &table_lock, LATE);
	table_unlock();
	DO(table_lock, "read.acquisitions", 0, pthread_rwlock_clockrdlock, &table_lock,
	   CLOCK_MONOTONIC, LATE_M);
	table_unlock();
	DO(table_lock, "write.acquisitions", 0, pthread_rwlock_clockwrlock, &table_lock,
	   CLOCK_MONOTONIC, LATE_M);
	table_unlock();
}

static void rwlocks_taken(void)
{
	occupy(table_wrlock, table_unlock);
	for (int i = 0; i < 3; i++)
		DO(table_lock, "read.try_failures", EBUSY, pthread_rwlock_tryrdlock, &table_lock);
	DO(table_lock, "read.timeouts", ETIMEDOUT, pthread_rwlock_timedrdlock, &table_lock, SOON);
	DO(table_lock, "read.timeouts", ETIMEDOUT, pthread_rwlock_clockrdlock, &table_lock,
	   CLOCK_MONOTONIC, SOON_M);
	vacate();
	occupy(table_rdlock, table_unlock);
	for (int i = 0; i < 2; i++)
		DO(table_lock, "write.try_failures", EBUSY, pthread_rwlock_trywrlock, &table_lock);
	DO(table_lock, "write.timeouts", ETIMEDOUT, pthread_rwlock_timedwrlock, &table_lock, SOON);
	DO(table_lock, "write.timeouts", ETIMEDOUT, pthread_rwlock_clockwrlock, &table_lock,
	   CLOCK_MONOTONIC, SOON_M);
	table_rdlock(); /* two readers at once */
	table_unlock();
	vacate();
	table_wrlock();
	contend(table_rdlock, table_unlock, table_unlock);
	note("table_lock", "read.contended");
	table_rdlock();
	contend(table_wrlock, table_unlock, table_unlock);
	note("table_lock", "write.contended");
}

static void spin_lock(void)
{
	DO(spin, "acquisitions", 0, pthread_spin_lock, &spin);
}

static void spin_unlock(void)
{
	DO(spin, "releases", 0, pthread_spin_unlock, &spin);
}

static void spinlocks(void)
{
	struct timespec used = { 0, 0 };
	clockid_t clock;

	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	for (int i = 0; i < 9; i++, spin_unlock())
		spin_lock();
	for (int i = 0; i < 2; i++, spin_unlock())
		DO(spin, "acquisitions", 0, pthread_spin_trylock, &spin);
	occupy(spin_lock, spin_unlock);
	for (int i = 0; i < 3; i++)
		DO(spin, "try_failures", EBUSY, pthread_spin_trylock, &spin);
	vacate();
	spin_lock();
	start_helper(spin_lock, spin_unlock, 1);
	pthread_getcpuclockid(helper.thread, &clock);
	while (used.tv_sec == 0 && used.tv_nsec < 10000000)
		clock_gettime(clock, &used);
	note("spin", "contended");
	spin_unlock();
	vacate();
	pthread_spin_destroy(&spin);
}

static void tokens_wait(void)
{
	DO_SEM(tokens, "acquisitions", 0, sem_wait, &tokens);
}

static void tokens_post(void)
{
	DO_SEM(tokens, "posts", 0, sem_post, &tokens);
}

static void semaphores(void)
{
	sem_init(&tokens, 0, 0);
	for (int i = 0; i < 12; i++)
		tokens_post();
	for (int i = 0; i < 6; i++)
		tokens_wait();
	for (int i = 0; i < 3; i++)
		DO_SEM(tokens, "acquisitions", 0, sem_trywait, &tokens);
	for (int i = 0; i < 2; i++)
		DO_SEM(tokens, "acquisitions", 0, sem_timedwait, &tokens, LATE);
	DO_SEM(tokens, "acquisitions", 0, sem_clockwait, &tokens, CLOCK_MONOTONIC, LATE_M);
	for (int i = 0; i < 4; i++)
		DO_SEM(tokens, "try_failures", EAGAIN, sem_trywait, &tokens);
	DO_SEM(tokens, "timeouts", ETIMEDOUT, sem_timedwait, &tokens, SOON);
	DO_SEM(tokens, "timeouts", ETIMEDOUT, sem_clockwait, &tokens, CLOCK_MONOTONIC, SOON_M);
	for (int i = 0; i < 2; i++) {
		contend(tokens_wait, tokens_post, tokens_post);
		note("tokens", "contended");
		tokens_wait();
	}
	sem_destroy(&tokens);
}

static void cond_wait_once(void)
{
	DO(cond_mu, "acquisitions", 0, pthread_mutex_lock, &cond_mu);
	DO(cond, "waits", 0, pthread_cond_wait, &cond, &cond_mu);
	note("cond_mu", "reacquisitions");
}

static void cond_unlock(void)
{
	DO(cond_mu, "releases", 0, pthread_mutex_unlock, &cond_mu);
}

static void cond_signal(void)
{
	DO(cond, "signals", 0, pthread_cond_signal, &cond);
}

static void cond_broadcast(void)
{
	DO(cond, "broadcasts", 0, pthread_cond_broadcast, &cond);
}

/* Nobody waits in two of the signals and one of the broadcasts. */
static void conds(void)
{
	for (int i = 0; i < 3; i++)
		contend(cond_wait_once, cond_unlock, cond_signal);
	contend(cond_wait_once, cond_unlock, cond_broadcast);
	for (int i = 0; i < 2; i++)
		cond_signal();
	cond_broadcast();
	DO(cond_mu, "acquisitions", 0, pthread_mutex_lock, &cond_mu);
	for (int i = 0; i < 2; i++) {
		DO(cond, "timeouts", ETIMEDOUT, pthread_cond_timedwait, &cond, &cond_mu, SOON);
		note("cond_mu", "reacquisitions");
	}
	DO(cond, "timeouts", ETIMEDOUT, pthread_cond_clockwait, &cond, &cond_mu, CLOCK_MONOTONIC,
	   SOON_M);
	note("cond_mu", "reacquisitions");
	cond_unlock();
}

static void barrier_arrive(void)
{
	int r = pthread_barrier_wait(&barrier);

	note("barrier", "arrivals");
	if (r == PTHREAD_BARRIER_SERIAL_THREAD)
		note("barrier", "serial");
}

static void nothing(void)
{
}

static void barriers(void)
{
	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 4; i++)
		contend(barrier_arrive, nothing, barrier_arrive);
	pthread_barrier_destroy(&barrier);
}

static void once_run(void)
{
	note("once", "runs");
}

static void c11_once_run(void)
{
	note("c11_once", "runs");
}

static void onces(void)
{
	for (int i = 0; i < 5; i++)
		DO(once, "calls", 0, pthread_once, &once, once_run);
	for (int i = 0; i < 5; i++) {
		call_once(&c11_once, c11_once_run);
		note("c11_once", "calls");
	}
}

static void c11_lock(void)
{
	DO_C11(c11_mu, "acquisitions", 0, mtx_lock, &c11_mu);
}

static void c11_unlock(void)
{
	DO_C11(c11_mu, "releases", 0, mtx_unlock, &c11_mu);
}

static void c11_cond_wait_once(void)
{
	DO_C11(c11_cond_mu, "acquisitions", 0, mtx_lock, &c11_cond_mu);
	DO_C11(c11_cond, "waits", 0, cnd_wait, &c11_cond, &c11_cond_mu);
	note("c11_cond_mu", "reacquisitions");
}

static void c11_cond_unlock(void)
{
	DO_C11(c11_cond_mu, "releases", 0, mtx_unlock, &c11_cond_mu);
}

static void c11_cond_signal(void)
{
	DO_C11(c11_cond, "signals", 0, cnd_signal, &c11_cond);
}

static void c11_cond_broadcast(void)
{
	DO_C11(c11_cond, "broadcasts", 0, cnd_broadcast, &c11_cond);
}

static int c11_body(void *unused)
{
	(void)unused;
	c11_lock();
	c11_unlock();
	return 7;
}

static void c11_locks(void)
{
	mtx_init(&c11_mu, mtx_timed);
	for (int i = 0; i < 8; i++, c11_unlock())
		c11_lock();
	for (int i = 0; i < 3; i++, c11_unlock())
		DO_C11(c11_mu, "acquisitions", 0, mtx_trylock, &c11_mu);
	DO_C11(c11_mu, "acquisitions", 0, mtx_timedlock, &c11_mu, LATE);
	c11_unlock();
	occupy(c11_lock, c11_unlock);
	for (int i = 0; i < 2; i++)
		DO_C11(c11_mu, "try_failures", EBUSY, mtx_trylock, &c11_mu);
	DO_C11(c11_mu, "timeouts", ETIMEDOUT, mtx_timedlock, &c11_mu, SOON);
	vacate();
	c11_lock();
	contend(c11_lock, c11_unlock, c11_unlock);
	note("c11_mu", "contended");
}

static void c11_conds_and_threads(void)
{
	thrd_t thread;
	int result = 0;

	mtx_init(&c11_cond_mu, mtx_plain);
	cnd_init(&c11_cond);
	contend(c11_cond_wait_once, c11_cond_unlock, c11_cond_signal);
	contend(c11_cond_wait_once, c11_cond_unlock, c11_cond_broadcast);
	DO_C11(c11_cond_mu, "acquisitions", 0, mtx_lock, &c11_cond_mu);
	DO_C11(c11_cond, "timeouts", ETIMEDOUT, cnd_timedwait, &c11_cond, &c11_cond_mu, SOON);
	note("c11_cond_mu", "reacquisitions");
	c11_cond_unlock();
	for (int i = 0; i < 2; i++) {
		DO_C11(threads, "created", 0, thrd_create, &thread, c11_body, NULL);
		DO_C11(threads, "joined", 0, thrd_join, thread, &result);
		failed |= result != 7;
	}
	cnd_destroy(&c11_cond);
	mtx_destroy(&c11_cond_mu);
	mtx_destroy(&c11_mu);
}

#define FUTEX(meaning, want, op, value, timeout) \
	saw("futex_word", meaning, want, #op,    \
	    by_errno((int)syscall(SYS_futex, &futex_word, op, value, timeout, NULL, 0)))

static void futex_wait(void)
{
	FUTEX("waits", 0, FUTEX_WAIT_PRIVATE, 0, NULL);
}

/* FUTEX_WAKE returns how many it woke: one, since exactly one is asleep. */
static void futex_wake(void)
{
	long woken = syscall(SYS_futex, &futex_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);

	failed |= woken != 1;
	note("futex_word", "wakes");
}

static void futexes(void)
{
	static const struct timespec soon = { 0, 5000000 };

	for (int i = 0; i < 3; i++)
		contend(futex_wait, nothing, futex_wake);
	for (int i = 0; i < 2; i++)
		FUTEX("timeouts", ETIMEDOUT, FUTEX_WAIT_PRIVATE, 0, &soon);
	for (int i = 0; i < 2; i++)
		FUTEX("mismatches", EAGAIN, FUTEX_WAIT_PRIVATE, 1, NULL);
}

static void *end_at_once(void *unused)
{
	return unused;
}

static void detached_threads(void)
{
	pthread_t thread;

	for (int i = 0; i < 2; i++) {
		DO(threads, "created", 0, pthread_create, &thread, NULL, end_at_once, NULL);
		DO(threads, "detached", 0, pthread_detach, thread);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

int main(void)
{
	mutexes();
	special_mutexes();
	rwlocks_free();
	rwlocks_taken();
	spinlocks();
	semaphores();
	conds();
	barriers();
	onces();
	c11_locks();
	c11_conds_and_threads();
	futexes();
	detached_threads();
	qsort(rows, (size_t)nr_rows, sizeof(rows[0]), by_name);
	for (int i = 0; i < nr_rows; i++)
		printf("%s %ld\n", rows[i].name, rows[i].count);
	return failed;
}
