/* SPDX-License-Identifier: MIT */
/*
 * runs.c: which trace files make up which run
 *
 * A file is a run by itself. A folder stands for a tree of processes, when it has traces, or for a
 * series of runs, when it has folders of traces; `lockprof check --keep` makes both. What else
 * lies in a folder is not looked at.
 */
#include "diff.h"

#include "../traces.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct run *add_run(struct runs *runs, const char *name)
{
	struct run *all = realloc(runs->runs, (runs->nr + 1) * sizeof(*all));
	struct run *run;

	if (!all)
		return NULL;
	runs->runs = all;
	run = &all[runs->nr];
	*run = (struct run){ .name = strdup(name) };
	if (!run->name)
		return NULL;
	runs->nr++;
	return run;
}

static int add_path(struct run *run, const char *folder, const char *name)
{
	char **paths = realloc(run->paths, (run->nr_paths + 1) * sizeof(*paths));

	if (!paths)
		return -ENOMEM;
	run->paths = paths;
	if (asprintf(&paths[run->nr_paths], "%s%s%s", folder, *folder ? "/" : "", name) < 0)
		return -ENOMEM;
	run->nr_paths++;
	return 0;
}

static bool is_trace(const char *name)
{
	return (fnmatch("*.trace", name, 0) == 0 || fnmatch("*.trace.*", name, 0) == 0) &&
	       fnmatch("*.old", name, 0) != 0;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* All traces of a folder are one run. 1 when it has any, 0, or -errno. */
static int add_tree(struct runs *runs, const char *folder)
{
	struct dirent **entries;
	int nr = scandir(folder, &entries, NULL, versionsort), err = 0;
	struct run *run = NULL;

	if (nr < 0)
		return -errno;
	for (int i = 0; i < nr; i++) {
		if (!err && is_trace(entries[i]->d_name)) {
			run = run ? run : add_run(runs, folder);
			err = run ? add_path(run, folder, entries[i]->d_name) : -ENOMEM;
		}
		free(entries[i]);
	}
	free(entries);
	return err ? err : run != NULL;
}

static int add_series(struct runs *runs, const char *folder)
{
	struct dirent **entries;
	int nr = scandir(folder, &entries, NULL, versionsort), found = 0, err = 0;

	if (nr < 0)
		return -errno;
	for (int i = 0; i < nr; i++) {
		char *path = NULL;

		if (!err && entries[i]->d_name[0] != '.') {
			if (asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
				err = -ENOMEM;
			else if (is_folder(path))
				err = add_tree(runs, path);
			found += err > 0;
			err = err < 0 ? err : 0;
			free(path);
		}
		free(entries[i]);
	}
	free(entries);
	return err ? err : found > 0;
}

int runs_add(struct runs *runs, const char *operand)
{
	struct run *run;
	int found;

	if (is_folder(operand)) {
		found = add_tree(runs, operand);
		if (found == 0)
			found = add_series(runs, operand);
		if (found == 0)
			output_error("%s: no traces in this folder", operand);
		else if (found < 0)
			output_error("%s: %s", operand, strerror(-found));
		return found > 0 ? 0 : found ? found : -ENOENT;
	}
	run = add_run(runs, operand);
	if (run && add_path(run, "", operand) == 0)
		return 0;
	output_error("%s", strerror(ENOMEM));
	return -ENOMEM;
}

static int copy_run(struct runs *runs, const struct run *other)
{
	struct run *run = add_run(runs, other->name);
	int err = run ? 0 : -ENOMEM;

	for (size_t i = 0; i < other->nr_paths && !err; i++)
		err = add_path(run, "", other->paths[i]);
	return err;
}

int runs_follow(struct runs *runs, const struct runs *others)
{
	int err = 0;

	while (runs->nr < others->nr && !err)
		err = copy_run(runs, &others->runs[runs->nr]);
	if (err)
		output_error("%s", strerror(-err));
	return err;
}

/* ---- measuring ---- */

bool run_has_phase(const struct run *run, const char *phase)
{
	for (size_t i = 0; phase && i < run->nr_phases; i++)
		if (strcmp(run->phases[i], phase) == 0)
			return true;
	return !phase;
}

/* Deadlocks are looked for in whole runs only. */
static int measure_run(struct run *run, const char *phase, struct symbols *files,
		       struct suppressions *suppressions)
{
	struct model *model = model_new();
	int err;

	if (!model || (phase && model_only_phase(model, phase))) {
		output_error("%s", strerror(ENOMEM));
		model_free(model);
		return -ENOMEM;
	}
	model_share(model, files);
	err = traces_add(model, (const char *const *)run->paths, run->nr_paths);
	if (!err) {
		err = model_finish(model);
		if (!err)
			err = measure_locks(run, model);
		if (!err && !phase)
			err = measure_order(run, model, suppressions);
		if (err)
			output_error("%s: %s", run->name, strerror(-err));
	}
	model_free(model);
	return err;
}

int runs_measure(struct runs *runs, struct symbols *files, struct suppressions *suppressions)
{
	int err = 0;

	for (; runs->nr_measured < runs->nr && !err; runs->nr_measured += !err)
		err = measure_run(&runs->runs[runs->nr_measured], runs->phase, files, suppressions);
	return err;
}

static void run_lock_fini(struct run_lock *lock)
{
	places_fini(lock);
	free(lock->key);
	free(lock->label);
}

static void run_fini(struct run *run)
{
	for (size_t i = 0; i < run->nr_locks; i++)
		run_lock_fini(&run->locks[i]);
	for (size_t i = 0; i < run->nr_paths; i++)
		free(run->paths[i]);
	for (size_t i = 0; i < run->nr_findings; i++) {
		free(run->findings[i].text);
		free(run->findings[i].file);
		free(run->findings[i].function);
	}
	for (size_t i = 0; i < run->nr_edges; i++) {
		free(run->edges[i].from);
		free(run->edges[i].to);
		free(run->edges[i].from_label);
		free(run->edges[i].to_label);
	}
	for (size_t i = 0; i < run->nr_phases; i++)
		free(run->phases[i]);
	run_lock_fini(&run->total);
	free(run->phases);
	free(run->locks);
	free(run->paths);
	free(run->findings);
	free(run->edges);
	free(run->program);
	free(run->host);
	free(run->name);
}

void runs_fini(struct runs *runs)
{
	for (size_t i = 0; i < runs->nr; i++)
		run_fini(&runs->runs[i]);
	free(runs->runs);
	*runs = (struct runs){ 0 };
}
