/* SPDX-License-Identifier: MIT */
/*
 * Plans of `lockprof confirm`: as text and back, bad ones, made of findings; and which threads of a
 * trace stand in a circle.
 */
#include "model_fixture.h"

#include <errno.h>

#include "analyzer/confirm.h"
#include "analyzer/order/order.h"

#define HEAD "lockprof-plan 1\n"
#define APP  "module 1 00ff10 /usr/bin/my app\n"
#define ABBA                                 \
	"member held 1+0x10 wanted 1+0x20\n" \
	"member held 1+0x30 wanted 1+0x40 expected 37\n"

/* --- text --------------------------------------------------------------------------------- */

static int parse(struct plan *plan, const char *text, char error[CONFIRM_MESSAGE])
{
	char *copy = strdup(text);
	int err;

	assert_non_null(copy);
	error[0] = '\0';
	err = plan_parse(plan, copy, error);
	free(copy);
	return err;
}

static void assert_prints(const struct plan *plan, const char *wanted)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	plan_print(plan, out);
	fclose(out);
	assert_string_equal(text, wanted);
	free(text);
}

static void good_plan(void **state)
{
	static const char text[] =
		HEAD APP "module 2 - /lib/x.so\n" ABBA "member held thread wanted 2+0x0\n"
			 "member held nothing wanted 2+0xffffffffffff\n";
	char error[CONFIRM_MESSAGE];
	struct plan plan;

	(void)state;
	assert_int_equal(parse(&plan, text, error), 0);
	assert_int_equal(plan.nr_members, 4);
	assert_int_equal(plan.nr_modules, 2);
	assert_string_equal(plan.modules[0].path, "/usr/bin/my app");
	assert_int_equal(plan.modules[0].build_id_bytes, 3);
	assert_memory_equal(plan.modules[0].build_id, "\x00\xff\x10", 3);
	assert_true(plan.members[1].wanted == (1ull << 48 | 0x40));
	assert_true(plan.members[1].expected == 37);
	assert_true(plan.members[2].held == PLAN_HELD_THREAD);
	assert_true(plan.members[3].held == PLAN_HELD_NOTHING);
	assert_prints(&plan, text);
}

static void comments_and_blanks(void **state)
{
	char error[CONFIRM_MESSAGE];
	struct plan plan;

	(void)state;
	assert_int_equal(parse(&plan, HEAD APP "member wanted 1+0x20 held 1+0x10 # so", error),
			 -EINVAL);
	assert_int_equal(parse(&plan,
			       "\n# what it is\n  lockprof-plan   1\n\n" APP
			       "\tmember\twanted 1+0x20  held 1+0x10",
			       error),
			 0);
	assert_prints(&plan, HEAD APP "member held 1+0x10 wanted 1+0x20\n");
}

static void bad_plans(void **state)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
		{ "", "line 1: the plan ends without a member" },
		{ HEAD, "line 2: the plan ends without a member" },
		{ "\x7f"
		  "ELF",
		  "line 1: this is no plan: it does not begin with lockprof-plan" },
		{ "lockprof-plan 2\n" ABBA, "line 1: a plan of another version than 1" },
		{ "lockprof-plan\n" ABBA, "line 1: a plan of another version than 1" },
		{ HEAD "modul 1 - /x\n", "line 2: cannot understand 'modul'" },
		{ HEAD "module 2 - /x\n", "line 2: modules are numbered 1, 2, 3, ..." },
		{ HEAD "module -1 - /x\n", "line 2: modules are numbered 1, 2, 3, ..." },
		{ HEAD "module 1 abc /x\n", "line 2: 'abc' is no build id" },
		{ HEAD "module 1 zz /x\n", "line 2: 'zz' is no build id" },
		{ HEAD "module 1\n", "line 2: '' is no build id" },
		{ HEAD "module 1 - x\n", "line 2: a module needs its whole path" },
		{ HEAD "module 1 -\n", "line 2: a module needs its whole path" },
		{ HEAD ABBA, "line 2: there is no module 1 above" },
		{ HEAD APP "member held 2+0x10 wanted 1+0x20\n",
		  "line 3: there is no module 2 above" },
		{ HEAD APP "member held 0+0x10 wanted 1+0x20\n",
		  "line 3: there is no module 0 above" },
		{ HEAD APP "member held 1+0x10\n",
		  "line 3: a member has a place 'held' and a place 'wanted'" },
		{ HEAD APP "member wanted 1+0x10\n",
		  "line 3: a member has a place 'held' and a place 'wanted'" },
		{ HEAD APP "member\n", "line 3: a member has a place 'held' and a place 'wanted'" },
		{ HEAD APP "member held 1+0x10 wanted thread\n",
		  "line 3: a place is written MODULE+0xOFFSET" },
		{ HEAD APP "member held 1+10 wanted 1+0x20\n",
		  "line 3: a place is written MODULE+0xOFFSET" },
		{ HEAD APP "member held 1+0x wanted 1+0x20\n",
		  "line 3: a place is written MODULE+0xOFFSET" },
		{ HEAD APP "member held 1+0x1000000000000 wanted 1+0x20\n",
		  "line 3: a place is written MODULE+0xOFFSET" },
		{ HEAD APP "member held 1+0x99999999999999999 wanted 1+0x20\n",
		  "line 3: a place is written MODULE+0xOFFSET" },
		{ HEAD APP "member held 1+0x10 held 1+0x10 wanted 1+0x20\n",
		  "line 3: cannot understand 'held 1+0x10'" },
		{ HEAD APP "member held 1+0x10 wanted 1+0x20 expected -1\n",
		  "line 3: cannot understand 'expected -1'" },
		{ HEAD APP ABBA ABBA ABBA ABBA ABBA, "line 11: more than 8 members" },
	};
	char error[CONFIRM_MESSAGE];
	struct plan plan;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(&plan, bad[i].text, error), -EINVAL);
		assert_string_equal(error, bad[i].error);
	}
}

static void too_long(void **state)
{
	char text[8 * PLAN_PATH], error[CONFIRM_MESSAGE];
	struct plan plan;
	size_t n;

	(void)state;
	n = (size_t)sprintf(text, HEAD "module 1 - /");
	memset(text + n, 'x', 2 * PLAN_PATH);
	text[n + PLAN_PATH - 2] = '\0';
	assert_int_equal(parse(&plan, text, error), -EINVAL);
	assert_string_equal(error, "line 2: the plan ends without a member");
	text[n + PLAN_PATH - 2] = 'x';
	text[n + PLAN_PATH - 1] = '\0';
	assert_int_equal(parse(&plan, text, error), -EINVAL);
	assert_string_equal(error, "line 2: a module needs its whole path");
	n = (size_t)sprintf(text, HEAD "module 1 ");
	memset(text + n, 'a', 2 * PLAN_BUILD_ID + 2);
	strcpy(text + n + 2 * PLAN_BUILD_ID + 2, " /x\n");
	assert_int_equal(parse(&plan, text, error), -EINVAL);
	n = (size_t)sprintf(text, HEAD);
	for (int i = 1; i <= PLAN_MODULES + 1; i++)
		n += (size_t)sprintf(text + n, "module %d - /x\n", i);
	assert_int_equal(parse(&plan, text, error), -EINVAL);
	assert_string_equal(error, "line 18: more than 16 modules");
}

/* --- findings ----------------------------------------------------------------------------- */

enum { A, B, APP_AT = 0x400000 };

static uint64_t code(uint64_t module, uint64_t offset)
{
	return module << 48 | offset;
}

/* Two threads that took A and B in both orders, at 0x10 .. 0x40 of module 2. */
struct abba {
	struct tracegen *g;
	uint32_t lock[2], thread[2], slot[2], node[5];
};

static struct abba abba_new(void)
{
	struct abba x = { .g = tracegen_new() };

	tracegen_module(x.g, "/lib/libc.so.6", 0x700000, 0x800000, 0x700000);
	tracegen_module(x.g, "/usr/bin/app", APP_AT, 0x500000, APP_AT);
	for (int i = 0; i < 2; i++) {
		x.lock[i] = tracegen_lock(x.g, TRACE_KIND_MUTEX, 0x1000 + 64 * (uint64_t)i);
		x.thread[i] = tracegen_thread(x.g, i ? "two" : "one", 0);
		x.slot[i] = tracegen_slot(x.g, x.thread[i]);
	}
	x.node[0] = tracegen_node(x.g, 0, x.lock[A], code(2, 0x10), TRACE_HOW_LOCK);
	x.node[1] = tracegen_node(x.g, x.node[0], x.lock[B], code(2, 0x20), TRACE_HOW_LOCK);
	x.node[2] = tracegen_node(x.g, 0, x.lock[B], code(2, 0x30), TRACE_HOW_LOCK);
	x.node[3] = tracegen_node(x.g, x.node[2], x.lock[A], code(2, 0x40), TRACE_HOW_LOCK);
	x.node[4] = tracegen_node(x.g, 0, x.lock[A], 0x99, TRACE_HOW_LOCK);
	return x;
}

static struct order_member member(struct order_thing held, uint32_t held_node,
				  struct order_thing wanted, uint32_t wanted_node)
{
	return (struct order_member){ .held = held,
				      .wanted = wanted,
				      .held_node = held_node,
				      .wanted_node = wanted_node,
				      .edge = UINT32_MAX };
}

/* Of the model of abba_new(), which it frees. */
static int make(struct plan *plan, struct abba *x, struct order_finding *finding,
		char error[CONFIRM_MESSAGE])
{
	struct order order = { .model = fixture_model(x->g),
			       .nr_findings = 1,
			       .findings = finding };
	int err = plan_of_finding(plan, &order, finding, error);

	model_free(order.model);
	return err;
}

static const struct order_thing lock_a = { ORDER_LOCK, A }, lock_b = { ORDER_LOCK, B };

static void plan_of_a_cycle(void **state)
{
	struct abba x = abba_new();
	struct order_member members[] = { member(lock_a, x.node[0], lock_b, x.node[1]),
					  member(lock_b, x.node[2], lock_a, x.node[3]) };
	struct order_finding finding = {
		.level = ORDER_PREDICTED, .nr_members = 2, .members = members, .gap_ns = 5000
	};
	char error[CONFIRM_MESSAGE];
	struct plan plan;

	(void)state;
	assert_int_equal(make(&plan, &x, &finding, error), 0);
	assert_true(plan.gap_ns == 5000);
	assert_prints(&plan, HEAD "module 1 - /usr/bin/app\n"
				  "member held 1+0x10 wanted 1+0x20\n"
				  "member held 1+0x30 wanted 1+0x40\n");
}

static void plan_with_a_join(void **state)
{
	struct abba x = abba_new();
	const uint64_t frames[] = { code(2, 0x77), code(2, 0x88) };
	const struct order_thing two = { ORDER_THREAD, 1 };
	struct order_member members[] = { member(lock_a, x.node[0], two, 0),
					  member(two, 0, lock_a, x.node[3]) };
	struct order_finding finding = {
		.level = ORDER_OCCURRED, .nr_members = 2, .members = members, .gap_ns = UINT64_MAX
	};
	char error[CONFIRM_MESSAGE];
	struct plan plan;

	(void)state;
	members[0].wanted_stack = tracegen_stack(x.g, 2, frames);
	assert_int_equal(make(&plan, &x, &finding, error), 0);
	assert_true(plan.gap_ns == 0);
	assert_prints(&plan, HEAD "module 1 - /usr/bin/app\n"
				  "member held 1+0x10 wanted 1+0x77\n"
				  "member held thread wanted 1+0x40\n");
}

static void plan_with_a_writer(void **state)
{
	struct abba x = abba_new();
	struct order_member members[] = { member(lock_a, x.node[0], lock_a, x.node[3]) };
	struct order_assumption writer = { .what = ORDER_WRITER_WAITS,
					   .thing = lock_a,
					   .other_thread = 1,
					   .other_node = x.node[2] };
	struct order_finding finding = { .level = ORDER_RECURSIVE_READ,
					 .nr_members = 1,
					 .members = members,
					 .nr_assumptions = 1,
					 .assumptions = &writer };
	char error[CONFIRM_MESSAGE];
	struct plan plan;

	(void)state;
	assert_int_equal(make(&plan, &x, &finding, error), 0);
	assert_prints(&plan, HEAD "module 1 - /usr/bin/app\n"
				  "member held 1+0x10 wanted 1+0x40\n"
				  "member held nothing wanted 1+0x30\n");
}

static void no_plan(void **state)
{
	struct order_finding finding = { .level = ORDER_LOST_WAKEUP, .nr_members = 1 };
	struct order_member members[2];
	char error[CONFIRM_MESSAGE];
	struct abba x = abba_new();
	struct plan plan;

	(void)state;
	finding.members = members;
	members[0] = member((struct order_thing){ 0 }, 0, lock_a, x.node[1]);
	assert_int_equal(make(&plan, &x, &finding, error), -EINVAL);
	assert_string_equal(error, "it is no circle of threads that wait");

	x = abba_new();
	finding.level = ORDER_OCCURRED;
	members[0] = member(lock_a, x.node[0], (struct order_thing){ 0 }, 0);
	assert_int_equal(make(&plan, &x, &finding, error), -EINVAL);
	assert_string_equal(error, "it is about a thread that does not wait");

	x = abba_new();
	members[0] = member(lock_a, x.node[4], lock_b, x.node[1]);
	assert_int_equal(make(&plan, &x, &finding, error), -EINVAL);
	assert_string_equal(error, "a place of it is in code that no file holds");
}

/* --- standstills -------------------------------------------------------------------------- */

static void hold(struct abba *x, int thread, int lock, int node, uint64_t since)
{
	struct trace_slot *slot = tracegen_slot_state(x->g, x->slot[thread]);
	const uint64_t offset = 0x10 * (uint64_t)(node + 1);

	slot->held[0] = (struct trace_held){ .lock = 0x1000 + 64 * (uint64_t)lock,
					     .site = APP_AT + offset,
					     .since = TRACEGEN_START_TICKS + since,
					     .node = x->node[node],
					     .path = x->node[node],
					     .mode = TRACE_KIND_MUTEX << 8 | TRACE_HOW_LOCK };
}

static void wait_for(struct abba *x, int thread, int node, uint64_t since)
{
	struct trace_slot *slot = tracegen_slot_state(x->g, x->slot[thread]);

	slot->wait_node = x->node[node];
	slot->wait_since = TRACEGEN_START_TICKS + since;
}

static struct reader *read_abba(struct abba *x)
{
	char path[] = "/tmp/lockprof-confirm-XXXXXX", error[256] = "";
	struct reader *reader = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(tracegen_write(x->g, path), 0);
	assert_int_equal(reader_open(&reader, path, error, sizeof(error)), 0);
	unlink(path);
	tracegen_free(x->g);
	return reader;
}

static struct reader *stuck_abba(uint64_t since)
{
	struct abba x = abba_new();

	hold(&x, 0, A, 0, 100);
	wait_for(&x, 0, 1, since);
	hold(&x, 1, B, 2, 120);
	wait_for(&x, 1, 3, 300);
	return read_abba(&x);
}

static void plan_in(struct plan *plan, const char *members)
{
	char text[1024], error[CONFIRM_MESSAGE];

	snprintf(text, sizeof(text), HEAD "module 1 - /usr/bin/app\n%s", members);
	assert_int_equal(plan_parse(plan, text, error), 0);
}

static void circle_of_the_plan(void **state)
{
	struct standing circle[PLAN_MEMBERS];
	struct reader *reader = stuck_abba(200);
	struct plan plan;
	bool is_plans;

	(void)state;
	plan_in(&plan, ABBA);
	assert_int_equal(standing_find(reader, &plan, circle, &is_plans), 2);
	assert_true(is_plans);
	assert_false(standing_needs_signal(circle, 2));
	for (int i = 0; i < 2; i++) {
		const struct standing *next = &circle[!i];

		assert_non_null(circle[i].held);
		assert_true(circle[i].slot != next->slot);
	}
	plan_in(&plan, "member held 1+0x10 wanted 1+0x20\nmember held 1+0x30 wanted 1+0x20\n");
	assert_int_equal(standing_find(reader, &plan, circle, &is_plans), 2);
	assert_false(is_plans);
	plan_in(&plan, ABBA "member held 1+0x10 wanted 1+0x40\n");
	assert_int_equal(standing_find(reader, &plan, circle, &is_plans), 2);
	assert_false(is_plans);
	reader_close(reader);
}

static void no_circle(void **state)
{
	struct standing circle[PLAN_MEMBERS];
	struct abba x = abba_new();
	struct reader *reader;
	struct plan plan;
	bool is_plans;

	(void)state;
	plan_in(&plan, ABBA);
	hold(&x, 0, A, 0, 100);
	wait_for(&x, 0, 1, 200);
	hold(&x, 1, B, 2, 120);
	reader = read_abba(&x);
	assert_int_equal(standing_find(reader, &plan, circle, &is_plans), 0);
	reader_close(reader);
}

/* Seen twice, it counts only when nobody moved meanwhile. */
static void the_same_circle(void **state)
{
	struct standing a[PLAN_MEMBERS], b[PLAN_MEMBERS], c[PLAN_MEMBERS];
	struct reader *first = stuck_abba(200), *second = stuck_abba(200);
	struct reader *later = stuck_abba(250);
	struct plan plan;
	bool is_plans;

	(void)state;
	plan_in(&plan, ABBA);
	assert_int_equal(standing_find(first, &plan, a, &is_plans), 2);
	assert_int_equal(standing_find(second, &plan, b, &is_plans), 2);
	assert_int_equal(standing_find(later, &plan, c, &is_plans), 2);
	assert_true(standing_same(a, b, 2));
	assert_false(standing_same(a, c, 2));
	reader_close(first);
	reader_close(second);
	reader_close(later);
}

/* Who waits for a signal that, by the plan, the other one would give. */
static void circle_through_a_signal(void **state)
{
	struct standing circle[PLAN_MEMBERS];
	struct abba x = abba_new();
	uint32_t cond = tracegen_lock(x.g, TRACE_KIND_COND, 0x2000);
	struct reader *reader;
	struct plan plan;
	bool is_plans;

	(void)state;
	hold(&x, 0, A, 0, 100);
	x.node[1] = tracegen_node(x.g, x.node[0], cond, code(2, 0x50), TRACE_HOW_WAIT);
	wait_for(&x, 0, 1, 200);
	wait_for(&x, 1, 3, 300);
	reader = read_abba(&x);
	plan_in(&plan, "member held 1+0x10 wanted 1+0x50\nmember held nothing wanted 1+0x40\n");
	assert_int_equal(standing_find(reader, &plan, circle, &is_plans), 2);
	assert_true(is_plans);
	assert_true(standing_needs_signal(circle, 2));
	plan_in(&plan, ABBA);
	assert_int_equal(standing_find(reader, &plan, circle, &is_plans), 0);
	reader_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_plan),	      cmocka_unit_test(comments_and_blanks),
		cmocka_unit_test(bad_plans),	      cmocka_unit_test(too_long),
		cmocka_unit_test(plan_of_a_cycle),    cmocka_unit_test(plan_with_a_join),
		cmocka_unit_test(plan_with_a_writer), cmocka_unit_test(no_plan),
		cmocka_unit_test(circle_of_the_plan), cmocka_unit_test(no_circle),
		cmocka_unit_test(the_same_circle),    cmocka_unit_test(circle_through_a_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
