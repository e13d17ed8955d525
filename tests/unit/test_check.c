/* SPDX-License-Identifier: MIT */
/* What fails, what passes, and what cannot be told; and that the writers escape what they must. */
#include "check_fixture.h"

/* The verdict on one lock that is held so long, and so often, and waited for. */
static enum verdict verdict_on(size_t runs, double base_ns, double more_ns, const char *text)
{
	struct fixture f;
	enum verdict verdict;

	setup(&f);
	budget(&f, text);
	fixture_series(&f.base, runs, base_ns, 20e6);
	fixture_series(&f.more, runs, more_ns, 20e6);
	verdict = judge(&f);
	teardown(&f);
	return verdict;
}

static void test_hold(void **state)
{
	(void)state;
	assert_int_equal(verdict_on(5, 1000, 1000, ""), JUDGED_PASS);
	assert_int_equal(verdict_on(5, 1000, 1100, ""), JUDGED_PASS); /* sure, but little */
	assert_int_equal(verdict_on(5, 1000, 1250, ""), JUDGED_FAIL);
	assert_int_equal(verdict_on(5, 1000, 500, ""), JUDGED_PASS);
	assert_int_equal(verdict_on(5, 100, 140, ""), JUDGED_PASS); /* below the floors */
	assert_int_equal(verdict_on(5, 100, 140, "[check]\nhold_floor=10ns\n"), JUDGED_FAIL);
	assert_int_equal(verdict_on(5, 1000, 1250, "[check]\nhold_rel=+30%\n"), JUDGED_PASS);
	assert_int_equal(verdict_on(5, 1000, 1250, "[check]\ngate_hold=no\n"), JUDGED_PASS);
	assert_int_equal(verdict_on(5, 1000, 1250,
				    "[lock \"mu\"]\nhold_p50_rel=off\nhold_p90_rel=off\n"
				    "demand_rel=off\n"),
			 JUDGED_PASS);
	assert_int_equal(verdict_on(5, 1000, 1100, "[lock \"m*\"]\nhold_p50_rel=+5%\n"),
			 JUDGED_FAIL);
}

static void test_too_few(void **state)
{
	struct fixture f;

	(void)state;
	assert_int_equal(verdict_on(1, 1000, 5000, ""), JUDGED_INCONCLUSIVE);
	assert_int_equal(verdict_on(3, 1000, 5000, ""), JUDGED_INCONCLUSIVE);
	assert_int_equal(verdict_on(4, 1000, 5000, ""), JUDGED_FAIL);
	assert_int_equal(verdict_on(4, 1000, 5000, "[check]\nmin_runs=5\n"), JUDGED_INCONCLUSIVE);
	assert_int_equal(verdict_on(4, 1000, 5000, "[check]\nalpha=0.01\n"), JUDGED_INCONCLUSIVE);
	setup(&f);
	fixture_series(&f.base, 3, 1000, 0);
	fixture_series(&f.more, 3, 1000, 0);
	judge(&f);
	assert_non_null(
		strstr(get(&f, "comparison", "too few runs")->text, "at least 4 on each side"));
	teardown(&f);
}

/* Values that jump about between runs of one build need to grow by more. */
static void test_spread(void **state)
{
	static const double jumps[] = { 1000, 1200, 800, 1250, 750 };
	struct fixture f;

	(void)state;
	setup(&f);
	for (size_t i = 0; i < 5; i++) {
		fixture_lock(fixture_run(&f.base), "mu", 10000, jumps[i], 0);
		fixture_lock(fixture_run(&f.more), "mu", 10000, 1500 + (double)i, 0);
	}
	assert_int_equal(judge(&f), JUDGED_PASS);
	assert_true(get(&f, "mu", "hold_p50")->limit == 1.6);
	teardown(&f);
}

/* The median is half as much again, and some runs are faster than any of the baseline. */
static void test_chance(void **state)
{
	static const double holds[] = { 900, 950, 1500, 1501, 1502 };
	struct fixture f;

	(void)state;
	setup(&f);
	for (size_t i = 0; i < 5; i++) {
		fixture_lock(fixture_run(&f.base), "mu", 10000, 1000 + (double)i, 0);
		fixture_lock(fixture_run(&f.more), "mu", 10000, holds[i], 0);
	}
	assert_int_equal(judge(&f), JUDGED_WARN);
	assert_true(get(&f, "mu", "hold_p50")->p > 0.3);
	teardown(&f);
}

/* More values than the runs can answer for: first the median of each lock, costly ones first. */
static void test_choice(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	for (size_t i = 0; i < 10; i++) {
		struct run *run = fixture_run(i < 5 ? &f.base : &f.more);

		for (int k = 0; k < 14; k++) {
			char name[16];

			snprintf(name, sizeof(name), "mu%02d", k);
			fixture_lock(run, name, 10000,
				     (1000 * (k + 1) + (double)i) * (i >= 5 && !k ? 2 : 1), 0);
		}
		fixture_lock(run, "once", 1, 1e9, 0);
	}
	/* 5 against 5 bear 12 questions. The cheapest lock is the one that got worse. */
	assert_int_equal(judge(&f), JUDGED_PASS);
	assert_int_equal(f.check.nr_questions, 12);
	assert_int_equal(f.check.nr_judged, 12);
	assert_int_equal(f.check.nr_eligible, 14);
	assert_int_equal(f.check.runs_for_all, 6);
	assert_non_null(find(&f, "mu13", "hold_p50"));
	assert_null(find(&f, "mu13", "hold_p90"));
	assert_null(find(&f, "mu00", "hold_p50"));
	assert_null(find(&f, "once", "hold_p50")); /* one hold is no distribution */
	budget(&f, "[lock \"mu00\"]\nhold_p50_rel=+20%\n");
	assert_int_equal(judge(&f), JUDGED_FAIL); /* named, so judged */
	assert_int_equal(f.check.nr_judged, 10);  /* it takes 3 of the 12 */
	teardown(&f);
}

static void test_wait(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	fixture_series(&f.base, 6, 1000, 20e6);
	fixture_series(&f.more, 6, 1000, 60e6);
	assert_int_equal(judge(&f), JUDGED_PASS);
	assert_null(find(&f, "mu", "wait_usual"));
	budget(&f, "[check]\ngate_wait=yes\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	assert_int_equal(get(&f, "mu", "wait_usual")->verdict, JUDGED_FAIL);
	assert_null(find(&f, "mu", "wait_share"));
	assert_int_equal(get(&f, "all locks", "wait_share")->verdict, JUDGED_FAIL);
	assert_null(find(&f, "all locks", "wait_usual")); /* there is but one */
	budget(&f, "[check]\nwait_floor=41ms\n");
	assert_int_equal(judge(&f), JUDGED_PASS);
	/* On other processors it is no regression, and no pass. */
	for (size_t i = 0; i < f.more.nr; i++)
		f.more.runs[i].nr_cpus = 64;
	assert_int_equal(judge(&f), JUDGED_INCONCLUSIVE);
	assert_false(f.check.wants_runs);
	assert_int_equal(get(&f, "comparison", "not comparable")->tier, TIER_CONTENTION);
	assert_int_equal(get(&f, "mu", "hold_p50")->verdict, JUDGED_PASS);
	budget(&f, "[check]\ngate_wait=no\n");
	assert_int_equal(judge(&f), JUDGED_PASS);
	teardown(&f);
}

/* Waiting has a chance of its own to fail falsely; holds are judged all the same. */
static void test_wait_alpha(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	budget(&f, "[check]\ngate_wait=yes\n");
	fixture_series(&f.base, 5, 1000, 20e6);
	fixture_series(&f.more, 5, 1300, 60e6);
	assert_int_equal(judge(&f), JUDGED_FAIL);
	assert_int_equal(get(&f, "mu", "wait_usual")->verdict, JUDGED_FAIL);
	assert_null(find(&f, "all locks", "wait_share")); /* has room from 6 runs on */
	budget(&f, "[check]\nwait_alpha=0.1%\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	assert_int_equal(get(&f, "mu", "hold_p50")->verdict, JUDGED_FAIL);
	assert_int_equal(get(&f, "comparison", "too few runs")->tier, TIER_CONTENTION);
	assert_non_null(strstr(get(&f, "comparison", "too few runs")->text,
			       "about waiting at alpha = 0.0008: at least 7 on each side"));
	assert_true(f.check.wants_runs);
	teardown(&f);
}

/* When the runs may be looked at three times, each look has a third of alpha. */
static void test_looks(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	fixture_series(&f.base, 5, 1000, 20e6);
	fixture_series(&f.more, 5, 1000, 20e6);
	judge(&f);
	assert_int_equal(f.check.runs_for_all, 4);
	f.budget.nr_looks = 3;
	assert_int_equal(judge(&f), JUDGED_PASS);
	assert_int_equal(f.check.runs_for_all, 5); /* 3 questions at 0.0167 */
	budget(&f, "[check]\ngate_wait=yes\n");
	assert_int_equal(judge(&f), JUDGED_INCONCLUSIVE); /* 1 in 252 is not below 0.008 / 3 */
	assert_true(f.check.wants_runs);
	f.budget.nr_looks = 1;
	assert_int_equal(judge(&f), JUDGED_PASS);
	assert_true(f.check.wants_runs); /* for the sum of all waits */
	fixture_series(&f.base, 1, 1000, 20e6);
	fixture_series(&f.more, 1, 1000, 20e6);
	assert_int_equal(judge(&f), JUDGED_PASS);
	assert_false(f.check.wants_runs);
	teardown(&f);
}

/* So has each in saying that waiting has not doubled: 1 run of 6 against 6 has, that is p = 0.032.
 */
static void test_looks_at_waiting(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	budget(&f, "[check]\ngate_wait=yes\n");
	for (size_t i = 0; i < 6; i++) {
		fixture_lock(fixture_run(&f.base), "mu", 10000, 1000, 20e6 + (double)i);
		fixture_lock(fixture_run(&f.more), "mu", 10000, 1000, i ? 20e6 + (double)i : 45e6);
	}
	assert_int_equal(judge(&f), JUDGED_PASS);
	f.budget.nr_looks = 3;
	assert_int_equal(judge(&f), JUDGED_INCONCLUSIVE);
	teardown(&f);
}

/* A lock that has next to no part of the waiting is not asked for it, unless the budget does. */
static void test_small_part(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	budget(&f, "[check]\ngate_wait=yes\n");
	for (size_t i = 0; i < 16; i++) {
		struct run *run = fixture_run(i < 8 ? &f.base : &f.more);

		fixture_lock(run, "a", 10000, 1000, 60e6 + (double)i);
		fixture_lock(run, "b", 10000, 1000, 60e6 - (double)i);
		fixture_lock(run, "c", 10000, 1000, i < 8 ? 2e6 : 9e6);
	}
	assert_int_equal(judge(&f), JUDGED_PASS);
	assert_non_null(find(&f, "a", "wait_usual"));
	assert_non_null(find(&f, "all locks", "wait_usual"));
	assert_null(find(&f, "c", "wait_usual"));
	budget(&f, "[lock \"c\"]\nwait_usual_rel=+50%\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	assert_int_equal(get(&f, "c", "wait_usual")->verdict, JUDGED_FAIL);
	teardown(&f);
}

/* Few holds have no percentiles, but their lock can be all that is waited for. */
static void test_wait_of_few(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	budget(&f, "[check]\ngate_wait=yes\n");
	for (size_t i = 0; i < 16; i++)
		fixture_lock(fixture_run(i < 8 ? &f.base : &f.more), "mu", 10, 1000,
			     (i < 8 ? 20e6 : 60e6) + (double)i);
	assert_int_equal(judge(&f), JUDGED_FAIL);
	assert_null(find(&f, "mu", "hold_p50"));
	assert_int_equal(get(&f, "mu", "wait_usual")->verdict, JUDGED_FAIL);
	teardown(&f);
}

/* Waiting from 2 to 14 ms in runs of one build: a doubling is lost in it, and that is said. */
static void test_noisy_wait(void **state)
{
	static const double base_ms[] = { 2, 14, 3, 9, 5, 12 };
	struct fixture f;

	(void)state;
	setup(&f);
	budget(&f, "[check]\ngate_wait=yes\n");
	for (size_t i = 0; i < 6; i++) {
		fixture_lock(fixture_run(&f.base), "mu", 10000, 1000, base_ms[i] * 1e6);
		fixture_lock(fixture_run(&f.more), "mu", 10000, 1000, base_ms[5 - i] * 1e6);
	}
	assert_int_equal(judge(&f), JUDGED_INCONCLUSIVE);
	assert_true(f.check.wants_runs);
	assert_non_null(strstr(get(&f, "mu", "wait_usual")->text, "to tell that from +75 %"));
	budget(&f, "[check]\nwait_rel=+1900%\n"); /* thirty times as much would be seen */
	assert_int_equal(judge(&f), JUDGED_PASS);
	budget(&f, "[check]\nwait_rel=+50%\nwait_floor=10ms\n"); /* of no interest */
	assert_int_equal(judge(&f), JUDGED_PASS);
	teardown(&f);
}

/* The verdict on usual waits and all waits of one lock, each 1 or a factor, or jumping about. */
static enum verdict verdict_on_waits(double usual, double all)
{
	static const double jumps[] = { 0.2, 5, 1, 0.3, 3, 0.5, 4, 2 };
	struct fixture f;
	enum verdict verdict;

	setup(&f);
	budget(&f, "[check]\ngate_wait=yes\n");
	for (size_t i = 0; i < 16; i++) {
		bool is_base = i < 8;
		struct run *run = fixture_run(is_base ? &f.base : &f.more);
		double jitter = 1 + 0.01 * (double)(i * 5 % 8);
		double total_ns = 40e6 * (isnan(all) ? jumps[i * 3 % 8]
					  : is_base  ? jitter
						     : all * jitter);
		double usual_ns = 30e6 * (isnan(usual) ? jumps[i * 3 % 8]
					  : is_base    ? jitter
						       : usual * jitter);
		struct run_lock *lock = fixture_lock(run, "mu", 10000, 1000, total_ns);

		lock->value[METRIC_WAIT_USUAL] = usual_ns / run->thread_ns;
		run->total.value[METRIC_WAIT_USUAL] = usual_ns / run->thread_ns;
	}
	verdict = judge(&f);
	teardown(&f);
	return verdict;
}

/* Waiting passes when its usual waits or their sum show that they grew by little. */
static void test_usual_wait(void **state)
{
	(void)state;
	assert_int_equal(verdict_on_waits(1, 1), JUDGED_PASS);
	assert_int_equal(verdict_on_waits(1, NAN), JUDGED_PASS);
	assert_int_equal(verdict_on_waits(NAN, 1), JUDGED_PASS);
	assert_int_equal(verdict_on_waits(NAN, NAN), JUDGED_INCONCLUSIVE);
	assert_int_equal(verdict_on_waits(2, NAN), JUDGED_FAIL);
	assert_int_equal(verdict_on_waits(2, 1), JUDGED_FAIL);
	assert_int_equal(verdict_on_waits(1, 2), JUDGED_FAIL);
	assert_int_equal(verdict_on_waits(1.3, 1.3), JUDGED_PASS);
	assert_int_equal(verdict_on_waits(0.5, 0.5), JUDGED_PASS);
}

/* One lock less, and its queue stands before the next one. */
static void test_moved_wait(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	budget(&f, "[check]\ngate_wait=yes\n");
	for (size_t i = 0; i < 12; i++) {
		struct run *run = fixture_run(i < 6 ? &f.base : &f.more);

		fixture_lock(run, "a", 10000, 1000, (i < 6 ? 10e6 : 30e6) + (double)i);
		if (i < 6)
			fixture_lock(run, "b", 10000, 1000, 60e6 + (double)i);
	}
	assert_int_equal(judge(&f), JUDGED_WARN);
	assert_non_null(strstr(get(&f, "a", "wait_usual")->text, "all locks together"));
	budget(&f, "[lock \"a\"]\nwait_share_rel=+50%\n"); /* named, so meant */
	assert_int_equal(judge(&f), JUDGED_FAIL);
	teardown(&f);
}

static void test_absolute(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	fixture_series(&f.more, 1, 1000, 20e6);
	fixture_place(&f.more.runs[0].locks[0], "put", 4e6, 0);
	fixture_place(&f.more.runs[0].locks[0], "get", 6e6, 0);
	assert_int_equal(judge(&f), JUDGED_PASS);
	budget(&f, "[total]\nwait_total=20ms\n[lock \"mu\"]\nhold_p50=1us\n");
	assert_int_equal(judge(&f), JUDGED_PASS); /* just so */
	budget(&f, "[total]\nwait_total=19ms\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	assert_non_null(
		strstr(get(&f, "all locks", "wait_total")->text,
		       "is 20.0 ms in the median run; the budget allows 19.0 ms (b.ini:2)"));
	budget(&f, "[lock \"mu\"]\nhold_p50=900ns\n");
	judge(&f);
	assert_string_equal(get(&f, "mu", "hold_p50")->function,
			    "get"); /* without a baseline, too */
	teardown(&f);
}

static void test_exact(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	fixture_series(&f.base, 5, 1000, 0);
	fixture_series(&f.more, 5, 1000, 0);
	f.more.runs[3].locks[0].value[METRIC_ACQUISITIONS]++;
	assert_int_equal(judge(&f), JUDGED_PASS);
	budget(&f, "[check]\nexact_acquisitions=yes\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	assert_int_equal(get(&f, "mu", "acquisitions")->verdict, JUDGED_FAIL);
	f.more.runs[3].locks[0].value[METRIC_ACQUISITIONS] -= 2;
	assert_int_equal(judge(&f), JUDGED_PASS);
	/* A count that varies by itself is not exact: left out of all, refused by name. */
	f.base.runs[0].locks[0].value[METRIC_ACQUISITIONS]++;
	assert_int_equal(judge(&f), JUDGED_PASS);
	budget(&f, "[lock \"mu\"]\nexact_acquisitions=yes\n");
	assert_int_equal(judge(&f), JUDGED_INCONCLUSIVE);
	teardown(&f);
}

static void test_came_and_went(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	fixture_series(&f.base, 5, 1000, 0);
	fixture_series(&f.more, 5, 1000, 0);
	fixture_lock(&f.more.runs[0], "new", 7, 100, 0);
	budget(&f, "[lock \"nowhere\"]\nhold_p50=1us\n");
	assert_int_equal(judge(&f), JUDGED_WARN);
	assert_int_equal(get(&f, "new", "new lock")->verdict, JUDGED_WARN);
	assert_int_equal(get(&f, "nowhere", "missing")->verdict, JUDGED_WARN);
	budget(&f, "[check]\non_missing_lock=fail\non_new_lock=ignore\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	assert_null(find(&f, "new", "new lock"));
	budget(&f, "[check]\non_missing_lock=ignore\n");
	assert_int_equal(judge(&f), JUDGED_PASS);
	/* Another program altogether. */
	for (size_t i = 0; i < f.more.nr; i++)
		f.more.runs[i].locks[0].key[0] = 'x';
	assert_int_equal(judge(&f), JUDGED_INCONCLUSIVE);
	assert_non_null(find(&f, "comparison", "nothing in common"));
	teardown(&f);
}

static void add_finding(struct run *run, const char *id, enum order_level level)
{
	struct run_finding *finding;

	run->findings = realloc(run->findings, (run->nr_findings + 1) * sizeof(*finding));
	assert_non_null(run->findings);
	finding = &run->findings[run->nr_findings++];
	*finding = (struct run_finding){ .level = level, .text = strdup("a and b wait") };
	strcpy(finding->id, id);
}

static void add_edge(struct run *run, const char *from, const char *to)
{
	struct run_edge *edge;

	run->edges = realloc(run->edges, (run->nr_edges + 1) * sizeof(*edge));
	assert_non_null(run->edges);
	edge = &run->edges[run->nr_edges++];
	*edge = (struct run_edge){ strdup(from), strdup(to), strdup(from), strdup(to) };
	run->nr_cycles = 1;
}

static void test_order(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	fixture_series(&f.base, 5, 1000, 0);
	fixture_series(&f.more, 5, 1000, 0);
	add_finding(&f.base.runs[2], "old", ORDER_PREDICTED);
	add_edge(&f.base.runs[1], "a", "b");
	add_finding(&f.more.runs[0], "old", ORDER_PREDICTED);
	add_finding(&f.more.runs[0], "weak", ORDER_POTENTIAL);
	add_edge(&f.more.runs[0], "a", "b");
	assert_int_equal(judge(&f), JUDGED_PASS);
	add_finding(&f.more.runs[1], "new", ORDER_PREDICTED);
	add_finding(&f.more.runs[2], "new", ORDER_PREDICTED);
	assert_int_equal(judge(&f), JUDGED_FAIL);
	assert_int_equal(check_count(&f.check, JUDGED_FAIL), 1); /* once, not for each run */
	f.more.runs[1].findings[0].suppressed = f.more.runs[2].findings[0].suppressed = "known";
	assert_int_equal(judge(&f), JUDGED_PASS);
	budget(&f, "[lock-order]\nfail_on=POTENTIAL\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	budget(&f, "[lock-order]\nfail_on=never\n");
	assert_int_equal(judge(&f), JUDGED_PASS);
	add_edge(&f.more.runs[4], "b", "a");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	assert_non_null(strstr(get(&f, "lock order", "edge in a cycle")->text,
			       "a is now taken while b is held"));
	budget(&f, "[lock-order]\nnew_edges=warn\n");
	assert_int_equal(judge(&f), JUDGED_WARN);
	budget(&f, "[lock-order]\nnew_edges=ignore\ncycles=1\n");
	assert_int_equal(judge(&f), JUDGED_PASS);
	budget(&f, "[lock-order]\ncycles=0\n");
	assert_int_equal(judge(&f), JUDGED_FAIL);
	teardown(&f);
}

static void test_culprit(void **state)
{
	struct fixture f;
	const struct result *result;

	(void)state;
	setup(&f);
	fixture_series(&f.base, 5, 1000, 0);
	fixture_series(&f.more, 5, 2000, 0);
	for (size_t i = 0; i < 5; i++) {
		fixture_place(&f.base.runs[i].locks[0], "put", 1e6, 0);
		fixture_place(&f.base.runs[i].locks[0], "get", 9e6, 0);
		fixture_place(&f.more.runs[i].locks[0], "put", 11e6, 0);
		fixture_place(&f.more.runs[i].locks[0], "get", 9e6, 0);
	}
	assert_int_equal(judge(&f), JUDGED_FAIL);
	result = get(&f, "mu", "hold_p50");
	assert_string_equal(result->function, "put");
	assert_string_equal(result->file, "app.c");
	assert_non_null(strstr(result->text, "went from 1.00 us to 2.01 us (+100 %"));
	assert_non_null(strstr(
		result->text, "Most of it is in put, which holds it for 1.10 us (before: 100 ns)"));
	teardown(&f);
}

/* ---- writers ---- */

static size_t count(const char *text, const char *what)
{
	size_t nr = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		nr++;
	return nr;
}

static void test_hostile_names(void **state)
{
	struct fixture f;
	char *text;

	(void)state;
	setup(&f);
	budget(&f, "[lock \"*\"]\nhold_p50=1us\n");
	fixture_lock(fixture_run(&f.more), "a\n::error::<b>&|\"\033[1m%", 100, 2000, 0);
	assert_int_equal(judge(&f), JUDGED_FAIL);
	text = written(&f, check_github);
	assert_int_equal(count(text, "\n"), 1);
	assert_non_null(strstr(text, "a%0A"));
	assert_non_null(strstr(text, "%25"));
	free(text);
	text = written(&f, check_markdown);
	assert_null(strstr(text, "<b>"));
	assert_null(strstr(text, "\033"));
	assert_null(strstr(text, "&|"));
	free(text);
	text = written(&f, check_junit);
	assert_null(strstr(text, "<b>"));
	assert_null(strstr(text, "\033"));
	assert_null(strstr(text, "\"\033"));
	assert_non_null(strstr(text, "&lt;b&gt;&amp;|&quot;"));
	free(text);
	text = written(&f, check_text);
	assert_null(strstr(text, "\033"));
	free(text);
	teardown(&f);
}

static void test_annotation_limit(void **state)
{
	struct fixture f;
	struct run *run;
	char *text;

	(void)state;
	setup(&f);
	run = fixture_run(&f.more);
	budget(&f, "[lock \"*\"]\nhold_p50=1us\n");
	for (int i = 0; i < 10; i++) {
		char name[16];

		snprintf(name, sizeof(name), "mu%02d", i);
		fixture_lock(run, name, 100, 2000, 0);
	}
	judge(&f);
	text = written(&f, check_github);
	assert_int_equal(count(text, "::error "), 10);
	assert_null(strstr(text, "more are in"));
	free(text);
	fixture_lock(run, "mu10", 100, 2000, 0);
	fixture_lock(run, "mu11", 100, 2000, 0);
	judge(&f);
	text = written(&f, check_github);
	assert_int_equal(count(text, "::error "), 10);
	assert_non_null(strstr(text, "::3 more are in the step's summary"));
	free(text);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_chance),
		cmocka_unit_test(test_looks_at_waiting),
		cmocka_unit_test(test_wait_alpha),
		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_small_part),
		cmocka_unit_test(test_wait_of_few),
		cmocka_unit_test(test_usual_wait),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_absolute),
		cmocka_unit_test(test_noisy_wait),
		cmocka_unit_test(test_moved_wait),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_came_and_went),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_culprit),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_annotation_limit),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
