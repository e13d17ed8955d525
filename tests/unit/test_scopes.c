/* SPDX-License-Identifier: MIT */
/* Phases: measured as runs of their own, judged where the budget or the user names them. */
#include "check_fixture.h"

#include <unistd.h>

#include "../lib/tracegen.h"

/* Whole runs, and what is of phase serve: [0] and [1]. */
struct phased {
	struct runs base[2], more[2];
	struct comparison comparisons[2];
	struct budget budget;
	struct check check;
};

/*
 * Runs of each side: mu is held 1 us, in phase serve `serve_ns`, and there taken as often as there
 * are units of work, or so many times as often.
 */
static void fill(struct phased *p, size_t runs, double serve_ns, double times)
{
	*p = (struct phased){ 0 };
	p->base[1].phase = p->more[1].phase = "serve";
	budget_init(&p->budget);
	for (size_t i = 0; i < 4 * runs; i++) {
		bool is_base = i % 2 == 0, is_phase = i / 2 % 2 == 1;
		struct run *run = fixture_run(is_base ? &p->base[is_phase] : &p->more[is_phase]);

		fixture_phase(run, "load");
		fixture_phase(run, "serve");
		fixture_lock(run, "mu", 1000 * (is_base ? 1 : times) + (is_phase ? 0 : (double)i),
			     is_base || !is_phase ? 1000 : serve_ns, 0);
		fixture_units(run, 1000);
	}
}

static void empty(struct phased *p)
{
	check_fini(&p->check);
	budget_fini(&p->budget);
	for (int i = 0; i < 2; i++) {
		compare_fini(&p->comparisons[i]);
		runs_fini(&p->base[i]);
		runs_fini(&p->more[i]);
	}
}

/* As the check does it: phases that nothing names are not measured. */
static enum verdict judge_phases(struct phased *p, const char *text)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct scopes scopes = { 0 };
	bool has_base = p->base[0].nr > 0;

	if (in) {
		assert_int_equal(budget_parse(&p->budget, "b.ini", in), 0);
		fclose(in);
	}
	check_fini(&p->check);
	assert_int_equal(budget_scopes(&p->budget, &scopes), 0);
	for (int i = 0; i < 2; i++) {
		compare_fini(&p->comparisons[i]);
		assert_int_equal(compare_runs(&p->comparisons[i], &p->base[i], &p->more[i]), 0);
	}
	assert_int_equal(check_judge(&p->check, p->comparisons, scopes.nr, &p->budget, has_base),
			 0);
	scopes_fini(&scopes);
	return p->check.verdict;
}

static const struct result *of(const struct phased *p, const char *subject, const char *rule)
{
	for (size_t i = 0; i < p->check.nr_results; i++)
		if (strcmp(p->check.results[i].subject, subject) == 0 &&
		    strcmp(p->check.results[i].rule, rule) == 0)
			return &p->check.results[i];
	return NULL;
}

/* ---- what is judged ---- */

static void test_nobody_asked(void **state)
{
	struct phased p;

	(void)state;
	fill(&p, 5, 5000, 3);
	for (size_t i = 0; i < 5; i++)
		fixture_units(&p.more[0].runs[i],
			      p.more[0].runs[i].locks[0].value[METRIC_ACQUISITIONS]);
	assert_int_equal(judge_phases(&p, ""), JUDGED_PASS);
	assert_null(of(&p, "mu in phase serve", "hold_p50"));
	empty(&p);
}

/* What a section names is judged, and what is exact; the family does not grow by the rest. */
static void test_named(void **state)
{
	struct phased p;
	size_t questions;

	(void)state;
	fill(&p, 5, 5000, 1);
	judge_phases(&p, "");
	questions = p.check.nr_questions;
	assert_int_equal(judge_phases(&p, "[phase \"serve\"]\nwait_total = 1s\n"), JUDGED_PASS);
	assert_int_equal(p.check.nr_questions, questions);
	assert_int_equal(of(&p, "all locks in phase serve", "wait_total")->verdict, JUDGED_PASS);
	assert_int_equal(of(&p, "mu in phase serve", "acquisitions_per_unit")->tier, TIER_EXACT);
	assert_null(of(&p, "mu in phase serve", "hold_p50"));
	assert_int_equal(judge_phases(&p, "[lock \"mu\" in \"serve\"]\nhold_p50 = 6us\n"),
			 JUDGED_PASS);
	assert_int_equal(judge_phases(&p, "[lock \"mu\" in \"serve\"]\nhold_p50 = 4us\n"),
			 JUDGED_FAIL);
	assert_non_null(strstr(of(&p, "mu in phase serve", "hold_p50")->text,
			       "mu in phase serve: the median hold time is 5.00 us in the median "
			       "run; the budget allows 4.00 us (b.ini:2)"));
	/* The whole run is not what the section is about. */
	assert_int_equal(of(&p, "mu", "hold_p50")->tier, TIER_ROBUST);
	assert_int_equal(judge_phases(&p, "[lock \"mu\" in \"serve\"]\nhold_p50 = 6us\n"
					  "hold_p50_rel = +20%\n"),
			 JUDGED_FAIL);
	assert_true(p.check.nr_questions > questions);
	empty(&p);
}

/* One more acquisition for each request, which the whole run hides. */
static void test_exact(void **state)
{
	struct phased p;
	const struct result *result;

	(void)state;
	fill(&p, 4, 1000, 2);
	for (size_t i = 0; i < 4; i++)
		fixture_units(&p.more[0].runs[i],
			      p.more[0].runs[i].locks[0].value[METRIC_ACQUISITIONS]);
	assert_int_equal(judge_phases(&p, ""), JUDGED_PASS);
	assert_int_equal(judge_phases(&p, "[phase \"serve\"]\n"), JUDGED_FAIL);
	result = of(&p, "mu in phase serve", "acquisitions_per_unit");
	assert_int_equal(result->verdict, JUDGED_FAIL);
	assert_string_equal(result->text, "mu in phase serve: 2.000 acquisitions per unit of work "
					  "instead of 1.000.");
	empty(&p);
}

/* Judged alone, a phase is all there is: sections without a phase are about it. */
static void test_alone(void **state)
{
	struct phased p;

	(void)state;
	fill(&p, 5, 1000, 1);
	for (size_t i = 0; i < 5; i++) /* of no interest */
		p.more[0].runs[i].locks[0].value[METRIC_HOLD_P50] = 9000;
	assert_int_equal(judge_phases(&p, ""), JUDGED_FAIL);
	assert_int_equal(judge_phases(&p, "[check]\nphases = serve\n"), JUDGED_PASS);
	assert_null(of(&p, "mu", "hold_p50"));
	assert_int_equal(of(&p, "mu in phase serve", "hold_p50")->tier, TIER_ROBUST);
	assert_int_equal(p.check.nr_judged, 1);
	assert_int_equal(p.check.nr_eligible, 1);
	assert_int_equal(judge_phases(&p, "[lock \"mu\"]\nhold_p50 = 900ns\n"), JUDGED_FAIL);
	assert_int_equal(of(&p, "mu in phase serve", "hold_p50")->tier, TIER_BUDGET);
	assert_null(of(&p, "mu", "hold_p50"));
	assert_int_equal(judge_phases(&p, "[lock \"mu\"]\nhold_p50 = 1us\n"
					  "[total]\nacquisitions_per_unit = 0.9\n"),
			 JUDGED_FAIL);
	assert_non_null(of(&p, "all locks in phase serve", "acquisitions_per_unit"));
	empty(&p);
}

static void test_order_counts(void **state)
{
	struct phased p;
	struct run *run;

	(void)state;
	fill(&p, 4, 1000, 1);
	run = &p.more[0].runs[0];
	run->findings = calloc(1, sizeof(*run->findings));
	assert_non_null(run->findings);
	run->nr_findings = 1;
	run->findings[0] =
		(struct run_finding){ .level = ORDER_PREDICTED, .id = "x", .text = strdup("a") };
	assert_int_equal(judge_phases(&p, "[check]\nphases = serve\n"), JUDGED_FAIL);
	empty(&p);
}

/* ---- what is not there ---- */

static void test_missing_phase(void **state)
{
	struct phased p;

	(void)state;
	fill(&p, 4, 1000, 1);
	for (size_t i = 0; i < 4; i++) {
		free(p.more[1].runs[i].phases[1]);
		p.more[1].runs[i].nr_phases = 1;
	}
	assert_int_equal(judge_phases(&p, "[phase \"serve\"]\nacquisitions_per_unit = 0.1\n"
					  "[lock \"mu\" in \"serve\"]\nhold_p50 = 1ns\n"),
			 JUDGED_FAIL);
	assert_string_equal(of(&p, "serve", "missing phase")->text,
			    "phase serve: the new runs have no such phase; there are: load.");
	assert_null(of(&p, "mu", "missing")); /* once is enough */
	assert_int_equal(check_count(&p.check, JUDGED_FAIL), 1);
	assert_int_equal(judge_phases(&p, "[check]\non_missing_phase = warn\n"), JUDGED_WARN);
	assert_int_equal(judge_phases(&p, "[check]\non_missing_phase = ignore\n"), JUDGED_PASS);
	empty(&p);
	fill(&p, 4, 1000, 1);
	free(p.more[1].runs[2].phases[1]);
	p.more[1].runs[2].nr_phases = 1;
	assert_int_equal(judge_phases(&p, "[phase \"serve\"]\n"), JUDGED_FAIL);
	assert_string_equal(of(&p, "serve", "missing phase")->text,
			    "phase serve: 1 of 4 new runs have no such phase; there are: load.");
	empty(&p);
}

static void test_new_phase(void **state)
{
	struct phased p;

	(void)state;
	fill(&p, 4, 1000, 1);
	for (size_t i = 0; i < 4; i++) {
		while (p.base[1].runs[i].nr_phases)
			free(p.base[1].runs[i].phases[--p.base[1].runs[i].nr_phases]);
		p.base[1].runs[i].locks[0].key[0] = 'x';
	}
	assert_int_equal(judge_phases(&p, "[phase \"serve\"]\n"), JUDGED_WARN);
	assert_non_null(of(&p, "serve", "new phase"));
	assert_null(of(&p, "mu in phase serve", "new lock"));
	assert_int_equal(judge_phases(&p, "[check]\non_new_lock = ignore\n"), JUDGED_PASS);
	/* Asked for alone, nothing is left to compare. */
	assert_int_equal(judge_phases(&p, "[check]\nphases = serve\n"), JUDGED_INCONCLUSIVE);
	assert_non_null(of(&p, "comparison", "nothing in common"));
	empty(&p);
}

static void test_missing_lock(void **state)
{
	struct phased p;

	(void)state;
	fill(&p, 4, 1000, 1);
	assert_int_equal(judge_phases(&p, "[lock \"um\" in \"serve\"]\nhold_p50 = 1s\n"),
			 JUDGED_WARN);
	assert_string_equal(of(&p, "um", "missing")->text,
			    "um: no such lock was taken in phase serve in the new runs (b.ini:1).");
	/* A section of a phase that is not judged says nothing. */
	empty(&p);
	fill(&p, 4, 1000, 1);
	assert_int_equal(judge_phases(&p, "[check]\nphases = serve\n"
					  "[lock \"um\" in \"load\"]\nhold_p50 = 1s\n"),
			 JUDGED_PASS);
	empty(&p);
}

/* More threads while it loads do not make the waits of the other phase another matter. */
static void test_comparable(void **state)
{
	struct phased p;

	(void)state;
	fill(&p, 8, 1000, 1);
	for (size_t i = 0; i < 8; i++) {
		p.more[0].runs[i].thread_ns *= 2;
		for (int k = 0; k < 2; k++) {
			p.base[k].runs[i].locks[0].value[METRIC_WAIT_TOTAL] = 20e6;
			p.more[k].runs[i].locks[0].value[METRIC_WAIT_TOTAL] = 20e6;
		}
	}
	assert_int_equal(judge_phases(&p, "[check]\ngate_wait = yes\n"), JUDGED_INCONCLUSIVE);
	assert_int_equal(judge_phases(&p, "[check]\nphases = serve\n"), JUDGED_PASS);
	for (size_t i = 0; i < 8; i++)
		p.more[1].runs[i].thread_ns *= 2;
	assert_int_equal(judge_phases(&p, ""), JUDGED_INCONCLUSIVE);
	assert_non_null(strstr(of(&p, "comparison", "not comparable")->text,
			       "Waiting in phase serve cannot be compared: the parallelism"));
	empty(&p);
}

/* ---- writers ---- */

static void test_writers(void **state)
{
	static int (*const writers[])(const struct check *check,
				      FILE *out) = { check_text,  check_json,	check_junit,
						     check_sarif, check_github, check_markdown };
	struct phased p;

	(void)state;
	fill(&p, 4, 1000, 2);
	judge_phases(&p, "[phase \"serve\"]\n");
	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		struct fixture f = { .check = p.check };
		char *text = written(&f, writers[i]);

		if (!strstr(text, "mu in phase serve"))
			fail_msg("writer %zu does not name the phase: %s", i, text);
		if (writers[i] == check_json)
			assert_non_null(strstr(text, "\"phase\": \"serve\""));
		if (writers[i] == check_sarif)
			assert_non_null(strstr(text, "exact|app/mutex/mu in phase serve|"));
		free(text);
	}
	empty(&p);
}

/* ---- measured ---- */

static void write_trace(const char *path)
{
	struct tracegen *g = tracegen_new();
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, "worker", 0));
	uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x601040);
	uint32_t load = tracegen_phase(g, "load"), serve = tracegen_phase(g, "serve");
	uint32_t load_node = tracegen_node(g, load, lock, 0x401136, TRACE_HOW_LOCK);
	uint32_t serve_node = tracegen_node(g, serve, lock, 0x401136, TRACE_HOW_LOCK);
	uint32_t work = tracegen_node(g, serve, 0, 0x401140, TRACE_HOW_WORK);

	tracegen_name(g, TRACE_NAME_CLASS, lock, "cache");
	for (unsigned int i = 0; i < 50; i++)
		tracegen_acquire(g, slot, load_node, 1000 * (1 + i), 500, 0);
	for (unsigned int i = 0; i < 40; i++)
		tracegen_acquire(g, slot, serve_node, 100000 + 1000 * i, 100, 0);
	tracegen_work(g, slot, work, 20, 200000);
	tracegen_end(g, 1000000, 0);
	assert_int_equal(tracegen_write(g, path), 0);
	tracegen_free(g);
}

static void test_measured(void **state)
{
	char path[] = "/tmp/lockprof-scopes-XXXXXX";
	static const double taken[] = { 90, 40, 50, 0 };
	static const double units[] = { 20, 20, 0, 0 };
	struct scopes scopes = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	write_trace(path);
	assert_int_equal(scopes_add(&scopes, NULL), 0);
	assert_int_equal(scopes_add(&scopes, "serve"), 0);
	assert_int_equal(scopes_add(&scopes, "load"), 0);
	assert_int_equal(scopes_add(&scopes, "none"), 0);
	assert_int_equal(scopes_add(&scopes, "serve"), 0);
	assert_int_equal(scopes_add(&scopes, NULL), 0);
	assert_int_equal(scopes.nr, 4);
	for (size_t turn = 1; turn <= 2; turn++) { /* more runs later */
		assert_int_equal(runs_add(&scopes.scopes[0].base, path), 0);
		assert_int_equal(runs_add(&scopes.scopes[0].more, path), 0);
		assert_int_equal(scopes_measure(&scopes, NULL, NULL), 0);
		assert_int_equal(scopes_compare(&scopes), 0);
		for (size_t i = 0; i < 4; i++) {
			const struct comparison *c = &scopes.comparisons[i];
			const struct run *run = &scopes.scopes[i].more.runs[turn - 1];

			assert_int_equal(scopes.scopes[i].base.nr, turn);
			assert_true(c->total.metric[METRIC_ACQUISITIONS].more == taken[i]);
			assert_true(run->work_units == units[i]);
			assert_int_equal(run->nr_phases, 2);
			assert_int_equal(c->nr_locks, i < 3);
			assert_int_equal(c->more_phases, i < 3 ? turn : 0);
		}
		assert_true(
			scopes.comparisons[1].locks[0].metric[METRIC_ACQUISITIONS_PER_UNIT].base ==
			2);
		assert_string_equal(scopes.comparisons[1].locks[0].subject, "cache in phase serve");
		assert_string_equal(scopes.comparisons[0].locks[0].subject, "cache");
		scopes_forget(&scopes);
	}
	scopes_fini(&scopes);
	remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_asked), cmocka_unit_test(test_named),
		cmocka_unit_test(test_exact),	     cmocka_unit_test(test_alone),
		cmocka_unit_test(test_order_counts), cmocka_unit_test(test_missing_phase),
		cmocka_unit_test(test_new_phase),    cmocka_unit_test(test_missing_lock),
		cmocka_unit_test(test_comparable),   cmocka_unit_test(test_writers),
		cmocka_unit_test(test_measured),
	};

	return cmocka_run_group_tests_name("scopes", tests, NULL, NULL);
}
