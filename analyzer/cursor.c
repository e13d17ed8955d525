/* SPDX-License-Identifier: MIT */
/* cursor.c: see cursor.h */
#include "cursor.h"

void cursor_init(struct cursor *cursor, const struct reader_stream *stream)
{
	*cursor = (struct cursor){ .stream = stream };
}

static bool chunk_next(struct cursor *cursor)
{
	const struct reader_chunk *chunk = cursor->stream->chunks + cursor->chunk;

	if (cursor->chunk == cursor->stream->nr_chunks)
		return false;
	cursor->chunk++;
	cursor->at = chunk->begin;
	cursor->end = chunk->end;
	cursor->event.ticks = chunk->base_ticks;
	cursor->thread = chunk->thread;
	return true;
}

static void chunk_bad(struct cursor *cursor)
{
	const struct reader_chunk *chunk = cursor->stream->chunks + cursor->chunk - 1;

	cursor->bad_offset = chunk->offset + (uint64_t)(cursor->at - chunk->begin);
	cursor->at = cursor->end;
}

static void same_nodes(const struct reader_stream *stream, struct trace_event *event)
{
	bool of_node = event->type < TRACE_EV_CREATE || event->type == TRACE_EV_WORK;
	uint64_t *mutex = &event->value[2];

	if (of_node && event->arg <= stream->max_node)
		event->arg = stream->same_node[event->arg];
	if (event->type == TRACE_EV_COND_WAIT && *mutex <= stream->max_node)
		*mutex = stream->same_node[*mutex];
}

bool cursor_next(struct cursor *cursor)
{
	const unsigned char *next;
	struct trace_event event;

	for (;;) {
		while (cursor->at == cursor->end)
			if (!chunk_next(cursor))
				return false;
		event.ticks = cursor->event.ticks;
		next = event_get(cursor->at, cursor->end, &event);
		if (next)
			break;
		chunk_bad(cursor);
	}
	cursor->at = next;
	cursor->event = event;
	if (cursor->stream->same_node && !cursor->raw)
		same_nodes(cursor->stream, &cursor->event);
	if (cursor->event.type == TRACE_EV_THREAD)
		cursor->thread = (uint32_t)cursor->event.arg;
	return true;
}
