/* SPDX-License-Identifier: MIT */
/*
 * publish: a fresh object is locked, and then put into the list under the list's lock; users of
 * the list take its lock, and then the object's. Opposite orders, but nobody else can have the
 * object before it is in the list.
 */
#include "scenario.h"

struct object {
	pthread_mutex_t mu;
	int value;
};

static pthread_mutex_t list_mu = PTHREAD_MUTEX_INITIALIZER;
static struct object *list; /* guarded by list_mu */

static void *add_object(void *unused)
{
	struct object *object = malloc(sizeof(*object));

	if (!object || pthread_mutex_init(&object->mu, NULL))
		exit(1);
	pthread_mutex_lock(&object->mu);
	object->value = 1;
	pthread_mutex_lock(&list_mu);
	list = object;
	pthread_mutex_unlock(&list_mu);
	pthread_mutex_unlock(&object->mu);
	turn_end();
	return unused;
}

static void *look_at_objects(void *unused)
{
	turn_await(1);
	pthread_mutex_lock(&list_mu);
	pthread_mutex_lock(&list->mu);
	list->value++;
	pthread_mutex_unlock(&list->mu);
	pthread_mutex_unlock(&list_mu);
	return unused;
}

int main(void)
{
	pthread_t one = start("one", add_object), two = start("two", look_at_objects);

	finish(one);
	finish(two);
	free(list);
	return 0;
}
