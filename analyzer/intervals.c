/* SPDX-License-Identifier: MIT */
/*
 * intervals.c: see intervals.h
 *
 * Events are read twice when there is a limit: once to find out how long an interval must be to be
 * kept, once to keep them. Waits and holds that had not ended with the recording come from the
 * threads' state pages.
 */
#include "intervals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../trace/hist.h"
#include "cursor.h"
#include "report.h"

#define MAX_CELLS (1u << 19) /* bins x threads */
#define MAX_BINS  2048u

/* How many intervals there are of each length, in ns. */
struct lengths {
	uint64_t count[HIST_OCTAVES][HIST_PARTS];
	uint64_t nr;
};

/* What goes on while one process's events are read. */
struct sweep {
	struct intervals *all;
	const struct model *model;
	const struct process *process;
	uint64_t begin_ns;    /* of the process on the axis of all */
	uint32_t *thread_of;  /* id -> index in model.threads, UINT32_MAX */
	uint32_t nr_threads;
	uint32_t *lock_of;    /* id -> index in model.locks, UINT32_MAX */
	uint32_t nr_locks;
	uint32_t *wait_stack; /* by index in model.threads: of the wait under way */
	struct lengths *holds, *waits; /* first reading; NULL in the second */
	int err;
};

/* ---- intervals ---- */

static void count_length(struct lengths *lengths, uint64_t ns)
{
	struct hist_place at = hist_place(ns);

	lengths->count[at.octave][at.part]++;
	lengths->nr++;
}

/* A thread's time in an interval, added to the bins that it touches. */
static void add_to_bins(struct intervals *all, const struct interval *i, bool is_hold)
{
	uint64_t end = i->begin_ns + i->length_ns, width = all->end_ns / all->nr_bins + 1;
	struct interval_bin *bins = all->bins + (size_t)i->thread * all->nr_bins;
	uint64_t last = end / width < all->nr_bins ? end / width : all->nr_bins - 1;

	for (uint64_t bin = i->begin_ns / width; bin <= last; bin++) {
		uint64_t from = bin * width > i->begin_ns ? bin * width : i->begin_ns;
		uint64_t to = (bin + 1) * width < end ? (bin + 1) * width : end;

		if (from >= to)
			continue;
		*(is_hold ? &bins[bin].held_ns : &bins[bin].waited_ns) += to - from;
	}
}

static void keep(struct sweep *sweep, struct interval_list *list, const struct interval *interval)
{
	if (list->nr == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 1024;
		struct interval *at = realloc(list->at, capacity * sizeof(*at));

		if (!at) {
			sweep->err = -ENOMEM;
			return;
		}
		list->at = at;
		list->capacity = capacity;
	}
	list->at[list->nr++] = *interval;
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
				  .thread = thread,
				  .lock = UINT32_MAX };
}

static void set_node(const struct sweep *sweep, struct interval *i, uint64_t id)
{
	const struct trace_node *record =
		id <= UINT32_MAX ? reader_node(sweep->process->reader, (uint32_t)id) : NULL;

	if (!record)
		return;
	i->node = (uint32_t)id;
	i->is_shared = record->mode & TRACE_SHARED;
	if (record->lock < sweep->nr_locks)
		i->lock = sweep->lock_of[record->lock];
}

/* Of a phase that does not count. What has no node is of the phase in which it began. */
static bool is_ignored(const struct sweep *sweep, uint64_t node, const struct interval *i)
{
	uint32_t only = sweep->model->only_phase;

	if (!only)
		return false;
	if (i->kind == INTERVAL_JOIN)
		return model_phase_at(sweep->model, sweep->process,
				      i->begin_ns - sweep->begin_ns) != only;
	return model_phase_of(sweep->process, node <= UINT32_MAX ? (uint32_t)node : 0) != only;
}

static void see_end(struct intervals *all, const struct interval *i)
{
	if (all->end_ns < i->begin_ns + i->length_ns)
		all->end_ns = i->begin_ns + i->length_ns;
}

static void take_hold(struct sweep *sweep, uint32_t thread, uint64_t node, uint64_t end,
		      uint64_t length, bool is_kept)
{
	struct intervals *all = sweep->all;
	struct interval i = make_interval(sweep, thread, end, length);

	i.kind = INTERVAL_HOLD;
	if (is_ignored(sweep, node, &i))
		return;
	if (sweep->holds) {
		count_length(sweep->holds, i.length_ns);
		see_end(all, &i);
		return;
	}
	if (all->nr_bins)
		add_to_bins(all, &i, true);
	if (i.length_ns < all->min_hold_ns && !is_kept)
		return;
	set_node(sweep, &i, node);
	keep(sweep, &all->holds, &i);
}

static bool is_contention(const struct sweep *sweep, const struct interval *i)
{
	return i->kind <= INTERVAL_NEVER_ENDED &&
	       (i->lock == UINT32_MAX || report_lock_contends(&sweep->model->locks[i->lock]));
}

/* Whether it is long enough to be kept. */
static bool take_wait(struct sweep *sweep, uint32_t thread, enum interval_kind kind, uint64_t id,
		      uint64_t end, uint64_t length, uint32_t stack)
{
	struct intervals *all = sweep->all;
	struct interval i = make_interval(sweep, thread, end, length);

	i.kind = kind;
	if (is_ignored(sweep, id, &i))
		return false;
	if (sweep->waits) {
		count_length(sweep->waits, i.length_ns);
		see_end(all, &i);
		return false;
	}
	i.stack = stack;
	i.joined = UINT32_MAX;
	if (kind == INTERVAL_JOIN && id < sweep->nr_threads)
		i.joined = sweep->thread_of[id];
	else if (kind != INTERVAL_JOIN)
		set_node(sweep, &i, id);
	if (all->nr_bins && is_contention(sweep, &i))
		add_to_bins(all, &i, false);
	if (i.length_ns < all->min_wait_ns)
		return false;
	keep(sweep, &all->waits, &i);
	return true;
}

/* ---- events ---- */

static void take_acquisition(struct sweep *sweep, uint32_t thread, const struct trace_event *e)
{
	uint64_t flags = e->value[ACQ_FLAGS];
	uint64_t hold = flags & TRACE_ACQ_NO_HOLD ? 0 : e->value[ACQ_HOLD];
	bool is_kept = false;

	if (flags & TRACE_ACQ_WAITED) {
		is_kept = take_wait(sweep, thread, INTERVAL_GOT_IT, e->arg,
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
		take_wait(sweep, thread, INTERVAL_GAVE_UP, e->arg, e->ticks, e->value[0],
			  sweep->wait_stack[thread]);
		sweep->wait_stack[thread] = 0;
		break;
	case TRACE_EV_COND_WAIT:
		take_wait(sweep, thread, INTERVAL_CONDITION, e->arg, e->ticks, e->value[0], 0);
		break;
	case TRACE_EV_BARRIER:
		take_wait(sweep, thread, INTERVAL_BARRIER, e->arg, e->ticks, e->value[0], 0);
		break;
	case TRACE_EV_ONCE:
		if (e->value[0])
			take_wait(sweep, thread, INTERVAL_ONCE, e->arg, e->ticks, e->value[0], 0);
		break;
	case TRACE_EV_FUTEX_WAIT:
		take_wait(sweep, thread, INTERVAL_FUTEX, e->arg, e->ticks, e->value[0], 0);
		break;
	case TRACE_EV_JOIN:
		take_wait(sweep, thread, INTERVAL_JOIN, e->arg, e->ticks, e->value[0],
			  (uint32_t)e->value[2]);
		break;
	default:
		break;
	}
}

/* What goes on at a node when the recording ends; only waits for locks are said to have no end. */
static enum interval_kind unended_kind(const struct sweep *sweep, uint32_t node)
{
	struct interval i = { .lock = UINT32_MAX };

	set_node(sweep, &i, node);
	if (i.lock == UINT32_MAX)
		return INTERVAL_NEVER_ENDED;
	switch (sweep->model->locks[i.lock].record->kind) {
	case TRACE_KIND_COND:
		return INTERVAL_CONDITION;
	case TRACE_KIND_BARRIER:
		return INTERVAL_BARRIER;
	case TRACE_KIND_ONCE:
		return INTERVAL_ONCE;
	case TRACE_KIND_FUTEX:
		return INTERVAL_FUTEX;
	default:
		return INTERVAL_NEVER_ENDED;
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
		take_wait(sweep, thread, unended_kind(sweep, slot->wait_node), slot->wait_node, end,
			  end - slot->wait_since, slot->wait_stack);
}

static void read_events(struct sweep *sweep)
{
	const struct reader *reader = sweep->process->reader;

	for (size_t i = 0; i < reader_nr_streams(reader) && !sweep->err; i++) {
		struct cursor c;

		cursor_init(&c, reader_stream(reader, i));
		c.raw = true; /* the node says the phase */
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
	const struct model *model = sweep->model;
	const struct reader *reader = sweep->process->reader;

	sweep->nr_threads = reader_max_thread(reader) + 1;
	sweep->nr_locks = reader_max_lock(reader) + 1;
	sweep->thread_of = new_map(sweep->nr_threads, 0xff);
	sweep->lock_of = new_map(sweep->nr_locks, 0xff);
	sweep->wait_stack = new_map(model->nr_threads + 1, 0);
	if (!sweep->thread_of || !sweep->lock_of || !sweep->wait_stack)
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
static int sweep_all(struct intervals *all, const struct model *model, const uint64_t *begin_ns,
		     struct lengths *holds, struct lengths *waits)
{
	int err = 0;

	for (size_t i = 0; i < model->nr_processes && !err; i++) {
		struct sweep sweep = { .all = all, .model = model, .process = &model->processes[i],
				       .begin_ns = begin_ns[i], .holds = holds, .waits = waits };

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

/* Waits may take a third of the room, the holds that they led to another. */
static int choose(struct intervals *all, const struct model *model, const uint64_t *begin_ns,
		  uint64_t max)
{
	struct lengths *holds = calloc(2, sizeof(*holds)), *waits = holds + 1;
	int err = holds ? sweep_all(all, model, begin_ns, holds, waits) : -ENOMEM;

	if (!err) {
		uint64_t nr_waits = waits->nr < max / 3 ? waits->nr : max / 3;

		all->nr_recorded = holds->nr + waits->nr;
		all->nr_holds = holds->nr;
		all->min_wait_ns = threshold(waits, max / 3);
		all->min_hold_ns = threshold(holds, max - 2 * nr_waits);
	}
	free(holds);
	if (err || (!all->min_hold_ns && !all->min_wait_ns))
		return err;
	all->nr_bins = MAX_CELLS / (uint32_t)(model->nr_threads + 1);
	all->nr_bins = all->nr_bins > MAX_BINS ? MAX_BINS : all->nr_bins < 16 ? 16 : all->nr_bins;
	all->bins = calloc(model->nr_threads * all->nr_bins + 1, sizeof(*all->bins));
	return all->bins ? 0 : -ENOMEM;
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

static void sort(struct interval_list *list)
{
	if (list->nr)
		qsort(list->at, list->nr, sizeof(*list->at), compare_intervals);
}

int intervals_read(struct intervals *all, const struct model *model, const uint64_t *begin_ns,
		   uint64_t max)
{
	int err;

	*all = (struct intervals){ .nr_recorded = 0 };
	err = choose(all, model, begin_ns, max);
	if (!err)
		err = sweep_all(all, model, begin_ns, NULL, NULL);
	if (err)
		return err;
	sort(&all->holds);
	sort(&all->waits);
	return 0;
}

void intervals_fini(struct intervals *all)
{
	free(all->holds.at);
	free(all->waits.at);
	free(all->bins);
	*all = (struct intervals){ .nr_recorded = 0 };
}

uint64_t *intervals_begins(const struct model *model)
{
	uint64_t *begin_ns = calloc(model->nr_processes + 1, sizeof(*begin_ns)), first = UINT64_MAX;

	for (size_t i = 0; begin_ns && i < model->nr_processes; i++) {
		begin_ns[i] = report_header(&model->processes[i])->start_realtime_ns;
		if (first > begin_ns[i])
			first = begin_ns[i];
	}
	for (size_t i = 0; begin_ns && i < model->nr_processes; i++)
		begin_ns[i] -= first;
	return begin_ns;
}
