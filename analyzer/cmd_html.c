/* SPDX-License-Identifier: MIT */
/*
 * lockprof html: traces in, one self-contained page out.
 */
#include "cmd.h"
#include "options.h"
#include "order_view.h"
#include "outfile.h"
#include "page/page.h"
#include "traces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct arguments {
	const char *output, *title, *phase;
	struct option_list base;
	uint64_t events;
	bool open;
};

/* ---- the file ---- */

/* "run.trace" gives "run.html", in the same folder; to be freed. */
static char *default_output(const char *trace)
{
	size_t length = strlen(trace);
	char *name;

	if (length > 6 && strcmp(trace + length - 6, ".trace") == 0)
		length -= 6;
	if (asprintf(&name, "%.*s.html", (int)length, trace) < 0)
		return NULL;
	return name;
}

/* The desktop's own way; its messages are of no use to anybody here. */
static int open_page(const char *path)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp("xdg-open", "xdg-open", path, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		output_error("xdg-open did not open %s", path);
		return 1;
	}
	return 0;
}

/* ---- the models ---- */

#define NO_PHASE (-EDOM) /* the traces do not know the phase that is wanted: wrong use */

static struct model *read_model(struct symbols *files, const char *phase, const char *const *paths,
				size_t nr, int *err)
{
	struct model *model = model_new();

	if (!model) {
		output_error("%s", strerror(ENOMEM));
		*err = -ENOMEM;
		return NULL;
	}
	model_share(model, files);
	*err = phase ? model_only_phase(model, phase) : 0;
	if (!*err)
		*err = traces_add(model, paths, nr);
	if (model->nr_processes && model_finish(model) == 0) {
		if (traces_have_phase(model, phase))
			return model;
		*err = *err ? *err : NO_PHASE;
	} else if (!*err) {
		*err = -ENOMEM;
		output_error("%s", strerror(ENOMEM));
	}
	model_free(model);
	return NULL;
}

/* The lock order of a model as JSON, to be freed; NULL with a message when there is none. */
static char *order_text_of(struct model *model)
{
	const struct order_options options = { .keep_hidden = true, .progress = traces_progress };
	struct order_view view = { .report = { .model = model, .frames = model_frames },
				   .brief = true };
	struct order *order = NULL;
	char *text = NULL;
	size_t size;
	FILE *out;
	int err;

	traces_progress_begin("judging");
	err = order_new(&order, model, &options);
	traces_progress_end();
	out = err ? NULL : open_memstream(&text, &size);
	view.order = order;
	if (!err)
		order_hide_signallers(order);
	if (!err)
		err = out ? order_json(&view, out) : -ENOMEM;
	if (out && fclose(out) != 0 && !err)
		err = -ENOMEM;
	order_free(order);
	if (!err)
		return text;
	output_error("the page has no lock order: %s", strerror(-err));
	free(text);
	return NULL;
}

static int write_page(struct model *const *models, size_t nr, const struct arguments *arguments,
		      const char *path)
{
	struct report reports[2];
	const struct report *list[2] = { &reports[0], &reports[1] };
	char *order = order_text_of(models[nr - 1]);
	const struct page_options options = { arguments->title, order, arguments->events };
	struct outfile file;
	int err;

	for (size_t i = 0; i < nr; i++)
		reports[i] = (struct report){ .model = models[i],
					      .key = REPORT_WAIT_TOTAL,
					      .by = REPORT_BY_CLASS,
					      .top = REPORT_ALL,
					      .details = REPORT_ALL,
					      .width = SIZE_MAX,
					      .only_phase = arguments->phase,
					      .frames = model_frames };
	err = outfile_begin(&file, path);
	if (!err)
		err = outfile_end(&file, page_write(list, nr, &options, file.out));
	free(order);
	if (err)
		output_error("%s: %s", path, strerror(-err));
	return err;
}

/* *path: what was written, to be freed; NULL: nothing was. */
static int run(const struct arguments *arguments, const char *const *paths, size_t nr_paths,
	       char **path)
{
	struct symbols *files = symbols_new(NULL); /* without it each model reads them anew */
	struct model *models[2] = { NULL, NULL };
	size_t nr = 0;
	int base_err = 0, err = 0, page_err = -ENODATA;

	*path = arguments->output ? strdup(arguments->output) : default_output(paths[0]);
	if (!*path)
		output_error("%s", strerror(ENOMEM));
	if (arguments->base.nr)
		models[nr++] = read_model(files, arguments->phase, arguments->base.items,
					  arguments->base.nr, &base_err);
	models[nr++] = read_model(files, arguments->phase, paths, nr_paths, &err);
	symbols_free(files);
	if (*path && models[0] && models[nr - 1])
		page_err = write_page(models, nr, arguments, *path);
	for (size_t i = 0; i < nr; i++)
		if (models[i])
			model_free(models[i]);
	if (page_err) {
		free(*path);
		*path = NULL;
	} else if (arguments->open) {
		err |= open_page(*path);
	}
	if (base_err == NO_PHASE || err == NO_PHASE)
		return 2;
	return base_err || err || page_err;
}

int html_make(const char *output, const char *const *paths, size_t nr, char **path)
{
	const struct arguments arguments = { .output = output, .events = PAGE_INTERVALS };

	return run(&arguments, paths, nr, path);
}

int cmd_html(int argc, char **argv)
{
	struct arguments arguments = { .events = PAGE_INTERVALS };
	const struct option_row rows[] = {
		{ "output", 'o', OPTION_TEXT, &arguments.output, "FILE",
		  "the page (the trace's name with .html), - for stdout", NULL },
		{ "base", 'b', OPTION_LIST, &arguments.base, "TRACE",
		  "compare: the page shows what changed since this trace", NULL },
		{ "events", 'e', OPTION_COUNT, &arguments.events, "N",
		  "intervals in the timeline, the longest if there are more (1250000)", NULL },
		{ "phase", 0, OPTION_TEXT, &arguments.phase, "NAME",
		  "only what was done in this phase of the program", NULL },
		{ "title", 0, OPTION_TEXT, &arguments.title, "TEXT", "the page's title", NULL },
		{ "open", 0, OPTION_FLAG, &arguments.open, NULL, "show it in the browser", NULL },
	};
	const struct options options = {
		.command = "html",
		.usage = "[options] TRACE...",
		.about =
			"Makes one page of a recording, to open in a browser: no network, no other file.\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(rows[0]),
	};
	int first = options_parse(&options, argc, argv), status;
	char *path;

	if (first < 0)
		return options_exit_status(first);
	if (first == argc)
		return options_usage_error(&options, "html needs a trace");
	output_init(OUTPUT_COLOR_NEVER);
	status = run(&arguments, (const char *const *)argv + first, (size_t)(argc - first), &path);
	if (path && strcmp(path, "-") != 0)
		printf("%s\n", path);
	free(path);
	free(arguments.base.items);
	return status;
}
