/* SPDX-License-Identifier: MIT */
/*
 * meet.h: threads that wait for each other in front of a deadlock
 *
 * A thread that stands at a member's place says so in a table, with what it holds and what it is
 * about to ask for, and looks whether with the others there it makes the plan's cycle. If so, all
 * of them go on, into it. If not, it stays there until another one completes the cycle, or its time
 * is over.
 *
 * Places are not enough to tell a cycle: five philosophers stand at the same two. So the locks are
 * compared, by their addresses: what one asks for must be what the next one holds.
 */
#ifndef LOCKPROF_CONFIRM_MEET_H
#define LOCKPROF_CONFIRM_MEET_H

#include "points.h"

struct presence {
	uintptr_t wanted; /* what it asks for; 0: not yet known */
	uint32_t members; /* bits of those that it may be */
	uint32_t nr_holds;
	struct hold holds[4];
};

/* Memory that a forked child finds empty. 0 or -1. */
int meet_init(void);
/*
 * Did the others come, or were they there? Waits for at most wait_ns; 0: only looks. Those that
 * make the cycle with this one go on.
 */
bool meet(const struct presence *presence, uint64_t wait_ns);
/* Could it be a part of a cycle with those that are there now? With nobody there it could. */
bool meet_is_open(const struct presence *presence);
/* Waits until another thread is there as another member than these. */
bool meet_other(uint32_t members, uint64_t wait_ns);

uint64_t meet_clock_ns(void);

#endif
