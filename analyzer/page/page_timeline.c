/* SPDX-License-Identifier: MIT */
/*
 * The intervals of a run as columns: what was held and waited for, thread by thread.
 *
 * A row names its context: lock, class, stack and mode. These are few, as the nodes of the lock
 * context tree are.
 */
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../intervals.h"

#define PAGE_TOKEN 8 /* a wait_kind of viz/DATA.md that is no enum interval_kind */

struct context {
	uint32_t lock, class, stack, mode, phase; /* as viz/DATA.md has them */
};

struct timeline {
	struct intervals all;
	uint32_t *hold_context, *wait_context, *wait_stack; /* by row */
	struct context *contexts;
	size_t nr_contexts, cap_contexts;
};

/* What one process's nodes, stacks and threads have become. */
struct known {
	uint32_t *node_context;	/* node -> context + 1 */
	uint32_t *stack_number;	/* stack -> number in places + 1 */
	uint32_t nr_nodes, nr_stacks;
};

struct contexts {
	struct page_run *run;
	struct timeline *timeline;
	struct known *known;	/* by process */
	uint32_t *join_context;	/* index in model.threads -> context + 1; the last: unknown */
	int err;
};

static uint32_t add_context(struct contexts *c, const struct context *context)
{
	struct timeline *t = c->timeline;

	if (t->nr_contexts == t->cap_contexts) {
		size_t capacity = t->cap_contexts ? t->cap_contexts * 2 : 256;
		struct context *contexts = realloc(t->contexts, capacity * sizeof(*contexts));

		if (!contexts) {
			c->err = -ENOMEM;
			return 0;
		}
		t->contexts = contexts;
		t->cap_contexts = capacity;
	}
	t->contexts[t->nr_contexts++] = *context;
	return (uint32_t)t->nr_contexts;
}

static uint32_t join_context(struct contexts *c, uint32_t joined)
{
	size_t nr_threads = c->run->model->nr_threads;
	uint32_t *known = &c->join_context[joined < nr_threads ? joined : nr_threads];
	struct context context = { .lock = joined + 1 };

	if (!*known)
		*known = add_context(c, &context);
	return *known - !c->err;
}

static uint32_t node_context(struct contexts *c, const struct interval *i)
{
	const struct page_run *run = c->run;
	const struct process *process = run->model->threads[i->thread].process;
	uint32_t *known = &c->known[process->number].node_context[i->node];
	const struct trace_node *record = reader_node(process->reader, i->node);
	struct context context = { .mode = i->is_shared };

	if (!*known) {
		if (i->lock != UINT32_MAX) {
			context.lock = run->lock_entry[i->lock] + 1;
			context.class = run->class_entry[run->model->locks[i->lock].class] + 1;
		}
		context.phase = page_phase_number(run->model, model_phase_of(process, i->node));
		if (record)
			context.stack = places_stack(run->places, process, record->stack, record->site);
		*known = add_context(c, &context);
	}
	return *known - !c->err;
}

static uint32_t stack_number(struct contexts *c, const struct interval *i)
{
	const struct process *process = c->run->model->threads[i->thread].process;
	struct known *known = &c->known[process->number];

	if (!i->stack || i->stack >= known->nr_stacks)
		return 0;
	if (!known->stack_number[i->stack])
		known->stack_number[i->stack] =
			places_stack(c->run->places, process, i->stack, 0) + 1;
	return known->stack_number[i->stack] - 1;
}

static int know_process(struct known *known, const struct process *process)
{
	if (!process->reader)
		return 0;
	known->nr_nodes = reader_max_node(process->reader) + 1;
	known->nr_stacks = reader_max_stack(process->reader) + 1;
	known->node_context = calloc(known->nr_nodes, sizeof(*known->node_context));
	known->stack_number = calloc(known->nr_stacks, sizeof(*known->stack_number));
	return known->node_context && known->stack_number ? 0 : -ENOMEM;
}

static void find_contexts(struct contexts *c)
{
	struct timeline *t = c->timeline;

	for (size_t i = 0; i < t->all.holds.nr && !c->err; i++)
		t->hold_context[i] = node_context(c, &t->all.holds.at[i]);
	for (size_t i = 0; i < t->all.waits.nr && !c->err; i++) {
		const struct interval *wait = &t->all.waits.at[i];

		t->wait_context[i] = wait->kind == INTERVAL_JOIN ? join_context(c, wait->joined)
								  : node_context(c, wait);
		t->wait_stack[i] = stack_number(c, wait);
	}
}

static int make_contexts(struct page_run *run)
{
	struct timeline *t = run->timeline;
	const struct model *model = run->model;
	struct contexts c = { .run = run, .timeline = t };

	c.known = calloc(model->nr_processes + 1, sizeof(*c.known));
	c.join_context = calloc(model->nr_threads + 1, sizeof(*c.join_context));
	t->hold_context = calloc(t->all.holds.nr + 1, sizeof(*t->hold_context));
	t->wait_context = calloc(t->all.waits.nr + 1, sizeof(*t->wait_context));
	t->wait_stack = calloc(t->all.waits.nr + 1, sizeof(*t->wait_stack));
	if (!c.known || !c.join_context || !t->hold_context || !t->wait_context || !t->wait_stack)
		c.err = -ENOMEM;
	for (size_t i = 0; i < model->nr_processes && !c.err; i++)
		c.err = know_process(&c.known[i], &model->processes[i]);
	if (!c.err)
		find_contexts(&c);
	for (size_t i = 0; c.known && i < model->nr_processes; i++) {
		free(c.known[i].node_context);
		free(c.known[i].stack_number);
	}
	free(c.known);
	free(c.join_context);
	return c.err;
}

/* What is left of a profile's events are the last moments of each thread: no picture of the run. */
static bool has_events(const struct model *model)
{
	bool is_recorded = false;

	for (size_t i = 0; i < model->nr_processes; i++)
		is_recorded |= report_header(&model->processes[i])->mode_at_start != TRACE_MODE_PROFILE;
	return is_recorded && model->has_events;
}

int timeline_init(struct page_run *run, uint64_t max_intervals)
{
	int err;

	run->no_timeline = "statistics alone were recorded (mode profile): a recording in mode trace "
			   "has the single events that a timeline is made of";
	if (!has_events(run->model))
		return 0;
	run->timeline = calloc(1, sizeof(*run->timeline));
	if (!run->timeline)
		return -ENOMEM;
	run->no_timeline = NULL;
	err = intervals_read(&run->timeline->all, run->model, run->begin_ns, max_intervals);
	return err ? err : make_contexts(run);
}

void timeline_fini(struct page_run *run)
{
	struct timeline *t = run->timeline;

	if (!t)
		return;
	intervals_fini(&t->all);
	free(t->hold_context);
	free(t->wait_context);
	free(t->wait_stack);
	free(t->contexts);
	free(t);
	run->timeline = NULL;
}

/* ---- what the page gets ---- */

static void put_rows(const struct page_run *run, struct json *json, const char *key,
		     const struct interval_list *list)
{
	size_t i = 0;

	json_array_begin(json, key);
	for (uint32_t thread = 0; thread < run->model->nr_threads; thread++) {
		size_t first = i;

		while (i < list->nr && list->at[i].thread == thread)
			i++;
		json_uint(json, NULL, i - first);
	}
	json_array_end(json);
}

void timeline_put(const struct page_run *run, struct json *json)
{
	const struct timeline *t = run->timeline;
	uint64_t held = run->model->all.held;

	json_string(json, "no_timeline", run->no_timeline);
	if (!t) {
		json_null(json, "timeline");
		return;
	}
	json_object_begin(json, "timeline");
	json_uint(json, "begin_ns", 0);
	json_uint(json, "end_ns", t->all.end_ns);
	json_uint(json, "intervals", t->all.nr_recorded);
	json_uint(json, "kept", t->all.holds.nr + t->all.waits.nr);
	json_uint(json, "min_hold_ns", t->all.min_hold_ns);
	json_uint(json, "min_wait_ns", t->all.min_wait_ns);
	json_uint(json, "holds_folded",
		  held > t->all.nr_holds ? held - t->all.nr_holds : 0);
	json_uint(json, "bins", t->all.nr_bins);
	put_rows(run, json, "holds", &t->all.holds);
	put_rows(run, json, "waits", &t->all.waits);
	json_object_end(json);
}

/* Begins of a thread's rows count from the one before. */
static int write_begins(const struct interval_list *list, const char *id, FILE *out)
{
	struct column column = { .bytes = NULL };

	for (size_t i = 0; i < list->nr; i++) {
		const struct interval *at = &list->at[i];
		bool is_first = i == 0 || at->thread != at[-1].thread;

		column_put(&column, at->begin_ns - (is_first ? 0 : at[-1].begin_ns));
	}
	return column_write(&column, id, out);
}

static int write_lengths(const struct interval_list *list, const char *id, FILE *out)
{
	struct column column = { .bytes = NULL };

	for (size_t i = 0; i < list->nr; i++)
		column_put(&column, list->at[i].length_ns);
	return column_write(&column, id, out);
}

/* Waits for a semaphore that counts or signals are told from those for a lock. */
static unsigned int kind_of(const struct model *model, const struct interval *i)
{
	bool is_token = i->kind <= INTERVAL_NEVER_ENDED && i->lock != UINT32_MAX &&
			!report_lock_contends(&model->locks[i->lock]);

	return is_token ? PAGE_TOKEN : i->kind;
}

static int write_kinds(const struct model *model, const struct interval_list *list, const char *id,
		       FILE *out)
{
	struct column column = { .bytes = NULL };

	for (size_t i = 0; i < list->nr; i++)
		column_put(&column, kind_of(model, &list->at[i]));
	return column_write(&column, id, out);
}

static int write_numbers(const uint32_t *numbers, size_t nr, const char *id, FILE *out)
{
	struct column column = { .bytes = NULL };

	for (size_t i = 0; i < nr; i++)
		column_put(&column, numbers[i]);
	return column_write(&column, id, out);
}

static int write_rows(const struct model *model, const struct timeline *t, FILE *out)
{
	const struct interval_list *holds = &t->all.holds, *waits = &t->all.waits;
	int err = write_begins(holds, "hold_begin", out);

	if (!err)
		err = write_lengths(holds, "hold_length", out);
	if (!err)
		err = write_numbers(t->hold_context, holds->nr, "hold_context", out);
	if (!err)
		err = write_begins(waits, "wait_begin", out);
	if (!err)
		err = write_lengths(waits, "wait_length", out);
	if (!err)
		err = write_numbers(t->wait_context, waits->nr, "wait_context", out);
	if (!err)
		err = write_numbers(t->wait_stack, waits->nr, "wait_stack", out);
	return err ? err : write_kinds(model, waits, "wait_kind", out);
}

static int write_contexts(const struct model *model, const struct timeline *t, FILE *out)
{
	struct column lock = { 0 }, class = { 0 }, stack = { 0 }, mode = { 0 }, phase = { 0 };
	int err;

	for (size_t i = 0; i < t->nr_contexts; i++) {
		column_put(&lock, t->contexts[i].lock);
		column_put(&class, t->contexts[i].class);
		column_put(&stack, t->contexts[i].stack);
		column_put(&mode, t->contexts[i].mode);
		column_put(&phase, t->contexts[i].phase);
	}
	err = column_write(&lock, "context_lock", out);
	if (!err)
		err = column_write(&class, "context_class", out);
	if (!err)
		err = column_write(&stack, "context_stack", out);
	if (!err)
		err = column_write(&mode, "context_mode", out);
	if (!err && model->nr_phases)
		err = column_write(&phase, "context_phase", out);
	column_fini(&class);
	column_fini(&stack);
	column_fini(&mode);
	column_fini(&phase);
	return err;
}

static int write_bins(const struct page_run *run, FILE *out)
{
	const struct timeline *t = run->timeline;
	struct column held = { 0 }, waited = { 0 };
	int err;

	for (size_t i = 0; i < run->model->nr_threads * t->all.nr_bins; i++) {
		column_put(&held, t->all.bins[i].held_ns);
		column_put(&waited, t->all.bins[i].waited_ns);
	}
	err = column_write(&held, "bin_held", out);
	if (!err)
		err = column_write(&waited, "bin_waited", out);
	column_fini(&waited);
	return err;
}

int timeline_write(const struct page_run *run, FILE *out)
{
	const struct timeline *t = run->timeline;
	int err;

	if (!t)
		return 0;
	err = write_rows(run->model, t, out);
	if (!err)
		err = write_contexts(run->model, t, out);
	if (!err && t->all.nr_bins)
		err = write_bins(run, out);
	return err;
}
