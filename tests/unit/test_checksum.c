/* SPDX-License-Identifier: MIT */
/* The checksum sees every flipped bit and every changed length; its values are the format's. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../trace/event.h"

static void fill(unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(i * 167 + 13);
}

static void test_flips(void **state)
{
	unsigned char bytes[259];

	(void)state;
	fill(bytes, sizeof(bytes));
	for (size_t length = 1; length <= sizeof(bytes); length += 43) {
		uint64_t sum = trace_checksum(bytes, length);

		for (size_t bit = 0; bit < length * 8; bit++) {
			bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
			assert_true(trace_checksum(bytes, length) != sum);
			bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		}
		assert_int_equal(trace_checksum(bytes, length), sum);
	}
}

static void test_lengths(void **state)
{
	unsigned char zeros[64] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(zeros); i++)
		for (size_t j = 0; j < i; j++)
			assert_true(trace_checksum(zeros, i) != trace_checksum(zeros, j));
}

static void test_alignment_does_not_matter(void **state)
{
	unsigned char bytes[100], moved[108];

	(void)state;
	fill(bytes, sizeof(bytes));
	for (size_t by = 0; by < 8; by++) {
		memcpy(moved + by, bytes, sizeof(bytes));
		assert_int_equal(trace_checksum(moved + by, sizeof(bytes)),
				 trace_checksum(bytes, sizeof(bytes)));
	}
}

/* Files that exist have these; another value is another format. */
static void test_known_values(void **state)
{
	(void)state;
	assert_int_equal(trace_checksum("", 0), 0xc70d906ceec37c05ull);
	assert_int_equal(trace_checksum("lockprof", 8), 0x499bf11b43962537ull);
	assert_int_equal(trace_checksum("lock contention", 15), 0xbdb1b5493f70079full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_alignment_does_not_matter),
		cmocka_unit_test(test_known_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
