/* SPDX-License-Identifier: MIT */
/* Values per unit of work: how they come about, when they are exact, and what is said of them. */
#include "check_fixture.h"

#include <unistd.h>

#include "../lib/tracegen.h"

/* Four runs a side, in each of which lock mu is taken so often in 1,000 units of work. */
static void fill(struct fixture *f, double base, double more)
{
	setup(f);
	for (size_t i = 0; i < 8; i++) {
		struct run *run = fixture_run(i < 4 ? &f->base : &f->more);

		fixture_lock(run, "mu", i < 4 ? base : more, 100, 5000);
		fixture_units(run, 1000);
	}
}

static void set(struct run *run, double taken, double units)
{
	run->locks[0].value[METRIC_ACQUISITIONS] = taken;
	fixture_units(run, units);
}

static const struct result *units_of(struct fixture *f)
{
	judge(f);
	return get(f, "mu", "acquisitions_per_unit");
}

/* ---- exact ---- */

static void test_one_more(void **state)
{
	struct fixture f;
	const struct result *result;

	(void)state;
	fill(&f, 1000, 2000);
	for (size_t i = 0; i < 4; i++) {
		fixture_place(&f.base.runs[i].locks[0], "get < answer", 1, 0);
		fixture_place(&f.more.runs[i].locks[0], "get < answer", 1, 0);
		fixture_place(&f.more.runs[i].locks[0], "look_up < answer", 1, 0);
		f.more.runs[i].locks[0].places[0].acquired = 1000;
		f.more.runs[i].locks[0].places[1].acquired = 1000;
	}
	result = units_of(&f);
	assert_int_equal(f.check.verdict, JUDGED_FAIL);
	assert_int_equal(result->tier, TIER_EXACT);
	assert_string_equal(result->text, "mu: 2.000 acquisitions per unit of work instead of "
					  "1.000; look_up < answer gained 1.000.");
	assert_string_equal(result->function, "look_up < answer");
	/* It is no matter of p, nor of a limit. */
	assert_true(isnan(result->p) && isnan(result->limit));
	teardown(&f);
}

static void test_zero_tolerance(void **state)
{
	struct fixture f;

	(void)state;
	fill(&f, 1000, 1001);
	assert_int_equal(units_of(&f)->verdict, JUDGED_FAIL);
	teardown(&f);
	fill(&f, 1000000, 1000001); /* the words tell the two apart */
	assert_non_null(strstr(units_of(&f)->text, "1000.001 acquisitions per unit of work instead "
						   "of 1000"));
	teardown(&f);
	fill(&f, 1000, 1000);
	assert_int_equal(units_of(&f)->verdict, JUDGED_PASS);
	teardown(&f);
	fill(&f, 1000, 999);
	assert_int_equal(units_of(&f)->verdict, JUDGED_PASS);
	teardown(&f);
}

/* What only some of the new runs do is chance that the baseline did not meet. */
static void test_some_runs(void **state)
{
	struct fixture f;

	(void)state;
	fill(&f, 1000, 1001);
	set(&f.more.runs[2], 1000, 1000);
	assert_int_equal(units_of(&f)->verdict, JUDGED_WARN);
	assert_non_null(
		strstr(units_of(&f)->text, "in some of the new runs, but not in all, 1.001"));
	teardown(&f);
}

/* Where the baseline varies, a limit and a test decide. */
static void test_varying(void **state)
{
	struct fixture f;
	const struct result *result;

	(void)state;
	fill(&f, 1000, 1050);
	set(&f.base.runs[0], 1001, 1000);
	result = units_of(&f);
	assert_int_equal(result->tier, TIER_ROBUST);
	assert_int_equal(result->verdict, JUDGED_PASS);
	for (size_t i = 0; i < 4; i++)
		set(&f.more.runs[i], 1110 + (double)i, 1000);
	assert_int_equal(units_of(&f)->verdict, JUDGED_FAIL);
	budget(&f, "[check]\nunits_rel = +20%\n");
	assert_int_equal(units_of(&f)->verdict, JUDGED_PASS);
	/* A hundredth of an acquisition is no growth. */
	for (size_t i = 0; i < 4; i++) {
		set(&f.base.runs[i], 5 + (i == 0), 1000);
		set(&f.more.runs[i], 12, 1000);
	}
	assert_int_equal(units_of(&f)->verdict, JUDGED_PASS);
	teardown(&f);
}

/* 100 acquisitions at the start and one a unit: with twice the work that is less per unit, not
 * more. */
static void test_other_work(void **state)
{
	struct fixture f;

	(void)state;
	fill(&f, 1100, 600);
	for (size_t i = 0; i < 4; i++)
		set(&f.more.runs[i], 600, 500);
	assert_int_equal(units_of(&f)->tier, TIER_ROBUST);
	assert_int_equal(f.check.verdict, JUDGED_PASS);
	/* A baseline whose amounts of work differ, but not its counts per unit, knows better. */
	for (size_t i = 0; i < 4; i++)
		set(&f.base.runs[i], 700 + 7 * (double)i, 700 + 7 * (double)i);
	assert_int_equal(units_of(&f)->tier, TIER_EXACT);
	assert_int_equal(f.check.verdict, JUDGED_FAIL);
	teardown(&f);
}

/* Losses, and a single run, can show no exact count. */
static void test_not_exact(void **state)
{
	struct fixture f;

	(void)state;
	fill(&f, 1000, 1001);
	f.more.runs[3].has_losses = true;
	assert_int_equal(units_of(&f)->tier, TIER_ROBUST);
	f.more.runs[3].has_losses = false;
	f.base.runs[0].is_partial = true;
	assert_int_equal(units_of(&f)->tier, TIER_ROBUST);
	teardown(&f);
	setup(&f);
	for (int i = 0; i < 2; i++) {
		fixture_lock(fixture_run(i ? &f.more : &f.base), "mu", 1000 + i, 100, 0);
		fixture_units(i ? &f.more.runs[0] : &f.base.runs[0], 1000);
	}
	assert_int_equal(judge(&f), JUDGED_INCONCLUSIVE);
	assert_null(find(&f, "mu", "acquisitions_per_unit"));
	teardown(&f);
}

static void test_switched_off(void **state)
{
	struct fixture f;

	(void)state;
	fill(&f, 1000, 2000);
	budget(&f, "[lock \"mu\"]\nacquisitions_per_unit_rel = off\n"
		   "serial_demand_per_unit_rel = off\n");
	assert_int_equal(judge(&f), JUDGED_PASS);
	budget(&f, "[lock \"mu\"]\nacquisitions_per_unit_rel = +150%\n");
	assert_int_equal(units_of(&f)->tier, TIER_ROBUST);
	assert_int_equal(f.check.verdict, JUDGED_PASS);
	budget(&f, "[lock \"mu\"]\nacquisitions_per_unit_rel = +50%\n");
	assert_int_equal(units_of(&f)->verdict, JUDGED_FAIL);
	teardown(&f);
	fill(&f, 1000, 2000);
	budget(&f, "[check]\ngate_units = no\ngate_hold = no\n");
	assert_int_equal(judge(&f), JUDGED_PASS);
	teardown(&f);
}

/* ---- demand and waits ---- */

/* Twice the work with twice the acquisitions is no more demand per unit. */
static void test_demand(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	for (size_t i = 0; i < 10; i++) {
		struct run *run = fixture_run(i < 5 ? &f.base : &f.more);
		double units = 1000 + 10 * (double)i + (i < 5 ? 0 : 1000);

		fixture_lock(run, "mu", 20 * units, 1000, 2000 * units);
		fixture_units(run, units);
	}
	assert_int_equal(judge(&f), JUDGED_PASS);
	assert_non_null(find(&f, "mu", "serial_demand_per_unit"));
	assert_null(find(&f, "mu", "demand"));
	assert_true(f.comparison.base_units == 1020);
	assert_true(f.comparison.locks[0].metric[METRIC_DEMAND_PER_UNIT].base == 20000);
	assert_true(f.comparison.locks[0].metric[METRIC_WAIT_PER_UNIT].more == 2000);
	for (size_t i = 0; i < 5; i++) {
		f.more.runs[i].locks[0].value[METRIC_DEMAND] *= 1.3;
		fixture_units(&f.more.runs[i], f.more.runs[i].work_units);
	}
	assert_int_equal(judge(&f), JUDGED_FAIL);
	assert_int_equal(get(&f, "mu", "serial_demand_per_unit")->verdict, JUDGED_FAIL);
	/* Its floor is for the whole run: 6 us more in each of 1,020 units. */
	budget(&f, "[check]\ndemand_floor = 6.2ms\n");
	assert_int_equal(judge(&f), JUDGED_PASS);
	budget(&f, "[check]\ndemand_floor = 6.1ms\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	teardown(&f);
}

static void test_budget_keys(void **state)
{
	struct fixture f;

	(void)state;
	fill(&f, 1000, 1000);
	budget(&f, "[lock \"mu\"]\nacquisitions_per_unit = 1\nserial_demand_per_unit = 100ns\n"
		   "wait_per_unit = 5ns\n[total]\nacquisitions_per_unit = 1\n");
	assert_int_equal(judge(&f), JUDGED_PASS);
	budget(&f, "[lock \"mu\"]\nacquisitions_per_unit = 0.999\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	budget(&f, "[lock \"mu\"]\nacquisitions_per_unit = 1\nserial_demand_per_unit = 99ns\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	budget(&f, "[lock \"mu\"]\nserial_demand_per_unit = 100ns\nwait_per_unit = 4ns\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	budget(&f, "[lock \"mu\"]\nwait_per_unit = 5ns\n[total]\nacquisitions_per_unit = 0.5\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	teardown(&f);
}

/* ---- without marks ---- */

static void test_one_side(void **state)
{
	struct fixture f;

	(void)state;
	fill(&f, 1000, 2000);
	for (size_t i = 0; i < 4; i++) {
		fixture_units(&f.more.runs[i], NAN);
		f.more.runs[i].work_units = 0;
	}
	assert_int_equal(judge(&f), JUDGED_WARN);
	assert_non_null(strstr(get(&f, "comparison", "units of work")->text,
			       "(4 of 4 of the baseline, 0 of 4 new ones)"));
	/* What the budget wants and the runs do not tell is no pass. */
	budget(&f, "[lock \"mu\"]\nacquisitions_per_unit = 3\n");
	assert_int_equal(judge(&f), JUDGED_INCONCLUSIVE);
	teardown(&f);
	setup(&f);
	fixture_series(&f.base, 4, 1000, 0);
	fixture_series(&f.more, 4, 1000, 0);
	assert_int_equal(judge(&f), JUDGED_PASS);
	assert_null(find(&f, "comparison", "units of work"));
	budget(&f, "[lock \"mu\"]\nacquisitions_per_unit_rel = +5%\n");
	assert_int_equal(judge(&f), JUDGED_INCONCLUSIVE);
	assert_non_null(find(&f, "comparison", "no units of work"));
	teardown(&f);
}

/* ---- measured ---- */

static void test_measured(void **state)
{
	char path[] = "/tmp/lockprof-units-XXXXXX";
	struct tracegen *g = tracegen_new();
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, "worker", 0));
	uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x601040);
	uint32_t node = tracegen_node(g, 0, lock, 0x401136, TRACE_HOW_LOCK);
	uint32_t work = tracegen_node(g, 0, 0, 0x401140, TRACE_HOW_WORK);
	struct runs runs = { 0 };
	const double *v;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (unsigned int i = 0; i < 60; i++)
		tracegen_acquire(g, slot, node, 10000 * (1 + i), 200, 1000);
	tracegen_work(g, slot, work, 40, 900000);
	tracegen_end(g, 1000000, 0);
	assert_int_equal(tracegen_write(g, path), 0);
	tracegen_free(g);
	assert_int_equal(runs_add(&runs, path), 0);
	assert_int_equal(runs_measure(&runs, NULL, NULL), 0);
	assert_int_equal(runs.runs[0].nr_locks, 1);
	assert_true(runs.runs[0].work_units == 40);
	v = runs.runs[0].locks[0].value;
	assert_true(v[METRIC_ACQUISITIONS_PER_UNIT] == 1.5);
	assert_true(fabs(v[METRIC_DEMAND_PER_UNIT] - 1.5 * v[METRIC_HOLD_P50]) < 1e-9);
	assert_true(v[METRIC_WAIT_PER_UNIT] == v[METRIC_WAIT_TOTAL] / 40);
	assert_true(v[METRIC_WAIT_TOTAL] > 0);
	v = runs.runs[0].total.value;
	assert_true(v[METRIC_ACQUISITIONS_PER_UNIT] == 1.5);
	assert_true(v[METRIC_DEMAND_PER_UNIT] == v[METRIC_DEMAND] / 40);
	runs_fini(&runs);
	remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_more),     cmocka_unit_test(test_zero_tolerance),
		cmocka_unit_test(test_some_runs),    cmocka_unit_test(test_varying),
		cmocka_unit_test(test_other_work),   cmocka_unit_test(test_not_exact),
		cmocka_unit_test(test_switched_off), cmocka_unit_test(test_demand),
		cmocka_unit_test(test_budget_keys),  cmocka_unit_test(test_one_side),
		cmocka_unit_test(test_measured),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
