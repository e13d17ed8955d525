/* SPDX-License-Identifier: MIT */
/*
 * lockprof diff: what changed between two recordings, or two series of them.
 *
 * It judges nothing and its exit status says only whether the traces could be read; the gate is
 * lockprof check.
 */
#include "cmd.h"
#include "diff/diff.h"
#include "options.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_TOP 20

struct arguments {
	int color;
	const char *phase;
	bool json, all;
};

static int print(const struct comparison *comparison, const struct arguments *arguments)
{
	int err;

	if (arguments->json)
		return diff_json(comparison, stdout);
	output_pager_begin();
	err = diff_text(comparison, arguments->all ? SIZE_MAX : DEFAULT_TOP, stdout);
	if (!err && (fflush(stdout) != 0 || ferror(stdout)))
		err = -EIO;
	output_pager_end();
	return err;
}

/* 0, or -ENOENT with a message: none of the runs has it. */
static int find_phase(const char *phase, const struct runs *base, const struct runs *more)
{
	const struct run *run = &more->runs[0];
	char list[512] = "";

	for (size_t i = 0; i < base->nr; i++)
		if (run_has_phase(&base->runs[i], phase))
			return 0;
	for (size_t i = 0; i < more->nr; i++)
		if (run_has_phase(&more->runs[i], phase))
			return 0;
	for (size_t i = 0, used = 0; i < run->nr_phases && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s\"%s\"",
					 i ? ", " : "", run->phases[i]);
	if (run->nr_phases)
		output_error("there is no phase \"%s\"; there are: %s", phase, list);
	else
		output_error("there is no phase \"%s\": the program told of none", phase);
	return -ENOENT;
}

static int run(const struct arguments *arguments, const char *base_operand,
	       const char *more_operand)
{
	struct runs base = { .phase = arguments->phase }, more = { .phase = arguments->phase };
	struct comparison comparison = { 0 };
	struct symbols *files = symbols_new(NULL); /* without it each run reads them anew */
	int err = runs_add(&base, base_operand);

	if (!err)
		err = runs_add(&more, more_operand);
	if (!err)
		err = runs_measure(&base, files, NULL);
	if (!err)
		err = runs_measure(&more, files, NULL);
	symbols_free(files);
	if (!err)
		err = find_phase(arguments->phase, &base, &more);
	if (!err) {
		err = compare_runs(&comparison, &base, &more);
		if (!err)
			err = print(&comparison, arguments);
		if (err)
			output_error("cannot tell the difference: %s", strerror(-err));
	}
	compare_fini(&comparison);
	runs_fini(&base);
	runs_fini(&more);
	return err ? 1 : 0;
}

int cmd_diff(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	const struct option_row rows[] = {
		{ "all", 'a', OPTION_FLAG, &arguments.all, NULL, "all locks, not only the first 20",
		  NULL },
		{ "phase", 0, OPTION_TEXT, &arguments.phase, "NAME",
		  "only what is of this phase of the program", NULL },
		{ "json", 0, OPTION_FLAG, &arguments.json, NULL, "JSON, schema lockprof-diff/1",
		  NULL },
		{ "color", 0, OPTION_CHOICE, &arguments.color, "WHEN", "colours (auto)",
		  output_color_words },
	};
	const struct options options = {
		.command = "diff",
		.usage = "[options] BASE NEW",
		.about =
			"Tells what changed from BASE to NEW, lock by lock. Each is a trace, a folder "
			"with the\ntraces of one run, or a folder of such folders.\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(rows[0]),
	};
	int first = options_parse(&options, argc, argv);

	if (first < 0)
		return options_exit_status(first);
	if (argc - first != 2)
		return options_usage_error(&options, "diff needs two operands, BASE and NEW");
	output_init((enum output_color)arguments.color);
	return run(&arguments, argv[first], argv[first + 1]);
}
