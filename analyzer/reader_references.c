/* SPDX-License-Identifier: MIT */
/*
 * reader_references.c: what records say about each other is true afterwards
 *
 * An id that names no record becomes 0, and a circle of node parents is cut, so that nobody
 * behind the reader can fall into either. It is damage, unless the program said that its
 * dictionary was full, or runs on (then the record came after we had passed its place).
 */
#include <errno.h>
#include <stdlib.h>

#include "reader_internal.h"

bool reader_damage_expected(const struct reader *reader)
{
	const uint64_t *losses = reader->header.losses;

	return reader->live || losses[TRACE_LOSS_RECORDS] || losses[TRACE_LOSS_NODES] ||
	       losses[TRACE_LOSS_THREADS];
}

/* One record that refers to others. */
struct referrer {
	struct reader *reader;
	const char *name;
	uint32_t id;
	uint64_t offset;
};

static void check_id(const struct referrer *r, const struct reader_table *table, uint32_t *id,
		     const char *what)
{
	if (!*id || reader_table_has(table, *id))
		return;
	if (!reader_damage_expected(r->reader))
		reader_damaged(r->reader, r->offset, "%s %u: its %s %u does not exist", r->name,
			       r->id, what, *id);
	*id = 0;
}

/* Without its module a code address is only an offset; that is kept. */
static void check_code(const struct referrer *r, uint64_t *pc, const char *what)
{
	uint32_t module = TRACE_PC_MODULE(*pc);

	check_id(r, &r->reader->module, &module, what);
	*pc = (uint64_t)module << 48 | TRACE_PC_OFFSET(*pc);
}

static void check_threads(struct reader *reader)
{
	for (uint32_t id = 1; id <= reader->thread.max; id++) {
		struct trace_thread *t = reader->thread.record[id];
		struct referrer r = { reader, "thread", id, 0 };

		if (!t)
			continue;
		r.offset = reader_record_offset(t);
		check_id(&r, &reader->thread, &t->creator, "creator");
		check_id(&r, &reader->thread, &t->statistics_of, "owner of statistics");
		check_code(&r, &t->start_routine, "start routine's module");
		reader_seen(reader, t->begin_ticks);
		reader_seen(reader, t->end_ticks);
	}
}

static void check_locks(struct reader *reader)
{
	for (uint32_t id = 1; id <= reader->lock.max; id++) {
		struct trace_lock *l = reader->lock.record[id];
		struct referrer r = { reader, "lock", id, 0 };

		if (!l)
			continue;
		r.offset = reader_record_offset(l);
		check_id(&r, &reader->stack, &l->init_stack, "stack");
		check_code(&r, &l->data_address, "module");
		if (!TRACE_PC_MODULE(l->data_address))
			l->data_address = 0;
	}
}

static void check_nodes(struct reader *reader)
{
	for (uint32_t id = 1; id <= reader->node.max; id++) {
		struct trace_node *n = reader->node.record[id];
		struct referrer r = { reader, "node", id, 0 };

		if (!n)
			continue;
		r.offset = reader_record_offset(n);
		check_id(&r, &reader->node, &n->parent, "parent");
		check_id(&r, &reader->lock, &n->lock, "lock");
		check_id(&r, &reader->stack, &n->stack, "stack");
		check_code(&r, &n->site, "module");
	}
}

static void check_stacks(struct reader *reader)
{
	for (uint32_t id = 1; id <= reader->stack.max; id++) {
		struct trace_stack *s = reader->stack.record[id];
		struct referrer r = { reader, "stack", id, 0 };

		if (!s)
			continue;
		r.offset = reader_record_offset(s);
		for (uint32_t i = 0; i < s->nr_frames; i++)
			check_code(&r, &s->frames[i], "module");
	}
}

/* What a thread held: up to the first zero, and there is one. What was not recorded goes out. */
static void check_held(const struct referrer *r, struct trace_slot *s)
{
	struct trace_held *h = s->held, *kept = s->held;

	if (s->held[TRACE_HELD_MAX].lock) {
		reader_damaged(r->reader, r->offset, "slot %u: held locks without end", r->id);
		s->held[TRACE_HELD_MAX].lock = 0;
	}
	for (; h->lock; h++) {
		if (h->mode & TRACE_HELD_OFF)
			continue;
		*kept = *h;
		check_id(r, &r->reader->node, &kept->node, "held node");
		check_id(r, &r->reader->node, &kept->path, "held path");
		kept++;
	}
	kept->lock = 0;
}

static int check_slots(struct reader *reader)
{
	struct reader_slot *slot = reader->slots.item;

	for (size_t i = 0; i < reader->slots.nr; i++) {
		struct trace_slot *s = slot[i].state, **owned;
		struct referrer r = { reader, "slot", s->block.slot, slot[i].offset };

		if (!s->thread)
			continue;
		check_held(&r, s);
		if (s->wait_node == TRACE_NODE_OFF)
			s->wait_node = 0;
		check_id(&r, &reader->node, &s->wait_node, "awaited node");
		check_id(&r, &reader->stack, &s->wait_stack, "stack");
		owned = reader_vector_push(&reader->owned, sizeof(*owned));
		if (!owned)
			return -ENOMEM;
		*owned = s;
		if (s->wait_node)
			reader_seen(reader, s->wait_since);
	}
	return 0;
}

/* ---- circles ---- */

enum mark { UNSEEN, ON_PATH, DONE };

static struct trace_node *node_at(const struct reader *reader, uint32_t id)
{
	return reader->node.record[id];
}

/* Walks up from a node to the root, or to what is known to reach it. */
static void cut_circle(struct reader *reader, unsigned char *mark, uint32_t from)
{
	uint32_t id = from, last = 0;

	for (; id && mark[id] == UNSEEN; id = node_at(reader, id)->parent) {
		mark[id] = ON_PATH;
		last = id;
	}
	if (id && mark[id] == ON_PATH) {
		reader_damaged(reader, reader_record_offset(node_at(reader, last)),
			       "node %u: its parent %u is below it", last, id);
		node_at(reader, last)->parent = 0;
	}
	for (id = from; id && mark[id] == ON_PATH; id = node_at(reader, id)->parent)
		mark[id] = DONE;
}

static int check_circles(struct reader *reader)
{
	unsigned char *mark = calloc(1, (size_t)reader->node.max + 1);

	if (!mark)
		return -ENOMEM;
	for (uint32_t id = 1; id <= reader->node.max; id++)
		if (node_at(reader, id))
			cut_circle(reader, mark, id);
	free(mark);
	return 0;
}

int reader_finish_references(struct reader *reader)
{
	int err;

	check_threads(reader);
	check_locks(reader);
	check_stacks(reader);
	check_nodes(reader);
	err = check_circles(reader);
	if (!err)
		err = reader_finish_phases(reader);
	return err ? err : check_slots(reader);
}
