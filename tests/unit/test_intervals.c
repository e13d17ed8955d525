/* SPDX-License-Identifier: MIT */
/* The intervals of a model's threads: each kind, the budget, and the sums of what is left out. */
#include "model_fixture.h"

#include "../../analyzer/intervals.h"

#define BUDGET 3000

static struct intervals read_all(struct model *m, uint64_t max)
{
	struct intervals all;
	uint64_t *begin_ns = intervals_begins(m);

	assert_non_null(begin_ns);
	assert_int_equal(intervals_read(&all, m, begin_ns, max), 0);
	free(begin_ns);
	return all;
}

static uint64_t sum(const struct interval_list *list)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < list->nr; i++)
		ns += list->at[i].length_ns;
	return ns;
}

static bool is_sorted(const struct interval_list *list)
{
	for (size_t i = 1; i < list->nr; i++) {
		const struct interval *a = &list->at[i - 1], *b = &list->at[i];

		if (a->thread > b->thread || (a->thread == b->thread && a->begin_ns > b->begin_ns))
			return false;
	}
	return true;
}

static const struct interval *find_kind(const struct intervals *all, enum interval_kind kind)
{
	for (size_t i = 0; i < all->waits.nr; i++)
		if (all->waits.at[i].kind == kind)
			return &all->waits.at[i];
	fail_msg("no wait of kind %d", kind);
	return NULL;
}

static void is_interval(const struct interval *i, uint64_t begin, uint64_t length)
{
	assert_int_equal(i->begin_ns, begin);
	assert_int_equal(i->length_ns, length);
}

static void test_kinds(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t lock = fixture_lock(g, TRACE_KIND_MUTEX, 0x100);
	uint32_t cond = tracegen_lock(g, TRACE_KIND_COND, 0x200);
	uint32_t node = tracegen_node(g, 0, lock, 0x1100, TRACE_HOW_LOCK);
	uint32_t at_cond = tracegen_node(g, 0, cond, 0x1200, TRACE_HOW_WAIT);
	uint32_t stack = tracegen_stack(g, 1, (const uint64_t[]){ 0x1100 });
	uint32_t first = tracegen_slot(g, tracegen_thread(g, "first", 0));
	uint32_t second = tracegen_slot(g, tracegen_thread(g, "second", 1));
	struct model *m;
	struct intervals all;

	(void)state;
	tracegen_acquire(g, first, node, 1000, 500, 0);
	fixture_wait(g, second, node, 1200, stack);
	fixture_acquire(g, second, node, 1500, 100, 300, 0);
	fixture_wait(g, second, node, 2000, 0);
	fixture_timeout(g, second, node, 2400, 400);
	tracegen_event(g, second, TRACE_EV_COND_WAIT, at_cond, 4000, (const uint64_t[]){ 1000, 0, 0 });
	tracegen_event(g, first, TRACE_EV_JOIN, 2, 9000, (const uint64_t[]){ 700, 0, 0 });
	fixture_held(g, first, 0, 0x100, node, 9500, 0, TRACE_HOW_LOCK);
	fixture_waits(g, second, node, 9600);
	tracegen_end(g, 10000, 0);
	m = fixture_model(g);
	all = read_all(m, 1000);

	assert_int_equal(all.nr_recorded, 8);
	assert_int_equal(all.nr_holds, 3);
	assert_int_equal(all.holds.nr, 3);
	assert_int_equal(all.waits.nr, 5);
	assert_int_equal(all.nr_bins, 0);
	assert_int_equal(all.end_ns, 10000);
	assert_true(is_sorted(&all.holds) && is_sorted(&all.waits));
	is_interval(&all.holds.at[0], 1000, 500);
	is_interval(&all.holds.at[1], 9500, 500);
	is_interval(&all.holds.at[2], 1500, 100);
	is_interval(find_kind(&all, INTERVAL_GOT_IT), 1200, 300);
	assert_int_equal(find_kind(&all, INTERVAL_GOT_IT)->stack, stack);
	is_interval(find_kind(&all, INTERVAL_GAVE_UP), 2000, 400);
	assert_int_equal(find_kind(&all, INTERVAL_GAVE_UP)->stack, 0);
	is_interval(find_kind(&all, INTERVAL_CONDITION), 3000, 1000);
	is_interval(find_kind(&all, INTERVAL_JOIN), 8300, 700);
	assert_int_equal(m->threads[find_kind(&all, INTERVAL_JOIN)->joined].id, 2);
	is_interval(find_kind(&all, INTERVAL_NEVER_ENDED), 9600, 400);
	assert_int_equal(m->locks[find_kind(&all, INTERVAL_NEVER_ENDED)->lock].record->address, 0x100);
	intervals_fini(&all);
	model_free(m);
}

/* Three threads, 20,000 holds, each tenth after a wait; lengths from 1 ns to 100 us, most short. */
static struct tracegen *many(void)
{
	struct tracegen *g = tracegen_new();
	uint32_t node = tracegen_node(g, 0, fixture_lock(g, TRACE_KIND_MUTEX, 0x100), 0x1100,
				      TRACE_HOW_LOCK);
	uint64_t seed = 7, at = 1000;
	uint32_t slots[3];

	for (unsigned int t = 0; t < 3; t++)
		slots[t] = tracegen_slot(g, tracegen_thread(g, "worker", 0));
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t hold, wait;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		hold = 1 + (seed >> 40) % (i % 1000 ? 200 : 100000);
		wait = i % 10 ? 0 : 1 + (seed >> 33) % 300;
		if (wait)
			fixture_wait(g, slots[i % 3], node, at - wait, 0);
		fixture_acquire(g, slots[i % 3], node, at, hold, wait, 0);
		at += hold + 400;
	}
	tracegen_end(g, at, 0);
	return g;
}

static void check_bins(const struct intervals *few, const struct intervals *all, size_t nr_threads)
{
	uint64_t held_ns = 0, waited_ns = 0;

	assert_true(few->nr_bins > 0);
	for (size_t i = 0; i < nr_threads * few->nr_bins; i++) {
		held_ns += few->bins[i].held_ns;
		waited_ns += few->bins[i].waited_ns;
	}
	assert_int_equal(held_ns, sum(&all->holds));
	assert_int_equal(waited_ns, sum(&all->waits));
}

/* With a budget the longest stay, and what is left out is in the bins to the nanosecond. */
static void test_budget(void **state)
{
	struct model *m = fixture_model(many());
	struct intervals all = read_all(m, UINT64_MAX), few = read_all(m, BUDGET);
	size_t longer = 0;

	(void)state;
	assert_int_equal(all.holds.nr, 20000);
	assert_int_equal(all.waits.nr, 2000);
	assert_int_equal(all.nr_recorded, 22000);
	assert_int_equal(few.nr_recorded, 22000);
	assert_int_equal(all.min_hold_ns | all.min_wait_ns, 0);
	assert_int_equal(sum(&all.holds), m->all.hold_ns);
	assert_int_equal(sum(&all.waits), m->all.wait_ns);

	assert_true(few.holds.nr + few.waits.nr <= BUDGET);
	assert_true(few.holds.nr + few.waits.nr > BUDGET / 2);
	assert_true(few.min_hold_ns > 0 && few.min_wait_ns > 0);
	for (size_t i = 0; i < few.waits.nr; i++)
		assert_true(few.waits.at[i].length_ns >= few.min_wait_ns);
	for (size_t i = 0; i < all.waits.nr; i++)
		longer += all.waits.at[i].length_ns >= few.min_wait_ns;
	assert_int_equal(longer, few.waits.nr);
	longer = 0;
	for (size_t i = 0; i < all.holds.nr; i++)
		longer += all.holds.at[i].length_ns >= few.min_hold_ns;
	assert_in_range(few.holds.nr, longer, longer + few.waits.nr);
	assert_true(is_sorted(&few.holds) && is_sorted(&few.waits));
	check_bins(&few, &all, m->nr_threads);
	intervals_fini(&all);
	intervals_fini(&few);
	model_free(m);
}

/* The hold that a kept wait led to is there, however short. */
static void test_holds_after_kept_waits(void **state)
{
	struct model *m = fixture_model(many());
	struct intervals few = read_all(m, BUDGET);

	(void)state;
	for (size_t i = 0; i < few.waits.nr; i++) {
		const struct interval *wait = &few.waits.at[i];
		bool found = false;

		for (size_t k = 0; k < few.holds.nr && !found; k++)
			found = few.holds.at[k].thread == wait->thread &&
				few.holds.at[k].begin_ns == wait->begin_ns + wait->length_ns;
		assert_true(found);
	}
	intervals_fini(&few);
	model_free(m);
}

/* Processes stand on one axis: the second began 5 us after the first. */
static void test_processes(void **state)
{
	struct model *m = model_new();
	struct intervals all;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct tracegen *g = tracegen_new();
		uint32_t node = tracegen_node(g, 0, tracegen_lock(g, TRACE_KIND_MUTEX, 0x100), 0x1100,
					      TRACE_HOW_LOCK);

		tracegen_header(g)->start_realtime_ns += i * 5000;
		tracegen_acquire(g, tracegen_slot(g, tracegen_thread(g, "main", 0)), node, 1000, 10, 0);
		tracegen_end(g, 2000, 0);
		fixture_add(m, g);
	}
	assert_int_equal(model_finish(m), 0);
	all = read_all(m, 10);
	assert_int_equal(all.holds.nr, 2);
	is_interval(&all.holds.at[0], 1000, 10);
	is_interval(&all.holds.at[1], 6000, 10);
	assert_int_equal(all.end_ns, 6010);
	intervals_fini(&all);
	model_free(m);
}

/* Who waits for a condition when the recording ends waits for no lock; who waits for a mutex does. */
static void test_waits_at_the_end(void **state)
{
	static const struct {
		enum trace_kind kind;
		enum interval_kind wanted;
	} rows[] = { { TRACE_KIND_MUTEX, INTERVAL_NEVER_ENDED },
		     { TRACE_KIND_COND, INTERVAL_CONDITION },
		     { TRACE_KIND_BARRIER, INTERVAL_BARRIER },
		     { TRACE_KIND_ONCE, INTERVAL_ONCE },
		     { TRACE_KIND_FUTEX, INTERVAL_FUTEX } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tracegen *g = tracegen_new();
		uint32_t node = tracegen_node(g, 0, tracegen_lock(g, rows[i].kind, 0x100), 0x1100,
					      TRACE_HOW_WAIT);
		struct intervals all;
		struct model *m;

		fixture_waits(g, tracegen_slot(g, tracegen_thread(g, "main", 0)), node, 1000);
		tracegen_end(g, 9000, 0);
		m = fixture_model(g);
		all = read_all(m, 10);
		assert_int_equal(all.waits.nr, 1);
		is_interval(find_kind(&all, rows[i].wanted), 1000, 8000);
		intervals_fini(&all);
		model_free(m);
	}
}

/* The same place in and out of a phase, and joins, which have no node: all, or what the phase has. */
static struct intervals read_phase(const char *only, struct model **made)
{
	struct tracegen *g = tracegen_new();
	uint32_t load = tracegen_phase(g, "load"), first = tracegen_thread(g, "main", 0);
	uint32_t lock = fixture_lock(g, TRACE_KIND_MUTEX, 0x100);
	uint32_t outside = tracegen_node(g, 0, lock, 0x1100, TRACE_HOW_LOCK);
	uint32_t inside = tracegen_node(g, load, lock, 0x1100, TRACE_HOW_LOCK);
	uint32_t slot = tracegen_slot(g, first), other = tracegen_slot(g, tracegen_thread(g, "b", first));
	const uint64_t before[] = { 300, 0, 0 }, in[] = { 40, 0, 0 };
	struct model *m = *made = model_new();

	tracegen_change_phase(g, load, false, 500);
	tracegen_event(g, slot, TRACE_EV_JOIN, 2, 600, before);
	tracegen_event(g, slot, TRACE_EV_JOIN, 2, 700, in);
	tracegen_acquire(g, slot, outside, 1000, 100, 0);
	tracegen_acquire(g, slot, inside, 2000, 200, 0);
	fixture_wait(g, other, inside, 2050, 0);
	fixture_acquire(g, other, inside, 2200, 20, 150, 0);
	tracegen_end(g, 9000, 0);
	if (only)
		assert_int_equal(model_only_phase(m, only), 0);
	fixture_add(m, g);
	assert_int_equal(model_finish(m), 0);
	return read_all(m, 1000);
}

static void test_one_phase(void **state)
{
	struct model *m;
	struct intervals all = read_phase(NULL, &m);

	(void)state;
	assert_int_equal(m->only_phase, 0);
	assert_int_equal(sum(&all.holds), 320);
	assert_int_equal(sum(&all.waits), 300 + 40 + 150);
	assert_int_equal(model_phase_of(m->threads[0].process, all.holds.at[0].node), 0);
	assert_int_equal(model_phase_of(m->threads[0].process, all.holds.at[1].node), 1);
	intervals_fini(&all);
	model_free(m);

	all = read_phase("load", &m);
	assert_int_equal(m->only_phase, 1);
	assert_int_equal(all.nr_recorded, 4);
	assert_int_equal(sum(&all.holds), 220);
	assert_int_equal(sum(&all.waits), 40 + 150);
	assert_int_equal(m->all.wait_ns, 150);
	intervals_fini(&all);
	model_free(m);

	all = read_phase("save", &m);
	assert_int_equal(m->only_phase, UINT32_MAX);
	assert_int_equal(all.holds.nr + all.waits.nr, 0);
	intervals_fini(&all);
	model_free(m);
}

/* Bisected among the spans of several processes. */
static void test_phase_at(void **state)
{
	struct model *m = model_new();

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct tracegen *g = tracegen_new();
		uint32_t root = tracegen_phase(g, i ? "serve" : "load");

		tracegen_thread(g, "main", 0);
		tracegen_change_phase(g, root, false, 500);
		tracegen_change_phase(g, 0, false, 700);
		tracegen_end(g, 9000, 0);
		fixture_add(m, g);
	}
	assert_int_equal(model_finish(m), 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(model_phase_at(m, &m->processes[i], 499), 0);
		assert_int_equal(model_phase_at(m, &m->processes[i], 500), i + 1);
		assert_int_equal(model_phase_at(m, &m->processes[i], 699), i + 1);
		assert_int_equal(model_phase_at(m, &m->processes[i], 8999), 0);
	}
	model_free(m);
}

static void test_nothing(void **state)
{
	struct tracegen *g = tracegen_new();
	struct intervals all;
	struct model *m;

	(void)state;
	tracegen_thread(g, "main", 0);
	tracegen_end(g, 1000, 0);
	m = fixture_model(g);
	all = read_all(m, 10);
	assert_int_equal(all.holds.nr + all.waits.nr + all.nr_recorded + all.end_ns, 0);
	intervals_fini(&all);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_holds_after_kept_waits),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_waits_at_the_end),
		cmocka_unit_test(test_one_phase),
		cmocka_unit_test(test_phase_at),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
