/* SPDX-License-Identifier: MIT */
/*
 * history.h: the synchronisation of a run and nothing else: what each thread did, in its order,
 * and what of it had to come before what of others
 *
 * A history is filled thread by thread (from a trace's events by events.c, from a line of text by
 * tests), in each thread's order and with times, and then finished: the threads are merged by
 * time, which gives the order of each lock's acquisitions and the edges between threads. After
 * that it does not change.
 *
 * Things are what is waited for. A thread is a thing, too: the end of it is what a join waits for.
 * A prefix of the run is told by the number of operations of each thread that lie in it.
 */
#ifndef LOCKPROF_ORDER_HISTORY_H
#define LOCKPROF_ORDER_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spill.h"

#define NO_OP UINT32_MAX

enum thing_kind {
	THING_UNUSED,
	THING_LOCK, /* mutex, spin lock, semaphore used like one; also rwlocks */
	THING_COND, /* also futex words: wake wakes who waits */
	THING_SEM,
	THING_BARRIER,
	THING_THREAD,
};

struct thing {
	enum thing_kind kind;
	bool writers_first; /* rwlock: readers queue behind waiting writers */
	bool published;	    /* lies in memory that threads hand to each other */
	uint32_t
		initial; /* semaphore: tokens at first; barrier: threads of a round, 0: not known */
	uint32_t thread; /* THREAD: in the history, NO_OP: none */
};

/*
 * What a thread does. REQUEST is an acquisition that the run never granted. WAIT is a request for a
 * signal, WOKEN is its end; the wait begins with the release of the mutex, which stands before
 * WAIT and has OP_ENTERS. FAIL is an attempt that found the lock taken.
 */
enum op_kind {
	OP_BEGIN,
	OP_EXIT,
	OP_ACQUIRE,
	OP_RELEASE,
	OP_REQUEST,
	OP_FAIL,
	OP_CREATE,
	OP_JOIN,
	OP_WAIT,
	OP_WOKEN,
	OP_SIGNAL,
	OP_TAKE,
	OP_POST,
	OP_ARRIVE,
	OP_DEPART,
	OP_ROUND, /* of a barrier's own row: all have arrived */
};

#define OP_SHARED 1u
#define OP_TRY	  2u
#define OP_TIMED  4u
#define OP_ALL	  8u  /* SIGNAL: a broadcast */
#define OP_ALONE  16u /* WOKEN: by time, or by nobody that the run shows; BEGIN: nobody made it */

#define OP_ENTERS 32u /* RELEASE: the next operation is the WAIT that begins with it */

struct op {
	uint64_t ticks;
	uint32_t thing;
	uint32_t node; /* context, 0: none */
	uint32_t open; /* newest acquisition of the thread that is open before this; NO_OP */
	/* ACQUIRE: its release, RELEASE: its acquisition; WOKEN: what began the wait; NO_OP: none
	 */
	uint32_t mate;
	uint32_t rank; /* ACQUIRE: how many of this lock came before */
	uint8_t kind, flags;
	uint16_t spare;
};

/* Why one operation had to come before another one of another thread. */
enum edge_kind { EDGE_START_JOIN, EDGE_SEM, EDGE_COND, EDGE_BARRIER, EDGE_FAIL, EDGE_PUBLISHED };
#define EDGE_ANY 0xffu

struct edge {
	uint32_t at;	       /* operation of the row that it belongs to */
	uint32_t thread, from; /* the other thread's operation, before `at` */
	uint32_t kind;
};

struct row {
	struct op *ops;
	uint32_t nr, room;
	uint32_t open;	    /* at its end */
	struct edge *edges; /* by `at` */
	uint32_t nr_edges, room_edges;
	bool unknown_start; /* the creation is not in the history, but there is one */
};

/* All acquisitions of one lock by one thread, as places in its row. */
struct use {
	uint32_t thing, thread;
	uint32_t nr, nr_exclusive;
	uint32_t *at, *exclusive;
};

struct history {
	struct spill spill;  /* for operations, their order and places */
	uint32_t nr_threads; /* rows; those of barriers come behind them */
	uint32_t nr_rows, room_rows;
	struct row *rows;
	uint32_t nr_things;
	struct thing *things;
	uint64_t nr_order, room_order;
	uint32_t *order; /* rows, in the order of the run: the next operation of each */
	size_t nr_uses;
	struct use *uses;     /* by thing, then thread */
	uint32_t *thing_uses; /* first use of a thing; nr_things + 1 */
	uint32_t *use_places; /* what the uses point into */
	uint64_t nr_places;
	uint64_t clock_skews;  /* exclusive holds of a lock that overlapped */
	uint64_t inconsistent; /* operations that the rules do not allow where they stand */
	bool failed;	       /* out of memory, or too long */
};

/* max_memory: bytes of the large parts before they go to a file. NULL: out of memory. */
struct history *history_new(uint32_t nr_threads, uint32_t nr_things, uint64_t max_memory);
void history_free(struct history *history);
/*
 * Adds an operation to the end of a thread's row. `open` and `mate` are filled in for
 * acquisitions and releases. Its place in the row, NO_OP when out of memory.
 */
uint32_t history_add(struct history *history, uint32_t thread, const struct op *op);
/* The same for a whole row at once, an array of history->spill; the row must be empty. */
void history_take_row(struct history *history, uint32_t thread, struct op *ops, uint32_t nr);
/* Merges the rows. 0 or -ENOMEM */
int history_finish(struct history *history);

static inline const struct op *history_op(const struct history *h, uint32_t thread, uint32_t at)
{
	return &h->rows[thread].ops[at];
}

/* The acquisitions that are open when the first `nr` operations of a thread have run, newest first.
 */
static inline uint32_t history_open_from(const struct row *row, uint32_t nr, uint32_t at)
{
	while (at != NO_OP && row->ops[at].mate < nr)
		at = row->ops[at].open;
	return at;
}

static inline uint32_t history_open(const struct row *row, uint32_t nr)
{
	return history_open_from(row, nr, nr < row->nr ? row->ops[nr].open : row->open);
}

static inline uint32_t history_open_next(const struct row *row, uint32_t nr, uint32_t at)
{
	return history_open_from(row, nr, row->ops[at].open);
}

/* NULL: the thread never has the lock. */
const struct use *history_use(const struct history *history, uint32_t thing, uint32_t thread);
/* How many of the ascending places lie before `limit`. */
uint32_t history_before(const uint32_t *places, uint32_t nr, uint32_t limit);

#endif
