/* SPDX-License-Identifier: MIT */
/*
 * top.h: what a running program's locks do just now
 *
 * A look takes the trace's state (slots, dictionary, statistics; ctl_snapshot_state()) and the
 * blocks of events that are new since the last look, and never reads what was there before: so a
 * look costs what the program did meanwhile, and not what it did all day.
 *
 * top_look.c	one look: counters by lock, and what they grew by
 * top_wait.c	who waits just now, and who has what they want
 * top_label.c	what locks are called
 * top_text.c	as tables
 * top_screen.c	the terminal
 */
#ifndef ANALYZER_TOP_H
#define ANALYZER_TOP_H

#include <stdio.h>

#include "ctl.h"
#include "output.h"
#include "reader.h"

enum top_key { TOP_ACQUIRED, TOP_CONTENDED, TOP_WAIT_TOTAL, TOP_AVG_WAIT, TOP_HOLD_TOTAL };
extern const char *const top_key_words[];

enum top_by { TOP_BY_CLASS, TOP_BY_LOCK };
extern const char *const top_by_words[];

struct top_counters {
	uint64_t acquired, contended;
	uint64_t wait_ticks, hold_ticks; /* those that go on included */
};

struct top_lock {
	struct top_counters events; /* of blocks that were read */
	struct top_counters before; /* everything, at the last look */
	struct top_counters now;
	const char *label; /* NULL: not known yet */
};

/* A lock, or a class of locks, since the last look. */
struct top_row {
	const char *label;
	uint32_t nr_locks, nr_waiting;
	uint64_t acquired, contended, wait_ns, hold_ns;
};

/* Somebody who waits for a lock. */
struct top_wait {
	char thread[48], holder[48]; /* "name (tid)"; "": nobody is known to have it */
	const char *label;
	uint64_t wait_ns, held_ns;
	uint32_t nr_holders;
	bool is_shared, is_bounded;
};

struct top {
	struct ctl ctl;
	enum top_by by;
	struct reader *reader;	/* of the latest look */
	struct top_lock *locks; /* by id */
	uint32_t nr_locks;	/* in locks: ids below it */
	uint8_t *read;		/* by block: its events have been counted */
	uint32_t nr_read;
	uint32_t *sequences;  /* by slot: of its ring in the copy */
	uint32_t nr_labelled; /* locks that the latest labels knew: ids below it */
	uint64_t label_ns;    /* when they were made, and how long that took */
	uint64_t label_cost_ns;
	char **labels;
	size_t nr_labels;
	uint64_t cpu_ns;       /* processor time that the latest look took */
	bool has_begun;	       /* there was a look before */
	uint64_t monotonic_ns; /* when the latest look began */
	uint64_t end_ns;       /* the moment that it shows, in the recording's time */
	uint64_t interval_ns;  /* between that and the one before */

	struct top_row *rows;
	size_t nr_rows;
	struct top_row total;
	struct top_wait *waits;
	size_t nr_waits;
};

/* All return 0 or -errno; top_open() has said what was wrong then. */
int top_open(struct top *top, const char *name, enum top_by by);
void top_close(struct top *top);
/* -ESRCH: the process has ended. After the first one there are no rows yet. */
int top_look(struct top *top);
/* Sorts the rows. */
void top_sort(struct top *top, enum top_key key);
/* How long to wait after a look that took `cpu_ns`: it is to take a quarter of the time at most. */
uint64_t top_pause_ns(uint64_t interval_ns, uint64_t cpu_ns);

/* At most so many lines, of all rows and waits that there are; 0: no limit. 0, -ENOMEM or -EIO. */
int top_print(const struct top *top, enum top_key key, size_t max_rows, size_t lines, FILE *out);

/* ---- the terminal ---- */

/* Takes it over, gives it back; also when a signal ends or stops us in between. */
int top_screen_begin(void);
void top_screen_end(void);
/*
 * Waits for so long, or until something happens: a key (its letter), a new size of the window
 * ('r'), a signal that ends us ('q'); 0: the time is over.
 */
int top_screen_wait(uint64_t ns);
size_t top_screen_lines(void);

/* ---- among the parts ---- */

/* Conditions, barriers and bare futexes make threads wait, too, but that is seldom contention. */
bool top_is_shown(const struct trace_lock *lock);
/* Makes the labels when there are locks without; `path` is the state that was copied. */
int top_label(struct top *top, const char *path);
void top_forget_labels(struct top *top);
int top_find_waits(struct top *top);
const char *top_label_of(const struct top *top, uint32_t lock);

#endif
