/* SPDX-License-Identifier: MIT */
/*
 * rwlock_kinds: the three kinds of reader-writer lock, with counted reads and writes.
 *
 * Each lock is used by T threads, of which each does `reads` reads and `writes` writes. Before
 * that, the kind is put to the proof: with one reader inside and one writer asleep in wrlock, may
 * another reader come in? It may with the two kinds that glibc treats as preferring readers; with
 * prefer_writer_nonrecursive its tryrdlock returns EBUSY. The counts below contain this trial: one
 * write, two reads (one, and a failed try, where the second reader was refused).
 *
 * usage: rwlock_kinds [threads] [reads] [writes]
 * keys:  threads, and for each of prefer_reader prefer_writer prefer_writer_nonrecursive:
 *        NAME.read NAME.write NAME.write_contended_at_least NAME.try_failures
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "thread_state.h"

#define MAX_THREADS 64

static pthread_rwlock_t prefer_reader = PTHREAD_RWLOCK_INITIALIZER;
static pthread_rwlock_t prefer_writer;
static pthread_rwlock_t prefer_writer_nonrecursive =
	PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static struct subject {
	const char *name;
	pthread_rwlock_t *lock;
	atomic_long reads;
	long writes; /* guarded by the lock */
	long try_failures;
} subjects[] = {
	{ .name = "prefer_reader", .lock = &prefer_reader },
	{ .name = "prefer_writer", .lock = &prefer_writer },
	{ .name = "prefer_writer_nonrecursive", .lock = &prefer_writer_nonrecursive },
};
static long reads = 5000, writes = 500;
static atomic_int writer_tid;

static void read_once(struct subject *s)
{
	pthread_rwlock_rdlock(s->lock);
	atomic_fetch_add(&s->reads, 1);
	pthread_rwlock_unlock(s->lock);
}

static void write_once(struct subject *s)
{
	pthread_rwlock_wrlock(s->lock);
	s->writes++;
	pthread_rwlock_unlock(s->lock);
}

static void *write_in_trial(void *subject)
{
	atomic_store(&writer_tid, gettid());
	write_once(subject);
	return NULL;
}

/* One reader inside, one writer asleep: does another reader come in? */
static void try_behind_writer(struct subject *s)
{
	pthread_t writer;
	int refused;

	atomic_store(&writer_tid, 0);
	pthread_rwlock_rdlock(s->lock);
	atomic_fetch_add(&s->reads, 1);
	if (pthread_create(&writer, NULL, write_in_trial, s))
		exit(1);
	while (!atomic_load(&writer_tid) || thread_state(atomic_load(&writer_tid)) != 'S')
		sched_yield();
	refused = pthread_rwlock_tryrdlock(s->lock) == EBUSY;
	s->try_failures += refused;
	if (!refused) {
		atomic_fetch_add(&s->reads, 1);
		pthread_rwlock_unlock(s->lock);
	}
	pthread_rwlock_unlock(s->lock);
	pthread_join(writer, NULL);
}

static void *run(void *subject)
{
	for (long i = 0; i < reads || i < writes; i++) {
		if (i < reads)
			read_once(subject);
		if (i < writes)
			write_once(subject);
	}
	return NULL;
}

static int run_subject(struct subject *s, int threads)
{
	pthread_t thread[MAX_THREADS];

	try_behind_writer(s);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, run, s))
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("%s.read %ld\n%s.write %ld\n", s->name, atomic_load(&s->reads), s->name, s->writes);
	printf("%s.write_contended_at_least 1\n", s->name);
	printf("%s.try_failures %ld\n", s->name, s->try_failures);
	return s->writes == threads * writes + 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4, failed = 0;
	pthread_rwlockattr_t kind;

	reads = argc > 2 ? atol(argv[2]) : reads;
	writes = argc > 3 ? atol(argv[3]) : writes;
	if (threads < 1 || threads > MAX_THREADS)
		return 2;
	pthread_rwlockattr_init(&kind);
	pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NP);
	pthread_rwlock_init(&prefer_writer, &kind);
	printf("threads %d\n", threads);
	for (int i = 0; i < 3; i++)
		failed |= run_subject(&subjects[i], threads);
	pthread_rwlock_destroy(&prefer_writer);
	return failed;
}
