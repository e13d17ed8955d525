/* SPDX-License-Identifier: MIT */
/*
 * gate_of_parent: a thread holds the gate over the whole life of a child that takes a and b; the
 * other side takes the gate, then b and a. The child holds no gate itself, and yet the two can
 * never meet. With "early" the parent lets go of the gate before it joins: then they can.
 */
#include "scenario.h"

static pthread_mutex_t gate_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t a_mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;
static int is_early;

static void *take_a_then_b(void *unused)
{
	pthread_mutex_lock(&a_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&a_mu);
	return unused;
}

static void *hold_gate_for_child(void *unused)
{
	pthread_t child;

	pthread_mutex_lock(&gate_mu);
	child = start("child", take_a_then_b);
	if (is_early)
		pthread_mutex_unlock(&gate_mu);
	finish(child);
	if (!is_early)
		pthread_mutex_unlock(&gate_mu);
	turn_end();
	return unused;
}

static void *take_b_then_a(void *unused)
{
	turn_await(1);
	pthread_mutex_lock(&gate_mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_lock(&a_mu);
	pthread_mutex_unlock(&a_mu);
	pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&gate_mu);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t parent, other;

	is_early = argc > 1 && !strcmp(argv[1], "early");
	parent = start("parent", hold_gate_for_child);
	other = start("other", take_b_then_a);
	finish(parent);
	finish(other);
	return 0;
}
