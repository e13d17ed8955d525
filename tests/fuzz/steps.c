/* SPDX-License-Identifier: MIT */
/*
 * steps.c: see steps.h
 *
 * All operands are taken modulo what there is, so that most steps do something. Patches wait until
 * the trace is complete, since tracegen trusts its own blocks; then the checksums of EVENTS blocks
 * are made anew, but for blocks that a step asked to leave wrong.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/tracegen.h"
#include "steps.h"

#define SLOTS_MAX  8
#define STEPS_MAX  4096
#define BLOCKS_MAX 64

struct steps {
	struct tracegen *g;
	uint32_t slots, threads, locks, nodes, stacks, blocks;
	uint64_t now[SLOTS_MAX + 1];
	unsigned char *image;
	size_t bytes;
};

static uint64_t number(const uint8_t *from, unsigned int bytes)
{
	uint64_t value = 0;

	memcpy(&value, from, bytes);
	return value;
}

/* 0 .. nr; 0 stands for none. */
static uint32_t one_of(uint8_t byte, uint32_t nr)
{
	return byte % (nr + 1);
}

/* A slot that exists, made when there is none. */
static uint32_t slot_of(struct steps *s, uint8_t byte)
{
	if (!s->slots) {
		if (!s->threads)
			s->threads = tracegen_thread(s->g, "main", 0);
		s->slots = tracegen_slot(s->g, 1);
		s->blocks++;
	}
	return 1 + byte % s->slots;
}

static void step_acquire(struct steps *s, const uint8_t *p)
{
	uint32_t slot = slot_of(s, p[1]);
	uint64_t hold = number(p + 8, 4);

	tracegen_acquire(s->g, slot, p[2] | (uint32_t)p[3] << 8, s->now[slot] + number(p + 4, 4),
			 hold, number(p + 12, 4));
	s->now[slot] += number(p + 4, 4) + hold;
}

static void step_event(struct steps *s, const uint8_t *p)
{
	uint32_t slot = slot_of(s, p[1]);
	uint32_t type = 1 + p[2] % (TRACE_EV_MAX - 1);
	uint64_t values[TRACE_EVENT_ARGS] = { number(p + 8, 4), number(p + 12, 2), p[14], p[15] };

	if (p[14] == 0xff)
		values[1] = UINT64_MAX - p[15];
	s->now[slot] += number(p + 5, 3);
	tracegen_event(s->g, slot, (enum trace_event_type)type, number(p + 3, 2), s->now[slot],
		       values);
}

static void step_lock(struct steps *s, const uint8_t *p)
{
	uint32_t id = tracegen_lock(s->g, (enum trace_kind)(1 + p[1] % (TRACE_KIND_MAX - 1)),
				    number(p + 4, 8));
	struct trace_lock *lock = tracegen_find(s->g, TRACE_REC_LOCK, id);

	lock->flags = (uint32_t)number(p + 2, 2);
	lock->init_stack = one_of(p[12], s->stacks);
	s->locks = id;
}

static void step_node(struct steps *s, const uint8_t *p)
{
	uint32_t mode = (1 + p[3] % (TRACE_HOW_MAX - 1)) | (p[3] & 0x80 ? TRACE_SHARED : 0);
	uint32_t id = tracegen_node(s->g, one_of(p[1], s->nodes), one_of(p[2], s->locks),
				    number(p + 8, 8), mode);
	struct trace_node *node = tracegen_find(s->g, TRACE_REC_NODE, id);

	node->stack = one_of(p[4], s->stacks);
	s->nodes = id;
}

static void step_stack(struct steps *s, const uint8_t *p)
{
	uint64_t frames[32];
	uint32_t nr = p[1] % 32;

	for (uint32_t i = 0; i < nr; i++)
		frames[i] = number(p + 8, 8) + i * p[2];
	s->stacks = tracegen_stack(s->g, nr, frames);
}

static void text_of(char text[STEP_BYTES + 1], const uint8_t *p, unsigned int from)
{
	memset(text, 0, STEP_BYTES + 1);
	memcpy(text, p + from, STEP_BYTES - from);
}

static void step_slot(struct steps *s, const uint8_t *p)
{
	if (s->slots == SLOTS_MAX)
		return;
	s->slots = tracegen_slot(s->g, one_of(p[1], s->threads));
	s->blocks++;
}

static void step_hold(struct steps *s, const uint8_t *p)
{
	struct trace_slot *slot = tracegen_slot_state(s->g, slot_of(s, p[1]));
	uint32_t node = one_of(p[2], s->nodes), depth = p[3] % TRACE_HELD_MAX;

	if (p[3] & 0x80) {
		slot->wait_node = node;
		slot->wait_since = TRACEGEN_START_TICKS + number(p + 8, 4);
		slot->wait_owner = tracegen_header(s->g)->pid + p[4] % 4;
	} else {
		slot->held[depth % 4] = (struct trace_held){ .lock = number(p + 12, 4),
							     .since = number(p + 8, 4),
							     .node = node,
							     .path = node };
	}
}

/* Steps that make the trace. */
static void step_make(struct steps *s, const uint8_t *p)
{
	char text[STEP_BYTES + 1];

	switch (p[0] % STEP_MAX) {
	case STEP_ACQUIRE:
		return step_acquire(s, p);
	case STEP_EVENT:
		return step_event(s, p);
	case STEP_LOCK:
		return step_lock(s, p);
	case STEP_NODE:
		return step_node(s, p);
	case STEP_THREAD:
		text_of(text, p, 2);
		s->threads = tracegen_thread(s->g, text, one_of(p[1], s->threads));
		return;
	case STEP_SLOT:
		return step_slot(s, p);
	case STEP_STACK:
		return step_stack(s, p);
	case STEP_MODULE:
		text_of(text, p, 6);
		tracegen_module(s->g, text, number(p + 1, 4) << 12, (number(p + 1, 4) + 64) << 12,
				0);
		return;
	case STEP_NAME:
		text_of(text, p, 3);
		tracegen_name(s->g, (enum trace_name_of)(1 + p[1] % 3),
			      one_of(p[2], p[1] % 3 == 2 ? s->nodes : s->locks), text);
		return;
	case STEP_OWNER:
		tracegen_owner(s->g, slot_of(s, p[1]), one_of(p[2], s->threads),
			       s->now[slot_of(s, p[1])]);
		return;
	case STEP_HOLD:
		return step_hold(s, p);
	case STEP_CHANGE:
		tracegen_change_phase(s->g, one_of(p[1], s->nodes), p[2] & 1, number(p + 8, 4));
		return;
	case STEP_END:
		tracegen_end(s->g, number(p + 8, 4), p[1]);
		return;
	}
}

static void step_fold(struct steps *s, const uint8_t *p)
{
	uint32_t slot = slot_of(s, p[1]);

	if (p[2] & 1)
		tracegen_keep_waits(s->g);
	tracegen_fold(s->g, slot);
}

/* Steps that make blocks; there may be only so many. */
static void step_block(struct steps *s, const uint8_t *p)
{
	uint32_t what = p[0] % STEP_MAX;

	if (s->blocks++ >= BLOCKS_MAX)
		return;
	if (what == STEP_FLUSH && p[2] & 1)
		tracegen_flush_killed(s->g, slot_of(s, p[1]));
	else if (what == STEP_FLUSH)
		tracegen_flush(s->g, slot_of(s, p[1]));
	else if (what == STEP_FOLD)
		step_fold(s, p);
	else
		tracegen_hole(s->g);
}

/* ---- patches ---- */

static void patch(struct steps *s, size_t offset, const uint8_t *bytes, size_t nr)
{
	if (offset < s->bytes)
		memcpy(s->image + offset, bytes, nr < s->bytes - offset ? nr : s->bytes - offset);
}

/* The offset of the nth record of a type, 0 when there is none. */
static size_t record_find(const struct steps *s, uint32_t type, uint32_t nth)
{
	for (size_t block = TRACE_BLOCK_SIZE; block < s->bytes; block += TRACE_BLOCK_SIZE) {
		if (number(s->image + block + 4, 2) != TRACE_BLOCK_RECORDS)
			continue;
		for (size_t at = sizeof(struct trace_block), size; at < TRACE_BLOCK_SIZE;
		     at += size) {
			uint32_t size_type = (uint32_t)number(s->image + block + at, 4);

			size = size_type >> 8 >= 8 ? size_type >> 8 & ~7u : 8;
			if ((size_type & 255) == type && !nth--)
				return block + at;
		}
	}
	return 0;
}

static void step_patch(struct steps *s, const uint8_t *p)
{
	size_t nr = 1 + p[7] % 8, offset;

	switch (p[0] % STEP_MAX) {
	case STEP_RECORD:
		offset = record_find(s, 2 + p[1] % (TRACE_REC_PHASE - 1), p[2]);
		if (offset)
			patch(s, offset + (number(p + 3, 2) & 255), p + 8, nr);
		break;
	case STEP_BLOCK:
		offset = p[1] % (s->bytes / TRACE_BLOCK_SIZE) * TRACE_BLOCK_SIZE;
		/* The head and what follows it is worth most. */
		patch(s, offset + number(p + 3, 2) % (p[2] & 1 ? TRACE_BLOCK_SIZE : 4096), p + 8,
		      nr);
		break;
	}
}

static void checksums_repair(struct steps *s)
{
	for (size_t at = TRACE_BLOCK_SIZE; at < s->bytes; at += TRACE_BLOCK_SIZE) {
		struct trace_block *b = (void *)(s->image + at);

		if (b->type == TRACE_BLOCK_EVENTS && b->length <= TRACE_BLOCK_SIZE - sizeof(*b) &&
		    b->spare[1] != 1)
			b->checksum = trace_checksum(b + 1, b->length);
	}
}

static void each_step(struct steps *s, const uint8_t *data, size_t size,
		      void (*run)(struct steps *s, const uint8_t *p), bool (*is_for)(uint32_t what))
{
	for (size_t at = 0; at + STEP_BYTES <= size && at / STEP_BYTES < STEPS_MAX;
	     at += STEP_BYTES)
		if (is_for(data[at] % STEP_MAX))
			run(s, data + at);
}

static bool is_making(uint32_t what)
{
	return what < STEP_RECORD || what == STEP_CHANGE;
}

static bool is_patching(uint32_t what)
{
	return what == STEP_RECORD || what == STEP_BLOCK;
}

static bool is_cutting(uint32_t what)
{
	return what == STEP_CUT;
}

static void step_any(struct steps *s, const uint8_t *p)
{
	uint32_t what = p[0] % STEP_MAX;

	if (what == STEP_FLUSH || what == STEP_FOLD || what == STEP_HOLE)
		step_block(s, p);
	else
		step_make(s, p);
}

static void step_cut(struct steps *s, const uint8_t *p)
{
	s->bytes = number(p + 1, 4) % (s->bytes + 1);
}

unsigned char *steps_run(const uint8_t *data, size_t size, size_t *bytes)
{
	struct steps s = { .g = tracegen_new() };

	each_step(&s, data, size, step_any, is_making);
	s.image = tracegen_image(s.g, &s.bytes);
	tracegen_free(s.g);
	each_step(&s, data, size, step_patch, is_patching);
	checksums_repair(&s);
	each_step(&s, data, size, step_cut, is_cutting);
	*bytes = s.bytes;
	return s.image;
}
