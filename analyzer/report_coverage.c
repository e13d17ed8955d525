/* SPDX-License-Identifier: MIT */
/*
 * How far the report can be trusted: what was seen, what is known to be missing, what of the file
 * is damaged, and why some places have no names. Every report ends with this.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DAMAGES_MAX 10
#define BARE_MAX    8 /* modules without debug information that are named */

static int print_note(const struct report *report, FILE *out, struct report_line *line)
{
	return report_paragraph(report, out, "  - ", OUTPUT_PLAIN, line);
}

static int print_seen(const struct report *report, FILE *out)
{
	const struct model *model = report->model;
	uint64_t acquired = report_totals(model).acquired;
	struct report_line line;

	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fprintf(line.out, "Coverage: %llu" REPORT_GLUE "acquisition%s, %zu" REPORT_GLUE "thread%s",
		(unsigned long long)acquired, report_plural(acquired), model->nr_threads,
		report_plural(model->nr_threads));
	if (model->nr_processes > 1)
		fprintf(line.out, ", %zu" REPORT_GLUE "processes", model->nr_processes);
	fputs(model->has_events ? "" : "; statistics, no single events", line.out);
	fputs(report_has_losses(model)	  ? "; something was lost:"
	      : report_has_damages(model) ? "; part of the file could not be read:"
					  : "; nothing was lost.",
	      line.out);
	return report_paragraph(report, out, "", OUTPUT_PLAIN, &line);
}

static int print_losses(const struct report *report, FILE *out)
{
	int err = 0;

	for (size_t i = 0; !err && i < TRACE_LOSS_MAX; i++) {
		struct report_line line;

		if (!report->model->losses[i])
			continue;
		if (report_line_begin(&line) < 0)
			return -ENOMEM;
		fprintf(line.out, "%llu %s", (unsigned long long)report->model->losses[i],
			report_loss_words(i));
		err = print_note(report, out, &line);
	}
	return err;
}

static int print_skews(const struct report *report, FILE *out)
{
	uint64_t skews = report->model->clock_skews;
	struct report_line line;

	if (!skews)
		return 0;
	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fprintf(line.out,
		"%llu time%s two threads seem to have held one lock at once: the processors' clocks "
		"differ, or a lock was copied or used after its end",
		(unsigned long long)skews, report_plural(skews));
	return print_note(report, out, &line);
}

static const struct {
	uint32_t event;
	const char *words;
} events[] = {
	{ TRACE_EVENT_SIZE_CAP, "reached its size limit: from there on statistics only, so part of "
				"the waiting could not be charged to a holder" },
	{ TRACE_EVENT_NO_SPACE, "met a full disk" },
	{ TRACE_EVENT_NO_FILE, "lost its file (closed, removed, or behind a seccomp filter)" },
};

static int print_events(const struct report *report, const struct process *process, FILE *out)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(events) / sizeof(events[0]); i++) {
		struct report_line line;

		if (!(report_header(process)->events & events[i].event))
			continue;
		if (report_line_begin(&line) < 0)
			return -ENOMEM;
		fprintf(line.out, "the recording of %s %s", report_base_name(process->exe),
			events[i].words);
		err = print_note(report, out, &line);
	}
	return err;
}

static int print_damages(const struct report *report, const struct process *process, FILE *out)
{
	size_t nr = reader_nr_damages(process->reader);
	int err = 0;

	for (size_t i = 0; !err && i < nr && i < DAMAGES_MAX; i++) {
		const struct reader_damage *damage = reader_damage(process->reader, i);
		struct report_line line;

		if (report_line_begin(&line) < 0)
			return -ENOMEM;
		fprintf(line.out, "%s is damaged at offset %llu: %s", reader_path(process->reader),
			(unsigned long long)damage->offset, damage->text);
		err = print_note(report, out, &line);
	}
	if (nr > DAMAGES_MAX)
		fprintf(out, "  - ... and %zu more places of damage\n", nr - DAMAGES_MAX);
	return err;
}

/* Threads that took the slot of one that had ended. */
static size_t count_heirs(const struct model *model, const struct process *process, bool *slots)
{
	size_t nr = 0;

	for (size_t i = 0; i < model->nr_threads; i++) {
		const struct thread *thread = &model->threads[i];

		if (thread->process != process || thread->record->slot > UINT16_MAX)
			continue;
		nr += slots[thread->record->slot];
		slots[thread->record->slot] = true;
	}
	return nr;
}

/* Folded events do not say which of a slot's threads they were of. */
static int print_heirs(const struct report *report, const struct process *process, FILE *out)
{
	struct report_line line;
	bool *slots;
	size_t nr;

	if (!reader_has_folded(process->reader))
		return 0;
	slots = calloc(UINT16_MAX + 1, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	nr = count_heirs(report->model, process, slots);
	free(slots);
	if (!nr)
		return 0;
	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fprintf(line.out,
		"%zu thread%s of %s began in the place of one that had ended: statistics count such "
		"threads as one, under any of their names",
		nr, report_plural(nr), report_base_name(process->exe));
	return print_note(report, out, &line);
}

static int print_module_notes(const struct report *report, const struct process *process, FILE *out)
{
	uint32_t max = reader_max_module(process->reader);
	int err = 0;

	for (uint32_t id = 1; !err && process->symbols && id <= max; id++) {
		const struct trace_module *module = reader_module(process->reader, id);
		const char *note = module ? symbols_module_note(process->symbols, id) : NULL;
		struct report_line line;

		if (!note)
			continue;
		if (report_line_begin(&line) < 0)
			return -ENOMEM;
		fprintf(line.out, "%s: %s", report_base_name(module->path), note);
		err = print_note(report, out, &line);
	}
	return err;
}

/* Modules in which the report's places have no lines; libc and the loader never have any. */
struct bare_modules {
	const char *names[BARE_MAX];
	size_t nr;
};

static bool is_system(const char *path)
{
	const char *name = report_base_name(path);

	return path[0] != '/' || strncmp(name, "libc.so", 7) == 0 || strncmp(name, "ld-", 3) == 0 ||
	       strncmp(name, "libpthread", 10) == 0 || strncmp(name, "liblockprof", 11) == 0;
}

static void add_bare(struct bare_modules *bare, const struct frame *frame)
{
	if (frame->line > 0 || !frame->module || is_system(frame->module))
		return;
	for (size_t i = 0; i < bare->nr; i++)
		if (strcmp(bare->names[i], frame->module) == 0)
			return;
	if (bare->nr < BARE_MAX)
		bare->names[bare->nr++] = frame->module;
}

/* By the places that were waited at: the others are seldom shown. */
static void find_bare(const struct report *report, struct bare_modules *bare)
{
	const struct model *model = report->model;

	for (size_t i = 0; i < model->nr_wait_stacks && i < 1000; i++) {
		const struct wait_stack *wait = &model->wait_stacks[i];
		struct report_part part = { 0 };
		struct frame frame;

		report_node_place(model->locks[wait->lock].process, wait->node, wait->site, &part);
		if (report->frames(part.process, wait->stack ? wait->stack : part.stack, part.site,
				   false, &frame, 1) > 0)
			add_bare(bare, &frame);
	}
}

static int print_bare(const struct report *report, FILE *out)
{
	struct bare_modules bare = { .nr = 0 };
	struct report_line line;

	find_bare(report, &bare);
	if (bare.nr == 0)
		return 0;
	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fputs("no line numbers for ", line.out);
	for (size_t i = 0; i < bare.nr; i++)
		fprintf(line.out, "%s%s", i ? ", " : "", report_base_name(bare.names[i]));
	fputs(": install the -dbgsym package or compile with -g", line.out);
	return print_note(report, out, &line);
}

int report_coverage(const struct report *report, FILE *out)
{
	const struct model *model = report->model;
	int err;

	fputc('\n', out);
	err = print_seen(report, out);
	if (!err)
		err = print_losses(report, out);
	if (!err)
		err = report_off(report, out);
	if (!err)
		err = print_skews(report, out);
	for (size_t i = 0; !err && i < model->nr_processes; i++) {
		err = print_events(report, &model->processes[i], out);
		if (!err && model->processes[i].reader)
			err = print_damages(report, &model->processes[i], out);
		if (!err && model->processes[i].reader)
			err = print_heirs(report, &model->processes[i], out);
		if (!err && model->processes[i].reader)
			err = print_module_notes(report, &model->processes[i], out);
	}
	return err ? err : print_bare(report, out);
}
