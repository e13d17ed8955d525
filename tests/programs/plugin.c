/* SPDX-License-Identifier: MIT */
/*
 * plugin: code that locks in its constructor, when called, and in its destructor
 *
 * As a shared object (cc -shared -fPIC) it is what odd_process loads and unloads; preloaded it is
 * a library whose constructor runs before all others'. As a program it calls itself once.
 */
#include <pthread.h>

int plugin_call(void);

static pthread_mutex_t plugin_mu = PTHREAD_MUTEX_INITIALIZER;
static int calls;

int plugin_call(void)
{
	pthread_mutex_lock(&plugin_mu);
	calls++;
	pthread_mutex_unlock(&plugin_mu);
	return 1;
}

static __attribute__((constructor)) void plugin_begin(void)
{
	plugin_call();
}

static __attribute__((destructor)) void plugin_end(void)
{
	plugin_call();
}

int main(void)
{
	return plugin_call() != 1;
}
