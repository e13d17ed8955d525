/* SPDX-License-Identifier: MIT */
/*
 * heap_reuse: the same memory is a lock of one object, and later of another one. The first is taken
 * before b, the second after it: two locks, no circle.
 *
 * With "no-init" the memory is freed, had again and filled as a static initialiser would: neither
 * life is announced by an init call, as with std::mutex.
 */
#include "scenario.h"

struct object {
	pthread_mutex_t mu;
	char rest[400];
};

static pthread_mutex_t b_mu = PTHREAD_MUTEX_INITIALIZER;
static struct object *object;
static int has_init;

static void object_new(void)
{
	static const pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;

	object = malloc(sizeof(*object));
	if (!object)
		exit(1);
	if (has_init)
		pthread_mutex_init(&object->mu, NULL);
	else
		object->mu = unlocked;
}

static void object_free(void)
{
	if (has_init)
		pthread_mutex_destroy(&object->mu);
	free(object);
}

static void *use_first_object(void *unused)
{
	pthread_mutex_lock(&object->mu);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_unlock(&b_mu);
	pthread_mutex_unlock(&object->mu);
	turn_end();
	return unused;
}

static void *use_second_object(void *unused)
{
	turn_await(2);
	pthread_mutex_lock(&b_mu);
	pthread_mutex_lock(&object->mu);
	pthread_mutex_unlock(&object->mu);
	pthread_mutex_unlock(&b_mu);
	return unused;
}

int main(int argc, char **argv)
{
	const struct object *first;
	pthread_t one, two;

	has_init = argc <= 1 || strcmp(argv[1], "no-init") != 0;
	object_new();
	first = object;
	one = start("one", use_first_object);
	two = start("two", use_second_object);
	turn_await(1);
	object_free();
	object_new();
	if (object != first)
		return 1;
	turn_end();
	finish(one);
	finish(two);
	object_free();
	return 0;
}
