/* SPDX-License-Identifier: MIT */
/*
 * poison: another wrapper of the pthread functions, which takes a lock's memory away the moment
 * that the real call has let go of it
 *
 * Whoever unlocks a lock, posts, signals or arrives last may not look at it again: another thread
 * may have it by then, and free it. A recorder that does so is right almost always. So this
 * wrapper, preloaded behind it, does the worst at once: when a lock that lies at the start of a
 * page is let go, the page becomes inaccessible before the call returns. Others are forwarded.
 *
 * As a program it lets go of all kinds of locks and says whether their pages are gone. Linked into
 * another one (-Dmain=poison_main), it makes a program that has a wrapper of its own.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

static void take_away(volatile void *lock)
{
	if ((uintptr_t)lock % PAGE == 0)
		mprotect((void *)lock, PAGE, PROT_NONE);
}

#define POISON(fn, type)                                               \
	int fn(type *lock)                                             \
	{                                                              \
		static int (*real)(type *);                            \
		int result;                                            \
                                                                       \
		if (!real)                                             \
			real = (int (*)(type *))dlsym(RTLD_NEXT, #fn); \
		result = real(lock);                                   \
		take_away(lock);                                       \
		return result;                                         \
	}

POISON(pthread_mutex_unlock, pthread_mutex_t)
POISON(pthread_mutex_destroy, pthread_mutex_t)
POISON(pthread_rwlock_unlock, pthread_rwlock_t)
POISON(pthread_rwlock_destroy, pthread_rwlock_t)
POISON(pthread_spin_unlock, pthread_spinlock_t)
POISON(pthread_spin_destroy, pthread_spinlock_t)
POISON(pthread_cond_signal, pthread_cond_t)
POISON(pthread_cond_broadcast, pthread_cond_t)
POISON(pthread_cond_destroy, pthread_cond_t)
POISON(pthread_barrier_wait, pthread_barrier_t)
POISON(pthread_barrier_destroy, pthread_barrier_t)
POISON(sem_post, sem_t)
POISON(sem_destroy, sem_t)

/* No page: the kernel cannot read from there. */
static void say(const char *what, void *page)
{
	int end[2], gone;

	if (pipe(end))
		return;
	gone = write(end[1], page, 1) < 0;
	close(end[0]);
	close(end[1]);
	printf("%s: the page is %s\n", what, gone ? "gone" : "there");
}

static void *new_page(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void mutexes(void)
{
	static const int types[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
				     PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP };

	for (int i = 0; i < 12; i++) {
		pthread_mutex_t *m = new_page();
		pthread_mutexattr_t attr;

		pthread_mutexattr_init(&attr);
		pthread_mutexattr_settype(&attr, types[i % 4]);
		pthread_mutexattr_setprotocol(&attr, i / 4 == 1);
		pthread_mutexattr_setpshared(&attr, i / 4 == 2);
		pthread_mutex_init(m, &attr);
		pthread_mutex_lock(m);
		pthread_mutex_unlock(m);
		say("mutex unlocked", m);
		m = new_page();
		pthread_mutex_init(m, &attr);
		pthread_mutex_destroy(m);
		say("mutex destroyed", m);
	}
}

static void rwlocks(void)
{
	pthread_rwlock_t *l;

	for (int kind = 0; kind < 3; kind++) {
		l = new_page();
		pthread_rwlock_init(l, NULL);
		if (kind == 0)
			pthread_rwlock_rdlock(l);
		else if (kind == 1)
			pthread_rwlock_wrlock(l);
		if (kind < 2)
			pthread_rwlock_unlock(l);
		else
			pthread_rwlock_destroy(l);
		say("rwlock unlocked or destroyed", l);
	}
}

static void spinlocks(void)
{
	pthread_spinlock_t *l = new_page();

	pthread_spin_init(l, 0);
	pthread_spin_lock(l);
	pthread_spin_unlock(l);
	say("spin lock unlocked", (void *)l);
	l = new_page();
	pthread_spin_init(l, 0);
	pthread_spin_destroy(l);
	say("spin lock destroyed", (void *)l);
}

static void semaphores(void)
{
	sem_t *s;

	for (int kind = 0; kind < 4; kind++) {
		s = new_page();
		sem_init(s, 0, 2);
		if (kind > 0)
			sem_wait(s);
		if (kind > 1)
			sem_wait(s);
		if (kind < 3)
			sem_post(s);
		else
			sem_destroy(s);
		say("semaphore posted or destroyed", s);
	}
}

static void others(void)
{
	pthread_barrier_t *b = new_page();
	pthread_cond_t *c;

	pthread_barrier_init(b, NULL, 1);
	pthread_barrier_wait(b);
	say("barrier passed", b);
	b = new_page();
	pthread_barrier_init(b, NULL, 1);
	pthread_barrier_destroy(b);
	say("barrier destroyed", b);
	for (int kind = 0; kind < 3; kind++) {
		c = new_page();
		pthread_cond_init(c, NULL);
		if (kind == 0)
			pthread_cond_signal(c);
		else if (kind == 1)
			pthread_cond_broadcast(c);
		else
			pthread_cond_destroy(c);
		say("condition signalled or destroyed", c);
	}
}

int main(void)
{
	mutexes();
	rwlocks();
	spinlocks();
	semaphores();
	others();
	return 0;
}
