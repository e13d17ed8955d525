/* SPDX-License-Identifier: MIT */
/*
 * From events to findings: sections that are told of at their end, equal time stamps, waits on
 * conditions, semaphores that prove to be none, and recordings that do not say enough.
 */
#include "analyzer/order/order.h"
#include "tests/lib/tracegen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define STATIC 0x600000 /* addresses of variables with a name of their own are in a module */

/* Two threads and a first one that created them; locks a, b, c ... */
struct fixture {
	struct tracegen *g;
	uint32_t slot[4], thread[4];
	uint32_t lock[8];
	struct model *model;
	struct order *order;
};

static uint32_t add_lock(struct fixture *f, enum trace_kind kind, uint32_t number)
{
	struct trace_lock *record;

	f->lock[number] = tracegen_lock(f->g, kind, STATIC + number * 64);
	record = tracegen_find(f->g, TRACE_REC_LOCK, f->lock[number]);
	record->data_address = 1ull << 48 | number * 64;
	return f->lock[number];
}

static void add_thread(struct fixture *f, uint32_t number, uint32_t creator, uint64_t at)
{
	struct trace_thread *record;

	f->thread[number] = tracegen_thread(f->g, "", creator);
	f->slot[number] = tracegen_slot(f->g, f->thread[number]);
	record = tracegen_find(f->g, TRACE_REC_THREAD, f->thread[number]);
	record->begin_ticks = TRACEGEN_START_TICKS + at;
	record->slot = f->slot[number];
	if (creator)
		tracegen_event(f->g, f->slot[0], TRACE_EV_CREATE, f->thread[number], at, NULL);
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){ .g = tracegen_new() };
	tracegen_module(f->g, "/none", 0x1000, 0x2000, 0);
	add_thread(f, 0, 0, 0);
	add_thread(f, 1, f->thread[0], 10);
	add_thread(f, 2, f->thread[0], 10);
	for (uint32_t i = 0; i < 4; i++)
		add_lock(f, TRACE_KIND_MUTEX, i);
}

static uint32_t node(struct fixture *f, uint32_t parent, uint32_t lock, uint32_t mode)
{
	return tracegen_node(f->g, parent, f->lock[lock], 0x1000 + parent * 64 + lock, mode);
}

/* One lock inside another, from `at` to `at` + 8. */
static void inside(struct fixture *f, uint32_t slot, uint32_t out, uint32_t in, uint64_t at)
{
	tracegen_acquire(f->g, f->slot[slot], in, at + 2, 4, 0);
	tracegen_acquire(f->g, f->slot[slot], out, at, 8, 0);
}

static void judge(struct fixture *f, const struct order_options *options)
{
	char path[] = "/tmp/lockprof-test-XXXXXX", error[256] = "";
	struct reader *reader;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	tracegen_end(f->g, 1000000, 0);
	assert_int_equal(tracegen_write(f->g, path), 0);
	assert_int_equal(reader_open(&reader, path, error, sizeof(error)), 0);
	unlink(path);
	f->model = model_new();
	assert_int_equal(model_add(f->model, reader, NULL), 0);
	assert_int_equal(model_finish(f->model), 0);
	assert_int_equal(order_new(&f->order, f->model, options), 0);
}

static void end(struct fixture *f)
{
	order_free(f->order);
	model_free(f->model);
	tracegen_free(f->g);
}

static const struct order_options plain = { .keep_hidden = true };

/* What is expected of one finding, or that there is none but a hidden one. */
static void expect(struct fixture *f, enum order_level level, const char *why)
{
	judge(f, &plain);
	assert_int_equal(f->order->nr_findings, 1);
	assert_string_equal(order_level_words[f->order->findings[0].level],
			    order_level_words[level]);
	if (why)
		assert_string_equal(f->order->findings[0].why, why);
	else
		assert_null(f->order->findings[0].why);
	end(f);
}

static void expect_hidden(struct fixture *f, enum order_hidden reason)
{
	judge(f, &plain);
	assert_int_equal(f->order->nr_findings, 0);
	for (int i = 0; i < ORDER_HIDDEN_REASONS; i++)
		assert_int_equal(f->order->hidden[i], i == (int)reason);
	assert_int_equal(f->order->nr_hidden_cycles, 1);
	end(f);
}

/* a -> b and b -> a. */
struct crossing {
	uint32_t a, a_b, b, b_a;
};

static struct crossing cross(struct fixture *f)
{
	struct crossing x = { .a = node(f, 0, 0, TRACE_HOW_LOCK),
			      .b = node(f, 0, 1, TRACE_HOW_LOCK) };

	x.a_b = node(f, x.a, 1, TRACE_HOW_LOCK);
	x.b_a = node(f, x.b, 0, TRACE_HOW_LOCK);
	return x;
}

static void test_inversion(void **state)
{
	struct crossing x;
	struct fixture f;
	const struct order_finding *finding;

	(void)state;
	begin(&f);
	x = cross(&f);
	inside(&f, 1, x.a, x.a_b, 100);
	inside(&f, 1, x.a, x.a_b, 150);
	inside(&f, 2, x.b, x.b_a, 200);
	judge(&f, &plain);
	assert_int_equal(f.order->nr_findings, 1);
	finding = &f.order->findings[0];
	assert_int_equal(finding->level, ORDER_PREDICTED);
	assert_int_equal(finding->nr_members, 2);
	assert_int_equal(finding->gap_ns, 42);
	assert_int_equal(finding->overlap, 0);
	assert_int_equal(finding->nr_steps, 3);
	assert_int_equal(finding->instances, 1);
	for (size_t i = 0; i < 2; i++) {
		const struct order_member *m = &finding->members[i];

		assert_int_equal(m->held.index, finding->members[!i].wanted.index);
		assert_true(m->wanted_node == x.a_b || m->wanted_node == x.b_a);
		assert_int_equal(m->held_node, m->wanted_node == x.a_b ? x.a : x.b);
		assert_true(m->edge < f.order->nr_edges);
		assert_int_equal(f.order->edges[m->edge].component, 1);
		assert_int_equal(m->number, 1);
	}
	end(&f);
}

/* All sections of a thread at one moment: the contexts alone say what is inside of what. */
static void test_equal_times(void **state)
{
	struct crossing x;
	struct fixture f;

	(void)state;
	begin(&f);
	x = cross(&f);
	tracegen_acquire(f.g, f.slot[1], x.a_b, 100, 0, 0);
	tracegen_acquire(f.g, f.slot[1], x.a, 100, 0, 0);
	tracegen_acquire(f.g, f.slot[2], x.b_a, 100, 0, 0);
	tracegen_acquire(f.g, f.slot[2], x.b, 100, 0, 0);
	expect(&f, ORDER_PREDICTED, NULL);
}

/* Hand over hand, b taken and a released at one moment: c is asked for under b alone. */
static void test_hand_over(void **state)
{
	uint32_t a, a_b, b, b_c, c, c_a;
	struct fixture f;

	(void)state;
	begin(&f);
	a = node(&f, 0, 0, TRACE_HOW_LOCK);
	a_b = node(&f, a, 1, TRACE_HOW_LOCK);
	b = node(&f, 0, 1, TRACE_HOW_LOCK);
	b_c = node(&f, b, 2, TRACE_HOW_LOCK);
	c = node(&f, 0, 2, TRACE_HOW_LOCK);
	c_a = node(&f, c, 0, TRACE_HOW_LOCK);
	tracegen_acquire(f.g, f.slot[1], a, 100, 10, 0);
	tracegen_acquire(f.g, f.slot[1], b_c, 110, 5, 0);
	tracegen_acquire(f.g, f.slot[1], a_b, 110, 10, 0);
	inside(&f, 2, c, c_a, 200);
	expect_hidden(&f, ORDER_HIDDEN_ONE_THREAD);
}

static void test_start_and_join(void **state)
{
	const uint64_t joined[] = { 5, 0, 0 };
	struct crossing x;
	struct fixture f;

	(void)state;
	begin(&f);
	x = cross(&f);
	inside(&f, 1, x.a, x.a_b, 100);
	tracegen_event(f.g, f.slot[1], TRACE_EV_EXIT, f.thread[1], 120, (uint64_t[]){ 0 });
	tracegen_event(f.g, f.slot[0], TRACE_EV_JOIN, f.thread[1], 130, joined);
	inside(&f, 0, x.b, x.b_a, 200);
	expect_hidden(&f, ORDER_HIDDEN_START_JOIN);
}

/* Joined while holding what the thread takes: one of the two is a thread. */
static void test_join_holding(void **state)
{
	const uint64_t joined[] = { 5, 0, 0 };
	struct fixture f;
	uint32_t a;

	(void)state;
	begin(&f);
	a = node(&f, 0, 0, TRACE_HOW_LOCK);
	tracegen_acquire(f.g, f.slot[1], a, 100, 10, 0);
	tracegen_event(f.g, f.slot[1], TRACE_EV_EXIT, f.thread[1], 120, (uint64_t[]){ 0 });
	tracegen_event(f.g, f.slot[0], TRACE_EV_JOIN, f.thread[1], 130, joined);
	tracegen_acquire(f.g, f.slot[0], a, 124, 10, 0);
	expect(&f, ORDER_PREDICTED, NULL);
}

/* The signal falls between the end of the mutex's section and the wait's own first moment. */
static void test_condition(void **state)
{
	uint32_t m, m_again, c, signal;
	struct crossing x;
	struct fixture f;

	(void)state;
	begin(&f);
	add_lock(&f, TRACE_KIND_COND, 5);
	x = cross(&f);
	m = node(&f, 0, 2, TRACE_HOW_LOCK);
	m_again = node(&f, 0, 2, TRACE_HOW_REACQUIRE);
	c = node(&f, 0, 5, TRACE_HOW_WAIT);
	signal = node(&f, m, 5, TRACE_HOW_WAKE);
	tracegen_event(f.g, f.slot[2], TRACE_EV_ACQUISITION, m, 60,
		       (uint64_t[]){ 10, TRACE_ACQ_COND, 0, 0 });
	inside(&f, 1, x.a, x.a_b, 20);
	tracegen_event(f.g, f.slot[1], TRACE_EV_SIGNAL, signal, 61, (uint64_t[]){ 1, 0 });
	tracegen_acquire(f.g, f.slot[1], m, 60, 2, 0);
	tracegen_event(f.g, f.slot[2], TRACE_EV_COND_WAIT, c, 90, (uint64_t[]){ 28, 0, m });
	tracegen_acquire(f.g, f.slot[2], m_again, 90, 2, 0);
	inside(&f, 2, x.b, x.b_a, 200);
	expect_hidden(&f, ORDER_HIDDEN_COND);
}

/* A token counts as held until the thread takes another one: only then is the first told of. */
static void test_late_token(void **state)
{
	uint32_t take, again, post, b, b_a, a, a_b;
	struct fixture f;

	(void)state;
	begin(&f);
	add_lock(&f, TRACE_KIND_SEM, 5);
	((struct trace_lock *)tracegen_find(f.g, TRACE_REC_LOCK, f.lock[5]))->flags |=
		TRACE_LOCK_COUNTING | TRACE_LOCK_INITIALISED;
	a = node(&f, 0, 0, TRACE_HOW_LOCK);
	a_b = node(&f, a, 1, TRACE_HOW_LOCK);
	take = node(&f, 0, 5, TRACE_HOW_LOCK);
	again = node(&f, take, 5, TRACE_HOW_LOCK);
	post = node(&f, 0, 5, TRACE_HOW_WAKE);
	b = node(&f, take, 1, TRACE_HOW_LOCK);
	b_a = node(&f, b, 0, TRACE_HOW_LOCK);
	inside(&f, 1, a, a_b, 100);
	tracegen_event(f.g, f.slot[1], TRACE_EV_POST, post, 120, (uint64_t[]){ 0 });
	inside(&f, 2, b, b_a, 200);
	tracegen_event(f.g, f.slot[1], TRACE_EV_POST, post, 220, (uint64_t[]){ 0 });
	for (int i = 0; i < 2; i++)
		tracegen_event(f.g, f.slot[2], TRACE_EV_ACQUISITION, i ? again : take, 300 + i,
			       (uint64_t[]){ 0, TRACE_ACQ_NO_HOLD, 0, 0 });
	expect_hidden(&f, ORDER_HIDDEN_SEM);
}

/* A lock that another thread releases has no owner, so there is no cycle of locks. */
static void test_foreign_release(void **state)
{
	struct crossing x;
	struct fixture f;

	(void)state;
	begin(&f);
	x = cross(&f);
	inside(&f, 1, x.a, x.a_b, 100);
	inside(&f, 2, x.b, x.b_a, 200);
	tracegen_event(f.g, f.slot[2], TRACE_EV_FOREIGN, node(&f, 0, 0, TRACE_HOW_RELEASE), 300,
		       (uint64_t[]){ 0 });
	judge(&f, &plain);
	assert_int_equal(f.order->nr_findings, 0);
	assert_int_equal(f.order->nr_components, 0);
	for (int i = 0; i < ORDER_HIDDEN_REASONS; i++)
		assert_int_equal(f.order->hidden[i], 0);
	end(&f);
}

static void test_missing_events(void **state)
{
	struct crossing x;
	struct fixture f;

	(void)state;
	begin(&f);
	x = cross(&f);
	inside(&f, 1, x.a, x.a_b, 100);
	inside(&f, 2, x.b, x.b_a, 200);
	tracegen_event(f.g, f.slot[2], TRACE_EV_LOST, 3, 300, NULL);
	expect(&f, ORDER_POTENTIAL, "events are missing in the recording");
}

static void test_profile(void **state)
{
	struct crossing x;
	struct fixture f;

	(void)state;
	begin(&f);
	x = cross(&f);
	inside(&f, 1, x.a, x.a_b, 100);
	inside(&f, 2, x.b, x.b_a, 200);
	for (int i = 0; i < 3; i++)
		tracegen_fold(f.g, f.slot[i]);
	tracegen_header(f.g)->mode = tracegen_header(f.g)->mode_at_start = TRACE_MODE_PROFILE;
	expect(&f, ORDER_POTENTIAL, "profile mode records no events");
}

static void test_clock_skew(void **state)
{
	struct crossing x;
	struct fixture f;

	(void)state;
	begin(&f);
	x = cross(&f);
	inside(&f, 1, x.a, x.a_b, 100);
	inside(&f, 2, x.b, x.b_a, 103);
	expect(&f, ORDER_POTENTIAL, "the clocks of the processors disagree");
}

static void test_recycled(void **state)
{
	struct crossing x;
	struct fixture f;

	(void)state;
	begin(&f);
	((struct trace_lock *)tracegen_find(f.g, TRACE_REC_LOCK, f.lock[0]))->flags |=
		TRACE_LOCK_RECYCLED;
	x = cross(&f);
	inside(&f, 1, x.a, x.a_b, 100);
	inside(&f, 2, x.b, x.b_a, 200);
	expect(&f, ORDER_POTENTIAL, "one of the locks stands for many short lives at one address");
}

static void test_recursive_read(void **state)
{
	uint32_t read, again, write;
	struct fixture f;

	(void)state;
	begin(&f);
	add_lock(&f, TRACE_KIND_RWLOCK, 5);
	((struct trace_lock *)tracegen_find(f.g, TRACE_REC_LOCK, f.lock[5]))->flags |=
		TRACE_LOCK_WRITER_PREF;
	read = node(&f, 0, 5, TRACE_HOW_LOCK | TRACE_SHARED);
	again = node(&f, read, 5, TRACE_HOW_LOCK | TRACE_SHARED);
	write = node(&f, 0, 5, TRACE_HOW_LOCK);
	inside(&f, 1, read, again, 100);
	tracegen_acquire(f.g, f.slot[2], write, 200, 5, 0);
	expect(&f, ORDER_RECURSIVE_READ, NULL);
}

static void test_abandoned(void **state)
{
	struct fixture f;
	uint32_t a;

	(void)state;
	begin(&f);
	a = node(&f, 0, 0, TRACE_HOW_LOCK);
	tracegen_acquire(f.g, f.slot[2], a, 50, 5, 0);
	tracegen_event(f.g, f.slot[1], TRACE_EV_ACQUISITION, a, 120,
		       (uint64_t[]){ 20, TRACE_ACQ_LEFT, 0, 0 });
	tracegen_event(f.g, f.slot[1], TRACE_EV_EXIT, f.thread[1], 120, (uint64_t[]){ 1 });
	((struct trace_thread *)tracegen_find(f.g, TRACE_REC_THREAD, f.thread[1]))->end_ticks =
		TRACEGEN_START_TICKS + 120;
	expect(&f, ORDER_ABANDONED_RISK, NULL);
}

/* Many rounds, of which only the last can meet: what came before is ordered by joins. */
static void test_spilled(void **state)
{
	const struct order_options little = { .max_memory = 4096 };
	struct crossing x;
	struct fixture f;
	uint64_t at = 100;

	(void)state;
	begin(&f);
	x = cross(&f);
	for (int i = 0; i < 40000; i++, at += 20)
		inside(&f, 1, x.a, x.a_b, at);
	inside(&f, 2, x.b, x.b_a, at);
	judge(&f, &little);
	assert_int_equal(f.order->nr_findings, 1);
	assert_int_equal(f.order->findings[0].level, ORDER_PREDICTED);
	assert_int_equal(f.order->findings[0].gap_ns, 12);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inversion),      cmocka_unit_test(test_equal_times),
		cmocka_unit_test(test_hand_over),      cmocka_unit_test(test_start_and_join),
		cmocka_unit_test(test_join_holding),   cmocka_unit_test(test_condition),
		cmocka_unit_test(test_late_token),     cmocka_unit_test(test_foreign_release),
		cmocka_unit_test(test_missing_events), cmocka_unit_test(test_profile),
		cmocka_unit_test(test_clock_skew),     cmocka_unit_test(test_recycled),
		cmocka_unit_test(test_recursive_read), cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_spilled),
	};

	return cmocka_run_group_tests_name("order events", tests, NULL, NULL);
}
