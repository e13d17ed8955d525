/* SPDX-License-Identifier: MIT */
/*
 * jsonl.c: one JSON object a line, each with its "type": run, lock, thread, phase, phase_lock,
 * phase_span, wait, blame
 *
 * For jq, for pandas and for log pipelines, which read line by line. Fields are called as in
 * `lockprof report --json`; times are integral ns.
 */
#include "export.h"

#include <errno.h>
#include <stdlib.h>

#include "../json.h"

static void begin(struct json *json, const struct export *e, const char *type)
{
	json_init(json, e->out, false);
	json_object_begin(json, NULL);
	json_string(json, "type", type);
}

static int end(struct json *json)
{
	json_object_end(json);
	return json_finish(json);
}

static void put_counters(struct json *json, const struct counters *c)
{
	json_uint(json, "acquisitions", c->acquired);
	json_uint(json, "contended", c->contended);
	report_json_wait(json, c);
	report_json_hold(json, c);
	json_uint(json, "try_failures", c->try_failures);
	json_uint(json, "timeouts", c->timeouts);
}

static int put_run(const struct export *e)
{
	const struct model *model = e->report->model;
	struct report_totals totals = report_totals(model);
	struct json json;

	begin(&json, e, "run");
	json_string(&json, "exe", model->nr_processes ? model->processes[0].exe : NULL);
	json_uint(&json, "duration_ns", model->duration_ns);
	json_uint(&json, "thread_ns", model->thread_ns);
	json_uint(&json, "threads", model->nr_threads);
	json_uint(&json, "locks", totals.nr_locks);
	json_uint(&json, "acquisitions", totals.acquired);
	json_uint(&json, "contended", totals.contended);
	json_uint(&json, "wait_ns", totals.wait_ns);
	json_uint(&json, "hold_ns", totals.hold_ns);
	json_uint(&json, "work_units", model->work_units);
	json_uint(&json, "off_ns", model->off_ns);
	json_bool(&json, "complete", !report_has_losses(model) && !report_has_damages(model));
	return end(&json);
}

static void put_lock_facts(struct json *json, const struct export *e, const struct lock *lock,
			   const struct counters *c)
{
	json_string(json, "name", lock->label);
	json_string(json, "class", e->report->model->classes[lock->class].label);
	json_string(json, "kind", report_kind_name((enum trace_kind)lock->record->kind));
	json_uint(json, "process", lock->process->number);
	json_uint(json, "id", lock->id);
	put_counters(json, c);
}

static int put_lock(const struct export *e, const struct lock *lock)
{
	struct json json;

	if (!report_lock_contends(lock) || (!lock->all.acquired && !lock->all.wait_ns))
		return 0;
	begin(&json, e, "lock");
	put_lock_facts(&json, e, lock, &lock->all);
	return end(&json);
}

static int put_thread(const struct export *e, const struct thread *thread)
{
	struct json json;

	begin(&json, e, "thread");
	json_string(&json, "name", thread->name);
	json_uint(&json, "tid", thread->record->tid);
	json_uint(&json, "process", thread->process->number);
	json_uint(&json, "lifetime_ns", thread->lifetime_ns);
	put_counters(&json, &thread->all);
	json_uint(&json, "cond_wait_ns", thread->cond_wait_ns);
	json_uint(&json, "join_wait_ns", thread->join_wait_ns);
	return end(&json);
}

/* ---- phases ---- */

static int put_phase(const struct export *e, const struct phase *phase)
{
	struct json json;

	if (!report_phase_chosen(e->report, phase))
		return 0;
	begin(&json, e, "phase");
	json_string(&json, "name", phase->name);
	json_uint(&json, "time_ns", phase->time_ns);
	json_uint(&json, "thread_ns", phase->thread_ns);
	json_uint(&json, "begins", phase->begins);
	json_uint(&json, "work_units", phase->work_units);
	put_counters(&json, &phase->all);
	return end(&json);
}

static int put_phase_lock(const struct export *e, const struct phase_lock *row)
{
	const struct model *model = e->report->model;
	const struct lock *lock = &model->locks[row->lock];
	struct json json;

	if (!report_lock_contends(lock) || (!row->all.acquired && !row->all.wait_ns))
		return 0;
	begin(&json, e, "phase_lock");
	json_string(&json, "phase", model->phases[row->phase].name);
	put_lock_facts(&json, e, lock, &row->all);
	return end(&json);
}

static int put_phase_span(const struct export *e, const struct phase_span *span, uint64_t begin_ns)
{
	const struct model *model = e->report->model;
	struct json json;

	begin(&json, e, "phase_span");
	json_string(&json, "phase", model->nr_phases ? model->phases[span->phase].name : NULL);
	json_bool(&json, "off", span->off);
	json_uint(&json, "process", span->process);
	json_uint(&json, "begin_ns", begin_ns + span->begin_ns);
	json_uint(&json, "length_ns", span->end_ns - span->begin_ns);
	return end(&json);
}

static int put_phases(const struct export *e)
{
	const struct model *model = e->report->model;
	uint64_t *begin_ns = intervals_begins(model);
	int err = begin_ns ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < model->nr_phases; i++)
		err = put_phase(e, &model->phases[i]);
	for (size_t i = 0; !err && i < model->nr_phase_locks; i++)
		err = put_phase_lock(e, &model->phase_locks[i]);
	for (size_t i = 0; !err && i < model->nr_phase_spans; i++)
		err = put_phase_span(e, &model->phase_spans[i],
				     begin_ns[model->phase_spans[i].process]);
	free(begin_ns);
	return err;
}

/* ---- waits ---- */

static int put_sample(const struct export *e, const struct places *places,
		      const struct export_sample *sample, const char *type, const char *thread)
{
	size_t nr;
	const uint32_t *frames = places_frames_of(places, sample->stack, &nr);
	char buf[EXPORT_NAME];
	struct json json;

	begin(&json, e, type);
	json_string(&json, "lock", e->report->model->locks[sample->lock].label);
	json_string(&json, "class", export_lock_name(e, sample->lock));
	json_string(&json, thread,
		    sample->thread == UINT32_MAX ? NULL : export_thread_name(e, sample->thread));
	json_array_begin(&json, "stack");
	for (size_t i = 0; i < nr; i++)
		json_string(&json, NULL, export_frame_name(places_frame(places, frames[i]), buf));
	if (sample->note)
		json_string(&json, NULL, export_note_words[sample->note]);
	json_array_end(&json);
	json_uint(&json, "waits", sample->waits);
	json_uint(&json, "wait_ns", sample->wait_ns);
	return end(&json);
}

static int put_samples(const struct export *e, enum export_attribute attribute, const char *type,
		       const char *thread)
{
	struct export by = *e;
	struct places *places = places_new(e->report);
	struct export_sample *samples = NULL;
	size_t nr = 0;
	int err;

	by.attribute = attribute;
	err = places ? export_samples(&by, places, EXPORT_BY_LOCK, &samples, &nr) : -ENOMEM;
	for (size_t i = 0; !err && i < nr; i++)
		err = put_sample(e, places, &samples[i], type, thread);
	free(samples);
	if (!err)
		err = places_error(places);
	places_free(places);
	return err;
}

int export_jsonl(const struct export *e)
{
	const struct model *model = e->report->model;
	int err = put_run(e);

	for (size_t i = 0; !err && i < model->nr_locks; i++)
		err = put_lock(e, &model->locks[i]);
	for (size_t i = 0; !err && i < model->nr_threads; i++)
		err = put_thread(e, &model->threads[i]);
	if (!err)
		err = put_phases(e);
	if (!err)
		err = put_samples(e, EXPORT_WAITER, "wait", "waiter");
	if (!err)
		err = put_samples(e, EXPORT_HOLDER, "blame", "holder");
	return err;
}
