/* SPDX-License-Identifier: MIT */
/*
 * output.c: numbers with units at their edges, escaping, and when there is colour.
 */
#include "analyzer/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define EXPECT(function, value, wanted)                                     \
	do {                                                                \
		char buf_[OUTPUT_NUMBER];                                   \
		assert_string_equal(function(buf_, value), wanted);         \
	} while (0)

static void test_time(void **state)
{
	(void)state;
	EXPECT(output_time, 0, "0 ns");
	EXPECT(output_time, 7, "7 ns");
	EXPECT(output_time, 950, "950 ns");
	EXPECT(output_time, 999, "999 ns");
	EXPECT(output_time, 1000, "1.00 us");
	EXPECT(output_time, 12345, "12.3 us");
	EXPECT(output_time, 9994, "9.99 us");
	EXPECT(output_time, 9996, "10.0 us");
	EXPECT(output_time, 99960, "100 us");
	EXPECT(output_time, 999499, "999 us");
	EXPECT(output_time, 999600, "1.00 ms");
	EXPECT(output_time, 4100000000, "4.10 s");
	EXPECT(output_time, 1200000000000, "20.0 min");
	EXPECT(output_time, 100 * 3600 * 1000000000ull, "100 h");
}

static void test_size(void **state)
{
	(void)state;
	EXPECT(output_size, 0, "0 B");
	EXPECT(output_size, 512, "512 B");
	EXPECT(output_size, 65536, "64.0 KiB");
	EXPECT(output_size, 1ull << 30, "1.00 GiB");
}

static void test_si(void **state)
{
	(void)state;
	EXPECT(output_si, 0, "0");
	EXPECT(output_si, 0.5, "0.5");
	EXPECT(output_si, 12.34, "12.3");
	EXPECT(output_si, 950, "950");
	EXPECT(output_si, 12345, "12.3k");
	EXPECT(output_si, 4.1e6, "4.10M");
}

static void test_count(void **state)
{
	(void)state;
	EXPECT(output_count, 0, "0");
	EXPECT(output_count, 999, "999");
	EXPECT(output_count, 1000, "1,000");
	EXPECT(output_count, 12345678, "12,345,678");
	EXPECT(output_count, UINT64_MAX, "18,446,744,073,709,551,615");
}

static void test_percent(void **state)
{
	(void)state;
	EXPECT(output_percent, 0, "0.0 %");
	EXPECT(output_percent, 0.0001, "<0.1 %");
	EXPECT(output_percent, 0.973, "97.3 %");
	EXPECT(output_percent, 1, "100.0 %");
}

static void test_escape(void **state)
{
	char buf[64];

	(void)state;
	assert_int_equal(output_escape(buf, sizeof(buf), "a\033b"), 6);
	assert_string_equal(buf, "a\\x1bb");
	output_escape(buf, sizeof(buf), "\n\t\x7f\xc2\x85\xff\u202e ok \u00e4");
	assert_string_equal(buf, "\\x0a\\x09\\x7f\\xc2\\x85\\xff\\xe2\\x80\\xae ok \u00e4");
	assert_int_equal(output_escape(NULL, 0, "\033"), 4);
	assert_int_equal(output_escape(buf, 3, "abcdef"), 6);
	assert_string_equal(buf, "ab");
}

static void test_color(void **state)
{
	(void)state;
	unsetenv("NO_COLOR");
	output_init(OUTPUT_COLOR_ALWAYS);
	assert_string_equal(output_face_begin(OUTPUT_BOLD), "\033[1m");
	assert_string_equal(output_face_end(OUTPUT_BOLD), "\033[0m");
	assert_string_equal(output_face_end(OUTPUT_PLAIN), "");
	output_init(OUTPUT_COLOR_NEVER);
	assert_string_equal(output_face_begin(OUTPUT_BOLD), "");
	setenv("NO_COLOR", "1", 1);
	output_init(OUTPUT_COLOR_ALWAYS);
	assert_string_equal(output_face_begin(OUTPUT_RED), "");
	setenv("NO_COLOR", "", 1);
	output_init(OUTPUT_COLOR_ALWAYS);
	assert_string_equal(output_face_begin(OUTPUT_RED), "\033[31m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),	cmocka_unit_test(test_size),
		cmocka_unit_test(test_si),	cmocka_unit_test(test_count),
		cmocka_unit_test(test_percent), cmocka_unit_test(test_escape),
		cmocka_unit_test(test_color),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
