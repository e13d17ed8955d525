/* SPDX-License-Identifier: MIT */
/*
 * confirm.h: what the parts of `lockprof confirm` share
 *
 *	cmd_confirm.c	  the command: which finding, how many runs, what came of them
 *	confirm_finding.c  a finding of `lockprof order` to a plan
 *	confirm_plan.c	  a plan to text and back; places of a trace in it
 *	confirm_run.c	  one run of the program under a plan, watched from outside
 *	confirm_stand.c	  threads of a trace that wait for each other for ever
 *	confirm_tell.c	  what people read: the standstill, or why there was none
 *
 * The plan itself is trace/plan.h; liblockprof-confirm.so (preload/confirm/) acts upon it.
 */
#ifndef ANALYZER_CONFIRM_H
#define ANALYZER_CONFIRM_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../trace/plan.h"
#include "reader.h"

#define CONFIRM_MESSAGE 512

/* ---- confirm_plan.c ---- */

void plan_init(struct plan *plan);
/* 0, or -EINVAL with one line that says what is wrong in which line. The text gets cut up. */
int plan_parse(struct plan *plan, char *text, char error[CONFIRM_MESSAGE]);
void plan_print(const struct plan *plan, FILE *out);
/* The plan's code address for a place in a trace, making its module known; 0: it has none. */
uint64_t plan_code(struct plan *plan, const struct reader *reader, uint64_t code);
/* So, for a module that the plan knows already. */
uint64_t plan_find_code(const struct plan *plan, const struct reader *reader, uint64_t code);

/* ---- confirm_finding.c ---- */

struct order;
struct order_finding;

/* 0, or -EINVAL with why it can make no plan. */
int plan_of_finding(struct plan *plan, const struct order *order,
		    const struct order_finding *finding, char error[CONFIRM_MESSAGE]);
/* The plan of the finding with that id in the traces. 0, or -errno with a message on stderr. */
int plan_from_traces(struct plan *plan, const char *id, const char *const *paths, size_t nr_paths);
/* ./lockprof.PROGRAM.*.trace, the newest, to be freed; NULL: there is none. */
char *confirm_newest_trace(const char *program);

/* ---- confirm_stand.c ---- */

/*
 * One thread in a circle: it waits, and the one before it waits for `held`. NULL: for its end, or,
 * with `gives`, for a signal or token that the plan says it would give.
 */
struct standing {
	const struct trace_slot *slot;
	const struct trace_held *held;
	bool gives;
};

/*
 * Threads that wait for each other in a circle: the plan's own, else any. They stand in their
 * order; returns how many, 0 when nobody does, or -ENOMEM. *is_plans: it is the plan's.
 */
int standing_find(const struct reader *reader, const struct plan *plan,
		  struct standing circle[PLAN_MEMBERS], bool *is_plans);
/* The same threads since the same moments, so that at some time between all waited at once? */
bool standing_same(const struct standing *a, const struct standing *b, int nr);
/* One waits for a signal, that somebody else could give, too. */
bool standing_needs_signal(const struct standing *circle, int nr);

/* ---- confirm_run.c ---- */

struct confirm {
	struct plan *plan; /* in memory that the program shares */
	int plan_fd;
	char shim[PATH_MAX], library[PATH_MAX];
	bool needs_asan;
	char **argv; /* the command */
	uint64_t timeout_ns;
	bool keep;
	char dir[PATH_MAX - 64]; /* its traces; exists during a run */
};

enum confirm_end {
	CONFIRM_ENDED,	     /* the program did, by itself */
	CONFIRM_TIMED_OUT,   /* it was ended */
	CONFIRM_INTERRUPTED, /* so were we; wait_status is the signal */
	CONFIRM_STANDS,	     /* `trace` shows threads that wait for each other */
};

struct confirm_result {
	enum confirm_end end;
	int wait_status;      /* of the program, when it ended */
	char trace[PATH_MAX]; /* CONFIRM_STANDS: of the process that stands still */
	pid_t pid;
	bool is_plans;	/* it is the circle that the plan is about */
	bool was_ended; /* the process is gone, by its own doing or ours */
};

/* The shared memory with a copy of the plan. 0 or -errno. */
int confirm_share(struct confirm *confirm, const struct plan *plan);
/* One run. The traces stay in confirm->dir until confirm_clean(). 0, or -errno with a message. */
int confirm_run(struct confirm *confirm, struct confirm_result *result);
void confirm_clean(struct confirm *confirm);

/* ---- confirm_tell.c ---- */

/* Who stands still, with what they hold and want. 0 or -errno with a message. */
int confirm_tell_standing(const struct confirm *confirm, const struct confirm_result *result,
			  FILE *out);
/* How far the members came, over all runs. 0 or -errno. */
int confirm_tell_members(const struct plan *plan, FILE *out);

#endif
