/* SPDX-License-Identifier: MIT */
/*
 * values_cancel: cancellation of a thread that is asleep, in every call that can sleep.
 *
 * Each call is tried three times. "deferred": cancellation points act, the others come back when
 * they have got what they waited for, and the request acts after them. "asynchronous": all are left
 * at once. "disabled": none acts. The handler says whether the mutex is held, which after a wait
 * for a condition it must be. The lines are those of values.c; the same with and without anything
 * preloaded, and in every run: the thread is asleep in the call when it is cancelled (the kernel
 * says so), and alone when it says something.
 *
 * At the end threads are cancelled asynchronously anywhere in lock calls. POSIX forbids that and
 * people do it; their locks are their own, so it does no harm.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

#include "thread_state.h"
#include "values.h"

/* What the calls wait for; made anew for each, as an asynchronous cancel leaves it in any state. */
static struct things {
	pthread_mutex_t mutex; /* error-checking, taken by the sleeper */
	pthread_mutex_t other; /* taken by main, as is the rwlock */
	pthread_cond_t cond;
	pthread_rwlock_t rwlock;
	pthread_barrier_t barrier;
	sem_t sem, stay;
	mtx_t c11;
	cnd_t c11_cond;
	int word;
	pthread_t thread; /* that is joined */
} * it;
static atomic_int tid;

static void *stay_until_posted(void *stay)
{
	while (sem_wait(stay))
		;
	return NULL;
}

static int call_sem_wait(void)
{
	return sem_wait(&it->sem);
}

static int call_sem_timedwait(void)
{
	return sem_timedwait(&it->sem, &far_future);
}

static int call_sem_clockwait(void)
{
	return sem_clockwait(&it->sem, CLOCK_MONOTONIC, &far_future);
}

static void post(void)
{
	sem_post(&it->sem);
}

static int call_cond_wait(void)
{
	return pthread_cond_wait(&it->cond, &it->mutex);
}

static int call_cond_timedwait(void)
{
	return pthread_cond_timedwait(&it->cond, &it->mutex, &far_future);
}

static int call_cond_clockwait(void)
{
	return pthread_cond_clockwait(&it->cond, &it->mutex, CLOCK_MONOTONIC, &far_future);
}

static void signal_cond(void)
{
	pthread_cond_signal(&it->cond);
}

static int call_cnd_wait(void)
{
	return cnd_wait(&it->c11_cond, (mtx_t *)&it->mutex);
}

static int call_cnd_timedwait(void)
{
	return cnd_timedwait(&it->c11_cond, (mtx_t *)&it->mutex, &far_future);
}

static void signal_cnd(void)
{
	cnd_signal(&it->c11_cond);
}

static int call_join(void)
{
	return pthread_join(it->thread, NULL);
}

static int call_timedjoin(void)
{
	return pthread_timedjoin_np(it->thread, NULL, &far_future);
}

static int call_clockjoin(void)
{
	return pthread_clockjoin_np(it->thread, NULL, CLOCK_MONOTONIC, &far_future);
}

static int call_thrd_join(void)
{
	return thrd_join(it->thread, NULL);
}

static void let_go(void)
{
	sem_post(&it->stay);
}

static int call_mutex_lock(void)
{
	return pthread_mutex_lock(&it->other);
}

static int call_mutex_timedlock(void)
{
	return pthread_mutex_timedlock(&it->other, &far_future);
}

static int call_mutex_clocklock(void)
{
	return pthread_mutex_clocklock(&it->other, CLOCK_MONOTONIC, &far_future);
}

static void unlock_other(void)
{
	pthread_mutex_unlock(&it->other);
}

static int call_mtx_lock(void)
{
	return mtx_lock(&it->c11);
}

static void unlock_c11(void)
{
	mtx_unlock(&it->c11);
}

static int call_rdlock(void)
{
	return pthread_rwlock_rdlock(&it->rwlock);
}

static int call_wrlock(void)
{
	return pthread_rwlock_wrlock(&it->rwlock);
}

static int call_clockrdlock(void)
{
	return pthread_rwlock_clockrdlock(&it->rwlock, CLOCK_MONOTONIC, &far_future);
}

static int call_timedwrlock(void)
{
	return pthread_rwlock_timedwrlock(&it->rwlock, &far_future);
}

static void unlock_rwlock(void)
{
	pthread_rwlock_unlock(&it->rwlock);
}

static int call_barrier(void)
{
	return pthread_barrier_wait(&it->barrier);
}

static void arrive(void)
{
	pthread_barrier_wait(&it->barrier);
}

static int call_futex(void)
{
	return (int)syscall(SYS_futex, &it->word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void wake(void)
{
	it->word = 1;
	syscall(SYS_futex, &it->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static const struct call {
	const char *name;
	int (*run)(void);
	void (*satisfy)(void);
	int is_point; /* a cancellation point */
} calls[] = {
	{ "sem_wait", call_sem_wait, post, 1 },
	{ "sem_timedwait", call_sem_timedwait, post, 1 },
	{ "sem_clockwait", call_sem_clockwait, post, 1 },
	{ "cond_wait", call_cond_wait, signal_cond, 1 },
	{ "cond_timedwait", call_cond_timedwait, signal_cond, 1 },
	{ "cond_clockwait", call_cond_clockwait, signal_cond, 1 },
	{ "cnd_wait", call_cnd_wait, signal_cnd, 1 },
	{ "cnd_timedwait", call_cnd_timedwait, signal_cnd, 1 },
	{ "join", call_join, let_go, 1 },
	{ "timedjoin", call_timedjoin, let_go, 1 },
	{ "clockjoin", call_clockjoin, let_go, 1 },
	{ "thrd_join", call_thrd_join, let_go, 1 },
	{ "mutex_lock", call_mutex_lock, unlock_other, 0 },
	{ "mutex_timedlock", call_mutex_timedlock, unlock_other, 0 },
	{ "mutex_clocklock", call_mutex_clocklock, unlock_other, 0 },
	{ "mtx_lock", call_mtx_lock, unlock_c11, 0 },
	{ "rdlock", call_rdlock, unlock_rwlock, 0 },
	{ "wrlock", call_wrlock, unlock_rwlock, 0 },
	{ "clockrdlock", call_clockrdlock, unlock_rwlock, 0 },
	{ "timedwrlock", call_timedwrlock, unlock_rwlock, 0 },
	{ "barrier_wait", call_barrier, arrive, 0 },
	{ "futex", call_futex, wake, 0 },
};

enum mode { DEFERRED, ASYNCHRONOUS, DISABLED, NR_MODES };
static const char *const mode_name[] = { "deferred", "asynchronous", "disabled" };
static enum mode mode;

static void make_things(void)
{
	pthread_mutexattr_t attr;

	it = calloc(1, sizeof(*it)); /* never freed */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&it->mutex, &attr);
	pthread_mutex_init(&it->other, NULL);
	pthread_cond_init(&it->cond, NULL);
	pthread_rwlock_init(&it->rwlock, NULL);
	pthread_barrier_init(&it->barrier, NULL, 2);
	sem_init(&it->sem, 0, 0);
	sem_init(&it->stay, 0, 0);
	mtx_init(&it->c11, mtx_plain);
	cnd_init(&it->c11_cond);
	pthread_mutex_lock(&it->other);
	pthread_rwlock_wrlock(&it->rwlock);
	mtx_lock(&it->c11);
	if (pthread_create(&it->thread, NULL, stay_until_posted, &it->stay))
		exit(1);
}

static void at_cancel(void *name)
{
	printf("%s: handler\n", (const char *)name);
	SAY("in-handler", pthread_mutex_unlock, &it->mutex);
}

static void *sleep_in_call(void *arg)
{
	const struct call *call = arg;

	if (mode == DISABLED)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_mutex_lock(&it->mutex);
	pthread_cleanup_push(at_cancel, (void *)call->name);
	if (mode == ASYNCHRONOUS)
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	atomic_store(&tid, gettid());
	errno = SENTINEL;
	say(call->name, "came-back", call->run());
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	printf("not reached\n");
	pthread_cleanup_pop(1);
	return NULL;
}

static void cancel_in(const struct call *call)
{
	int acts = mode == ASYNCHRONOUS || (mode == DEFERRED && call->is_point), value, err;
	pthread_t thread;
	void *result;

	make_things();
	atomic_store(&tid, 0);
	if (pthread_create(&thread, NULL, sleep_in_call, (void *)call))
		exit(1);
	while (!atomic_load(&tid) || thread_state(atomic_load(&tid)) != 'S')
		sched_yield();
	err = pthread_cancel(thread);
	if (!acts)
		call->satisfy();
	SAY("cancelled", pthread_join, thread, &result);
	printf("%s %s: pthread_cancel %d\n", call->name, mode_name[mode], err);
	sem_getvalue(&it->sem, &value);
	printf("%s, tokens %d\n", result == PTHREAD_CANCELED ? "cancelled" : "ended", value);
	sem_post(&it->stay);
}

/* ---- anywhere ---- */

static void *lock_for_ever(void *ready)
{
	struct things *mine = calloc(1, sizeof(*mine));

	sem_init(&mine->sem, 0, 0);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;) {
		pthread_mutex_lock(&mine->mutex);
		pthread_cond_signal(&mine->cond);
		pthread_mutex_unlock(&mine->mutex);
		pthread_rwlock_rdlock(&mine->rwlock);
		sem_post(&mine->sem);
		sem_trywait(&mine->sem);
		pthread_rwlock_unlock(&mine->rwlock);
		atomic_fetch_add((atomic_int *)ready, 1);
	}
	return NULL;
}

static void cancel_anywhere(void)
{
	int cancelled = 0;

	for (int i = 0; i < 100; i++) {
		atomic_int ready = 0;
		pthread_t thread;
		void *result;

		if (pthread_create(&thread, NULL, lock_for_ever, &ready))
			exit(1);
		while (atomic_load(&ready) < i)
			sched_yield();
		pthread_cancel(thread);
		pthread_join(thread, &result);
		cancelled += result == PTHREAD_CANCELED;
	}
	printf("cancelled anywhere: %d\n", cancelled);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (mode = 0; mode < NR_MODES; mode++)
		for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
			cancel_in(&calls[i]);
	cancel_anywhere();
	return 0;
}
