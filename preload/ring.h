/* SPDX-License-Identifier: MIT */
/*
 * ring.h: a thread's event buffer, in the pages of its SLOT block
 *
 * Single writer, no reader while the program runs. Events are appended behind `head`; `head` is
 * stored after the bytes, so whoever looks after a kill finds whole events. A full ring is written
 * to the file as an EVENTS block (trace mode) or folded into statistics (profile mode).
 */
#ifndef LOCKPROF_RING_H
#define LOCKPROF_RING_H

#include "../trace/event.h"
#include "thread.h"

/* Room that is kept free: events may still be appended while locks are held. */
#define RING_HARD (TRACE_RING_SIZE - 4 * TRACE_EVENT_BYTES)
#define RING_SOFT (TRACE_RING_SIZE - 4096)

/* Empties the ring: written or folded, never dropped without a count. */
void ring_flush(struct thread *t);

static inline bool ring_wants_flush(const struct thread *t)
{
	uint32_t head = t->slot->head;

	return head > t->soft && (t->top == t->slot->held || head > t->hard);
}

/* Makes [slot->head, p) part of the ring. */
static inline void ring_commit(struct thread *t, unsigned char *p, uint64_t delta)
{
	struct trace_slot *slot = t->slot;

	slot->last_ticks += delta;
	barrier();
	slot->head = (uint32_t)(p - t->ring);
	barrier();
	if (unlikely(slot->head > t->soft) && ring_wants_flush(t))
		ring_flush(t);
}

/* Time since the last event. An event that is late (a signal handler came in between) counts as
 * no time, so that the deltas always add up to last_ticks. */
static inline uint64_t ring_delta(const struct thread *t, uint64_t now)
{
	uint64_t last = t->slot->last_ticks;

	return likely(now >= last) ? now - last : 0;
}

/* Appends an uncontended acquisition, at its release. */
static inline void ring_plain(struct thread *t, uint32_t node, uint64_t now, uint64_t hold)
{
	unsigned char *p = t->ring + t->slot->head;
	uint64_t delta = ring_delta(t, now);

	if (likely(node < 64 && (delta | hold) < 128)) {
		uint32_t bytes = node << 1 | (uint32_t)delta << 8 | (uint32_t)hold << 16;

		__builtin_memcpy(p, &bytes, 4);	/* the fourth is overwritten by the next event */
		p += 3;
	} else {
		p = event_put_plain(p, node, delta, hold);
	}
	ring_commit(t, p, delta);
}

/* Appends any other event. */
void ring_event(struct thread *t, enum trace_event_type type, uint64_t arg, uint64_t now,
		const uint64_t *value);

#endif
