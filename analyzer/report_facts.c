/* SPDX-License-Identifier: MIT */
/*
 * What the header of a trace says, in words: how the process ended, and what could not be recorded.
 */
#include "report.h"
#include "words.h"

#include <inttypes.h>
#include <string.h>

/* A process without a trace exists only in unit tests. */
const struct trace_header *report_header(const struct process *process)
{
	static const struct trace_header none;

	return process->reader ? reader_header(process->reader) : &none;
}

const char *report_end(const struct process *process, char buf[OUTPUT_NUMBER])
{
	bool live = process->reader && reader_is_live(process->reader);

	return words_end(report_header(process), live, buf);
}

const char *report_mode(const struct process *process)
{
	const struct trace_header *header = report_header(process);

	if (header->mode_at_start == TRACE_MODE_PROFILE)
		return "profile";
	return header->mode == TRACE_MODE_PROFILE ? "mixed" : "trace";
}

const char *report_run_mode(const struct model *model)
{
	const char *mode = model->nr_processes ? report_mode(&model->processes[0]) : NULL;

	for (size_t i = 1; i < model->nr_processes; i++)
		if (strcmp(mode, report_mode(&model->processes[i])) != 0)
			return "mixed";
	return mode;
}

static const struct {
	const char *key, *words;
} losses[TRACE_LOSS_MAX] = {
	[TRACE_LOSS_NESTED] = { "nested", "calls made inside signal handlers, or by the allocator, "
					  "while recording were not recorded" },
	[TRACE_LOSS_DEPTH] = { "depth", "holds were not timed: too many locks were held at once" },
	[TRACE_LOSS_NODES] = { "nodes", "acquisitions were counted without their place: there were "
					"too many different ones" },
	[TRACE_LOSS_THREADS] = { "threads",
				 "threads were not recorded: there was no room for them" },
	[TRACE_LOSS_EVENTS] = { "events", "events were dropped: no room, or the disk was full" },
	[TRACE_LOSS_STACKS] = { "stacks",
				"stacks were not taken: the thread's own stack was tiny or "
				"unknown" },
	[TRACE_LOSS_LATE] = { "late",
			      "calls came after the end of their thread or of the process" },
	[TRACE_LOSS_RECORDS] = { "records", "names of threads, locks or stacks found no room" },
};

const char *report_loss_key(size_t loss)
{
	return losses[loss].key;
}

const char *report_loss_words(size_t loss)
{
	return losses[loss].words ? losses[loss].words : "things of an unknown kind were lost";
}

void report_print_losses(const struct trace_header *header)
{
	const char *name = "lost";

	for (size_t i = 0; i < TRACE_LOSS_MAX; i++) {
		if (!header->losses[i])
			continue;
		output_fact(name, "%" PRIu64 " %s", header->losses[i], report_loss_words(i));
		name = "";
	}
	if (*name)
		output_fact(name, "nothing");
}

bool report_has_losses(const struct model *model)
{
	for (size_t i = 0; i < TRACE_LOSS_MAX; i++)
		if (model->losses[i])
			return true;
	return false;
}

bool report_has_damages(const struct model *model)
{
	for (size_t i = 0; i < model->nr_processes; i++)
		if (model->processes[i].reader && reader_nr_damages(model->processes[i].reader))
			return true;
	return false;
}
