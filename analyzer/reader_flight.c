/* SPDX-License-Identifier: MIT */
/*
 * reader_flight.c: the latest waits of each slot, which a program in profile mode keeps one by one
 *
 * A FLIGHT block is filled while the program runs and begins anew when it is the oldest of its
 * slot. So a block of a running program is copied, between two looks at its sequence; one that
 * changed meanwhile is left out, and so is what stands behind the last whole event. What is missing is
 * no damage: older waits are in the statistics alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reader_internal.h"

/* A block as it is used: its events are whole. */
struct flight_ref {
	uint32_t slot, sequence;
	struct reader_chunk chunk;
};

/* The bytes of a block that may change: a copy. NULL: it changed, or there is no memory. */
static const unsigned char *copy_live(struct reader *reader, const struct trace_block *from,
				      struct trace_block *head)
{
	unsigned char *bytes = reader_pool(reader, head->length);

	if (!bytes)
		return NULL;
	memcpy(bytes, from + 1, head->length);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&from->sequence, __ATOMIC_RELAXED) == head->sequence ? bytes : NULL;
}

static bool is_kept(uint32_t type)
{
	return type == TRACE_EV_ACQUISITION || type == TRACE_EV_WAIT_BEGIN ||
	       type == TRACE_EV_WAIT_END || type == TRACE_EV_THREAD;
}

/* Up to the last whole event of those that are kept. */
static void find_end(struct reader_chunk *chunk, uint32_t length)
{
	const unsigned char *p = chunk->begin, *end = p + length, *next;
	struct trace_event e = { .ticks = chunk->base_ticks };

	for (; p < end && (next = event_get(p, end, &e)) && is_kept(e.type); p = next)
		chunk->last_ticks = e.ticks;
	chunk->end = p;
}

int reader_read_flight(struct reader *reader, uint64_t number)
{
	uint64_t offset = number * TRACE_BLOCK_SIZE;
	uint32_t room = reader_block_bytes(reader, number) - (uint32_t)sizeof(struct trace_block);
	const struct trace_block *from = (const void *)(reader->map + offset);
	struct trace_block head;
	struct flight_ref *ref, one;

	head.sequence = __atomic_load_n(&from->sequence, __ATOMIC_ACQUIRE);
	head.length = __atomic_load_n(&from->length, __ATOMIC_ACQUIRE);
	if (!head.sequence || !head.length)
		return 0; /* just made */
	if (!from->slot || head.length > TRACE_BLOCK_SIZE - sizeof(head)) {
		reader_damaged(reader, offset, "flight block of slot %u with %u bytes, skipped",
			       from->slot, head.length);
		return 0;
	}
	if (head.length > room) {
		reader_damaged(reader, offset, "the file ends in a flight block");
		head.length = room;
	}
	one = (struct flight_ref){ .slot = from->slot,
				   .sequence = head.sequence,
				   .chunk = { .begin = (const unsigned char *)(from + 1),
					      .base_ticks = from->base_ticks,
					      .last_ticks = from->base_ticks,
					      .thread = from->thread,
					      .offset = offset + sizeof(head) } };
	if (reader->live)
		one.chunk.begin = copy_live(reader, from, &head);
	if (!one.chunk.begin)
		return 0;
	find_end(&one.chunk, head.length);
	if (!reader->live && one.chunk.end < one.chunk.begin + head.length)
		reader_damaged(reader,
			       one.chunk.offset + (uint64_t)(one.chunk.end - one.chunk.begin),
			       "slot %u: no event in its flight block here, %zu bytes skipped",
			       one.slot,
			       (size_t)(one.chunk.begin + head.length - one.chunk.end));
	ref = reader_vector_push(&reader->flight_refs, sizeof(*ref));
	if (!ref)
		return -ENOMEM;
	*ref = one;
	reader_seen(reader, one.chunk.last_ticks);
	return 0;
}

static int ref_order(const void *a, const void *b)
{
	const struct flight_ref *x = a, *y = b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	if (x->sequence != y->sequence)
		return x->sequence < y->sequence ? -1 : 1;
	return x->chunk.offset < y->chunk.offset ? -1 : x->chunk.offset > y->chunk.offset;
}

/* One stream for each slot. */
int reader_finish_flights(struct reader *reader)
{
	struct flight_ref *ref = reader->flight_refs.item;
	size_t nr = reader->flight_refs.nr;
	struct reader_stream *stream = NULL;
	struct reader_chunk *chunks = reader_pool(reader, nr * sizeof(*chunks));

	if (!nr)
		return 0;
	if (!chunks)
		return -ENOMEM;
	qsort(ref, nr, sizeof(*ref), ref_order);
	for (size_t i = 0; i < nr; i++) {
		chunks[i] = ref[i].chunk;
		if (!stream || stream->slot != ref[i].slot) {
			stream = reader_vector_push(&reader->flights, sizeof(*stream));
			if (!stream)
				return -ENOMEM;
			*stream = (struct reader_stream){ .slot = ref[i].slot,
							  .chunks = &chunks[i] };
		}
		stream->nr_chunks++;
	}
	return 0;
}

size_t reader_nr_flights(const struct reader *reader)
{
	return reader->flights.nr;
}

const struct reader_stream *reader_flight(const struct reader *reader, size_t i)
{
	return (const struct reader_stream *)reader->flights.item + i;
}
