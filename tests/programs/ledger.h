/* SPDX-License-Identifier: MIT */
/*
 * ledger.h: books that survive every death: what a program did, counted by itself in a shared file
 *
 * The file is one array of lines, handed out by a counter at its head, one line for each thread of
 * each process. A line says whose it is and counts, for each kind of lock, the started and the
 * completed pairs. A thread does one thing at a time; whatever ends it, what was really done is
 * between the two, and they differ by one at most in the whole line.
 *
 * The layout (native endian) is known to tests/lib/ledger.py.
 */
#ifndef LOCKPROF_TESTS_LEDGER_H
#define LOCKPROF_TESTS_LEDGER_H

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LEDGER_MUTEX, LEDGER_READ, LEDGER_WRITE, LEDGER_SPIN, LEDGER_SEM, LEDGER_TRY, LEDGER_KINDS };
enum { LEDGER_LINES = 16384, LEDGER_SETS = 2 };

struct ledger_line {
	uint32_t pid, life; /* life: of the process's programs, one after another, from 0 */
	volatile uint32_t started[LEDGER_KINDS], completed[LEDGER_KINDS];
	uint32_t padding[2];
};

struct ledger {
	atomic_uint lines, done; /* done: for a program's own use */
	uint32_t padding[14];
	struct ledger_line line[LEDGER_LINES];
};

static struct ledger *ledger;
static uint32_t ledger_life;

/* A forked child finds the first set in any state and uses the other one. */
static int ledger_set;
static pthread_mutex_t ledger_mutex[LEDGER_SETS] = {
	[0 ... LEDGER_SETS - 1] = PTHREAD_MUTEX_INITIALIZER,
};
static pthread_rwlock_t ledger_read[LEDGER_SETS];
static pthread_rwlock_t ledger_write[LEDGER_SETS];
static pthread_spinlock_t ledger_spin[LEDGER_SETS];
static sem_t ledger_sem[LEDGER_SETS];
static pthread_mutex_t ledger_try[LEDGER_LINES]; /* one for each thread: never busy */

static inline void ledger_init(void)
{
	for (int i = 0; i < LEDGER_SETS; i++) {
		pthread_spin_init(&ledger_spin[i], PTHREAD_PROCESS_PRIVATE);
		sem_init(&ledger_sem[i], 0, 1);
	}
}

/* Calls nothing that is recorded; ledger_open() does. */
static inline void ledger_map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*ledger)))
		_exit(90);
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (ledger == MAP_FAILED)
		_exit(91);
}

static inline void ledger_open(const char *path)
{
	ledger_map(path);
	ledger_init();
}

/* A line for the calling thread of this process. No libc in between: raw children, too. */
static inline struct ledger_line *ledger_new(void)
{
	struct ledger_line *line = &ledger->line[atomic_fetch_add(&ledger->lines, 1)];

	line->pid = (uint32_t)syscall(SYS_getpid);
	line->life = ledger_life;
	return line;
}

static inline void ledger_pair(struct ledger_line *line, int kind)
{
	int set = ledger_set;

	line->started[kind]++;
	switch (kind) {
	case LEDGER_MUTEX:
		pthread_mutex_lock(&ledger_mutex[set]);
		pthread_mutex_unlock(&ledger_mutex[set]);
		break;
	case LEDGER_READ:
		pthread_rwlock_rdlock(&ledger_read[set]);
		pthread_rwlock_unlock(&ledger_read[set]);
		break;
	case LEDGER_WRITE:
		pthread_rwlock_wrlock(&ledger_write[set]);
		pthread_rwlock_unlock(&ledger_write[set]);
		break;
	case LEDGER_SPIN:
		pthread_spin_lock(&ledger_spin[set]);
		pthread_spin_unlock(&ledger_spin[set]);
		break;
	case LEDGER_SEM:
		sem_wait(&ledger_sem[set]);
		sem_post(&ledger_sem[set]);
		break;
	default:
		pthread_mutex_trylock(&ledger_try[line - ledger->line]);
		pthread_mutex_unlock(&ledger_try[line - ledger->line]);
	}
	line->completed[kind]++;
}

/* All kinds, so often; mostly mutexes, which are fastest. */
static inline void ledger_work(struct ledger_line *line, uint32_t times)
{
	for (uint32_t i = 0; i < times; i++) {
		ledger_pair(line, LEDGER_MUTEX);
		if (i % 16 < LEDGER_KINDS)
			ledger_pair(line, (int)(i % 16));
	}
}

static inline void *ledger_for_ever(void *unused)
{
	struct ledger_line *line = ledger_new();

	for (;;)
		ledger_work(line, 100);
	return unused;
}

/* So many threads that work for ever; all have done something when this returns. */
static inline void ledger_threads(int threads)
{
	unsigned int first = atomic_load(&ledger->lines);
	pthread_t thread;

	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, ledger_for_ever, NULL))
			_exit(92);
	for (int i = 0; i < threads; i++)
		while (!ledger->line[first + (unsigned int)i].completed[LEDGER_TRY])
			sched_yield();
}

#endif
