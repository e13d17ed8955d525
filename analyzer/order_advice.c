/* SPDX-License-Identifier: MIT */
/*
 * order_advice.c: what to do about a finding, and how much its level claims
 *
 * Of two orders that exclude each other the rarer one is the one to turn round: that is counted
 * over the whole run, at all places together.
 */
#include "order_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
	else if (order_is_left(finding))
		fputs(hints[order_is_forked(view, finding) ? ORDER_FORK_WITH_LOCK
							   : ORDER_ABANDONED_RISK],
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
