/* SPDX-License-Identifier: MIT */
/*
 * pass.h: what the parts of the model share while one trace is read
 *
 *	model.c		the model's arrays; sets a pass up, runs it, adds everything up
 *	merge.c		decodes and folds all streams, and puts the ordered events into time's order
 *	blame.c		ordered events of locks: waits, holds, owners
 *	apart.c		ordered events of condition variables and barriers
 *	ending.c	what was held or waited for when the recording ended
 *	collect.c	sums of a pass to rows of the model, ticks to nanoseconds; collect_parts.c
 *			the same for blame and the other things that have an order in time
 *	phases.c	phases and units of work
 *	names.c		labels and classes
 *	frames.c	stacks for people
 *
 * Within a pass threads, locks and nodes go by their ids of the trace. 0 is the thread or lock that
 * the trace does not know; nodes that it does not know are all pass->unknown_node.
 *
 * One place has a node in each phase. Sums are folded for each of these; places, holds and waits
 * go by pass_node.same, the one that stands for all of them.
 */
#ifndef LOCKPROF_PASS_H
#define LOCKPROF_PASS_H

#include "../trace/fold.h"
#include "model.h"
#include "tally.h"

/* The model, and what only its makers need. */
struct store {
	struct model model; /* first: model_new() returns it */
	uint64_t *pairs;    /* lock << 32 | thread, indices in the model: who used what */
	size_t nr_pairs;
	void **owned; /* records that stand in for missing ones */
	size_t nr_owned;
	char *only_phase; /* that counts; NULL: all do */
	struct symbols *files; /* the caller's; NULL: shared with nobody */
};

struct pass_node {
	uint64_t address;
	uint32_t lock;
	uint32_t mode;
	uint32_t stack;
	uint32_t site;	/* collect.c: index in model.sites; of those that stand for themselves */
	uint32_t same;	/* node that stands for it */
	uint32_t phase; /* index in model.phases */
	bool used;
	bool ignored; /* it is of a phase that does not count */
};

/* The thread's wait now: its index in the waits of that lock's track. */
struct pass_thread {
	struct fold fold;
	uint32_t waits_for; /* lock + 1; 0: it does not wait */
	uint32_t wait;
	bool used;
};

/* An event that needs the other threads' events; sorted by ticks it goes to pass_ordered(). */
struct pass_event {
	uint64_t ticks;
	uint64_t a, b; /* hold, wait | waited | waiters, broadcast | waited, serial */
	uint32_t node, thread, stack;
	uint8_t type, flags; /* enum trace_event_type, TRACE_ACQ_* */
};

struct hold {
	uint64_t begin, end;
	uint32_t thread, node, stack;
	bool shared;
};

struct wait {
	uint64_t begin, end; /* end: only of those in `closed` */
	uint64_t charged;    /* holds that ended until then are charged already */
	uint64_t number;     /* counts all waits of the pass */
	uint32_t thread, node, stack;
	uint32_t phase; /* index in model.phases */
	bool shared, ignored;
};

/* How many others waited when this wait began: final when all of them are known to have ended. */
struct wait_start {
	uint64_t ticks, number;
	uint32_t waiters, pending;
};

/*
 * What a lock needs in the course of time. Holds are in the order of their ends. `closed` are
 * waits that timed out while others may hold the lock still: the holds are known later.
 */
struct track {
	struct hold *holds;
	size_t nr_holds, cap_holds;
	struct wait *waits, *closed;
	size_t nr_waits, cap_waits, nr_closed, cap_closed;
	struct wait_start *starts;
	size_t nr_starts, cap_starts;
	uint64_t kept_ticks; /* waited, of what the program folded: known one by one all the same */
	uint64_t owner_changes;
	uint64_t exclusive_end, any_end; /* latest ends of holds */
	uint32_t owner, max_waiters;
	bool has_owner;

	/* condition variables */
	uint64_t last_signal;
	uint64_t broadcasts, unheard, tail_ticks, tail_max_ticks;

	/* barriers: the round that is leaving now */
	uint64_t first_departure, last_arrival, arrival_before;
	uint64_t rounds, late_ticks;
	uint32_t arrived, last_thread;
};

#define PASS_TOKENS 1u /* of a lock: posts or foreign releases were seen */
#define PASS_USED   2u /* it has statistics */
#define PASS_FOLDED 4u /* some of these came folded, without events */

struct pass {
	struct store *store;
	struct reader *reader;
	unsigned int process; /* number */
	uint64_t ns_per_tick; /* times 2^32 */
	uint64_t end_ticks;
	struct arena arena; /* of the folds; first block's place 0 stays unused */
	uint32_t nr_blocks, cap_blocks, block_used;

	struct pass_node *nodes;
	unsigned char *ordered; /* by node: its holds take part in the merge */
	uint32_t nr_nodes, unknown_node;
	struct pass_thread *threads;
	uint32_t nr_threads;
	const struct trace_lock **locks; /* NULL: no record */
	struct track **tracks;
	unsigned char *lock_facts; /* PASS_* */
	uint32_t nr_locks;

	uint32_t *phase_row;	  /* phase of the reader -> index in model.phases */
	struct tally phase_locks; /* phase, lock: indices in the model; count: row + 1 */
	uint32_t wanted_phase;	  /* index in model.phases; UINT32_MAX: all count */

	struct tally blames;	  /* lock, thread, node, stack, waiter: count of waits, ticks */
	struct tally wait_stacks; /* lock, stack, node, thread, phase: waits */
	struct tally joins;	  /* waiter, target, stack */
	struct tally last;	  /* barrier, thread: times last */
	struct tally woken;	  /* futex: woken in ticks */
	uint64_t nr_waits;
	uint64_t skew_ticks; /* 1 us */
	uint64_t clock_skews;
	uint64_t damaged; /* runs of events that break off */
	bool has_events;
	bool failed; /* out of memory */
};

/*
 * One more item at the end of an array of *capacity items: the array, which may have moved, or
 * NULL: out of memory, which is noted.
 */
void *pass_push(struct pass *pass, void *array, size_t *nr, size_t *capacity, size_t size);
struct track *pass_new_track(struct pass *pass, uint32_t lock);
uint64_t pass_ns(const struct pass *pass, uint64_t ticks);
/* A lock, and a node, that the trace lacks. 0 when out of memory. */
uint32_t pass_new_lock(struct pass *pass, uint64_t address, uint32_t kind);
uint32_t pass_new_node(struct pass *pass, uint32_t lock, uint64_t address, uint32_t mode,
		       uint32_t phase);

/* The track of a lock, made when it is new. NULL: out of memory. */
static inline struct track *pass_track(struct pass *pass, uint32_t lock)
{
	return pass->tracks[lock] ? pass->tracks[lock] : pass_new_track(pass, lock);
}

static inline uint32_t pass_kind(const struct pass *pass, uint32_t lock)
{
	return pass->locks[lock] ? pass->locks[lock]->kind : (uint32_t)TRACE_KIND_MUTEX;
}

static inline uint32_t pass_node_id(const struct pass *pass, uint64_t node)
{
	return node && node < pass->unknown_node ? (uint32_t)node : pass->unknown_node;
}

/* merge.c */
int merge_run(struct pass *pass, void (*progress)(double part));

/* blame.c: events of locks, in the order of time; blame_finish() when there are no more. */
void blame_event(struct pass *pass, const struct pass_event *event);
void blame_finish(struct pass *pass);
void track_free(struct track *track);

/* apart.c */
void apart_event(struct pass *pass, const struct pass_event *event);
void apart_finish(struct pass *pass);

/* ending.c */
void ending_run(struct pass *pass);

/* phases.c. 0 or -ENOMEM */
int phases_init(struct pass *pass);
bool phases_ignored(const struct pass *pass, uint32_t phase);
bool phases_ignored_at(const struct pass *pass, uint64_t ticks);
int phases_count(struct pass *pass, uint32_t phase, uint32_t lock, const struct counters *by);
int phases_times(struct pass *pass);
int phases_finish(struct store *store);

/* collect.c. 0 or -ENOMEM */
int collect_run(struct pass *pass);

/* model.c: a zeroed row at the end of one of the model's arrays; NULL: out of memory. */
void *store_push(void *array, size_t *nr, size_t size);

/* names.c: labels and classes. 0 or -ENOMEM */
int names_run(struct store *store);

/* counters.c */
int histogram_put(struct histogram **histogram, double ns_per_tick, unsigned int octave,
		  const uint64_t count[HIST_PARTS]);
void histogram_limit(struct histogram *histogram, uint64_t max_ns);

/* frames.c: whether a frame is a wrapper around locking and not the place that asked for it. */
bool frames_glue(const struct frame *frame);

#endif
