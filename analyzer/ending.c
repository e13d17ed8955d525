/* SPDX-License-Identifier: MIT */
/*
 * ending.c: what threads held, and waited for, when the recording ended
 *
 * A program that is killed, or still runs, has locks in its slots' state pages that no event tells
 * of yet. Each counts as an acquisition that was held until the end, each unfinished wait as a
 * wait without acquisition; so counts are exact and a deadlock shows who waited for whom.
 */
#include <errno.h>

#include "pass.h"

/* An event as if it had been recorded at the end. */
static void end_event(struct pass *pass, uint32_t thread, const struct trace_event *e)
{
	struct pass_event event = { .ticks = e->ticks,
				    .node = (uint32_t)e->arg,
				    .thread = thread,
				    .type = (uint8_t)e->type,
				    .a = e->value[0],
				    .b = e->value[1] };

	pass->threads[thread].used = true;
	fold_event(&pass->threads[thread].fold, e);
	if (e->type == TRACE_EV_ACQUISITION) {
		event.flags = (uint8_t)e->value[ACQ_FLAGS];
		event.b = e->value[ACQ_WAIT];
		if (pass->ordered[event.node] || event.flags & TRACE_ACQ_WAITED)
			blame_event(pass, &event);
	} else if (e->type == TRACE_EV_WAIT_END) {
		event.stack = (uint32_t)e->value[2];
		blame_event(pass, &event);
	}
}

/* The newest lock at the address, 0 when there is none. */
static uint32_t find_lock(const struct pass *pass, uint64_t address)
{
	for (uint32_t lock = pass->nr_locks; --lock;)
		if (pass->locks[lock] && pass->locks[lock]->address == address)
			return lock;
	return 0;
}

/* Nodes of different phases have the same parent. */
static uint32_t find_node(const struct pass *pass, const struct pass_node *parent, uint32_t lock,
			  uint64_t address, uint32_t mode)
{
	const struct trace_node *node;

	for (uint32_t id = 1; id < pass->unknown_node; id++) {
		node = reader_node(pass->reader, id);
		if (node && node->lock == lock && node->parent == parent->same &&
		    node->site == address && node->mode == mode &&
		    pass->nodes[id].phase == parent->phase)
			return id;
	}
	return 0;
}

/* The node of a held lock that was not looked up, or whose node is not in the trace. */
static uint32_t held_node(struct pass *pass, const struct trace_held *held,
			  const struct pass_node *parent)
{
	uint64_t address = reader_code_address(pass->reader, held->site);
	uint32_t mode = held->mode & (TRACE_HOW_MASK | TRACE_SHARED);
	uint32_t lock = find_lock(pass, held->lock), phase = parent->phase, node = 0;

	if (lock)
		node = find_node(pass, parent, lock, address, mode);
	else
		lock = pass_new_lock(pass, held->lock, held->mode >> 8 & 0xff);
	if (!node && lock)
		node = pass_new_node(pass, lock, address, mode, phase);
	return node ? node : pass->unknown_node;
}

static void end_holds(struct pass *pass, uint32_t thread, const struct trace_slot *slot)
{
	uint32_t root = slot->bottom.path;
	struct pass_node parent = {
		.phase = pass->phase_row[reader_phase_of(pass->reader, root)],
	};

	for (unsigned int i = 0; i < TRACE_HELD_MAX && slot->held[i].lock; i++) {
		const struct trace_held *held = &slot->held[i];
		uint32_t node = pass_node_id(pass, held->node);
		struct trace_event e = { .type = TRACE_EV_ACQUISITION, .ticks = pass->end_ticks };

		if (node == pass->unknown_node || !reader_node(pass->reader, node))
			node = held_node(pass, held, &parent);
		e.arg = node;
		parent = pass->nodes[node];
		e.value[ACQ_HOLD] = e.ticks > held->since ? e.ticks - held->since : 0;
		e.value[ACQ_FLAGS] = TRACE_ACQ_LEFT;
		if (held->mode & TRACE_HELD_CONTENDED) {
			e.value[ACQ_FLAGS] |= TRACE_ACQ_WAITED;
			e.value[ACQ_WAIT] = held->wait;
		}
		end_event(pass, thread, &e);
	}
}

static void end_wait(struct pass *pass, uint32_t thread, const struct trace_slot *slot)
{
	struct trace_event e = { .type = TRACE_EV_WAIT_END, .ticks = pass->end_ticks };

	if (!slot->wait_node)
		return;
	e.arg = pass_node_id(pass, slot->wait_node);
	e.value[0] = e.ticks > slot->wait_since ? e.ticks - slot->wait_since : 0;
	e.value[1] = EINTR;
	e.value[2] = slot->wait_stack; /* no number of the event, but end_event() wants it */
	switch (pass_kind(pass, pass->nodes[e.arg].lock)) {
	case TRACE_KIND_COND:
		e.type = TRACE_EV_COND_WAIT;
		break;
	case TRACE_KIND_FUTEX:
		e.type = TRACE_EV_FUTEX_WAIT;
		break;
	case TRACE_KIND_BARRIER:
		e.type = TRACE_EV_BARRIER;
		break;
	case TRACE_KIND_ONCE:
		e.type = TRACE_EV_ONCE;
		break;
	default:
		break;
	}
	end_event(pass, thread, &e);
}

static uint32_t slot_thread(const struct pass *pass, const struct trace_slot *slot)
{
	return slot->thread < pass->nr_threads ? slot->thread : 0;
}

void ending_run(struct pass *pass)
{
	size_t nr = reader_nr_slots(pass->reader);

	for (size_t i = 0; i < nr; i++) {
		const struct trace_slot *slot = reader_slot(pass->reader, i);

		end_holds(pass, slot_thread(pass, slot), slot);
	}
	for (size_t i = 0; i < nr; i++) {
		const struct trace_slot *slot = reader_slot(pass->reader, i);

		end_wait(pass, slot_thread(pass, slot), slot);
	}
}
