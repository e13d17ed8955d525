/* SPDX-License-Identifier: MIT */
/*
 * order_summary.c: what stands below the findings: how many there are, which cycles are none and
 * why, what the levels claim, and what was not looked at. This is how a reader learns how far
 * silence can be trusted, so it is never left out.
 */
#include "order_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static int print_line(const struct order_view *view, FILE *out, const char *first,
		      struct report_line *line)
{
	fputc('.', line->out);
	return report_paragraph(&view->report, out, first, OUTPUT_PLAIN, line);
}

/* ---- counts ---- */

static uint64_t nr_hidden(const struct order *order)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < ORDER_HIDDEN_REASONS; i++)
		nr += order->hidden[i];
	return nr;
}

static size_t nr_told(const struct order *order)
{
	size_t nr = 0;

	for (size_t i = 0; i < order->nr_findings; i++)
		nr += !order->findings[i].suppressed;
	return nr;
}

static void put_counts(const struct order_view *view, FILE *out)
{
	size_t locks = report_totals(view->order->model).nr_locks;
	size_t pairs = order_nr_pairs(view->order);

	fprintf(out, "%zu" REPORT_GLUE "lock%s, %zu" REPORT_GLUE "order%s of two locks", locks,
		report_plural(locks), pairs, report_plural(pairs));
}

static int print_result(const struct order_view *view, FILE *out)
{
	size_t told = nr_told(view->order);
	struct report_line line;
	int err = report_line_begin(&line);

	if (err)
		return err;
	if (told)
		fprintf(line.out, "%zu" REPORT_GLUE "finding%s: ", told, report_plural(told));
	else if (view->order->hidden[ORDER_HIDDEN_SUPPRESSED])
		fputs("Nothing but what is suppressed: ", line.out);
	else if (view->order->nr_components && !nr_hidden(view->order))
		fputs("Locks are taken in circles, but none was found that could close: ",
		      line.out);
	else if (nr_hidden(view->order))
		fputs("No lock-order cycle that can close in this run: ", line.out);
	else
		fputs("No lock-order cycle in this run: ", line.out);
	put_counts(view, line.out);
	return print_line(view, out, "", &line);
}

static int print_hidden(const struct order_view *view, FILE *out)
{
	const struct order *order = view->order;
	uint64_t all = nr_hidden(order);
	struct report_line line;
	const char *before = ": ";
	int err = report_line_begin(&line);

	if (err)
		return err;
	fprintf(line.out, "%" PRIu64 REPORT_GLUE "cycle%s hidden", all, report_plural(all));
	for (size_t i = 0; i < ORDER_HIDDEN_REASONS; i++) {
		if (!order->hidden[i])
			continue;
		fprintf(line.out, "%s%" PRIu64 REPORT_GLUE "%s", before, order->hidden[i],
			order_hidden_words[i]);
		before = ", ";
	}
	if (all && !view->explain_hidden)
		fputs(" (--explain-hidden shows them)", line.out);
	return print_line(view, out, "", &line);
}

/* ---- hidden cycles ---- */

static int put_part(const struct order_view *view, const struct order_member *member, FILE *out)
{
	uint32_t process = 0;
	char *place;

	if (member->thread < view->order->model->nr_threads)
		process = view->order->model->threads[member->thread].process->number;
	order_put_thread(view, out, member->thread);
	fputs(" takes ", out);
	order_put_thing(view, out, member->held);
	fputs((member->wanted_mode & TRACE_HOW_MASK) == TRACE_HOW_TRY ? ", then tries " : ", then ",
	      out);
	order_put_thing(view, out, member->wanted);
	if (!member->wanted_node)
		return 0;
	place = order_place(view, process, member->wanted_node, 0, REPORT_FUNCTION);
	if (!place)
		return -ENOMEM;
	fprintf(out, " in %s", place);
	free(place);
	return 0;
}

static int print_hidden_cycle(const struct order_view *view, const struct order_hidden_cycle *cycle,
			      FILE *out)
{
	struct report_line line;
	int err = report_line_begin(&line), print_err;

	if (err)
		return err;
	fputs(order_hidden_words[cycle->reason], line.out);
	if (cycle->because.what)
		fprintf(line.out, ", %s", order_label(view->order, cycle->because));
	fputs(": ", line.out);
	for (size_t i = 0; !err && i < cycle->nr_members; i++) {
		if (i > 0)
			fputs("; ", line.out);
		err = put_part(view, &cycle->members[i], line.out);
	}
	print_err = print_line(view, out, "  - ", &line);
	return err ? err : print_err;
}

static int print_hidden_cycles(const struct order_view *view, FILE *out)
{
	const struct order *order = view->order;
	uint64_t all = nr_hidden(order) - order->hidden[ORDER_HIDDEN_SUPPRESSED] -
		       order->hidden[ORDER_HIDDEN_SIGNALLERS];
	int err = 0;

	if (!view->explain_hidden)
		return 0;
	for (size_t i = 0; !err && i < order->nr_hidden_cycles; i++)
		err = print_hidden_cycle(view, &order->hidden_cycles[i], out);
	if (order->nr_hidden_cycles < all)
		fprintf(out, "  - and %" PRIu64 " more like these\n",
			all - order->nr_hidden_cycles);
	return err;
}

static int print_suppressed(const struct order_view *view, FILE *out)
{
	const struct order *order = view->order;
	int err = 0;

	for (size_t i = 0; !err && view->explain_hidden && i < order->nr_findings; i++) {
		const struct order_finding *finding = &order->findings[i];
		struct report_line line;

		if (!finding->suppressed)
			continue;
		err = report_line_begin(&line);
		if (err)
			break;
		fprintf(line.out, "%s not told: ", order_level_words[finding->level]);
		order_put_sentence(view, finding, line.out);
		if (finding->suppressed[0])
			fprintf(line.out, " (%s)", finding->suppressed);
		err = print_line(view, out, "  - ", &line);
	}
	return err;
}

/* ---- what the words mean, and what was not looked at ---- */

static int print_claims(const struct order_view *view, FILE *out)
{
	bool has[ORDER_LEVELS] = { false };
	int err = 0;

	for (size_t i = 0; i < view->order->nr_findings; i++)
		if (!view->order->findings[i].suppressed)
			has[view->order->findings[i].level] = true;
	for (unsigned int i = 0; !err && i < ORDER_LEVELS; i++) {
		struct report_line line;

		if (!has[i])
			continue;
		err = report_line_begin(&line);
		if (err)
			break;
		fprintf(line.out, "%s: %s", order_level_words[i],
			order_level_claim((enum order_level)i));
		err = print_line(view, out, "", &line);
	}
	return err;
}

static int print_limit(const struct order_view *view, FILE *out, bool holds, const char *words)
{
	struct report_line line;
	int err = holds ? report_line_begin(&line) : 0;

	if (!holds || err)
		return err;
	fputs(words, line.out);
	return print_line(view, out, " !  ", &line);
}

static int print_counted_limit(const struct order_view *view, FILE *out, uint64_t count,
			       const char *words)
{
	struct report_line line;
	int err = count ? report_line_begin(&line) : 0;

	if (!count || err)
		return err;
	fprintf(line.out, "%" PRIu64 REPORT_GLUE "%s", count, words);
	return print_line(view, out, " !  ", &line);
}

static int print_limits(const struct order_view *view, FILE *out)
{
	const struct order *order = view->order;
	int err = print_limit(view, out, order->no_events,
			      "some or all events are missing (mode profile): what needs them is "
			      "POTENTIAL at most");

	if (!err)
		err = print_limit(view, out, order->cycles_capped,
				  "there are more cycles than were looked at");
	if (!err)
		err = print_limit(view, out, order->longer_left,
				  "there may be longer cycles than were looked for (--max-cycle)");
	if (!err)
		err = print_counted_limit(view, out, order->skipped_cycles,
					  "candidates were not judged: they are POTENTIAL at most");
	if (!err)
		err = print_counted_limit(
			view, out, order->clock_skews,
			"holds of one lock overlap, the processors' clocks differ: "
			"what depends on them is POTENTIAL at most");
	return err ? err
		   : print_counted_limit(view, out, order->lost_events,
					 "events are missing in the trace");
}

int order_summary(const struct order_view *view, FILE *out)
{
	int err = print_result(view, out);

	if (!err)
		err = print_hidden(view, out);
	if (!err)
		err = print_hidden_cycles(view, out);
	if (!err)
		err = print_suppressed(view, out);
	if (!err)
		err = print_claims(view, out);
	return err ? err : print_limits(view, out);
}
