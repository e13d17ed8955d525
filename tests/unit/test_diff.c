/* SPDX-License-Identifier: MIT */
/* Both sides matched and compared, and traces measured. */
#include "runs_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../../analyzer/model.h"
#include "../lib/tracegen.h"

static const struct lock_change *find(const struct comparison *c, const char *label)
{
	for (size_t i = 0; i < c->nr_locks; i++)
		if (strcmp(c->locks[i].label, label) == 0)
			return &c->locks[i];
	fail_msg("no %s", label);
	return NULL;
}

static void test_matching(void **state)
{
	struct runs base = { 0 }, more = { 0 };
	struct comparison c;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct run *run = fixture_run(&base);

		fixture_lock(run, "gone", 10, 100, 0);
		fixture_lock(run, "kept", 100 + i, 100 + i, 1000);
	}
	for (int i = 0; i < 2; i++) {
		struct run *run = fixture_run(&more);

		fixture_lock(run, "kept", 100, 200, 4000);
		if (i == 0)
			fixture_lock(run, "rare", 5, 50, 0);
	}
	assert_int_equal(compare_runs(&c, &base, &more), 0);
	assert_int_equal(c.nr_locks, 3);
	assert_string_equal(c.locks[0].label, "kept"); /* its wait changed most */
	assert_int_equal(find(&c, "gone")->runs_more, 0);
	assert_int_equal(find(&c, "rare")->runs_base, 0);
	assert_int_equal(find(&c, "rare")->runs_more, 1);
	/* Taken 0 times in the run without it, but held for no time that is known. */
	assert_true(find(&c, "rare")->metric[METRIC_ACQUISITIONS].more == 2.5);
	assert_int_equal(find(&c, "rare")->metric[METRIC_HOLD_P50].nr_more, 1);
	assert_true(isnan(find(&c, "rare")->metric[METRIC_HOLD_P50].base));
	assert_true(c.locks[0].metric[METRIC_HOLD_P50].base == 101);
	assert_true(c.locks[0].metric[METRIC_HOLD_P50].base_mad == 1);
	assert_true(c.locks[0].metric[METRIC_HOLD_P50].base_most == 102);
	assert_true(fabs(c.locks[0].metric[METRIC_HOLD_P50].p_up - 0.1) < 1e-9);
	assert_true(c.locks[0].base_held == 100);
	assert_true(c.total.metric[METRIC_WAIT_TOTAL].more == 4000);
	assert_string_equal(c.differ, "");
	compare_fini(&c);
	runs_fini(&base);
	runs_fini(&more);
}

static void test_places(void **state)
{
	struct runs base = { 0 }, more = { 0 };
	struct comparison c;
	const struct lock_change *mu;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct run_lock *old = fixture_lock(fixture_run(&base), "mu", 10, 100, 0);
		struct run_lock *new = fixture_lock(fixture_run(&more), "mu", 10, 150, 0);

		fixture_place(old, "get < main", 400, 50);
		fixture_place(old, "put < main", 600, 50);
		fixture_place(new, "put < main", 1500, 70);
		fixture_place(new, "get < main", 400, 40);
	}
	assert_int_equal(compare_runs(&c, &base, &more), 0);
	mu = find(&c, "mu");
	assert_int_equal(mu->nr_places, 2);
	assert_string_equal(mu->places[0].place->text, "put < main");
	assert_true(mu->places[0].demand_ns == 900);
	assert_true(mu->places[0].blamed_ns == 20);
	assert_true(mu->places[0].base_hold_ns == 60);
	assert_true(mu->places[0].hold_ns == 150);
	assert_true(mu->places[1].demand_ns == 0);
	compare_fini(&c);
	runs_fini(&base);
	runs_fini(&more);
}

static void assert_differ(struct runs *base, struct runs *more, const char *why)
{
	struct comparison c;

	assert_int_equal(compare_runs(&c, base, more), 0);
	if (why)
		assert_non_null(strstr(c.differ, why));
	else
		assert_string_equal(c.differ, "");
	compare_fini(&c);
}

static void test_comparable(void **state)
{
	struct runs base = { 0 }, more = { 0 };

	(void)state;
	fixture_series(&base, 2, 100, 0);
	fixture_series(&more, 2, 100, 0);
	assert_differ(&base, &more, NULL);
	more.runs[0].thread_ns = more.runs[1].thread_ns = 4.9e9;
	assert_differ(&base, &more, NULL);
	more.runs[0].thread_ns = more.runs[1].thread_ns = 5.1e9;
	assert_differ(&base, &more, "parallelism");
	assert_differ(&more, &base, "parallelism");
	more.runs[0].nr_cpus = 4;
	assert_differ(&base, &more, "from run to run");
	more.runs[1].nr_cpus = 4;
	assert_differ(&base, &more, "2 in the baseline, 4 in");
	base.runs[1].has_losses = true;
	assert_differ(&base, &more, "lost");
	runs_fini(&base);
	runs_fini(&more);
}

/* ---- traces ---- */

static void write_trace(const char *path, unsigned int holds)
{
	struct tracegen *g = tracegen_new();
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, "worker", 0));
	uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x601040);
	uint32_t other = tracegen_lock(g, TRACE_KIND_MUTEX, 0x601080);
	uint32_t node = tracegen_node(g, 0, lock, 0x401136, TRACE_HOW_LOCK);
	uint32_t other_node = tracegen_node(g, 0, other, 0x401136, TRACE_HOW_LOCK);

	/* Two classes, for they are named differently, and one more of the first. */
	tracegen_name(g, TRACE_NAME_CLASS, lock, "cache");
	tracegen_name(g, TRACE_NAME_CLASS, other, "queue");
	for (unsigned int i = 0; i < holds; i++)
		tracegen_acquire(g, slot, node, 1000 + i * 1000, 200, 0);
	tracegen_acquire(g, slot, other_node, 1000 + holds * 1000, 900, 0);
	tracegen_end(g, 1000000, 0);
	assert_int_equal(tracegen_write(g, path), 0);
	tracegen_free(g);
}

static void test_measured(void **state)
{
	char root[] = "/tmp/lockprof-diff-XXXXXX", path[128];
	struct runs runs = { 0 };
	const struct run_lock *cache;

	(void)state;
	assert_non_null(mkdtemp(root));
	for (int i = 1; i <= 2; i++) {
		snprintf(path, sizeof(path), "%s/run-%d", root, i);
		assert_int_equal(mkdir(path, 0777), 0);
		snprintf(path, sizeof(path), "%s/run-%d/a.trace", root, i);
		write_trace(path, 40);
		snprintf(path, sizeof(path), "%s/run-%d/a.trace.17", root, i);
		write_trace(path, 20);
	}
	snprintf(path, sizeof(path), "%s/run-2/a.trace.old", root);
	write_trace(path, 1);
	assert_int_equal(runs_add(&runs, root), 0);
	assert_int_equal(runs.nr, 2);
	assert_int_equal(runs.runs[1].nr_paths, 2);
	snprintf(path, sizeof(path), "%s/run-1/a.trace", root);
	assert_int_equal(runs_add(&runs, path), 0);
	assert_int_equal(runs.nr, 3);
	assert_int_equal(runs_measure(&runs, NULL, NULL), 0);
	/* The classes of both processes have one key, and are added up. */
	assert_int_equal(runs.runs[0].nr_locks, 2);
	cache = run_find_lock(&runs.runs[0], "generated/mutex/cache");
	assert_non_null(cache);
	assert_true(cache->value[METRIC_ACQUISITIONS] == 60);
	assert_true(fabs(cache->value[METRIC_HOLD_P50] - 200) <= 13);
	assert_true(cache->value[METRIC_DEMAND] == 60 * cache->value[METRIC_HOLD_P50]);
	assert_true(cache->held == 60);
	assert_null(run_find_lock(&runs.runs[0], "generated/mutex/cachet"));
	assert_true(runs.runs[2].total.value[METRIC_ACQUISITIONS] == 41);
	assert_true(isnan(runs.runs[0].total.value[METRIC_HOLD_P50]));
	assert_int_equal(runs.runs[0].nr_findings, 0);
	for (int i = 1; i <= 2; i++) {
		static const char *const names[] = { "a.trace", "a.trace.17", "a.trace.old", "" };

		for (size_t k = 0; k < 4; k++) {
			snprintf(path, sizeof(path), "%s/run-%d/%s", root, i, names[k]);
			remove(path);
		}
	}
	assert_int_equal(rmdir(root), 0);
	runs_fini(&runs);
}

/* Waits of 1 us, and of two locks; a few of each a thousand times as long. */
static void write_waits(const char *path, unsigned int outliers)
{
	struct tracegen *g = tracegen_new();
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, "worker", 0));
	static const char *const names[] = { "cache", "queue" };

	for (unsigned int k = 0; k < 2; k++) {
		uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x601040 + 0x40 * k);
		uint32_t node = tracegen_node(g, 0, lock, 0x401136, TRACE_HOW_LOCK);

		tracegen_name(g, TRACE_NAME_CLASS, lock, names[k]);
		for (unsigned int i = 0; i < 50; i++)
			tracegen_acquire(g, slot, node, 2000000 * (1 + i + 50 * k), 200,
					 i < outliers ? 1000000 : 1000);
	}
	tracegen_end(g, 300000000, 0);
	assert_int_equal(tracegen_write(g, path), 0);
	tracegen_free(g);
}

/* Up to a tenth of the waits can be of any length, and count as one of the others. */
static void test_usual_waits(void **state)
{
	static const unsigned int outliers[] = { 0, 4, 20 };
	double usual[3], share[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		char path[] = "/tmp/lockprof-diff-XXXXXX";
		struct runs runs = { 0 };
		const struct run_lock *total;
		int fd = mkstemp(path);

		assert_true(fd >= 0);
		close(fd);
		write_waits(path, outliers[i]);
		assert_int_equal(runs_add(&runs, path), 0);
		assert_int_equal(runs_measure(&runs, NULL, NULL), 0);
		total = &runs.runs[0].total;
		usual[i] = total->value[METRIC_WAIT_USUAL] * runs.runs[0].thread_ns;
		share[i] = total->value[METRIC_WAIT_SHARE] * runs.runs[0].thread_ns;
		assert_true(fabs(run_find_lock(&runs.runs[0], "generated/mutex/queue")
						 ->value[METRIC_WAIT_USUAL] *
					 runs.runs[0].thread_ns -
				 usual[i] / 2) < 1);
		runs_fini(&runs);
		remove(path);
	}
	assert_true(fabs(share[0] - 100e3) < 1 && fabs(usual[0] - 100e3) < 6.25e3);
	assert_true(share[1] > 8e6 && fabs(usual[1] - 100e3) < 6.25e3);
	assert_true(share[2] > 40e6 && fabs(usual[2] - share[2]) < 0.0625 * share[2]);
}

static void test_operands(void **state)
{
	char root[] = "/tmp/lockprof-diff-XXXXXX";
	struct runs runs = { 0 };

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_true(runs_add(&runs, root) < 0); /* nothing in it */
	assert_int_equal(runs_add(&runs, "/nowhere/a.trace"), 0);
	assert_true(runs_measure(&runs, NULL, NULL) < 0);
	rmdir(root);
	runs_fini(&runs);
}

static void test_words(void **state)
{
	char buf[OUTPUT_NUMBER];

	(void)state;
	assert_string_equal(metric_change(buf, 100, 126), "+26 %");
	assert_string_equal(metric_change(buf, 100, 95), "-5.0 %");
	assert_string_equal(metric_change(buf, 100, 100), "0 %");
	assert_string_equal(metric_change(buf, 0, 5), "from 0");
	assert_string_equal(metric_change(buf, 0, 0), "0 %");
	assert_string_equal(metric_change(buf, 1, 50), "x50");
	assert_string_equal(metric_change(buf, NAN, 5), "-");
	assert_string_equal(metric_text(buf, METRIC_HOLD_P50, 1500), "1.50 us");
	assert_string_equal(metric_text(buf, METRIC_ACQUISITIONS, 1500), "1,500");
	assert_string_equal(metric_text(buf, METRIC_WAIT_SHARE, 0.052), "5.2 %");
	assert_string_equal(metric_text(buf, METRIC_WAIT_SHARE, NAN), "-");
	assert_string_equal(metric_text(buf, METRIC_ACQUISITIONS_PER_UNIT, 2), "2.000");
	assert_string_equal(metric_text(buf, METRIC_ACQUISITIONS_PER_UNIT, 0.00123), "0.0012");
	assert_string_equal(metric_text(buf, METRIC_ACQUISITIONS_PER_UNIT, 0), "0.000");
	assert_string_equal(metric_text(buf, METRIC_WAIT_PER_UNIT, 1500), "1.50 us");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matching),    cmocka_unit_test(test_places),
		cmocka_unit_test(test_comparable),  cmocka_unit_test(test_measured),
		cmocka_unit_test(test_usual_waits), cmocka_unit_test(test_operands),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
