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
#include "hist.h"

#define ARENA_BLOCKS (1u << 19)

struct arena {
	/* A zeroed record of `size` bytes and its place; NULL when there is no room. */
	void *(*alloc)(struct arena *arena, uint32_t size, uint32_t *place);
	/* Stores size_type last; until then readers of the file see a dead record. */
	void (*commit)(void *record, uint32_t type, uint32_t size);
	/* Zeroed memory for a fold's table; free takes the same size. NULL when there is none. */
	void *(*pages)(size_t size);
	void (*unpages)(void *pages, size_t size);
	unsigned char **block; /* by number */
};

static inline void *arena_at(const struct arena *arena, uint32_t place)
{
	return arena->block[place >> 13] + (size_t)(place & 8191) * 8;
}

/*
 * node -> place of its stat, and of its latest hold histograms by the octave's low bits (0: none).
 * Open addressing, at most 3/4 full. Owned by one thread at a time.
 */
#define FOLD_RECENT 4
struct fold_entry {
	uint32_t node;
	uint32_t stat;
	uint32_t recent[FOLD_RECENT];
};

struct fold {
	struct arena *arena;
	struct fold_entry *table;
	uint32_t size; /* of table: a power of two, or 0 */
	uint32_t used;
	uint32_t thread; /* that new stats belong to */
	uint32_t spare;
	uint64_t lost; /* events that found no room */
};

void fold_init(struct fold *fold, struct arena *arena, uint32_t thread);
void fold_fini(struct fold *fold);

/* The stat of a node, made when it is new; NULL when there is no room. */
struct trace_stat *fold_stat(struct fold *fold, uint32_t node);

/* Adds one event. Events that concern no node (thread life, joins) change nothing. */
void fold_event(struct fold *fold, const struct trace_event *event);

/* Adds one TRACE_EV_PLAIN event; fold_plain() is the same, faster where the node is well known. */
void fold_plain_new(struct fold *fold, uint32_t node, uint64_t hold);

static inline uint32_t fold_slot(const struct fold *fold, uint32_t node)
{
	return node * 2654435761u >> 7 & (fold->size - 1);
}

static inline void fold_plain(struct fold *fold, uint32_t node, uint64_t hold)
{
	struct hist_place at = hist_place(hold);
	const struct fold_entry *entry;
	struct trace_hist *hist;
	struct trace_stat *stat;
	uint32_t place = 0;

	if (fold->size) {
		entry = &fold->table[fold_slot(fold, node)];
		if (entry->node == node)
			place = entry->recent[at.octave % FOLD_RECENT];
	}
	hist = place ? arena_at(fold->arena, place) : NULL;
	if (!hist || hist->octave != at.octave) {
		fold_plain_new(fold, node, hold);
		return;
	}
	hist->count[at.part]++;
	stat = arena_at(fold->arena, entry->stat);
	stat->acquired++;
	stat->held++;
	stat->hold_ticks += hold;
	if (hold > stat->hold_max_ticks)
		stat->hold_max_ticks = hold;
}

/*
 * Adds all events in [p, end), the first one's delta counting from *ticks, and moves *ticks to the
 * last one's time. Before it adds an event, calls done(ctx, bytes up to its end, event): the shim
 * moves its ring's tail there, so that a kill in between counts no event twice.
 * Returns the number of bytes read: less than end - p when damaged.
 */
size_t fold_events(struct fold *fold, const unsigned char *p, const unsigned char *end,
		   uint64_t *ticks, void (*done)(void *ctx, size_t bytes, const struct trace_event *event),
		   void *ctx);

/* Adds v to a histogram of the stat: its place, or 0 without room. */
uint32_t fold_histogram(struct fold *fold, struct trace_stat *stat, enum trace_hist_what what,
			uint64_t v);

#endif
