/* SPDX-License-Identifier: MIT */
/*
 * order_text.c: findings for people
 *
 * Each begins with a sentence that says who waits for whom. Then the schedule, as steps that can
 * be followed in the source; what happened instead in this run; what the schedule assumes; what to
 * change; and the stacks. Everything that comes out of a trace is escaped by report_paragraph().
 */
#include "order_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_BEHIND 5

static enum output_face level_face(enum order_level level)
{
	return level <= ORDER_PREDICTED	     ? OUTPUT_RED
	       : level < ORDER_BOUNDED_STALL ? OUTPUT_YELLOW
					     : OUTPUT_BOLD;
}

/* ---- who holds what ---- */

/* Its waits are those of the moment at which the recording ended. */
static bool happened(const struct order_finding *finding)
{
	return finding->level == ORDER_OCCURRED || finding->level == ORDER_LOST_WAKEUP ||
	       finding->level == ORDER_FORK_WITH_LOCK;
}

static void put_age(const struct order_view *view, uint32_t process, uint64_t ticks, FILE *out)
{
	const struct reader *reader = view->order->model->processes[process].reader;
	uint64_t since_ns = ticks && reader ? reader_time_ns(reader, ticks) : UINT64_MAX;
	char time[OUTPUT_NUMBER];

	if (reader && reader_now_ns(reader) > since_ns)
		fprintf(out, " for %s", report_time(time, reader_now_ns(reader) - since_ns));
}

static int put_spot(const struct order_view *view, uint32_t process, struct order_spot spot,
		    enum report_place_style style, FILE *out)
{
	char *place;

	if (!spot.node && !spot.stack)
		return 0;
	place = order_place(view, process, spot.node, spot.stack, style);
	if (!place)
		return -ENOMEM;
	fprintf(out, style == REPORT_FUNCTION ? " in %s" : "%s", place);
	free(place);
	return 0;
}

static void put_mode(uint32_t mode, FILE *out)
{
	if (mode & TRACE_SHARED)
		fputs(" as a reader", out);
	if ((mode & TRACE_HOW_MASK) == TRACE_HOW_TIMED)
		fputs(" with a deadline", out);
}

static const char *ordinal(uint64_t number)
{
	if (number / 10 % 10 == 1)
		return "th";
	return number % 10 == 1 ? "st" : number % 10 == 2 ? "nd" : number % 10 == 3 ? "rd" : "th";
}

static int put_has(const struct order_view *view, const struct order_finding *finding,
		   const struct order_member *member, FILE *out)
{
	bool now = happened(finding);

	order_put_thread(view, out, member->thread);
	if (member->held.what != ORDER_LOCK) {
		fputs(member->held.what == ORDER_THREAD ? " lives" : " is the one to give ", out);
		if (member->held.what != ORDER_THREAD)
			order_put_thing(view, out, member->held);
	} else {
		fputs(!now ? " locks " : member->wanted.what ? " holds " : " held ", out);
		order_put_thing(view, out, member->held);
		put_mode(member->held_mode, out);
	}
	if (now && member->wanted.what)
		put_age(view, finding->process, member->held_ticks, out);
	if (member->number > 1)
		fprintf(out, ", for the %" PRIu64 "%s" REPORT_GLUE "time", member->number,
			ordinal(member->number));
	return put_spot(view, finding->process, order_held_spot(member), REPORT_FUNCTION, out);
}

/* Who has what the member wants: the next one in the circle. */
static const struct order_member *holder_of(const struct order_finding *finding, size_t member)
{
	return &finding->members[(member + 1) % finding->nr_members];
}

static int put_wants(const struct order_view *view, const struct order_finding *finding,
		     const struct order_member *member, const struct order_member *holder,
		     FILE *out)
{
	bool now = happened(finding);
	int err;

	order_put_thread(view, out, member->thread);
	fputs(now				  ? " waits for "
	      : member->wanted.what == ORDER_LOCK ? " wants "
						  : " waits for ",
	      out);
	order_put_thing(view, out, member->wanted);
	put_mode(member->wanted_mode, out);
	if (now)
		put_age(view, finding->process, member->wanted_ticks, out);
	err = put_spot(view, finding->process, order_wanted_spot(member), REPORT_FUNCTION, out);
	if (holder && holder->held.what == ORDER_LOCK && holder != member &&
	    order_same_thing(holder->held, member->wanted)) {
		fputs(", which ", out);
		order_put_thread(view, out, holder->thread);
		fprintf(out, " %s", holder->wanted.what ? "has" : order_left_words(view, finding));
	}
	return err;
}

/* ---- steps ---- */

struct steps {
	const struct order_view *view;
	const struct order_finding *finding;
	FILE *out;
	unsigned int nr;
};

static int end_step(struct steps *steps, struct report_line *line, int err)
{
	char first[16];
	int print_err;

	snprintf(first, sizeof(first), "  %2u. ", ++steps->nr);
	print_err = report_paragraph(&steps->view->report, steps->out, first, OUTPUT_PLAIN, line);
	return err ? err : print_err;
}

static int step_has(struct steps *steps, const struct order_member *member)
{
	struct report_line line;
	int err;

	if (!member->held.what || member->held.what == ORDER_THREAD)
		return 0;
	err = report_line_begin(&line);
	if (err)
		return err;
	err = put_has(steps->view, steps->finding, member, line.out);
	return end_step(steps, &line, err);
}

static int step_wants(struct steps *steps, size_t number)
{
	const struct order_finding *finding = steps->finding;
	const struct order_member *member = &finding->members[number];
	struct report_line line;
	int err;

	if (!member->wanted.what)
		return 0;
	err = report_line_begin(&line);
	if (err)
		return err;
	err = put_wants(steps->view, finding, member,
			finding->nr_members > 1 ? holder_of(finding, number) : NULL, line.out);
	return end_step(steps, &line, err);
}

static int print_steps(const struct order_view *view, const struct order_finding *finding,
		       FILE *out)
{
	struct steps steps = { .view = view, .finding = finding, .out = out };
	int err = 0;

	for (size_t i = 0; !err && i < finding->nr_members; i++)
		err = step_has(&steps, &finding->members[i]);
	for (size_t i = 0; !err && i < finding->nr_members; i++)
		err = step_wants(&steps, i);
	return err;
}

/* ---- what else there is to say ---- */

static int print_labelled(const struct order_view *view, FILE *out, const char *label,
			  struct report_line *line, int err)
{
	int print_err;

	fputc('.', line->out);
	print_err = report_paragraph(&view->report, out, label, OUTPUT_PLAIN, line);
	return err ? err : print_err;
}

static bool has_witness_beyond(const struct order_finding *finding)
{
	for (size_t i = 0; i < finding->nr_steps; i++)
		if (finding->steps[i].nr_events > 0)
			return true;
	return false;
}

static int print_instead(const struct order_view *view, const struct order_finding *finding,
			 FILE *out)
{
	struct report_line line;
	char time[OUTPUT_NUMBER];
	int err;

	if (finding->level == ORDER_OCCURRED || finding->level >= ORDER_RECURSIVE_READ ||
	    (!finding->overlap && finding->gap_ns == UINT64_MAX && !finding->needs_reordering))
		return 0;
	err = report_line_begin(&line);
	if (err)
		return err;
	if (finding->overlap)
		fprintf(line.out,
			"%" PRIu64 REPORT_GLUE "time%s these locks were held at the same "
			"moment, and it went well",
			finding->overlap, report_plural(finding->overlap));
	else if (finding->gap_ns != UINT64_MAX)
		fprintf(line.out, "these sections came no closer than %s",
			report_time(time, finding->gap_ns));
	else
		fputs("sections of other locks ran in another order", line.out);
	if (finding->needs_reordering)
		fputs("; the schedule runs sections of other locks in another order than recorded",
		      line.out);
	return print_labelled(view, out, "  Recorded instead: ", &line, 0);
}

static int print_before(const struct order_view *view, const struct order_finding *finding,
			FILE *out)
{
	struct report_line line;
	int err;

	if (finding->needs_reordering || !has_witness_beyond(finding))
		return 0;
	err = report_line_begin(&line);
	if (err)
		return err;
	fputs("what leads to these steps runs as recorded", line.out);
	return print_labelled(view, out, "  Before: ", &line, 0);
}

static int print_assumptions(const struct order_view *view, const struct order_finding *finding,
			     FILE *out)
{
	int err = 0;

	for (size_t i = 0; !err && i < finding->nr_assumptions; i++) {
		struct report_line line;

		err = report_line_begin(&line);
		if (err)
			break;
		err = order_put_assumption(view, finding, &finding->assumptions[i], line.out);
		err = print_labelled(view, out, "  Assumes: ", &line, err);
	}
	return err;
}

/* Of a deadlock that happened: whether it is the order of a moment, or one that often went well. */
static int print_earlier(const struct order_view *view, const struct order_finding *finding,
			 FILE *out)
{
	int err = 0;

	for (size_t i = 0; !err && finding->level == ORDER_OCCURRED && i < finding->nr_members;
	     i++) {
		const struct order_member *member = &finding->members[i];
		uint64_t count = order_count(view->order, member->held, member->wanted);
		struct report_line line;

		if (!count || finding->nr_members < 2)
			continue;
		err = report_line_begin(&line);
		if (err)
			break;
		order_put_thing(view, line.out, member->held);
		fputs(" before ", line.out);
		order_put_thing(view, line.out, member->wanted);
		fprintf(line.out, " went well %" PRIu64 REPORT_GLUE "time%s", count,
			report_plural(count));
		err = print_labelled(view, out, "  Earlier in this run: ", &line, 0);
	}
	return err;
}

static int print_behind(const struct order_view *view, const struct order_finding *finding,
			FILE *out)
{
	int err = 0;

	for (size_t i = 0; !err && i < finding->nr_behind && (view->all || i < TOLD_BEHIND); i++) {
		struct report_line line;

		err = report_line_begin(&line);
		if (err)
			break;
		err = put_wants(view, finding, &finding->behind[i], NULL, line.out);
		err = print_labelled(view, out, "  Stuck behind it: ", &line, err);
	}
	if (finding->nr_behind > TOLD_BEHIND && !view->all)
		fprintf(out, "  ... and %zu more behind it (--all).\n",
			finding->nr_behind - TOLD_BEHIND);
	return err;
}

static int print_hint(const struct order_view *view, const struct order_finding *finding, FILE *out)
{
	struct report_line line;
	int err = report_line_begin(&line);

	if (err)
		return err;
	err = order_put_hint(view, finding, line.out);
	return print_labelled(view, out, "  Fix: ", &line, err);
}

/* ---- stacks ---- */

static int print_stack(const struct order_view *view, const struct order_finding *finding,
		       const struct order_member *member, bool wanted, FILE *out)
{
	struct order_spot spot = wanted ? order_wanted_spot(member) : order_held_spot(member);
	struct order_thing thing = wanted ? member->wanted : member->held;
	struct report_line line;
	int err, print_err;

	if (!thing.what || (!spot.node && !spot.stack))
		return 0;
	err = report_line_begin(&line);
	if (err)
		return err;
	order_put_thread(view, line.out, member->thread);
	fputs(!wanted ? " has " : thing.what == ORDER_LOCK ? " wants " : " waits for ", line.out);
	order_put_thing(view, line.out, thing);
	fputs(": ", line.out);
	err = put_spot(view, finding->process, spot, REPORT_STACK, line.out);
	print_err = report_paragraph(&view->report, out, "    ", OUTPUT_PLAIN, &line);
	return err ? err : print_err;
}

static int print_stacks(const struct order_view *view, const struct order_finding *finding,
			FILE *out)
{
	int err = 0;

	fputs("  Stacks:\n", out);
	for (size_t i = 0; !err && i < finding->nr_members; i++) {
		err = print_stack(view, finding, &finding->members[i], false, out);
		if (!err)
			err = print_stack(view, finding, &finding->members[i], true, out);
	}
	return err;
}

/* ---- a finding ---- */

static struct order_thing title_thing(const struct order_finding *finding, size_t member)
{
	const struct order_member *at = &finding->members[member % finding->nr_members];

	return at->held.what && (finding->nr_members > 1 || !at->wanted.what) ? at->held
									      : at->wanted;
}

static const char *title_label(const struct order_view *view, const struct order_finding *finding,
			       struct order_thing thing)
{
	return finding->level == ORDER_VIOLATION ? order_class(view->order, thing)
						 : order_label(view->order, thing);
}

/* "PREDICTED  a_mu <-> b_mu", for longer circles "a -> b -> c -> a"; what comes twice is told once
 */
static void put_title(const struct order_view *view, const struct order_finding *finding, FILE *out)
{
	size_t nr = finding->nr_members;
	struct order_thing last = title_thing(finding, 0);

	fputs(title_label(view, finding, last), out);
	for (size_t i = 1; i < nr + (nr > 2); i++) {
		struct order_thing thing = title_thing(finding, i);

		if (!order_same_thing(thing, last))
			fprintf(out, "%s%s", nr == 2 ? " <-> " : " -> ",
				title_label(view, finding, thing));
		last = thing;
	}
}

static int print_title(const struct order_view *view, const struct order_finding *finding,
		       FILE *out)
{
	char first[64];
	struct report_line line;
	int err = report_line_begin(&line);

	if (err)
		return err;
	put_title(view, finding, line.out);
	if (finding->instances > 1)
		fprintf(line.out, ", %" PRIu64 REPORT_GLUE "instances", finding->instances);
	if (finding->id[0])
		fprintf(line.out, "  [%.16s]", finding->id);
	snprintf(first, sizeof(first), "%s  ", order_level_words[finding->level]);
	return report_paragraph(&view->report, out, first, level_face(finding->level), &line);
}

static int print_sentence(const struct order_view *view, const struct order_finding *finding,
			  FILE *out)
{
	const struct model *model = view->order->model;
	struct report_line line;
	int err = report_line_begin(&line);

	if (err)
		return err;
	if (model->nr_processes > 1)
		fprintf(line.out, "%s (pid" REPORT_GLUE "%u): ",
			report_base_name(model->processes[finding->process].exe),
			report_header(&model->processes[finding->process])->pid);
	err = order_put_sentence(view, finding, line.out);
	return print_labelled(view, out, "  ", &line, err);
}

static int print_finding(const struct order_view *view, const struct order_finding *finding,
			 FILE *out)
{
	static int (*const parts[])(const struct order_view *view,
				    const struct order_finding *finding, FILE *out) = {
		print_title,   print_sentence,	  print_before, print_steps, print_instead,
		print_earlier, print_assumptions, print_behind, print_hint,  print_stacks,
	};
	int err = 0;

	fputc('\n', out);
	for (size_t i = 0; !err && i < sizeof(parts) / sizeof(parts[0]); i++)
		err = parts[i](view, finding, out);
	return err;
}

int order_text(const struct order_view *view, FILE *out)
{
	int err = report_titles(&view->report, out);

	for (size_t i = 0; !err && i < view->order->nr_findings; i++)
		if (!view->order->findings[i].suppressed)
			err = print_finding(view, &view->order->findings[i], out);
	if (!err)
		fputc('\n', out);
	return err ? err : order_summary(view, out);
}
