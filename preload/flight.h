/* SPDX-License-Identifier: MIT */
/*
 * flight.h: the flight recorder: the latest waits of each slot, one by one, in profile mode
 *
 * Statistics know how long threads waited, and not for whom. So when a ring is folded, the events
 * of waits are kept besides: begins and ends of waits, holds that were released to a waiter, and
 * long holds of what somebody waited for once: a thread may take a lock before the one that was woken for it
 * can, and nobody is seen waiting then. From these the analyzer cuts each wait along the holds of
 * others, as in trace mode. They lie in FLIGHT blocks, mapped pages of the file, a few for each slot; when these are full the oldest
 * begins anew. So the space is bounded, and no system call is made but for a slot's first blocks.
 */
#ifndef LOCKPROF_FLIGHT_H
#define LOCKPROF_FLIGHT_H

#include <stdbool.h>

#include "../trace/event.h"

/*
 * All slots together have at most FLIGHT_TOTAL blocks (32 MiB), and no more than an eighth of
 * max_size, but FLIGHT_LEAST in any case; one slot has FLIGHT_SLOT, and a single one when half of all are given out.
 */
#define FLIGHT_SLOT  8u
#define FLIGHT_TOTAL 512u
#define FLIGHT_LEAST 16u

/* Ticks, some 6 us: shorter ones are many, and little to blame each. */
#define FLIGHT_LONG_HOLD 8192u
#define FLIGHT_NODES 1024u

/* Written by the slot's owner only. */
struct flight {
	struct trace_block *block[FLIGHT_SLOT];
	uint32_t nr, now;	/* blocks there are; index of the one that is filled */
	uint32_t sequence;	/* of that one */
	uint32_t thread;	/* of the events that come */
	uint64_t waited[FLIGHT_NODES / 64];	/* bits: hashes of nodes with waits */
};

/* A new process, or a forked child: no block is given out. max_size: 0 is no limit. */
void flight_init(uint64_t max_size);
/* Keeps the event if it is one of a wait. slot: the number. */
void flight_add(struct flight *flight, uint32_t slot, const struct trace_event *event);

/* Most events are none. */
static inline bool flight_may_keep(const struct trace_event *event)
{
	return event->type != TRACE_EV_PLAIN || event->value[ACQ_HOLD] >= FLIGHT_LONG_HOLD;
}

#endif
