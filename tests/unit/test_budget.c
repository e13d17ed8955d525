/* SPDX-License-Identifier: MIT */
/* The budget file: what it says, what is refused and where, and that a written one can be read. */
#include "runs_fixture.h"

#include <errno.h>
#include <unistd.h>

#include "../../analyzer/check/check.h"

static int parse(struct budget *budget, const char *text)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int err;

	assert_non_null(in);
	budget_init(budget);
	err = budget_parse(budget, "b.ini", in);
	fclose(in);
	return err;
}

static void test_all_keys(void **state)
{
	struct budget b;

	(void)state;
	assert_int_equal(parse(&b,
			       "# comment\n[check]\nalpha = 0.01\nmin_runs=6 ; so many\n"
			       "gate_hold=no\ngate_wait = yes\nexact_acquisitions = yes\n"
			       "hold_rel = +10%\nwait_rel=+100 %\nhold_floor=100ns\n"
			       "demand_floor = 2ms\nwait_floor = 0.5s\non_missing_lock=fail\n"
			       "on_new_lock=ignore\n"
			       "[total]\nwait_total = 50ms\nwait_share=5%\n"
			       "[lock \"a # b\"]\nhold_p50 = 2us\nhold_p50_rel = off\n"
			       "acquisitions = 100\ncontention = 0.25\nexact_acquisitions=no\n"
			       "[lock-order]\ncycles = 0\nfail_on = POTENTIAL\nnew_edges = warn\n"),
			 0);
	assert_true(b.alpha == 0.01 && b.min_runs == 6 && b.gate_hold == 0 && b.gate_wait == 1);
	assert_true(b.exact_acquisitions == 1 && b.wait_rel == 1 && fabs(b.hold_rel - 0.1) < 1e-12);
	assert_true(b.hold_floor_ns == 100 && b.demand_floor_ns == 2e6 && b.wait_floor_ns == 5e8);
	assert_int_equal(b.on_missing_lock, POLICY_FAIL);
	assert_int_equal(b.on_new_lock, POLICY_IGNORE);
	assert_true(b.total.absolute[METRIC_WAIT_TOTAL] == 50e6);
	assert_true(b.total.absolute[METRIC_WAIT_SHARE] == 0.05);
	assert_true(isnan(b.total.absolute[METRIC_WAIT_P99]));
	assert_int_equal(b.nr_locks, 1);
	assert_string_equal(b.locks[0].pattern, "a # b");
	assert_true(b.locks[0].absolute[METRIC_HOLD_P50] == 2000);
	assert_int_equal(b.locks[0].absolute_line[METRIC_HOLD_P50], 19);
	assert_true(isinf(b.locks[0].relative[METRIC_HOLD_P50]));
	assert_true(isnan(b.locks[0].relative[METRIC_HOLD_P90]));
	assert_true(b.locks[0].absolute[METRIC_CONTENTION] == 0.25);
	assert_true(b.locks[0].exact_acquisitions == 0);
	assert_true(b.max_cycles == 0);
	assert_int_equal(b.fail_on, ORDER_POTENTIAL);
	assert_int_equal(b.new_edges, POLICY_WARN);
	budget_fini(&b);
}

static void test_phases(void **state)
{
	struct scopes scopes = { 0 };
	struct budget b;

	(void)state;
	assert_int_equal(parse(&b,
			       "[phase \"start up\"]\nwait_total = 5ms\n"
			       "acquisitions_per_unit = 1.5\n"
			       "[lock \"a.mu\" in \"serve\"]\nserial_demand_per_unit = 2us\n"
			       "wait_per_unit_rel = +50%\n"
			       "[lock \"b\"   in\t\"serve\"]\n"
			       "[lock \"a \"in\" quotes\"]\n"
			       "[check]\non_missing_phase=warn\ngate_units=no\nunits_rel=+5%\n"),
			 0);
	assert_int_equal(b.nr_phases, 1);
	assert_string_equal(b.phases[0].phase, "start up");
	assert_null(b.phases[0].pattern);
	assert_true(b.phases[0].absolute[METRIC_WAIT_TOTAL] == 5e6);
	assert_true(b.phases[0].absolute[METRIC_ACQUISITIONS_PER_UNIT] == 1.5);
	assert_int_equal(b.phases[0].absolute_line[METRIC_ACQUISITIONS_PER_UNIT], 3);
	assert_int_equal(b.nr_locks, 3);
	assert_string_equal(b.locks[0].pattern, "a.mu");
	assert_string_equal(b.locks[0].phase, "serve");
	assert_true(b.locks[0].absolute[METRIC_DEMAND_PER_UNIT] == 2000);
	assert_true(b.locks[0].relative[METRIC_WAIT_PER_UNIT] == 0.5);
	assert_string_equal(b.locks[1].pattern, "b");
	assert_string_equal(b.locks[1].phase, "serve");
	assert_string_equal(b.locks[2].pattern, "a \"in\" quotes");
	assert_null(b.locks[2].phase);
	assert_int_equal(b.on_missing_phase, POLICY_WARN);
	assert_true(b.gate_units == 0 && fabs(b.units_rel - 0.05) < 1e-12);
	assert_int_equal(budget_scopes(&b, &scopes), 0);
	assert_int_equal(scopes.nr, 3);
	assert_null(scopes.scopes[0].base.phase);
	assert_string_equal(scopes.scopes[1].base.phase, "start up");
	assert_string_equal(scopes.scopes[2].more.phase, "serve");
	scopes_fini(&scopes);
	budget_fini(&b);
}

/* Only these, whatever the sections name; and the command line, whatever the file says. */
static void test_only_phases(void **state)
{
	const char *items[] = { "a, b" };
	const struct option_list option = { .items = items, .nr = 1 };
	struct scopes scopes = { 0 };
	struct budget b;

	(void)state;
	assert_int_equal(parse(&b, "[phase \"other\"]\n[check]\nphases = gone\n"
				   "phases = start up , serve\n"),
			 0);
	assert_int_equal(b.only.nr, 2);
	assert_string_equal(b.only.items[0], "start up");
	assert_string_equal(b.only.items[1], "serve");
	assert_int_equal(budget_scopes(&b, &scopes), 0);
	assert_int_equal(scopes.nr, 3);
	scopes_fini(&scopes);
	assert_int_equal(budget_only(&b, &option), 0);
	assert_int_equal(budget_scopes(&b, &scopes), 0);
	assert_int_equal(scopes.nr, 2);
	assert_string_equal(scopes.scopes[1].base.phase, "a, b");
	scopes_fini(&scopes);
	budget_fini(&b);
}

/* What is said on stderr about a bad file, to be freed. */
static char *complaint(const char *text)
{
	FILE *to = tmpfile();
	int saved = dup(STDERR_FILENO);
	char *said = calloc(1, 1000);
	struct budget b;

	assert_non_null(to);
	assert_non_null(said);
	fflush(stderr);
	dup2(fileno(to), STDERR_FILENO);
	assert_int_equal(parse(&b, text), -EINVAL);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	budget_fini(&b);
	rewind(to);
	assert_true(fread(said, 1, 999, to) > 0);
	fclose(to);
	return said;
}

static void test_complaints(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "[check]\n\nalhpa = 0.05\n", "b.ini:3: unknown key alhpa; did you mean alpha?" },
		{ "[check]\nalpha = much\n", "b.ini:2: alpha wants a share" },
		{ "[check]\nalpha = 0\n", "alpha must be between" },
		{ "[check]\nmin_runs = 2.5\n", "min_runs wants a whole number" },
		{ "[check]\ngate_wait = maybe\n", "gate_wait wants yes or no" },
		{ "[check]\non_new_lock = stop\n", "ignore, warn or fail" },
		{ "[lock \"a\"]\nhold_p50 = 2\n", "hold_p50 wants a time with its unit" },
		{ "[lock \"a\"]\nhold_p50 = -2us\n", "hold_p50 wants a time" },
		{ "[lock \"a\"]\nhold_p50 = nan\n", "hold_p50 wants a time" },
		{ "[lock \"a\"]\nhold_p50_rel = 20%\n", "hold_p50_rel wants a growth" },
		{ "[lock \"a\"]\nhold_p5 = 2us\n", "b.ini:2: unknown key hold_p5; did you mean" },
		{ "[lock \"a\"]\nwait_share = 120%\n", "at most 100%" },
		{ "[lock a]\n",
		  "b.ini:1: [lock \"NAME\"] or [lock \"NAME\" in \"PHASE\"] is expected" },
		{ "[lock \"a\" in serve]\n", "b.ini:1: [lock \"NAME\"] or [lock" },
		{ "[lock \"a\" in \"\"]\n", "b.ini:1: [lock \"NAME\"] or [lock" },
		{ "[phase serve]\n", "b.ini:1: [phase \"NAME\"] is expected, not [phase serve]" },
		{ "[phase \"serve\"]\nhold_p5 = 2us\n", "b.ini:2: unknown key hold_p5" },
		{ "[check]\nphases = a,,b\n", "b.ini:2: phases wants names of phases" },
		{ "[lock \"a\"]\nacquisitions_per_unit = 2us\n",
		  "b.ini:2: acquisitions_per_unit wants a number such as 2 or 0.5" },
		{ "[locks]\n", "b.ini:1: unknown section [locks]" },
		{ "[check\n", "b.ini:1: the section's ] is missing" },
		{ "[check]\nalpha\n", "b.ini:2: KEY = VALUE is expected, not alpha" },
		{ "alpha = 0.05\n", "b.ini:1: alpha = 0.05 stands before" },
		{ "[lock-order]\nfail_on = SURE\n", "fail_on wants a level" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *said = complaint(bad[i].text);

		if (!strstr(said, bad[i].says))
			fail_msg("\"%s\" is not in \"%s\"", bad[i].says, said);
		free(said);
	}
}

static void test_patterns(void **state)
{
	const struct lock_change shard = { .key = "app/mutex/shard[].mu", .label = "shard[].mu" };
	const struct lock_change twin = { .key = "app/mutex/lock", .label = "lock (app+0x4060)" };
	struct limits limits;
	struct budget b;

	(void)state;
	assert_int_equal(parse(&b, "[lock \"*\"]\nhold_p50=1us\nwait_p99=1ms\n"
				   "[lock \"shard[].mu\"]\nhold_p50=2us\n"
				   "[lock \"lock\"]\nhold_p50=3us\nexact_acquisitions=yes\n"),
			 0);
	limits = budget_limits(&b, &shard);
	assert_true(limits.absolute[METRIC_HOLD_P50] == 2000);
	assert_int_equal(limits.absolute_line[METRIC_HOLD_P50], 5);
	assert_true(limits.absolute[METRIC_WAIT_P99] == 1e6);
	assert_int_equal(limits.absolute_line[METRIC_WAIT_P99], 3);
	assert_true(isnan(limits.exact_acquisitions));
	limits = budget_limits(&b, &twin);
	assert_true(limits.absolute[METRIC_HOLD_P50] == 3000);
	assert_true(limits.exact_acquisitions == 1);
	budget_fini(&b);
}

/* What is written from a baseline is kept by it. */
static void test_written(void **state)
{
	struct runs base = { 0 }, none = { 0 };
	struct comparison c;
	struct check check;
	struct budget b;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	fixture_series(&base, 3, 333, 12e6);
	assert_int_equal(compare_runs(&c, &base, &none), 0);
	assert_int_equal(budget_write(&c, 1, out), 0);
	assert_int_equal(fclose(out), 0);
	compare_fini(&c);
	assert_int_equal(parse(&b, text), 0);
	assert_int_equal(b.nr_locks, 1);
	assert_string_equal(b.locks[0].pattern, "mu");
	assert_true(b.locks[0].absolute[METRIC_HOLD_P50] >= 1.5 * 333);
	assert_true(b.locks[0].absolute[METRIC_HOLD_P50] < 2 * 333);
	assert_int_equal(compare_runs(&c, &none, &base), 0);
	assert_int_equal(check_judge(&check, &c, 1, &b, false), 0);
	assert_int_equal(check.verdict, JUDGED_PASS);
	assert_int_equal(check_count(&check, JUDGED_PASS), 6); /* 4 limits, cycles, deadlocks */
	check_fini(&check);
	compare_fini(&c);
	budget_fini(&b);
	runs_fini(&base);
	free(text);
}

/* Of phases only what does not vary: counts per unit of work, and holds. */
static void test_written_phases(void **state)
{
	struct runs base[2] = { { 0 }, { .phase = "serve" } },
		    none[2] = { { 0 }, { .phase = "serve" } };
	struct comparison c[2];
	struct budget b;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	for (int i = 0; i < 2; i++) {
		fixture_series(&base[i], 3, 333, 12e6);
		for (size_t k = 0; k < 3; k++) {
			fixture_phase(&base[i].runs[k], "serve");
			base[i].runs[k].locks[0].value[METRIC_ACQUISITIONS] += (double)k * (i == 0);
			fixture_units(&base[i].runs[k], 3000);
		}
		assert_int_equal(compare_runs(&c[i], &base[i], &none[i]), 0);
	}
	assert_int_equal(budget_write(c, 2, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(parse(&b, text), 0);
	assert_int_equal(b.nr_locks, 2);
	assert_null(b.locks[0].phase);
	/* Varies by itself: a tenth more. Never varies: just so, rounded up. */
	assert_true(fabs(b.locks[0].absolute[METRIC_ACQUISITIONS_PER_UNIT] - 1.1 * 10002 / 3000) <
		    2e-6);
	assert_string_equal(b.locks[1].phase, "serve");
	assert_true(b.locks[1].absolute[METRIC_ACQUISITIONS_PER_UNIT] == 3.333334);
	assert_true(isnan(b.locks[1].absolute[METRIC_WAIT_SHARE]));
	assert_int_equal(b.nr_phases, 1);
	assert_true(b.phases[0].absolute[METRIC_ACQUISITIONS_PER_UNIT] == 3.333334);
	assert_true(isnan(b.phases[0].absolute[METRIC_WAIT_SHARE]));
	for (int i = 0; i < 2; i++) {
		compare_fini(&c[i]);
		runs_fini(&base[i]);
	}
	budget_fini(&b);
	free(text);
}

/* Names that cannot stand in a line in quotes have no sections. */
static void test_written_names(void **state)
{
	static const char *const names[] = { "a\033[1m", "a\n[total]", "a\"b", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct runs base[2] = { { 0 }, { .phase = names[i] } }, none[2] = { { 0 } };
		struct comparison c[2];
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		for (int k = 0; k < 2; k++) {
			fixture_lock(fixture_run(&base[k]), k ? "mu" : names[i], 1000, 100, 0);
			fixture_phase(&base[k].runs[0], names[i]);
			assert_int_equal(compare_runs(&c[k], &base[k], &none[k]), 0);
		}
		assert_int_equal(budget_write(c, 2, out), 0);
		assert_int_equal(fclose(out), 0);
		assert_null(strstr(text, "[lock \""));
		assert_null(strstr(text, "[phase \""));
		for (int k = 0; k < 2; k++) {
			compare_fini(&c[k]);
			runs_fini(&base[k]);
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys),       cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_patterns),       cmocka_unit_test(test_written),
		cmocka_unit_test(test_phases),	       cmocka_unit_test(test_only_phases),
		cmocka_unit_test(test_written_phases), cmocka_unit_test(test_written_names),
	};

	return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
