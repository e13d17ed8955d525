/* SPDX-License-Identifier: MIT */
/*
 * export.h: a report in the formats of other tools
 *
 *	samples.c	waiting as stacks with a weight, for
 *	folded.c	... flamegraph.pl, inferno and the like
 *	speedscope.c	... https://www.speedscope.app
 *	pprof.c		... pprof, in protobuf.c's bytes
 *	perfetto.c	the run in time: threads, waits, holds, who made way for whom
 *	perfetto_phases.c  ... and the phases of the program in it
 *	sqlite.c	everything as tables, to ask one's own questions
 *	openmetrics.c	counters and histograms of each class, for Prometheus
 *	jsonl.c		a JSON object a line: locks, threads, phases, waits, blames
 *
 * Only locks whose waits are contention are in them, as in the report; the sums agree with it to
 * the nanosecond. What of a damaged or partial trace could be read is exported.
 */
#ifndef LOCKPROF_EXPORT_H
#define LOCKPROF_EXPORT_H

#include "../intervals.h"
#include "../places.h"

/* Whose stacks: of those that waited, or of those that held the lock meanwhile. */
enum export_attribute { EXPORT_WAITER, EXPORT_HOLDER };

struct export {
	const struct report *report;
	enum export_attribute attribute;
	FILE *out;
	const char *path; /* of `out`, an empty file; NULL: a stream */
};

struct exporter {
	const char *name;
	bool is_binary;	      /* not to be written to a terminal */
	bool needs_path;      /* cannot be written to a stream */
	int (*write)(const struct export *e); /* 0 or -errno */
};
/* An empty name ends it. */
extern const struct exporter exporters[];

/* ---- samples.c ---- */

/* Why a sample has no stack. */
enum export_note { EXPORT_NOTE_NONE, EXPORT_NOTE_NOBODY, EXPORT_NOTE_FOLDED, EXPORT_NOTES };
extern const char *const export_note_words[EXPORT_NOTES];

/* What samples have in common that are added up. Stacks are always equal. */
enum export_grain {
	EXPORT_BY_LOCK,	  /* lock and thread */
	EXPORT_BY_THREAD, /* the lock's class, the thread's name, the phase */
	EXPORT_BY_CLASS,  /* the lock's class */
};

/* Waiting that has one stack. */
struct export_sample {
	uint32_t lock;	    /* index in model.locks; one of the class */
	uint32_t thread;    /* who waited, or who held: one of the name; UINT32_MAX: not known */
	uint32_t phase;	    /* EXPORT_BY_THREAD: index in model.phases; UINT32_MAX: not known */
	uint32_t stack;	    /* in places */
	enum export_note note; /* instead of a stack */
	uint64_t waits;	    /* EXPORT_HOLDER: that it delayed, which one wait may do for several */
	uint64_t wait_ns;
};

/*
 * All waiting, cut by stack: the sum is the report's. By lock or class, most time first. To be
 * freed. 0 or -errno.
 */
int export_samples(const struct export *e, struct places *places, enum export_grain grain,
		   struct export_sample **samples, size_t *nr);
/* The stack of an interval, in places; 0: not known. */
uint32_t export_stack(struct places *places, const struct model *model, const struct interval *i);
/* "f", or "module+0x12" without a name. Writes into buf when it has to be made. */
#define EXPORT_NAME 256
const char *export_frame_name(const struct frame *frame, char buf[EXPORT_NAME]);
const char *export_lock_name(const struct export *e, uint32_t lock);
/* "" for a thread that is not known. */
const char *export_thread_name(const struct export *e, uint32_t thread);
/* As output_escape(), whatever the length; to be freed. NULL: out of memory. */
char *export_escape(const char *text);
/* With U+FFFD for what is not UTF-8; to be freed. NULL: out of memory. */
char *export_utf8(const char *text);

/* ---- the writers ---- */

int export_folded(const struct export *e);
int export_speedscope(const struct export *e);
int export_pprof(const struct export *e);
int export_perfetto(const struct export *e);
int export_sqlite(const struct export *e);
int export_openmetrics(const struct export *e);
int export_jsonl(const struct export *e);
int export_csv(const struct export *e);

#endif
