/* SPDX-License-Identifier: MIT */
/*
 * perfetto_phases.c: see perfetto_phases.h
 *
 * A phase is of the process, so it is a slice on a track of the process and not of a thread; what
 * was not recorded is one, too, lest its emptiness be taken for peace. Units of work are a counter
 * that rises. Statistics (mode=profile) know how many, and not when: they have no counter.
 */
#include "perfetto_phases.h"

#include <errno.h>
#include <stdlib.h>

#include "../cursor.h"

enum { CATEGORY_PHASE, CATEGORY_OFF };

/* ---- phases ---- */

static bool is_told(const struct perfetto_phases *p, const struct phase_span *span)
{
	uint32_t only = p->model->only_phase;

	return span->off || (span->phase && (!only || span->phase == only));
}

static void put_span(const struct perfetto_phases *p, uint64_t track, const struct phase_span *span)
{
	uint64_t begin_ns = p->begin_ns[span->process];

	packets_begin(p->packets, PACKETS_SLICE_BEGIN, track, begin_ns + span->begin_ns);
	packets_text(p->packets, PACKETS_CATEGORY, span->off ? CATEGORY_OFF : CATEGORY_PHASE,
		     span->off ? "not recorded" : "phase");
	packets_text(p->packets, PACKETS_NAME, span->off ? 0 : span->phase,
		     span->off ? "not recorded" : p->model->phases[span->phase].name);
	packets_end(p->packets);
	packets_begin(p->packets, PACKETS_SLICE_END, track, begin_ns + span->end_ns);
	packets_end(p->packets);
}

static void put_spans(const struct perfetto_phases *p)
{
	const struct phase_span *spans = p->model->phase_spans;
	uint32_t process = UINT32_MAX;

	for (size_t i = 0; i < p->model->nr_phase_spans; i++) {
		if (!is_told(p, &spans[i]))
			continue;
		if (spans[i].process != process) {
			process = spans[i].process;
			packets_sequence(p->packets, ++*p->nr_sequences);
			packets_track(p->packets, ++*p->nr_tracks, process + 1, "phase", false);
		}
		put_span(p, *p->nr_tracks, &spans[i]);
	}
}

/* ---- units of work ---- */

struct work {
	uint64_t ns, units;
};

struct works {
	struct work *at;
	size_t nr, capacity;
};

static int add_work(struct works *works, uint64_t ns, uint64_t units)
{
	if (works->nr == works->capacity) {
		size_t capacity = works->capacity ? works->capacity * 2 : 1024;
		struct work *at = reallocarray(works->at, capacity, sizeof(*at));

		if (!at)
			return -ENOMEM;
		works->at = at;
		works->capacity = capacity;
	}
	works->at[works->nr++] = (struct work){ ns, units };
	return 0;
}

static bool counts(const struct model *model, const struct process *process, uint64_t id)
{
	const struct trace_node *node =
		id <= UINT32_MAX ? reader_node(process->reader, (uint32_t)id) : NULL;

	return node && (node->mode & TRACE_HOW_MASK) == TRACE_HOW_WORK &&
	       (!model->only_phase || model_phase_of(process, (uint32_t)id) == model->only_phase);
}

static int read_works(const struct model *model, const struct process *process, uint64_t begin_ns,
		      struct works *works)
{
	int err = 0;

	for (size_t i = 0; i < reader_nr_streams(process->reader) && !err; i++) {
		struct cursor c;

		cursor_init(&c, reader_stream(process->reader, i));
		c.raw = true;
		while (!err && cursor_next(&c))
			if (c.event.type == TRACE_EV_WORK && counts(model, process, c.event.arg))
				err = add_work(works,
					       begin_ns + reader_time_ns(process->reader,
									 c.event.ticks),
					       c.event.value[0]);
	}
	return err;
}

static int compare_works(const void *a, const void *b)
{
	const struct work *x = a, *y = b;

	return (x->ns > y->ns) - (x->ns < y->ns);
}

static void put_works(const struct perfetto_phases *p, size_t process, const struct works *works)
{
	uint64_t units = 0;

	packets_sequence(p->packets, ++*p->nr_sequences);
	packets_track(p->packets, ++*p->nr_tracks, process + 1, "units of work", true);
	for (size_t i = 0; i < works->nr; i++) {
		units += works->at[i].units;
		if (i + 1 < works->nr && works->at[i].ns == works->at[i + 1].ns)
			continue; /* only what comes out at a moment */
		packets_begin(p->packets, PACKETS_COUNTER, *p->nr_tracks, works->at[i].ns);
		packets_value(p->packets, units);
		packets_end(p->packets);
	}
}

int perfetto_phases(const struct perfetto_phases *p)
{
	int err = 0;

	put_spans(p);
	for (size_t i = 0; i < p->model->nr_processes && p->model->work_units && !err; i++) {
		struct works works = { .nr = 0 };

		err = read_works(p->model, &p->model->processes[i], p->begin_ns[i], &works);
		if (!err && works.nr) {
			qsort(works.at, works.nr, sizeof(*works.at), compare_works);
			put_works(p, i, &works);
		}
		free(works.at);
	}
	return err;
}
