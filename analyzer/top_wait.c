/* SPDX-License-Identifier: MIT */
/* top_wait.c: who waits for a lock just now, and who has it */
#include "top.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void name_thread(const struct reader *reader, uint32_t id, char to[48])
{
	const struct trace_thread *thread = reader_thread(reader, id);

	if (thread)
		snprintf(to, 48, "%s%s(%u)", thread->name, *thread->name ? " " : "", thread->tid);
	else
		snprintf(to, 48, "thread %u", id);
}

static uint64_t ns_since(const struct reader *reader, uint64_t ticks)
{
	uint64_t begin = reader_time_ns(reader, ticks);
	uint64_t end = reader_time_ns(reader, reader_end_ticks(reader));

	return end > begin ? end - begin : 0;
}

/*
 * Two readers do not exclude each other. The slots were copied one after the other, so a lock that
 * goes from hand to hand may be seen in two: then the later one has it. Of several who share it the
 * one who has had it longest is told.
 */
static void add_holder(const struct reader *reader, const struct trace_slot *slot,
		       const struct trace_held *held, bool has_one, struct top_wait *wait)
{
	uint64_t held_ns = ns_since(reader, held->since);
	bool is_better = has_one ? held_ns < wait->held_ns : held_ns > wait->held_ns;

	if (!wait->nr_holders || is_better) {
		name_thread(reader, slot->thread, wait->holder);
		wait->held_ns = held_ns;
	}
	wait->nr_holders = has_one ? 1 : wait->nr_holders + 1;
}

static void find_holder(const struct reader *reader, const struct trace_lock *lock,
			struct top_wait *wait)
{
	for (size_t i = 0; i < reader_nr_slots(reader); i++) {
		const struct trace_slot *slot = reader_slot(reader, i);

		for (size_t k = 0; k < TRACE_HELD_MAX && slot->held[k].lock; k++) {
			bool is_shared = slot->held[k].mode & TRACE_SHARED;

			if (slot->held[k].lock != lock->address || (wait->is_shared && is_shared))
				continue;
			add_holder(reader, slot, &slot->held[k],
				   !is_shared && lock->kind != TRACE_KIND_SEM, wait);
		}
	}
}

static bool find_wait(const struct top *top, const struct trace_slot *slot, struct top_wait *wait)
{
	const struct reader *reader = top->reader;
	const struct trace_node *node = reader_node(reader, slot->wait_node);
	const struct trace_lock *lock = node ? reader_lock(reader, node->lock) : NULL;

	if (!lock || !top_is_shown(lock))
		return false;
	*wait = (struct top_wait){ .label = top_label_of(top, node->lock),
				   .wait_ns = ns_since(reader, slot->wait_since),
				   .is_shared = node->mode & TRACE_SHARED,
				   .is_bounded = slot->wait_flags & TRACE_WAIT_BOUNDED ||
						 (node->mode & TRACE_HOW_MASK) == TRACE_HOW_TIMED };
	name_thread(reader, slot->thread, wait->thread);
	find_holder(reader, lock, wait);
	return true;
}

static int longest_first(const void *a, const void *b)
{
	const struct top_wait *x = a, *y = b;

	return x->wait_ns < y->wait_ns ? 1 : -(x->wait_ns > y->wait_ns);
}

/* The rows are sorted by label still. */
static void count_waiting(struct top *top, const struct top_wait *wait)
{
	for (size_t i = 0; i < top->nr_rows; i++)
		if (strcmp(top->rows[i].label, wait->label) == 0)
			top->rows[i].nr_waiting++;
	top->total.nr_waiting++;
}

int top_find_waits(struct top *top)
{
	size_t nr = reader_nr_slots(top->reader);
	struct top_wait *waits = reallocarray(top->waits, nr + 1, sizeof(*waits));

	if (!waits)
		return -ENOMEM;
	top->waits = waits;
	top->nr_waits = 0;
	for (size_t i = 0; i < nr; i++)
		top->nr_waits += find_wait(top, reader_slot(top->reader, i), &waits[top->nr_waits]);
	if (top->nr_waits)
		qsort(waits, top->nr_waits, sizeof(*waits), longest_first);
	for (size_t i = 0; i < top->nr_waits; i++)
		count_waiting(top, &waits[i]);
	return 0;
}
