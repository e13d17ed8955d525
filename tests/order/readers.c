/* SPDX-License-Identifier: MIT */
/*
 * readers: two threads read two locks in opposite order. Readers let each other in; only where a
 * waiting writer stands in front of new readers can the circle close.
 *
 * usage: readers readers-first|writers-first [with-writers]
 */
#include "scenario.h"

static pthread_rwlock_t a_rw, b_rw;

static void *read_a_then_b(void *unused)
{
	pthread_rwlock_rdlock(&a_rw);
	pthread_rwlock_rdlock(&b_rw);
	pthread_rwlock_unlock(&b_rw);
	pthread_rwlock_unlock(&a_rw);
	turn_end();
	return unused;
}

static void *read_b_then_a(void *unused)
{
	turn_await(1);
	pthread_rwlock_rdlock(&b_rw);
	pthread_rwlock_rdlock(&a_rw);
	pthread_rwlock_unlock(&a_rw);
	pthread_rwlock_unlock(&b_rw);
	turn_end();
	return unused;
}

static void *write_a(void *unused)
{
	turn_await(2);
	pthread_rwlock_wrlock(&a_rw);
	pthread_rwlock_unlock(&a_rw);
	turn_end();
	return unused;
}

static void *write_b(void *unused)
{
	turn_await(3);
	pthread_rwlock_wrlock(&b_rw);
	pthread_rwlock_unlock(&b_rw);
	return unused;
}

int main(int argc, char **argv)
{
	void *(*const run[])(void *) = { read_a_then_b, read_b_then_a, write_a, write_b };
	static const char *const name[] = { "one", "two", "writer-a", "writer-b" };
	int nr = argc > 2 ? 4 : 2;
	pthread_rwlockattr_t attr;
	pthread_t thread[4];

	pthread_rwlockattr_init(&attr);
	if (argc > 1 && argv[1][0] == 'w')
		pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	if (pthread_rwlock_init(&a_rw, &attr) || pthread_rwlock_init(&b_rw, &attr))
		return 1;
	for (int i = 0; i < nr; i++)
		thread[i] = start(name[i], run[i]);
	for (int i = 0; i < nr; i++)
		finish(thread[i]);
	return 0;
}
