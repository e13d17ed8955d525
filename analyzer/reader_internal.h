/* SPDX-License-Identifier: MIT */
/*
 * reader_internal.h: what the parts of the reader share
 *
 *	reader.c		opens, checks the header, hands out
 *	reader_map.c		the file in memory
 *	reader_blocks.c		walks the blocks: slots, chunks of events, streams
 *	reader_flight.c		the latest waits that profile mode keeps
 *	reader_records.c	walks the records: dictionary and statistics
 *	reader_references.c	repairs what records say about each other
 *	reader_phases.c		takes the phases out of the tree of nodes
 *	reader_clock.c		ticks to nanoseconds
 *	reader_process.c	is it alive; its exit status
 *
 * The map may change while it is read, since the program may still run. Events of full blocks,
 * STAT and HIST are used where they lie: they are immutable but for counters. Everything else that
 * is checked once and trusted later (header, slots, rings, dictionary) is copied first.
 */
#ifndef LOCKPROF_READER_INTERNAL_H
#define LOCKPROF_READER_INTERNAL_H

#include "reader.h"

#define READER_DAMAGES_MAX 1000u

/* An array that grows; `item` is cast by whoever owns it. */
struct reader_vector {
	void *item;
	size_t nr, capacity;
};

/* Records of one type by id; NULL where there is none. */
struct reader_table {
	void **record;
	uint32_t max; /* highest id, 0: empty */
	uint32_t capacity;
};

struct reader_clock {
	uint64_t zero_ticks; /* the recording's start */
	double ns_per_tick;
};

struct reader {
	char *path;
	int fd;
	const unsigned char *map;
	struct reader *next_mapped; /* for the handler of SIGBUS */
	struct reader_damage cut;   /* its offset is 0 as long as the file is whole */
	uint64_t bytes;		    /* of the file when it was opened */
	uint64_t inode;
	uint64_t nr_blocks;			      /* in these, a cut one included */
	uint64_t nr_of_type[TRACE_BLOCK_MAX]; /* 0: never written */
	bool live;				      /* when it was opened */
	uint64_t opened_ns;	    /* CLOCK_MONOTONIC, before anything was read */
	struct trace_header header; /* a copy, its texts terminated */
	struct reader_clock clock;
	uint64_t end_ticks;
	uint64_t records_bytes; /* of RECORDS blocks: what bounds the ids */

	struct reader_table thread, lock, node, stack, module;
	struct reader_vector names;   /* const struct trace_name *, by (of, target, id) */
	struct reader_vector stats;   /* const struct trace_stat * */
	struct reader_vector hists;   /* const struct trace_hist * */
	struct reader_vector slots;   /* struct reader_slot */
	struct reader_vector owned;   /* const struct trace_slot *, of slots that have an owner */
	struct reader_vector chunks;  /* struct reader_chunk, by stream */
	struct reader_vector streams; /* struct reader_stream */
	struct reader_vector flights; /* struct reader_stream */
	struct reader_vector flight_refs; /* reader_flight.c's */
	struct reader_vector damages; /* struct reader_damage */
	uint64_t nr_damages;	      /* those that were not kept included */

	struct reader_vector phase_records; /* const struct trace_phase *, by id */
	struct reader_vector phase_names;   /* const char *, by number - 1 */
	struct reader_vector changes;	    /* struct reader_phase_change */
	uint32_t *phase_of, *same_node;	    /* by node; NULL: there are no phases */

	struct reader_vector pools;  /* memory of the copies */
	size_t pool_used, pool_size; /* of the latest */
};

/* A slot's state, copied, and what was in its ring (copied from a live program). */
struct reader_slot {
	struct trace_slot *state;
	const unsigned char *ring; /* its bytes [tail, head), as many as there are */
	uint32_t ring_bytes;
	uint64_t offset; /* of the block in the file */
};

/* Room for one more item of `size` bytes, NULL without memory. */
void *reader_vector_push(struct reader_vector *vector, size_t size);
/* Memory that lives as long as the reader, zeroed, aligned to 8; NULL without memory. */
void *reader_pool(struct reader *reader, size_t size);
/* Running out of memory while damage is noted loses the text, never the count. */
void reader_damaged(struct reader *reader, uint64_t offset, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The bytes of block `number` that the file has, at most TRACE_BLOCK_SIZE. */
uint32_t reader_block_bytes(const struct reader *reader, uint64_t number);
/* Moves end_ticks there when it is later, unless the header knows the end. */
void reader_seen(struct reader *reader, uint64_t ticks);

/* Opens reader->path into fd and map. 0 or -errno, with a line in `error`. */
int reader_map(struct reader *reader, char *error, size_t size);
void reader_unmap(struct reader *reader);
/* The block behind this one; behind the hole, when this one is the first of a hole. */
uint64_t reader_next_block(const struct reader *reader, uint64_t number);

/* Each returns 0 or -ENOMEM; everything else that goes wrong is damage. */
int reader_read_blocks(struct reader *reader);
int reader_read_records(struct reader *reader, uint64_t block);
int reader_finish_records(struct reader *reader);
int reader_read_flight(struct reader *reader, uint64_t block);
int reader_finish_flights(struct reader *reader);
int reader_finish_references(struct reader *reader);
int reader_finish_phases(struct reader *reader);

/* The program said that records are missing, or goes on making them. */
bool reader_damage_expected(const struct reader *reader);

/* Where in the file the copy of a dictionary record comes from. */
uint64_t reader_record_offset(const void *copy);
bool reader_table_has(const struct reader_table *table, uint32_t id);
void reader_clock_init(struct reader *reader);

#endif
