/* SPDX-License-Identifier: MIT */
/*
 * confirm_tell.c: what people read after the runs
 *
 * Of a standstill: each thread with what it holds and waits for, from the trace that the stopped
 * process left. Without one: how far each member came, since that says what to try next: a place
 * that was never reached needs another command or input, one whose partner never came a longer
 * delay, and threads that stood before the last step and still got by are kept apart by something.
 */
#include "confirm.h"
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- the standstill ----------------------------------------------------------------------- */

struct story {
	struct report report;
	const struct process *process;
	FILE *out;
};

static const char *lock_label(const struct story *story, uint32_t node)
{
	const struct trace_node *record = reader_node(story->process->reader, node);
	const struct model *model = story->report.model;

	for (size_t i = 0; record && i < model->nr_locks; i++)
		if (model->locks[i].id == record->lock)
			return model->locks[i].label;
	return "an unknown lock";
}

static void put_thread(const struct story *story, uint32_t id, FILE *out)
{
	const struct model *model = story->report.model;

	for (size_t i = 0; i < model->nr_threads; i++) {
		if (model->threads[i].id != id)
			continue;
		report_put_thread(&story->report, out, &model->threads[i]);
		return;
	}
	fputs("an unknown thread", out);
}

static int put_place(const struct story *story, const struct report_part *part, FILE *out)
{
	char *place = report_place_text(&story->report, part, REPORT_STACK);

	if (!place)
		return -ENOMEM;
	fprintf(out, " in %s", place);
	free(place);
	return 0;
}

static int tell_held(const struct story *story, const struct trace_held *held, FILE *out)
{
	const struct reader *reader = story->process->reader;
	struct report_part part = { 0 };

	report_node_place(story->process, held->node, reader_code_address(reader, held->site),
			  &part);
	fprintf(out, " holds %s, taken", lock_label(story, held->node));
	return put_place(story, &part, out);
}

static int tell_wait(const struct story *story, const struct trace_slot *slot, FILE *out)
{
	const struct reader *reader = story->process->reader;
	const struct trace_node *node = reader_node(reader, slot->wait_node);
	struct report_part part = { .process = story->process };

	if (node)
		report_node_place(story->process, slot->wait_node, node->site, &part);
	if (slot->wait_stack)
		part.stack = slot->wait_stack;
	fputs(" waits for ", out);
	if (node)
		fputs(lock_label(story, slot->wait_node), out);
	else
		put_thread(story, slot->wait_thread, out);
	fprintf(out, "%s%s", node ? "" : " to end",
		slot->wait_flags & TRACE_WAIT_BOUNDED ? ", up to a deadline," : "");
	return put_place(story, &part, out);
}

static int tell_thread(const struct story *story, const struct standing *standing, bool waits)
{
	struct report_line line;
	int err = report_line_begin(&line);

	if (err)
		return err;
	put_thread(story, standing->slot->thread, line.out);
	err = waits ? tell_wait(story, standing->slot, line.out)
		    : tell_held(story, standing->held, line.out);
	fputc('.', line.out);
	return report_paragraph(&story->report, story->out, "  ", OUTPUT_PLAIN, &line) < 0 ? -ENOMEM
											   : err;
}

static int tell_circle(const struct story *story, const struct standing *circle, int nr)
{
	int err = 0;

	for (int i = 0; !err && i < nr; i++) {
		fputc('\n', story->out);
		if (circle[i].held)
			err = tell_thread(story, &circle[i], false);
		if (!err)
			err = tell_thread(story, &circle[i], true);
	}
	return err;
}

static int read_trace(struct model *model, const char *path)
{
	char error[CONFIRM_MESSAGE];
	struct reader *reader;
	int err = reader_open(&reader, path, error, sizeof(error));

	if (err) {
		output_error("%s", error);
		return err;
	}
	err = model_add(model, reader, NULL);
	return err ? err : model_finish(model);
}

int confirm_tell_standing(const struct confirm *confirm, const struct confirm_result *result,
			  FILE *out)
{
	struct model *model = model_new();
	struct standing circle[PLAN_MEMBERS];
	struct story story = { .out = out };
	bool is_plans;
	int nr, err = model ? read_trace(model, result->trace) : -ENOMEM;

	if (err)
		goto out;
	story.report =
		(struct report){ .model = model, .width = output_width(), .frames = model_frames };
	story.process = &model->processes[0];
	nr = standing_find(story.process->reader, confirm->plan, circle, &is_plans);
	err = nr < 0 ? nr : tell_circle(&story, circle, nr);
out:
	if (err)
		output_error("%s: %s", result->trace, strerror(-err));
	model_free(model);
	return err;
}

/* --- the members -------------------------------------------------------------------------- */

static void put_code(struct symbols *symbols, uint64_t code, FILE *out)
{
	const struct frame *frames;
	char text[256];

	symbols_code(symbols, TRACE_PC_MODULE(code), TRACE_PC_OFFSET(code), true, &frames);
	output_escape(text, sizeof(text),
		      frames->function ? frames->function : report_base_name(frames->module));
	fputs(text, out);
	if (!frames->function)
		fprintf(out, "+0x%" PRIx64, frames->offset);
	if (!frames->file || frames->line <= 0)
		return;
	output_escape(text, sizeof(text), report_base_name(frames->file));
	fprintf(out, " (%s:%d)", text, frames->line);
}

static void put_places(struct symbols *symbols, const struct plan_member *member, FILE *out)
{
	put_code(symbols, member->wanted, out);
	if (member->held == PLAN_HELD_THREAD || member->held == PLAN_HELD_NOTHING)
		return;
	fputs(", holding the lock of ", out);
	put_code(symbols, member->held, out);
}

/* What the numbers mean, for the first of them that is too small. */
static const char *advice(const struct plan_member *member)
{
	if (!member->reached)
		return "never reached: does this command do the same as the recorded one?";
	if (!member->with_held)
		return "reached, but never while holding that lock";
	if (!member->met && member->delayed)
		return "waited in vain for the others: try a longer --delay; or something unseen "
		       "orders\n     them, as an atomic variable or a message";
	if (!member->met)
		return "the others were never there at the same time";
	return "stood before the last step with the others, and all got by: something keeps "
	       "them apart";
}

static void tell_member(struct symbols *symbols, const struct plan_member *member, uint32_t nr,
			FILE *out)
{
	char time[OUTPUT_NUMBER], reached[OUTPUT_NUMBER], held[OUTPUT_NUMBER];
	char delayed[OUTPUT_NUMBER], met[OUTPUT_NUMBER];

	fprintf(out, "  %u. ", nr);
	put_places(symbols, member, out);
	fprintf(out, "\n     reached %s x, with the lock %s x, delayed %s x (%s), met %s x\n",
		output_count(reached, member->reached), output_count(held, member->with_held),
		output_count(delayed, member->delayed), output_time(time, member->delayed_ns),
		output_count(met, member->met));
	fprintf(out, "     %s\n", advice(member));
}

int confirm_tell_members(const struct plan *plan, FILE *out)
{
	struct symbols *symbols = symbols_new(NULL);
	int err = symbols ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < plan->nr_modules; i++)
		err = symbols_add_module(symbols, i + 1, plan->modules[i].path,
					 plan->modules[i].build_id,
					 plan->modules[i].build_id_bytes);
	for (uint32_t i = 0; !err && i < plan->nr_members; i++)
		tell_member(symbols, &plan->members[i], i + 1, out);
	symbols_free(symbols);
	return err;
}
