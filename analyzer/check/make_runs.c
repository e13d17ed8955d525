/* SPDX-License-Identifier: MIT */
/*
 * make_runs.c: a program run several times, recorded
 *
 * Two programs are run in turn, and in turn first: B N N B B N N B. What changes slowly (clock
 * speed, caches of the disk, a neighbour) then comes to both alike, which a series of one and then
 * of the other would take for a difference.
 *
 * More runs can be asked for later, and go on as if there had been no break.
 *
 * Each run is `lockprof record` into a folder of its own. The programs write to our stderr: our
 * stdout is the verdict's.
 */
#include "check.h"

#include "../cmd.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *scratch; /* to be removed */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void make_runs_clean(void)
{
	if (scratch)
		nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(scratch);
	scratch = NULL;
}

/* ---- folders ---- */

static int make_folder(const char *path, bool may_exist)
{
	if (mkdir(path, 0777) == 0 || (may_exist && errno == EEXIST))
		return 0;
	output_error("cannot make %s: %s", path, strerror(errno));
	return -errno;
}

static int make_scratch(void)
{
	const char *tmp = getenv("TMPDIR");

	if (asprintf(&scratch, "%s/lockprof-check-XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0) {
		scratch = NULL;
		return -ENOMEM;
	}
	if (mkdtemp(scratch))
		return 0;
	output_error("cannot make a folder like %s: %s", scratch, strerror(errno));
	free(scratch);
	scratch = NULL;
	return -EIO;
}

/* With two programs each has a folder for its runs. */
static char *series_folder(const char *root, bool is_base, bool are_two)
{
	char *path;

	if (asprintf(&path, "%s%s", root, !are_two ? "" : is_base ? "/base" : "/new") < 0)
		return NULL;
	return path;
}

/* ---- one run ---- */

/* Runs cmd_record() with our stderr for the program's stdout. */
static int record(char **argv, int argc)
{
	int saved = dup(STDOUT_FILENO), status;

	fflush(stdout);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	status = cmd_record(argc, argv);
	fflush(stdout);
	if (saved >= 0) {
		dup2(saved, STDOUT_FILENO);
		close(saved);
	}
	return status;
}

static size_t count_words(char **words)
{
	size_t nr = 0;

	while (words[nr])
		nr++;
	return nr;
}

/* The status, or -ENOMEM. */
static int record_into(const struct make_runs *plan, const char *folder, char **command)
{
	static char words[][16] = { "record", "--quiet", "--output", "--opt", "--" };
	size_t nr = 0, nr_command = count_words(command);
	char **argv = calloc(nr_command + 2 * plan->settings->nr + 6, sizeof(*argv)), *file;
	int status;

	if (!argv || asprintf(&file, "%s/run.trace", folder) < 0) {
		free(argv);
		return -ENOMEM;
	}
	argv[nr++] = words[0];
	argv[nr++] = words[1];
	argv[nr++] = words[2];
	argv[nr++] = file;
	for (size_t i = 0; i < plan->settings->nr; i++) {
		argv[nr++] = words[3];
		argv[nr++] = (char *)plan->settings->items[i];
	}
	argv[nr++] = words[4];
	memcpy(&argv[nr], command, nr_command * sizeof(*argv));
	status = record(argv, (int)(nr + nr_command));
	free(file);
	free(argv);
	return status;
}

static int make_run(const struct make_runs *plan, const char *series, size_t number, char **command,
		    struct runs *runs, int *status)
{
	char *folder;
	int err;

	if (asprintf(&folder, "%s/run-%zu", series, number) < 0)
		return -ENOMEM;
	err = make_folder(folder, false);
	if (!err) {
		*status = record_into(plan, folder, command);
		err = *status < 0 ? *status : runs_add(runs, folder);
	}
	if (!err && *status)
		output_error("run %zu of %s ended with status %d", number, command[0], *status);
	free(folder);
	return err;
}

/* ---- all of them ---- */

static int make_series(const struct make_runs *plan, const char *base_folder,
		       const char *more_folder, struct runs *base, struct runs *more, int *status)
{
	char shell[] = "sh", option[] = "-c";
	char *base_command[] = { shell, option, (char *)plan->base_command, NULL };
	int err = 0;

	for (size_t i = plan->nr_made; i < plan->nr && !err && !*status; i++) {
		for (size_t turn = 0; turn < 2 && !err && !*status; turn++) {
			bool is_base = turn == i % 2;

			if (!is_base)
				err = make_run(plan, more_folder, i + 1, plan->command, more,
					       status);
			else if (plan->base_command)
				err = make_run(plan, base_folder, i + 1, base_command, base,
					       status);
		}
	}
	return err;
}

int make_runs(const struct make_runs *plan, struct runs *base, struct runs *more, int *status)
{
	char *base_folder = NULL, *more_folder = NULL;
	int err = plan->keep ? make_folder(plan->keep, true) : scratch ? 0 : make_scratch();
	const char *root = plan->keep ? plan->keep : scratch;
	bool are_two = plan->base_command != NULL;

	*status = 0;
	if (!err) {
		base_folder = series_folder(root, true, are_two);
		more_folder = series_folder(root, false, are_two);
		err = base_folder && more_folder ? 0 : -ENOMEM;
	}
	if (!err && are_two)
		err = make_folder(base_folder, true);
	if (!err && are_two)
		err = make_folder(more_folder, true);
	if (!err)
		err = make_series(plan, base_folder, more_folder, base, more, status);
	if (err == -ENOMEM)
		output_error("%s", strerror(ENOMEM));
	free(base_folder);
	free(more_folder);
	return err;
}
