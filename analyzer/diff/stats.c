/* SPDX-License-Identifier: MIT */
/*
 * stats.c: the few statistics that a gate needs, without assuming any distribution
 *
 * Lock times are skewed and have outliers, so nothing here uses means or variances. The ranks of
 * the runs do: under "nothing changed" each choice of nr_more out of all runs is as likely as the
 * one that was seen, and the test counts the choices with a rank sum as high. They are counted, not
 * enumerated: ways[k][s] is the number of choices of k runs with the sum s. Equal values share the
 * mean of their ranks; ranks are doubled, so that these are whole numbers too.
 */
#include "stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double stats_median(double *values, size_t nr)
{
	if (!nr)
		return 0;
	qsort(values, nr, sizeof(*values), compare);
	return nr % 2 ? values[nr / 2] : (values[nr / 2 - 1] + values[nr / 2]) / 2;
}

double stats_mad(double *values, size_t nr)
{
	double median = stats_median(values, nr);

	for (size_t i = 0; i < nr; i++)
		values[i] = fabs(values[i] - median);
	return stats_median(values, nr);
}

/* ---- Mann-Whitney ---- */

#define EXACT_STEPS 5e6 /* some milliseconds */
#define MOST_RUNS   100 /* that anybody would be asked to make */

struct ranked {
	double value;
	size_t rank; /* doubled, 2 is the lowest */
	int is_more;
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

/* Equal values share their mean rank: doubled, the sum of the first one's and the last one's. */
static void give_ranks(struct ranked *all, size_t nr)
{
	qsort(all, nr, sizeof(*all), compare_ranked);
	for (size_t begin = 0, end; begin < nr; begin = end) {
		for (end = begin; end < nr && !(all[end].value > all[begin].value); end++)
			;
		for (size_t i = begin; i < end; i++)
			all[i].rank = begin + 1 + end;
	}
}

static size_t rank_sum(const struct ranked *all, size_t nr)
{
	size_t sum = 0;

	for (size_t i = 0; i < nr; i++)
		sum += all[i].is_more ? all[i].rank : 0;
	return sum;
}

/* The part of all choices of nr_more values whose rank sum is at least `seen`. */
static double exact_p(const struct ranked *all, size_t nr, size_t nr_more, size_t seen)
{
	size_t width = nr * (nr + 1) + 1;
	double *ways = calloc((nr_more + 1) * width, sizeof(*ways));
	double reached = 0, total = 0;
	size_t greatest = 0; /* sum of the ranks so far */

	if (!ways)
		return -1;
	ways[0] = 1;
	for (size_t i = 0; i < nr; i++) {
		greatest += all[i].rank;
		for (size_t k = i < nr_more ? i + 1 : nr_more; k > 0; k--)
			for (size_t s = greatest; s >= all[i].rank; s--)
				ways[k * width + s] += ways[(k - 1) * width + s - all[i].rank];
	}
	for (size_t s = 0; s < width; s++) {
		total += ways[nr_more * width + s];
		reached += s >= seen ? ways[nr_more * width + s] : 0;
	}
	free(ways);
	return reached / total;
}

/* The normal curve with the same mean and variance, half a (doubled: one) step to its left. */
static double approximate_p(const struct ranked *all, size_t nr, size_t nr_more, size_t seen)
{
	double n = (double)nr, m = (double)nr_more, mean = m * (n + 1), squares = 0, variance;

	for (size_t i = 0; i < nr; i++)
		squares += pow((double)all[i].rank - (n + 1), 2);
	variance = m * (n - m) / (n * (n - 1)) * squares;
	if (variance <= 0)
		return 1;
	return 0.5 * erfc(((double)seen - 1 - mean) / sqrt(2 * variance));
}

double stats_mann_whitney(const double *base, size_t nr_base, const double *more, size_t nr_more)
{
	size_t nr = nr_base + nr_more, seen;
	struct ranked *all;
	double p;

	if (!nr_base || !nr_more)
		return 1;
	all = calloc(nr, sizeof(*all));
	if (!all)
		return -1;
	for (size_t i = 0; i < nr; i++)
		all[i] = (struct ranked){ .value = i < nr_base ? base[i] : more[i - nr_base],
					  .is_more = i >= nr_base };
	give_ranks(all, nr);
	seen = rank_sum(all, nr);
	p = pow((double)nr, 3) * (double)nr_more <= EXACT_STEPS
		    ? exact_p(all, nr, nr_more, seen)
		    : approximate_p(all, nr, nr_more, seen);
	free(all);
	return p;
}

/* ---- several questions at once ---- */

double stats_least_p(size_t nr_base, size_t nr_more)
{
	double choices = 1;

	for (size_t i = 1; i <= nr_more; i++)
		choices *= (double)(nr_base + i) / (double)i;
	return 1 / choices;
}

size_t stats_capacity(size_t nr_base, size_t nr_more, double alpha)
{
	double most = alpha / stats_least_p(nr_base, nr_more);

	if (!nr_base || !nr_more || most <= 1)
		return 0;
	return most > 1e9 ? (size_t)1e9 : (size_t)ceil(most) - 1;
}

size_t stats_runs_needed(size_t nr, double alpha)
{
	size_t runs = 1;

	while (runs < MOST_RUNS && stats_capacity(runs, runs, alpha) < nr)
		runs++;
	return runs;
}

static int compare_pointed(const void *a, const void *b)
{
	return compare(*(double *const *)a, *(double *const *)b);
}

int stats_holm(double *p, size_t nr)
{
	double **order = calloc(nr + 1, sizeof(*order)), least = 0;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		order[i] = &p[i];
	qsort(order, nr, sizeof(*order), compare_pointed);
	for (size_t i = 0; i < nr; i++) {
		double adjusted = *order[i] * (double)(nr - i);

		least = adjusted > least ? adjusted : least;
		*order[i] = least < 1 ? least : 1;
	}
	free(order);
	return 0;
}
