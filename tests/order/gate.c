/* SPDX-License-Identifier: MIT */
/*
 * gate: opposite orders, but always under a third lock, which keeps the two apart. With "read" the
 * gate is a reader-writer lock that both only read: that keeps nobody apart.
 */
#include "scenario.h"

static pthread_mutex_t gate_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t gate_rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;
static int is_read;

static void gate_enter(void)
{
	if (is_read)
		pthread_rwlock_rdlock(&gate_rw);
	else
		pthread_mutex_lock(&gate_mu);
}

static void gate_leave(void)
{
	if (is_read)
		pthread_rwlock_unlock(&gate_rw);
	else
		pthread_mutex_unlock(&gate_mu);
}

static void *take_a_then_b(void *unused)
{
	gate_enter();
	pthread_mutex_lock(&a_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&a_mu);
	gate_leave();
	turn_end();
	return unused;
}

static void *take_b_then_a(void *unused)
{
	turn_await(1);
	gate_enter();
	pthread_mutex_lock(&b_mu);
	pthread_mutex_lock(&a_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_unlock(&b_mu);
	gate_leave();
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t one, two;

	is_read = argc > 1 && !strcmp(argv[1], "read");
	one = start("one", take_a_then_b);
	two = start("two", take_b_then_a);
	finish(one);
	finish(two);
	return 0;
}
