/* SPDX-License-Identifier: MIT */
/* hangs.c: see hangs.h */
#include "hangs.h"

#include <errno.h>
#include <stdlib.h>

uint32_t hangs_thread(const struct model *model, const struct process *process, uint32_t id)
{
	for (size_t i = 0; i < model->nr_threads; i++)
		if (model->threads[i].process == process && model->threads[i].id == id)
			return (uint32_t)i;
	return UINT32_MAX;
}

static uint32_t find_lock(const struct model *model, const struct process *process, uint32_t id)
{
	for (size_t i = 0; i < model->nr_locks; i++)
		if (model->locks[i].process == process && model->locks[i].id == id)
			return (uint32_t)i;
	return UINT32_MAX;
}

/* What it waits for; false: for nothing that is known. */
static bool find_wanted(const struct model *model, struct hang *hang)
{
	const struct trace_node *node = reader_node(hang->process->reader, hang->slot->wait_node);

	if (node) {
		hang->lock = find_lock(model, hang->process, node->lock);
		hang->mode = node->mode;
		if (hang->lock != UINT32_MAX)
			return true;
	}
	hang->target = hangs_thread(model, hang->process, hang->slot->wait_thread);
	return hang->slot->wait_thread != 0;
}

static bool find_hang(const struct model *model, const struct process *process,
		      const struct trace_slot *slot, struct hang *hang)
{
	uint64_t now_ns = reader_now_ns(process->reader);
	uint64_t since_ns = reader_time_ns(process->reader, slot->wait_since);

	*hang = (struct hang){ .process = process,
			       .slot = slot,
			       .lock = UINT32_MAX,
			       .target = UINT32_MAX,
			       .is_bounded = slot->wait_flags & TRACE_WAIT_BOUNDED };
	if (!slot->thread || !find_wanted(model, hang))
		return false;
	hang->thread = hangs_thread(model, process, slot->thread);
	hang->is_bounded |= (hang->mode & TRACE_HOW_MASK) == TRACE_HOW_TIMED;
	if (now_ns > since_ns)
		hang->wait_ns = now_ns - since_ns;
	return true;
}

static int by_thread(const void *a, const void *b)
{
	const struct hang *x = a, *y = b;

	return (x->thread > y->thread) - (x->thread < y->thread);
}

int hangs_find(const struct model *model, struct hang **hangs, size_t *nr)
{
	size_t max = 0;

	for (size_t i = 0; i < model->nr_processes; i++)
		if (model->processes[i].reader)
			max += reader_nr_slots(model->processes[i].reader);
	*nr = 0;
	*hangs = calloc(max + 1, sizeof(**hangs));
	if (!*hangs)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_processes; i++) {
		const struct process *process = &model->processes[i];
		size_t nr_slots = process->reader ? reader_nr_slots(process->reader) : 0;

		for (size_t k = 0; k < nr_slots; k++)
			*nr += find_hang(model, process, reader_slot(process->reader, k),
					 &(*hangs)[*nr]);
	}
	qsort(*hangs, *nr, sizeof(**hangs), by_thread);
	return 0;
}

/* Two readers do not exclude each other. */
static bool excludes(const struct hang *hang, const struct trace_held *held)
{
	return !(hang->mode & TRACE_SHARED) || !(held->mode & TRACE_SHARED);
}

bool hang_next_holder(const struct model *model, const struct hang *hang,
		      struct hang_holder *holder)
{
	struct reader *reader = hang->process->reader;

	while (hang->lock != UINT32_MAX && holder->next < reader_nr_slots(reader)) {
		const struct trace_slot *slot = reader_slot(reader, holder->next++);

		for (size_t i = 0; i < TRACE_HELD_MAX && slot->held[i].lock; i++) {
			if (slot->held[i].lock != model->locks[hang->lock].record->address ||
			    !excludes(hang, &slot->held[i]))
				continue;
			holder->slot = slot;
			holder->held = &slot->held[i];
			return true;
		}
	}
	return false;
}
