/* SPDX-License-Identifier: MIT */
/* Every length of number goes to bytes and back; what is cut off or too long is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../trace/varint.h"

static void round_trip(uint64_t v)
{
	unsigned char bytes[VARINT_MAX + 8] = { 0 };
	unsigned char *end = varint_put(bytes, v);
	uint64_t back = ~v;

	assert_in_range(end - bytes, 1, VARINT_MAX);
	assert_ptr_equal(varint_get(bytes, end, &back), end);
	assert_int_equal(back, v);
	assert_ptr_equal(varint_get(bytes, bytes + sizeof(bytes), &back), end);
	assert_int_equal(back, v);
	for (const unsigned char *cut = bytes; cut < end; cut++)
		assert_null(varint_get(bytes, cut, &back));
}

static void test_extremes(void **state)
{
	(void)state;
	round_trip(0);
	round_trip(UINT64_MAX);
	for (unsigned int bit = 0; bit < 64; bit++) {
		round_trip(1ull << bit);
		round_trip((1ull << bit) - 1);
		round_trip((1ull << bit) + 1);
	}
}

static void test_lengths(void **state)
{
	unsigned char bytes[VARINT_MAX];

	(void)state;
	for (unsigned int length = 1; length < VARINT_MAX; length++) {
		assert_int_equal(varint_put(bytes, (1ull << (7 * length)) - 1) - bytes, length);
		assert_int_equal(varint_put(bytes, 1ull << (7 * length)) - bytes, length + 1);
	}
}

static void test_random(void **state)
{
	uint64_t x = 88172645463325252ull;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		round_trip(x >> (i % 64));
	}
}

/* 64 bits are the most; an eleventh byte or a 65th bit is damage, padding with zeros is not. */
static void test_overflow(void **state)
{
	unsigned char bytes[12];
	uint64_t v;

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	assert_null(varint_get(bytes, bytes + sizeof(bytes), &v));
	bytes[9] = 0x02;
	assert_null(varint_get(bytes, bytes + sizeof(bytes), &v));
	bytes[9] = 0x01;
	assert_ptr_equal(varint_get(bytes, bytes + sizeof(bytes), &v), bytes + 10);
	assert_int_equal(v, UINT64_MAX);
	memcpy(bytes, "\x85\x80\x00", 3);
	assert_ptr_equal(varint_get(bytes, bytes + 3, &v), bytes + 3);
	assert_int_equal(v, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
