/* SPDX-License-Identifier: MIT */
/*
 * Waits that had begun and not ended when the recording did: a program that hangs is asked about
 * before anything else, and a deadlock is exactly this.
 *
 * They are not events but the state that each thread keeps in its slot, so they are there even
 * after SIGKILL. In a program that was killed while it was busy many waits are just under way;
 * those are left out (is_worth_telling()).
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>

#define LONG_WAIT_NS 10000000 /* unfinished waits shorter than this are everyday */
#define TOLD_HANGS   5

/* A wait that the recording saw begin and not end. */
struct hang {
	const struct process *process;
	const struct trace_slot *waiter, *holder; /* holder NULL: not known */
	const struct trace_held *held;		  /* holder's hold */
	const struct lock *lock;
	uint64_t wait_ns;
};

static const struct lock *find_lock(const struct model *model, const struct process *process,
				    uint32_t node)
{
	const struct trace_node *record = reader_node(process->reader, node);

	for (size_t i = 0; record && i < model->nr_locks; i++)
		if (model->locks[i].process == process && model->locks[i].id == record->lock)
			return &model->locks[i];
	return NULL;
}

static void find_holder(struct hang *hang)
{
	struct reader *reader = hang->process->reader;

	for (size_t i = 0; i < reader_nr_slots(reader); i++) {
		const struct trace_slot *slot = reader_slot(reader, i);

		for (size_t k = 0; k < TRACE_HELD_MAX && slot->held[k].lock; k++) {
			if (slot->held[k].lock != hang->lock->record->address)
				continue;
			hang->holder = slot;
			hang->held = &slot->held[k];
			return;
		}
	}
}

/* Of a killed program the last thing seen can be the wait's own beginning. */
static bool is_worth_telling(const struct hang *hang)
{
	return hang->wait_ns >= LONG_WAIT_NS || (hang->holder && hang->holder->wait_node);
}

static bool get_hang(const struct report *report, const struct process *process,
		     const struct trace_slot *slot, struct hang *hang)
{
	uint64_t end = reader_end_ticks(process->reader);

	*hang = (struct hang){ .process = process, .waiter = slot };
	if (!slot->wait_node || !slot->thread)
		return false;
	hang->lock = find_lock(report->model, process, slot->wait_node);
	if (!hang->lock || !report_lock_contends(hang->lock))
		return false;
	if (end > slot->wait_since)
		hang->wait_ns = reader_time_ns(process->reader, end) -
				reader_time_ns(process->reader, slot->wait_since);
	find_holder(hang);
	return is_worth_telling(hang);
}

static void put_thread(const struct report *report, const struct process *process, uint32_t id,
		       FILE *out)
{
	const struct model *model = report->model;

	for (size_t i = 0; i < model->nr_threads; i++) {
		if (model->threads[i].process != process || model->threads[i].id != id)
			continue;
		report_put_thread(report, out, &model->threads[i]);
		return;
	}
	fputs("an unknown thread", out);
}

/* Of an owner that took the lock before the recording only the kernel's number is known. */
static void put_owner(const struct report *report, const struct hang *hang, FILE *out)
{
	const struct model *model = report->model;

	for (size_t i = 0; hang->waiter->wait_owner && i < model->nr_threads; i++) {
		const struct thread *thread = &model->threads[i];

		if (thread->process != hang->process ||
		    thread->record->tid != hang->waiter->wait_owner)
			continue;
		fputs(", held by ", out);
		report_put_thread(report, out, thread);
		return;
	}
}

static int put_holder(const struct report *report, const struct hang *hang, FILE *out)
{
	const struct process *process = hang->process;
	struct report_part part = { .process = process };
	char *place;

	report_node_place(process, hang->held->node,
			  reader_code_address(process->reader, hang->held->site), &part);
	place = report_place_text(report, &part, REPORT_FUNCTION);
	if (!place)
		return -ENOMEM;
	fputs(", held by ", out);
	if (hang->holder == hang->waiter)
		fputs("itself", out);
	else
		put_thread(report, process, hang->holder->thread, out);
	fprintf(out, " in %s", place);
	free(place);
	return 0;
}

static int put_hang(const struct report *report, const struct hang *hang, FILE *out)
{
	char time[OUTPUT_NUMBER];
	int err = 0;

	put_thread(report, hang->process, hang->waiter->thread, out);
	fprintf(out, " still waits for %s", hang->lock->label);
	if (hang->wait_ns)
		fprintf(out, " after %s", report_time(time, hang->wait_ns));
	if (hang->holder)
		err = put_holder(report, hang, out);
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

int report_hangs(const struct report *report, FILE *out, size_t *nr)
{
	const struct model *model = report->model;
	int err = 0;

	*nr = 0;
	for (size_t i = 0; i < model->nr_processes; i++) {
		const struct process *process = &model->processes[i];
		size_t nr_slots = process->reader ? reader_nr_slots(process->reader) : 0;

		for (size_t k = 0; !err && k < nr_slots; k++) {
			struct hang hang;

			if (!get_hang(report, process, reader_slot(process->reader, k), &hang))
				continue;
			if (++*nr <= TOLD_HANGS)
				err = tell_hang(report, &hang, out);
		}
	}
	if (*nr > TOLD_HANGS)
		fprintf(out, " !  ... and %zu more.\n", *nr - TOLD_HANGS);
	return err;
}
