/* SPDX-License-Identifier: MIT */
/*
 * perfetto.c: the run in time as a Perfetto trace (protos/perfetto/trace/trace.proto)
 *
 * Each thread has a track with what it waited for, and under it tracks with what it held. A slice must
 * lie within the slice around it, and holds need not (hand over hand): so each hold goes into the
 * first of the thread's hold tracks where it fits. A flow leads from the hold whose end let a waiter
 * in to the waiter's hold. A counter says how many threads wait for each class of locks with waiting.
 *
 * Events of a track must come in the order of time; the packets are sorted before they are written.
 */
#include "export.h"

#include <errno.h>
#include <stdlib.h>

#include "../intervals.h"
#include "protobuf.h"

/* Fields of the messages, by the names of the .proto files. */
enum { TRACE_PACKET = 1 };
enum { PACKET_TIMESTAMP = 8, PACKET_SEQUENCE = 10, PACKET_EVENT = 11, PACKET_FLAGS = 13,
       PACKET_TRACK = 60 };
enum { TRACK_UUID = 1, TRACK_NAME = 2, TRACK_PROCESS = 3, TRACK_THREAD = 4, TRACK_PARENT = 5,
       TRACK_COUNTER = 8 };
enum { PROCESS_PID = 1, PROCESS_NAME = 6 };
enum { THREAD_PID = 1, THREAD_TID = 2, THREAD_NAME = 5 };
enum { EVENT_ANNOTATION = 4, EVENT_TYPE = 9, EVENT_TRACK = 11, EVENT_CATEGORY = 22, EVENT_NAME = 23,
       EVENT_COUNTER = 30, EVENT_FLOW = 47, EVENT_FLOW_END = 48 };
enum { ANNOTATION_STRING = 6, ANNOTATION_NAME = 10 };
enum { SLICE_BEGIN = 1, SLICE_END = 2, COUNTER = 4 };

#define SEQUENCE	 1
#define STATE_CLEARED	 1
#define HOLD_TRACKS	 16 /* of a thread */
#define PROCESS_TRACK(i) (((uint64_t)1 << 48) + (i))
#define THREAD_TRACK(i)	 (((uint64_t)2 << 48) + (i))
#define HOLD_TRACK(i, k) (((uint64_t)3 << 48) + (uint64_t)(i) * HOLD_TRACKS + (k))
#define CLASS_TRACK(i)	 (((uint64_t)4 << 48) + (i))

/* One event to be written: of an interval its begin or its end; of a class its count. */
struct point {
	uint64_t ns, track;
	uint64_t flow_out, flow_in; /* of the begin of a hold; 0: none */
	const struct interval *of;  /* NULL: a counter */
	uint64_t count;
	uint32_t number;	    /* keeps the order of points at one moment */
	uint8_t type;		    /* SLICE_* */
};

struct perfetto {
	const struct export *e;
	const struct model *model;
	struct intervals all;
	struct point *points;
	size_t nr, capacity;
	uint64_t nr_flows;
	struct message packet, event, inner;
	int err;
};

static void add(struct perfetto *p, struct point point)
{
	if (p->nr == p->capacity) {
		size_t capacity = p->capacity ? p->capacity * 2 : 4096;
		struct point *points = realloc(p->points, capacity * sizeof(*points));

		if (!points) {
			p->err = -ENOMEM;
			return;
		}
		p->points = points;
		p->capacity = capacity;
	}
	point.number = (uint32_t)p->nr;
	p->points[p->nr++] = point;
}

/* A slice of no length would end before it began, as ends go first. */
static uint64_t slice_end(const struct interval *i)
{
	return i->begin_ns + (i->length_ns ? i->length_ns : 1);
}

static void add_slice(struct perfetto *p, const struct interval *of, uint64_t track)
{
	add(p, (struct point){ .ns = of->begin_ns, .track = track, .of = of, .type = SLICE_BEGIN });
	add(p, (struct point){ .ns = slice_end(of), .track = track, .of = of,
			       .type = SLICE_END });
}

/* ---- holds and waits ---- */

/* The ends of what is open in a track; a slice fits if it ends before the innermost of them. */
struct open_slices {
	uint64_t ends[64];
	unsigned int nr;
};

static bool fits(struct open_slices *open, const struct interval *i)
{
	uint64_t end = slice_end(i);

	while (open->nr && open->ends[open->nr - 1] <= i->begin_ns)
		open->nr--;
	if (open->nr == sizeof(open->ends) / sizeof(open->ends[0]) ||
	    (open->nr && open->ends[open->nr - 1] < end))
		return false;
	open->ends[open->nr++] = end;
	return true;
}

/* The first points of all: those of hold i are 2 * i and 2 * i + 1. */
static void add_holds(struct perfetto *p)
{
	struct open_slices open[HOLD_TRACKS];

	for (size_t i = 0; i < p->all.holds.nr && !p->err; i++) {
		const struct interval *hold = &p->all.holds.at[i];
		unsigned int track = 0;

		if (i == 0 || hold->thread != hold[-1].thread)
			for (unsigned int k = 0; k < HOLD_TRACKS; k++)
				open[k].nr = 0;
		while (track < HOLD_TRACKS - 1 && !fits(&open[track], hold))
			track++;
		add_slice(p, hold, HOLD_TRACK(hold->thread, track));
	}
}

static void add_waits(struct perfetto *p)
{
	for (size_t i = 0; i < p->all.waits.nr && !p->err; i++)
		add_slice(p, &p->all.waits.at[i], THREAD_TRACK(p->all.waits.at[i].thread));
}

/* ---- who made way ---- */

#define CLOCK_NOISE_NS 1000 /* by which a release may seem to come after what it led to */

static int by_lock_and_end(const void *a, const void *b)
{
	const struct interval *x = *(const struct interval *const *)a;
	const struct interval *y = *(const struct interval *const *)b;

	if (x->lock != y->lock)
		return x->lock < y->lock ? -1 : 1;
	return (slice_end(x) > slice_end(y)) - (slice_end(x) < slice_end(y));
}

/* Of the holds by lock and end, how many come before (lock, ns) or at it. */
static size_t count_before(struct interval *const *ends, size_t nr, uint32_t lock, uint64_t ns)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ends[middle]->lock < lock ||
		    (ends[middle]->lock == lock && slice_end(ends[middle]) <= ns))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The hold that a wait led to: of its thread and lock, where the wait ends. NULL: it is not there. */
static struct interval *hold_after(const struct perfetto *p, const struct interval *wait)
{
	const struct interval_list *holds = &p->all.holds;
	uint64_t end = wait->begin_ns + wait->length_ns;
	size_t low = 0, high = holds->nr;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct interval *at = &holds->at[middle];

		if (at->thread < wait->thread ||
		    (at->thread == wait->thread && at->begin_ns + 2 < end))
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < holds->nr && holds->at[low].thread == wait->thread &&
	       holds->at[low].begin_ns <= end + 2; low++)
		if (holds->at[low].lock == wait->lock)
			return &holds->at[low];
	return NULL;
}

static void link_wait(struct perfetto *p, const struct interval *wait, struct interval *const *ends,
		      size_t nr)
{
	struct interval *into = hold_after(p, wait);
	size_t i = count_before(ends, nr, wait->lock,
				wait->begin_ns + wait->length_ns + CLOCK_NOISE_NS);
	struct point *from;

	while (into && i-- > 0 && ends[i]->lock == wait->lock) {
		if (ends[i]->thread == wait->thread)
			continue;
		from = &p->points[2 * (ends[i] - p->all.holds.at)];
		if (!from->flow_out)
			from->flow_out = ++p->nr_flows;
		p->points[2 * (into - p->all.holds.at)].flow_in = from->flow_out;
		return;
	}
}

static void add_flows(struct perfetto *p)
{
	struct interval **ends = calloc(p->all.holds.nr + 1, sizeof(struct interval *));

	if (!ends) {
		p->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < p->all.holds.nr; i++)
		ends[i] = &p->all.holds.at[i];
	qsort(ends, p->all.holds.nr, sizeof(*ends), by_lock_and_end);
	for (size_t i = 0; i < p->all.waits.nr; i++)
		if (p->all.waits.at[i].kind == INTERVAL_GOT_IT &&
		    p->all.waits.at[i].lock != UINT32_MAX)
			link_wait(p, &p->all.waits.at[i], ends, p->all.holds.nr);
	free(ends);
}

/* ---- how many wait ---- */

struct change {
	uint64_t ns;
	uint32_t class;
	int by;
};

static int by_time(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return x->by - y->by; /* ends first */
}

static void add_counters(struct perfetto *p)
{
	struct change *changes = calloc(p->all.waits.nr * 2 + 1, sizeof(*changes));
	uint64_t *waiters = calloc(p->model->nr_classes + 1, sizeof(*waiters));
	size_t nr = 0;

	if (!changes || !waiters)
		p->err = -ENOMEM;
	for (size_t i = 0; !p->err && i < p->all.waits.nr; i++) {
		const struct interval *wait = &p->all.waits.at[i];

		if (wait->kind > INTERVAL_NEVER_ENDED || wait->lock == UINT32_MAX)
			continue;
		changes[nr++] = (struct change){ wait->begin_ns, p->model->locks[wait->lock].class, 1 };
		changes[nr++] = (struct change){ wait->begin_ns + wait->length_ns,
						 p->model->locks[wait->lock].class, -1 };
	}
	if (!p->err)
		qsort(changes, nr, sizeof(*changes), by_time);
	for (size_t i = 0; !p->err && i < nr; i++) {
		waiters[changes[i].class] += (uint64_t)(int64_t)changes[i].by;
		add(p, (struct point){ .ns = changes[i].ns, .track = CLASS_TRACK(changes[i].class),
				       .count = waiters[changes[i].class], .type = COUNTER });
	}
	free(changes);
	free(waiters);
}

/* ---- packets ---- */

static void write_packet(struct perfetto *p)
{
	struct message trace = { .bytes = NULL };

	message_put(&trace, TRACE_PACKET, &p->packet);
	if (trace.err)
		p->err = trace.err;
	else
		fwrite(trace.bytes, 1, trace.nr, p->e->out);
	message_fini(&trace);
}

/* A track's descriptor, of which p->event has what is special about it. */
static void write_track(struct perfetto *p, uint64_t uuid, uint64_t parent, const char *name)
{
	message_uint(&p->event, TRACK_UUID, uuid);
	if (parent)
		message_uint(&p->event, TRACK_PARENT, parent);
	if (name)
		message_string(&p->event, TRACK_NAME, name);
	message_uint(&p->packet, PACKET_SEQUENCE, SEQUENCE);
	message_put(&p->packet, PACKET_TRACK, &p->event);
	write_packet(p);
}

static void write_process(struct perfetto *p, const struct process *process)
{
	message_uint(&p->inner, PROCESS_PID, report_header(process)->pid);
	message_string(&p->inner, PROCESS_NAME, report_base_name(process->exe));
	message_put(&p->event, TRACK_PROCESS, &p->inner);
	write_track(p, PROCESS_TRACK(process->number), 0, NULL);
}

static void write_thread(struct perfetto *p, uint32_t index)
{
	const struct thread *thread = &p->model->threads[index];

	message_uint(&p->inner, THREAD_PID, report_header(thread->process)->pid);
	message_uint(&p->inner, THREAD_TID, thread->record->tid);
	message_string(&p->inner, THREAD_NAME, thread->name);
	message_put(&p->event, TRACK_THREAD, &p->inner);
	write_track(p, THREAD_TRACK(index), PROCESS_TRACK(thread->process->number), NULL);
}

/* Only tracks that something lies in are told; their numbers come with the points. */
static void write_tracks(struct perfetto *p)
{
	unsigned char *used = calloc(p->model->nr_threads * HOLD_TRACKS + p->model->nr_classes + 1, 1);
	unsigned char *classes = used + p->model->nr_threads * HOLD_TRACKS;

	if (!used) {
		p->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < p->nr; i++) {
		uint64_t track = p->points[i].track, number = track & (((uint64_t)1 << 48) - 1);

		if (track >> 48 == 3)
			used[number] = 1;
		else if (track >> 48 == 4)
			classes[number] = 1;
	}
	for (size_t i = 0; i < p->model->nr_processes; i++)
		write_process(p, &p->model->processes[i]);
	for (uint32_t i = 0; i < p->model->nr_threads; i++) {
		write_thread(p, i);
		for (unsigned int k = 0; k < HOLD_TRACKS; k++)
			if (used[i * HOLD_TRACKS + k])
				write_track(p, HOLD_TRACK(i, k), THREAD_TRACK(i), "held");
	}
	for (size_t i = 0; i < p->model->nr_classes; i++) {
		if (!classes[i])
			continue;
		message_put(&p->event, TRACK_COUNTER, &p->inner);
		write_track(p, CLASS_TRACK(i), 0, p->model->classes[i].label);
	}
	free(used);
}

static const char *slice_name(const struct perfetto *p, const struct interval *i)
{
	if (i->kind == INTERVAL_JOIN)
		return i->joined < p->model->nr_threads ? p->model->threads[i->joined].name
							: "a thread";
	return i->lock == UINT32_MAX ? "a lock" : p->model->locks[i->lock].label;
}

static const char *category(const struct interval *i)
{
	static const char *const words[] = { "wait", "wait, given up", "wait, never ended", "condition",
					     "barrier", "once", "futex", "join", "hold" };

	return words[i->kind];
}

static void put_place(struct perfetto *p, const struct interval *i)
{
	const struct process *process = p->model->threads[i->thread].process;
	const struct trace_node *node = reader_node(process->reader, i->node);
	uint32_t stack = i->stack ? i->stack : node ? node->stack : 0;
	struct frame frame;
	char buf[EXPORT_NAME];

	if ((!stack && !node) ||
	    !p->e->report->frames(process, stack, node ? node->site : 0, false, &frame, 1))
		return;
	message_string(&p->inner, ANNOTATION_NAME, "in");
	message_string(&p->inner, ANNOTATION_STRING, export_frame_name(&frame, buf));
	message_put(&p->event, EVENT_ANNOTATION, &p->inner);
}

static void write_point(struct perfetto *p, const struct point *point, bool is_first)
{
	message_uint(&p->event, EVENT_TYPE, point->type);
	message_uint(&p->event, EVENT_TRACK, point->track);
	if (point->type == COUNTER)
		message_uint(&p->event, EVENT_COUNTER, point->count);
	if (point->type == SLICE_BEGIN) {
		message_string(&p->event, EVENT_CATEGORY, category(point->of));
		message_string(&p->event, EVENT_NAME, slice_name(p, point->of));
		put_place(p, point->of);
	}
	if (point->flow_out)
		message_fixed64(&p->event, EVENT_FLOW, point->flow_out);
	if (point->flow_in)
		message_fixed64(&p->event, EVENT_FLOW_END, point->flow_in);
	message_uint(&p->packet, PACKET_TIMESTAMP, point->ns);
	message_uint(&p->packet, PACKET_SEQUENCE, SEQUENCE);
	if (is_first)
		message_uint(&p->packet, PACKET_FLAGS, STATE_CLEARED);
	message_put(&p->packet, PACKET_EVENT, &p->event);
	write_packet(p);
}

/* What ends goes before what begins; of two that begin, the outer one was added first. */
static int by_moment(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	if ((x->type == SLICE_END) != (y->type == SLICE_END))
		return x->type == SLICE_END ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static void write_all(struct perfetto *p)
{
	write_tracks(p);
	qsort(p->points, p->nr, sizeof(*p->points), by_moment);
	for (size_t i = 0; i < p->nr && !p->err; i++)
		write_point(p, &p->points[i], i == 0);
}

int export_perfetto(const struct export *e)
{
	struct perfetto p = { .e = e, .model = e->report->model };
	uint64_t *begin_ns = intervals_begins(p.model);

	p.err = begin_ns ? intervals_read(&p.all, p.model, begin_ns, UINT64_MAX) : -ENOMEM;
	if (!p.err)
		add_holds(&p);
	if (!p.err)
		add_waits(&p);
	if (!p.err)
		add_flows(&p);
	if (!p.err)
		add_counters(&p);
	if (!p.err)
		write_all(&p);
	message_fini(&p.packet);
	message_fini(&p.event);
	message_fini(&p.inner);
	intervals_fini(&p.all);
	free(p.points);
	free(begin_ns);
	return p.err;
}
