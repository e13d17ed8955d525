/* SPDX-License-Identifier: MIT */
/*
 * Labels and classes of locks, and stacks for people. The test's own executable is the module that
 * the traces name, so that its variables and functions are the ones to be found.
 */
#include <pthread.h>
#include <stdio.h>

#include "model_fixture.h"

extern char __executable_start;

static struct shard {
	long hits;
	pthread_mutex_t mu;
} shard[8];
static pthread_mutex_t cache_mu;

__attribute__((noinline, used)) static int make_cache(int n)
{
	return pthread_mutex_init(&cache_mu, NULL) + n;
}

__attribute__((noinline, used)) static int refill(int n)
{
	return n * 2 + (int)shard[n].hits;
}

/* Named like a wrapper. */
__attribute__((noinline, used)) static int g_mutex_lock_generated(int n)
{
	return n * 3 + pthread_mutex_trylock(&cache_mu);
}

/* Two variables of one name. */
static void *twin(int which)
{
	if (which) {
		static pthread_mutex_t lock;

		return &lock;
	} else {
		static pthread_mutex_t lock;

		return &lock;
	}
}

static uint64_t offset_of(const void *p)
{
	return (uint64_t)((const char *)p - &__executable_start);
}

static uint64_t address_of(int (*function)(int), uint32_t module)
{
	return (uint64_t)module << 48 | (offset_of((const void *)(uintptr_t)function) + 1);
}

static uint32_t add_module(struct tracegen *g)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	assert_true(length > 0);
	path[length] = '\0';
	return tracegen_module(g, path, 0x10000000, 0x20000000, 0x10000000);
}

static uint32_t add_static(struct tracegen *g, uint32_t module, const void *variable)
{
	uint32_t id = tracegen_lock(g, TRACE_KIND_MUTEX, 0x10000000 + offset_of(variable));
	struct trace_lock *lock = tracegen_find(g, TRACE_REC_LOCK, id);

	lock->data_address = (uint64_t)module << 48 | offset_of(variable);
	return id;
}

static void test_static_locks(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t module = add_module(g);
	struct model *m;

	(void)state;
	add_static(g, module, &cache_mu);
	add_static(g, module, &shard[3].mu);
	add_static(g, module, &shard[5].mu);
	m = fixture_model(g);
	assert_string_equal(m->locks[0].label, "cache_mu");
	assert_string_equal(m->locks[0].name, "cache_mu");
	assert_string_equal(m->locks[1].label, "shard[3].mu");
	assert_string_equal(m->locks[2].label, "shard[5].mu");
	assert_int_equal(m->nr_classes, 2);
	assert_string_equal(m->classes[0].label, "cache_mu");
	assert_string_equal(m->classes[1].label, "shard[].mu");
	assert_int_equal(m->classes[1].nr_locks, 2);
	assert_string_equal(m->classes[0].key, "generated/mutex/cache_mu");
	assert_string_equal(m->classes[1].key, "generated/mutex/shard[].mu");
	model_free(m);
}

/* Same name, other place: not one class, and labels that say so. */
static void test_twins(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t module = add_module(g);
	char expected[64];
	struct model *m;

	(void)state;
	add_static(g, module, twin(0));
	add_static(g, module, twin(1));
	m = fixture_model(g);
	assert_int_equal(m->nr_classes, 2);
	for (int i = 0; i < 2; i++) {
		snprintf(expected, sizeof(expected), "+0x%llx)",
			 (unsigned long long)offset_of(twin(i)));
		assert_non_null(strstr(m->locks[i].label, expected));
		assert_string_equal(m->classes[i].label, m->locks[i].label);
		assert_string_equal(m->locks[0].name, m->locks[1].name);
		/* Addresses change from build to build. */
		assert_string_equal(m->classes[i].key, m->classes[0].key);
		assert_null(strstr(m->classes[i].key, "+0x"));
	}
	model_free(m);
}

static void test_given_names(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t module = add_module(g), id = add_static(g, module, &cache_mu);
	struct model *m;

	(void)state;
	tracegen_name(g, TRACE_NAME_LOCK, id, "/pool");
	for (int i = 0; i < 2; i++)
		tracegen_name(g, TRACE_NAME_CLASS, add_static(g, module, &shard[i].mu), "shards");
	m = fixture_model(g);
	assert_string_equal(m->locks[0].label, "/pool");
	assert_string_equal(m->locks[1].label, "shard[0].mu");
	assert_int_equal(m->nr_classes, 2);
	assert_string_equal(m->classes[1].label, "shards");
	assert_string_equal(m->classes[0].key, "generated/mutex//pool");
	assert_string_equal(m->classes[1].key, "generated/mutex/shards");
	model_free(m);
}

static void assert_begins(const char *text, const char *with)
{
	if (strncmp(text, with, strlen(with)))
		fail_msg("\"%s\" does not begin with \"%s\"", text, with);
}

/* The program knows best: its names beat variables and places, and equal ones are one class. */
static void test_told_names(void **state)
{
	static const char *const names[] = { "shard[0]", "shard[17]", "pool", "pool", "cache_mu" };
	struct tracegen *g = tracegen_new();
	uint32_t module = add_module(g);
	struct model *m;

	(void)state;
	for (uint64_t i = 0; i < 5; i++) {
		uint32_t id = i ? tracegen_lock(g, TRACE_KIND_MUTEX, 0x7000 + i)
				: add_static(g, module, twin(0));

		tracegen_name(g, TRACE_NAME_LOCK, id, names[i]);
	}
	tracegen_name(g, TRACE_NAME_LOCK, tracegen_lock(g, TRACE_KIND_CUSTOM, 0x8000), "pool");
	add_static(g, module, &cache_mu);
	m = fixture_model(g);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(m->locks[i].label, names[i]);
	assert_int_equal(m->nr_classes, 5);
	assert_string_equal(m->classes[0].label, "shard[]");
	assert_int_equal(m->classes[0].nr_locks, 2);
	assert_string_equal(m->classes[0].key, "generated/mutex/shard[]");
	assert_string_equal(m->classes[1].label, "pool");
	assert_int_equal(m->classes[1].nr_locks, 2);
	assert_string_equal(m->classes[2].label, "cache_mu");
	assert_int_equal(m->classes[3].kind, TRACE_KIND_CUSTOM);
	assert_string_equal(m->classes[3].key, "generated/custom/pool");
	assert_begins(m->locks[6].label, "cache_mu ("); /* a variable of that name */
	model_free(m);
}

static void test_places(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t module = add_module(g), lock[4], stack;
	uint64_t frames[] = { address_of(g_mutex_lock_generated, module),
			      address_of(make_cache, module) };
	struct model *m;

	(void)state;
	stack = tracegen_stack(g, 2, frames);
	for (uint64_t i = 0; i < 4; i++)
		lock[i] =
			tracegen_lock(g, i == 3 ? TRACE_KIND_RWLOCK : TRACE_KIND_MUTEX, 0x7000 + i);
	((struct trace_lock *)tracegen_find(g, TRACE_REC_LOCK, lock[0]))->init_stack = stack;
	((struct trace_lock *)tracegen_find(g, TRACE_REC_LOCK, lock[1]))->init_stack = stack;
	tracegen_node(g, 0, lock[2], address_of(refill, module), TRACE_HOW_LOCK);
	tracegen_node(g, 0, lock[2], address_of(make_cache, module), TRACE_HOW_LOCK);
	tracegen_node(g, 0, lock[3], 0x1234, TRACE_HOW_LOCK);
	m = fixture_model(g);
	assert_begins(m->locks[0].label, "mutex 0x7000 created in make_cache (test_names.c:");
	assert_begins(m->locks[1].label, "mutex 0x7001 created in make_cache (test_names.c:");
	assert_begins(m->locks[2].label, "mutex 0x7002 first used in refill (test_names.c:");
	assert_begins(m->locks[3].label, "rwlock 0x7003 first used in [anon]+0x1234");
	assert_null(m->locks[0].name);
	assert_int_equal(m->nr_classes, 3);
	assert_int_equal(m->classes[0].nr_locks, 2);
	assert_begins(m->classes[0].label, "mutex created in make_cache (test_names.c:");
	assert_begins(m->classes[1].label, "mutex first used in refill (test_names.c:");
	/* Neither lines nor addresses, and the wrapper in front left out. */
	assert_string_equal(m->classes[0].key, "generated/mutex/created in make_cache");
	assert_string_equal(m->classes[1].key, "generated/mutex/first used in refill");
	assert_string_equal(m->classes[2].key, "generated/rwlock/first used in [anon]");
	model_free(m);
}

static void test_frames(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t module = add_module(g);
	uint64_t wrapper = address_of(g_mutex_lock_generated, module);
	uint64_t frames[] = { wrapper, address_of(refill, module), wrapper };
	uint32_t stack = tracegen_stack(g, 3, frames), only = tracegen_stack(g, 1, frames);
	const struct process *process;
	struct frame found[8];
	struct model *m = fixture_model(g);

	(void)state;
	process = &m->processes[0];
	assert_int_equal(model_frames(process, stack, 0, false, found, 8), 2);
	assert_string_equal(found[0].function, "refill");
	assert_string_equal(found[1].function, "g_mutex_lock_generated");
	assert_int_equal(model_frames(process, stack, 0, true, found, 8), 3);
	assert_string_equal(found[0].function, "g_mutex_lock_generated");
	assert_int_equal(model_frames(process, stack, 0, true, found, 2), 2);
	assert_int_equal(model_frames(process, only, 0, false, found, 8), 1);
	assert_int_equal(model_frames(process, 0, frames[1], false, found, 8), 1);
	assert_string_equal(found[0].function, "refill");
	assert_int_equal(model_frames(process, 0, 0, false, found, 8), 0);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_static_locks), cmocka_unit_test(test_twins),
		cmocka_unit_test(test_given_names),  cmocka_unit_test(test_places),
		cmocka_unit_test(test_frames),	     cmocka_unit_test(test_told_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
