/* SPDX-License-Identifier: MIT */
/*
 * order_words.c: places, things and the parts of a cycle, in words
 *
 * All sentences of `lockprof order` are made here, so that the text, the JSON and what a code
 * review tool shows from SARIF say the same.
 */
#include "order_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool order_same_thing(struct order_thing a, struct order_thing b)
{
	return a.what == b.what && a.index == b.index;
}

const char *order_label(const struct order *order, struct order_thing thing)
{
	const struct model *model = order->model;

	if (thing.what == ORDER_THREAD)
		return thing.index < model->nr_threads ? model->threads[thing.index].name
						       : "an unknown thread";
	return thing.index < model->nr_locks ? model->locks[thing.index].label : "an unknown lock";
}

const char *order_class(const struct order *order, struct order_thing thing)
{
	const struct model *model = order->model;

	if (thing.what == ORDER_THREAD || thing.index >= model->nr_locks)
		return order_label(order, thing);
	return model->classes[model->locks[thing.index].class].label;
}

void order_put_thread(const struct order_view *view, FILE *out, uint32_t thread)
{
	if (thread < view->order->model->nr_threads)
		report_put_thread(&view->report, out, &view->order->model->threads[thread]);
	else
		fputs("an unknown thread", out);
}

/* "mutex 0x7f.. created in f (f.c:12)" is called by its address behind the title, which says it
 * all. */
static void put_short_label(const char *label, FILE *out)
{
	const char *address = strstr(label, " 0x");
	size_t length = address && address == strchr(label, ' ') ? strcspn(address + 1, " ") : 0;

	if (length)
		fprintf(out, "%.*s", (int)(address + 1 + length - label), label);
	else
		fputs(label, out);
}

void order_put_thing(const struct order_view *view, FILE *out, struct order_thing thing)
{
	if (thing.what == ORDER_THREAD) {
		fputs("the end of ", out);
		order_put_thread(view, out, thing.index);
		return;
	}
	if (thing.what == ORDER_COND)
		fputs("a signal of ", out);
	else if (thing.what == ORDER_SEM)
		fputs("a token of ", out);
	put_short_label(order_label(view->order, thing), out);
}

/* ---- places ---- */

static void get_part(const struct order_view *view, uint32_t process, uint32_t node, uint32_t stack,
		     struct report_part *part)
{
	const struct process *of = &view->order->model->processes[process];
	const struct trace_node *record = of->reader ? reader_node(of->reader, node) : NULL;

	*part = (struct report_part){ 0 };
	report_node_place(of, node, record ? record->site : 0, part);
	if (stack)
		part->stack = stack;
}

char *order_place(const struct order_view *view, uint32_t process, uint32_t node, uint32_t stack,
		  enum report_place_style style)
{
	struct report_part part;

	get_part(view, process, node, stack, &part);
	return report_place_text(&view->report, &part, style);
}

size_t order_frames(const struct order_view *view, uint32_t process, uint32_t node, uint32_t stack,
		    struct frame *frames, size_t max)
{
	struct report_part part;

	get_part(view, process, node, stack, &part);
	return view->report.frames(part.process, part.stack, part.site, false, frames, max);
}

struct order_spot order_held_spot(const struct order_member *member)
{
	return (struct order_spot){ .node = member->held_node };
}

struct order_spot order_wanted_spot(const struct order_member *member)
{
	return (struct order_spot){ .node = member->wanted_node, .stack = member->wanted_stack };
}

static int put_place(const struct order_view *view, uint32_t process, uint32_t node,
		     const char *before, FILE *out)
{
	char *place;

	if (!node)
		return 0;
	place = order_place(view, process, node, 0, REPORT_FUNCTION);
	if (!place)
		return -ENOMEM;
	fprintf(out, "%s%s", before, place);
	free(place);
	return 0;
}

/* ---- the finding in one sentence ---- */

/* "one, two and three" */
static void put_members(const struct order_view *view, const struct order_finding *finding,
			FILE *out)
{
	for (size_t i = 0; i < finding->nr_members; i++) {
		if (i > 0)
			fputs(i + 1 == finding->nr_members ? " and " : ", ", out);
		order_put_thread(view, out, finding->members[i].thread);
	}
}

bool order_is_left(const struct order_finding *finding)
{
	return finding->nr_members > 1 &&
	       finding->members[finding->nr_members - 1].wanted.what == 0;
}

/* Whether what it left behind belongs to a thread of another process, which this one came from. */
bool order_is_forked(const struct order_view *view, const struct order_finding *finding)
{
	const struct model *model = view->order->model;
	uint32_t owner = finding->members[finding->nr_members - 1].thread;

	return owner >= model->nr_threads ||
	       model->threads[owner].process->number != finding->process;
}

const char *order_left_words(const struct order_view *view, const struct order_finding *finding)
{
	return order_is_forked(view, finding) ? "of the parent process held at the fork"
					      : "held when it ended";
}

static void put_occurred(const struct order_view *view, const struct order_finding *finding,
			 FILE *out)
{
	const struct order_member *first = finding->members;

	if (finding->nr_members > 1 && !order_is_left(finding)) {
		put_members(view, finding, out);
		fputs(" wait for each other", out);
		return;
	}
	order_put_thread(view, out, first->thread);
	fputs(" waits for ", out);
	order_put_thing(view, out, first->wanted);
	if (!order_is_left(finding)) {
		fputs(first->wanted.what == ORDER_THREAD ? ", that is for itself"
							 : ", which it holds itself",
		      out);
		return;
	}
	fputs(", which ", out);
	order_put_thread(view, out, first[1].thread);
	fprintf(out, " %s, and nobody can release", order_left_words(view, finding));
}

static void put_pair(const struct order_view *view, const struct order_finding *finding,
		     const char *between, const char *behind, FILE *out)
{
	const struct order_member *first = finding->members;

	order_put_thread(view, out, first->thread);
	fputs(between, out);
	order_put_thing(view, out, first->wanted.what ? first->wanted : first->held);
	fputs(behind, out);
}

/* "one takes door_mu[] before window_mu[], two the other way round" */
static void put_classes(const struct order_view *view, const struct order_finding *finding,
			FILE *out)
{
	const struct order_member *first = finding->members;

	order_put_thread(view, out, first->thread);
	fprintf(out, " takes a %s before a %s, ", order_class(view->order, first->held),
		order_class(view->order, first->wanted));
	order_put_thread(view, out, first[1].thread);
	fputs(" the other way round, though never the same two", out);
}

static void put_hazard(const struct order_view *view, const struct order_finding *finding,
		       FILE *out)
{
	switch (finding->level) {
	case ORDER_RECURSIVE_READ:
		put_pair(view, finding, " reads ",
			 " again while it reads it already: a writer that comes in between stops "
			 "them both",
			 out);
		break;
	case ORDER_SELF_LOCK:
		put_pair(view, finding, " asked for ",
			 " that it held already, and the lock refused (EDEADLK)", out);
		break;
	case ORDER_ABANDONED_RISK:
		put_pair(view, finding, " ended and left ", " locked, which others use", out);
		break;
	case ORDER_LOST_WAKEUP:
		put_pair(view, finding, " waits for ",
			 ", and nobody has given one since, nor could: all threads wait", out);
		break;
	case ORDER_VIOLATION:
		put_classes(view, finding, out);
		break;
	default:
		put_members(view, finding, out);
		fputs(" can wait for each other", out);
	}
}

int order_put_sentence(const struct order_view *view, const struct order_finding *finding,
		       FILE *out)
{
	switch (finding->level) {
	case ORDER_OCCURRED:
	case ORDER_FORK_WITH_LOCK:
		put_occurred(view, finding, out);
		break;
	case ORDER_PREDICTED:
	case ORDER_CONDITIONAL:
	case ORDER_COMM_PREDICTED:
		put_members(view, finding, out);
		fputs(" can end up waiting for each other", out);
		break;
	case ORDER_POTENTIAL:
	case ORDER_COMM_POTENTIAL:
		put_members(view, finding, out);
		fputs(" might end up waiting for each other", out);
		if (finding->why)
			fprintf(out, " (not proved: %s)", finding->why);
		break;
	case ORDER_BOUNDED_STALL:
		put_members(view, finding, out);
		fputs(" can wait for each other until a deadline passes", out);
		break;
	default:
		put_hazard(view, finding, out);
	}
	return ferror(out) ? -EIO : 0;
}

/* ---- what it assumes ---- */

int order_put_assumption(const struct order_view *view, const struct order_finding *finding,
			 const struct order_assumption *assumption, FILE *out)
{
	int err = 0;

	switch (assumption->what) {
	case ORDER_SKIPS_SECTION:
		order_put_thread(view, out, assumption->thread);
		fputs(" still comes", out);
		err = put_place(view, finding->process, assumption->node, " to ", out);
		fputs(" though the section of ", out);
		order_put_thing(view, out, assumption->thing);
		fputs(" by ", out);
		order_put_thread(view, out, assumption->other_thread);
		if (!err)
			err = put_place(view, finding->process, assumption->other_node, " in ",
					out);
		fputs(" has not run before", out);
		break;
	case ORDER_OTHER_SIGNAL:
		fputs("nobody else gives ", out);
		order_put_thing(view, out, assumption->thing);
		break;
	case ORDER_WRITER_WAITS:
		order_put_thread(view, out, assumption->other_thread);
		fputs(" asks to write ", out);
		order_put_thing(view, out, assumption->thing);
		err = put_place(view, finding->process, assumption->other_node, " in ", out);
		fputs(" in between; writers come first there", out);
		break;
	case ORDER_LOCK_LIKE:
		fprintf(out, "the semaphore %s is used as a mutex, as it was in this run",
			order_label(view->order, assumption->thing));
		break;
	}
	return err;
}
