/* SPDX-License-Identifier: MIT */
/*
 * model_phases.c: changes of the phase, seen by slots that come and go
 *
 * Two threads change the phase, or one switches recording off, while a third one begins. However
 * they meet: in the end all slots lie in the phase that the header says, and each change that the
 * header counts has its record.
 */
#include "../../preload/attempt.h"
#include "../../preload/phase.h"
#include "model.h"
#include "open.h"

static const struct thread_origin unknown;

void phases_thread(int self)
{
	if (self == 0)
		phase_begin("load");
	else if (self == 1)
		thread_begin(&unknown);
	else
		phase_switch(false);
}

/* Two changes by one thread, two by the other, of one name. */
void phases_names_thread(int self)
{
	phase_begin(self ? "serve" : "load");
	phase_begin("serve");
}

static uint32_t count_changes(uint64_t *numbers)
{
	uint32_t n = 0;

	for (uint32_t b = 1; b < kernel_nr_blocks(); b++) {
		unsigned char *block = model_file + (size_t)b * TRACE_BLOCK_SIZE;
		const struct trace_record *r;

		if (((struct trace_block *)(void *)block)->type != TRACE_BLOCK_RECORDS)
			continue;
		for (size_t at = sizeof(struct trace_block); at < TRACE_BLOCK_SIZE;
		     at += r->size_type >> 8) {
			r = (void *)(block + at);
			if (!r->size_type)
				break;
			if ((r->size_type & 255) != TRACE_REC_PHASE)
				continue;
			*numbers |= 1ull << r->id;
			n++;
		}
	}
	return n;
}

void phases_look(bool end)
{
	const struct trace_header *header = (void *)model_file;
	uint32_t changes = PHASE_NUMBER(header->phase);
	uint64_t numbers = 0;

	if (!end)
		return;
	for (uint32_t b = 1; b < kernel_nr_blocks(); b++) {
		const struct trace_slot *slot = (void *)(model_file + (size_t)b * TRACE_BLOCK_SIZE);

		if (slot->block.type == TRACE_BLOCK_SLOT)
			model_assert(slot->bottom.path == phase_bottom(header->phase),
				     "each slot is in the phase of now");
	}
	model_assert(count_changes(&numbers) == changes && numbers == (2ull << changes) - 2,
		     "each change has its record");
}
