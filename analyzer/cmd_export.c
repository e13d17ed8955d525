/* SPDX-License-Identifier: MIT */
/*
 * lockprof export: traces in, a file in the format of another tool out.
 *
 * A trace that can be read in part is exported as far as it can; what is not in the output is told
 * on stderr, and the exit status is 1. What the recording itself left out is told, too, with
 * status 0: reading it again would not help.
 */
#include "cmd.h"
#include "export/export.h"
#include "options.h"
#include "outfile.h"
#include "traces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const attribute_words[] = { "waiter", "holder", NULL };

#define DAMAGES_MAX 10

struct arguments {
	const char *output, *phase;
	int attribute;
};

static const struct exporter *find(const char *name)
{
	for (size_t i = 0; exporters[i].name; i++)
		if (strcmp(exporters[i].name, name) == 0)
			return &exporters[i];
	return NULL;
}

/* ---- writing ---- */

static int write_file(const struct exporter *exporter, struct export *e, const char *path)
{
	struct outfile file;
	int err = outfile_begin(&file, path);

	if (err)
		return err;
	e->out = file.out;
	e->path = file.part;
	if (exporter->needs_path && !file.part)
		err = -ESPIPE;
	else
		err = exporter->write(e);
	return outfile_end(&file, err);
}

static int write_export(const struct exporter *exporter, struct model *model,
			const struct arguments *arguments)
{
	const struct report report = { .model = model,
				       .key = REPORT_WAIT_TOTAL,
				       .by = REPORT_BY_LOCK,
				       .top = REPORT_ALL,
				       .only_phase = arguments->phase,
				       .frames = model_frames };
	struct export e = { .report = &report,
			    .attribute = (enum export_attribute)arguments->attribute };
	const char *path = arguments->output ? arguments->output : "-";
	int err = model_finish(model);

	if (!err)
		err = write_file(exporter, &e, path);
	if (err)
		output_error("cannot export to %s: %s", strcmp(path, "-") == 0 ? "stdout" : path,
			     err == -ESPIPE ? "a database needs a file" : strerror(-err));
	return err;
}

/* ---- what is not in it ---- */

static void tell_damages(const struct reader *reader)
{
	size_t nr = reader_nr_damages(reader);

	for (size_t i = 0; i < nr && i < DAMAGES_MAX; i++)
		output_error("%s is damaged at offset %llu: %s", reader_path(reader),
			     (unsigned long long)reader_damage(reader, i)->offset,
			     reader_damage(reader, i)->text);
	if (nr > DAMAGES_MAX)
		output_error("%s has %zu more places of damage", reader_path(reader),
			     nr - DAMAGES_MAX);
}

/* Whether part of what was recorded could not be read. */
static bool tell_missing(const struct model *model)
{
	for (size_t i = 0; i < model->nr_processes; i++)
		tell_damages(model->processes[i].reader);
	for (size_t i = 0; i < TRACE_LOSS_MAX; i++)
		if (model->losses[i])
			output_error("not in it: %llu %s", (unsigned long long)model->losses[i],
				     report_loss_words(i));
	return report_has_damages(model);
}

static int run(const struct exporter *exporter, const struct arguments *arguments,
	       const char *const *paths, size_t nr_paths)
{
	struct model *model = model_new();
	int err, export_err = 0;
	bool is_damaged = false;

	if (!model || (arguments->phase && model_only_phase(model, arguments->phase))) {
		output_error("%s", strerror(ENOMEM));
		model_free(model);
		return 1;
	}
	err = traces_add(model, paths, nr_paths);
	if (model->nr_processes > 0 && !traces_have_phase(model, arguments->phase)) {
		model_free(model);
		return err ? 1 : 2;
	}
	if (model->nr_processes > 0)
		export_err = write_export(exporter, model, arguments);
	if (model->nr_processes > 0 && !export_err)
		is_damaged = tell_missing(model);
	model_free(model);
	return err || export_err || is_damaged;
}

/* ---- the command line ---- */

static int reject_format(const struct options *options, const char *name)
{
	struct nearest nearest = nearest_begin(name);

	for (size_t i = 0; exporters[i].name; i++)
		nearest_offer(&nearest, exporters[i].name);
	if (nearest.best)
		return options_usage_error(options, "unknown format '%s'; did you mean '%s'?", name,
					   nearest.best);
	return options_usage_error(options, "unknown format '%s'", name);
}

static int check(const struct options *options, const struct exporter *exporter,
		 const struct arguments *arguments)
{
	bool to_stdout = !arguments->output || strcmp(arguments->output, "-") == 0;

	if (exporter->needs_path && to_stdout)
		return options_usage_error(options, "%s needs a file: -o FILE", exporter->name);
	if (exporter->is_binary && to_stdout && isatty(STDOUT_FILENO))
		return options_usage_error(options, "%s is not for terminals: -o FILE, or a pipe",
					   exporter->name);
	return 0;
}

int cmd_export(int argc, char **argv)
{
	struct arguments arguments = { .output = NULL };
	const struct option_row rows[] = {
		{ "output", 'o', OPTION_TEXT, &arguments.output, "FILE",
		  "the file; - is stdout (-)", NULL },
		{ "attribute", 0, OPTION_CHOICE, &arguments.attribute, "WHOM",
		  "whose stacks pprof, speedscope and folded have (waiter)", attribute_words },
		{ "phase", 0, OPTION_TEXT, &arguments.phase, "NAME",
		  "only what was done in this phase of the program", NULL },
	};
	const struct options options = {
		.command = "export",
		.usage = "[options] FORMAT TRACE...",
		.about = "Writes a recording in the format of another tool:\n\n"
			 "  pprof        profile for pprof and what reads it (gzipped protobuf)\n"
			 "  perfetto     timeline for ui.perfetto.dev (protobuf)\n"
			 "  speedscope   flame graphs for speedscope (JSON)\n"
			 "  folded       stacks for flamegraph.pl and inferno (text)\n"
			 "  sqlite       database with all tables\n"
			 "  openmetrics  counters and histograms for Prometheus (text)\n"
			 "  jsonl        one JSON object a line\n"
			 "  csv          the report's table\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(rows[0]),
	};
	int first = options_parse(&options, argc, argv), status;
	const struct exporter *exporter;

	if (first < 0)
		return options_exit_status(first);
	if (argc - first < 2)
		return options_usage_error(&options, "export needs a format and a trace");
	exporter = find(argv[first]);
	if (!exporter)
		return reject_format(&options, argv[first]);
	status = check(&options, exporter, &arguments);
	if (status)
		return status;
	output_init(OUTPUT_COLOR_NEVER);
	return run(exporter, &arguments, (const char *const *)argv + first + 1,
		   (size_t)(argc - first - 1));
}
