/* SPDX-License-Identifier: MIT */
/*
 * hang_rwlock: a reader reads again while a writer stands in line, and writers come first: the
 * reader waits behind the writer, who waits for the reader.
 */
#include "scenario.h"

static pthread_rwlock_t table_rw;

static void *read_twice(void *unused)
{
	pthread_rwlock_rdlock(&table_rw);
	turn_end();
	await_sleep(getpid(), 1);
	will_sleep(0);
	pthread_rwlock_rdlock(&table_rw);
	return unused;
}

static void *write_once(void *unused)
{
	turn_await(1);
	will_sleep(1);
	pthread_rwlock_wrlock(&table_rw);
	return unused;
}

int main(void)
{
	pthread_rwlockattr_t attr;
	pthread_t reader;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	if (pthread_rwlock_init(&table_rw, &attr))
		return 1;
	kill_when_asleep(3);
	reader = start("reader", read_twice);
	start("writer", write_once);
	will_sleep(2);
	finish(reader);
	return 0;
}
