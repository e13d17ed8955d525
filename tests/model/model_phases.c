/* SPDX-License-Identifier: MIT */
/*
 * model_phases.c: changes of the phase, seen by slots that come and go
 *
 * Two threads change the phase, or one switches recording off, while a third one begins. However
 * they meet: in the end all slots lie in the phase that the header says, and each change that the
 * header counts has its record. A thread that records meanwhile, and knows that a change is over,
 * records in the new phase, or nothing; all that it recorded is there.
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

/* ---- a thread that records ---- */

enum { SITE = 0x401000 };
#define MUTEX_LOCK KIND_MODE(TRACE_KIND_MUTEX, TRACE_HOW_LOCK)

static uint64_t some_lock, recorded;

static const struct trace_node *node_find(uint32_t id)
{
	for (uint32_t b = 1; b < kernel_nr_blocks(); b++) {
		unsigned char *block = model_file + (size_t)b * TRACE_BLOCK_SIZE;

		if (((struct trace_block *)(void *)block)->type != TRACE_BLOCK_RECORDS)
			continue;
		for (uint32_t at = sizeof(struct trace_block); at < 8192; at += 8) {
			const struct trace_node *node = (void *)(block + at);

			if (node->record.size_type == (sizeof(*node) << 8 | TRACE_REC_NODE) &&
			    node->record.id == id)
				return node;
		}
	}
	return NULL;
}

static bool is_in_phase(uint32_t id)
{
	const struct trace_node *node = node_find(id);

	node = node && node->parent ? node_find(node->parent) : NULL;
	return node && node->mode == TRACE_HOW_PHASE;
}

static void record_pair(uint32_t changes)
{
	struct attempt a;
	struct release r;

	if (!attempt_begin(&a, &some_lock, SITE, MUTEX_LOCK))
		model_fail("violated: a thread records");
	if (changes == 1)
		model_assert(a.node == TRACE_NODE_OFF || is_in_phase(a.node),
			     "after a change all is in the new phase");
	if (changes == 2)
		model_assert(a.node == TRACE_NODE_OFF, "after a stop nothing is recorded");
	recorded += a.node != TRACE_NODE_OFF;
	attempt_acquired(&a, 0);
	release_begin(&r, &some_lock, TRACE_KIND_MUTEX, SITE, false);
	release_end(&r);
}

void phases_record_thread(int self)
{
	struct thread *t;

	if (self == 0) {
		phase_begin("load");
		open_flag_set(1);
		phase_switch(false);
		open_flag_set(2);
		return;
	}
	thread_begin(&unknown);
	for (int i = 0; i < 2; i++)
		record_pair(open_flag_get());
	t = thread_enter();
	phase_work(t, SITE, 1);
	thread_leave(t);
}

/* Who tells what another thread is just telling is in that phase, too. */
void phases_same_thread(int self)
{
	const struct trace_header *header = (void *)model_file;

	if (self == 1)
		thread_begin(&unknown);
	phase_begin("load");
	if (self == 1)
		model_assert(thread_self()->slot->bottom.path == phase_bottom(header->phase),
			     "a phase that was told has begun");
}

/* A slot and a root are there: what is left is short. */
void phases_same_setup(void)
{
	struct thread *fresh = thread_tls;

	thread_begin(&unknown);
	open_thread_end();
	thread_tls = fresh;
	phase_begin("load");
	phase_begin(NULL);
}

void phases_record_begin(void)
{
	recorded = 0;
}

void phases_record_look(bool end)
{
	phases_look(end);
	if (end)
		model_assert(whole_acquisitions() == recorded, "what was recorded is there");
}
