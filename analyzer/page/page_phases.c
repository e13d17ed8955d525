/* SPDX-License-Identifier: MIT */
/*
 * The phases of a page's run: what each did, with which classes of locks, and when it was.
 *
 * A program can name a phase for each of its requests. The first PAGE_PHASES have entries, and
 * PAGE_PHASE_CLASSES rows of classes in all; the others are in the totals alone, and the page says
 * so. Spans are all there: as columns they are small.
 */
#include "page.h"

#include <errno.h>
#include <stdlib.h>

/* What of one phase's rows of locks belongs together, by class. */
struct by_class {
	struct counters *all;
	size_t nr;
};

static int by_class_fill(struct by_class *by, const struct model *model, size_t *row,
			 uint32_t phase)
{
	int err = 0;

	for (; *row < model->nr_phase_locks && model->phase_locks[*row].phase == phase; ++*row) {
		const struct phase_lock *one = &model->phase_locks[*row];
		const struct lock *lock = &model->locks[one->lock];

		if (!err && report_lock_contends(lock))
			err = counters_add(&by->all[lock->class], &one->all);
	}
	return err;
}

static void by_class_clear(struct by_class *by)
{
	for (size_t i = 0; i < by->nr; i++) {
		counters_fini(&by->all[i]);
		by->all[i] = (struct counters){ .acquired = 0 };
	}
}

static void put_class(const struct page_run *run, size_t class, const struct counters *c)
{
	struct json *json = run->json;

	json_object_begin(json, NULL);
	json_uint(json, "class", run->class_entry[class]);
	json_uint(json, "acquired", c->acquired);
	json_uint(json, "contended", c->contended);
	report_json_wait(json, c);
	report_json_hold(json, c);
	json_object_end(json);
}

static void put_phase_classes(struct page_run *run, const struct by_class *by)
{
	size_t nr = 0;

	for (size_t i = 0; i < by->nr; i++)
		nr += by->all[i].acquired || by->all[i].wait_ns;
	if (nr > run->phase_rows_left) {
		json_null(run->json, "classes");
		return;
	}
	run->phase_rows_left -= nr;
	json_array_begin(run->json, "classes");
	for (size_t i = 0; i < by->nr; i++)
		if (by->all[i].acquired || by->all[i].wait_ns)
			put_class(run, i, &by->all[i]);
	json_array_end(run->json);
}

static void put_phase(struct page_run *run, const struct phase *phase, const struct by_class *by)
{
	struct json *json = run->json;

	json_object_begin(json, NULL);
	report_json_phase_facts(json, phase);
	page_put_counters(json, "all", &phase->all, false);
	put_phase_classes(run, by);
	json_object_end(json);
}

static size_t nr_entries(const struct model *model)
{
	return model->nr_phases < PAGE_PHASES ? model->nr_phases : PAGE_PHASES;
}

int page_put_phases(struct page_run *run)
{
	const struct model *model = run->model;
	struct by_class by = { calloc(model->nr_classes + 1, sizeof(*by.all)), model->nr_classes };
	size_t row = 0, nr = nr_entries(model);
	int err = by.all ? 0 : -ENOMEM;

	run->phase_rows_left = PAGE_PHASE_CLASSES;
	json_uint(run->json, "work_units", model->work_units);
	json_uint(run->json, "off_ns", model->off_ns);
	json_uint_or_null(run->json, "only_phase", model->only_phase, model->only_phase != 0);
	json_array_begin(run->json, "phases");
	for (uint32_t i = 0; i < nr && !err; i++) {
		err = by_class_fill(&by, model, &row, i);
		if (!err)
			put_phase(run, &model->phases[i], &by);
		by_class_clear(&by);
	}
	json_array_end(run->json);
	json_uint(run->json, "phases_left_out", model->nr_phases - nr);
	free(by.all);
	return err;
}

uint32_t page_phase_number(const struct model *model, uint32_t phase)
{
	return phase < nr_entries(model) ? phase + 1 : 0;
}

/* ---- when they were ---- */

static void put_span(const struct page_run *run, size_t i, struct column columns[5])
{
	const struct phase_span *spans = run->model->phase_spans, *span = &spans[i];
	bool is_first = i == 0 || spans[i - 1].process != span->process;
	uint64_t since = is_first ? 0 : spans[i - 1].begin_ns;

	column_put(&columns[0], span->process);
	column_put(&columns[1], page_phase_number(run->model, span->phase));
	column_put(&columns[2], span->off);
	column_put(&columns[3],
		   span->begin_ns - since + (is_first ? run->begin_ns[span->process] : 0));
	column_put(&columns[4], span->end_ns - span->begin_ns);
}

int page_write_spans(const struct page_run *run, FILE *out)
{
	static const char *const names[5] = { "span_process", "span_phase", "span_off",
					      "span_begin", "span_length" };
	struct column columns[5] = { { .bytes = NULL } };
	int err = 0;

	for (size_t i = 0; i < run->model->nr_phase_spans; i++)
		put_span(run, i, columns);
	for (size_t i = 0; i < 5; i++) {
		if (!err && run->model->nr_phase_spans)
			err = column_write(&columns[i], names[i], out);
		column_fini(&columns[i]);
	}
	return err;
}
