/* SPDX-License-Identifier: MIT */
/*
 * stats.h: is one handful of runs slower than another?
 *
 * All values are one for each run. Events within a run depend on each other (one slow moment delays
 * thousands of them), so a test over events finds a difference between any two runs.
 */
#ifndef ANALYZER_DIFF_STATS_H
#define ANALYZER_DIFF_STATS_H

#include <stddef.h>

/* Sorts the values. 0 without any. */
double stats_median(double *values, size_t nr);
/* Median distance to the median, as it is (not scaled to a standard deviation). Overwrites them. */
double stats_mad(double *values, size_t nr);

/*
 * Mann-Whitney, one-sided: the probability of ranks of `more` as high as these or higher, when the
 * runs only happen to be on this side or that. 1 when a side is empty. Out of memory: -1. Exact,
 * ties included, up to 25 runs a side (or 60 against 5); beyond that by the normal approximation.
 */
double stats_mann_whitney(const double *base, size_t nr_base, const double *more, size_t nr_more);

/* The least p that so many runs can give: 1 / (nr_base + nr_more over nr_more). */
double stats_least_p(size_t nr_base, size_t nr_more);
/* How many of the questions can be asked together so that one can still be answered below alpha. */
size_t stats_capacity(size_t nr_base, size_t nr_more, double alpha);
/* Runs on each side that are needed to ask nr questions. */
size_t stats_runs_needed(size_t nr, double alpha);

/* Holm's adjustment, in place: then each p may be compared with alpha by itself. 0 or -ENOMEM. */
int stats_holm(double *p, size_t nr);

#endif
