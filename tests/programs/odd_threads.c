/* SPDX-License-Identifier: MIT */
/*
 * odd_threads: what threads and signal handlers may do to a profiler inside their process.
 *
 * One mode per story. Each prints only what is the same in every run, so that a test can compare
 * the output, and the exit status, with and without something preloaded.
 *
 * usage: odd_threads MODE
 */
#define _GNU_SOURCE 1
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
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static long counter;

static void start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	int err = pthread_create(thread, NULL, run, arg);

	if (err) {
		fprintf(stderr, "pthread_create: %s\n", strerrorname_np(err));
		exit(1);
	}
}

/* ---- storm: a timer's handler posts while threads lock, wait and signal ---- */

static atomic_long posts;
static atomic_int storm_over;

static void storm_handler(int unused)
{
	int saved = errno;

	(void)unused;
	if (!sem_post(&sem))
		atomic_fetch_add(&posts, 1);
	errno = saved;
}

static void *storm_lock(void *unused)
{
	for (int i = 0; i < 100000; i++) {
		pthread_mutex_lock(&mu);
		counter++;
		if (i % 16 == 0)
			pthread_cond_signal(&cond);
		pthread_mutex_unlock(&mu);
	}
	return unused;
}

static void *storm_wait(void *unused)
{
	pthread_mutex_lock(&mu);
	while (!atomic_load(&storm_over))
		pthread_cond_wait(&cond, &mu);
	pthread_mutex_unlock(&mu);
	return unused;
}

static void storm(void)
{
	struct itimerval every = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = storm_handler, .sa_flags = SA_RESTART };
	pthread_t thread[3], waiter;
	long taken = 0;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	start(&waiter, storm_wait, NULL);
	for (int i = 0; i < 3; i++)
		start(&thread[i], storm_lock, NULL);
	for (; taken < 300; taken++)
		while (sem_wait(&sem))
			;
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	pthread_mutex_lock(&mu);
	atomic_store(&storm_over, 1);
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mu);
	pthread_join(waiter, NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	while (!sem_trywait(&sem))
		taken++;
	printf("counter %ld, posts %s\n", counter, taken == posts ? "match" : "differ");
}

/* ---- cancel: deferred in each blocking call, and pending before it; asynchronous ---- */

static void cleanup_mutex(void *what)
{
	int err = pthread_mutex_trylock(&mu);

	printf("%s cancelled, mutex %s\n", (char *)what, err == EBUSY ? "held" : "free");
	pthread_mutex_unlock(&mu);
}

static void cleanup_say(void *what)
{
	printf("%s cancelled\n", (char *)what);
}

static void *cancelled_in_cond(void *unused)
{
	pthread_mutex_lock(&mu);
	pthread_cleanup_push(cleanup_mutex, "cond_wait");
	counter = 1;
	for (;;)
		pthread_cond_wait(&cond, &mu);
	pthread_cleanup_pop(1);
	return unused;
}

static void *cancelled_in_sem(void *unused)
{
	pthread_cleanup_push(cleanup_say, "sem_wait");
	for (;;)
		sem_wait(&sem);
	pthread_cleanup_pop(1);
	return unused;
}

static void *cancelled_in_join(void *other)
{
	pthread_cleanup_push(cleanup_say, "join");
	pthread_join(*(pthread_t *)other, NULL);
	pthread_cleanup_pop(1);
	return NULL;
}

/* A cancel is pending and a token is there: the token must stay. */
static void *cancelled_before_sem(void *unused)
{
	pthread_cancel(pthread_self());
	sem_wait(&sem);
	printf("sem_wait did not act upon the cancel\n");
	return unused;
}

static void *cancelled_anywhere(void *ready)
{
	volatile long n = 0;

	pthread_mutex_lock(&mu);
	pthread_mutex_unlock(&mu);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	atomic_store((atomic_int *)ready, 1);
	for (;;)
		n++;
	return NULL;
}

static void cancel_and_join(pthread_t thread)
{
	void *result;

	pthread_cancel(thread);
	pthread_join(thread, &result);
	printf("joined %s\n", result == PTHREAD_CANCELED ? "cancelled" : "ended");
}

static void cancel(void)
{
	pthread_t thread, other;
	int value;

	start(&thread, cancelled_in_cond, NULL);
	for (long seen = 0; !seen; usleep(1000)) {
		pthread_mutex_lock(&mu);
		seen = counter;
		pthread_mutex_unlock(&mu);
	}
	cancel_and_join(thread);
	start(&thread, cancelled_in_sem, NULL);
	usleep(20000);
	start(&other, cancelled_in_join, &thread);
	usleep(20000);
	cancel_and_join(other);
	cancel_and_join(thread);
	sem_post(&sem);
	start(&thread, cancelled_before_sem, NULL);
	pthread_join(thread, NULL);
	sem_getvalue(&sem, &value);
	printf("tokens left %d\n", value);
	for (int i = 0; i < 20; i++) {
		atomic_int ready = 0;

		start(&thread, cancelled_anywhere, &ready);
		while (!atomic_load(&ready))
			sched_yield();
		cancel_and_join(thread);
	}
}

/* ---- ends: locks in every round of destructors; main leaves by pthread_exit() ---- */

static pthread_key_t end_key;
static pthread_t main_thread;

static void end_destructor(void *value)
{
	intptr_t round = (intptr_t)value;

	pthread_mutex_lock(&mu);
	counter++;
	pthread_mutex_unlock(&mu);
	if (round < PTHREAD_DESTRUCTOR_ITERATIONS)
		pthread_setspecific(end_key, (void *)(round + 1));
}

static void *end_plainly(void *unused)
{
	pthread_setspecific(end_key, (void *)1);
	return unused;
}

static void *end_process(void *unused)
{
	pthread_join(main_thread, NULL);
	printf("main has ended\n");
	exit(unused ? 0 : 5);
}

static void ends(void)
{
	pthread_t thread;

	pthread_key_create(&end_key, end_destructor);
	for (int i = 0; i < 3; i++) {
		start(&thread, end_plainly, NULL);
		pthread_join(thread, NULL);
	}
	printf("destructors locked %ld times\n", counter);
	main_thread = pthread_self();
	pthread_setspecific(end_key, (void *)1);
	start(&thread, end_process, NULL);
	pthread_exit(NULL);
}

/* ---- unmap: the lock's memory goes with the last user's unlock, while others leave theirs ---- */

enum unmap_kind { UNMAP_MUTEX, UNMAP_SPIN, UNMAP_RWLOCK, UNMAP_SEM, UNMAP_KINDS };

struct object {
	pthread_mutex_t mutex;
	pthread_spinlock_t spin;
	pthread_rwlock_t rwlock;
	sem_t sem;
	int users;
};

static pthread_barrier_t unmap_barrier;
static struct object *object;

static void object_lock(struct object *o, int kind)
{
	if (kind == UNMAP_MUTEX)
		pthread_mutex_lock(&o->mutex);
	else if (kind == UNMAP_SPIN)
		pthread_spin_lock(&o->spin);
	else if (kind == UNMAP_RWLOCK)
		pthread_rwlock_wrlock(&o->rwlock);
	else
		sem_wait(&o->sem);
}

static void object_unlock(struct object *o, int kind)
{
	if (kind == UNMAP_MUTEX)
		pthread_mutex_unlock(&o->mutex);
	else if (kind == UNMAP_SPIN)
		pthread_spin_unlock(&o->spin);
	else if (kind == UNMAP_RWLOCK)
		pthread_rwlock_unlock(&o->rwlock);
	else
		sem_post(&o->sem);
}

static void object_make(void)
{
	object = mmap(NULL, sizeof(*object), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	pthread_mutex_init(&object->mutex, NULL);
	pthread_spin_init(&object->spin, 0);
	pthread_rwlock_init(&object->rwlock, NULL);
	sem_init(&object->sem, 0, 1);
	object->users = 3;
}

static void *unmap_run(void *leader)
{
	for (int i = 0; i < 1500; i++) {
		int kind = i % UNMAP_KINDS, left;
		struct object *o;

		if (leader)
			object_make();
		pthread_barrier_wait(&unmap_barrier);
		o = object;
		object_lock(o, kind);
		left = --o->users;
		object_unlock(o, kind);
		if (!left)
			munmap(o, sizeof(*o));
		pthread_barrier_wait(&unmap_barrier);
	}
	return NULL;
}

/*
 * The same, for sure: the waiter runs the moment it is woken, and on the only processor, so it has
 * left the lock and taken its memory away before its predecessor returns from unlocking.
 */
static void *unmap_when_woken(void *unused)
{
	for (int kind = 0; kind < UNMAP_KINDS; kind++) {
		struct object *o;

		if (kind == UNMAP_SPIN)
			continue;
		pthread_barrier_wait(&unmap_barrier);
		o = object;
		object_lock(o, kind);
		object_unlock(o, kind);
		munmap(o, sizeof(*o));
	}
	return unused;
}

static void use_one_processor(void)
{
	cpu_set_t mine, one;
	int cpu = 0;

	sched_getaffinity(0, sizeof(mine), &mine);
	while (!CPU_ISSET(cpu, &mine))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void *wake_unmapper(void *unused)
{
	const struct sched_param none = { 0 };
	pthread_t thread;

	use_one_processor();
	start(&thread, unmap_when_woken, NULL);
	sched_setscheduler(0, SCHED_IDLE, &none);
	for (int kind = 0; kind < UNMAP_KINDS; kind++) {
		struct object *o;

		if (kind == UNMAP_SPIN)
			continue;
		object_make();
		o = object;
		object_lock(o, kind);
		pthread_barrier_wait(&unmap_barrier);
		usleep(1000);
		object_unlock(o, kind);
	}
	pthread_join(thread, NULL);
	return unused;
}

static void unmap(void)
{
	pthread_t thread[2];

	pthread_barrier_init(&unmap_barrier, NULL, 3);
	for (int i = 0; i < 2; i++)
		start(&thread[i], unmap_run, NULL);
	unmap_run(&unmap_barrier);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&unmap_barrier);
	pthread_barrier_init(&unmap_barrier, NULL, 2);
	for (int i = 0; i < 10; i++) {
		start(&thread[0], wake_unmapper, NULL);
		pthread_join(thread[0], NULL);
	}
	printf("unmapped\n");
}

/* ---- deep: more locks held at once than anybody expects, released in any order; robust ---- */

enum { DEEP = 200 };

static void deep(void)
{
	static pthread_mutex_t many[DEEP];
	static int order[DEEP];
	unsigned int random = 1;

	for (int i = 0; i < DEEP; i++)
		pthread_mutex_init(&many[i], NULL);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < DEEP; i++) {
			order[i] = i;
			pthread_mutex_lock(&many[i]);
		}
		for (int i = DEEP - 1; i >= 0; i--) {
			int pick = (int)((random = random * 1103515245 + 12345) >> 16) % (i + 1);
			int chosen = order[pick];

			order[pick] = order[i];
			counter += pthread_mutex_unlock(&many[chosen]) == 0;
		}
	}
	printf("released %ld\n", counter);
}

static void *robust_die(void *m)
{
	pthread_mutex_lock(m);
	return NULL;
}

static void robust(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t m;
	pthread_t thread;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&m, &attr);
	for (int i = 0; i < 10; i++) {
		start(&thread, robust_die, &m);
		pthread_join(thread, NULL);
		printf("lock %s\n", strerrorname_np(pthread_mutex_lock(&m)));
		if (i < 9)
			pthread_mutex_consistent(&m);
		pthread_mutex_unlock(&m);
	}
	printf("lock %s\n", strerrorname_np(pthread_mutex_lock(&m)));
	printf("trylock %s\n", strerrorname_np(pthread_mutex_trylock(&m)));
}

/* ---- race: detached threads are born, lock and end while the process ends ---- */

static void *race_run(void *unused)
{
	pthread_setspecific(end_key, (void *)1);
	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&mu);
		counter++;
		pthread_mutex_unlock(&mu);
	}
	return unused;
}

static void *race_breed(void *unused)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (;;)
		if (pthread_create(&thread, &attr, race_run, NULL))
			sched_yield();
	return unused;
}

static void race_child(int number)
{
	pthread_t thread;
	long seen = 0;

	pthread_key_create(&end_key, end_destructor);
	for (int i = 0; i < 2; i++)
		start(&thread, race_breed, NULL);
	while (seen < 200 * number) {
		pthread_mutex_lock(&mu);
		seen = counter;
		pthread_mutex_unlock(&mu);
	}
	exit(number);
}

static void race(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status = -1;

		if (!pid)
			race_child(i);
		waitpid(pid, &status, 0);
		printf("status %d %d\n", WIFEXITED(status), WEXITSTATUS(status));
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "storm", storm }, { "cancel", cancel }, { "ends", ends }, { "unmap", unmap },
	{ "deep", deep },   { "robust", robust }, { "race", race },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	sem_init(&sem, 0, 0);
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		modes[i].run();
		return 0;
	}
	fprintf(stderr, "usage: odd_threads MODE\n");
	return 2;
}
