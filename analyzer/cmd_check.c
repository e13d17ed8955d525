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
#include <unistd.h>

struct arguments {
	int color;
	uint64_t nr_runs, max_runs;
	struct option_list baselines, settings, phases;
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

static int told(int err)
{
	if (err)
		output_error("cannot check: %s", strerror(-err));
	return err;
}

static int judge(struct check *check, struct scopes *scopes, const struct budget *budget)
{
	int err = scopes_compare(scopes);

	if (!err)
		err = check_judge(check, scopes->comparisons, scopes->nr, budget,
				  scopes->scopes[0].base.nr > 0);
	return err;
}

/* ---- the runs ---- */

struct sides {
	struct scopes scopes;
	struct symbols *files; /* NULL: each run reads them anew */
	struct suppressions *suppressions;
};

static int measure(struct sides *sides)
{
	return scopes_measure(&sides->scopes, sides->files, sides->suppressions);
}

/* What the user named. A budget is made from the operands, so they are the base then. */
static int collect(struct sides *sides, const struct arguments *arguments, char **operands)
{
	struct scope *whole = &sides->scopes.scopes[0];
	struct runs *side = arguments->write_budget ? &whole->base : &whole->more;
	int err = 0;

	for (size_t i = 0; i < arguments->baselines.nr && !err; i++)
		err = runs_add(&whole->base, arguments->baselines.items[i]);
	for (; !arguments->nr_runs && *operands && !err; operands++)
		err = runs_add(side, *operands);
	return err;
}

static size_t next_runs(size_t nr, size_t most)
{
	return 2 * nr < most ? 2 * nr : most;
}

/* How often the runs can come to be looked at. */
static unsigned int count_looks(size_t nr, size_t most)
{
	unsigned int looks = 1;

	for (; nr < most; nr = next_runs(nr, most))
		looks++;
	return looks;
}

/* Makes the runs, if any are to be made, and measures all. *failed: the status of a program. */
static int make_and_measure(struct sides *sides, const struct make_runs *plan, bool is_base,
			    int *failed)
{
	struct scope *whole = &sides->scopes.scopes[0];
	int err = plan->nr ? make_runs(plan, &whole->base, is_base ? &whole->base : &whole->more,
				       failed)
			   : 0;

	return err ? err : measure(sides);
}

/* The phases that the baseline has. */
static int add_phases(struct scopes *scopes)
{
	size_t nr = scopes->scopes[0].base.nr;
	int err = 0;

	for (size_t i = 0; i < nr; i++) {
		const struct run *run = &scopes->scopes[0].base.runs[i];

		for (size_t k = 0; k < run->nr_phases && !err; k++)
			err = scopes_add(scopes, run->phases[k]);
	}
	return err;
}

/* Of all phases, or of those that the user named. */
static int write_budget(struct sides *sides, bool all_phases)
{
	int err = all_phases ? told(add_phases(&sides->scopes)) : 0;

	if (!err)
		err = measure(sides);
	if (err)
		return err;
	err = scopes_compare(&sides->scopes);
	if (!err)
		err = budget_write(sides->scopes.comparisons, sides->scopes.nr, stdout);
	return told(err);
}

/* As long as the runs cannot tell all, and more of them could, makes as many again. */
static int judge_runs(struct check *check, struct sides *sides, struct make_runs *plan, size_t most,
		      const struct budget *budget, int *failed)
{
	for (;;) {
		int err = make_and_measure(sides, plan, false, failed);

		if (!err && !sides->scopes.scopes[0].more.nr)
			err = -ECANCELED; /* the baseline's program failed, which has been said */
		if (!err)
			err = told(judge(check, &sides->scopes, budget));
		if (err || *failed || plan->nr >= most || !check->wants_runs ||
		    check->verdict == JUDGED_FAIL)
			return err;
		check_fini(check);
		scopes_forget(&sides->scopes);
		plan->nr_made = plan->nr;
		plan->nr = next_runs(plan->nr, most);
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "%zu runs cannot tell all; going on to %zu\n",
				plan->nr_made, plan->nr);
	}
}

/* The exit status. */
static int run_check(const struct arguments *arguments, char **operands, struct budget *budget,
		     struct suppressions *suppressions)
{
	struct sides sides = { .files = symbols_new(NULL), .suppressions = suppressions };
	struct check check = { 0 };
	struct make_runs plan = {
		.nr = arguments->nr_runs,
		.command = operands,
		.base_command = arguments->base_command,
		.keep = arguments->keep,
		.settings = &arguments->settings,
	};
	int failed = 0, status = 0;
	int err = told(budget_scopes(budget, &sides.scopes));

	if (!err)
		err = collect(&sides, arguments, operands);
	budget->nr_looks = count_looks(plan.nr, arguments->max_runs);
	if (!err && arguments->write_budget) {
		err = make_and_measure(&sides, &plan, true, &failed);
		err = err ? err : write_budget(&sides, !budget->only.nr);
	} else if (!err) {
		err = judge_runs(&check, &sides, &plan, arguments->max_runs, budget, &failed);
		err = err ? err : told(write_all(&check, arguments));
		status = status_of(check.verdict);
	}
	check_fini(&check);
	symbols_free(sides.files);
	scopes_fini(&sides.scopes);
	make_runs_clean();
	return err ? 1 : failed && status != 3 ? 1 : status;
}

static int read_files(const struct arguments *arguments, struct budget *budget,
		      struct suppressions **suppressions)
{
	int err = arguments->budget ? budget_read(budget, arguments->budget) : 0;

	if (!err && arguments->phases.nr)
		err = told(budget_only(budget, &arguments->phases));
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
	if (arguments->nr_runs > 1000 || arguments->max_runs > 1000)
		return options_usage_error(options, "1000 runs at most");
	if (!arguments->nr_runs && (arguments->base_command || arguments->max_runs ||
				    arguments->keep || arguments->settings.nr))
		return options_usage_error(
			options, "--baseline-cmd, --max-runs, --keep and --opt need --runs=N");
	if (arguments->max_runs && !(arguments->base_command || arguments->baselines.nr))
		return options_usage_error(options, "--max-runs needs a baseline");
	if (arguments->max_runs && arguments->max_runs < arguments->nr_runs)
		return options_usage_error(options, "--max-runs=%llu is less than --runs",
					   (unsigned long long)arguments->max_runs);
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
		{ "phase", 0, OPTION_LIST, &arguments.phases, "NAME",
		  "judge this phase of the program alone (repeatable)", NULL },
		{ "runs", 'n', OPTION_COUNT, &arguments.nr_runs, "N",
		  "run COMMAND so often, recorded", NULL },
		{ "max-runs", 0, OPTION_COUNT, &arguments.max_runs, "N",
		  "and up to so often while these cannot tell all", NULL },
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
	free(arguments.phases.items);
	return status;
}
