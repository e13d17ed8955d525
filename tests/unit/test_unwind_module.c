/* SPDX-License-Identifier: MIT */
/*
 * test_unwind_module.c: a library that is loaded, unloaded, loaded again and damaged
 *
 * The variant for C libraries without _dl_find_object() is compiled in here once more under other
 * names, and must know the same modules. LOCKPROF_FUZZ=N damages the library N times, not 20,000.
 */
#include <sys/mman.h>

#include "../../preload/unwind_cfi.h"
#include "unwind_fixture.h"

#define unwind_find_module     snapshot_unwind_find_module
#define unwind_modules_changed snapshot_unwind_modules_changed
#define unwind_init	       snapshot_unwind_init
#define UNWIND_SNAPSHOT_ONLY
int snapshot_unwind_find_module(uintptr_t pc, struct unwind_module *out);
void snapshot_unwind_modules_changed(void);
int snapshot_unwind_init(void);
#include "../../preload/unwind_module.c"
#undef unwind_find_module
#undef unwind_modules_changed
#undef unwind_init

static void test_callback_of_a_library(void **state)
{
	struct library lib = library_open();

	(void)state;
	lib.all(compare_last);
	assert_same(13);
	dlclose(lib.handle);
	unwind_modules_changed();
}

static void test_module_of_a_library(void **state)
{
	struct library lib = library_open();
	struct unwind_module module;
	uintptr_t pc = (uintptr_t)lib.all;

	(void)state;
	assert_int_equal(unwind_find_module(pc, &module), 0);
	assert_true(pc >= module.map_start && pc < module.map_end);
	assert_non_null(strstr(module.name, "lib.so"));
	assert_non_null(module.eh_frame_hdr);
	dlclose(lib.handle);
	unwind_modules_changed();
	assert_int_equal(unwind_find_module(pc, &module), -1);
	assert_int_equal(unwind_find_module((uintptr_t)&test_module_of_a_library, &module), 0);
	assert_string_equal(module.name, "");
}

/* Each module of a stack, as the variant without _dl_find_object() knows it. */
static void compare_with_snapshot(void *unused)
{
	uintptr_t pcs[MAX_FRAMES];
	int nr = unwind_stack(pcs, MAX_FRAMES, 0, bounds);

	(void)unused;
	for (last.nr = 0; last.nr < nr; last.nr++) {
		struct unwind_module module, again;

		assert_int_equal(unwind_find_module(pcs[last.nr], &module), 0);
		assert_int_equal(snapshot_unwind_find_module(pcs[last.nr], &again), 0);
		assert_int_equal(module.map_start, again.map_start);
		assert_int_equal(module.map_end, again.map_end);
		assert_int_equal(module.load_bias, again.load_bias);
		assert_ptr_equal(module.eh_frame_hdr, again.eh_frame_hdr);
		assert_string_equal(module.name, again.name);
	}
}

static void test_without_find_object(void **state)
{
	struct library lib = library_open();
	struct unwind_module module;
	uintptr_t pc = (uintptr_t)lib.all;

	(void)state;
	assert_int_equal(snapshot_unwind_init(), 0);
	lib.all(compare_with_snapshot);
	assert_true(last.nr >= 13);
	dlclose(lib.handle);
	snapshot_unwind_modules_changed();
	assert_int_equal(snapshot_unwind_find_module(pc, &module), -1);
	lib = library_open();
	snapshot_unwind_modules_changed();
	lib.all(compare_with_snapshot);
	assert_true(last.nr >= 13);
	dlclose(lib.handle);
	snapshot_unwind_modules_changed();
	memset(&last, 0, sizeof(last));
}

#if defined(__x86_64__)
static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

/* Some damage goes through the table, most hits the instructions of the few functions there are. */
static void damage(uint8_t *at, size_t size)
{
	unsigned nr = 1 + next_random() % 8;

	while (nr--)
		at[next_random() % size] = next_random() % 4 ? (uint8_t)next_random()
							     : (uint8_t)(next_random() % 2 * 255);
	unwind_modules_changed();
}

static void walk_any(void *unused)
{
	uintptr_t pcs[MAX_FRAMES];
	int nr = unwind_stack(pcs, MAX_FRAMES, 0, bounds);

	(void)unused;
	if (nr < 1 || nr > MAX_FRAMES)
		abort();
}

static void test_damaged_information(void **state)
{
	struct library lib = library_open();
	struct unwind_module module;
	struct segment segment;
	static uint8_t saved[65536];
	uint8_t *hdr;
	size_t size;
	const char *rounds = getenv("LOCKPROF_FUZZ");

	(void)state;
	assert_int_equal(unwind_find_module((uintptr_t)lib.all, &module), 0);
	segment = cfi_segment(&module);
	hdr = (uint8_t *)module.eh_frame_hdr;
	size = segment.end - (uintptr_t)hdr;
	assert_true(size > 100 && size < sizeof(saved));
	assert_int_equal(mprotect((void *)(segment.start & ~4095ul),
				  segment.end - (segment.start & ~4095ul), PROT_READ | PROT_WRITE),
			 0);
	memcpy(saved, hdr, size);
	for (long i = rounds ? atol(rounds) : 20000; i > 0; i--) {
		damage(hdr, size);
		lib.all(walk_any);
		memcpy(hdr, saved, size);
	}
	unwind_modules_changed();
	lib.all(compare_last);
	assert_same(13);
	dlclose(lib.handle);
	unwind_modules_changed();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_callback_of_a_library),
		cmocka_unit_test(test_module_of_a_library),
		cmocka_unit_test(test_without_find_object),
#if defined(__x86_64__)
		cmocka_unit_test(test_damaged_information),
#endif
	};

	return cmocka_run_group_tests_name("unwind_module", tests, library_build, library_remove);
}
