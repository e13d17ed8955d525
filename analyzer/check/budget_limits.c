/* SPDX-License-Identifier: MIT */
/*
 * budget_limits.c: what the budget says of a lock
 *
 * Sections are laid over each other, later ones on top. A section is for whole runs or for a phase.
 * When only phases are judged, one that names none is for each of them.
 */
#include "check.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

static bool fits_phase(const struct budget *budget, const struct limits *section, const char *phase)
{
	if (!section->phase)
		return !phase || budget->only.nr > 0;
	return phase && strcmp(section->phase, phase) == 0;
}

/* By its label, or by the name in its key: that lacks the address that twins are told apart by. */
bool budget_fits(const struct budget *budget, const struct limits *section,
		 const struct lock_change *lock)
{
	const char *name = strchr(lock->key, '/');

	if (!fits_phase(budget, section, lock->in ? lock->in->phase : NULL))
		return false;
	name = name ? strchr(name + 1, '/') : NULL;
	name = name ? name + 1 : lock->key;
	return strcmp(section->pattern, lock->label) == 0 || strcmp(section->pattern, name) == 0 ||
	       fnmatch(section->pattern, lock->label, 0) == 0 ||
	       fnmatch(section->pattern, name, 0) == 0;
}

static void lay_over(struct limits *sum, const struct limits *section)
{
	for (int m = 0; m < NR_METRICS; m++) {
		if (!isnan(section->relative[m]))
			sum->relative[m] = section->relative[m];
		if (isnan(section->absolute[m]))
			continue;
		sum->absolute[m] = section->absolute[m];
		sum->absolute_line[m] = section->absolute_line[m];
	}
	if (!isnan(section->exact_acquisitions))
		sum->exact_acquisitions = section->exact_acquisitions;
}

static struct limits total_limits(const struct budget *budget, const char *phase)
{
	struct limits sum = budget_no_limits();

	if (fits_phase(budget, &budget->total, phase))
		lay_over(&sum, &budget->total);
	for (size_t i = 0; i < budget->nr_phases; i++)
		if (fits_phase(budget, &budget->phases[i], phase))
			lay_over(&sum, &budget->phases[i]);
	return sum;
}

struct limits budget_limits(const struct budget *budget, const struct lock_change *lock)
{
	struct limits sum = budget_no_limits();

	if (lock->in && lock == &lock->in->total)
		return total_limits(budget, lock->in->phase);
	for (size_t i = 0; i < budget->nr_locks; i++)
		if (budget_fits(budget, &budget->locks[i], lock))
			lay_over(&sum, &budget->locks[i]);
	return sum;
}
