/* SPDX-License-Identifier: MIT */
/*
 * ring.h: a thread's event buffer, in the pages of its SLOT block
 *
 * Single writer. Events are appended behind `head`; `head` is stored after the bytes, so whoever
 * looks after a kill finds whole events, and so does `lockprof ctl`, which copies the ring of a
 * running program (analyzer/ctl_snapshot.c): for it the store is a release, the same instruction on
 * x86-64. A full ring is written
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
	__atomic_store_n(&slot->head, (uint32_t)(p - t->ring), __ATOMIC_RELEASE);
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

/* A number below 2^14 as LEB128 in the low bytes, and how many bytes that is: no branch. */
static inline uint64_t ring_code(uint64_t v)
{
	return (v & 0x7f) | (v & 0x3f80) << 1 | (uint64_t)(v > 0x7f) << 7;
}

static inline unsigned int ring_code_bits(uint64_t v)
{
	return v > 0x7f ? 16 : 8;
}

/*
 * Puts three numbers below 2^14 together in a register and stores them at once (what hangs over is
 * overwritten by the next event): lengths that vary from event to event cost no branch.
 */
static inline unsigned char *ring_put_short(unsigned char *p, uint64_t w, uint64_t delta,
					    uint64_t hold)
{
	unsigned int after_w = ring_code_bits(w);
	unsigned int after_delta = after_w + ring_code_bits(delta);
	uint64_t bytes = ring_code(w) | ring_code(delta) << after_w |
			 ring_code(hold) << after_delta;

	__builtin_memcpy(p, &bytes, sizeof(bytes));
	return p + (after_delta + ring_code_bits(hold)) / 8;
}

/* Appends an uncontended acquisition, at its release; none of TRACE_NODE_OFF, a large number. */
static inline void ring_plain(struct thread *t, uint32_t node, uint64_t now, uint64_t hold)
{
	unsigned char *p = t->ring + t->slot->head;
	uint64_t delta = ring_delta(t, now), w = (uint64_t)node << 1;

	if (likely((w | delta | hold) < 128)) {
		uint32_t bytes = (uint32_t)(w | delta << 8 | hold << 16);

		__builtin_memcpy(p, &bytes, sizeof(bytes));
		p += 3;
	} else if (likely((w | delta | hold) < 1 << 14)) {
		p = ring_put_short(p, w, delta, hold);
	} else if (unlikely(node == TRACE_NODE_OFF)) {
		return;
	} else {
		p = event_put_plain(p, node, delta, hold);
	}
	ring_commit(t, p, delta);
}

/* Appends any other event; none about TRACE_NODE_OFF. */
void ring_event(struct thread *t, enum trace_event_type type, uint64_t arg, uint64_t now,
		const uint64_t *value);

#endif
