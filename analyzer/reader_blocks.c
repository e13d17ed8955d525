/* SPDX-License-Identifier: MIT */
/*
 * reader_blocks.c: walks the blocks of a trace and makes streams of events from them
 *
 * Slots are read before EVENTS blocks. A program that runs on may flush a ring in between: then the
 * block is found too, and the copied ring is known for a duplicate by its sequence, just as after a
 * kill between writing the block and resetting the ring. The other order could miss both.
 *
 * A block that fails its checksum is no damage while the ring that it was made from is still there:
 * the program was killed while it wrote. Every other hole in a slot's sequence is told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reader_internal.h"

/* An EVENTS block as its head tells it. */
struct block_ref {
	uint64_t offset; /* of the head */
	uint32_t slot, thread, sequence, length;
	uint64_t base_ticks, last_ticks;
	const char *bad; /* why it cannot be used, NULL when it can */
};

/* The type of a block; 0: nothing to read there. The head fits in the file when it is not 0. */
static uint32_t block_type(struct reader *reader, uint64_t number)
{
	uint64_t offset = number * TRACE_BLOCK_SIZE;
	const struct trace_block *head = (const void *)(reader->map + offset);
	uint32_t magic;

	if (reader_block_bytes(reader, number) < sizeof(*head))
		return 0;
	magic = __atomic_load_n(&head->magic, __ATOMIC_ACQUIRE);
	return magic == TRACE_BLOCK_MAGIC ? head->type : 0;
}

/* What looks like a block, but is none that this reader knows. */
static void block_unknown(struct reader *reader, uint64_t number)
{
	uint64_t offset = number * TRACE_BLOCK_SIZE;
	const struct trace_block *head = (const void *)(reader->map + offset);
	bool newer = reader->header.version > TRACE_VERSION;

	if (reader_block_bytes(reader, number) < sizeof(*head) || !head->magic)
		return;
	if (head->magic != TRACE_BLOCK_MAGIC)
		reader_damaged(reader, offset, "no block begins here (magic 0x%08x), skipped",
			       head->magic);
	else if (!newer)
		reader_damaged(reader, offset, "block of unknown type %u, skipped", head->type);
}

/* ---- slots ---- */

/* Its head first, so that all events before it are in what is copied next. */
static void slot_copy_once(struct trace_slot *to, const struct trace_slot *from,
			   unsigned char *scratch, const unsigned char *ring)
{
	uint32_t head = __atomic_load_n(&from->head, __ATOMIC_ACQUIRE);

	memcpy(to, from, sizeof(*to));
	to->head = head;
	if (scratch && to->tail < head && head <= TRACE_RING_SIZE)
		memcpy(scratch, ring + to->tail, head - to->tail);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/* The owner may flush or fold while we copy: then the copy is taken again. */
static int slot_copy_live(struct reader *reader, struct reader_slot *slot,
			  const struct trace_slot *from, const unsigned char *ring)
{
	unsigned char scratch[TRACE_RING_SIZE], *copy;
	struct trace_slot *to = slot->state;

	for (int tries = 0; tries < 10; tries++) {
		slot_copy_once(to, from, scratch, ring);
		if (from->sequence == to->sequence && from->tail == to->tail &&
		    from->base_ticks == to->base_ticks)
			break;
	}
	slot->ring_bytes =
		to->tail < to->head && to->head <= TRACE_RING_SIZE ? to->head - to->tail : 0;
	copy = reader_pool(reader, slot->ring_bytes);
	if (!copy)
		return -ENOMEM;
	slot->ring = memcpy(copy, scratch, slot->ring_bytes);
	return 0;
}

/* The ring of a program that is gone is used where it lies, as far as the file has it. */
static void slot_ring(struct reader *reader, struct reader_slot *slot, const unsigned char *ring,
		      uint32_t room)
{
	const struct trace_slot *s = slot->state;
	uint32_t head = s->head < room ? s->head : room;

	if (!s->head)
		return; /* also when killed before `tail` followed */
	if (s->head > TRACE_RING_SIZE || s->tail > s->head) {
		reader_damaged(reader, slot->offset, "slot %u: ring from %u to %u is impossible",
			       s->block.slot, s->tail, s->head);
		return;
	}
	if (head < s->head)
		reader_damaged(reader, slot->offset, "slot %u: the file ends in its ring",
			       s->block.slot);
	if (s->tail >= head)
		return;
	slot->ring = ring + s->tail;
	slot->ring_bytes = head - s->tail;
}

static int slot_read(struct reader *reader, uint64_t number)
{
	uint64_t offset = number * TRACE_BLOCK_SIZE;
	uint32_t bytes = reader_block_bytes(reader, number);
	uint32_t room = bytes > TRACE_STATE_SIZE ? bytes - TRACE_STATE_SIZE : 0;
	const struct trace_slot *from = (const void *)(reader->map + offset);
	const unsigned char *ring = reader->map + offset + TRACE_STATE_SIZE;
	struct reader_slot *slot;

	if (bytes < sizeof(*from) || !from->block.slot) {
		reader_damaged(reader, offset,
			       bytes < sizeof(*from) ? "the file ends in the state of a slot"
						     : "slot without number");
		return 0;
	}
	slot = reader_vector_push(&reader->slots, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = (struct reader_slot){ .offset = offset };
	slot->state = reader_pool(reader, sizeof(*slot->state));
	if (!slot->state)
		return -ENOMEM;
	if (reader->live && room == TRACE_RING_SIZE)
		return slot_copy_live(reader, slot, from, ring);
	slot_copy_once(slot->state, from, NULL, ring);
	slot_ring(reader, slot, ring, room);
	return 0;
}

static int slot_order(const void *a, const void *b)
{
	const struct reader_slot *x = a, *y = b;
	uint32_t i = x->state->block.slot, j = y->state->block.slot;

	if (i != j)
		return i < j ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Sorted by number, each once. */
static void slots_sort(struct reader *reader)
{
	struct reader_slot *slot = reader->slots.item;
	size_t kept = 0;

	if (reader->slots.nr)
		qsort(slot, reader->slots.nr, sizeof(*slot), slot_order);
	for (size_t i = 0; i < reader->slots.nr; i++) {
		uint32_t number = slot[i].state->block.slot;

		if (kept && slot[kept - 1].state->block.slot == number)
			reader_damaged(reader, slot[i].offset, "slot %u again, skipped", number);
		else
			slot[kept++] = slot[i];
	}
	reader->slots.nr = kept;
}

static const struct reader_slot *slot_find(const struct reader *reader, uint32_t number)
{
	const struct reader_slot *slot = reader->slots.item;
	size_t low = 0, high = reader->slots.nr;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (slot[middle].state->block.slot < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < reader->slots.nr && slot[low].state->block.slot == number ? slot + low : NULL;
}

/* ---- EVENTS blocks ---- */

static const char *events_bad(const struct block_ref *ref, uint64_t checksum,
			      const unsigned char *bytes, uint32_t room)
{
	if (!ref->slot || !ref->sequence)
		return "events without slot or sequence";
	if (ref->length > room)
		return "events longer than their block or the file";
	if (trace_checksum(bytes, ref->length) != checksum)
		return "events with a wrong checksum";
	return NULL;
}

static int events_read(struct reader *reader, uint64_t number, struct reader_vector *refs)
{
	uint64_t offset = number * TRACE_BLOCK_SIZE;
	struct block_ref *ref = reader_vector_push(refs, sizeof(*ref));
	uint32_t room = reader_block_bytes(reader, number) - (uint32_t)sizeof(struct trace_block);
	struct trace_block b;

	if (!ref)
		return -ENOMEM;
	memcpy(&b, reader->map + offset, sizeof(b));
	*ref = (struct block_ref){ .offset = offset,
				   .slot = b.slot,
				   .thread = b.thread,
				   .sequence = b.sequence,
				   .length = b.length,
				   .base_ticks = b.base_ticks,
				   .last_ticks = b.last_ticks };
	ref->bad = events_bad(ref, b.checksum, reader->map + offset + sizeof(b), room);
	return 0;
}

static int ref_order(const void *a, const void *b)
{
	const struct block_ref *x = a, *y = b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	if (x->sequence != y->sequence)
		return x->sequence < y->sequence ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Leaves out the bad ones. */
static void refs_sort(struct reader *reader, struct reader_vector *refs)
{
	struct block_ref *ref = refs->item;
	const struct reader_slot *slot;
	size_t kept = 0;

	for (size_t i = 0; i < refs->nr; i++) {
		if (!ref[i].bad) {
			ref[kept++] = ref[i];
			continue;
		}
		slot = slot_find(reader, ref[i].slot);
		if (!slot || slot->state->sequence != ref[i].sequence || !slot->ring_bytes)
			reader_damaged(reader, ref[i].offset, "%s (slot %u, sequence %u), skipped",
				       ref[i].bad, ref[i].slot, ref[i].sequence);
	}
	refs->nr = kept;
	if (kept)
		qsort(ref, kept, sizeof(*ref), ref_order);
}

/* ---- streams ---- */

static int chunk_add(struct reader *reader, const struct reader_chunk *from)
{
	struct reader_chunk *chunk = reader_vector_push(&reader->chunks, sizeof(*chunk));

	if (!chunk)
		return -ENOMEM;
	*chunk = *from;
	reader_seen(reader, chunk->last_ticks);
	return 0;
}

static void missing(struct reader *reader, uint64_t offset, uint32_t slot, uint64_t from,
		    uint64_t to)
{
	if (!reader->live)
		reader_damaged(reader, offset,
			       "events missing: slot %u lacks its blocks %llu to %llu", slot,
			       (unsigned long long)from, (unsigned long long)(to - 1));
}

/* A full block. *next is the sequence that should come. */
static int chunk_of_block(struct reader *reader, const struct block_ref *ref, uint64_t *next)
{
	const unsigned char *begin = reader->map + ref->offset + sizeof(struct trace_block);
	struct reader_chunk chunk = { .begin = begin,
				      .end = begin + ref->length,
				      .base_ticks = ref->base_ticks,
				      .last_ticks = ref->last_ticks,
				      .thread = ref->thread,
				      .offset = ref->offset + sizeof(struct trace_block) };

	if (ref->sequence < *next) {
		reader_damaged(reader, ref->offset, "slot %u, sequence %u again, skipped",
			       ref->slot, ref->sequence);
		return 0;
	}
	if (ref->sequence > *next)
		missing(reader, ref->offset, ref->slot, *next, ref->sequence);
	if (ref->last_ticks < ref->base_ticks) {
		reader_damaged(reader, ref->offset, "slot %u, sequence %u: time goes back",
			       ref->slot, ref->sequence);
		chunk.last_ticks = chunk.base_ticks;
	}
	*next = (uint64_t)ref->sequence + 1;
	return chunk_add(reader, &chunk);
}

/* What is in a ring, as far as it decodes. */
static int chunk_of_ring(struct reader *reader, const struct reader_slot *slot)
{
	const struct trace_slot *s = slot->state;
	const unsigned char *end = slot->ring + slot->ring_bytes, *p = slot->ring, *next;
	struct trace_event e = { .ticks = s->base_ticks };
	struct reader_chunk chunk = { .begin = p,
				      .base_ticks = s->base_ticks,
				      .last_ticks = s->base_ticks,
				      .thread = s->thread_at_tail,
				      .offset = slot->offset + TRACE_STATE_SIZE + s->tail };

	for (; p < end && (next = event_get(p, end, &e)); p = next)
		chunk.last_ticks = e.ticks;
	if (p < end)
		reader_damaged(reader, chunk.offset + (uint64_t)(p - slot->ring),
			       "slot %u: no event in the ring here, %zu bytes skipped",
			       s->block.slot, (size_t)(end - p));
	chunk.end = p;
	return p == slot->ring ? 0 : chunk_add(reader, &chunk);
}

/* The blocks are of one slot, and `slot` is its state; either may be missing. */
static int stream_add(struct reader *reader, uint32_t number, const struct block_ref *ref,
		      size_t nr_refs, const struct reader_slot *slot)
{
	size_t before = reader->chunks.nr;
	struct reader_stream *stream;
	uint64_t next = 1;
	int err = 0;

	for (size_t i = 0; !err && i < nr_refs; i++)
		err = chunk_of_block(reader, &ref[i], &next);
	/* In profile mode rings were folded from there on. */
	if (!err && slot && slot->state->sequence > next &&
	    reader->header.mode != TRACE_MODE_PROFILE)
		missing(reader, slot->offset, number, next, slot->state->sequence);
	if (!err && slot && slot->state->sequence >= next && slot->ring_bytes)
		err = chunk_of_ring(reader, slot);
	if (err || reader->chunks.nr == before)
		return err;
	stream = reader_vector_push(&reader->streams, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	*stream = (struct reader_stream){ .slot = number, .nr_chunks = reader->chunks.nr - before };
	return 0;
}

/* Merges the sorted blocks and the sorted slots. */
static int streams_make(struct reader *reader, const struct reader_vector *refs)
{
	const struct block_ref *ref = refs->item;
	const struct reader_slot *slot = reader->slots.item;
	size_t i = 0, j = 0, group, nr_slots = reader->slots.nr;
	const struct reader_chunk *chunk;
	struct reader_stream *stream;
	int err = 0;

	while (!err && (i < refs->nr || j < nr_slots)) {
		uint32_t number = i < refs->nr ? ref[i].slot : UINT32_MAX;
		bool has_slot;

		if (j < nr_slots && slot[j].state->block.slot < number)
			number = slot[j].state->block.slot;
		has_slot = j < nr_slots && slot[j].state->block.slot == number;
		for (group = i; i < refs->nr && ref[i].slot == number;)
			i++;
		err = stream_add(reader, number, i > group ? &ref[group] : NULL, i - group,
				 has_slot ? &slot[j] : NULL);
		j += has_slot;
	}
	chunk = reader->chunks.item;
	stream = reader->streams.item;
	for (i = 0; i < reader->streams.nr; i++) {
		stream[i].chunks = chunk;
		chunk += stream[i].nr_chunks;
	}
	return err;
}

/* ---- the walk ---- */

static int walk_slots(struct reader *reader)
{
	int err = 0;

	for (uint64_t i = 1; !err && i < reader->nr_blocks; i = reader_next_block(reader, i)) {
		uint32_t type = block_type(reader, i);

		if (type == TRACE_BLOCK_SLOT)
			err = slot_read(reader, i);
		else if (type == TRACE_BLOCK_RECORDS)
			reader->records_bytes += reader_block_bytes(reader, i);
	}
	if (!err)
		slots_sort(reader);
	return err;
}

static int walk_others(struct reader *reader, struct reader_vector *refs)
{
	uint64_t next;
	int err = 0;

	for (uint64_t i = 1; !err && i < reader->nr_blocks; i = next) {
		uint32_t type = block_type(reader, i);

		next = reader_next_block(reader, i);
		if (type < TRACE_BLOCK_MAX)
			reader->nr_of_type[type] += next - i;
		switch (type) {
		case TRACE_BLOCK_SLOT:
			break;
		case TRACE_BLOCK_EVENTS:
			err = events_read(reader, i, refs);
			break;
		case TRACE_BLOCK_RECORDS:
			err = reader_read_records(reader, i);
			break;
		case TRACE_BLOCK_FLIGHT:
			err = reader_read_flight(reader, i);
			break;
		default:
			block_unknown(reader, i);
		}
	}
	return err;
}

int reader_read_blocks(struct reader *reader)
{
	struct reader_vector refs = { 0 };
	int err = walk_slots(reader);

	if (!err)
		err = walk_others(reader, &refs);
	if (!err) {
		refs_sort(reader, &refs);
		err = streams_make(reader, &refs);
	}
	if (!err)
		err = reader_finish_flights(reader);
	free(refs.item);
	return err;
}
