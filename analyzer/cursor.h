/* SPDX-License-Identifier: MIT */
/*
 * cursor.h: one stream's events, one after the other, with the thread that each belongs to
 */
#ifndef ANALYZER_CURSOR_H
#define ANALYZER_CURSOR_H

#include <stdbool.h>

#include "reader.h"

struct cursor {
	const struct reader_stream *stream;
	size_t chunk;		       /* the next one to begin */
	const unsigned char *at, *end; /* in the chunk now */
	struct trace_event event;      /* valid after cursor_next() was true */
	uint32_t thread;	       /* of the event */
	uint64_t bad_offset; /* in the file: where the chunk stopped making sense; 0: not */
};

void cursor_init(struct cursor *cursor, const struct reader_stream *stream);
/*
 * The next event, or false at the end. Behind bytes that are no event it goes on with the next
 * chunk; then bad_offset is set, until the caller clears it.
 */
bool cursor_next(struct cursor *cursor);

#endif
