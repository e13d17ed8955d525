/* SPDX-License-Identifier: MIT */
/* The model's counters, threads, conditions, barriers, joins and profile traces. */
#include <stdbool.h>
#include <stdio.h>

#include "model_fixture.h"

#include "../../analyzer/pass.h"

static uint32_t add_lock_node(struct tracegen *g, enum trace_kind kind, uint64_t address,
			      uint32_t mode)
{
	return tracegen_node(g, 0, tracegen_lock(g, kind, address), 0x1000 + address, mode);
}

static const struct thread *find_thread(const struct model *m, uint32_t id)
{
	for (size_t i = 0; i < m->nr_threads; i++)
		if (m->threads[i].id == id)
			return &m->threads[i];
	fail_msg("no thread %u", id);
	return NULL;
}

static void test_counts(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t node = add_lock_node(g, TRACE_KIND_MUTEX, 0x100, TRACE_HOW_LOCK);
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, "main", 0));
	struct model *m;

	(void)state;
	for (uint64_t i = 0; i < 10000; i++)
		tracegen_acquire(g, slot, node, 1000 + i * 300, i % 200, 0);
	tracegen_event(g, slot, TRACE_EV_TRY_FAIL, node, 4000000, NULL);
	tracegen_event(g, slot, TRACE_EV_RELOCK, node, 4000001, NULL);
	tracegen_end(g, 5000000, 0);
	m = fixture_model(g);
	assert_int_equal(m->all.acquired, 10000);
	assert_int_equal(m->all.held, 10000);
	assert_int_equal(m->all.hold_ns, 50 * 199 * 100);
	assert_int_equal(m->all.hold_max_ns, 199);
	assert_int_equal(m->all.try_failures, 1);
	assert_int_equal(m->all.relocks, 1);
	assert_int_equal(histogram_count(m->all.hold), 10000);
	assert_in_range(histogram_percentile_ns(m->all.hold, 0.5), 97, 102);
	assert_in_range(histogram_percentile_ns(m->all.hold, 0.9), 175, 184);
	assert_in_range(histogram_percentile_ns(m->all.hold, 1), 195, 199);
	assert_int_equal(histogram_percentile_ns(NULL, 0.5), 0);
	assert_int_equal(m->locks[0].owner_changes, 0);
	assert_int_equal(m->nr_sites, 1);
	assert_int_equal(m->sites[0].all.acquired, 10000);
	assert_int_equal(m->duration_ns, 5000000);
	assert_true(m->has_events);
	model_free(m);
}

/* Several threads at a lock that nobody ever waited for: who followed whom was not looked at. */
static void test_uncontended_owners_are_unknown(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t node = add_lock_node(g, TRACE_KIND_SPIN, 0x100, TRACE_HOW_LOCK);
	struct model *m;

	(void)state;
	for (uint64_t i = 0; i < 2; i++)
		tracegen_acquire(g, tracegen_slot(g, tracegen_thread(g, "t", 0)), node, i * 100, 9,
				 0);
	m = fixture_model(g);
	assert_int_equal(m->locks[0].nr_threads, 2);
	assert_int_equal(m->classes[0].nr_threads, 2);
	assert_true(m->locks[0].owner_changes == UINT64_MAX);
	model_free(m);
}

/* One slot serves three threads, one after the other. */
static void test_threads_in_one_slot(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t node = add_lock_node(g, TRACE_KIND_MUTEX, 0x100, TRACE_HOW_LOCK), slot = 0;
	uint64_t none = 0;
	struct model *m;

	(void)state;
	for (uint32_t t = 1; t <= 3; t++) {
		uint32_t thread = tracegen_thread(g, t == 2 ? "" : "worker", 0);

		if (t == 1)
			slot = tracegen_slot(g, thread);
		else
			tracegen_owner(g, slot, thread, t * 1000);
		for (uint32_t i = 0; i < t; i++)
			tracegen_acquire(g, slot, node, t * 1000 + i * 10, 7, 0);
		tracegen_event(g, slot, TRACE_EV_EXIT, thread, t * 1000 + 500, &none);
		if (t == 2)
			tracegen_flush(g, slot);
	}
	m = fixture_model(g);
	for (uint32_t t = 1; t <= 3; t++)
		assert_int_equal(find_thread(m, t)->all.acquired, t);
	assert_string_equal(find_thread(m, 1)->name, "worker");
	assert_string_equal(find_thread(m, 2)->name, "thread 2");
	assert_int_equal(m->locks[0].nr_threads, 3);
	model_free(m);
}

static void play(struct tracegen *g, bool folded)
{
	uint32_t lock = fixture_lock(g, TRACE_KIND_MUTEX, 0x100);
	uint32_t node = tracegen_node(g, 0, lock, 0x1000, TRACE_HOW_LOCK);

	for (uint64_t t = 0; t < 3; t++) {
		uint32_t slot = tracegen_slot(g, tracegen_thread(g, "worker", 0));

		for (uint64_t i = 0; i < 1000; i++) {
			fixture_wait(g, slot, node, i * 5000 + t * 1000, 0);
			fixture_acquire(g, slot, node, i * 5000 + t * 1000 + 500, i, 500 - i % 100,
					0);
		}
		if (folded)
			tracegen_fold(g, slot);
	}
	tracegen_end(g, 6000000, 0);
}

/* Statistics that the program folded itself give the same counters as its events would. */
static void test_profile_equals_trace(void **state)
{
	struct tracegen *g[2] = { tracegen_new(), tracegen_new() };
	struct model *m[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		play(g[i], i);
		m[i] = fixture_model(g[i]);
		fixture_check_sums(m[i]);
		assert_int_equal(m[i]->has_events, !i);
		assert_int_equal(m[i]->all.acquired, 3000);
		assert_int_equal(m[i]->all.contended, 3000);
	}
	assert_int_equal(m[0]->all.wait_ns, m[1]->all.wait_ns);
	assert_int_equal(m[0]->all.hold_ns, m[1]->all.hold_ns);
	for (double p = 0; p <= 1; p += 0.05) {
		assert_int_equal(histogram_percentile_ns(m[0]->all.hold, p),
				 histogram_percentile_ns(m[1]->all.hold, p));
		assert_int_equal(histogram_percentile_ns(m[0]->all.wait, p),
				 histogram_percentile_ns(m[1]->all.wait, p));
	}
	assert_true(m[1]->locks[0].owner_changes == UINT64_MAX);
	assert_int_equal(m[1]->locks[0].max_waiters, UINT32_MAX);
	assert_int_equal(m[1]->locks[0].unattributed_ns, 0);
	assert_int_equal(m[1]->locks[0].folded_wait_ns, m[1]->all.wait_ns);
	model_free(m[0]);
	model_free(m[1]);
}

/* Clocks that do not tick in ns: the parts still sum up exactly. */
static void test_odd_clock(void **state)
{
	struct tracegen *g = tracegen_new();
	struct trace_calibration *c = tracegen_header(g)->calibration;
	struct model *m;
	uint64_t sum = 0;

	(void)state;
	c[1] = c[0];
	c[1].ticks += 7000000;
	c[1].monotonic_ns += 2692307;
	c[1].realtime_ns += 2692307;
	c[1].sequence = 2;
	play(g, false);
	m = fixture_model(g);
	fixture_check_sums(m);
	assert_in_range(m->all.hold_ns, 576000, 577000);
	for (size_t i = 0; i < m->nr_threads; i++)
		sum += m->threads[i].all.wait_ns;
	assert_int_equal(sum, m->all.wait_ns);
	model_free(m);
}

static void test_conditions(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t cond = tracegen_lock(g, TRACE_KIND_COND, 0x100);
	uint32_t wait = tracegen_node(g, 0, cond, 1, TRACE_HOW_WAIT);
	uint32_t wake = tracegen_node(g, 0, cond, 2, TRACE_HOW_WAKE);
	uint32_t waiter = tracegen_slot(g, tracegen_thread(g, "waiter", 0));
	uint32_t waker = tracegen_slot(g, tracegen_thread(g, "waker", 0));
	uint64_t unheard[] = { 0, 0 }, one[] = { 1, 0 }, all[] = { 1, 1 };
	uint64_t waited[] = { 500, 0, 0 }, late[] = { 100, 110, 0 };
	struct model *m;

	(void)state;
	tracegen_event(g, waker, TRACE_EV_SIGNAL, wake, 50, unheard);
	tracegen_event(g, waiter, TRACE_EV_COND_WAIT, wait, 600, waited);
	tracegen_event(g, waker, TRACE_EV_SIGNAL, wake, 570, one);
	tracegen_event(g, waiter, TRACE_EV_COND_WAIT, wait, 1200, waited);
	tracegen_event(g, waker, TRACE_EV_SIGNAL, wake, 1150, all);
	tracegen_event(g, waiter, TRACE_EV_COND_WAIT, wait, 2000, late);
	tracegen_end(g, 3000, 0);
	m = fixture_model(g);
	assert_int_equal(m->nr_conds, 1);
	assert_int_equal(m->conds[0].all.acquired, 3);
	assert_int_equal(m->conds[0].all.wait_ns, 1100);
	assert_int_equal(m->conds[0].all.timeouts, 1);
	assert_int_equal(m->conds[0].signals, 2);
	assert_int_equal(m->conds[0].broadcasts, 1);
	assert_int_equal(m->conds[0].signals_unheard, 1);
	assert_int_equal(m->conds[0].tail_ns, 30 + 50);
	assert_int_equal(m->conds[0].tail_max_ns, 50);
	assert_int_equal(m->all.wait_ns, 0);
	assert_int_equal(find_thread(m, 1)->cond_wait_ns, 1100);
	model_free(m);
}

static void test_barriers_and_joins(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t lock = tracegen_lock(g, TRACE_KIND_BARRIER, 0x100);
	uint32_t node = tracegen_node(g, 0, lock, 1, TRACE_HOW_WAIT), slot[3];
	uint64_t join[] = { 250, 0, 0 };
	struct model *m;

	(void)state;
	((struct trace_lock *)tracegen_find(g, TRACE_REC_LOCK, lock))->value = 3;
	for (uint32_t i = 0; i < 3; i++)
		slot[i] = tracegen_slot(g, tracegen_thread(g, "t", 0));
	for (uint64_t round = 0; round < 4; round++) {
		for (uint64_t i = 0; i < 3; i++) {
			/* arrivals at 100, 200 and 900; all leave at 900 and later */
			uint64_t arrival = i == 2 ? 900 : 100 + i * 100, at = 900 + i * 20;
			uint64_t values[] = { at - arrival, i == 2 };

			tracegen_event(g, slot[i], TRACE_EV_BARRIER, node, round * 2000 + at,
				       values);
		}
	}
	tracegen_event(g, slot[0], TRACE_EV_JOIN, 2, 9000, join);
	tracegen_end(g, 10000, 0);
	m = fixture_model(g);
	assert_int_equal(m->nr_barriers, 1);
	assert_int_equal(m->barriers[0].rounds, 4);
	assert_int_equal(m->barriers[0].all.acquired, 12);
	assert_int_equal(m->threads[m->barriers[0].last_thread].id, 3);
	assert_int_equal(m->barriers[0].last_times, 4);
	assert_int_equal(m->barriers[0].late_ns, 4 * 2 * 700);
	assert_int_equal(m->nr_joins, 1);
	assert_int_equal(m->joins[0].wait_ns, 250);
	assert_int_equal(m->threads[m->joins[0].target].id, 2);
	assert_int_equal(find_thread(m, 1)->joins, 1);
	model_free(m);
}

static void test_futexes_and_once(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t word = tracegen_lock(g, TRACE_KIND_FUTEX, 0x100);
	uint32_t wait = tracegen_node(g, 0, word, 1, TRACE_HOW_WAIT);
	uint32_t wake = tracegen_node(g, 0, word, 2, TRACE_HOW_WAKE);
	uint32_t once = add_lock_node(g, TRACE_KIND_ONCE, 0x200, TRACE_HOW_WAIT);
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, "t", 0));
	uint64_t waited[] = { 70, 0 }, woken = 3, initialised = 40;
	struct model *m;

	(void)state;
	tracegen_event(g, slot, TRACE_EV_FUTEX_WAIT, wait, 100, waited);
	tracegen_event(g, slot, TRACE_EV_FUTEX_WAKE, wake, 200, &woken);
	tracegen_event(g, slot, TRACE_EV_ONCE, once, 300, &initialised);
	m = fixture_model(g);
	assert_int_equal(m->nr_futexes, 1);
	assert_int_equal(m->futexes[0].all.wait_ns, 70);
	assert_int_equal(m->futexes[0].wakes, 1);
	assert_int_equal(m->futexes[0].woken, 3);
	assert_int_equal(m->all.wait_ns, 40);
	assert_int_equal(m->all.contended, 1);
	assert_int_equal(m->threads[0].futex_wait_ns, 70);
	model_free(m);
}

/* Killed between the acquisition and the look-up of its node, with and without a known lock. */
static void test_held_without_node(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t node = add_lock_node(g, TRACE_KIND_MUTEX, 0x100, TRACE_HOW_LOCK);
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, "t", 0));
	struct model *m;

	(void)state;
	fixture_held(g, slot, 0, 0x100, 0, 100, 0, TRACE_HOW_LOCK);
	tracegen_slot_state(g, slot)->held[0].site =
		((struct trace_node *)tracegen_find(g, TRACE_REC_NODE, node))->site;
	fixture_held(g, slot, 1, 0x900, 0, 200, 0, TRACE_HOW_LOCK | TRACE_KIND_SPIN << 8);
	tracegen_end(g, 1000, 0);
	m = fixture_model(g);
	assert_int_equal(m->all.acquired, 2);
	assert_int_equal(m->all.hold_ns, 900 + 800);
	assert_int_equal(m->nr_locks, 2);
	assert_int_equal(fixture_find_lock(m, 0x100)->all.hold_ns, 900);
	assert_int_equal(fixture_find_lock(m, 0x900)->record->kind, TRACE_KIND_SPIN);
	assert_int_equal(m->nr_sites, 2);
	assert_int_equal(m->sites[0].node, node);
	model_free(m);
}

/* Nodes, locks and threads that are not there count in what stands for the unknown. */
static void test_missing_records(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t node = add_lock_node(g, TRACE_KIND_MUTEX, 0x100, TRACE_HOW_LOCK);
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, "t", 0));
	struct model *m;

	(void)state;
	tracegen_acquire(g, slot, node, 10, 5, 0);
	tracegen_acquire(g, slot, 999999, 20, 5, 0);
	fixture_wait(g, slot, 77777, 30, 0);
	fixture_acquire(g, slot, 77777, 40, 5, 10, 12345);
	tracegen_event(g, slot, TRACE_EV_THREAD, 1234567, 50, NULL);
	tracegen_acquire(g, slot, node, 60, 5, 0);
	tracegen_end(g, 100, 0);
	m = fixture_model(g);
	assert_int_equal(m->all.acquired, 4);
	assert_int_equal(m->all.contended, 1);
	assert_int_equal(fixture_find_lock(m, 0)->all.acquired, 2);
	assert_int_equal(find_thread(m, 0)->all.acquired, 1);
	assert_string_equal(find_thread(m, 0)->name, "unknown thread");
	assert_string_equal(fixture_find_lock(m, 0)->label, "unknown mutex 0x0");
	fixture_check_sums(m);
	model_free(m);
}

/* Any bytes as events: whatever they say, the model survives and its sums agree. */
static void test_random_events(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned int run = 0; run < 300; run++) {
		struct tracegen *g = tracegen_new();
		uint32_t slot[3], type;
		struct model *m;

		for (uint32_t kind = 1; kind < TRACE_KIND_MAX; kind++)
			for (uint32_t how = 1; how < TRACE_HOW_MAX; how++)
				tracegen_node(g, 0, fixture_lock(g, kind, kind * 64 + how), kind,
					      how);
		for (uint32_t i = 0; i < 3; i++)
			slot[i] = tracegen_slot(g, tracegen_thread(g, "t", 0));
		for (uint64_t i = 0; i < 600; i++) {
			uint64_t values[TRACE_EVENT_ARGS];

			for (unsigned int k = 0; k < TRACE_EVENT_ARGS; k++) {
				seed = seed * 6364136223846793005ull + 1442695040888963407ull;
				values[k] = seed >> 33 >> (run % 3 ? 24 : 0);
			}
			type = 1 + (uint32_t)((seed >> 40) % (TRACE_EV_MAX - 1));
			tracegen_event(g, slot[(seed >> 50) % 3], type, 1 + (seed >> 36) % 60,
				       i * 10, values);
		}
		m = fixture_model(g);
		fixture_check_sums(m);
		model_free(m);
	}
}

/* Traces side by side: own locks and threads, one class where the place is the same. */
static void test_two_processes(void **state)
{
	struct model *m = model_new();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct tracegen *g = tracegen_new();

		play(g, false);
		fixture_add(m, g);
	}
	assert_int_equal(model_finish(m), 0);
	assert_int_equal(m->nr_processes, 2);
	assert_int_equal(m->nr_locks, 2);
	assert_int_equal(m->nr_threads, 6);
	assert_int_equal(m->nr_classes, 1);
	assert_int_equal(m->classes[0].nr_locks, 2);
	assert_int_equal(m->classes[0].nr_threads, 6);
	assert_int_equal(m->all.acquired, 6000);
	assert_ptr_equal(m->locks[0].process, &m->processes[0]);
	assert_ptr_equal(m->locks[1].process, &m->processes[1]);
	fixture_check_sums(m);
	model_free(m);
}

/* Of two clocks, one twice as fast; no percentile is above the longest. */
static void test_histograms_of_two_clocks(void **state)
{
	uint64_t one[HIST_PARTS] = { 0 };
	struct hist_place at = hist_place(1000);
	struct histogram *h = NULL, *other = NULL;
	struct counters a = { .hold = NULL }, b = { .hold = NULL };

	(void)state;
	one[at.part] = 1;
	assert_int_equal(histogram_put(&h, 1, at.octave, one), 0);
	assert_int_equal(histogram_put(&other, 2, at.octave, one), 0);
	histogram_limit(h, 1000);
	histogram_limit(other, 2000);
	a.hold = h;
	b.hold = other;
	assert_int_equal(counters_add(&a, &b), 0);
	assert_int_equal(histogram_count(a.hold), 2);
	assert_in_range(histogram_percentile_ns(a.hold, 0.5), 992, 1023);
	assert_in_range(histogram_percentile_ns(a.hold, 1), 1984, 2000);
	assert_int_equal(histogram_percentile_ns(b.hold, 1), 2000);
	counters_fini(&a);
	counters_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_uncontended_owners_are_unknown),
		cmocka_unit_test(test_threads_in_one_slot),
		cmocka_unit_test(test_profile_equals_trace),
		cmocka_unit_test(test_odd_clock),
		cmocka_unit_test(test_histograms_of_two_clocks),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_barriers_and_joins),
		cmocka_unit_test(test_futexes_and_once),
		cmocka_unit_test(test_held_without_node),
		cmocka_unit_test(test_missing_records),
		cmocka_unit_test(test_random_events),
		cmocka_unit_test(test_two_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
