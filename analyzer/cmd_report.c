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

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_TOP	  20
#define SHORT_TOP	  5
#define DEFAULT_DETAILS	  3
#define PROGRESS_AFTER_NS 500000000

struct arguments {
	int key, by, color;
	bool json, csv, all, is_short, whole_stacks, wide;
	uint64_t top;
};

/* ---- progress: only for people, and only when it takes long ---- */

static struct {
	bool wanted, shown;
	int percent;
	uint64_t begin_ns;
} progress;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void progress_begin(void)
{
	progress.wanted = isatty(STDERR_FILENO);
	progress.begin_ns = now_ns();
}

static void progress_show(double part)
{
	int percent = (int)(part * 100);

	if (percent == progress.percent || now_ns() - progress.begin_ns < PROGRESS_AFTER_NS)
		return;
	progress.percent = percent;
	progress.shown = true;
	fprintf(stderr, "\rlockprof: reading %d %%", percent);
}

static void progress_end(void)
{
	if (progress.shown)
		fprintf(stderr, "\r%*s\r", (int)sizeof("lockprof: reading 100 %"), "");
	progress.shown = false;
}

/* ---- reading ---- */

static int add_trace(struct model *model, const char *path)
{
	char error[512] = "";
	struct reader *reader;
	int err = reader_open(&reader, path, error, sizeof(error));

	if (err) {
		output_error("%s", error);
		return err;
	}
	err = model_add(model, reader, progress.wanted ? progress_show : NULL);
	progress_end();
	if (err)
		output_error("%s: %s", path, strerror(-err));
	return err;
}

/* 0 when all traces could be read; the model holds those that could. */
static int add_traces(struct model *model, char **paths, int nr_paths)
{
	int first_err = 0;

	progress_begin();
	for (int i = 0; i < nr_paths; i++) {
		int err = add_trace(model, paths[i]);

		if (err && !first_err)
			first_err = err;
	}
	return first_err;
}

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

	if (!model) {
		output_error("%s", strerror(ENOMEM));
		return 1;
	}
	err = add_traces(model, paths, nr_paths);
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
