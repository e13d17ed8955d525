/* SPDX-License-Identifier: MIT */
/* traces.c: see traces.h */
#include "traces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "live.h"
#include "output.h"
#include "report.h"

#define PROGRESS_AFTER_NS 500000000

/* ---- progress: only for people, and only when it takes long ---- */

static struct {
	const char *what;
	bool wanted;
	int percent;
	int columns; /* shown now, 0: nothing */
	uint64_t begin_ns;
} progress;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void traces_progress_begin(const char *what)
{
	progress.what = what;
	progress.wanted = isatty(STDERR_FILENO);
	progress.percent = -1;
	progress.begin_ns = now_ns();
}

void traces_progress(double part)
{
	int percent = (int)(part * 100);

	if (!progress.wanted || percent == progress.percent ||
	    now_ns() - progress.begin_ns < PROGRESS_AFTER_NS)
		return;
	progress.percent = percent;
	progress.columns = fprintf(stderr, "\rlockprof: %s %d %%", progress.what, percent) - 1;
}

void traces_progress_end(void)
{
	if (progress.columns > 0)
		fprintf(stderr, "\r%*s\r", progress.columns, "");
	progress.columns = 0;
}

/* ---- reading ---- */

/* A file of that name, or else the trace of the process with that number. */
static int open_trace(struct reader **reader, const char *name, char *error, size_t error_size)
{
	char *live = access(name, F_OK) == 0 ? NULL : live_trace(name);
	int err = reader_open(reader, live ? live : name, error, error_size);

	free(live);
	return err;
}

static int add_trace(struct model *model, const char *path)
{
	char error[512] = "";
	struct reader *reader;
	int err = open_trace(&reader, path, error, sizeof(error));

	if (err) {
		output_error("%s", error);
		return err;
	}
	err = model_add(model, reader, traces_progress);
	traces_progress_end();
	if (err)
		output_error("%s: %s", path, strerror(-err));
	return err;
}

int traces_add(struct model *model, const char *const *paths, size_t nr_paths)
{
	int first_err = 0;

	traces_progress_begin("reading");
	for (size_t i = 0; i < nr_paths; i++) {
		int err = add_trace(model, paths[i]);

		if (err && !first_err)
			first_err = err;
	}
	return first_err;
}

/* ---- phases ---- */

bool traces_have_phase(const struct model *model, const char *phase)
{
	char *names = NULL;
	size_t size;
	FILE *out;

	if (!phase || report_has_phase(model, phase))
		return true;
	out = open_memstream(&names, &size);
	for (size_t i = 1; out && i < model->nr_phases; i++)
		fprintf(out, "%s\"%s\"", i > 1 ? ", " : "", model->phases[i].name);
	if (out && fclose(out) == 0 && size)
		output_error("there is no phase \"%s\"; there are: %s", phase, names);
	else
		output_error("there is no phase \"%s\": the program told of none", phase);
	free(names);
	return false;
}
