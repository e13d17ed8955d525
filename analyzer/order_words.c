/* SPDX-License-Identifier: MIT */
/*
 * order_words.c: places, things and the parts of a cycle, in words
 *
 * All sentences of `lockprof order` are made here, so that the text, the JSON and what a code
 * review tool shows from SARIF say the same.
 */
#include "order_view.h"

#include <errno.h>
#include <inttypes.h>
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
	fputs(order_label(view->order, thing), out);
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

/* ---- counts ---- */

uint64_t order_count(const struct order *order, struct order_thing from, struct order_thing to)
{
	uint64_t count = 0;

	for (size_t i = 0; i < order->nr_edges; i++)
		if (order_same_thing(order->edges[i].from, from) &&
		    order_same_thing(order->edges[i].to, to))
			count += order->edges[i].count;
	return count;
}

static int by_pair(const void *a, const void *b)
{
	const struct order_edge *x = *(const struct order_edge *const *)a;
	const struct order_edge *y = *(const struct order_edge *const *)b;

	if (!order_same_thing(x->from, y->from))
		return memcmp(&x->from, &y->from, sizeof(x->from));
	return memcmp(&x->to, &y->to, sizeof(x->to));
}

size_t order_nr_pairs(const struct order *order)
{
	const struct order_edge **edges = calloc(order->nr_edges + 1, sizeof(*edges));
	size_t nr = 0;

	if (!edges)
		return order->nr_edges;
	for (size_t i = 0; i < order->nr_edges; i++)
		edges[i] = &order->edges[i];
	qsort(edges, order->nr_edges, sizeof(*edges), by_pair);
	for (size_t i = 0; i < order->nr_edges; i++)
		nr += i == 0 || by_pair(&edges[i - 1], &edges[i]) != 0;
	free(edges);
	return nr;
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

static bool is_left_behind(const struct order_finding *finding)
{
	return finding->nr_members > 1 &&
	       finding->members[finding->nr_members - 1].wanted.what == 0;
}

/* Whether what it left behind belongs to a thread of another process, which this one came from. */
static bool is_forked(const struct order_view *view, const struct order_finding *finding)
{
	const struct model *model = view->order->model;
	uint32_t owner = finding->members[finding->nr_members - 1].thread;

	return owner >= model->nr_threads ||
	       model->threads[owner].process->number != finding->process;
}

const char *order_left_words(const struct order_view *view, const struct order_finding *finding)
{
	return is_forked(view, finding) ? "of the parent process held at the fork"
					: "held when it ended";
}

static void put_occurred(const struct order_view *view, const struct order_finding *finding,
			 FILE *out)
{
	const struct order_member *first = finding->members;

	if (finding->nr_members > 1 && !is_left_behind(finding)) {
		put_members(view, finding, out);
		fputs(" wait for each other", out);
		return;
	}
	order_put_thread(view, out, first->thread);
	fputs(" waits for ", out);
	order_put_thing(view, out, first->wanted);
	if (!is_left_behind(finding)) {
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

/* ---- what to do ---- */

static bool is_order_of_locks(const struct order_finding *finding)
{
	if (finding->level == ORDER_VIOLATION)
		return false;
	for (size_t i = 0; i < finding->nr_members; i++)
		if (finding->members[i].held.what != ORDER_LOCK ||
		    finding->members[i].wanted.what != ORDER_LOCK)
			return false;
	return finding->nr_members > 1;
}

/* The member whose order is used least: that is the one to turn round. */
static const struct order_member *rarest(const struct order *order,
					 const struct order_finding *finding, uint64_t *count,
					 uint64_t *all)
{
	const struct order_member *best = NULL;

	*all = 0;
	for (size_t i = 0; i < finding->nr_members; i++) {
		const struct order_member *member = &finding->members[i];
		uint64_t times = order_count(order, member->held, member->wanted);

		*all += times;
		if (best && times >= *count)
			continue;
		*count = times;
		best = member;
	}
	return best;
}

/* "f (file.c:12), then g (file.c:40)" */
static int put_places(const struct order_view *view, const struct order_finding *finding,
		      const struct order_member *member, FILE *out)
{
	char *held = order_place(view, finding->process, member->held_node, 0, REPORT_FUNCTION);
	char *wanted = order_place(view, finding->process, member->wanted_node, 0, REPORT_FUNCTION);

	if (held && wanted)
		fprintf(out, "%s, then %s", held, wanted);
	free(held);
	free(wanted);
	return held && wanted ? 0 : -ENOMEM;
}

static int put_majority(const struct order_view *view, const struct order_finding *finding,
			FILE *out)
{
	uint64_t count = 0, all;
	const struct order_member *odd = rarest(view->order, finding, &count, &all);
	char share[OUTPUT_NUMBER];

	if (count * finding->nr_members >= all) {
		fprintf(out, "take %s in one order everywhere; none is the usual one here",
			finding->nr_members == 2 ? "both locks" : "these locks");
		return 0;
	}
	fputs("take ", out);
	order_put_thing(view, out, odd->wanted);
	fputs(" before ", out);
	order_put_thing(view, out, odd->held);
	if (count)
		fprintf(out, ", as in %s of %" PRIu64 REPORT_GLUE "cases",
			report_percent(share, report_ratio(all - count, all)), all);
	else
		fputs(", as it went well before", out);
	fputs("; the exception is ", out);
	return put_places(view, finding, odd, out);
}

/* What the circle is made of besides locks decides what to change. */
static const char *circle_hint(const struct order_finding *finding)
{
	bool joins = false, locks = false;

	for (size_t i = 0; i < finding->nr_members; i++) {
		joins |= finding->members[i].wanted.what == ORDER_THREAD;
		locks |= finding->members[i].wanted.what == ORDER_LOCK;
	}
	if (!joins)
		return "read-lock once, and hand the locked table on";
	return locks ? "do not wait for a thread's end with a lock held that it needs"
		     : "let threads wait for each other's ends in one direction only";
}

int order_put_hint(const struct order_view *view, const struct order_finding *finding, FILE *out)
{
	static const char *const hints[ORDER_LEVELS] = {
		[ORDER_COMM_PREDICTED] =
			"do not hold a lock over a wait that its signaller needs to get there",
		[ORDER_COMM_POTENTIAL] =
			"do not hold a lock over a wait that its signaller needs to get there",
		[ORDER_RECURSIVE_READ] = "read-lock once, and hand the locked table on",
		[ORDER_SELF_LOCK] = "split the function in one that locks and one that is called "
				    "with the lock held",
		[ORDER_ABANDONED_RISK] = "unlock on every way out of the thread",
		[ORDER_LOST_WAKEUP] =
			"wait in a loop over the state that the signal announces, and "
			"change that state under the mutex",
		[ORDER_VIOLATION] =
			"give the two classes one order, before somebody takes the same two",
		[ORDER_FORK_WITH_LOCK] = "fork before there are threads, take the lock around the "
					 "fork (pthread_atfork), or exec at once",
	};

	if (is_order_of_locks(finding))
		return put_majority(view, finding, out);
	if (hints[finding->level])
		fputs(hints[finding->level], out);
	else if (is_left_behind(finding))
		fputs(hints[is_forked(view, finding) ? ORDER_FORK_WITH_LOCK : ORDER_ABANDONED_RISK],
		      out);
	else if (finding->nr_members == 1)
		fputs(hints[ORDER_SELF_LOCK], out);
	else
		fputs(circle_hint(finding), out);
	return 0;
}

const char *order_level_claim(enum order_level level)
{
	static const char *const claims[ORDER_LEVELS] = {
		[ORDER_OCCURRED] = "threads stood still when the recording ended",
		[ORDER_PREDICTED] =
			"there is a schedule of the recorded synchronisation (the same order within "
			"each thread, the same creation, join, signal, post and barrier order, no "
			"lock held twice) that ends with these threads waiting for each other; it "
			"was replayed and checked. lockprof does not see memory accesses: the "
			"schedule is real unless an assumption above is false",
		[ORDER_CONDITIONAL] =
			("as PREDICTED, but the schedule leaves out a section that may hand "
			 "something on"),
		[ORDER_COMM_PREDICTED] =
			"a circle through a wait for a signal; everyone known to give it is in it",
		[ORDER_POTENTIAL] = "a circle that nothing known excludes; no schedule was proved",
		[ORDER_COMM_POTENTIAL] =
			"a circle through a wait for a signal that somebody else could give as well",
		[ORDER_BOUNDED_STALL] = "a circle in which one wait ends by its deadline",
		[ORDER_RECURSIVE_READ] =
			"a hazard: it takes a writer that comes between two reads of one thread",
		[ORDER_SELF_LOCK] = "a bug that did no harm: the lock checks for it",
		[ORDER_ABANDONED_RISK] = "a hazard: who asks for it next waits for ever",
		[ORDER_LOST_WAKEUP] =
			"a wait that nobody ended; the signal may have come before the wait began",
		[ORDER_FORK_WITH_LOCK] =
			"a forked child asked for a lock that another thread of its parent held; "
			"only its deadline ends that wait",
		[ORDER_VIOLATION] = "no deadlock by itself: the classes are not ordered",
	};

	return claims[level];
}
