/* SPDX-License-Identifier: MIT */
/* The validator refuses schedules that no program can run, and circles that do not stand. */
#include "analyzer/order/validate.h"
#include "tests/lib/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/*
 * order: a digit for each operation, the thread's number by its first sight in the run; the main
 * thread "m" is 0. Each thread's first operation is its beginning. members: threads that wait.
 */
static const struct schedule {
	const char *run, *kinds, *order, *members, *wrong;
} schedules[] = {
	{ "m:fork=1 fork=2\n1:+A +B -B -A\n2:+B +A -A -B", NULL, "0001122", "12", NULL },
	{ "m:fork=1 fork=2\n1:+A +B -B -A\n2:+B +A -A -B", NULL, "000112", "12",
	  "the next thread has not what this one waits for" },
	{ "m:fork=1 fork=2\n1:+A +B -B -A\n2:+B +A -A -B", NULL, "00011122", "12",
	  "a lock is taken that another thread has" },
	{ "m:fork=1 fork=2\n1:+A +B -B -A\n2:+B +A -A -B", NULL, "0101022", "12",
	  "a thread begins before it is created" },
	{ "m:fork=1 fork=2\n1:+A ?+B -B -A\n2:+B +A -A -B", NULL, "0001122", "12",
	  "an attempt does not wait" },
	{ "m:fork=1 fork=2\n1:r+A -A\n2:+A -A", NULL, "0001122", "",
	  "a lock is taken that others read" },
	{ "m:fork=1 fork=2\n1:r+A r+B -B -A\n2:r+B r+A -A -B", NULL, "0001122", "12",
	  "a reader does not wait for readers" },
	{ "m:fork=1 fork=2\n1:r+A r+B -B -A\n2:r+B r+A -A -B", "A=wpref B=wpref", "0001122", "12",
	  "a reader does not wait for readers" },
	{ "m:fork=1 fork=2\n1:post=s\n2:semwait=s", "s=0", "000221", "",
	  "a token is taken that is not there" },
	{ "m:fork=1 fork=2\n1:post=s\n2:semwait=s", "s=0", "000112", "2" /* would go on */,
	  "a token is there" },
	{ "m:fork=1 fork=2\n1:post=s\n2:semwait=s", "s=0", "00012", "2", NULL },
	{ "m:fork=1 fork=2\n1:+m -m wait_b=c\n2:signal=c\n1:wait_e=c", NULL, "0002211111", "",
	  "a thread is woken without a signal" },
	{ "m:fork=1 fork=2\n1:+m -m wait_b=c\n2:signal=c\n1:wait_e=c", NULL, "0001112211", "",
	  NULL },
	{ "m:fork=1 fork=2 fork=3\n1:wait_b=c\n2:wait_b=c\n3:signal=c\n1:wait_e=c\n3:signal=c\n"
	  "2:wait_e=c",
	  NULL, "00001122331233", "", "a thread is woken without a signal" },
	{ "m:fork=1 fork=2 fork=3\n1:wait_b=c\n2:wait_b=c\n3:broadcast=c\n1:wait_e=c\n2:wait_e=c",
	  NULL,
	  "0000112233"
	  "12",
	  "", NULL },
	{ "m:fork=1 fork=2\n1:bar_in=b\n2:bar_in=b\n1:bar_out=b\n2:bar_out=b", "b=2", "00011122",
	  "", "a barrier opens too early" },
	{ "m:fork=1\n1:+A -A\nm:join=1", NULL, "001110", "", "a thread is joined before its end" },
	{ "m:fork=1 fork=2\n1:+A\n2:?-A\n1:-A", NULL, "0002211", "",
	  "an attempt fails though the lock is free" },
	{ "m:fork=1\n1:+L -L\nm:+L join=1 -L", NULL, "0010", "01", NULL },
	{ "m:fork=1 fork=2\n1:+A !B\n2:+B !A", NULL, "0001122", "12", NULL },
	{ "m:fork=1 fork=2\n1:+A !B\n2:+B !A", NULL, "00011122", "",
	  "a request is passed that was never granted" },
};

static const char *check(const struct schedule *s)
{
	struct validate_member members[4] = { { .thread = 0 } };
	uint32_t upto[16] = { 0 }, order[64];
	struct validate_schedule schedule = { upto, order, strlen(s->order), members,
					      (uint32_t)strlen(s->members) };
	struct notation n;
	const char *wrong;

	notation_read(&n, s->run, s->kinds);
	for (uint32_t i = 0; s->order[i]; i++)
		upto[order[i] = (uint32_t)(s->order[i] - '0')]++;
	for (uint32_t i = 0; s->members[i]; i++) {
		uint32_t thread = (uint32_t)(s->members[i] - '0');

		members[i].thread = thread;
		members[i].at = upto[thread];
		members[i].any_holder = schedule.nr_members == 1;
	}
	wrong = validate(n.history, &schedule);
	notation_free(&n);
	return wrong;
}

static void test_schedules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(schedules) / sizeof(*schedules); i++) {
		const char *wrong = check(&schedules[i]);

		if (!wrong != !schedules[i].wrong || (wrong && strcmp(wrong, schedules[i].wrong)))
			fail_msg("%s, %s: %s", schedules[i].run, schedules[i].order,
				 wrong ? wrong : "accepted");
	}
}

/* As recorded, but cut: the rest of the order does not matter. */
static void test_recorded(void **state)
{
	struct validate_member members[] = { { .thread = 1, .at = 2 }, { .thread = 2, .at = 2 } };
	uint32_t upto[] = { 3, 2, 2 };
	struct validate_schedule schedule = { upto, NULL, 0, members, 2 };
	struct notation n;

	(void)state;
	notation_read(&n, "m:fork=1 fork=2\n1:+A +B -B -A\n2:+B +A -A -B", NULL);
	assert_null(validate(n.history, &schedule));
	upto[1] = 3;
	members[0].at = 3;
	assert_string_equal(validate(n.history, &schedule),
			    "a lock is taken that another thread has");
	notation_free(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedules),
		cmocka_unit_test(test_recorded),
	};

	return cmocka_run_group_tests_name("order validate", tests, NULL, NULL);
}
