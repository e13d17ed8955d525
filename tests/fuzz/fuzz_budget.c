/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the budget file of lockprof check.
 *
 * What is accepted has only numbers that can be compared with, and sections with names; and it can
 * be looked up for a lock.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "../../analyzer/check/check.h"
#include "fuzz.h"

static void check_limits(const struct limits *limits)
{
	for (int m = 0; m < NR_METRICS; m++) {
		need(isnan(limits->absolute[m]) || limits->absolute[m] >= 0);
		need(!isinf(limits->absolute[m]));
		need(isnan(limits->relative[m]) || limits->relative[m] >= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct comparison serve = { .phase = "serve", .total.in = &serve };
	struct lock_change lock = { .key = "app/mutex/cache[].mu", .label = "cache[].mu" };
	FILE *in = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	struct limits limits;
	struct budget budget;
	int err;

	if (!in)
		return 0;
	budget_init(&budget);
	err = budget_parse(&budget, "budget", in);
	fclose(in);
	need(err == 0 || err == -EINVAL);
	if (!err) {
		need(budget.alpha > 0 && budget.alpha < 1);
		need(budget.wait_alpha > 0 && budget.wait_alpha < 1);
		check_limits(&budget.total);
		for (size_t i = 0; i < budget.nr_locks; i++) {
			need(budget.locks[i].pattern && *budget.locks[i].pattern);
			check_limits(&budget.locks[i]);
		}
		for (size_t i = 0; i < budget.nr_phases; i++) {
			need(budget.phases[i].phase && *budget.phases[i].phase);
			check_limits(&budget.phases[i]);
		}
		for (size_t i = 0; i < budget.only.nr; i++)
			need(*budget.only.items[i]);
		limits = budget_limits(&budget, &lock);
		check_limits(&limits);
		lock.in = &serve;
		limits = budget_limits(&budget, &lock);
		check_limits(&limits);
		limits = budget_limits(&budget, &serve.total);
		check_limits(&limits);
	}
	budget_fini(&budget);
	return 0;
}
