/* SPDX-License-Identifier: MIT */
/* flight.c: see flight.h */
#include "file.h"
#include "thread.h"

#define ROOM (TRACE_BLOCK_SIZE - sizeof(struct trace_block) - TRACE_EVENT_BYTES)

static uint32_t flights_given, flights_most;

void flight_init(uint64_t max_size)
{
	uint64_t eighth = max_size / 8 / TRACE_BLOCK_SIZE;

	flights_given = 0;
	flights_most = !max_size || eighth > FLIGHT_TOTAL ? FLIGHT_TOTAL :
	       eighth < FLIGHT_LEAST		  ? FLIGHT_LEAST :
						    (uint32_t)eighth;
}

/* A block more, if the slot may have one. */
static bool flight_block_new(struct flight *f, uint32_t slot)
{
	uint32_t nr = __atomic_load_n(&flights_given, __ATOMIC_RELAXED), number;
	struct trace_block *block;

	if (nr >= flights_most || f->nr >= (nr < flights_most / 2 ? FLIGHT_SLOT : 1))
		return false;
	if (__atomic_fetch_add(&flights_given, 1, __ATOMIC_RELAXED) >= flights_most)
		return false;
	block = file_map_block(TRACE_BLOCK_FLIGHT, slot, &number);
	if (!block)
		return false;
	f->now = f->nr;
	f->block[f->nr] = block;
	barrier();	/* a handler may fork here: fork.c copies so many blocks */
	f->nr++;
	return true;
}

/*
 * The next block is filled from its begin: a new one, or the oldest. Partner: the reader, which
 * looks at `sequence` before and after it copies: nothing of what follows may be seen, or be there
 * after a kill, before the new one.
 */
static struct trace_block *flight_block_begin(struct flight *f, uint32_t slot, uint64_t ticks)
{
	struct trace_block *block;

	if (!flight_block_new(f, slot)) {
		if (!f->nr)
			return NULL;
		f->now = (f->now + 1) % f->nr;
	}
	block = f->block[f->now];
	__atomic_store_n(&block->length, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&block->sequence, ++f->sequence, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	block->thread = f->thread;
	block->base_ticks = block->last_ticks = ticks;
	return block;
}

/* What blame is made of. A hold counts when somebody waited for its end. */
static bool flight_keeps(const struct trace_event *e)
{
	switch (e->type) {
	case TRACE_EV_ACQUISITION:
		return e->value[ACQ_FLAGS] & (TRACE_ACQ_WAITED | TRACE_ACQ_STACK);
	case TRACE_EV_WAIT_BEGIN:
	case TRACE_EV_WAIT_END:
	case TRACE_EV_THREAD:
		return true;
	default:
		return false;
	}
}

void flight_add(struct flight *f, uint32_t slot, const struct trace_event *e)
{
	struct trace_block *block = f->nr ? f->block[f->now] : NULL;
	unsigned char *p, *begin;

	if (!flight_keeps(e))
		return;
	if (e->type == TRACE_EV_THREAD) {
		f->thread = (uint32_t)e->arg;
		if (!block)
			return;	/* the first block's head will say it */
	}
	if (!block || block->length > ROOM)
		block = flight_block_begin(f, slot, e->ticks);
	if (!block)
		return;
	begin = (unsigned char *)(block + 1);
	p = event_put(begin + block->length, e->type, e->arg, e->ticks - block->last_ticks,
		      e->value);
	block->last_ticks = e->ticks;
	/* Partner: the reader's load. After a kill whole events are there. */
	__atomic_store_n(&block->length, (uint32_t)(p - begin), __ATOMIC_RELEASE);
}
