/* SPDX-License-Identifier: MIT */
/*
 * Waits that had begun and not ended when the recording did: a program that hangs is asked about
 * before anything else, and a deadlock is exactly this.
 *
 * In a program that was killed while it was busy many waits are just under way; those are left out
 * (is_worth_telling()).
 */
#include "hangs.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>

#define LONG_WAIT_NS 10000000 /* unfinished waits shorter than this are everyday */
#define TOLD_HANGS   5

/* Of a killed program the last thing seen can be the wait's own beginning. */
static bool is_worth_telling(const struct model *model, const struct hang *hang)
{
	struct hang_holder holder = { 0 };

	if (hang->lock == UINT32_MAX || !report_lock_contends(&model->locks[hang->lock]))
		return false;
	return hang->wait_ns >= LONG_WAIT_NS || (hang_next_holder(model, hang, &holder) &&
						 (holder.slot->wait_node || holder.slot->wait_thread));
}

static void put_thread(const struct report *report, uint32_t thread, FILE *out)
{
	if (thread < report->model->nr_threads)
		report_put_thread(report, out, &report->model->threads[thread]);
	else
		fputs("an unknown thread", out);
}

/* Of an owner that took the lock before the recording only the kernel's number is known. */
static void put_owner(const struct report *report, const struct hang *hang, FILE *out)
{
	const struct model *model = report->model;

	for (size_t i = 0; hang->slot->wait_owner && i < model->nr_threads; i++) {
		const struct thread *thread = &model->threads[i];

		if (thread->process != hang->process ||
		    thread->record->tid != hang->slot->wait_owner)
			continue;
		fputs(", held by ", out);
		report_put_thread(report, out, thread);
		return;
	}
}

static int put_holder(const struct report *report, const struct hang *hang,
		      const struct hang_holder *holder, FILE *out)
{
	const struct process *process = hang->process;
	struct report_part part = { .process = process };
	char *place;

	report_node_place(process, holder->held->node,
			  reader_code_address(process->reader, holder->held->site), &part);
	place = report_place_text(report, &part, REPORT_FUNCTION);
	if (!place)
		return -ENOMEM;
	fputs(", held by ", out);
	if (holder->slot == hang->slot)
		fputs("itself", out);
	else
		put_thread(report, hangs_thread(report->model, process, holder->slot->thread), out);
	fprintf(out, " in %s", place);
	free(place);
	return 0;
}

static int put_hang(const struct report *report, const struct hang *hang, FILE *out)
{
	struct hang_holder holder = { 0 };
	char time[OUTPUT_NUMBER];
	int err = 0;

	put_thread(report, hang->thread, out);
	fprintf(out, " still waits for %s", report->model->locks[hang->lock].label);
	if (hang->wait_ns)
		fprintf(out, " after %s", report_time(time, hang->wait_ns));
	if (hang_next_holder(report->model, hang, &holder))
		err = put_holder(report, hang, &holder, out);
	else
		put_owner(report, hang, out);
	fputc('.', out);
	return err;
}

static int tell_hang(const struct report *report, const struct hang *hang, FILE *out)
{
	struct report_line line;
	int err = report_line_begin(&line);

	if (err)
		return err;
	err = put_hang(report, hang, line.out);
	return report_paragraph(report, out, " !  ", OUTPUT_RED, &line) < 0 ? -ENOMEM : err;
}

static int print_hint(const struct report *report, FILE *out)
{
	const struct process *process = report->model->processes;
	struct report_line line;

	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fprintf(line.out, "\"lockprof order %s\" says whether this is a deadlock.",
		process->reader ? reader_path(process->reader) : "TRACE");
	return report_paragraph(report, out, "    ", OUTPUT_PLAIN, &line);
}

int report_hangs(const struct report *report, FILE *out, size_t *nr)
{
	struct hang *hangs;
	size_t nr_hangs;
	int err = hangs_find(report->model, &hangs, &nr_hangs);

	*nr = 0;
	for (size_t i = 0; !err && i < nr_hangs; i++)
		if (is_worth_telling(report->model, &hangs[i]) && ++*nr <= TOLD_HANGS)
			err = tell_hang(report, &hangs[i], out);
	if (*nr > TOLD_HANGS)
		fprintf(out, " !  ... and %zu more.\n", *nr - TOLD_HANGS);
	if (*nr && !err && !report->tell) /* who is told of every line has the deadlocks, too */
		err = print_hint(report, out);
	free(hangs);
	return err;
}
