/* SPDX-License-Identifier: MIT */
/*
 * told_ledger: keeps books of what it does in each phase, in a shared file, while phases change
 *
 * A conductor changes between phase "load", phase "serve", no phase and recording off, as fast as
 * it can. Threads meanwhile take a mutex, take a lock of their own and tell work. What begins and
 * ends between two changes is sure to belong to one of the four; the rest to one of some.
 *
 * pairs:   so many rounds a thread, then it ends.
 * forever: until somebody kills the process. "ready 1" is printed when everybody has done
 * something.
 *
 * The layout of the file (native endian) is known to tests/t/tell.t.
 *
 * usage: told_ledger FILE [ROUNDS]
 * keys:  ready
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload/lockprof.h"

enum { THREADS = 4, MUTEX = 0, OWN, WORK, KINDS, STATES = 4, UNITS = 3 };

/* Of one thread. started: rounds; sure: those that were in one state; done: all that ended. */
struct line {
	volatile uint32_t started[KINDS], done[KINDS], sure[KINDS][STATES];
};

static struct line *lines;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static atomic_flag gate = ATOMIC_FLAG_INIT;
static atomic_uint changes; /* odd: a change is under way. changes / 2 % STATES: the state */
static atomic_bool over;
static unsigned long rounds;

static void own_pair(void)
{
	if (atomic_flag_test_and_set(&gate)) {
		lockprof_lock_wait(&gate, 0, NULL);
		while (atomic_flag_test_and_set(&gate))
			sched_yield();
	}
	lockprof_lock_acquired(&gate, 0, NULL);
	lockprof_lock_release(&gate);
	atomic_flag_clear(&gate);
}

static void act(int kind)
{
	if (kind == MUTEX) {
		pthread_mutex_lock(&mu);
		pthread_mutex_unlock(&mu);
	} else if (kind == OWN) {
		own_pair();
	} else {
		lockprof_work(UNITS);
	}
}

static void *thread(void *arg)
{
	struct line *line = arg;

	for (unsigned long i = 0; !rounds || i < rounds; i++) {
		for (int kind = 0; kind < KINDS; kind++) {
			unsigned int before = atomic_load(&changes);

			line->started[kind]++;
			act(kind);
			if (before % 2 == 0 && atomic_load(&changes) == before)
				line->sure[kind][before / 2 % STATES]++;
			line->done[kind]++;
		}
	}
	return NULL;
}

static void *conductor(void *unused)
{
	while (!atomic_load(&over)) {
		unsigned int state = (atomic_fetch_add(&changes, 1) / 2 + 1) % STATES;

		if (state == 0)
			lockprof_start();
		if (state == 3)
			lockprof_stop();
		else
			lockprof_phase(state == 0 ? "load" : state == 1 ? "serve" : NULL);
		atomic_fetch_add(&changes, 1);
		for (int i = 0; i < 5; i++)
			sched_yield();
	}
	return unused;
}

static void wait_until_all_have_begun(void)
{
	for (int i = 0; i < THREADS; i++)
		while (!lines[i].done[WORK])
			sched_yield();
	puts("ready 1");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	pthread_t all[THREADS], other;

	if (fd < 0 || ftruncate(fd, THREADS * sizeof(*lines)))
		return 2;
	lines = mmap(NULL, THREADS * sizeof(*lines), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	lockprof_name(&mu, "mu");
	lockprof_name(&gate, "gate");
	lockprof_phase("load");
	for (int i = 0; i < THREADS; i++)
		pthread_create(&all[i], NULL, thread, &lines[i]);
	pthread_create(&other, NULL, conductor, NULL);
	wait_until_all_have_begun();
	for (int i = 0; i < THREADS; i++)
		pthread_join(all[i], NULL);
	atomic_store(&over, true);
	pthread_join(other, NULL);
	return 0;
}
