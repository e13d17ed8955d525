/* SPDX-License-Identifier: MIT */
/* write_under_read: each reads one lock and writes the other. Writers wait for readers: a deadlock.
 */
#include "scenario.h"

static pthread_rwlock_t a_rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_rwlock_t b_rw = PTHREAD_RWLOCK_INITIALIZER;

static void *read_a_write_b(void *unused)
{
	pthread_rwlock_rdlock(&a_rw);
	pthread_rwlock_wrlock(&b_rw);
	pthread_rwlock_unlock(&b_rw);
	pthread_rwlock_unlock(&a_rw);
	turn_end();
	return unused;
}

static void *read_b_write_a(void *unused)
{
	turn_await(1);
	pthread_rwlock_rdlock(&b_rw);
	pthread_rwlock_wrlock(&a_rw);
	pthread_rwlock_unlock(&a_rw);
	pthread_rwlock_unlock(&b_rw);
	return unused;
}

int main(void)
{
	pthread_t one = start("one", read_a_write_b), two = start("two", read_b_write_a);

	finish(one);
	finish(two);
	return 0;
}
