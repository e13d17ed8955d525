/* SPDX-License-Identifier: MIT */
/*
 * fold.h: events to statistics; the one function that the shim and the analyzer share
 *
 * A fold adds up the events of one thread into one trace_stat per node, with histograms. In the
 * shim it runs on a full ring in profile mode, in the analyzer on every raw event: the totals are
 * the same by construction, whichever side made them. Statistics merge by addition.
 *
 * Stats and histograms live in an arena of 64 KiB blocks that look like the file's RECORDS blocks
 * (in the shim they are those blocks). A place is block << 13 | offset / 8; place 0 is nothing.
 * Memory comes through the two functions of struct arena, which may fail: then the event counts
 * in `lost` and nowhere else.
 */
#ifndef LOCKPROF_TRACE_FOLD_H
#define LOCKPROF_TRACE_FOLD_H

#include "event.h"

#define ARENA_BLOCKS (1u << 19)

struct arena {
	/* A zeroed record of `size` bytes and its place; NULL when there is no room. */
	void *(*alloc)(struct arena *arena, uint32_t size, uint32_t *place);
	/* Stores size_type last; until then readers of the file see a dead record. */
	void (*commit)(void *record, uint32_t type, uint32_t size);
	/* Zeroed memory for a fold's table; free takes the same size. NULL when there is none. */
	void *(*pages)(size_t size);
	void (*unpages)(void *pages, size_t size);
	unsigned char **block;	/* by number */
};

static inline void *arena_at(const struct arena *arena, uint32_t place)
{
	return arena->block[place >> 13] + (size_t)(place & 8191) * 8;
}

/* node -> place of its stat; open addressing, at most 3/4 full. Owned by one thread at a time. */
struct fold_entry {
	uint32_t node;
	uint32_t stat;
};

struct fold {
	struct arena *arena;
	struct fold_entry *table;
	uint32_t size;		/* of table: a power of two, or 0 */
	uint32_t used;
	uint32_t thread;	/* that new stats belong to */
	uint32_t spare;
	uint64_t lost;		/* events that found no room */
};

void fold_init(struct fold *fold, struct arena *arena, uint32_t thread);
void fold_fini(struct fold *fold);

/* The stat of a node, made when it is new; NULL when there is no room. */
struct trace_stat *fold_stat(struct fold *fold, uint32_t node);

/* Adds one event. Events that concern no node (thread life, joins) change nothing. */
void fold_event(struct fold *fold, const struct trace_event *event);

/*
 * Adds all events in [p, end), the first one's delta counting from *ticks, and moves *ticks to the
 * last one's time. After each event calls done(ctx, bytes folded so far, time): the shim moves its
 * ring's tail there, so that a kill in between counts no event twice.
 * Returns the number of bytes read: less than end - p when damaged.
 */
size_t fold_events(struct fold *fold, const unsigned char *p, const unsigned char *end,
		   uint64_t *ticks, void (*done)(void *ctx, size_t bytes, uint64_t ticks),
		   void *ctx);

/* Adds v to a histogram of the stat. 0, or -1 without room. */
int fold_histogram(struct fold *fold, struct trace_stat *stat, enum trace_hist_what what,
		   uint64_t v);

#endif
