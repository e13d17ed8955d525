/* SPDX-License-Identifier: MIT */
/*
 * recursive_read: a reader reads the lock again, and somebody writes it at another time. Where
 * writers come first, a writer in between is waited for by the reader that it waits for.
 *
 * usage: recursive_read readers-first|writers-first
 */
#include "scenario.h"

static pthread_rwlock_t table_rw;

static void *read_twice(void *unused)
{
	pthread_rwlock_rdlock(&table_rw);
	pthread_rwlock_rdlock(&table_rw);
	pthread_rwlock_unlock(&table_rw);
	pthread_rwlock_unlock(&table_rw);
	turn_end();
	return unused;
}

static void *write_once(void *unused)
{
	turn_await(1);
	pthread_rwlock_wrlock(&table_rw);
	pthread_rwlock_unlock(&table_rw);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_rwlockattr_t attr;
	pthread_t reader, writer;

	pthread_rwlockattr_init(&attr);
	if (argc > 1 && argv[1][0] == 'w')
		pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	if (pthread_rwlock_init(&table_rw, &attr))
		return 1;
	reader = start("reader", read_twice);
	writer = start("writer", write_once);
	finish(reader);
	finish(writer);
	return 0;
}
