/* SPDX-License-Identifier: MIT */
/*
 * flight.h: the flight recorder: the latest waits of each slot, one by one, in profile mode
 *
 * Statistics know how long threads waited, and not for whom. So when a ring is folded, the events
 * of waits are kept besides: begins and ends of waits, and holds that were released to a waiter. From
 * these the analyzer cuts each wait along the holds of others, as in trace mode. They lie in
 * FLIGHT blocks, mapped pages of the file, a few for each slot; when these are full the oldest
 * begins anew. So the space is bounded, and no system call is made but for a slot's first blocks.
 */
#ifndef LOCKPROF_FLIGHT_H
#define LOCKPROF_FLIGHT_H

#include "../trace/event.h"

/*
 * All slots together have at most FLIGHT_TOTAL blocks (32 MiB), and no more than an eighth of
 * max_size, but FLIGHT_LEAST in any case; one slot has FLIGHT_SLOT, and a single one when half of all are given out.
 */
#define FLIGHT_SLOT  8u
#define FLIGHT_TOTAL 512u
#define FLIGHT_LEAST 16u

/* Written by the slot's owner only. */
struct flight {
	struct trace_block *block[FLIGHT_SLOT];
	uint32_t nr, now;	/* blocks there are; index of the one that is filled */
	uint32_t sequence;	/* of that one */
	uint32_t thread;	/* of the events that come */
};

/* A new process, or a forked child: no block is given out. max_size: 0 is no limit. */
void flight_init(uint64_t max_size);
/* Keeps the event if it is one of a wait. slot: the number. */
void flight_add(struct flight *flight, uint32_t slot, const struct trace_event *event);

#endif
