/* SPDX-License-Identifier: MIT */
/*
 * scopes.c: whole runs, and phases of theirs
 *
 * The runs of a phase are runs like all others, measured as if nothing but that phase had been
 * recorded: the traces are read once more for each. So everything that is known of runs holds for a
 * phase, its time, threads and units of work too, and only who asks for phases pays for them.
 */
#include "diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int scopes_add(struct scopes *scopes, const char *phase)
{
	struct scope *all;

	for (size_t i = 0; i < scopes->nr; i++) {
		const char *has = scopes->scopes[i].base.phase;

		if (has == phase || (has && phase && strcmp(has, phase) == 0))
			return 0;
	}
	all = realloc(scopes->scopes, (scopes->nr + 1) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	scopes->scopes = all;
	all[scopes->nr++] = (struct scope){ .base.phase = phase, .more.phase = phase };
	return 0;
}

int scopes_measure(struct scopes *scopes, struct symbols *files, struct suppressions *suppressions)
{
	struct scope *whole = &scopes->scopes[0];
	int err = 0;

	for (size_t i = 0; i < scopes->nr && !err; i++) {
		struct scope *scope = &scopes->scopes[i];

		if (i > 0)
			err = runs_follow(&scope->base, &whole->base);
		if (!err && i > 0)
			err = runs_follow(&scope->more, &whole->more);
		if (!err)
			err = runs_measure(&scope->base, files, suppressions);
		if (!err)
			err = runs_measure(&scope->more, files, suppressions);
	}
	return err;
}

int scopes_compare(struct scopes *scopes)
{
	int err = 0;

	scopes->comparisons = calloc(scopes->nr, sizeof(*scopes->comparisons));
	if (!scopes->comparisons)
		return -ENOMEM;
	for (size_t i = 0; i < scopes->nr && !err; i++)
		err = compare_runs(&scopes->comparisons[i], &scopes->scopes[i].base,
				   &scopes->scopes[i].more);
	return err;
}

void scopes_forget(struct scopes *scopes)
{
	for (size_t i = 0; scopes->comparisons && i < scopes->nr; i++)
		compare_fini(&scopes->comparisons[i]);
	free(scopes->comparisons);
	scopes->comparisons = NULL;
}

void scopes_fini(struct scopes *scopes)
{
	scopes_forget(scopes);
	for (size_t i = 0; i < scopes->nr; i++) {
		runs_fini(&scopes->scopes[i].base);
		runs_fini(&scopes->scopes[i].more);
	}
	free(scopes->scopes);
	*scopes = (struct scopes){ 0 };
}
