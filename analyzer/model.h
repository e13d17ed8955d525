/* SPDX-License-Identifier: MIT */
/*
 * model.h: what happened, ready to be told: every answer (table, JSON, CSV, later graph and page)
 * is made from this and from nothing else
 *
 * model_add() reads one trace in one pass: it folds all events into counters per (thread, node),
 * and merges the streams by time for what needs the other side of a wait: blame, owner changes,
 * waiters. Memory follows the dictionary, not the events. All times here are nanoseconds.
 *
 * Phases of the program that traces tell of are counted apart, each with the locks used in it. All
 * else is over all phases, or over one chosen with model_only_phase(): then it counts what was
 * acquired, waited for and done in that phase, and its time. Whoever made others wait may have got
 * the lock in another phase.
 *
 * Several traces (a process tree, or several runs) stand side by side: every thread, lock and node
 * belongs to one process. Process-shared locks of the same name are not merged, only shown alike.
 */
#ifndef LOCKPROF_MODEL_H
#define LOCKPROF_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader.h"
#include "symbols.h"

/* Log-linear histogram (trace/hist.h) over ticks; percentiles come out in ns. */
struct histogram;

struct counters {
	uint64_t acquired;	/* acquisitions; waits for COND, BARRIER, ONCE, FUTEX nodes */
	uint64_t contended;	/* of these, that had to wait */
	uint64_t wait_ns, wait_max_ns;	/* failed (timed out) waits included */
	uint64_t held;		/* acquisitions that have a hold time */
	uint64_t left;		/* of these, that were never released */
	uint64_t hold_ns, hold_max_ns;
	uint64_t try_failures, timeouts, relocks, wait_failures, wakes, foreign_releases;
	struct histogram *hold, *wait;	/* NULL: empty */
};

/* Adds b to a (a's histograms are made when needed). 0 or -ENOMEM. */
int counters_add(struct counters *a, const struct counters *b);
void counters_fini(struct counters *c);
/* p in 0..1; 0 for an empty histogram. Interpolated within a bucket (at most 6.25 % wide). */
uint64_t histogram_percentile_ns(const struct histogram *h, double p);
uint64_t histogram_count(const struct histogram *h);
/* The buckets with a count, ascending: *at is 0 before the first. False: there is none left. */
bool histogram_next(const struct histogram *h, size_t *at, uint64_t *low_ns, uint64_t *high_ns,
		    uint64_t *count);

struct process {
	struct reader *reader;
	struct symbols *symbols;
	unsigned int number;		/* index in model.processes */
	const char *exe;		/* path; basename for tables */
	uint64_t duration_ns;		/* start to end of the recording, but for what was off */
	uint64_t thread_ns;		/* lifetimes of all threads in that time added up */
	uint64_t off_ns;		/* recording was stopped for so long */
	uint32_t *phases;		/* by phase of the reader: index in model.phases */
};

/* One lock instance: address + generation. */
struct lock {
	struct process *process;
	uint32_t id;			/* in the trace */
	const struct trace_lock *record;
	const char *name;		/* static symbol, given name, or NULL */
	char *label;			/* what tables show: name, else "kind 0x7f.. created at f (file:line)" */
	uint32_t class;			/* index in model.classes */
	struct counters all, read, write;	/* read/write: rwlocks only (all = read + write) */
	uint32_t nr_threads;		/* that ever acquired it */
	/* UINT64_MAX: not known (no events, or used by several threads but never contended) */
	uint64_t owner_changes;
	uint32_t max_waiters;		/* at one moment; UINT32_MAX: not known */
	uint64_t unattributed_ns;	/* of all.wait_ns: what no hold explains */
	uint64_t folded_wait_ns;	/* of all.wait_ns: recorded as statistics, no blame is known */
	bool is_folded; /* some of it came as statistics: not all holds are known */
	bool lock_like;			/* a mutex, or used as one: hold time means something */
};

/* Locks that are made at the same place: one symbol, or one init stack, or one first use. */
struct lock_class {
	char *label;
	/* program/kind/name: the same in other builds; two classes can have one key */
	char *key;
	enum trace_kind kind;
	struct counters all, read, write;
	uint32_t nr_locks, nr_threads;	/* threads: sum over its locks of distinct is not kept: union */
	uint64_t owner_changes, unattributed_ns, folded_wait_ns;
	uint32_t max_waiters;
};

struct thread {
	struct process *process;
	uint32_t id;
	const struct trace_thread *record;
	char *name;			/* "worker-3", or "exe" for an unnamed main, "thread 12" */
	uint64_t begin_ns, lifetime_ns;
	struct counters all;		/* locks only (mutex, rwlock, spin, sem, once) */
	uint64_t cond_wait_ns, cond_waits, join_wait_ns, joins, barrier_wait_ns, barriers, futex_wait_ns;
};

/* A place in the code that asks for a lock: node's stack, or its site when no stack was taken. */
struct site {
	struct process *process;
	uint32_t lock;			/* index in model.locks */
	uint32_t node;			/* one node that stands for it; may lack in the trace */
	uint64_t address;		/* code address of the call */
	uint32_t stack;			/* stack id to show, 0: only the address */
	uint32_t mode;			/* TRACE_HOW_* | TRACE_SHARED */
	struct counters all;
};

/* Where a waiter stood: stack at the blocked attempt. */
struct wait_stack {
	uint32_t lock, thread;		/* indices in model.locks and model.threads */
	uint32_t stack;			/* stack id; 0: only the node's site */
	uint32_t node;
	uint64_t site;			/* its code address */
	uint32_t phase;			/* of phase_waits: index in model.phases */
	uint64_t waits, wait_ns, wait_max_ns;
};

/* Who waited: `thread`, for `lock`, at one of the places; several rows may have the same two. */
struct waiter {
	uint32_t lock, thread;		/* indices in model.locks and model.threads */
	uint64_t wait_ns;		/* over all rows of a lock: its all.wait_ns */
};

/* Blame: of the wait time for `lock`, wait_ns passed while `holder` held it, taken at holder_node. */
struct blame {
	uint32_t lock;			/* index in model.locks */
	uint32_t holder;		/* index in model.threads */
	uint32_t holder_node;		/* where it was acquired; may be one that the trace lacks */
	uint64_t holder_site;		/* its code address */
	uint32_t release_stack;		/* captured at the contended release; 0: none */
	uint64_t waits;			/* waits that it delayed */
	uint64_t wait_ns;		/* summed over the waiters */
};

/* Who made whom wait: of waiter's waiting for `lock`, wait_ns passed while `holder` held it. */
struct blocking {
	uint32_t lock;			/* index in model.locks */
	uint32_t waiter, holder;	/* indices in model.threads */
	uint64_t wait_ns;		/* over all rows of a lock: the same sum as its blames' */
};

/* Waits that are no contention. One entry for each cond, barrier, once, futex or join target thread. */
struct cond_row {
	uint32_t lock;			/* index in model.locks (kind COND) */
	struct counters all;		/* waits */
	uint64_t signals, broadcasts;	/* signals without the broadcasts */
	uint64_t signals_unheard;	/* of both: nobody waited */
	uint64_t tail_ns, tail_max_ns;	/* from the latest signal to the return of the wait */
};
struct barrier_row {
	uint32_t lock;
	struct counters all;
	uint64_t rounds;
	/* waiting that would not have been if the last had come with the last but one, all rounds */
	uint64_t late_ns;
	uint32_t last_thread;		/* index in model.threads: the one most often last */
	uint64_t last_times;
};
/* Futex words that the program uses by itself (syscall()): waits, but no holds and no owner. */
struct futex_row {
	uint32_t lock;
	struct counters all;		/* waits */
	uint64_t wakes, woken;		/* calls, and threads that these woke */
};
struct join_row {
	uint32_t waiter, target;	/* indices in model.threads; target UINT32_MAX: unknown */
	uint32_t stack;
	uint64_t joins, wait_ns;
};

/* Who was at a node of the lock context tree, how often: the smallest unit of all counters. */
struct visit {
	uint32_t process, node;		/* number; id in the trace, may lack there */
	uint32_t thread;		/* index in model.threads */
	uint64_t times;			/* acquisitions, waits, wakes; as `acquired` of its statistic */
	uint64_t failures;		/* timeouts, failed tries and waits */
	uint32_t left;			/* never released */
};

/* A phase of the program, by name, over all processes. */
struct phase {
	const char *name;		/* NULL: in no phase */
	uint64_t time_ns;		/* recorded time in it, of all processes added up */
	uint64_t thread_ns;		/* of the threads' lifetimes */
	uint64_t begins;		/* times that it was entered */
	uint64_t work_units;
	struct counters all;		/* over all locks that are lock_like */
};
struct phase_lock {
	uint32_t phase, lock;		/* indices in model.phases and model.locks */
	struct counters all;
};
/* The recording of a process, cut where the phase changes or recording stops; in order. */
struct phase_span {
	uint32_t process, phase;	/* number; index in model.phases */
	bool off;			/* nothing was recorded */
	uint64_t begin_ns, end_ns;	/* since the process's recording began */
};

struct model {
	size_t nr_processes, nr_locks, nr_classes, nr_threads, nr_sites, nr_wait_stacks, nr_blames;
	size_t nr_waiters, nr_visits, nr_blockings;
	size_t nr_conds, nr_barriers, nr_futexes, nr_joins;
	size_t nr_phases, nr_phase_locks, nr_phase_spans, nr_phase_waits;
	struct process *processes;
	struct lock *locks;		/* of all kinds; tables of contention skip COND and BARRIER */
	struct lock_class *classes;
	struct thread *threads;
	struct site *sites;		/* grouped by lock */
	struct wait_stack *wait_stacks;	/* grouped by lock */
	struct waiter *waiters;
	struct visit *visits;
	struct blame *blames;		/* grouped by lock, largest first */
	struct blocking *blockings;	/* grouped by lock, largest first */
	struct cond_row *conds;
	struct barrier_row *barriers;
	struct futex_row *futexes;
	struct join_row *joins;
	struct phase *phases;		/* [0]: in no phase; none when the traces know no phases */
	struct phase_lock *phase_locks;	/* grouped by phase */
	struct wait_stack *phase_waits; /* wait_stacks cut by phase, of the traces that know phases */
	struct phase_span *phase_spans;	/* grouped by process; none where nothing changed */

	struct counters all;		/* over all locks (mutex, rwlock, spin, sem, once) */
	uint64_t duration_ns;		/* longest process */
	uint64_t thread_ns;
	uint64_t work_units;
	uint32_t only_phase;		/* index in phases: all that counts; 0: all do; UINT32_MAX: no such */
	uint64_t off_ns;		/* longest process */
	uint64_t losses[TRACE_LOSS_MAX];
	bool has_events;		/* false: no trace has any (profile): no blame by time */
	uint64_t clock_skews;		/* exclusive holds of one lock that overlapped by more than 1 us */
};

struct model *model_new(void);
/* From here on only that phase counts; before the first model_add(). 0 or -ENOMEM. */
int model_only_phase(struct model *model, const char *name);
/*
 * Before the first model_add: what one model reads of programs and their debug information the
 * others that got the same FILES, a symbols_new(NULL), have too. It must live until the last
 * model_add. NULL: shared with nobody.
 */
void model_share(struct model *model, struct symbols *files);
/* Takes the reader over. Progress (0..1) is told to `progress` when not NULL. 0 or -errno. */
int model_add(struct model *model, struct reader *reader, void (*progress)(double part));
/* After the last model_add: names, classes, totals, order. 0 or -errno. */
int model_finish(struct model *model);
void model_free(struct model *model);

/* In which phase a node of the process's trace was made: index in model.phases, 0: in none. */
uint32_t model_phase_of(const struct process *process, uint32_t node);
/* ... and what passed at a time, by phase_spans. */
uint32_t model_phase_at(const struct model *model, const struct process *process, uint64_t ns);

/*
 * The frames to show for a stack of a process: symbolised, inlined frames expanded, innermost
 * first, libc/libstdc++/interpreter glue in front of the user's own first frame left out unless
 * `whole`. Returns their number, at most max. stack 0: the single code address `site`.
 */
size_t model_frames(const struct process *process, uint32_t stack, uint64_t site, bool whole,
		    struct frame *frames, size_t max);

#endif
