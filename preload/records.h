/* SPDX-License-Identifier: MIT */
/*
 * records.h: the dictionary's and statistics' memory: RECORDS blocks of the trace, bump-allocated
 *
 * Any thread, also in a signal handler, allocates without a lock: space is taken by one
 * compare-and-swap and says at once "dead, this long"; when the record is complete its real type
 * is stored. A kill in between leaves a dead record, which readers skip. Nothing is ever freed.
 */
#ifndef LOCKPROF_RECORDS_H
#define LOCKPROF_RECORDS_H

#include "../trace/fold.h"

/* The arena that folds and tables refer to by place. */
extern struct arena records;

/* Private memory that a forked child finds zeroed; NULL when there is none. */
void *records_pages(size_t bytes);

/* Before the first record of a process; also in a forked child. 0 or -1. */
int records_init(void);
/* Memory for the time when none can be had any more; once. */
void records_set_aside(void);

/* A zeroed record of `size` bytes (a multiple of 8), dead until committed; NULL without room. */
void *records_new(uint32_t size, uint32_t *place);
void records_commit(void *record, uint32_t type, uint32_t size);
/* The length of a text, at most `most` bytes, cut between two characters of UTF-8. */
uint32_t records_text_bytes(const char *text, uint32_t most);
/* Gives the target its name, if there is room: a NAME record. */
void records_name(enum trace_name_of of, uint32_t target, const char *text, uint32_t bytes);

/*
 * Hash tables over records: slots of places, filled once by compare-and-swap, never emptied.
 * `key_hash` chooses where to begin; the caller compares the record at each place.
 */
struct record_table {
	uint32_t *slots;
	uint32_t mask;
};
#define RECORD_PROBES 128

static inline void *record_at(uint32_t place)
{
	return arena_at(&records, place);
}

#endif
