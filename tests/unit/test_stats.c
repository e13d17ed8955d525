/* SPDX-License-Identifier: MIT */
/* Statistics over runs: against enumeration of all choices, and against published tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../analyzer/diff/stats.h"

static void assert_near(double got, double wanted, double by)
{
	if (!(fabs(got - wanted) <= by))
		fail_msg("%.12g is not %.12g", got, wanted);
}

static void test_medians(void **state)
{
	double odd[] = { 9, 1, 5 }, even[] = { 4, 1, 3, 2 }, spread[] = { 1, 1, 2, 2, 4, 6, 9 };

	(void)state;
	assert_near(stats_median(odd, 3), 5, 0);
	assert_near(stats_median(even, 4), 2.5, 0);
	assert_near(stats_median(odd, 1), 1, 0); /* sorted now */
	assert_near(stats_median(odd, 0), 0, 0);
	assert_near(stats_mad(spread, 7), 1, 0);
	assert_near(stats_mad(odd, 1), 0, 0);
}

/* Twice the U statistic of `chosen`: pairs in which it is greater count 2, equal ones 1. */
static int twice_u(const double *all, size_t nr, unsigned int chosen)
{
	int u = 0;

	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < nr; k++)
			if ((chosen >> i & 1) && !(chosen >> k & 1))
				u += all[i] > all[k] ? 2 : !(all[i] < all[k]);
	return u;
}

/* By trying all choices of nr_more values, with U and not with the sum of ranks. */
static double enumerate(const double *base, size_t nr_base, const double *more, size_t nr_more)
{
	size_t nr = nr_base + nr_more;
	unsigned int seen = ((1u << nr_more) - 1) << nr_base;
	double all[16], total = 0, reached = 0;

	memcpy(all, base, nr_base * sizeof(*all));
	memcpy(all + nr_base, more, nr_more * sizeof(*all));
	for (unsigned int chosen = 0; chosen < 1u << nr; chosen++) {
		if ((size_t)__builtin_popcount(chosen) != nr_more)
			continue;
		total++;
		reached += twice_u(all, nr, chosen) >= twice_u(all, nr, seen);
	}
	return reached / total;
}

/* All sizes up to 6 and 6, values from few (many ties) and from many. */
static void test_enumerated(void **state)
{
	unsigned int seed = 7;

	(void)state;
	for (int round = 0; round < 12; round++) {
		for (size_t n = 1; n <= 6; n++) {
			for (size_t m = 1; m <= 6; m++) {
				double base[6], more[6];

				for (size_t i = 0; i < 6; i++) {
					base[i] = rand_r(&seed) % (round % 2 ? 4 : 1000);
					more[i] = rand_r(&seed) % (round % 2 ? 4 : 1000) + round;
				}
				assert_near(stats_mann_whitney(base, n, more, m),
					    enumerate(base, n, more, m), 1e-12);
			}
		}
	}
}

/* The left tail of U for these sizes, as in the tables of Mann and Whitney (1947). */
static void test_tables(void **state)
{
	static const double base[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const double above[] = { 11, 12, 13, 14, 15 }, mixed[] = { 4.5, 12, 13, 14, 15 };
	const double below[] = { -1, -2, -3, -4, -5 };

	(void)state;
	assert_near(stats_mann_whitney(base, 3, above, 3), 0.05, 1e-12);
	assert_near(stats_mann_whitney(base, 4, above, 4), 0.0142857, 1e-6);
	assert_near(stats_mann_whitney(base, 5, above, 5), 0.00396825, 1e-7);
	assert_near(stats_mann_whitney(base, 8, above, 5), 1.0 / 1287, 1e-9);
	assert_near(stats_mann_whitney(base, 5, mixed, 5), 2.0 / 252, 1e-9); /* U = 1 */
	assert_near(stats_mann_whitney(base, 5, below, 5), 1, 1e-12);
	assert_near(stats_mann_whitney(base, 0, above, 5), 1, 0);
}

static void test_equal(void **state)
{
	static const double same[60] = { 0 };

	(void)state;
	assert_near(stats_mann_whitney(same, 5, same, 5), 1, 1e-12);
	assert_near(stats_mann_whitney(same, 60, same, 60), 1, 1e-12);
}

/* Too many runs to count: near to what counting with integers of any length gave elsewhere. */
static void test_approximation(void **state)
{
	double base[40], more[40];

	(void)state;
	for (int i = 0; i < 40; i++) {
		base[i] = i * 17 % 40;
		more[i] = i * 23 % 40 + 6.5;
	}
	assert_near(stats_mann_whitney(base, 40, more, 40), 0.0105789, 0.0003);
	assert_near(stats_mann_whitney(base, 24, more, 24), 0.1865495, 1e-6); /* counted */
	for (int i = 0; i < 30; i++) {
		base[i] = 2 * i;
		more[i] = 2 * i + (i % 2 ? 9 : 9.5);
	}
	assert_near(stats_mann_whitney(base, 30, more, 30), 0.0326996, 0.0003);
}

static void test_capacity(void **state)
{
	(void)state;
	assert_near(stats_least_p(5, 5), 1.0 / 252, 1e-15);
	assert_near(stats_least_p(10, 3), 1.0 / 286, 1e-15);
	assert_int_equal(stats_capacity(3, 3, 0.05), 0); /* 0.05 is not below 0.05 */
	assert_int_equal(stats_capacity(2, 2, 0.5), 2); /* three times 1 / 6 is not below it */
	assert_int_equal(stats_capacity(4, 4, 0.05), 3);
	assert_int_equal(stats_capacity(5, 5, 0.05), 12);
	assert_int_equal(stats_capacity(0, 5, 0.05), 0);
	assert_int_equal(stats_runs_needed(1, 0.05), 4);
	assert_int_equal(stats_runs_needed(3, 0.05), 4);
	assert_int_equal(stats_runs_needed(4, 0.05), 5);
	assert_int_equal(stats_runs_needed(13, 0.05), 6);
}

static void test_holm(void **state)
{
	double p[] = { 0.01, 0.04, 0.03, 0.005 }, ones[] = { 0.9, 0.8 };

	(void)state;
	assert_int_equal(stats_holm(p, 4), 0);
	assert_near(p[0], 0.03, 1e-12);
	assert_near(p[1], 0.06, 1e-12); /* never less than one before it */
	assert_near(p[2], 0.06, 1e-12);
	assert_near(p[3], 0.02, 1e-12);
	assert_int_equal(stats_holm(ones, 2), 0);
	assert_near(ones[0], 1, 0);
	assert_near(ones[1], 1, 0);
	assert_int_equal(stats_holm(p, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_medians),	      cmocka_unit_test(test_enumerated),
		cmocka_unit_test(test_tables),	      cmocka_unit_test(test_equal),
		cmocka_unit_test(test_approximation), cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_holm),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
