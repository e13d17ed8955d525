/* SPDX-License-Identifier: MIT */
/*
 * blame.c: each wait, cut along the holds of the same lock by other threads
 *
 * Events come in the order of time, acquisitions at their release. So when a waiter has got the
 * lock and released it, every hold that its wait overlapped has been seen: the lock keeps the
 * holds since its longest wait began, and the wait is cut along them then, from the latest end
 * backwards. Where holds overlap (readers), going backwards charges each instant to the one that
 * ended last: the one that the waiter really waited for. It also makes sure that no instant is
 * charged twice, whatever the clocks did.
 *
 * A wait that timed out ends while the lock is still held by somebody whose hold comes later. It
 * is kept until an exclusive hold arrives that ends after it, or until the end.
 *
 * Memory: holds are dropped when no wait that began before their end is left. When a wait is so
 * long that too many holds pile up, it is charged with the older half, which then goes.
 */
#include <stdlib.h>
#include <string.h>

#include "pass.h"

#define HOLDS_KEPT 32u /* for waits whose begin was not recorded */
#define HOLDS_MAX  65536u
#define CLOSED_MAX 65536u

void track_free(struct track *track)
{
	if (!track)
		return;
	free(track->holds);
	free(track->waits);
	free(track->closed);
	free(track->starts);
	free(track);
}

static bool same_blame(const struct hold *a, const struct hold *b)
{
	return a->thread == b->thread && a->node == b->node && a->stack == b->stack;
}

static void charge_to(struct pass *pass, uint32_t lock, const struct wait *wait,
		      const struct hold *hold, uint64_t ticks)
{
	uint32_t key[TALLY_KEY] = { lock, hold->thread, hold->node, hold->stack, wait->thread };
	struct tally_row *row;

	if (wait->ignored)
		return;
	row = tally_get(&pass->blames, key);
	if (!row) {
		pass->failed = true;
		return;
	}
	row->ticks += ticks;
	row->count += row->mark != wait->number;
	row->mark = wait->number;
}

/* Charges [begin, end) of the wait to the first nr holds of the track; runs of a kind at once. */
static void charge(struct pass *pass, uint32_t lock, const struct wait *wait, size_t nr,
		   uint64_t begin, uint64_t end)
{
	const struct track *track = pass->tracks[lock];
	const struct hold *run = NULL;
	uint64_t free_end = end; /* what is later is charged already, or nobody's */
	uint64_t run_ticks = 0;

	if (begin < wait->charged)
		begin = wait->charged;
	for (size_t i = nr; i-- && free_end > begin && track->holds[i].end > begin;) {
		const struct hold *hold = &track->holds[i];
		uint64_t from = hold->begin > begin ? hold->begin : begin;
		uint64_t to = hold->end < free_end ? hold->end : free_end;

		if (hold->thread == wait->thread || (hold->shared && wait->shared))
			continue;
		if (from < free_end)
			free_end = from;
		if (from >= to)
			continue;
		if (run && !same_blame(run, hold)) {
			charge_to(pass, lock, wait, run, run_ticks);
			run_ticks = 0;
		}
		run = hold;
		run_ticks += to - from;
	}
	if (run)
		charge_to(pass, lock, wait, run, run_ticks);
}

/* ---- the holds of a lock ---- */

static uint64_t oldest_wait(const struct track *track)
{
	uint64_t oldest = UINT64_MAX;

	for (size_t i = 0; i < track->nr_waits; i++)
		if (oldest > track->waits[i].begin)
			oldest = track->waits[i].begin;
	for (size_t i = 0; i < track->nr_closed; i++)
		if (oldest > track->closed[i].begin)
			oldest = track->closed[i].begin;
	return oldest;
}

static void drop_holds(struct track *track, size_t nr)
{
	track->nr_holds -= nr;
	memmove(track->holds, track->holds + nr, track->nr_holds * sizeof(*track->holds));
}

/* Charges all waits with the older half of the holds. */
static void charge_half(struct pass *pass, uint32_t lock)
{
	struct track *track = pass->tracks[lock];
	size_t half = track->nr_holds / 2;
	uint64_t until = track->holds[half - 1].end;

	for (size_t i = 0; i < track->nr_waits; i++) {
		struct wait *wait = &track->waits[i];

		charge(pass, lock, wait, half, wait->begin, until);
		if (wait->charged < until)
			wait->charged = until;
	}
	for (size_t i = 0; i < track->nr_closed; i++) {
		struct wait *wait = &track->closed[i];

		charge(pass, lock, wait, half, wait->begin, until < wait->end ? until : wait->end);
		if (wait->charged < until)
			wait->charged = until;
	}
	drop_holds(track, half);
}

/* The array is full: makes room by forgetting, if that gives a good part of it back. */
static void make_room(struct pass *pass, uint32_t lock)
{
	struct track *track = pass->tracks[lock];
	uint64_t oldest = oldest_wait(track);
	size_t old = 0;

	while (old + HOLDS_KEPT < track->nr_holds && track->holds[old].end <= oldest)
		old++;
	if (old >= track->nr_holds / 4)
		drop_holds(track, old);
	else if (track->nr_holds >= HOLDS_MAX)
		charge_half(pass, lock);
}

static void check_skew(struct pass *pass, struct track *track, const struct hold *hold)
{
	uint64_t free_since = hold->shared ? track->exclusive_end : track->any_end;

	if (free_since > hold->begin && free_since - hold->begin > pass->skew_ticks)
		pass->clock_skews++;
	track->any_end = hold->end;
	if (!hold->shared)
		track->exclusive_end = hold->end;
}

static void add_hold(struct pass *pass, uint32_t lock, const struct hold *hold)
{
	struct track *track = pass->tracks[lock];
	struct hold *holds;

	if (pass_kind(pass, lock) != TRACE_KIND_SEM)
		check_skew(pass, track, hold);
	if (track->nr_holds && track->nr_holds == track->cap_holds)
		make_room(pass, lock);
	if (track->nr_holds < track->cap_holds) {
		track->holds[track->nr_holds++] = *hold;
		return;
	}
	holds = pass_push(pass, track->holds, &track->nr_holds, &track->cap_holds, sizeof(*holds));
	if (!holds)
		return;
	track->holds = holds;
	holds[track->nr_holds - 1] = *hold;
}

static void count_owner(struct track *track, uint32_t thread, bool ignored)
{
	track->owner_changes += !ignored && track->has_owner && track->owner != thread;
	track->has_owner = true;
	track->owner = thread;
}

/* ---- how many wait at one moment ---- */

/* The most waiters are there when one of them begins to wait: those still waiting, and itself. */
static void start_wait(struct pass *pass, struct track *track, const struct wait *wait)
{
	struct wait_start *starts;
	uint32_t others = (uint32_t)track->nr_waits; /* it is one of them by now */

	if (wait->ignored)
		return;
	if (others == 1 && !track->max_waiters)
		track->max_waiters = 1;
	if (others <= track->max_waiters)
		return;
	starts = pass_push(pass, track->starts, &track->nr_starts, &track->cap_starts,
			   sizeof(*starts));
	if (!starts)
		return;
	track->starts = starts;
	starts[track->nr_starts - 1] =
		(struct wait_start){ wait->begin, wait->number, others, others - 1 };
}

/* A wait has ended at `end`: it was no waiter of those that began after that. */
static void finish_starts(struct track *track, const struct wait *wait, uint64_t end)
{
	size_t i = 0;

	while (i < track->nr_starts) {
		struct wait_start *start = &track->starts[i];

		if (start->number > wait->number) {
			start->waiters -= end <= start->ticks;
			start->pending--;
		}
		if (start->pending && start->waiters > track->max_waiters) {
			i++;
			continue;
		}
		if (track->max_waiters < start->waiters)
			track->max_waiters = start->waiters;
		*start = track->starts[--track->nr_starts];
	}
}

/* ---- waits ---- */

/* Takes the thread's wait out of its lock's waits. False when it had none. */
static bool take_wait(struct pass *pass, uint32_t thread, uint64_t end, struct wait *wait)
{
	struct pass_thread *t = &pass->threads[thread];
	struct track *track;

	if (!t->waits_for)
		return false;
	track = pass->tracks[t->waits_for - 1];
	*wait = track->waits[t->wait];
	track->waits[t->wait] = track->waits[--track->nr_waits];
	if (t->wait < track->nr_waits)
		pass->threads[track->waits[t->wait].thread].wait = t->wait;
	t->waits_for = 0;
	finish_starts(track, wait, end);
	return true;
}

static void set_node(const struct pass *pass, struct wait *wait, uint32_t node)
{
	wait->node = pass->nodes[node].same;
	wait->phase = pass->nodes[node].phase;
	wait->shared = pass->nodes[node].mode & TRACE_SHARED;
	wait->ignored = pass->nodes[node].ignored;
}

static void begin_wait(struct pass *pass, uint32_t lock, const struct pass_event *event)
{
	struct track *track = pass->tracks[lock];
	struct pass_thread *t = &pass->threads[event->thread];
	struct wait wait = { .begin = event->ticks,
			     .number = ++pass->nr_waits,
			     .thread = event->thread,
			     .stack = event->stack };
	struct wait lost, *waits;

	set_node(pass, &wait, event->node);
	take_wait(pass, event->thread, event->ticks, &lost);
	waits = pass_push(pass, track->waits, &track->nr_waits, &track->cap_waits, sizeof(*waits));
	if (!waits)
		return;
	track->waits = waits;
	waits[track->nr_waits - 1] = wait;
	t->waits_for = lock + 1;
	t->wait = (uint32_t)track->nr_waits - 1;
	start_wait(pass, track, &wait);
}

static void count_wait(struct pass *pass, uint32_t lock, const struct wait *wait)
{
	uint32_t key[TALLY_KEY] = { lock, wait->stack, wait->node, wait->thread,
				    wait->phase };
	struct tally_row *row;
	uint64_t ticks = wait->end - wait->begin;

	if (wait->ignored)
		return;
	row = tally_get(&pass->wait_stacks, key);
	if (!row) {
		pass->failed = true;
		return;
	}
	row->count++;
	row->ticks += ticks;
	if (row->max < ticks)
		row->max = ticks;
}

/* The wait that ends with this event, from `end - waited` to `end`. */
static struct wait end_wait(struct pass *pass, uint32_t lock, const struct pass_event *event,
			    uint64_t waited, uint64_t end)
{
	bool here = pass->threads[event->thread].waits_for == lock + 1;
	struct wait wait;

	if (!take_wait(pass, event->thread, end, &wait) || !here) {
		wait = (struct wait){ .number = ++pass->nr_waits, .thread = event->thread };
		if (event->type == TRACE_EV_WAIT_END)
			wait.stack = event->stack;
		if (!pass->tracks[lock]->max_waiters && !pass->nodes[event->node].ignored)
			pass->tracks[lock]->max_waiters = 1;
	}
	set_node(pass, &wait, event->node);
	wait.end = end;
	wait.begin = end > waited ? end - waited : 0;
	count_wait(pass, lock, &wait);
	return wait;
}

static void charge_closed(struct pass *pass, uint32_t lock)
{
	struct track *track = pass->tracks[lock];

	for (size_t i = 0; i < track->nr_closed; i++)
		charge(pass, lock, &track->closed[i], track->nr_holds, track->closed[i].begin,
		       track->closed[i].end);
	track->nr_closed = 0;
}

static void fail_wait(struct pass *pass, uint32_t lock, const struct pass_event *event)
{
	struct track *track = pass->tracks[lock];
	struct wait wait = end_wait(pass, lock, event, event->a, event->ticks), *closed;

	if (track->nr_closed >= CLOSED_MAX)
		charge_closed(pass, lock);
	closed = pass_push(pass, track->closed, &track->nr_closed, &track->cap_closed,
			   sizeof(*closed));
	if (!closed)
		return;
	track->closed = closed;
	closed[track->nr_closed - 1] = wait;
}

static void acquire(struct pass *pass, uint32_t lock, const struct pass_event *event)
{
	struct track *track = pass->tracks[lock];
	struct hold hold = {
		.begin = event->ticks > event->a ? event->ticks - event->a : 0,
		.end = event->ticks,
		.thread = event->thread,
		.node = pass->nodes[event->node].same,
		.stack = event->stack,
		.shared = pass->nodes[event->node].mode & TRACE_SHARED,
	};
	struct wait wait;

	if (event->flags & TRACE_ACQ_NO_HOLD)
		hold.begin = hold.end;
	if (event->flags & TRACE_ACQ_WAITED) {
		wait = end_wait(pass, lock, event, event->b, hold.begin);
		charge(pass, lock, &wait, track->nr_holds, wait.begin, wait.end);
	}
	count_owner(track, event->thread, pass->nodes[event->node].ignored);
	if (event->flags & TRACE_ACQ_NO_HOLD)
		return;
	add_hold(pass, lock, &hold);
	/* All waits in `closed` ended before this hold did, so no later one can concern them. */
	if (track->nr_closed && !hold.shared)
		charge_closed(pass, lock);
}

void blame_event(struct pass *pass, const struct pass_event *event)
{
	uint32_t lock = pass->nodes[event->node].lock;

	if (!pass_track(pass, lock))
		return;
	if (event->type == TRACE_EV_WAIT_BEGIN)
		begin_wait(pass, lock, event);
	else if (event->type == TRACE_EV_WAIT_END)
		fail_wait(pass, lock, event);
	else
		acquire(pass, lock, event);
}

void blame_finish(struct pass *pass)
{
	struct wait lost;

	for (uint32_t i = 0; i < pass->nr_threads; i++)
		take_wait(pass, i, UINT64_MAX, &lost);
	for (uint32_t lock = 0; lock < pass->nr_locks; lock++)
		if (pass->tracks[lock])
			charge_closed(pass, lock);
}
