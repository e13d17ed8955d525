/* SPDX-License-Identifier: MIT */
/*
 * lockprof order: which locks were taken in orders that can end in a deadlock, or did.
 *
 * Exit status 3 says that there is a finding at or above --fail-on, for scripts; 1 that a trace
 * could not be read, which comes first: silence about half of the traces proves nothing.
 */
#include "cmd.h"
#include "options.h"
#include "order_view.h"
#include "traces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FOUND_STATUS 3

struct arguments {
	int color, fail_on;
	bool json, dot, sarif, all, explain_hidden, classes, whole_stacks;
	uint64_t max_cycle, memory;
	const char *suppressions;
};

/* The levels' words, and one more: fail on nothing. */
static const char *fail_words[ORDER_LEVELS + 2];

static void fail_words_init(void)
{
	memcpy(fail_words, order_level_words, ORDER_LEVELS * sizeof(*fail_words));
	fail_words[ORDER_LEVELS] = "never";
}

/* ---- what came out ---- */

static void suppress(struct order *order, const struct order_view *view,
		     struct suppressions *suppressions)
{
	for (size_t i = 0; i < order->nr_findings; i++) {
		struct order_finding *finding = &order->findings[i];

		finding->suppressed = suppressions_find(suppressions, view, finding);
		order->hidden[ORDER_HIDDEN_SUPPRESSED] += finding->suppressed != NULL;
	}
	suppressions_tell_unused(suppressions);
}

static bool must_fail(const struct order *order, int fail_on)
{
	for (size_t i = 0; i < order->nr_findings; i++)
		if (!order->findings[i].suppressed && (int)order->findings[i].level <= fail_on &&
		    fail_on < ORDER_LEVELS)
			return true;
	return false;
}

static int print_text(const struct order_view *view)
{
	int err;

	output_pager_begin();
	err = order_text(view, stdout);
	if (!err && (fflush(stdout) != 0 || ferror(stdout)))
		err = -EIO;
	output_pager_end();
	return err;
}

static int print(const struct order_view *view, const struct arguments *arguments)
{
	int err;

	if (!arguments->json && !arguments->sarif && !arguments->dot)
		return print_text(view);
	err = arguments->json	 ? order_json(view, stdout)
	      : arguments->sarif ? order_sarif(view, stdout)
				 : order_dot(view, stdout);
	if (!err && (fflush(stdout) != 0 || ferror(stdout)))
		err = -EIO;
	return err;
}

/* ---- the run ---- */

static int find(struct order **order, struct model *model, const struct arguments *arguments)
{
	const struct order_options options = {
		.max_cycle = (uint32_t)arguments->max_cycle,
		.max_memory = arguments->memory,
		.classes = arguments->classes,
		.keep_hidden = arguments->explain_hidden,
		.progress = traces_progress,
	};
	int err = model_finish(model);

	if (err)
		return err;
	traces_progress_begin("judging");
	err = order_new(order, model, &options);
	traces_progress_end();
	return err;
}

static int tell(struct model *model, const struct arguments *arguments, const char *trace,
		struct suppressions *suppressions)
{
	struct order_view view = {
		.report = { .model = model,
			    .whole_stacks = arguments->whole_stacks,
			    .width = output_width(),
			    .frames = model_frames },
		.all = arguments->all,
		.explain_hidden = arguments->explain_hidden,
		.trace = trace,
	};
	struct order *order = NULL;
	int err = find(&order, model, arguments), status = 1;

	view.order = order;
	if (!err && suppressions)
		suppress(order, &view, suppressions);
	if (!err && !arguments->all &&
	    (arguments->fail_on == ORDER_LEVELS || arguments->fail_on < ORDER_COMM_POTENTIAL))
		order_hide_signallers(order);
	if (!err)
		err = print(&view, arguments);
	if (err)
		output_error("cannot tell the lock order: %s", strerror(-err));
	else
		status = must_fail(order, arguments->fail_on) ? FOUND_STATUS : 0;
	order_free(order);
	return status;
}

static int run(const struct arguments *arguments, const char *const *paths, size_t nr_paths)
{
	struct suppressions *suppressions = NULL;
	struct model *model;
	int err = 0, status = 1;

	if (arguments->suppressions)
		err = suppressions_read(&suppressions, arguments->suppressions);
	if (err)
		return 1;
	model = model_new();
	if (!model) {
		output_error("%s", strerror(ENOMEM));
	} else {
		err = traces_add(model, paths, nr_paths);
		if (model->nr_processes > 0)
			status = tell(model, arguments, paths[0], suppressions);
	}
	model_free(model);
	suppressions_free(suppressions);
	return err ? 1 : status;
}

static int check(const struct options *options, const struct arguments *arguments, int nr_paths)
{
	if (!nr_paths)
		return options_usage_error(options, "order needs a trace");
	if (arguments->json + arguments->dot + arguments->sarif > 1)
		return options_usage_error(options, "--json, --dot and --sarif exclude each other");
	if (arguments->max_cycle == 1 || arguments->max_cycle > UINT32_MAX)
		return options_usage_error(options,
					   "--max-cycle=%llu: a cycle has two or more locks",
					   (unsigned long long)arguments->max_cycle);
	return 0;
}

int cmd_order(int argc, char **argv)
{
	struct arguments arguments = { .fail_on = ORDER_PREDICTED };
	const struct option_row rows[] = {
		{ "fail-on", 0, OPTION_CHOICE, &arguments.fail_on, "LEVEL",
		  "exit with 3 at this level or above (PREDICTED)", fail_words },
		{ "explain-hidden", 0, OPTION_FLAG, &arguments.explain_hidden, NULL,
		  "show cycles that cannot close, and why", NULL },
		{ "classes", 0, OPTION_FLAG, &arguments.classes, NULL,
		  "also classes of locks that are taken in both orders", NULL },
		{ "suppressions", 0, OPTION_TEXT, &arguments.suppressions, "FILE",
		  "leave out what fits LEVEL:SITE:SITE lines", NULL },
		{ "max-cycle", 0, OPTION_COUNT, &arguments.max_cycle, "N",
		  "longest cycle to look for (4)", NULL },
		{ "mem", 0, OPTION_SIZE, &arguments.memory, "SIZE",
		  "memory before the history goes to a file (512M)", NULL },
		{ "all", 'a', OPTION_FLAG, &arguments.all, NULL,
		  "all findings, all threads behind a deadlock, all of the graph", NULL },
		{ "whole-stacks", 0, OPTION_FLAG, &arguments.whole_stacks, NULL,
		  "all frames of each stack", NULL },
		{ "json", 0, OPTION_FLAG, &arguments.json, NULL, "JSON, schema lockprof-order/1",
		  NULL },
		{ "dot", 0, OPTION_FLAG, &arguments.dot, NULL, "the lock graph for graphviz",
		  NULL },
		{ "sarif", 0, OPTION_FLAG, &arguments.sarif, NULL, "SARIF 2.1.0", NULL },
		{ "color", 0, OPTION_CHOICE, &arguments.color, "WHEN", "colours (auto)",
		  output_color_words },
	};
	const struct options options = {
		.command = "order",
		.usage = "[options] TRACE|PID...",
		.about =
			"Tells which locks were taken in orders that can end in a deadlock, or did.\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(rows[0]),
	};
	int first, status;

	fail_words_init();
	first = options_parse(&options, argc, argv);
	if (first < 0)
		return options_exit_status(first);
	status = check(&options, &arguments, argc - first);
	if (status)
		return status;
	output_init((enum output_color)arguments.color);
	return run(&arguments, (const char *const *)argv + first, (size_t)(argc - first));
}
