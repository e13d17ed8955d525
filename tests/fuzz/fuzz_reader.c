/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the reader, and the model, the reports and the exports on top of it: whatever the bytes are,
 * they are refused or an answer comes out, in which nothing is a control sequence.
 *
 * Most of a trace is zeros and checksums, and a fuzzer that must invent 64 KiB blocks finds
 * nothing. So an input is a program of 16-byte operations (steps.h) that tracegen makes a trace
 * from; the latter ones patch bytes of what came out, by record or by block, and checksums are
 * repaired then. Any change to an input is a valid program again. An input that has the format's
 * magic in its place is taken as a whole file instead.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../analyzer/cursor.h"
#include "../../analyzer/export/export.h"
#include "../../analyzer/report.h"
#include "fuzz.h"
#include "steps.h"

static void walk_nodes(const struct reader *r)
{
	for (uint32_t id = 1; id <= reader_max_node(r); id++) {
		uint32_t steps = 0;

		for (uint32_t up = id; reader_node(r, up); up = reader_node(r, up)->parent) {
			const struct trace_node *n = reader_node(r, up);

			need(!n->lock || reader_lock(r, n->lock));
			need(!n->stack || reader_stack(r, n->stack));
			need(steps++ <= reader_max_node(r));
		}
	}
}

static size_t walk_texts(const struct reader *r)
{
	size_t sum = strlen(reader_header(r)->exe);

	for (uint32_t id = 1; id <= reader_max_lock(r); id++) {
		const char *name = reader_name(r, TRACE_NAME_LOCK, id);

		need(!reader_lock(r, id) || reader_lock(r, id)->kind < TRACE_KIND_MAX);
		sum += name ? strlen(name) : 0;
	}
	for (uint32_t id = 1; id <= reader_max_module(r); id++)
		sum += reader_module(r, id) ? strlen(reader_module(r, id)->path) : 0;
	for (uint32_t id = 1; id <= reader_max_thread(r); id++)
		sum += reader_thread(r, id) ? strlen(reader_thread(r, id)->name) : 0;
	return sum;
}

static size_t walk_phases(const struct reader *r)
{
	size_t sum = 0;

	for (uint32_t i = 1; i <= reader_nr_phases(r); i++)
		sum += strlen(reader_phase_name(r, i));
	for (uint32_t id = 0; id <= reader_max_node(r) + 1; id++) {
		uint32_t same = reader_same_node(r, id);
		const struct trace_node *n = reader_node(r, id);

		need(reader_phase_of(r, id) <= reader_nr_phases(r));
		need(reader_same_node(r, same) == same);
		need(!n == !reader_node(r, same));
		need(!n || (n->parent == reader_node(r, same)->parent &&
			    n->lock == reader_node(r, same)->lock));
	}
	for (size_t i = 0; i < reader_nr_phase_changes(r); i++) {
		const struct reader_phase_change *c = reader_phase_change(r, i);

		need(c->phase <= reader_nr_phases(r));
		need(!i || reader_phase_change(r, i - 1)->ticks <= c->ticks);
	}
	return sum;
}

/* Waits that profile mode kept, and nothing else. */
static void walk_flights(const struct reader *r)
{
	struct cursor c;

	for (size_t i = 0; i < reader_nr_flights(r); i++) {
		cursor_init(&c, reader_flight(r, i));
		while (cursor_next(&c))
			need(c.event.type == TRACE_EV_ACQUISITION || c.event.type == TRACE_EV_THREAD ||
			     c.event.type == TRACE_EV_WAIT_BEGIN ||
			     c.event.type == TRACE_EV_WAIT_END);
		need(!c.bad_offset);
	}
}

/* What reader.h promises. */
static void walk(const struct reader *r)
{
	size_t sum = walk_texts(r);
	struct cursor c;

	for (size_t i = 0; i < reader_nr_streams(r); i++) {
		cursor_init(&c, reader_stream(r, i));
		while (cursor_next(&c))
			need(c.event.type < TRACE_EV_MAX);
	}
	walk_flights(r);
	walk_nodes(r);
	sum += walk_phases(r);
	for (uint32_t id = 1; id <= reader_max_stack(r); id++)
		for (uint32_t i = 0; reader_stack(r, id) && i < reader_stack(r, id)->nr_frames; i++)
			sum += (size_t)reader_stack(r, id)->frames[i];
	for (size_t i = 0; i < reader_nr_slots(r); i++)
		for (const struct trace_held *h = reader_slot(r, i)->held; h->lock; h++)
			need(!h->node || reader_node(r, h->node));
	for (size_t i = 0; i < reader_nr_hists(r); i++)
		sum += (size_t)reader_hist(r, i)->count[15];
	for (size_t i = 0; i < reader_nr_damages(r); i++)
		sum += strlen(reader_damage(r, i)->text);
	__asm__ volatile("" : : "r"(sum));
}

static void print(const struct report *report, int (*how)(const struct report *, FILE *))
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	need(out != NULL);
	need(how(report, out) == 0);
	fclose(out);
	fuzz_need_harmless(text, size);
	free(text);
}

static void export(const struct report *report, const struct exporter *exporter,
		   enum export_attribute attribute)
{
	static int fd = -1;
	struct export e = { .report = report, .attribute = attribute };
	char *text;
	long size;

	e.out = fopen(fuzz_file(&fd, NULL, 0), "r+");
	need(e.out != NULL);
	need(exporter->write(&e) == 0);
	need(fseek(e.out, 0, SEEK_END) == 0);
	size = ftell(e.out);
	need(size >= 0);
	rewind(e.out);
	text = malloc((size_t)size + 1);
	need(text && fread(text, 1, (size_t)size, e.out) == (size_t)size);
	if (!exporter->is_binary)
		fuzz_need_harmless(text, (size_t)size);
	free(text);
	fclose(e.out);
}

/* But for the database, which has to have a name; tests/t/export.t makes some. */
static void export_all(const struct report *report, enum export_attribute attribute)
{
	for (const struct exporter *exporter = exporters; exporter->name; exporter++)
		if (!exporter->needs_path)
			export(report, exporter, attribute);
}

/* Whatever the phases are, each thing is of one of them. */
static void check_phases(const struct model *model)
{
	uint64_t acquired = 0, units = 0;

	for (size_t i = 0; i < model->nr_phases; i++) {
		acquired += model->phases[i].all.acquired;
		units += model->phases[i].work_units;
	}
	need(!model->nr_phases || acquired == report_totals(model).acquired);
	need(!model->nr_phases || units == model->work_units);
}

/* The parts of a lock's wait, whatever is kept of it, are parts and all of it. */
static void check_waits(const struct model *model)
{
	uint64_t *blamed = calloc(model->nr_locks + 1, sizeof(*blamed));

	need(blamed != NULL);
	for (size_t i = 0; i < model->nr_blames; i++)
		blamed[model->blames[i].lock] += model->blames[i].wait_ns;
	for (size_t i = 0; i < model->nr_locks; i++) {
		const struct lock *lock = &model->locks[i];

		need(lock->unattributed_ns <= lock->all.wait_ns);
		need(lock->folded_wait_ns <= lock->all.wait_ns - lock->unattributed_ns);
		need(blamed[i] == lock->all.wait_ns - lock->unattributed_ns - lock->folded_wait_ns);
	}
	free(blamed);
}

static void report(struct reader *reader, uint8_t choice)
{
	struct model *model = model_new();
	struct report report = {
		.model = model,
		.key = (enum report_key)(choice % 7),
		.by = (enum report_by)(choice % 6),
		.top = choice & 8 ? REPORT_ALL : 5,
		.details = 3,
		.whole_stacks = choice & 16,
		.wide = choice & 32,
		.width = 80,
		.frames = model_frames,
	};

	need(model != NULL);
	if (choice & 64 && reader_nr_phases(reader)) {
		report.only_phase = reader_phase_name(reader, 1);
		need(model_only_phase(model, report.only_phase) == 0);
	}
	need(model_add(model, reader, NULL) == 0 && model_finish(model) == 0);
	check_phases(model);
	check_waits(model);
	print(&report, report_json);
	print(&report, choice & 64 ? report_csv : report_text);
	export_all(&report, choice & 128 ? EXPORT_HOLDER : EXPORT_WAITER);
	model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	bool is_whole = size > 72 && !memcmp(data + 64, TRACE_MAGIC, 8);
	size_t bytes = size;
	unsigned char *made = is_whole ? NULL : steps_run(data, size, &bytes);
	const char *path = fuzz_file(&fd, made ? made : data, bytes);
	struct reader *reader;
	char error[256] = "";

	free(made);
	if (reader_open(&reader, path, error, sizeof(error)) == 0) {
		walk(reader);
		report(reader, size ? data[0] : 0);
	} else {
		need(strlen(error) > 0);
	}
	return 0;
}
