/* SPDX-License-Identifier: MIT */
/*
 * page.h: what the makers of the HTML page share
 *
 *	page_write.c	the template, with the data in their place
 *	page_run.c	a model as the JSON that viz/DATA.md describes: processes, totals, sentences
 *	page_tables.c	... its classes, locks, threads, and waits that are no contention
 *	page_blame.c	... who waited where, and who held it
 *	page_places.c	stacks and frames
 *	page_timeline.c	the events as intervals of threads, the longest when there are too many
 *	page_phases.c	the phases of the program, and when they were
 *	page_columns.c	many numbers as one base64 text
 */
#ifndef LOCKPROF_PAGE_H
#define LOCKPROF_PAGE_H

#include "../json.h"
#include "../places.h"
#include "../report.h"

#define PAGE_LOCKS	  2000	  /* with an entry of their own */
#define PAGE_HISTOGRAMS	  100	  /* locks with histograms */
#define PAGE_SITES	  5000
#define PAGE_PHASES	  1000	  /* with an entry of their own */
#define PAGE_PHASE_CLASSES 20000  /* their rows of classes, all together */
#define PAGE_INTERVALS	  1250000 /* by default: about 10 MB */

/* ---- page_columns.c ---- */

/* Numbers in the making. After an error nothing more is taken; column_write() tells it. */
struct column {
	unsigned char *bytes;
	size_t nr_bytes, capacity;
	int err;
};

void column_put(struct column *column, uint64_t value);
/* The script element with that id; the column is empty afterwards. 0 or -errno. */
int column_write(struct column *column, const char *id, FILE *out);
void column_fini(struct column *column);

/* ---- page_places.c ---- */

void page_put_frames(const struct places *places, struct json *json);
/* The columns stack_depth and stack_frame, with the prefix in front of their names. 0 or -errno. */
int page_write_stacks(const struct places *places, const char *prefix, FILE *out);

/* ---- page_timeline.c ---- */

struct page_run;

/* Reads the events once more. 0 or -errno. */
int timeline_init(struct page_run *run, uint64_t max_intervals);
void timeline_put(const struct page_run *run, struct json *json);
int timeline_write(const struct page_run *run, FILE *out);
void timeline_fini(struct page_run *run);

/* ---- page_run.c ---- */

struct page_run {
	const struct report *report;
	const struct model *model;
	struct json *json;
	struct places *places;
	uint32_t *lock_entry;	/* by lock: its place in the page's list, UINT32_MAX: left out */
	uint32_t *class_entry;	/* by class: likewise; UINT32_MAX: never used */
	uint32_t *lock_order;	/* the list: indices in model.locks */
	size_t nr_lock_entries, nr_locks_left_out;
	uint64_t *begin_ns;	/* by process: on the time axis of all */
	uint64_t max_intervals; /* 0: no timeline */
	size_t phase_rows_left;
	struct timeline *timeline; /* NULL: none */
	const char *no_timeline;   /* why */
};

/* Set report, model, json and max_intervals. 0 or -errno; end it with page_run_fini(). */
int page_run_put(struct page_run *run, const char *key);
void page_run_fini(struct page_run *run);

/* ---- page_tables.c, page_blame.c: parts of a run. 0 or -errno ---- */

int page_put_tables(struct page_run *run);
int page_put_apart(struct page_run *run);
int page_put_blame(struct page_run *run);
void page_put_lock_ref(const struct page_run *run, uint32_t lock);
void page_put_counters(struct json *json, const char *key, const struct counters *c, bool histograms);

/* ---- page_phases.c ---- */

int page_put_phases(struct page_run *run);
/* Its place in the page's list + 1; 0: left out. */
uint32_t page_phase_number(const struct model *model, uint32_t phase);
/* The columns span_*, if recording was ever off or in a phase. 0 or -errno. */
int page_write_spans(const struct page_run *run, FILE *out);

/* ---- page_write.c ---- */

struct page_options {
	const char *title;	/* NULL: the program's name */
	const char *order;	/* `lockprof order --json` of the last report; NULL: not made */
	uint64_t max_intervals;
};

/*
 * The page of one report, or of the change from the first to the second. 0 or -errno. The models
 * must be finished. `out` is not closed.
 */
int page_write(const struct report *const *reports, size_t nr_reports,
	       const struct page_options *options, FILE *out);

#endif
