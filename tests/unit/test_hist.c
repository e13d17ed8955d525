/* SPDX-License-Identifier: MIT */
/* Buckets cover all numbers without gap or overlap, and are as narrow as promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../trace/hist.h"

static void test_buckets_touch(void **state)
{
	uint64_t next = 0;

	(void)state;
	for (unsigned int octave = 0; octave < HIST_OCTAVES; octave++)
		for (unsigned int part = 0; part < HIST_PARTS; part++) {
			assert_int_equal(hist_low(octave, part), next);
			next += hist_width(octave);
		}
	assert_int_equal(next, 0); /* exactly 2^64 numbers */
}

static void check_place(uint64_t v)
{
	struct hist_place at = hist_place(v);

	assert_true(at.octave < HIST_OCTAVES && at.part < HIST_PARTS);
	assert_true(hist_low(at.octave, at.part) <= v);
	assert_true(v - hist_low(at.octave, at.part) < hist_width(at.octave));
}

static void test_values_lie_in_their_bucket(void **state)
{
	(void)state;
	for (uint64_t v = 0; v < 100000; v++)
		check_place(v);
	for (unsigned int bit = 0; bit < 64; bit++) {
		check_place(1ull << bit);
		check_place((1ull << bit) - 1);
		check_place((1ull << bit) + (1ull << bit) / 3);
	}
	check_place(UINT64_MAX);
}

static void test_width(void **state)
{
	(void)state;
	for (unsigned int octave = 1; octave < HIST_OCTAVES; octave++)
		assert_true(hist_width(octave) <= hist_low(octave, 0) / 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets_touch),
		cmocka_unit_test(test_values_lie_in_their_bucket),
		cmocka_unit_test(test_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
