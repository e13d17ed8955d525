/* SPDX-License-Identifier: MIT */
/*
 * order.h: in which orders the locks were taken, and which of these orders can end in a deadlock
 *
 * The way of the data through this folder:
 *
 *	contexts.c	the dictionary's lock contexts become edges: this lock, asked for under that
 *	cycles.c	strongly connected parts, cycles in them, what makes a cycle harmless
 *	history.c	only where a cycle is left: the synchronisation of each thread, from events
 *	closure.c	which part of the run a cycle's requests need; the witness in recorded order
 *	reorder.c	witnesses that need another order of unrelated sections
 *	validate.c	replays a witness by the rules of locks alone, and believes nothing else
 *	stuck.c		what really stood still when the recording ended
 *	refused.c	locks that refused the thread that held them
 *	judge.c		levels, ranking, what is told as one, what is hidden and why
 *
 * This header is the result: what cmd_order.c and the writers (order_text, order_json, order_dot,
 * order_sarif) read. Locks, threads and processes go by their index in the model; nodes, stacks
 * by their ids in the trace of the process.
 */
#ifndef LOCKPROF_ORDER_H
#define LOCKPROF_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../model.h"

/* What can be waited for: a lock, or the end of a thread (join), or a signal or token to come. */
enum order_resource { ORDER_LOCK = 1, ORDER_THREAD, ORDER_COND, ORDER_SEM };

struct order_thing {
	enum order_resource what;
	uint32_t index; /* ORDER_THREAD: in model.threads; else in model.locks */
};

/* Most certain first: also the order of telling, and of --fail-on. */
enum order_level {
	ORDER_OCCURRED,	      /* threads stood still when the recording ended */
	ORDER_PREDICTED,      /* a witness schedule exists and was validated */
	ORDER_CONDITIONAL,    /* so, but it leaves out sections that may carry a hand-off */
	ORDER_COMM_PREDICTED, /* a cycle through a condition or semaphore, all signallers in it */
	ORDER_POTENTIAL,      /* neither witness nor refutation: too little was recorded, or budget */
	ORDER_COMM_POTENTIAL, /* as COMM_PREDICTED, but somebody else could signal */
	ORDER_BOUNDED_STALL,  /* one of the waits has a deadline */
	ORDER_RECURSIVE_READ, /* read-locked again by its reader, while writers come first */
	ORDER_SELF_LOCK,      /* asked for a lock that it held, and the lock refused (EDEADLK) */
	ORDER_ABANDONED_RISK, /* a thread ended and left a lock that others use */
	ORDER_LOST_WAKEUP,    /* still waits on a condition that nobody signalled since */
	ORDER_FORK_WITH_LOCK, /* forked while another thread held a lock that the child used */
	ORDER_VIOLATION,      /* two classes in both orders, on different locks (--classes only) */
	ORDER_LEVELS,
};
extern const char *const order_level_words[]; /* "OCCURRED", ...; NULL ends it */

/* Why a cycle is no finding. Every hidden cycle is counted under exactly one. */
enum order_hidden {
	ORDER_HIDDEN_GATE,	 /* a lock held by both sides keeps them apart */
	ORDER_HIDDEN_ONE_THREAD, /* there are not enough different threads */
	ORDER_HIDDEN_READERS,	 /* it closes over two readers that do not exclude each other */
	ORDER_HIDDEN_TRY,	 /* one request cannot block */
	ORDER_HIDDEN_START_JOIN, /* ordered by thread creation or join */
	ORDER_HIDDEN_SEM,	 /* ... by a semaphore */
	ORDER_HIDDEN_COND,	 /* ... by a condition variable */
	ORDER_HIDDEN_BARRIER,	 /* ... by a barrier */
	ORDER_HIDDEN_ORDERED,	 /* ordered by several of these together, once, or publication */
	ORDER_HIDDEN_REFUTED,	 /* every schedule was looked at: none gets there */
	ORDER_HIDDEN_SIGNALLERS, /* COMM_POTENTIAL, unless it is asked for (order_view.h) */
	ORDER_HIDDEN_SUPPRESSED, /* by the user's file */
	ORDER_HIDDEN_REASONS,
};
extern const char *const order_hidden_words[]; /* "by a gate lock", ...; NULL ends it */

/* `to` was asked for while `from` was held. One for each pair of places in the code. */
struct order_edge {
	struct order_thing from, to;
	uint32_t process;	    /* index in model.processes */
	uint32_t from_node, to_node; /* contexts that stand for it: from taken here, to asked here */
	uint32_t from_mode, to_mode; /* TRACE_HOW_* | TRACE_SHARED */
	uint64_t count;		    /* acquisitions of `to` in this order */
	uint32_t nr_threads, *threads; /* that did so; indices in model.threads */
	uint32_t component;	    /* from 1: strongly connected part it lies in; 0: none */
};

/* One thread's part in a cycle: it holds `held` and asks for `wanted`, that the next one holds. */
struct order_member {
	uint32_t thread;	      /* index in model.threads */
	struct order_thing held, wanted;
	uint32_t held_node, wanted_node; /* where */
	uint32_t held_mode, wanted_mode;
	uint32_t edge;		      /* index in order.edges; UINT32_MAX: none (OCCURRED) */
	uint64_t number;	      /* the witness uses its number-th such section; 0: not known */
	uint64_t held_ticks, wanted_ticks; /* of that one, as recorded; OCCURRED: since when */
	uint32_t wanted_stack;	      /* of the blocked call, or of a join; else 0 */
};

/* What a thread does in the witness before it reaches its member's state. */
struct order_step {
	uint32_t thread;
	uint64_t until_ticks; /* it runs as recorded up to this moment */
	uint64_t nr_events;   /* that many synchronisation operations of it are in the witness */
};

enum order_assumption_what {
	ORDER_SKIPS_SECTION,  /* `thread` still gets there though the section before it has not run */
	ORDER_OTHER_SIGNAL,   /* nobody else signals or posts */
	ORDER_WRITER_WAITS,   /* a writer stands in line for the lock meanwhile */
	ORDER_LOCK_LIKE,      /* the semaphore is used as a mutex */
};
struct order_assumption {
	enum order_assumption_what what;
	struct order_thing thing;
	uint32_t thread, node;	      /* who relies on it, where */
	uint32_t other_thread, other_node; /* whose section is left out, where; or the writer */
};

struct order_finding {
	enum order_level level;
	char id[16];		 /* stable over runs and builds: made of function names and classes */
	uint32_t process;
	/*
	 * 1: waits for itself, or for what nobody has. A last one that wants nothing (what is 0) is
	 * no thread that waits: it ended and left what it holds, or was the one that forked.
	 */
	size_t nr_members;
	struct order_member *members;
	size_t nr_steps;
	struct order_step *steps;	/* the witness; none: not predicted */
	size_t nr_assumptions;
	struct order_assumption *assumptions;
	uint64_t instances;	/* cycles of other locks or threads at the same places, this one too */
	uint64_t gap_ns;	/* between the holds when they came closest; UINT64_MAX: not known */
	uint64_t overlap;	/* times that they were held at the same moment (gap 0) */
	bool needs_reordering;	/* the witness is not in recorded order */
	const char *suppressed;	/* by the user's file: its reason, "" without; set by cmd_order */
	const char *why;	/* POTENTIAL: why neither proved nor refuted; static text; else NULL */
	/* OCCURRED: threads that stand behind the cycle without being in it */
	size_t nr_behind;
	struct order_member *behind;
};

/* A cycle that is not told, for --explain-hidden. */
struct order_hidden_cycle {
	enum order_hidden reason;
	struct order_thing because; /* the gate lock, the semaphore ...; what 0: nothing to name */
	size_t nr_members;
	struct order_member *members;
};

struct order {
	struct model *model;
	size_t nr_edges;
	struct order_edge *edges;
	uint32_t nr_components;
	size_t nr_findings;
	struct order_finding *findings; /* as they should be told: level, then rank */
	uint64_t hidden[ORDER_HIDDEN_REASONS];
	size_t nr_hidden_cycles;
	struct order_hidden_cycle *hidden_cycles; /* some of each reason */
	/* What was not looked at; all false or 0: everything was. */
	bool no_events;		/* some or all events are missing (profile): POTENTIAL at most */
	bool cycles_capped;	/* more cycles than the limit */
	uint64_t skipped_cycles; /* candidates whose verdict the budget did not reach */
	uint32_t max_cycle;	/* longest cycle looked for, where there are some of that length */
	bool longer_left;	/* there may be longer ones than were looked for */
	uint64_t clock_skews;
	uint64_t lost_events;
};

struct order_options {
	uint32_t max_cycle;  /* 0: 4 */
	uint64_t max_memory; /* bytes of history before it goes to a file; 0: 512 MiB */
	bool classes;	     /* ORDER_VIOLATION too */
	bool keep_hidden;    /* fill hidden_cycles */
	void (*progress)(double part);
};

/* After model_finish(). 0, or -errno. */
int order_new(struct order **order, struct model *model, const struct order_options *options);
void order_free(struct order *order);

#endif
