/* SPDX-License-Identifier: MIT */
/*
 * values_threads: what thread calls, cancelled waits and C11 return, outcome by outcome.
 *
 * The lines are those of values.c: `call case -> result errno`, with errno 4711 before the call.
 * The same with and without anything preloaded, and the same in every run. Cancellation is tried in
 * two ways: on a thread that is asleep in the call (the kernel says so), and pending before the
 * call, which then must not take a token, and must not act where the call is no cancellation point.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "values.h"

static int say_thrd(const char *call, const char *what, int result)
{
	int left = errno;

	printf("%s %s -> %d %s\n", call, what, result,
	       left == SENTINEL ? "untouched" : error_name(left));
	return result;
}

#define SAY_C11(what, fn, ...) (errno = SENTINEL, say_thrd(#fn, what, fn(__VA_ARGS__)))

static pthread_mutex_t mu = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t sem, stay;
static mtx_t c11_mu;
static cnd_t c11_cond;
static pthread_t sleeper;
static atomic_int tid;
static atomic_int cancel_sent;

static void *return_arg(void *arg)
{
	return arg;
}

static void *exit_with(void *arg)
{
	pthread_exit(arg);
}

static void *stay_until_posted(void *arg)
{
	while (sem_wait(&stay))
		;
	return arg;
}

static void *join_self(void *unused)
{
	SAY("self", pthread_join, pthread_self(), NULL);
	return unused;
}

/* What the kernel says of a thread: 'S' is asleep, '-' is gone. */
static char thread_state(pid_t of)
{
	char path[64], line[256], *after;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", of);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return '-';
	size = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (size <= 0)
		return '-';
	line[size] = '\0';
	after = strrchr(line, ')');
	return after && after[1] ? after[2] : '?';
}

/* Says nothing: the new thread may be saying something at the same time. */
static pthread_t start(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	atomic_store(&tid, 0);
	if (pthread_create(&thread, NULL, body, arg))
		exit(1);
	return thread;
}

static void join(const char *what, pthread_t thread)
{
	void *value = NULL;

	SAY(what, pthread_join, thread, &value);
	if (value == PTHREAD_CANCELED)
		printf("value CANCELED\n");
	else
		printf("value %ld\n", (long)(intptr_t)value);
}

static void *join_quietly(void *thread)
{
	atomic_store(&tid, gettid());
	pthread_join(*(pthread_t *)thread, NULL);
	return NULL;
}

static void await_sleep(void)
{
	while (!atomic_load(&tid) || thread_state(atomic_load(&tid)) != 'S')
		sched_yield();
}

/* Nobody joins it, so that it has gone on can only be seen by its token. */
static void let_detached_go(void)
{
	int tokens = 1;

	sem_post(&stay);
	while (tokens > 0) {
		sched_yield();
		sem_getvalue(&stay, &tokens);
	}
}

static void joins(void)
{
	pthread_t thread;
	void *value;

	join("returned", start(return_arg, (void *)11));
	join("exited", start(exit_with, (void *)12));
	join("itself", start(join_self, NULL));
	sleeper = start(stay_until_posted, (void *)13);
	SAY("running", pthread_tryjoin_np, sleeper, &value);
	SAY("running,past", pthread_timedjoin_np, sleeper, &value, &long_ago);
	SAY("running,past", pthread_clockjoin_np, sleeper, &value, CLOCK_MONOTONIC, &long_ago);
	SAY("running,bad-clock", pthread_clockjoin_np, sleeper, &value, CLOCK_PROCESS_CPUTIME_ID,
	    &far_future);
	sem_post(&stay);
	join("posted", sleeper);
	sleeper = start(stay_until_posted, (void *)14);
	SAY("running", pthread_detach, sleeper);
	SAY("detached", pthread_detach, sleeper);
	SAY("detached", pthread_join, sleeper, &value);
	SAY("detached", pthread_tryjoin_np, sleeper, &value);
	let_detached_go();
	thread = start(return_arg, (void *)15);
	SAY("returns", pthread_timedjoin_np, thread, &value, &far_future);
	thread = start(return_arg, (void *)16);
	SAY("returns", pthread_clockjoin_np, thread, &value, CLOCK_MONOTONIC, &far_future);
	printf("value %ld\n", (long)(intptr_t)value);
}

static void creation(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t none;

	SAY("plain", pthread_create, &thread, NULL, return_arg, NULL);
	join("plain", thread);
	pthread_attr_init(&attr);
	CPU_ZERO(&none);
	pthread_attr_setaffinity_np(&attr, sizeof(none), &none);
	SAY("no-cpu", pthread_create, &thread, &attr, return_arg, NULL);
	pthread_attr_destroy(&attr);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)1 << 46);
	printf("pthread_create huge-stack -> %s\n",
	       error_name(pthread_create(&thread, &attr, return_arg, NULL)));
	pthread_attr_destroy(&attr);
	SAY("short", pthread_setname_np, pthread_self(), "fifteen-letters");
	SAY("too-long", pthread_setname_np, pthread_self(), "sixteen--letters");
}

static void unlock_at_cancel(void *unused)
{
	(void)unused;
	SAY("in-cleanup", pthread_mutex_unlock, &mu);
}

static void *cancelled_in_cond(void *timed)
{
	pthread_mutex_lock(&mu);
	atomic_store(&tid, gettid());
	pthread_cleanup_push(unlock_at_cancel, NULL);
	if (timed)
		pthread_cond_timedwait(&cond, &mu, &far_future);
	else
		pthread_cond_wait(&cond, &mu);
	pthread_cleanup_pop(1);
	return NULL;
}

static void *cancelled_in_cond_clockwait(void *unused)
{
	pthread_mutex_lock(&mu);
	atomic_store(&tid, gettid());
	pthread_cleanup_push(unlock_at_cancel, NULL);
	pthread_cond_clockwait(&cond, &mu, CLOCK_MONOTONIC, &far_future);
	pthread_cleanup_pop(1);
	return unused;
}

static void *cancelled_in_sem(void *timed)
{
	atomic_store(&tid, gettid());
	if (timed)
		sem_timedwait(&sem, &far_future);
	else
		sem_wait(&sem);
	return NULL;
}

static void unlock_c11_at_cancel(void *unused)
{
	(void)unused;
	SAY_C11("in-cleanup", mtx_unlock, &c11_mu);
}

static void *cancelled_in_cnd(void *unused)
{
	mtx_lock(&c11_mu);
	atomic_store(&tid, gettid());
	pthread_cleanup_push(unlock_c11_at_cancel, NULL);
	cnd_wait(&c11_cond, &c11_mu);
	pthread_cleanup_pop(1);
	return unused;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_runs;

static void once_run(void)
{
	if (once_runs++)
		return;
	atomic_store(&tid, gettid());
	while (sem_wait(&sem))
		;
}

static void *cancelled_in_once(void *unused)
{
	pthread_once(&once, once_run);
	return unused;
}

static void cancel_asleep(const char *what, void *(*body)(void *), void *arg)
{
	pthread_t thread = start(body, arg);
	int result;

	await_sleep();
	result = pthread_cancel(thread);
	join(what, thread);
	printf("pthread_cancel %s -> %s\n", what, error_name(result));
}

static void cancelled_waits(void)
{
	int value;

	cancel_asleep("cond_wait", cancelled_in_cond, NULL);
	cancel_asleep("cond_timedwait", cancelled_in_cond, &mu);
	cancel_asleep("cond_clockwait", cancelled_in_cond_clockwait, NULL);
	cancel_asleep("sem_wait", cancelled_in_sem, NULL);
	cancel_asleep("sem_timedwait", cancelled_in_sem, &sem);
	cancel_asleep("cnd_wait", cancelled_in_cnd, NULL);
	cancel_asleep("once", cancelled_in_once, NULL);
	SAY("after-cancelled-one", pthread_once, &once, once_run);
	printf("once ran %d times\n", once_runs);
	sem_getvalue(&sem, &value);
	printf("tokens %d\n", value);
	sleeper = start(stay_until_posted, (void *)17);
	cancel_asleep("join", join_quietly, &sleeper);
	sem_post(&stay);
	join("joinable-again", sleeper);
}

/* A call with a cancel request pending: comes back only where it is no cancellation point. */
enum pending {
	SEM_WAIT,
	SEM_TIMEDWAIT,
	SEM_CLOCKWAIT,
	SEM_TRYWAIT,
	SEM_POST,
	MUTEX_LOCK,
	MUTEX_TIMEDLOCK,
	RWLOCK_RDLOCK,
	RWLOCK_WRLOCK,
	COND_TIMEDWAIT,
	COND_SIGNAL,
	NR_PENDING
};

static const char *const pending_name[NR_PENDING] = {
	"sem_wait", "sem_timedwait",  "sem_clockwait",	 "sem_trywait",
	"sem_post", "mutex_lock",     "mutex_timedlock", "rdlock",
	"wrlock",   "cond_timedwait", "cond_signal",
};

static void call_pending(enum pending which)
{
	if (which == SEM_WAIT)
		SAY("pending", sem_wait, &sem);
	else if (which == SEM_TIMEDWAIT)
		SAY("pending", sem_timedwait, &sem, &far_future);
	else if (which == SEM_CLOCKWAIT)
		SAY("pending", sem_clockwait, &sem, CLOCK_MONOTONIC, &far_future);
	else if (which == SEM_TRYWAIT)
		SAY("pending", sem_trywait, &sem);
	else if (which == SEM_POST)
		SAY("pending", sem_post, &sem);
	else if (which == COND_SIGNAL)
		SAY("pending", pthread_cond_signal, &cond);
	else if (which == RWLOCK_RDLOCK && !SAY("pending", pthread_rwlock_rdlock, &rwlock))
		pthread_rwlock_unlock(&rwlock);
	else if (which == RWLOCK_WRLOCK && !SAY("pending", pthread_rwlock_wrlock, &rwlock))
		pthread_rwlock_unlock(&rwlock);
	else if (which == MUTEX_LOCK && !SAY("pending", pthread_mutex_lock, &mu))
		pthread_mutex_unlock(&mu);
	else if (which == MUTEX_TIMEDLOCK &&
		 !SAY("pending", pthread_mutex_timedlock, &mu, &far_future))
		pthread_mutex_unlock(&mu);
}

static void wait_pending(void)
{
	pthread_mutex_lock(&mu);
	pthread_cleanup_push(unlock_at_cancel, NULL);
	SAY("pending", pthread_cond_timedwait, &cond, &mu, &long_ago);
	pthread_cleanup_pop(1);
}

/* Waits for the request by spinning, so that it is pending before the call and acts in no other. */
static void *run_pending(void *which)
{
	while (!atomic_load(&cancel_sent))
		;
	if ((enum pending)(intptr_t)which == COND_TIMEDWAIT)
		wait_pending();
	else
		call_pending((enum pending)(intptr_t)which);
	return (void *)18;
}

static void pending_cancels(void)
{
	static char buffer[65536];
	int value;

	/* Full buffering: no write(), which would act on the request, before main flushes. */
	fflush(stdout);
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	for (int i = 0; i < NR_PENDING; i++) {
		pthread_t thread;

		sem_init(&sem, 0, 1);
		atomic_store(&cancel_sent, 0);
		thread = start(run_pending, (void *)(intptr_t)i);
		pthread_cancel(thread);
		atomic_store(&cancel_sent, 1);
		join(pending_name[i], thread);
		sem_getvalue(&sem, &value);
		printf("tokens %d\n", value);
		fflush(stdout);
	}
}

static int c11_try_all(void *unused)
{
	(void)unused;
	SAY_C11("taken", mtx_trylock, &c11_mu);
	SAY_C11("taken,past", mtx_timedlock, &c11_mu, &long_ago);
	SAY_C11("taken,nsec-1", mtx_timedlock, &c11_mu, &negative_nsec);
	return 19;
}

static int c11_exit(void *unused)
{
	(void)unused;
	thrd_exit(20);
}

static void c11_once_run(void)
{
	printf("call_once runs\n");
}

static void c11_mutex(const char *what, int type)
{
	int result = 0;
	thrd_t thread;

	if (SAY_C11(what, mtx_init, &c11_mu, type) != thrd_success)
		return;
	SAY_C11("free", mtx_lock, &c11_mu);
	if (SAY_C11("own", mtx_trylock, &c11_mu) == thrd_success)
		SAY_C11("again", mtx_unlock, &c11_mu);
	if (thrd_create(&thread, c11_try_all, NULL) != thrd_success)
		exit(1);
	SAY_C11("other", thrd_join, thread, &result);
	printf("result %d\n", result);
	SAY_C11("own", mtx_unlock, &c11_mu);
	SAY_C11("free", mtx_trylock, &c11_mu);
	SAY_C11("own,past", cnd_timedwait, &c11_cond, &c11_mu, &long_ago);
	SAY_C11("own", mtx_unlock, &c11_mu);
	SAY_C11("nobody", cnd_signal, &c11_cond);
	SAY_C11("nobody", cnd_broadcast, &c11_cond);
	mtx_destroy(&c11_mu);
}

static void c11(void)
{
	static once_flag flag = ONCE_FLAG_INIT;
	int result = 0;
	thrd_t thread;

	c11_mutex("plain", mtx_plain);
	c11_mutex("timed", mtx_timed);
	c11_mutex("recursive", mtx_plain | mtx_recursive);
	c11_mutex("no-such-type", 99);
	SAY_C11("exits", thrd_create, &thread, c11_exit, NULL);
	SAY_C11("exits", thrd_join, thread, &result);
	printf("result %d\n", result);
	call_once(&flag, c11_once_run);
	call_once(&flag, c11_once_run);
}

static void *outlive_main(void *unused)
{
	join("main", *(pthread_t *)unused);
	fflush(stdout);
	return unused;
}

/* main leaves by pthread_exit; the process ends with status 0 when the last thread ends. */
static void main_exits(void)
{
	static pthread_t main_thread;
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		main_thread = pthread_self();
		start(outlive_main, &main_thread);
		pthread_exit((void *)21);
	}
	waitpid(pid, &status, 0);
	printf("main leaves by pthread_exit -> status %d\n", status);
}

int main(void)
{
	sem_init(&sem, 0, 0);
	sem_init(&stay, 0, 0);
	mtx_init(&c11_mu, mtx_plain);
	cnd_init(&c11_cond);
	joins();
	creation();
	cancelled_waits();
	mtx_destroy(&c11_mu);
	pending_cancels();
	c11();
	main_exits();
	return 0;
}
