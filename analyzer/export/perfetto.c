/* SPDX-License-Identifier: MIT */
/*
 * perfetto.c: the run in time as a Perfetto trace
 *
 * Each thread has a track with what it waited for, and under it tracks with what it held. A slice
 * must lie within the slice around it, and holds need not (hand over hand): so each hold goes into
 * the first of the thread's tracks where it fits; the same for waits, of which signal handlers may
 * have some at once. A flow leads from the hold whose end let a waiter in to the waiter's hold. A
 * counter says how many threads wait for each class of locks with waiting. What the program told
 * of phases and work is in perfetto_phases.c.
 *
 * Counters and threads are written one after the other, each as a sequence of its own, as if each
 * had recorded itself: the format has no order between sequences. So events are never sorted, nor
 * kept.
 */
#include "export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "links.h"
#include "packets.h"
#include "perfetto_phases.h"

/* ---- slices ---- */

/* A track of slices within slices: the ends of those that are open, the outermost first. */
#define LANE_DEPTH 64
struct lane {
	uint64_t track;
	uint64_t ends[LANE_DEPTH];
	unsigned int nr;
};

/* The waits, or the holds, of one thread, and the tracks where they go. */
struct strand {
	const struct interval_list *list;
	size_t next, end; /* in the list: what is still to begin */
	struct lane *lanes;
	size_t nr_lanes, cap_lanes;
	const char *name; /* of these tracks */
	bool has_thread_track;
};

struct perfetto {
	const struct export *e;
	const struct model *model;
	struct intervals all;
	struct links links;
	struct places *places;
	struct packets packets;
	uint32_t thread;    /* that is being written */
	uint64_t nr_tracks; /* their numbers begin with those of processes, and of threads */
	uint32_t nr_sequences;
	struct strand waits, holds;
	int err;
};

static uint64_t process_track(size_t process)
{
	return 1 + (uint64_t)process;
}

static uint64_t thread_track(const struct perfetto *p, uint32_t thread)
{
	return process_track(p->model->nr_processes) + thread;
}

/* A slice of no length would end before it began, as ends go first. */
static uint64_t slice_end(const struct interval *i)
{
	return i->begin_ns + (i->length_ns ? i->length_ns : 1);
}

static bool fits(const struct lane *lane, uint64_t end)
{
	return lane->nr < LANE_DEPTH && (!lane->nr || lane->ends[lane->nr - 1] >= end);
}

static struct lane *new_lane(struct perfetto *p, struct strand *strand)
{
	size_t capacity = strand->cap_lanes ? strand->cap_lanes * 2 : 4, number = strand->nr_lanes;
	uint64_t thread = thread_track(p, p->thread), track = thread;

	if (number == strand->cap_lanes) {
		struct lane *lanes = reallocarray(strand->lanes, capacity, sizeof(*lanes));

		if (!lanes) {
			p->err = -ENOMEM;
			return NULL;
		}
		strand->lanes = lanes;
		strand->cap_lanes = capacity;
	}
	if (number > 0 || !strand->has_thread_track) {
		track = ++p->nr_tracks;
		packets_track(&p->packets, track, thread, strand->name, false);
	}
	strand->nr_lanes++;
	strand->lanes[number].nr = 0;
	strand->lanes[number].track = track;
	return &strand->lanes[number];
}

static struct lane *find_lane(struct perfetto *p, struct strand *strand, uint64_t end)
{
	for (size_t i = 0; i < strand->nr_lanes; i++)
		if (fits(&strand->lanes[i], end))
			return &strand->lanes[i];
	return new_lane(p, strand);
}

/* The lane with the slice that ends first of all that are open. NULL: none is. */
static struct lane *first_end(struct strand *const strands[2])
{
	struct lane *first = NULL;

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < strands[k]->nr_lanes; i++) {
			struct lane *lane = &strands[k]->lanes[i];

			if (lane->nr &&
			    (!first || lane->ends[lane->nr - 1] < first->ends[first->nr - 1]))
				first = lane;
		}
	return first;
}

static const struct interval *next_of(const struct strand *strand)
{
	return &strand->list->at[strand->next];
}

/* The one of both whose next slice begins first. NULL: none is left. */
static struct strand *first_begin(struct strand *const strands[2])
{
	struct strand *first = NULL;

	for (size_t k = 0; k < 2; k++) {
		struct strand *strand = strands[k];

		if (strand->next < strand->end &&
		    (!first || next_of(strand)->begin_ns < next_of(first)->begin_ns))
			first = strand;
	}
	return first;
}

/* ---- what is said about a slice ---- */

static const struct {
	const char *category, *name;
} words[] = {
	[INTERVAL_GOT_IT] = { "wait", "waits for %s" },
	[INTERVAL_GAVE_UP] = { "wait, given up", "gives up waiting for %s" },
	[INTERVAL_NEVER_ENDED] = { "wait, never ended", "still waits for %s" },
	[INTERVAL_CONDITION] = { "condition", "waits for condition %s" },
	[INTERVAL_BARRIER] = { "barrier", "waits at barrier %s" },
	[INTERVAL_ONCE] = { "once", "waits for once %s" },
	[INTERVAL_FUTEX] = { "futex", "waits for futex %s" },
	[INTERVAL_JOIN] = { "join", "joins %s" },
	[INTERVAL_HOLD] = { "hold", "%s" },
};
#define NR_KINDS (sizeof(words) / sizeof(words[0]))

static const char *subject(const struct perfetto *p, const struct interval *i)
{
	if (i->kind == INTERVAL_JOIN)
		return i->joined < p->model->nr_threads ? p->model->threads[i->joined].name
							: "a thread";
	return i->lock < p->model->nr_locks ? p->model->locks[i->lock].label : "a lock";
}

static void put_name(struct perfetto *p, const struct interval *i)
{
	uint64_t about = (uint64_t)(i->kind == INTERVAL_JOIN ? i->joined : i->lock) + 1;
	/* Not known is UINT32_MAX, and 0 here: numbers are to be small. */
	uint64_t number = (about & UINT32_MAX) * NR_KINDS + i->kind;
	char *name = NULL;

	if (!packets_knows(&p->packets, PACKETS_NAME, number) &&
	    asprintf(&name, words[i->kind].name, subject(p, i)) < 0) {
		p->err = -ENOMEM;
		return;
	}
	packets_text(&p->packets, PACKETS_CATEGORY, i->kind, words[i->kind].category);
	packets_text(&p->packets, PACKETS_NAME, number, name);
	free(name);
}

/* The values' numbers: those of one kind are NR_NOTES apart. */
enum note { NOTE_FUNCTION, NOTE_LINE, NOTE_KIND, NOTE_CLASS, NOTE_MODE, NOTE_HELD_BY, NR_NOTES };

static void annotate(struct perfetto *p, enum note note, uint32_t number, const char *text)
{
	static const char *const keys[NR_NOTES] = { "function", "line", "kind",
						    "class",	"mode", "held by" };

	packets_annotate(&p->packets, note, keys[note], (uint64_t)number * NR_NOTES + note, text);
}

static void put_line(struct perfetto *p, uint32_t number, const struct frame *frame)
{
	char *line = NULL;

	if (!packets_knows(&p->packets, PACKETS_VALUE, (uint64_t)number * NR_NOTES + NOTE_LINE) &&
	    asprintf(&line, "%s:%d", frame->file, frame->line) < 0) {
		p->err = -ENOMEM;
		return;
	}
	annotate(p, NOTE_LINE, number, line);
	free(line);
}

static void put_place(struct perfetto *p, const struct interval *i)
{
	size_t nr;
	const uint32_t *frames =
		places_frames_of(p->places, export_stack(p->places, p->model, i), &nr);
	const struct frame *frame = nr ? places_frame(p->places, frames[0]) : NULL;
	char buf[EXPORT_NAME];

	if (!frame)
		return;
	annotate(p, NOTE_FUNCTION, frames[0], export_frame_name(frame, buf));
	if (frame->file && frame->line > 0)
		put_line(p, frames[0], frame);
}

static void put_lock(struct perfetto *p, const struct interval *i)
{
	const struct lock *lock = i->lock < p->model->nr_locks ? &p->model->locks[i->lock] : NULL;

	if (!lock)
		return;
	annotate(p, NOTE_KIND, lock->record->kind,
		 report_kind_name((enum trace_kind)lock->record->kind));
	if (strcmp(lock->label, p->model->classes[lock->class].label) != 0)
		annotate(p, NOTE_CLASS, lock->class, p->model->classes[lock->class].label);
	if (lock->record->kind == TRACE_KIND_RWLOCK)
		annotate(p, NOTE_MODE, i->is_shared, i->is_shared ? "read" : "write");
}

static void put_links(struct perfetto *p, const struct interval *i)
{
	size_t number =
		(size_t)(i - (i->kind == INTERVAL_HOLD ? p->all.holds.at : p->all.waits.at));
	uint32_t thread;

	if (i->kind == INTERVAL_HOLD) {
		if (p->links.comes_of[number] != LINKS_NONE)
			packets_flow_to(&p->packets, number + 1);
		for (uint32_t to = p->links.first[number]; to != LINKS_NONE; to = p->links.next[to])
			packets_flow_from(&p->packets, (uint64_t)to + 1);
	} else if (p->links.maker[number] != LINKS_NONE) {
		thread = p->all.holds.at[p->links.maker[number]].thread;
		annotate(p, NOTE_HELD_BY, thread, p->model->threads[thread].name);
	}
}

/* ---- threads ---- */

static void begin_slice(struct perfetto *p, struct strand *strand)
{
	const struct interval *i = next_of(strand);
	struct lane *lane = find_lane(p, strand, slice_end(i));

	strand->next++;
	if (!lane)
		return;
	lane->ends[lane->nr++] = slice_end(i);
	packets_begin(&p->packets, PACKETS_SLICE_BEGIN, lane->track, i->begin_ns);
	put_name(p, i);
	put_place(p, i);
	put_lock(p, i);
	put_links(p, i);
	packets_end(&p->packets);
}

/* Those of the thread, which come next in the list. */
static void take_thread(struct strand *strand, uint32_t thread)
{
	strand->next = strand->end;
	while (strand->end < strand->list->nr && strand->list->at[strand->end].thread == thread)
		strand->end++;
	strand->nr_lanes = 0;
}

static void write_slices(struct perfetto *p)
{
	struct strand *const strands[2] = { &p->waits, &p->holds };

	while (!p->err) {
		struct lane *lane = first_end(strands);
		struct strand *strand = first_begin(strands);

		if (lane && (!strand || lane->ends[lane->nr - 1] <= next_of(strand)->begin_ns)) {
			packets_begin(&p->packets, PACKETS_SLICE_END, lane->track,
				      lane->ends[--lane->nr]);
			packets_end(&p->packets);
		} else if (strand) {
			begin_slice(p, strand);
		} else {
			return;
		}
	}
}

static void write_threads(struct perfetto *p)
{
	p->waits =
		(struct strand){ .list = &p->all.waits, .name = "waits", .has_thread_track = true };
	p->holds = (struct strand){ .list = &p->all.holds, .name = "holds" };
	for (uint32_t i = 0; i < p->model->nr_threads && !p->err; i++) {
		const struct thread *thread = &p->model->threads[i];

		p->thread = i;
		packets_sequence(&p->packets, ++p->nr_sequences);
		packets_thread(&p->packets, thread_track(p, i),
			       process_track(thread->process->number),
			       report_header(thread->process)->pid, thread->record->tid,
			       thread->name);
		take_thread(&p->waits, i);
		take_thread(&p->holds, i);
		write_slices(p);
	}
	free(p->waits.lanes);
	free(p->holds.lanes);
}

/* ---- how many wait ---- */

struct change {
	uint64_t ns;
	uint32_t process, class;
	int by;
};

static bool same_counter(const struct change *a, const struct change *b)
{
	return a->process == b->process && a->class == b->class;
}

static int compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return (x->ns > y->ns) - (x->ns < y->ns);
}

/* One counter; returns how many changes were its. */
static size_t write_counter(struct perfetto *p, const struct change *changes, size_t nr)
{
	uint64_t track = ++p->nr_tracks, waiters = 0;
	size_t i;
	char *name;

	if (asprintf(&name, "waiting for %s", p->model->classes[changes->class].label) < 0) {
		p->err = -ENOMEM;
		return nr;
	}
	packets_sequence(&p->packets, ++p->nr_sequences);
	packets_track(&p->packets, track, process_track(changes->process), name, true);
	free(name);
	for (i = 0; i < nr && same_counter(changes, &changes[i]); i++) {
		waiters += (uint64_t)(int64_t)changes[i].by;
		if (i + 1 < nr && same_counter(changes, &changes[i + 1]) &&
		    changes[i].ns == changes[i + 1].ns)
			continue; /* only what comes out at a moment */
		packets_begin(&p->packets, PACKETS_COUNTER, track, changes[i].ns);
		packets_value(&p->packets, waiters);
		packets_end(&p->packets);
	}
	return i;
}

static void write_counters(struct perfetto *p)
{
	struct change *changes = calloc(p->all.waits.nr * 2 + 1, sizeof(*changes));
	size_t nr = 0;

	if (!changes) {
		p->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < p->all.waits.nr; i++) {
		const struct interval *wait = &p->all.waits.at[i];
		struct change change = { wait->begin_ns,
					 p->model->threads[wait->thread].process->number, 0, 1 };

		if (wait->kind > INTERVAL_NEVER_ENDED || wait->lock >= p->model->nr_locks)
			continue;
		change.class = p->model->locks[wait->lock].class;
		changes[nr++] = change;
		change.ns += wait->length_ns;
		change.by = -1;
		changes[nr++] = change;
	}
	qsort(changes, nr, sizeof(*changes), compare_changes);
	for (size_t i = 0; i < nr && !p->err;)
		i += write_counter(p, changes + i, nr - i);
	free(changes);
}

/* ---- all of it ---- */

static void write_all(struct perfetto *p, const uint64_t *begin_ns)
{
	const struct perfetto_phases phases = { p->model, &p->packets, begin_ns, &p->nr_tracks,
						&p->nr_sequences };

	p->nr_tracks = thread_track(p, (uint32_t)p->model->nr_threads) - 1;
	packets_sequence(&p->packets, ++p->nr_sequences);
	for (size_t i = 0; i < p->model->nr_processes; i++)
		packets_process(&p->packets, process_track(i),
				report_header(&p->model->processes[i])->pid,
				report_base_name(p->model->processes[i].exe));
	p->err = perfetto_phases(&phases);
	if (!p->err)
		write_counters(p);
	if (!p->err)
		write_threads(p);
}

int export_perfetto(const struct export *e)
{
	struct perfetto p = { .e = e, .model = e->report->model, .places = places_new(e->report) };
	uint64_t *begin_ns = intervals_begins(p.model);
	int err;

	packets_init(&p.packets, e->out);
	p.err = begin_ns && p.places ? intervals_read(&p.all, p.model, begin_ns, UINT64_MAX)
				     : -ENOMEM;
	if (!p.err)
		p.err = links_find(&p.links, &p.all, p.model->nr_locks);
	if (!p.err)
		write_all(&p, begin_ns);
	free(begin_ns);
	err = packets_fini(&p.packets);
	links_fini(&p.links);
	intervals_fini(&p.all);
	if (!p.err)
		p.err = places_error(p.places);
	places_free(p.places);
	return p.err ? p.err : err;
}
