/* SPDX-License-Identifier: MIT */
/*
 * cursor.h: one stream's events, one after the other, with the thread that each belongs to
 *
 * Nodes that differ in nothing but the program's phase have one number: reader_same_node().
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
	bool raw;		       /* set by the caller: node numbers as they are in the file */
	uint64_t bad_offset; /* in the file: where the chunk stopped making sense; 0: not */
};

void cursor_init(struct cursor *cursor, const struct reader_stream *stream);
/*
 * The next event, or false at the end. Behind bytes that are no event it goes on with the next
 * chunk; then bad_offset is set, until the caller clears it.
 */
bool cursor_next(struct cursor *cursor);

#endif
