/* SPDX-License-Identifier: MIT */
/*
 * joins.c: which threads join others while they hold a lock
 *
 * A join has no context in the dictionary: what was held is known when it is released. Only the
 * streams of threads that join somebody are read.
 */
#include <errno.h>
#include <stdlib.h>

#include "../cursor.h"
#include "subject.h"

struct join {
	uint64_t called;
	uint32_t target, stack;
};

struct joiner {
	struct subject *s;
	uint32_t thread; /* of the history */
	struct join *joins;
	size_t nr, room;
};

static int note(struct subject *s, const struct held_join *join)
{
	size_t room = s->room_joins ? s->room_joins * 2 : 8;
	struct held_join *joins;

	if (s->nr_joins == s->room_joins) {
		joins = realloc(s->joins, room * sizeof(*joins));
		if (!joins)
			return -ENOMEM;
		s->joins = joins;
		s->room_joins = room;
	}
	s->joins[s->nr_joins++] = *join;
	return 0;
}

static int take_join(struct joiner *j, const struct trace_event *e)
{
	size_t room = j->room ? j->room * 2 : 16;
	struct join *joins;

	if (e->value[1] || e->arg >= j->s->contexts->nr_thread_ids ||
	    j->s->local[e->arg] == NO_INDEX)
		return 0;
	if (j->nr == j->room) {
		joins = realloc(j->joins, room * sizeof(*joins));
		if (!joins)
			return -ENOMEM;
		j->joins = joins;
		j->room = room;
	}
	j->joins[j->nr++] =
		(struct join){ e->ticks - e->value[0], j->s->local[e->arg], (uint32_t)e->value[2] };
	return 0;
}

/* A section that ended now, or was left: the joins inside. */
static int take_section(struct joiner *j, uint64_t begin, uint64_t node)
{
	const struct context *context = context_get(j->s->contexts, (uint32_t)node);
	int err = 0;

	if (!contexts_is_lock(j->s->contexts, context->lock))
		return 0;
	for (size_t i = j->nr; i-- && j->joins[i].called > begin && !err;)
		err = note(j->s, &(struct held_join){ j->thread, j->joins[i].target, (uint32_t)node,
						      j->joins[i].stack });
	return err;
}

static int take_event(struct joiner *j, const struct trace_event *e)
{
	switch (e->type) {
	case TRACE_EV_PLAIN:
		return take_section(j, e->ticks - e->value[ACQ_HOLD], e->arg);
	case TRACE_EV_ACQUISITION:
		if (e->value[ACQ_FLAGS] & TRACE_ACQ_NO_HOLD)
			return 0;
		return take_section(j, e->ticks - e->value[ACQ_HOLD], e->arg);
	case TRACE_EV_JOIN:
		return take_join(j, e);
	default:
		return 0;
	}
}

static int read_stream(struct subject *s, const struct reader_stream *stream, const bool *joins)
{
	struct joiner j = { .s = s, .thread = NO_INDEX };
	struct cursor cursor;
	uint32_t id = 0;
	int err = 0;

	cursor_init(&cursor, stream);
	while (!err && cursor_next(&cursor)) {
		if (cursor.thread != id) {
			id = cursor.thread;
			j.nr = 0;
			j.thread = id < s->contexts->nr_thread_ids ? s->local[id] : NO_INDEX;
		}
		if (j.thread != NO_INDEX && joins[j.thread])
			err = take_event(&j, &cursor.event);
	}
	free(j.joins);
	return err;
}

static bool stream_joins(const struct subject *s, const struct reader_stream *stream,
			 const bool *joins)
{
	for (uint32_t i = 0; i < s->nr_threads; i++)
		if (joins[i] &&
		    s->contexts->model->threads[s->thread[i]].record->slot == stream->slot)
			return true;
	return false;
}

int joins_find(struct subject *s)
{
	const struct model *model = s->contexts->model;
	bool *joins = calloc((size_t)s->nr_threads + 1, sizeof(*joins));
	int err = joins ? 0 : -ENOMEM;

	for (size_t k = 0; k < model->nr_joins && !err; k++) {
		const struct thread *waiter = &model->threads[model->joins[k].waiter];

		if (waiter->process->number == s->contexts->process &&
		    waiter->id < s->contexts->nr_thread_ids)
			joins[s->local[waiter->id]] = true;
	}
	for (size_t i = 0; i < reader_nr_streams(s->reader) && !err; i++)
		if (stream_joins(s, reader_stream(s->reader, i), joins))
			err = read_stream(s, reader_stream(s->reader, i), joins);
	free(joins);
	return err;
}
