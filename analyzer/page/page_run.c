/* SPDX-License-Identifier: MIT */
/*
 * One run as JSON: what the processes were, the totals, the report's own sentences, and the lists
 * of the other page_*.c. Frames come last, when everybody has named those it needs.
 */
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../intervals.h"

/* ---- sentences ---- */

struct teller {
	struct page_run *run;
	bool with_subject;
};

/* Glue becomes a blank at which no line breaks, U+00A0. */
static char *unglue(const char *text)
{
	char *to = malloc(strlen(text) * 2 + 1), *p = to;

	for (; to && *text; text++) {
		if (*text == REPORT_GLUE[0]) {
			*p++ = '\xc2';
			*p++ = '\xa0';
		} else {
			*p++ = *text;
		}
	}
	if (to)
		*p = '\0';
	return to;
}

static const char *level(enum output_face face)
{
	return face == OUTPUT_RED ? "red" : face == OUTPUT_BOLD ? "bold" : "plain";
}

static void put_subject(const struct page_run *run, const struct report_line *line)
{
	uint32_t entry = UINT32_MAX;

	if (line->has_subject)
		entry = line->by == REPORT_BY_CLASS ? run->class_entry[line->subject]
						     : run->lock_entry[line->subject];
	json_string(run->json, "view",
		    entry == UINT32_MAX ? NULL : line->by == REPORT_BY_CLASS ? "class" : "lock");
	if (entry == UINT32_MAX)
		json_null(run->json, "index");
	else
		json_uint(run->json, "index", entry);
}

static void tell(void *to, const struct report_line *line, enum output_face face)
{
	const struct teller *teller = to;
	struct json *json = teller->run->json;
	char *text = unglue(line->text);

	if (!teller->with_subject) {
		json_string(json, NULL, text ? text : "");
	} else {
		json_object_begin(json, NULL);
		json_string(json, "level", level(face));
		json_string(json, "text", text ? text : "");
		put_subject(teller->run, line);
		json_object_end(json);
	}
	free(text);
}

/* The sentences that a part of the report would print; what it prints besides is not wanted. */
static int put_sentences(struct page_run *run, const char *key, bool with_subject,
			 int (*part)(const struct report *report, FILE *out))
{
	struct teller teller = { run, with_subject };
	struct report report = *run->report;
	FILE *nowhere = fopen("/dev/null", "w");
	int err;

	if (!nowhere)
		return -errno;
	report.tell = tell;
	report.teller = &teller;
	json_array_begin(run->json, key);
	err = part(&report, nowhere);
	json_array_end(run->json);
	fclose(nowhere);
	return err;
}

/* ---- processes and totals ---- */

static void put_process(const struct page_run *run, const struct process *process)
{
	struct json *json = run->json;

	json_object_begin(json, NULL);
	report_json_process_facts(json, process);
	json_uint(json, "begin_ns", run->begin_ns[process->number]);
	json_string(json, "trace",
		    process->reader ? report_base_name(reader_path(process->reader)) : NULL);
	json_object_end(json);
}

static void put_totals(const struct page_run *run)
{
	const struct model *model = run->model;
	struct report_totals totals = report_totals(model);
	struct json *json = run->json;

	json_object_begin(json, "totals");
	json_uint(json, "duration_ns", model->duration_ns);
	json_uint(json, "thread_ns", model->thread_ns);
	json_uint(json, "threads", model->nr_threads);
	json_uint(json, "locks", totals.nr_locks);
	json_uint(json, "acquisitions", totals.acquired);
	json_uint(json, "contended", totals.contended);
	json_uint(json, "wait_ns", totals.wait_ns);
	json_double(json, "wait_share", report_ratio(totals.wait_ns, model->thread_ns));
	json_uint(json, "hold_ns", totals.hold_ns);
	json_string(json, "mode", report_run_mode(model));
	json_bool(json, "has_events", model->has_events);
	json_object_end(json);
}

static bool is_complete(const struct model *model)
{
	uint32_t events = 0;

	for (size_t i = 0; i < model->nr_processes; i++)
		events |= report_header(&model->processes[i])->events;
	return !events && !report_has_losses(model) && !report_has_damages(model);
}

/* ---- all of it ---- */

static int put_parts(struct page_run *run)
{
	int err;

	json_array_begin(run->json, "processes");
	for (size_t i = 0; i < run->model->nr_processes; i++)
		put_process(run, &run->model->processes[i]);
	json_array_end(run->json);
	put_totals(run);
	json_bool(run->json, "complete", is_complete(run->model));
	err = page_put_tables(run);
	if (!err)
		err = page_put_phases(run);
	if (!err)
		err = put_sentences(run, "summary", true, report_story);
	if (!err)
		err = page_put_blame(run);
	if (!err)
		err = page_put_apart(run);
	if (!err) /* behind the others: it says which modules had no names when it was asked */
		err = put_sentences(run, "coverage", false, report_coverage);
	return err;
}

int page_run_put(struct page_run *run, const char *key)
{
	int err;

	run->begin_ns = intervals_begins(run->model);
	run->places = places_new(run->report);
	if (!run->begin_ns || !run->places)
		return -ENOMEM;
	json_object_begin(run->json, key);
	err = put_parts(run);
	if (!err && run->max_intervals)
		err = timeline_init(run, run->max_intervals);
	if (!err) {
		timeline_put(run, run->json);
		page_put_frames(run->places, run->json);
	}
	json_object_end(run->json);
	return err ? err : places_error(run->places);
}

void page_run_fini(struct page_run *run)
{
	timeline_fini(run);
	places_free(run->places);
	free(run->lock_entry);
	free(run->class_entry);
	free(run->lock_order);
	free(run->begin_ns);
}
