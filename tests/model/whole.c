/* SPDX-License-Identifier: MIT */
/*
 * whole.c: what must be true of the file at every moment, a kill being possible at each
 *
 * The rules of trace/FORMAT.md, without mercy: the analyzer forgives what this does not. A record
 * that has its type is complete and refers to complete records, ids are given once, slots hold
 * whole events and whole holds, blocks of events are numbered without a gap.
 */
#include <string.h>

#include "../../trace/event.h"
#include "model.h"

enum { IDS = 64, SLOTS = 16, SEQUENCES = 64 };

static bool is_there[TRACE_REC_PHASE + 1][IDS];
static bool is_flushed[SLOTS][SEQUENCES]; /* by slot and sequence */
static bool is_final;			  /* second pass: references are looked at */
static uint64_t acquisitions;

static void *block_at(uint32_t number)
{
	return model_file + (size_t)number * TRACE_BLOCK_SIZE;
}

static bool exists(enum trace_record_type type, uint64_t id)
{
	return !is_final || (id < IDS && is_there[type][id]);
}

static void check_lock(const struct trace_lock *lock)
{
	model_assert(lock->address && lock->kind >= 1 && lock->kind < TRACE_KIND_MAX, "a lock is complete");
	if (lock->flags & TRACE_LOCK_INITIALISED)
		model_assert(lock->value == 7, "a lock has what its init call said");
}

static void check_node(const struct trace_node *node)
{
	if (node->record.id == TRACE_NODE_UNKNOWN)
		return;
	if (node->mode == TRACE_HOW_PHASE) {
		model_assert(!node->lock && !node->site && !node->parent, "a root is one");
		return;
	}
	model_assert(node->site && node->mode, "a node is complete");
	model_assert(node->mode == TRACE_HOW_WORK ? !node->lock :
						    node->lock && exists(TRACE_REC_LOCK, node->lock),
		     "a node's lock is there");
	model_assert(!node->parent || exists(TRACE_REC_NODE, node->parent),
		     "a node's parent is there");
}

static void check_stack(const struct trace_stack *stack, uint32_t size)
{
	model_assert(stack->nr_frames && sizeof(*stack) + stack->nr_frames * 8 <= size,
		     "a stack has its frames");
	for (uint32_t i = 0; i < stack->nr_frames; i++)
		model_assert(stack->frames[i], "a stack's frames are there");
}

static void check_record(const struct trace_record *record, uint32_t type, uint32_t size)
{
	const void *r = record;
	const struct trace_thread *thread = r;
	const struct trace_module *module = r;
	const struct trace_stat *stat = r;
	const struct trace_hist *hist = r;

	model_assert(record->id, "a record has an id");
	if (type == TRACE_REC_LOCK)
		check_lock(r);
	else if (type == TRACE_REC_NODE)
		check_node(r);
	else if (type == TRACE_REC_STACK)
		check_stack(r, size);
	else if (type == TRACE_REC_THREAD)
		model_assert(thread->tid && thread->slot && thread->begin_ticks,
			     "a thread is complete");
	else if (type == TRACE_REC_MODULE)
		model_assert(module->begin < module->end && module->path_bytes,
			     "a module is complete");
	else if (type == TRACE_REC_STAT)
		model_assert(stat->node && stat->thread, "a statistic is complete");
	else if (type == TRACE_REC_HIST)
		model_assert(hist->stat && hist->octave < 61, "a histogram is complete");
}

static void check_records(const unsigned char *block)
{
	uint32_t at = sizeof(struct trace_block), size, type;

	for (; at < TRACE_BLOCK_SIZE; at += size) {
		const struct trace_record *record = (const void *)(block + at);
		const struct trace_stat *stat = (const void *)record;

		size = record->size_type >> 8;
		type = record->size_type & 0xff;
		if (!record->size_type) {
			/* Whoever looks for the end of a nearly empty block has seen it here. */
			if (!memcmp(record, block + at + 8, 512) && at + 1024 < TRACE_BLOCK_SIZE)
				break;
			size = 8;
			continue;
		}
		model_assert(size >= 8 && size % 8 == 0 && at + size <= TRACE_BLOCK_SIZE &&
				     type <= TRACE_REC_PHASE,
			     "records have sizes and types");
		if (type == TRACE_REC_DEAD)
			continue;
		check_record(record, type, size);
		if (type >= TRACE_REC_NAME)
			acquisitions += type == TRACE_REC_STAT && !is_final ? stat->acquired : 0;
		else if (!is_final) {
			model_assert(record->id < IDS && !is_there[type][record->id],
				     "no id is given twice");
			is_there[type][record->id] = true;
		}
	}
}

static void check_events(const unsigned char *p, const unsigned char *end, uint64_t ticks)
{
	struct trace_event e = { .ticks = ticks };

	while (p < end) {
		p = event_get(p, end, &e);
		model_assert(p, "events are whole");
		if (e.type < TRACE_EV_CREATE || e.type == TRACE_EV_WORK)
			model_assert(exists(TRACE_REC_NODE, e.arg), "an event's node is there");
		if (!is_final)
			acquisitions += e.type <= TRACE_EV_ACQUISITION;
	}
}

static void check_events_block(const struct trace_block *block)
{
	const unsigned char *bytes = (const void *)(block + 1);

	if (block->length > TRACE_BLOCK_SIZE - sizeof(*block) ||
	    trace_checksum(bytes, block->length) != block->checksum)
		return; /* it is being written: the ring has it all */
	model_assert(block->slot < SLOTS && block->sequence < SEQUENCES, "small numbers");
	if (!is_final) {
		model_assert(!is_flushed[block->slot][block->sequence], "no number comes twice");
		is_flushed[block->slot][block->sequence] = true;
	}
	check_events(bytes, bytes + block->length, block->base_ticks);
}

static void check_slot(const struct trace_slot *slot)
{
	const struct trace_header *header = (const void *)model_file;
	const unsigned char *ring = (const unsigned char *)slot + TRACE_STATE_SIZE;
	const struct trace_held *h = slot->held;

	model_assert(slot->head <= TRACE_RING_SIZE && (slot->tail <= slot->head || !slot->head),
		     "head and tail stand in the ring");
	for (uint32_t i = 1; header->mode == TRACE_MODE_TRACE && i < slot->sequence; i++)
		model_assert(!is_final || is_flushed[slot->block.slot][i], "no flush is missing");
	for (; h->lock; h++)
		model_assert(h->node && h->path && h->site && h->since &&
				     (h->mode & TRACE_HELD_OFF ? h->node == TRACE_NODE_OFF :
								 exists(TRACE_REC_NODE, h->node)),
			     "a hold is whole");
	if (is_final && !is_flushed[slot->block.slot][slot->sequence] && slot->head)
		check_events(ring + slot->tail, ring + slot->head, slot->base_ticks);
}

static void check_flight(const struct trace_block *block)
{
	const unsigned char *p = (const void *)(block + 1), *end = p + block->length;
	struct trace_event e = { .ticks = block->base_ticks };

	model_assert(block->slot && block->length <= TRACE_BLOCK_SIZE - sizeof(*block),
		     "a flight block has its slot and length");
	model_assert(!block->length || (block->sequence && block->base_ticks),
		     "a flight block's head is complete");
	while (p < end) {
		p = event_get(p, end, &e);
		model_assert(p, "kept events are whole");
		model_assert(e.type == TRACE_EV_ACQUISITION || e.type == TRACE_EV_WAIT_BEGIN ||
				     e.type == TRACE_EV_WAIT_END || e.type == TRACE_EV_THREAD,
			     "events of waits are kept");
		model_assert(e.type == TRACE_EV_THREAD || exists(TRACE_REC_NODE, e.arg),
			     "a kept event's node is there");
	}
}

/* Of rings that are in no block yet; after all blocks. */
static void count_ring(const struct trace_slot *slot)
{
	const unsigned char *ring = (const unsigned char *)slot + TRACE_STATE_SIZE;

	is_final = false;
	if (slot->head && !is_flushed[slot->block.slot][slot->sequence])
		check_events(ring + slot->tail, ring + slot->head, slot->base_ticks);
	is_final = true;
}

static void pass(void)
{
	for (uint32_t i = 1; i < kernel_nr_blocks(); i++) {
		const struct trace_block *block = block_at(i);

		if (!block->magic)
			continue;
		model_assert(block->magic == TRACE_BLOCK_MAGIC, "a block has its mark");
		if (block->type == TRACE_BLOCK_RECORDS)
			check_records((const void *)block);
		else if (block->type == TRACE_BLOCK_SLOT)
			check_slot((const void *)block);
		else if (block->type == TRACE_BLOCK_EVENTS)
			check_events_block(block);
		else if (block->type == TRACE_BLOCK_FLIGHT)
			check_flight(block);
		else
			model_fail("violated: a block has a type");
		if (is_final && block->type == TRACE_BLOCK_SLOT)
			count_ring((const void *)block);
	}
}

void whole_check(void)
{
	memset(is_there, 0, sizeof(is_there));
	memset(is_flushed, 0, sizeof(is_flushed));
	acquisitions = 0;
	is_final = false;
	pass();
	is_final = true;
	pass();
}

uint64_t whole_acquisitions(void)
{
	return acquisitions;
}
