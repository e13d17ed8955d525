/* SPDX-License-Identifier: MIT */
/*
 * lockprof check: recordings against a baseline and a budget, for a build to fail by.
 *
 * Exit status: 0 fine, 3 a regression, 4 inconclusive: what was asked for cannot be told from these
 * runs. A regression comes first, since more runs would not make it go away. 1 is an error, or a
 * program that failed while it was recorded.
 */
#include "check/check.h"
#include "cmd.h"
#include "options.h"
#include "order_view.h"
#include "outfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
	int color;
	uint64_t nr_runs;
	struct option_list baselines, settings;
	const char *base_command, *budget, *suppressions, *keep, *junit, *sarif;
	bool json, github, write_budget;
};

/* ---- outputs ---- */

static int write_file(const struct check *check, const char *path,
		      int (*write)(const struct check *check, FILE *out))
{
	struct outfile file;
	int err = outfile_begin(&file, path);

	if (!err)
		err = outfile_end(&file, write(check, file.out));
	if (err)
		output_error("cannot write %s: %s", path, strerror(-err));
	return err;
}

/* The summary is shared by all that the step runs: added to, not replaced. */
static int add_summary(const struct check *check, const char *path)
{
	FILE *out = fopen(path, "ae");
	int err = out ? check_markdown(check, out) : -errno;

	if (out && fclose(out) != 0 && !err)
		err = -errno;
	if (err)
		output_error("cannot write %s: %s", path, strerror(-err));
	return err;
}

static int write_github(const struct check *check)
{
	const char *summary = getenv("GITHUB_STEP_SUMMARY");
	int err = check_github(check, stdout);

	return !err && summary && *summary ? add_summary(check, summary) : err;
}

static int write_all(const struct check *check, const struct arguments *arguments)
{
	int err = arguments->json ? check_json(check, stdout) : check_text(check, stdout);

	if (!err && arguments->junit)
		err = write_file(check, arguments->junit, check_junit);
	if (!err && arguments->sarif)
		err = write_file(check, arguments->sarif, check_sarif);
	if (!err && arguments->github)
		err = write_github(check);
	if (!err && (fflush(stdout) != 0 || ferror(stdout)))
		err = -EIO;
	return err;
}

/* ---- the check ---- */

static int status_of(enum verdict verdict)
{
	return verdict == JUDGED_FAIL ? 3 : verdict == JUDGED_INCONCLUSIVE ? 4 : 0;
}

/* The exit status. */
static int judge(const struct runs *base, const struct runs *more, const struct budget *budget,
		 const struct arguments *arguments)
{
	struct comparison comparison = { 0 };
	struct check check = { 0 };
	int err = compare_runs(&comparison, base, more), status = 1;

	if (!err && arguments->write_budget) {
		err = budget_write(&comparison, stdout);
		status = 0;
	} else if (!err) {
		err = check_judge(&check, &comparison, budget, base->nr > 0);
		if (!err)
			err = write_all(&check, arguments);
		status = status_of(check.verdict);
	}
	if (err)
		output_error("cannot check: %s", strerror(-err));
	check_fini(&check);
	compare_fini(&comparison);
	return err ? 1 : status;
}

/* 0 or -errno, with a message. A budget is made from the operands, so they are the base then. */
static int collect(struct runs *base, struct runs *more, const struct arguments *arguments,
		   char **operands, int *failed)
{
	struct runs *side = arguments->write_budget ? base : more;
	const struct make_runs plan = {
		.nr = arguments->nr_runs,
		.command = operands,
		.base_command = arguments->base_command,
		.keep = arguments->keep,
		.settings = &arguments->settings,
	};
	int err = 0;

	*failed = 0;
	for (size_t i = 0; i < arguments->baselines.nr && !err; i++)
		err = runs_add(base, arguments->baselines.items[i]);
	if (!err && plan.nr)
		return make_runs(&plan, base, side, failed);
	for (; *operands && !err; operands++)
		err = runs_add(side, *operands);
	return err;
}

static int run_check(const struct arguments *arguments, char **operands,
		     const struct budget *budget, struct suppressions *suppressions)
{
	struct runs base = { 0 }, more = { 0 };
	int failed, status = 1;
	int err = collect(&base, &more, arguments, operands, &failed);
	struct symbols *files = symbols_new(NULL); /* without it each run reads them anew */

	if (!err)
		err = runs_measure(&base, files, suppressions);
	if (!err)
		err = runs_measure(&more, files, suppressions);
	symbols_free(files);
	if (!err)
		status = judge(&base, &more, budget, arguments);
	runs_fini(&base);
	runs_fini(&more);
	make_runs_clean();
	return err ? 1 : failed && status != 3 ? 1 : status;
}

static int read_files(const struct arguments *arguments, struct budget *budget,
		      struct suppressions **suppressions)
{
	int err = arguments->budget ? budget_read(budget, arguments->budget) : 0;

	if (!err && arguments->suppressions)
		err = suppressions_read(suppressions, arguments->suppressions);
	return err;
}

/* ---- the command line ---- */

static int check_arguments(const struct options *options, const struct arguments *arguments,
			   int nr_operands)
{
	if (!nr_operands)
		return options_usage_error(options, arguments->nr_runs
							    ? "which command shall be run?"
							    : "check needs a trace, or --runs=N");
	if (arguments->nr_runs > 1000)
		return options_usage_error(options, "--runs=%llu: 1000 at most",
					   (unsigned long long)arguments->nr_runs);
	if (!arguments->nr_runs &&
	    (arguments->base_command || arguments->keep || arguments->settings.nr))
		return options_usage_error(options,
					   "--baseline-cmd, --keep and --opt need --runs=N");
	if (arguments->base_command && arguments->baselines.nr)
		return options_usage_error(options,
					   "--baseline and --baseline-cmd exclude each other");
	if (arguments->write_budget && (arguments->baselines.nr || arguments->base_command))
		return options_usage_error(options,
					   "--write-budget takes the baseline as its operands");
	if (arguments->json && arguments->github)
		return options_usage_error(options, "--json and --github exclude each other");
	return 0;
}

int cmd_check(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	const struct option_row rows[] = {
		{ "baseline", 'b', OPTION_LIST, &arguments.baselines, "TRACE",
		  "what to compare with: a trace or a folder (repeatable)", NULL },
		{ "budget", 0, OPTION_TEXT, &arguments.budget, "FILE", "limits", NULL },
		{ "runs", 'n', OPTION_COUNT, &arguments.nr_runs, "N",
		  "run COMMAND so often, recorded", NULL },
		{ "baseline-cmd", 0, OPTION_TEXT, &arguments.base_command, "COMMAND",
		  "what to compare with is run by sh, in turn with COMMAND", NULL },
		{ "keep", 0, OPTION_TEXT, &arguments.keep, "DIR",
		  "keep the traces of these runs there", NULL },
		{ "opt", 0, OPTION_LIST, &arguments.settings, "KEY=VALUE",
		  "an option of the shim for these runs (repeatable)", NULL },
		{ "suppressions", 0, OPTION_TEXT, &arguments.suppressions, "FILE",
		  "deadlock findings to leave out, as in lockprof order", NULL },
		{ "write-budget", 0, OPTION_FLAG, &arguments.write_budget, NULL,
		  "print a budget that these runs keep, and judge nothing", NULL },
		{ "json", 0, OPTION_FLAG, &arguments.json, NULL, "JSON, schema lockprof-check/1",
		  NULL },
		{ "junit", 0, OPTION_TEXT, &arguments.junit, "FILE", "also as JUnit XML", NULL },
		{ "sarif", 0, OPTION_TEXT, &arguments.sarif, "FILE", "also as SARIF 2.1.0", NULL },
		{ "github", 0, OPTION_FLAG, &arguments.github, NULL,
		  "also as annotations and step summary of GitHub Actions", NULL },
		{ "color", 0, OPTION_CHOICE, &arguments.color, "WHEN", "colours (auto)",
		  output_color_words },
	};
	const struct options options = {
		.command = "check",
		.usage = "[options] TRACE...\n"
			 "       lockprof check [options] --runs=N -- COMMAND [ARG...]",
		.about =
			"Fails (3) when locks got worse than the baseline or the budget allows, or "
			"can deadlock.\nA TRACE can be a folder: the traces of one run, or a folder "
			"for each run.\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(rows[0]),
	};
	struct suppressions *suppressions = NULL;
	struct budget budget;
	int first, status;

	first = options_parse(&options, argc, argv);
	status = first < 0 ? options_exit_status(first)
			   : check_arguments(&options, &arguments, argc - first);
	budget_init(&budget);
	if (first >= 0 && !status) {
		output_init((enum output_color)arguments.color);
		status = read_files(&arguments, &budget, &suppressions)
				 ? 1
				 : run_check(&arguments, argv + first, &budget, suppressions);
	}
	suppressions_free(suppressions);
	budget_fini(&budget);
	free(arguments.baselines.items);
	free(arguments.settings.items);
	return status;
}
