/* SPDX-License-Identifier: MIT */
/*
 * apart.c: condition variables and barriers, whose waits are no contention
 *
 * The wait of a condition is for somebody else's work; its tail, from the signal to the return, is
 * what waking up and taking the mutex again cost. Which signal woke a waiter is not recorded: the
 * latest one at or before the return stands for it, so the tail is a lower bound.
 *
 * The waits of a barrier are known at departure. A thread arrives in a round before anybody leaves
 * it and in the next one after that, so the first one that arrived after the first departure opens
 * the next round; the barrier's count says the same where clocks are too coarse.
 */
#include "pass.h"

static void signal_event(struct track *track, const struct pass_event *event, bool ignored)
{
	track->last_signal = event->ticks;
	if (ignored)
		return;
	track->broadcasts += event->b != 0;
	track->unheard += event->a == 0;
}

static void cond_return(struct track *track, const struct pass_event *event)
{
	uint64_t begin = event->ticks > event->a ? event->ticks - event->a : 0;
	uint64_t tail = event->ticks - track->last_signal;

	if (event->b || !track->last_signal || track->last_signal < begin)
		return;
	track->tail_ticks += tail;
	if (track->tail_max_ticks < tail)
		track->tail_max_ticks = tail;
}

/* The round is complete, as far as it can be known. */
static void end_round(struct pass *pass, struct track *track, uint32_t lock)
{
	uint32_t key[TALLY_KEY] = { lock, track->last_thread };
	struct tally_row *row;

	if (track->arrived < 2 || (pass->locks[lock] && track->arrived < pass->locks[lock]->value))
		return;
	track->late_ticks += (track->last_arrival - track->arrival_before) * (track->arrived - 1);
	row = tally_get(&pass->last, key);
	pass->failed |= !row;
	if (row)
		row->ticks++;
}

static void arrive(struct pass *pass, struct track *track, uint32_t lock,
		   const struct pass_event *event)
{
	uint64_t arrival = event->ticks > event->a ? event->ticks - event->a : 0;
	uint32_t count = pass->locks[lock] ? pass->locks[lock]->value : 0;

	if (track->arrived && (track->arrived == count || arrival > track->first_departure)) {
		end_round(pass, track, lock);
		track->arrived = 0;
	}
	if (!track->arrived++) {
		track->first_departure = event->ticks;
		track->last_arrival = arrival;
		track->arrival_before = 0;
		track->last_thread = event->thread;
	} else if (arrival > track->last_arrival) {
		track->arrival_before = track->last_arrival;
		track->last_arrival = arrival;
		track->last_thread = event->thread;
	} else if (arrival > track->arrival_before) {
		track->arrival_before = arrival;
	}
	track->rounds += event->b != 0;
}

void apart_event(struct pass *pass, const struct pass_event *event)
{
	uint32_t lock = pass->nodes[event->node].lock;
	struct track *track = pass_track(pass, lock);
	bool ignored = pass->nodes[event->node].ignored;

	if (!track)
		return;
	if (event->type == TRACE_EV_SIGNAL)
		signal_event(track, event, ignored);
	else if (ignored)
		return;
	else if (event->type == TRACE_EV_COND_WAIT)
		cond_return(track, event);
	else
		arrive(pass, track, lock, event);
}

void apart_finish(struct pass *pass)
{
	for (uint32_t lock = 0; lock < pass->nr_locks; lock++)
		if (pass->tracks[lock])
			end_round(pass, pass->tracks[lock], lock);
}
