/* SPDX-License-Identifier: MIT */
/*
 * lockprof report: traces in, one answer out, as text, JSON or CSV.
 *
 * Several traces (a process tree) become one report. One that cannot be read does not keep the
 * others from being told about: its error goes to stderr, and the exit status is 1.
 */
#include "cmd.h"
#include "options.h"
#include "report.h"
#include "traces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TOP	  20
#define SHORT_TOP	  5
#define DEFAULT_DETAILS	  3

struct arguments {
	int key, by, color;
	bool json, csv, all, is_short, whole_stacks, wide;
	uint64_t top;
	const char *phase;
};

/* ---- writing ---- */

static int print_report(const struct report *report, const struct arguments *arguments)
{
	int err;

	if (arguments->json)
		return report_json(report, stdout);
	if (arguments->csv)
		return report_csv(report, stdout);
	if (!report->is_short)
		output_pager_begin();
	err = report_text(report, stdout);
	if (!err && (fflush(stdout) != 0 || ferror(stdout)))
		err = -EIO;
	output_pager_end();
	return err;
}

static size_t choose_top(const struct arguments *arguments)
{
	if (arguments->top)
		return arguments->top;
	if (arguments->all || arguments->json || arguments->csv)
		return REPORT_ALL;
	return arguments->is_short ? SHORT_TOP : DEFAULT_TOP;
}

static int report_model(struct model *model, const struct arguments *arguments)
{
	struct report report = {
		.model = model,
		.key = (enum report_key)arguments->key,
		.by = (enum report_by)arguments->by,
		.top = choose_top(arguments),
		.is_short = arguments->is_short,
		.whole_stacks = arguments->whole_stacks,
		.wide = arguments->wide,
		.width = output_width(),
		.only_phase = arguments->phase,
		.frames = model_frames,
	};
	int err = model_finish(model);

	report.details = arguments->top || arguments->all ? report.top : DEFAULT_DETAILS;
	if (!err)
		err = print_report(&report, arguments);
	if (err)
		output_error("cannot make the report: %s", strerror(-err));
	return err;
}

static int run(const struct arguments *arguments, char **paths, int nr_paths)
{
	struct model *model = model_new();
	int err, report_err = 0;

	if (!model || (arguments->phase && model_only_phase(model, arguments->phase))) {
		output_error("%s", strerror(ENOMEM));
		model_free(model);
		return 1;
	}
	err = traces_add(model, (const char *const *)paths, (size_t)nr_paths);
	if (model->nr_processes > 0 && !traces_have_phase(model, arguments->phase)) {
		model_free(model);
		return err ? 1 : 2;
	}
	if (model->nr_processes > 0)
		report_err = report_model(model, arguments);
	model_free(model);
	return err || report_err;
}

int cmd_report(int argc, char **argv)
{
	struct arguments arguments = { .key = REPORT_WAIT_TOTAL };
	const struct option_row rows[] = {
		{ "key", 'k', OPTION_CHOICE, &arguments.key, "KEY", "sort by this (wait_total)",
		  report_key_words },
		{ "by", 0, OPTION_CHOICE, &arguments.by, "WHAT",
		  "what a row of the table is (class)", report_by_words },
		{ "phase", 0, OPTION_TEXT, &arguments.phase, "NAME",
		  "only what was done in this phase of the program", NULL },
		{ "top", 'n', OPTION_COUNT, &arguments.top, "N", "rows of each table (20)", NULL },
		{ "all", 'a', OPTION_FLAG, &arguments.all, NULL, "all rows", NULL },
		{ "short", 's', OPTION_FLAG, &arguments.is_short, NULL,
		  "the story and the first rows alone", NULL },
		{ "whole-stacks", 0, OPTION_FLAG, &arguments.whole_stacks, NULL,
		  "all frames of each stack", NULL },
		{ "wide", 'w', OPTION_FLAG, &arguments.wide, NULL,
		  "all columns side by side, whatever the width", NULL },
		{ "json", 0, OPTION_FLAG, &arguments.json, NULL, "JSON, schema lockprof-report/1",
		  NULL },
		{ "csv", 0, OPTION_FLAG, &arguments.csv, NULL, "the table as CSV", NULL },
		{ "color", 0, OPTION_CHOICE, &arguments.color, "WHEN", "colours (auto)",
		  output_color_words },
	};
	const struct options options = {
		.command = "report",
		.usage = "[options] TRACE...",
		.about = "Tells who waited for which lock, how long, and who held it meanwhile.\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(rows[0]),
	};
	int first = options_parse(&options, argc, argv);

	if (first < 0)
		return options_exit_status(first);
	if (first == argc)
		return options_usage_error(&options, "report needs a trace");
	if (arguments.json && arguments.csv)
		return options_usage_error(&options, "--json and --csv exclude each other");
	output_init((enum output_color)arguments.color);
	return run(&arguments, argv + first, argc - first);
}
