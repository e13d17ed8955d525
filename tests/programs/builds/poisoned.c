/* SPDX-License-Identifier: MIT */
/*
 * poisoned: lets go of locks of all kinds, each on a page of its own, and says whether the page is
 * gone then, as it is with poison.c preloaded
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "poison.h"

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
	uint64_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	page[PAGE / sizeof(*page) - 1] = POISON_MARK;
	return page;
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
