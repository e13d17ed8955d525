/* SPDX-License-Identifier: MIT */
/* Every type of event goes to bytes and back, with small and with extreme numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../trace/event.h"

static const uint64_t extremes[] = { 0,	    1,	   63,	       64,	   127,	      128,
				     16383, 16384, UINT32_MAX, 1ull << 40, UINT64_MAX };
#define NR_EXTREMES (sizeof(extremes) / sizeof(*extremes))

/* Decodes where the bytes end, where more follow, and not where they are cut. */
static void expect(const unsigned char *bytes, const unsigned char *end,
		   const struct trace_event *want, uint64_t before)
{
	struct trace_event got;
	const unsigned char *room[] = { end, bytes + 4 * TRACE_EVENT_BYTES };

	for (int i = 0; i < 2; i++) {
		memset(&got, 0xa5, sizeof(got));
		got.ticks = before;
		assert_ptr_equal(event_get(bytes, room[i], &got), end);
		assert_int_equal(got.type, want->type);
		assert_int_equal(got.arg, want->arg);
		assert_int_equal(got.ticks, want->ticks);
		for (unsigned int v = 0; v < trace_event_args[want->type]; v++)
			assert_int_equal(got.value[v], want->value[v]);
	}
	for (const unsigned char *cut = bytes; cut < end; cut++) {
		memset(&got, 0, sizeof(got));
		assert_null(event_get(bytes, cut, &got));
	}
}

static void plain_round_trip(uint32_t node, uint64_t delta, uint64_t hold)
{
	unsigned char bytes[4 * TRACE_EVENT_BYTES];
	struct trace_event e = { TRACE_EV_PLAIN, node, 1000 + delta, { hold } };

	memset(bytes, 0xff, sizeof(bytes));
	expect(bytes, event_put_plain(bytes, node, delta, hold), &e, 1000);
}

static void test_plain(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_EXTREMES; i++)
		for (size_t j = 0; j < NR_EXTREMES; j++) {
			plain_round_trip(1, extremes[i], extremes[j]);
			plain_round_trip(12345, extremes[i], extremes[j]);
			plain_round_trip(UINT32_MAX, extremes[i], extremes[j]);
		}
}

static void test_all_types(void **state)
{
	unsigned char bytes[4 * TRACE_EVENT_BYTES];

	(void)state;
	for (unsigned int type = TRACE_EV_ACQUISITION; type < TRACE_EV_MAX; type++)
		for (size_t i = 0; i < NR_EXTREMES; i++) {
			struct trace_event e = { .type = type, .arg = extremes[i] >> 6 };

			for (unsigned int v = 0; v < TRACE_EVENT_ARGS; v++)
				e.value[v] = extremes[(i + v) % NR_EXTREMES];
			e.ticks = 5 + extremes[i];
			memset(bytes, 0xff, sizeof(bytes));
			expect(bytes, event_put(bytes, type, e.arg, extremes[i], e.value), &e, 5);
		}
}

static void test_longest_fits(void **state)
{
	const uint64_t most[TRACE_EVENT_ARGS] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	unsigned char bytes[TRACE_EVENT_BYTES];

	(void)state;
	for (unsigned int type = TRACE_EV_ACQUISITION; type < TRACE_EV_MAX; type++) {
		const unsigned char *end =
			event_put(bytes, type, UINT64_MAX >> 6, UINT64_MAX, most);

		assert_true(end <= bytes + sizeof(bytes));
	}
}

/* Zero is what an unwritten ring holds, and odd numbers may carry types of a later version. */
static void test_no_event(void **state)
{
	unsigned char bytes[16] = { 0 };
	struct trace_event e = { 0 };

	(void)state;
	assert_null(event_get(bytes, bytes + sizeof(bytes), &e));
	assert_null(event_get(bytes, bytes, &e));
	for (unsigned int type = 0; type < 32; type++) {
		memset(bytes, 1, sizeof(bytes));
		varint_put(bytes, 1u << 6 | type << 1 | 1);
		if (type == TRACE_EV_PLAIN || type >= TRACE_EV_MAX)
			assert_null(event_get(bytes, bytes + sizeof(bytes), &e));
		else
			assert_non_null(event_get(bytes, bytes + sizeof(bytes), &e));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_all_types),
		cmocka_unit_test(test_longest_fits),
		cmocka_unit_test(test_no_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
