/* SPDX-License-Identifier: MIT */
/*
 * format.h: the trace file, the one contract between preload/ and analyzer/
 *
 * A trace is an array of 64 KiB blocks. Block 0 is the header, every other block is one of
 *
 *	SLOT	 the live state and the ring of one thread at a time (mapped by the program)
 *	EVENTS	 a ring's content as it was when it was full (written once, with checksum)
 *	RECORDS	 dictionary and statistics: threads, locks, nodes, stacks, modules, ... (mapped)
 *	FLIGHT	 profile mode: the latest waits of a slot, one by one (mapped)
 *
 * The pages of SLOT and RECORDS blocks are shared mappings: what was stored in them is in the
 * file whatever happens to the process afterwards. FORMAT.md tells the same in prose, with the
 * validity rule, the reader's algorithm and a hexdump; change both, and TRACE_VERSION, together.
 *
 * All integers are little-endian (the header's endian mark says so). Times are *ticks*: the clock
 * shifted right by header.clock_shift; header.calibration turns them into nanoseconds.
 */
#ifndef LOCKPROF_TRACE_FORMAT_H
#define LOCKPROF_TRACE_FORMAT_H

#include <stdint.h>

#define TRACE_MAGIC		"LOCKPROF"
#define TRACE_VERSION		3	/* of this header */
#define TRACE_MIN_READER	1	/* a reader older than this must refuse */
#define TRACE_ENDIAN_MARK	0x01020304u

#define TRACE_BLOCK_SIZE	65536u
#define TRACE_BLOCK_MAGIC	0x6b62704cu	/* "Lpbk" */

enum trace_block_type {
	TRACE_BLOCK_HEADER = 1,
	TRACE_BLOCK_SLOT = 2,
	TRACE_BLOCK_EVENTS = 3,
	TRACE_BLOCK_RECORDS = 4,
	TRACE_BLOCK_FLIGHT = 5,
	TRACE_BLOCK_MAX,
};

/*
 * Every block begins with this. A block whose magic is still zero was reserved but never written:
 * readers skip it. SLOT, RECORDS and HEADER blocks are live: length and checksum stay zero. FLIGHT
 * blocks are live too: `length` is stored after the bytes, `sequence` changes when they begin anew.
 */
struct trace_block {
	uint32_t magic;		/* TRACE_BLOCK_MAGIC, stored last */
	uint16_t type;		/* enum trace_block_type */
	uint16_t reserved;
	uint32_t slot;		/* SLOT, EVENTS, FLIGHT: number of the slot, from 1 */
	uint32_t thread;	/* EVENTS, FLIGHT: id of the thread that ran at its first event */
	uint32_t sequence;	/* EVENTS: 1, 2, 3, ... within the slot; a ring's is one higher.
				 * FLIGHT: the same, counted apart, and the oldest are gone */
	uint32_t length;	/* EVENTS, FLIGHT: bytes of events behind this head */
	uint64_t checksum;	/* EVENTS: trace_checksum() of those bytes */
	uint64_t base_ticks;	/* EVENTS, FLIGHT: time that the first event's delta counts from */
	uint64_t last_ticks;	/* EVENTS, FLIGHT: time of the last event */
	uint64_t spare[2];	/* RECORDS: [0] TRACE_RECORDS_OF_*; else zero */
};

/* Whose records they are: 0 the program's. `lockprof ctl` goes on in blocks that it made before. */
#define TRACE_RECORDS_OF_CTL	1u

/* ---- block 0 ---- */

#define TRACE_PHASE_NAME	64u	/* bytes of a phase's name, NUL included */

enum trace_clock { TRACE_CLOCK_TSC = 1, TRACE_CLOCK_MONOTONIC = 2, TRACE_CLOCK_CNTVCT = 3 };

/* The same moment on three clocks. Written in place; `sequence` odd means: being written. */
struct trace_calibration {
	uint64_t sequence;
	uint64_t ticks;
	uint64_t monotonic_ns;
	uint64_t realtime_ns;
};

enum trace_mode { TRACE_MODE_TRACE = 1, TRACE_MODE_PROFILE = 2 };

enum trace_end {
	TRACE_END_RUNNING = 0,	/* still running, or ended without telling (SIGKILL, _exit) */
	TRACE_END_EXIT = 1,	/* end_value: the exit status */
	TRACE_END_SIGNAL = 2,	/* end_value: the signal; written by `lockprof record` */
};

/* What could not be recorded, counted. The report has the words. */
enum trace_loss {
	TRACE_LOSS_NESTED,	/* calls made while the shim was busy on the same thread */
	TRACE_LOSS_DEPTH,	/* holds not timed: more than TRACE_HELD_MAX locks held */
	TRACE_LOSS_NODES,	/* acquisitions counted under no node: the dictionary was full */
	TRACE_LOSS_THREADS,	/* threads that got no slot */
	TRACE_LOSS_EVENTS,	/* events that were dropped: no room, no disk, no descriptor */
	TRACE_LOSS_STACKS,	/* stacks not taken: unknown or tiny stack */
	TRACE_LOSS_LATE,	/* calls by a thread after its end, or after the process's */
	TRACE_LOSS_RECORDS,	/* dictionary records that found no room */
	TRACE_LOSS_SPARE,
	TRACE_LOSS_MAX = 16,
};

/* Bits of header.events: what happened to the recording as a whole. */
#define TRACE_EVENT_SIZE_CAP	1u	/* max_size reached: statistics only from there on */
#define TRACE_EVENT_NO_SPACE	2u	/* the disk was full */
#define TRACE_EVENT_NO_FILE	4u	/* no way to the file: lost and not opened, or seccomp */

/* Bits of header.features. Set when the first such node is made, so older readers refuse. */
#define TRACE_FEATURE_PHASES	1u	/* nodes that are roots of phases, or count work */

struct trace_header {
	struct trace_block block;
	char magic[8];			/* TRACE_MAGIC */
	uint32_t endian_mark;
	uint16_t version;
	uint16_t min_reader;
	uint64_t features;		/* TRACE_FEATURE_*: bits that a reader must know */
	uint32_t block_size;
	uint32_t nr_cpus;

	uint32_t nr_blocks;		/* reserved so far, header included; atomic, only grows */
	uint32_t control;		/* 1; `phase` says whether recording is on */
	uint32_t mode;			/* enum trace_mode, now */
	uint32_t mode_at_start;
	uint32_t events;		/* TRACE_EVENT_* */
	uint32_t end;			/* enum trace_end */
	int32_t end_value;
	uint32_t nr_threads;		/* ids given out so far, from 1 */
	uint32_t nr_locks;
	uint32_t nr_nodes;
	uint32_t nr_stacks;
	uint32_t nr_modules;

	uint32_t clock;			/* enum trace_clock */
	uint32_t clock_shift;		/* ticks = raw clock >> clock_shift */
	struct trace_calibration calibration[2];	/* [0]: at start, [1]: the latest */
	uint64_t end_ticks;		/* when the end, or a snapshot's moment, was seen; 0 before */
	uint64_t start_realtime_ns;	/* of the process's recording */

	uint64_t max_size;		/* bytes of trace mode before statistics only */
	uint32_t pid, ppid, uid, stack_depth;
	uint64_t losses[TRACE_LOSS_MAX];	/* enum trace_loss; atomic */
	char host[64];
	char libc[64];			/* "glibc 2.36" */
	char exe[4096];			/* path, NUL-terminated */
	char argv[8192];		/* arguments, each NUL-terminated; argv_bytes of them */
	uint32_t argv_bytes;
	uint32_t argc;

	/* Which phase it is: phase.h. Written by the program and by `lockprof ctl`; since version 3 */
	uint64_t phase;			/* changes so far << 33 | off << 32 | root's node; atomic */
	char phase_name[TRACE_PHASE_NAME];	/* NUL-terminated, may be torn; for a live look */
};

/* ---- SLOT: one thread's state page and ring ---- */

#define TRACE_HELD_MAX		72u
#define TRACE_STATE_SIZE	4096u
#define TRACE_RING_SIZE		(TRACE_BLOCK_SIZE - TRACE_STATE_SIZE)

/* A lock that the thread holds. lock == 0 ends the list; `lock` is stored last. */
struct trace_held {
	uint64_t lock;		/* address */
	uint64_t site;		/* return address of the acquiring call, as in memory */
	uint64_t since;		/* ticks of the acquisition */
	uint64_t wait;		/* ticks waited for it, valid with TRACE_HELD_CONTENDED */
	uint32_t node;		/* as acquired; TRACE_NODE_UNKNOWN: the dictionary was full */
	uint32_t path;		/* as held now: another one when a lock below was released first */
	uint32_t mode;		/* TRACE_HOW_* and TRACE_SHARED, | kind << 8 | TRACE_HELD_* */
	uint32_t spare;
};
#define TRACE_HELD_CONTENDED	0x10000u
#define TRACE_HELD_OWNERDEAD	0x20000u
#define TRACE_HELD_OFF		0x40000u	/* recording was off: node and path are TRACE_NODE_OFF */

#define TRACE_WAIT_BOUNDED	1u	/* it has a deadline */
#define TRACE_THREAD_UNKNOWN	UINT32_MAX	/* wait_thread: one that has no number */

/*
 * Written only by the thread that owns the slot, in program order: entries before `lock`, event
 * bytes before `head`. So whoever reads after a kill sees whole entries and whole events.
 */
struct trace_slot {
	struct trace_block block;
	uint32_t thread;	/* id of the owner now; 0: free */
	uint32_t head;		/* ring bytes [tail, head) are events not yet flushed or folded;
				 * head <= tail: none (head goes back to 0 first) */
	uint32_t tail;
	uint32_t sequence;	/* that the next EVENTS block of this slot will carry; goes up at
				 * each flush, also when the ring was folded instead */
	uint32_t thread_at_tail;	/* thread that the event at `tail` belongs to */
	uint32_t wait_node;	/* not 0: the owner waits for this node's lock */
	uint64_t base_ticks;	/* time that the event at `tail` counts its delta from */
	uint64_t last_ticks;	/* time of the last event */
	uint64_t wait_since;	/* ticks */
	uint32_t wait_stack;
	uint32_t wait_owner;	/* thread that held it when the wait began (kernel tid), 0: unknown */
	uint32_t wait_thread;	/* not 0: the owner waits for this thread's end, stack and time as above */
	uint32_t wait_flags;	/* TRACE_WAIT_*, of either wait */
	uint64_t spare[2];
	/* What lies under the first held lock: zero, but for `path`: the phase's root, phase.h. */
	struct trace_held bottom;
	struct trace_held held[TRACE_HELD_MAX + 1];	/* bottom first; always a zero at the end */
};

/* ---- EVENTS and rings: the event encoding ---- */

/*
 * An event is a row of LEB128 numbers. The first one, w, says what it is:
 *	w even:	an uncontended acquisition of node w >> 1, then: delta, hold
 *	w odd:	type (w >> 1) & 31 about arg = w >> 6, then: delta, then as the table says
 * delta: ticks since the previous event of the slot. hold: ticks from acquisition to release.
 * Acquisitions stand at their release; everything else when it happened. w is never 0.
 */
enum trace_event_type {
	TRACE_EV_PLAIN = 0,	/* (even w)		  hold */
	TRACE_EV_ACQUISITION,	/* arg node		| hold, TRACE_ACQ_* flags, wait, stack */
	TRACE_EV_WAIT_BEGIN,	/* arg node		| stack, owner's kernel tid */
	TRACE_EV_WAIT_END,	/* arg node, not acquired | waited, errno (ETIMEDOUT, ...) */
	TRACE_EV_TRY_FAIL,	/* arg node */
	TRACE_EV_RELOCK,	/* arg node: a recursive lock taken again by its owner */
	TRACE_EV_FOREIGN,	/* arg node: released by a thread that did not acquire it | stack */
	TRACE_EV_POST,		/* arg node: sem_post that ends no hold | waiters */
	TRACE_EV_SIGNAL,	/* arg node		| waiters, 1 for broadcast */
	TRACE_EV_COND_WAIT,	/* arg node, at return	| waited, result (errno), mutex's node */
	TRACE_EV_BARRIER,	/* arg node, at departure | waited, 1 for the serial thread */
	TRACE_EV_ONCE,		/* arg node, at return	| waited for another's initialiser */
	TRACE_EV_FUTEX_WAIT,	/* arg node, at return	| waited, result (errno) */
	TRACE_EV_FUTEX_WAKE,	/* arg node		| number woken */
	TRACE_EV_CREATE,	/* arg thread */
	TRACE_EV_JOIN,		/* arg thread (0: unknown) | waited, result (errno), stack */
	TRACE_EV_THREAD,	/* arg thread: the events from here on are this thread's */
	TRACE_EV_EXIT,		/* arg thread		| locks still held */
	TRACE_EV_LOST,		/* arg count: events that are missing here */
	TRACE_EV_WORK,		/* arg node (TRACE_HOW_WORK) | units of work done */
	TRACE_EV_MAX,
};
#define TRACE_EVENT_ARGS	4	/* numbers behind delta, at most */
#define TRACE_EVENT_BYTES	60	/* (2 + TRACE_EVENT_ARGS) numbers of at most 10 bytes */

/* Flags of TRACE_EV_ACQUISITION. `wait` and `stack` are 0 where their flag is not set. */
#define TRACE_ACQ_WAITED	1u	/* contended: `wait` ticks passed before the acquisition */
#define TRACE_ACQ_STACK		2u	/* a waiter was there at the release: the releaser's stack */
#define TRACE_ACQ_NO_HOLD	4u	/* token taken, or too deep: no hold; stands at acquisition */
#define TRACE_ACQ_COND		8u	/* the hold ended by entering a condition wait */
#define TRACE_ACQ_OWNERDEAD	16u
#define TRACE_ACQ_LEFT		32u	/* never released: the thread ended holding it */

/* ---- RECORDS: dictionary and statistics ---- */

/*
 * Records follow each other at multiples of 8 bytes. `size_type` is stored last, with release
 * order; 0 means: nothing (yet), skip 8 bytes and go on. size counts the whole record.
 */
struct trace_record {
	uint32_t size_type;	/* size << 8 | enum trace_record_type */
	uint32_t id;		/* 1, 2, 3, ... within the type; ids may be missing */
};

enum trace_record_type {
	TRACE_REC_DEAD = 1,	/* reserved and given up: skip by size */
	TRACE_REC_THREAD,
	TRACE_REC_LOCK,
	TRACE_REC_NODE,
	TRACE_REC_STACK,
	TRACE_REC_MODULE,
	TRACE_REC_NAME,
	TRACE_REC_STAT,
	TRACE_REC_HIST,
	TRACE_REC_PHASE,
};

/* A code address: module << 48 | (pc - load bias). Module 0: none known, pc itself (JIT). */
#define TRACE_PC_MODULE(pc)	((uint32_t)((uint64_t)(pc) >> 48))
#define TRACE_PC_OFFSET(pc)	((uint64_t)(pc) & 0xffffffffffffull)

struct trace_thread {
	struct trace_record record;
	uint32_t tid;		/* kernel's */
	uint32_t creator;	/* thread id, 0: unknown or the process itself */
	uint64_t begin_ticks;
	uint64_t end_ticks;	/* 0: still there when the recording ended */
	uint64_t start_routine;	/* code address, 0: main thread or unknown */
	uint32_t slot;
	uint32_t statistics_of;	/* profile mode: its statistics are in this thread's; 0: its own */
	char name[16];		/* the latest, NUL-padded */
};

enum trace_kind {
	TRACE_KIND_MUTEX = 1,
	TRACE_KIND_RWLOCK,
	TRACE_KIND_SPIN,
	TRACE_KIND_SEM,
	TRACE_KIND_COND,
	TRACE_KIND_BARRIER,
	TRACE_KIND_ONCE,
	TRACE_KIND_FUTEX,
	TRACE_KIND_CUSTOM,	/* the program's own, told through lockprof.h */
	TRACE_KIND_MAX,
};

#define TRACE_LOCK_CONTENDED	0x001u	/* somebody waited for it at least once */
#define TRACE_LOCK_COUNTING	0x002u	/* semaphore: posts and waits do not pair up by thread */
#define TRACE_LOCK_RECURSIVE	0x004u
#define TRACE_LOCK_ERRORCHECK	0x008u
#define TRACE_LOCK_ADAPTIVE	0x010u
#define TRACE_LOCK_ROBUST	0x020u
#define TRACE_LOCK_PSHARED	0x040u
#define TRACE_LOCK_INHERIT	0x080u	/* PTHREAD_PRIO_INHERIT */
#define TRACE_LOCK_PROTECT	0x100u	/* PTHREAD_PRIO_PROTECT */
#define TRACE_LOCK_WRITER_PREF	0x200u	/* rwlock: readers queue behind waiting writers */
#define TRACE_LOCK_DESTROYED	0x400u
#define TRACE_LOCK_RECYCLED	0x800u	/* several short lives at one address share this record */
#define TRACE_LOCK_INITIALISED	0x1000u	/* its init call was seen */

struct trace_lock {
	struct trace_record record;
	uint64_t address;	/* in memory */
	uint64_t data_address;	/* module << 48 | offset when it lies in a module, else 0 */
	uint32_t kind;		/* enum trace_kind */
	uint32_t flags;		/* TRACE_LOCK_*; atomic or */
	uint32_t generation;	/* lives at this address before this one */
	uint32_t init_stack;	/* stack of its init call, 0: never seen */
	uint32_t value;		/* semaphore: initial value; barrier: count */
	uint32_t lives;		/* with RECYCLED: how many; atomic */
};

/* How an acquisition was asked for, or what else a node stands for. */
enum trace_how {
	TRACE_HOW_LOCK = 1,	/* blocks */
	TRACE_HOW_TRY,
	TRACE_HOW_TIMED,	/* blocks, bounded */
	TRACE_HOW_REACQUIRE,	/* the mutex on return from a condition wait */
	TRACE_HOW_WAIT,		/* condition wait, futex wait, barrier, once: no hold */
	TRACE_HOW_WAKE,		/* signal, broadcast, post without hold, futex wake */
	TRACE_HOW_RELEASE,	/* foreign release */
	TRACE_HOW_PHASE,	/* no lock: the root of all that threads do in one phase */
	TRACE_HOW_WORK,		/* no lock: units of work, done in the phase that is the parent */
	TRACE_HOW_MAX,
};
#define TRACE_HOW_MASK		0x0fu
#define TRACE_SHARED		0x10u	/* reader */

/* The node without lock that stands for whatever found no room in the dictionary. */
#define TRACE_NODE_UNKNOWN	1u

/* `path` and `node` of what is held while recording is off; never in the dictionary. */
#define TRACE_NODE_OFF		UINT32_MAX

/* A lock context: this lock, asked for here, in this way, while holding exactly `parent`. */
struct trace_node {
	struct trace_record record;
	uint32_t parent;	/* node, 0: nothing held; a phase's root: nothing held, in that phase */
	uint32_t lock;
	uint64_t site;		/* code address (a return address) */
	uint32_t mode;		/* TRACE_HOW_* | TRACE_SHARED */
	uint32_t stack;		/* at its first sight; 0: not taken */
};

struct trace_stack {
	struct trace_record record;
	uint32_t nr_frames;
	uint32_t flags;		/* bit 0: cut at the depth limit */
	uint64_t frames[];	/* code addresses, innermost first, return addresses */
};

struct trace_module {
	struct trace_record record;
	uint64_t begin, end;	/* in memory */
	uint64_t bias;
	uint32_t build_id_bytes;
	uint32_t path_bytes;	/* without NUL */
	uint8_t build_id[32];
	char path[];
};

enum trace_name_of { TRACE_NAME_LOCK = 1, TRACE_NAME_CLASS, TRACE_NAME_PHASE };

struct trace_name {
	struct trace_record record;
	uint32_t of;		/* enum trace_name_of */
	uint32_t target;	/* lock id; PHASE: the root's node */
	uint32_t bytes;
	uint32_t spare;
	char text[];
};

/*
 * Statistics of one node in one thread, as trace/fold.c makes them. Sums and maxima in ticks.
 * `wait` of a COND, BARRIER, ONCE or FUTEX node is the time in that wait, `acquired` counts waits.
 * Of a WORK node `acquired` counts units of work, and the rest is zero.
 */
struct trace_stat {
	struct trace_record record;	/* id: its place in the arena, that HIST refers to */
	uint32_t thread;
	uint32_t node;
	uint64_t acquired;	/* TRACE_HOW_WAKE: signals, posts, wakes; waits for wait nodes */
	uint64_t contended;
	uint64_t wait_ticks;
	uint64_t wait_max_ticks;
	uint64_t hold_ticks;
	uint64_t hold_max_ticks;
	uint64_t held;		/* acquisitions that had a hold */
	uint64_t try_failures;
	uint64_t timeouts;
	uint64_t relocks;
	uint64_t wait_failures;	/* waits that ended otherwise than acquired or timed out */
	uint32_t histograms;	/* arena place of the first HIST, 0: none */
	uint32_t left;		/* of held: never released */
};

/* 16 equal parts of one octave; see hist.h. Chained per stat. */
enum trace_hist_what { TRACE_HIST_HOLD = 0, TRACE_HIST_WAIT = 1 };
struct trace_hist {
	struct trace_record record;	/* id: its place in the arena */
	uint32_t stat;		/* place of the stat it belongs to */
	uint32_t next;		/* place of the next HIST of that stat */
	uint16_t what;		/* enum trace_hist_what */
	uint16_t octave;
	uint32_t spare;
	uint64_t count[16];
};

/* One change of the phase, or of whether recording is on. */
struct trace_phase {
	struct trace_record record;	/* id: 1, 2, ... in the order of the changes */
	uint32_t node;		/* root of the phase from here on; 0: none */
	uint32_t flags;		/* TRACE_PHASE_* */
	uint64_t begin_ticks;
};
#define TRACE_PHASE_OFF		1u	/* nothing is recorded from here on */

_Static_assert(sizeof(struct trace_block) == 64, "block head");
_Static_assert(sizeof(struct trace_header) == 12880, "header");
_Static_assert(sizeof(struct trace_held) == 48, "held");
_Static_assert(sizeof(struct trace_slot) <= TRACE_STATE_SIZE, "slot");
_Static_assert(sizeof(struct trace_thread) % 8 == 0, "thread");
_Static_assert(sizeof(struct trace_lock) % 8 == 0, "lock");
_Static_assert(sizeof(struct trace_node) == 32, "node");
_Static_assert(sizeof(struct trace_stat) % 8 == 0, "stat");
_Static_assert(sizeof(struct trace_phase) % 8 == 0, "phase");
_Static_assert(sizeof(struct trace_hist) % 8 == 0, "hist");

#endif
