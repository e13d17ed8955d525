/* SPDX-License-Identifier: MIT */
/*
 * The story: what the report has to say, in sentences, most important first.
 *
 *	1. Who still waited when the recording ended (report_hangs.c).
 *	2. How much waiting there was, of all the threads' time.
 *	3. For the three locks with most waiting: who waited, how long, and because of whom.
 *
 * The blame of a lock is told by function and not by stack: "in flush_all" is what people search
 * for. The stacks come below, in report_waits.c.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_LOCKS     3
#define LITTLE_WAITING 0.001 /* of the threads' time */
#define HOT_LOCK       0.1   /* of the threads' time */
#define SMALL_LOCK     0.01  /* of all waiting: below it a lock is no story */
#define SECOND_HOLDER  0.1   /* of the lock's waiting: above it the second place is told, too */
#define SOLE_HOLDER    0.95  /* of a place's waiting: above it no other thread is told */

/* ---- who waited for it ---- */

/* The threads that waited for a row of locks: the one with most of it, and how many. */
struct waiters {
	uint32_t thread, nr;
};

static int find_waiters(const struct report *report, const struct report_rows *rows,
			const struct report_row *row, struct waiters *waiters)
{
	const struct model *model = report->model;
	uint64_t *waited_ns = calloc(model->nr_threads + 1, sizeof(*waited_ns));

	*waiters = (struct waiters){ 0 };
	if (!waited_ns)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_waiters; i++) {
		const struct waiter *waiter = &model->waiters[i];

		if (report_row_has_lock(report, rows, row, waiter->lock))
			waited_ns[waiter->thread] += waiter->wait_ns;
	}
	for (size_t i = 0; i < model->nr_threads; i++) {
		if (!waited_ns[i])
			continue;
		if (!waiters->nr++ || waited_ns[i] > waited_ns[waiters->thread])
			waiters->thread = (uint32_t)i;
	}
	free(waited_ns);
	return 0;
}

/* ---- one lock ---- */

static int put_waited(const struct report *report, const struct report_rows *rows,
		      const struct report_row *row, FILE *out)
{
	const struct model *model = report->model;
	uint64_t waits = report_waits(row->all);
	struct waiters waiters;
	char time[OUTPUT_NUMBER];
	int err = find_waiters(report, rows, row, &waiters);

	report_put_threads(report, out, waiters.nr ? waiters.thread : UINT32_MAX, waiters.nr);
	fprintf(out, " waited %s for %s (", report_time(time, row->all->wait_ns),
		rows->by == REPORT_BY_LOCK ? model->locks[row->index].label
					   : model->classes[row->index].label);
	if (row->nr_locks > 1)
		fprintf(out, "%u" REPORT_GLUE "locks, ", row->nr_locks);
	if (waits == 1)
		fputs("once)", out);
	else
		fprintf(out, "%llu" REPORT_GLUE "times, at worst %s)", (unsigned long long)waits,
			report_time(time, row->all->wait_max_ns));
	return err;
}

static void put_holder(const struct report *report, const struct report_row *row,
		       const struct report_group *group, bool is_first, FILE *out)
{
	bool is_sole = report_ratio(group->thread_ns, group->wait_ns) >= SOLE_HOLDER;
	uint64_t wait_ns = is_sole ? group->thread_ns : group->wait_ns;
	char part[OUTPUT_NUMBER];

	fprintf(out, "%s %s %swhile ", is_first ? "," : " and",
		report_percent(part, report_ratio(wait_ns, row->all->wait_ns)),
		is_first ? "of it " : "");
	report_put_threads(report, out, group->thread, is_sole ? 1 : group->nr_threads);
	fprintf(out, " held %s in %s", row->nr_locks > 1 ? "one" : "it", group->text);
}

static void put_blame(const struct report *report, const struct report_row *row,
		      const struct report_groups *groups, FILE *out)
{
	const struct report_group *group = groups->groups;
	double nobody = report_ratio(row->unattributed_ns, row->all->wait_ns);
	double folded = report_ratio(row->folded_wait_ns, row->all->wait_ns);
	bool has_holder = groups->nr > 0 && group[0].text;
	char part[OUTPUT_NUMBER];

	if (!has_holder && !row->folded_wait_ns) {
		fprintf(out, ". No other thread%s %s it meanwhile: this was %s",
			row->is_shared ? " of this process" : "",
			row->is_folded ? "is known to have held" : "held", report_nobody(row));
		return;
	}
	if (has_holder)
		put_holder(report, row, &group[0], true, out);
	if (groups->nr > 1 && group[1].text &&
	    report_ratio(group[1].wait_ns, row->all->wait_ns) >= SECOND_HOLDER)
		put_holder(report, row, &group[1], false, out);
	if (nobody >= 0.01)
		fprintf(out, "; %s %s %s", report_percent(part, nobody),
			nobody < 0.5 ? "was" : "of it was", report_nobody(row));
	if (folded >= 0.01)
		fprintf(out, "; for %s of it the holder is not known (statistics alone)",
			report_percent(part, folded));
}

static int tell_lock(const struct report *report, const struct report_rows *rows,
		     const struct report_row *row, const char *first, FILE *out)
{
	bool is_hot = report_ratio(row->all->wait_ns, report->model->thread_ns) > HOT_LOCK;
	struct report_groups groups = { 0 };
	struct report_part *parts = NULL;
	struct report_line line;
	size_t nr_parts;
	int err = report_line_begin(&line), print_err;

	if (err)
		return err;
	line.has_subject = true;
	line.by = rows->by;
	line.subject = row->index;
	err = put_waited(report, rows, row, line.out);
	if (!err && report->model->has_events) {
		err = report_blame_parts(report, rows, row, &parts, &nr_parts);
		if (!err)
			err = report_group(report, parts, nr_parts, REPORT_FUNCTION, &groups);
		if (!err)
			put_blame(report, row, &groups, line.out);
	}
	fputc('.', line.out);
	report_groups_fini(&groups);
	free(parts);
	print_err = report_paragraph(report, out, first, is_hot ? OUTPUT_RED : OUTPUT_BOLD, &line);
	return err ? err : print_err;
}

/* ---- all of them ---- */

static void put_counts(const struct report_totals *totals, FILE *out)
{
	fprintf(out, "%llu acquisition%s of %zu lock%s", (unsigned long long)totals->acquired,
		report_plural(totals->acquired), totals->nr_locks, report_plural(totals->nr_locks));
}

static void put_waiting(const struct model *model, const struct report_totals *totals, FILE *out)
{
	double share = report_ratio(totals->wait_ns, model->thread_ns);
	char time[OUTPUT_NUMBER], all[OUTPUT_NUMBER], percent[OUTPUT_NUMBER];

	report_time(time, totals->wait_ns);
	report_percent(percent, share);
	if (share < LITTLE_WAITING) {
		fprintf(out, "Little waiting: %s in all, %s of the threads' time, in ", time,
			percent);
		put_counts(totals, out);
		fprintf(out, " (%llu contended).", (unsigned long long)totals->contended);
		return;
	}
	fprintf(out, "Waiting for locks took %s, %s of the threads' %s. There were ", time, percent,
		report_time(all, model->thread_ns));
	put_counts(totals, out);
	fprintf(out, ", %s of them contended.",
		report_percent(percent, report_ratio(totals->contended, totals->acquired)));
}

static bool has_other_waits(const struct model *model)
{
	return model->all.acquired || model->nr_conds || model->nr_barriers || model->nr_futexes ||
	       model->nr_joins;
}

static void put_summary(const struct model *model, bool hangs, FILE *out)
{
	struct report_totals totals = report_totals(model);

	if (totals.wait_ns) {
		put_waiting(model, &totals, out);
	} else if (totals.acquired) {
		fprintf(out, "No %sthread had to wait for a lock: ", hangs ? "other " : "");
		put_counts(&totals, out);
		fputc('.', out);
	} else if (!hangs) {
		fputs("No use of a lock was recorded", out);
		fputs(has_other_waits(model)
			      ? "; threads waited for other things."
			      : ". A preloaded library cannot see the locks of static programs, of Go, nor "
				"those that a program makes itself.",
		      out);
	}
}

static int tell_locks(const struct report *report, FILE *out)
{
	const struct model *model = report->model;
	uint64_t wait_ns = report_totals(model).wait_ns;
	bool little = report_ratio(wait_ns, model->thread_ns) < LITTLE_WAITING;
	struct report by_wait = *report;
	struct report_rows rows;
	int err;

	by_wait.key = REPORT_WAIT_TOTAL;
	err = report_rows_init(&rows, &by_wait,
			       report->by == REPORT_BY_LOCK ? REPORT_BY_LOCK : REPORT_BY_CLASS);
	for (size_t i = 0; !err && i < rows.nr && i < (little ? 1 : TOLD_LOCKS); i++) {
		char first[8];

		if (report_ratio(rows.rows[i].all->wait_ns, wait_ns) < SMALL_LOCK)
			break;
		snprintf(first, sizeof(first), " %zu. ", i + 1);
		err = tell_lock(&by_wait, &rows, &rows.rows[i], first, out);
	}
	report_rows_fini(&rows);
	return err;
}

static int tell_why_no_blame(const struct report *report, FILE *out)
{
	struct report_line line;

	if (report->model->has_events || !report_totals(report->model).wait_ns)
		return 0;
	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fputs("Who held the locks meanwhile is not known: statistics alone were recorded (mode "
	      "profile). A recording in mode trace tells.",
	      line.out);
	return report_paragraph(report, out, "", OUTPUT_PLAIN, &line);
}

int report_story(const struct report *report, FILE *out)
{
	struct report_line line;
	size_t nr_hangs;
	int err = report_hangs(report, out, &nr_hangs);

	if (!err)
		err = report_line_begin(&line);
	if (err)
		return err;
	put_summary(report->model, nr_hangs > 0, line.out);
	err = report_paragraph(report, out, "", OUTPUT_PLAIN, &line);
	if (!err)
		err = report_phase_story(report, out);
	if (!err)
		err = tell_locks(report, out);
	return err ? err : tell_why_no_blame(report, out);
}
