/* SPDX-License-Identifier: MIT */
/*
 * report.h: what the parts of `lockprof report` share
 *
 *	report_rows.c	  what stands in a table: chosen, sorted, counted
 *	report_places.c	  code addresses to "f (file:12) < g"
 *	report_groups.c	  alike places added up
 *	report_facts.c	  what the trace's header says, in words
 *	report_text.c	  the report for people: its order, title and sentences' mechanics
 *	report_story.c	  the sentences at its top
 *	report_hangs.c	  of these, who still waited at the end
 *	report_tables.c	  its ranked tables, from the cells of
 *	report_cells.c	  ... what each column shows
 *	report_waits.c	  who waited where, and who held it
 *	report_apart.c	  waits that are no contention
 *	report_phases.c	  phases and units of work
 *	report_coverage.c  what was seen, and what could not be
 *	report_json.c, report_csv.c	  the same for programs
 *	report_json_parts.c	  what other outputs say in the same JSON
 */
#ifndef LOCKPROF_REPORT_H
#define LOCKPROF_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "model.h"
#include "output.h"

/* In the order of report_key_words; the words are perf lock's. */
enum report_key {
	REPORT_ACQUIRED,
	REPORT_CONTENDED,
	REPORT_WAIT_TOTAL,
	REPORT_WAIT_MAX,
	REPORT_AVG_WAIT,
	REPORT_HOLD_TOTAL,
	REPORT_HOLD_MAX,
};
extern const char *const report_key_words[];

/* In the order of report_by_words. */
enum report_by {
	REPORT_BY_CLASS,
	REPORT_BY_LOCK,
	REPORT_BY_THREAD,
	REPORT_BY_SITE,
	REPORT_BY_PROCESS,
	REPORT_BY_PHASE,
};
extern const char *const report_by_words[];

#define REPORT_ALL    SIZE_MAX
#define REPORT_CELL   48  /* bytes of a cell's text */
#define REPORT_FRAMES 128 /* of a stack, inlined ones too */

/* model_frames(), or a test's own. */
typedef size_t (*report_frames_fn)(const struct process *process, uint32_t stack, uint64_t site,
				   bool whole, struct frame *frames, size_t max);

struct report_line;

struct report {
	const struct model *model;
	enum report_key key;
	enum report_by by;
	size_t top;	/* rows of the ranked table, or REPORT_ALL */
	size_t details; /* locks whose waiters and holders are shown */
	bool is_short;
	bool whole_stacks;
	bool wide; /* all columns side by side, whatever the width is */
	size_t width;
	const char *only_phase; /* that the model counts; NULL: all */
	report_frames_fn frames;
	/* When set, sentences go here instead of to the output: as they are, glue included. */
	void (*tell)(void *teller, const struct report_line *line, enum output_face face);
	void *teller;
};

/* ---- report_rows.c ---- */

/* A row of a ranked table. `index` says where in the model's array of that kind it comes from. */
struct report_row {
	size_t index;
	const struct counters *all;
	const struct counters *read, *write; /* NULL but for reader-writer locks */
	enum trace_kind kind;		     /* 0: not a lock */
	uint32_t nr_locks, nr_threads;
	uint32_t max_waiters;	/* UINT32_MAX: unknown */
	uint64_t owner_changes; /* UINT64_MAX: unknown */
	uint64_t unattributed_ns, folded_wait_ns;
	bool is_shared; /* between processes, so that holds may be in other traces */
	bool is_folded; /* as lock.is_folded, of one of them */
};

struct report_rows {
	enum report_by by;
	struct report_row *rows;
	size_t nr;
	struct counters *sums; /* of processes; owned */
	size_t nr_sums;
};

/* All rows, best by report->key first. Never used ones are left out. 0 or -errno. */
int report_rows_init(struct report_rows *rows, const struct report *report, enum report_by by);
void report_rows_fini(struct report_rows *rows);
/* The row's name, to be freed; NULL: out of memory. Not escaped. */
char *report_row_label(const struct report *report, enum report_by by,
		       const struct report_row *row);
/* Whether waiting for this lock is contention: mutex, rwlock, spin lock, semaphore used as a lock.
 */
bool report_lock_contends(const struct lock *lock);
/* Of a semaphore: by those who took a token, and by others. */
uint64_t report_posts(const struct counters *c);
/* Over all such locks, which is less than model.all: that has the signalling semaphores, too. */
struct report_totals {
	size_t nr_locks; /* that were taken */
	uint64_t acquired, contended, wait_ns, hold_ns;
};
struct report_totals report_totals(const struct model *model);
bool report_row_has_lock(const struct report *report, const struct report_rows *rows,
			 const struct report_row *row, uint32_t lock);

/* Waits that these counters count, the failed ones too; and what one took on average. */
uint64_t report_waits(const struct counters *c);
uint64_t report_avg_wait_ns(const struct counters *c);
/* a / b, 0 when b is. */
double report_ratio(uint64_t a, uint64_t b);
/* Of a thread's own life, of the time of a process's or phase's threads; others: of all threads'.
 */
double report_wait_share(const struct report *report, enum report_by by,
			 const struct report_row *row, const struct counters *c);
double report_per_second(uint64_t count, uint64_t duration_ns);
const char *report_kind_name(enum trace_kind kind);
/* "?" for NULL. */
const char *report_base_name(const char *path);

/* ---- report_places.c, report_groups.c ---- */

/* A share of waiting: where (stack, else site), and of a holder also where it released. */
struct report_part {
	const struct process *process;
	uint64_t site;
	uint32_t stack, release_stack;
	uint32_t thread; /* the holder; of waiters unknown: UINT32_MAX */
	uint64_t waits, wait_ns, wait_max_ns;
	size_t group; /* filled by report_group() */
};

struct report_group {
	char *text; /* owned; not escaped. NULL: the many small ones, added up */
	uint64_t waits, wait_ns, wait_max_ns;
	uint32_t thread, nr_threads; /* the one with most time, and how many there are */
	uint64_t thread_ns;
};

struct report_groups {
	struct report_group *groups; /* most time first; the one without text is last */
	size_t nr;
};

enum report_place_style {
	REPORT_FUNCTION, /* the innermost function, and one line of it */
	REPORT_STACK,	 /* with its callers */
};

/* Adds alike places up. The parts get sorted. 0 or -errno. */
int report_group(const struct report *report, struct report_part *parts, size_t nr_parts,
		 enum report_place_style style, struct report_groups *groups);
void report_groups_fini(struct report_groups *groups);
/*
 * Not every release has its stack taken. Gives the holds without one the most usual end of the
 * thread's holds that began at the same place; without any, the only end that is known. The parts
 * get sorted.
 */
void report_adopt_releases(struct report_part *parts, size_t nr);

/* The part that a row of the model's blames is. */
void report_blame_part(const struct model *model, const struct blame *blame,
		       struct report_part *part);
/* The parts of the blame, or of the waiting, for a row of locks, to be freed. 0 or -errno. */
int report_blame_parts(const struct report *report, const struct report_rows *rows,
		       const struct report_row *row, struct report_part **parts, size_t *nr);
int report_wait_parts(const struct report *report, const struct report_rows *rows,
		      const struct report_row *row, struct report_part **parts, size_t *nr);

/* "f (file.c:12) < g (file.c:40)", to be freed. release_stack 0: none. NULL: out of memory. */
char *report_place_text(const struct report *report, const struct report_part *part,
			enum report_place_style style);
/*
 * The frames behind that text, innermost first, with the locking library's own in front when
 * `whole`. A release that belongs to it gives the callers, and *end tells where that was; else
 * end->module is NULL. Returns their number, at most max.
 */
size_t report_place_frames(const struct report *report, const struct report_part *part, bool whole,
			   struct frame *frames, size_t max, struct frame *end);
/* Only what all acquisitions of a site share: the whole frames up to the user's own function. */
size_t report_site_frames(const struct report *report, const struct report_part *part,
			  struct frame *frames, size_t max);
/* Fills the part's process, site, and the stack of the node when the trace has it. */
void report_node_place(const struct process *process, uint32_t node, uint64_t site,
		       struct report_part *part);

/* ---- report_text.c ---- */

/* The report for people. 0 or -errno. */
int report_text(const struct report *report, FILE *out);
/* A line for each process: what it was, how long it ran, how it ended. 0 or -errno. */
int report_titles(const struct report *report, FILE *out);

/* A sentence in the making: write to `out`, end it with report_paragraph(). */
struct report_line {
	FILE *out;
	char *text;
	size_t size;
	bool has_subject; /* what it is about: */
	enum report_by by;
	size_t subject; /* index in the model's array of that kind */
};
/* A blank inside a line's text at which no line may end: "97" REPORT_GLUE "%". */
#define REPORT_GLUE "\x1f"

int report_line_begin(struct report_line *line);
/*
 * Prints the line escaped and broken to the report's width: `first` stands before it, and what
 * follows is indented by as much. 0, or -ENOMEM.
 */
int report_paragraph(const struct report *report, FILE *out, const char *first,
		     enum output_face face, struct report_line *line);
void report_heading(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "4.10 s", "97 %" for sentences: glued, so that the unit stays with the number. */
const char *report_time(char buf[OUTPUT_NUMBER], uint64_t ns);
const char *report_percent(char buf[OUTPUT_NUMBER], double ratio);
/* "" for one, "s" for others. */
const char *report_plural(uint64_t count);
/* What the time is that no hold explains. */
const char *report_nobody(const struct report_row *row);
/* Its name, "name (4711)" when another of its process has the same. */
void report_put_thread(const struct report *report, FILE *out, const struct thread *thread);
/* "worker-3", "worker-3 and 1 other", "worker-3 and 5 others". */
void report_put_threads(const struct report *report, FILE *out, uint32_t thread, uint32_t nr);
/*
 * Whole parts of 1000 of what each value is of total, rounded so that they sum up right (largest
 * remainder). The values must not sum up to more than total. All 0 when total is. At most
 * REPORT_SHARES_MAX of them.
 */
#define REPORT_SHARES_MAX 16
void report_permille(const uint64_t *values, size_t nr, uint64_t total, unsigned int *permille);

int report_story(const struct report *report, FILE *out);
/* Tells of unfinished waits and counts them. */
int report_hangs(const struct report *report, FILE *out, size_t *nr);
int report_tables(const struct report *report, FILE *out);

/*
 * One column of a ranked table. `cell` writes the text for one row, "" where there is nothing to
 * say; `c` are the row's counters, or those of its readers or writers alone.
 */
struct report_column {
	const char *title;
	enum output_face (*cell)(const struct report *report, const struct report_row *row,
				 const struct counters *c, char text[REPORT_CELL]);
	bool optional; /* left out when empty in all rows, and shown where there is room */
	bool is_text;  /* aligned left */
};
const struct report_column *report_columns(enum report_by by, size_t *nr);
int report_waits_and_holders(const struct report *report, FILE *out);
int report_apart(const struct report *report, FILE *out);
int report_coverage(const struct report *report, FILE *out);

/* ---- report_phases.c ---- */

/* "(no phase)" for that. */
const char *report_phase_name(const struct phase *phase);
bool report_has_phase(const struct model *model, const char *name);
/* Whether the report is about it: all are, unless one was asked for. */
bool report_phase_chosen(const struct report *report, const struct phase *phase);
/* Acquisitions of a unit of work, one after the other, each as long as half of them are. */
uint64_t report_serial_demand_ns(const struct counters *c, uint64_t units);
int report_phase_story(const struct report *report, FILE *out);
int report_phase_table(const struct report *report, FILE *out);
int report_off(const struct report *report, FILE *out);

/* ---- report_facts.c ---- */

/* Facts of the process, all zero when it has no reader. */
const struct trace_header *report_header(const struct process *process);
/* "exit 0", "signal 9", "running", "unknown". */
const char *report_end(const struct process *process, char buf[OUTPUT_NUMBER]);
/* "trace", "profile", or "mixed": it began as the one and went on as the other. */
const char *report_mode(const struct process *process);
/* The same of all processes; "mixed" when they differ, NULL when there is none. */
const char *report_run_mode(const struct model *model);
/* What JSON calls a loss, NULL: none of that number; and the words behind its count. */
const char *report_loss_key(size_t loss);
const char *report_loss_words(size_t loss);
/* All of them as facts on standard output, "nothing" when there is none. */
void report_print_losses(const struct trace_header *header);
bool report_has_losses(const struct model *model);
bool report_has_damages(const struct model *model);

/* ---- for programs: report_json.c, report_csv.c ---- */

struct json;
int report_json(const struct report *report, FILE *out);
/* Parts that other answers have as well. */
void report_json_stack(struct json *json, const char *key, const struct frame *frames, size_t nr);
void report_json_process(struct json *json, const char *key, const struct process *process);
/* Members of an object that the caller has begun, and may go on with. */
void report_json_process_facts(struct json *json, const struct process *process);
void report_json_flags(struct json *json, uint32_t flags); /* of a lock */
void report_json_percentile(struct json *json, const char *key, const struct histogram *h,
			    double part);
void report_json_wait(struct json *json, const struct counters *c);
void report_json_hold(struct json *json, const struct counters *c);
void report_json_per_unit(struct json *json, const struct counters *c, uint64_t units);
void report_json_phase_facts(struct json *json, const struct phase *phase);
void report_json_phases(struct json *json, const struct report *report);
/* What single events alone tell is null where some came as statistics. */
void report_json_cond_facts(struct json *json, const struct lock *lock,
			    const struct cond_row *cond);
int report_csv(const struct report *report, FILE *out);

#endif
