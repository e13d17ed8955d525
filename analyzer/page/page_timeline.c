/* SPDX-License-Identifier: MIT */
/*
 * The events of a run as intervals of its threads: holds, and waits of all kinds.
 *
 * A page can hold about a million. When there are more, the longest waits are kept, the holds that
 * they led to, and the longest of the other holds; what is left out is still there as sums over equal parts of the
 * run, thread by thread. So nothing that took time is lost from sight, and the rest is a density.
 *
 * Events are read twice: once to find out how long an interval must be to be kept, once to keep
 * them. Waits and holds that had not ended with the recording come from the threads' state pages.
 */
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../trace/hist.h"
#include "../cursor.h"

#define MAX_CELLS (1u << 19) /* bins x threads */
#define MAX_BINS  2048u

/* Numbers of viz/DATA.md. */
enum wait_kind { GOT_IT, GAVE_UP, NEVER_ENDED, CONDITION, BARRIER, ONCE, FUTEX, JOIN };

struct interval {
	uint64_t begin_ns, length_ns;
	uint32_t context, stack;
	uint32_t thread;
	uint32_t kind; /* enum wait_kind */
};

struct intervals {
	struct interval *at;
	size_t nr, capacity;
};

struct context {
	uint32_t lock, class, stack, mode; /* as viz/DATA.md has them */
};

struct bin {
	uint64_t count, held_ns, waited_ns;
};

/* How many intervals there are of each length, in ticks. */
struct lengths {
	uint64_t count[HIST_OCTAVES][HIST_PARTS];
	uint64_t nr;
};

struct timeline {
	struct intervals holds, waits;
	struct context *contexts;
	size_t nr_contexts, cap_contexts;
	uint64_t nr_intervals;
	uint64_t min_hold_ns, min_wait_ns;
	uint64_t end_ns;
	uint32_t nr_bins;
	struct bin *bins; /* by thread, then bin */
};

/* What goes on while one process's events are read. */
struct sweep {
	struct page_run *run;
	struct timeline *timeline;
	const struct process *process;
	uint64_t begin_ns;	/* of the process on the axis of all */
	uint32_t *thread_of;	/* id -> index in model.threads, UINT32_MAX */
	uint32_t nr_threads;
	uint32_t *lock_of;	/* id -> index in model.locks, UINT32_MAX */
	uint32_t nr_locks;
	uint32_t *node_context; /* node -> context + 1 */
	uint32_t *join_context; /* index in model.threads -> context + 1 */
	uint32_t nr_nodes;
	uint32_t *stack_number; /* stack -> number in run.places, UINT32_MAX: not yet asked */
	uint32_t nr_stacks;
	uint32_t *wait_stack; /* by index in model.threads: of the wait under way */
	struct lengths *holds, *waits; /* first reading; NULL in the second */
	int err;
};

static bool push(void **array, size_t *nr, size_t *capacity, size_t size)
{
	if (*nr == *capacity) {
		size_t more = *capacity ? *capacity * 2 : 1024;
		void *at = realloc(*array, more * size);

		if (!at)
			return false;
		*array = at;
		*capacity = more;
	}
	++*nr;
	return true;
}

/* ---- contexts ---- */

static uint32_t add_context(struct sweep *sweep, const struct context *context)
{
	struct timeline *t = sweep->timeline;
	void *at = t->contexts;

	if (!push(&at, &t->nr_contexts, &t->cap_contexts, sizeof(*context))) {
		sweep->err = -ENOMEM;
		return 0;
	}
	t->contexts = at;
	t->contexts[t->nr_contexts - 1] = *context;
	return (uint32_t)t->nr_contexts;
}

static uint32_t node_context(struct sweep *sweep, uint64_t id)
{
	const struct page_run *run = sweep->run;
	uint32_t node = id < sweep->nr_nodes ? (uint32_t)id : 0, lock = UINT32_MAX;
	const struct trace_node *record = reader_node(sweep->process->reader, node);
	struct context context = { 0 };

	if (sweep->node_context[node])
		return sweep->node_context[node] - 1;
	if (record && record->lock < sweep->nr_locks)
		lock = sweep->lock_of[record->lock];
	if (lock != UINT32_MAX) {
		context.lock = run->lock_entry[lock] + 1;
		context.class = run->class_entry[run->model->locks[lock].class] + 1;
	}
	if (record) {
		context.stack = places_stack(run->places, sweep->process, record->stack, record->site);
		context.mode = !!(record->mode & TRACE_SHARED);
	}
	sweep->node_context[node] = add_context(sweep, &context);
	return sweep->node_context[node] - 1;
}

static uint32_t join_context(struct sweep *sweep, uint64_t id)
{
	uint32_t target = id < sweep->nr_threads ? sweep->thread_of[id] : UINT32_MAX;
	struct context context = { .lock = target + 1 };
	uint32_t *known = &sweep->join_context[target == UINT32_MAX ? sweep->run->model->nr_threads
								     : target];

	if (!*known)
		*known = add_context(sweep, &context);
	return *known - 1;
}

static uint32_t stack_number(struct sweep *sweep, uint32_t stack)
{
	uint32_t *number;

	if (!stack || stack >= sweep->nr_stacks)
		return 0;
	number = &sweep->stack_number[stack];
	if (*number == UINT32_MAX)
		*number = places_stack(sweep->run->places, sweep->process, stack, 0);
	return *number;
}

/* ---- intervals ---- */

static void count_length(struct lengths *lengths, uint64_t ns)
{
	struct hist_place at = hist_place(ns);

	lengths->count[at.octave][at.part]++;
	lengths->nr++;
}

/* A thread's time in [begin, end), added to the bins that it touches. */
static void add_to_bins(struct timeline *t, uint32_t thread, const struct interval *i, bool is_hold)
{
	uint64_t end = i->begin_ns + i->length_ns, width = t->end_ns / t->nr_bins + 1;
	struct bin *bins = t->bins + (size_t)thread * t->nr_bins;
	uint64_t last = end / width < t->nr_bins ? end / width : t->nr_bins - 1;

	bins[last].count += is_hold;
	for (uint64_t bin = i->begin_ns / width; bin <= last; bin++) {
		uint64_t from = bin * width > i->begin_ns ? bin * width : i->begin_ns;
		uint64_t to = (bin + 1) * width < end ? (bin + 1) * width : end;

		if (from >= to)
			continue;
		*(is_hold ? &bins[bin].held_ns : &bins[bin].waited_ns) += to - from;
	}
}

static void keep(struct sweep *sweep, struct intervals *intervals, const struct interval *interval)
{
	void *at = intervals->at;

	if (!push(&at, &intervals->nr, &intervals->capacity, sizeof(*interval))) {
		sweep->err = -ENOMEM;
		return;
	}
	intervals->at = at;
	intervals->at[intervals->nr - 1] = *interval;
}

static uint64_t at_ns(const struct sweep *sweep, uint64_t ticks)
{
	return sweep->begin_ns + reader_time_ns(sweep->process->reader, ticks);
}

static struct interval make_interval(const struct sweep *sweep, uint32_t thread, uint64_t end,
				     uint64_t length)
{
	uint64_t begin_ns = at_ns(sweep, end > length ? end - length : 0), end_ns = at_ns(sweep, end);

	return (struct interval){ .begin_ns = begin_ns,
				  .length_ns = end_ns > begin_ns ? end_ns - begin_ns : 0,
				  .thread = thread };
}

static void take_hold(struct sweep *sweep, uint32_t thread, uint64_t node, uint64_t end,
		      uint64_t length, bool is_kept)
{
	struct timeline *t = sweep->timeline;
	struct interval i = make_interval(sweep, thread, end, length);

	if (sweep->holds) {
		count_length(sweep->holds, i.length_ns);
		if (t->end_ns < i.begin_ns + i.length_ns)
			t->end_ns = i.begin_ns + i.length_ns;
		return;
	}
	if (t->nr_bins)
		add_to_bins(t, thread, &i, true);
	if (i.length_ns < t->min_hold_ns && !is_kept)
		return;
	i.context = node_context(sweep, node);
	keep(sweep, &t->holds, &i);
}

/* Whether it is long enough to be kept. */
static bool take_wait(struct sweep *sweep, uint32_t thread, enum wait_kind kind, uint64_t id,
		      uint64_t end, uint64_t length, uint32_t stack)
{
	struct timeline *t = sweep->timeline;
	struct interval i = make_interval(sweep, thread, end, length);

	if (sweep->waits) {
		count_length(sweep->waits, i.length_ns);
		if (t->end_ns < i.begin_ns + i.length_ns)
			t->end_ns = i.begin_ns + i.length_ns;
		return false;
	}
	if (t->nr_bins && kind <= NEVER_ENDED)
		add_to_bins(t, thread, &i, false);
	if (i.length_ns < t->min_wait_ns)
		return false;
	i.kind = kind;
	i.context = kind == JOIN ? join_context(sweep, id) : node_context(sweep, id);
	i.stack = stack_number(sweep, stack);
	keep(sweep, &t->waits, &i);
	return true;
}

/* ---- events ---- */

static void take_acquisition(struct sweep *sweep, uint32_t thread, const struct trace_event *e)
{
	uint64_t flags = e->value[ACQ_FLAGS];
	uint64_t hold = flags & TRACE_ACQ_NO_HOLD ? 0 : e->value[ACQ_HOLD];
	bool is_kept = false;

	if (flags & TRACE_ACQ_WAITED) {
		is_kept = take_wait(sweep, thread, GOT_IT, e->arg,
				    e->ticks > hold ? e->ticks - hold : 0, e->value[ACQ_WAIT],
				    sweep->wait_stack[thread]);
		sweep->wait_stack[thread] = 0;
	}
	if (!(flags & TRACE_ACQ_NO_HOLD))
		take_hold(sweep, thread, e->arg, e->ticks, hold, is_kept);
}

static void take_event(struct sweep *sweep, uint32_t thread, const struct trace_event *e)
{
	switch (e->type) {
	case TRACE_EV_PLAIN:
		take_hold(sweep, thread, e->arg, e->ticks, e->value[ACQ_HOLD], false);
		break;
	case TRACE_EV_ACQUISITION:
		take_acquisition(sweep, thread, e);
		break;
	case TRACE_EV_WAIT_BEGIN:
		sweep->wait_stack[thread] = (uint32_t)e->value[0];
		break;
	case TRACE_EV_WAIT_END:
		take_wait(sweep, thread, GAVE_UP, e->arg, e->ticks, e->value[0],
			  sweep->wait_stack[thread]);
		sweep->wait_stack[thread] = 0;
		break;
	case TRACE_EV_COND_WAIT:
		take_wait(sweep, thread, CONDITION, e->arg, e->ticks, e->value[0], 0);
		break;
	case TRACE_EV_BARRIER:
		take_wait(sweep, thread, BARRIER, e->arg, e->ticks, e->value[0], 0);
		break;
	case TRACE_EV_ONCE:
		if (e->value[0])
			take_wait(sweep, thread, ONCE, e->arg, e->ticks, e->value[0], 0);
		break;
	case TRACE_EV_FUTEX_WAIT:
		take_wait(sweep, thread, FUTEX, e->arg, e->ticks, e->value[0], 0);
		break;
	case TRACE_EV_JOIN:
		take_wait(sweep, thread, JOIN, e->arg, e->ticks, e->value[0],
			  (uint32_t)e->value[2]);
		break;
	default:
		break;
	}
}

static void take_slot(struct sweep *sweep, const struct trace_slot *slot)
{
	uint64_t end = reader_end_ticks(sweep->process->reader);
	uint32_t thread = slot->thread < sweep->nr_threads ? sweep->thread_of[slot->thread]
							   : UINT32_MAX;

	if (thread == UINT32_MAX)
		return;
	for (unsigned int i = 0; i < TRACE_HELD_MAX && slot->held[i].lock; i++)
		take_hold(sweep, thread, slot->held[i].node, end,
			  end > slot->held[i].since ? end - slot->held[i].since : 0, true);
	if (slot->wait_node && end > slot->wait_since)
		take_wait(sweep, thread, NEVER_ENDED, slot->wait_node, end, end - slot->wait_since,
			  slot->wait_stack);
}

static void read_events(struct sweep *sweep)
{
	const struct reader *reader = sweep->process->reader;

	for (size_t i = 0; i < reader_nr_streams(reader) && !sweep->err; i++) {
		struct cursor c;

		cursor_init(&c, reader_stream(reader, i));
		while (cursor_next(&c) && !sweep->err) {
			uint32_t thread = c.thread < sweep->nr_threads ? sweep->thread_of[c.thread]
								       : UINT32_MAX;

			if (thread != UINT32_MAX)
				take_event(sweep, thread, &c.event);
		}
	}
	for (size_t i = 0; i < reader_nr_slots(reader) && !sweep->err; i++)
		take_slot(sweep, reader_slot(reader, i));
}

/* ---- one process, then all ---- */

static void sweep_fini(struct sweep *sweep)
{
	free(sweep->thread_of);
	free(sweep->lock_of);
	free(sweep->node_context);
	free(sweep->join_context);
	free(sweep->stack_number);
	free(sweep->wait_stack);
}

static uint32_t *new_map(size_t nr, unsigned char fill)
{
	uint32_t *map = malloc(nr * sizeof(*map));

	if (map)
		memset(map, fill, nr * sizeof(*map));
	return map;
}

static int sweep_init(struct sweep *sweep)
{
	const struct model *model = sweep->run->model;
	const struct reader *reader = sweep->process->reader;

	sweep->nr_threads = reader_max_thread(reader) + 1;
	sweep->nr_locks = reader_max_lock(reader) + 1;
	sweep->nr_nodes = reader_max_node(reader) + 1;
	sweep->thread_of = new_map(sweep->nr_threads, 0xff);
	sweep->lock_of = new_map(sweep->nr_locks, 0xff);
	sweep->node_context = new_map(sweep->nr_nodes, 0);
	sweep->join_context = new_map(model->nr_threads + 1, 0);
	sweep->nr_stacks = reader_max_stack(reader) + 1;
	sweep->stack_number = new_map(sweep->nr_stacks, 0xff);
	sweep->wait_stack = new_map(model->nr_threads + 1, 0);
	if (!sweep->thread_of || !sweep->lock_of || !sweep->node_context || !sweep->join_context ||
	    !sweep->stack_number || !sweep->wait_stack)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_threads; i++)
		if (model->threads[i].process == sweep->process &&
		    model->threads[i].id < sweep->nr_threads)
			sweep->thread_of[model->threads[i].id] = (uint32_t)i;
	for (size_t i = 0; i < model->nr_locks; i++)
		if (model->locks[i].process == sweep->process && model->locks[i].id < sweep->nr_locks)
			sweep->lock_of[model->locks[i].id] = (uint32_t)i;
	return 0;
}

/* Reads the events of all processes; with `holds` and `waits` only to count their lengths. */
static int sweep_all(struct page_run *run, struct lengths *holds, struct lengths *waits)
{
	int err = 0;

	for (size_t i = 0; i < run->model->nr_processes && !err; i++) {
		struct sweep sweep = { .run = run, .timeline = run->timeline,
				       .process = &run->model->processes[i],
				       .begin_ns = run->begin_ns[i], .holds = holds, .waits = waits };

		if (!sweep.process->reader)
			continue;
		err = sweep_init(&sweep);
		if (!err)
			read_events(&sweep);
		if (!err)
			err = sweep.err;
		sweep_fini(&sweep);
	}
	return err;
}

/* The length from which on no more than `max` intervals are left; 0: all may stay. */
static uint64_t threshold(const struct lengths *lengths, uint64_t max)
{
	uint64_t nr = 0;

	if (lengths->nr <= max)
		return 0;
	for (unsigned int octave = HIST_OCTAVES; octave-- > 0;) {
		for (unsigned int part = HIST_PARTS; part-- > 0;) {
			nr += lengths->count[octave][part];
			if (nr > max)
				return hist_low(octave, part) + hist_width(octave);
		}
	}
	return 0;
}

static int choose(struct page_run *run, uint64_t max)
{
	struct timeline *t = run->timeline;
	struct lengths *holds = calloc(2, sizeof(*holds)), *waits = holds + 1;
	int err = holds ? sweep_all(run, holds, waits) : -ENOMEM;

	if (!err) {
		uint64_t nr_waits = waits->nr < max / 3 ? waits->nr : max / 3;

		t->nr_intervals = holds->nr + waits->nr;
		t->min_wait_ns = threshold(waits, max / 3);
		t->min_hold_ns = threshold(holds, max - 2 * nr_waits);
	}
	free(holds);
	if (err || (!t->min_hold_ns && !t->min_wait_ns))
		return err;
	t->nr_bins = MAX_CELLS / (uint32_t)(run->model->nr_threads + 1);
	t->nr_bins = t->nr_bins > MAX_BINS ? MAX_BINS : t->nr_bins < 16 ? 16 : t->nr_bins;
	t->bins = calloc(run->model->nr_threads * t->nr_bins + 1, sizeof(*t->bins));
	return t->bins ? 0 : -ENOMEM;
}

static int compare_intervals(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;

	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	if (x->begin_ns != y->begin_ns)
		return x->begin_ns < y->begin_ns ? -1 : 1;
	return (x->length_ns < y->length_ns) - (x->length_ns > y->length_ns);
}

int timeline_init(struct page_run *run, uint64_t max_intervals)
{
	struct timeline *t;
	int err;

	run->no_timeline = "statistics alone were recorded (mode profile): a recording in mode trace "
			   "has the single events that a timeline is made of";
	if (!run->model->has_events)
		return 0;
	t = run->timeline = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	run->no_timeline = NULL;
	err = choose(run, max_intervals);
	if (!err)
		err = sweep_all(run, NULL, NULL);
	if (err)
		return err;
	if (t->holds.nr)
		qsort(t->holds.at, t->holds.nr, sizeof(*t->holds.at), compare_intervals);
	if (t->waits.nr)
		qsort(t->waits.at, t->waits.nr, sizeof(*t->waits.at), compare_intervals);
	return 0;
}

void timeline_fini(struct page_run *run)
{
	if (!run->timeline)
		return;
	free(run->timeline->holds.at);
	free(run->timeline->waits.at);
	free(run->timeline->contexts);
	free(run->timeline->bins);
	free(run->timeline);
	run->timeline = NULL;
}

/* ---- what the page gets ---- */

static void put_rows(const struct page_run *run, struct json *json, const char *key,
		     const struct intervals *intervals)
{
	size_t i = 0;

	json_array_begin(json, key);
	for (uint32_t thread = 0; thread < run->model->nr_threads; thread++) {
		size_t first = i;

		while (i < intervals->nr && intervals->at[i].thread == thread)
			i++;
		json_uint(json, NULL, i - first);
	}
	json_array_end(json);
}

void timeline_put(const struct page_run *run, struct json *json)
{
	const struct timeline *t = run->timeline;

	json_string(json, "no_timeline", run->no_timeline);
	if (!t) {
		json_null(json, "timeline");
		return;
	}
	json_object_begin(json, "timeline");
	json_uint(json, "begin_ns", 0);
	json_uint(json, "end_ns", t->end_ns);
	json_uint(json, "intervals", t->nr_intervals);
	json_uint(json, "kept", t->holds.nr + t->waits.nr);
	json_uint(json, "min_hold_ns", t->min_hold_ns);
	json_uint(json, "min_wait_ns", t->min_wait_ns);
	json_uint(json, "bins", t->nr_bins);
	put_rows(run, json, "holds", &t->holds);
	put_rows(run, json, "waits", &t->waits);
	json_object_end(json);
}

enum field { BEGIN, LENGTH, CONTEXT, STACK, KIND };

static int write_field(const struct intervals *intervals, enum field field, const char *id, FILE *out)
{
	struct column column = { .bytes = NULL };
	uint64_t before = 0;

	for (size_t i = 0; i < intervals->nr; i++) {
		const struct interval *at = &intervals->at[i];

		if (i == 0 || at->thread != at[-1].thread)
			before = 0;
		switch (field) {
		case BEGIN:
			column_put(&column, at->begin_ns - before);
			before = at->begin_ns;
			break;
		case LENGTH:
			column_put(&column, at->length_ns);
			break;
		case CONTEXT:
			column_put(&column, at->context);
			break;
		case STACK:
			column_put(&column, at->stack);
			break;
		case KIND:
			column_put(&column, at->kind);
			break;
		}
	}
	return column_write(&column, id, out);
}

static int write_contexts(const struct timeline *t, FILE *out)
{
	struct column lock = { 0 }, class = { 0 }, stack = { 0 }, mode = { 0 };
	int err;

	for (size_t i = 0; i < t->nr_contexts; i++) {
		column_put(&lock, t->contexts[i].lock);
		column_put(&class, t->contexts[i].class);
		column_put(&stack, t->contexts[i].stack);
		column_put(&mode, t->contexts[i].mode);
	}
	err = column_write(&lock, "context_lock", out);
	if (!err)
		err = column_write(&class, "context_class", out);
	if (!err)
		err = column_write(&stack, "context_stack", out);
	if (!err)
		err = column_write(&mode, "context_mode", out);
	column_fini(&class);
	column_fini(&stack);
	column_fini(&mode);
	return err;
}

static int write_bins(const struct page_run *run, FILE *out)
{
	const struct timeline *t = run->timeline;
	struct column count = { 0 }, held = { 0 }, waited = { 0 };
	int err;

	for (size_t i = 0; i < run->model->nr_threads * t->nr_bins; i++) {
		column_put(&count, t->bins[i].count);
		column_put(&held, t->bins[i].held_ns);
		column_put(&waited, t->bins[i].waited_ns);
	}
	err = column_write(&count, "bin_count", out);
	if (!err)
		err = column_write(&held, "bin_held", out);
	if (!err)
		err = column_write(&waited, "bin_waited", out);
	column_fini(&held);
	column_fini(&waited);
	return err;
}

int timeline_write(const struct page_run *run, FILE *out)
{
	static const struct {
		bool is_wait;
		enum field field;
		const char *id;
	} columns[] = {
		{ false, BEGIN, "hold_begin" },	    { false, LENGTH, "hold_length" },
		{ false, CONTEXT, "hold_context" }, { true, BEGIN, "wait_begin" },
		{ true, LENGTH, "wait_length" },    { true, CONTEXT, "wait_context" },
		{ true, STACK, "wait_stack" },	    { true, KIND, "wait_kind" },
	};
	const struct timeline *t = run->timeline;
	int err = 0;

	if (!t)
		return 0;
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]) && !err; i++)
		err = write_field(columns[i].is_wait ? &t->waits : &t->holds, columns[i].field,
				  columns[i].id, out);
	if (!err)
		err = write_contexts(t, out);
	if (!err && t->nr_bins)
		err = write_bins(run, out);
	return err;
}
