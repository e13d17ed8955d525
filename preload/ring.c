/* SPDX-License-Identifier: MIT */
/* ring.c: see ring.h */
#include "file.h"
#include "process.h"
#include "records.h"
#include "ring.h"

void ring_event(struct thread *t, enum trace_event_type type, uint64_t arg, uint64_t now,
		const uint64_t *value)
{
	unsigned char *p = t->ring + t->slot->head;
	uint64_t delta = ring_delta(t, now);

	if (unlikely(arg == TRACE_NODE_OFF))
		return;
	ring_commit(t, event_put(p, type, arg, delta, value), delta);
}

/* Below max_size? The other thing that ends trace mode is a block that could not be written. */
static bool may_write(void)
{
	uint64_t bytes = ((uint64_t)__atomic_load_n(&trace_header->nr_blocks, __ATOMIC_RELAXED) + 1) *
			 TRACE_BLOCK_SIZE;

	if (__atomic_load_n(&trace_header->mode, __ATOMIC_RELAXED) != TRACE_MODE_TRACE)
		return false;
	if (!trace_header->max_size || bytes <= trace_header->max_size)
		return true;
	file_event(TRACE_EVENT_SIZE_CAP);
	return false;
}

/* Writes [tail, head) as an EVENTS block. False: the ring is as it was. */
static bool ring_write(struct thread *t)
{
	struct trace_slot *slot = t->slot;
	struct trace_block head = {
		.magic = TRACE_BLOCK_MAGIC,
		.type = TRACE_BLOCK_EVENTS,
		.slot = t->number,
		.thread = slot->thread_at_tail,
		.sequence = slot->sequence,
		.length = slot->head - slot->tail,
		.checksum = trace_checksum(t->ring + slot->tail, slot->head - slot->tail),
		.base_ticks = slot->base_ticks,
		.last_ticks = slot->last_ticks,
	};

	return file_write_events(&head, t->ring + slot->tail);
}

static void folded_to(void *ctx, size_t bytes, const struct trace_event *event)
{
	struct thread *t = ctx;
	struct trace_slot *slot = t->slot;

	slot->base_ticks = event->ticks;
	__atomic_store_n(&slot->tail, (uint32_t)bytes, __ATOMIC_RELEASE);
	barrier();
	if (flight_may_keep(event))
		flight_add(&t->flight, t->number, event);
}

static void ring_fold(struct thread *t)
{
	struct trace_slot *slot = t->slot;
	uint64_t ticks = slot->base_ticks, lost = t->fold.lost;

	if (!t->fold.arena)
		fold_init(&t->fold, &records, t->id);
	t->flight.thread = slot->thread_at_tail;
	fold_events(&t->fold, t->ring + slot->tail, t->ring + slot->head, &ticks, folded_to, t);
	file_loss(TRACE_LOSS_EVENTS, t->fold.lost - lost);
}

/*
 * Once one ring could not be written, all go on folding: a trace with holes between its events
 * would be worth less than one that says where its events end.
 */
static void ring_empty(struct thread *t)
{
	struct trace_slot *slot = t->slot;

	if (!may_write() || !ring_write(t)) {
		__atomic_store_n(&trace_header->mode, TRACE_MODE_PROFILE, __ATOMIC_RELAXED);
		ring_fold(t);
	}
	/* Head first: a kill in between leaves an empty ring, not a second copy. */
	slot->head = 0;
	__atomic_store_n(&slot->tail, 0, __ATOMIC_RELEASE);
	slot->base_ticks = slot->last_ticks;
	slot->thread_at_tail = t->id;
	__atomic_store_n(&slot->sequence, slot->sequence + 1, __ATOMIC_RELEASE);
	/* Before new events: who copies them from a running program sees the new sequence after. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	process_calibrate();
}

/*
 * A thread may ask to be cancelled at any instruction, and a full ring takes its time in the
 * kernel: left there, it would be written once more when the thread ends. So the request waits.
 */
void ring_flush(struct thread *t)
{
	int type;

	if (t->slot->head <= t->slot->tail)
		return;
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	ring_empty(t);
	pthread_setcanceltype(type, NULL);
}
