/* SPDX-License-Identifier: MIT */
/*
 * rows.c: the items of one thread become operations in the order in which they happened
 *
 * A trace tells of a section when it ends. So the items are walked backwards: a section's end is
 * laid down, and its beginning waits until everything that is later has been laid down. Where time
 * stamps are equal the contexts decide: a section began before what has it in its path. Creations
 * count as inside a section that began at the same moment, joins do not.
 */
#include <errno.h>
#include <stdlib.h>

#include "subject.h"

struct maker {
	const struct subject *s;
	struct op *ops; /* filled from the end */
	uint32_t at;
	const struct item *pending[TRACE_HELD_MAX * 2]; /* the latest beginning last */
	uint32_t nr_pending;
};

static bool in_path(const struct contexts *c, uint32_t thing, uint32_t node)
{
	for (node = context_get(c, node)->parent; node; node = c->at[node].parent)
		if (c->at[node].lock == thing)
			return true;
	return false;
}

static void lay(struct maker *m, const struct op *op)
{
	m->ops[--m->at] = *op;
}

static void lay_begin(struct maker *m)
{
	const struct item *i = m->pending[--m->nr_pending];

	lay(m, &(struct op){ .kind = OP_ACQUIRE,
			     .flags = (uint8_t)(i->flags & ~OP_ENTERS),
			     .ticks = i->begin,
			     .thing = i->thing,
			     .node = i->node });
}

static bool begins_before(const struct item *a, const struct item *b)
{
	return a->begin != b->begin ? a->begin < b->begin : a->depth < b->depth;
}

static void add_pending(struct maker *m, const struct item *item)
{
	uint32_t i = m->nr_pending++;

	for (; i && begins_before(item, m->pending[i - 1]); i--)
		m->pending[i] = m->pending[i - 1];
	m->pending[i] = item;
}

/* Whether the section began after the item's event, which is next to be laid down. */
static bool begins_after(const struct maker *m, const struct item *section, const struct item *item)
{
	const struct contexts *c = m->s->contexts;

	if (section->begin != item->ticks)
		return section->begin > item->ticks;
	if (item->node && in_path(c, section->thing, item->node))
		return false;
	if (item->what == ITEM_SECTION)
		return !in_path(c, item->thing, section->node);
	return item->node || item->kind == OP_JOIN;
}

static void lay_item(struct maker *m, const struct item *item)
{
	if (item->what == ITEM_POINT)
		lay(m, &(struct op){ .kind = item->kind,
				     .flags = item->flags,
				     .ticks = item->ticks,
				     .thing = item->thing,
				     .node = item->node,
				     .mate = NO_OP });
	if (item->what == ITEM_SECTION)
		lay(m, &(struct op){ .kind = OP_RELEASE,
				     .flags = item->flags & OP_ENTERS,
				     .ticks = item->ticks,
				     .thing = item->thing,
				     .node = item->node });
	if (item->what == ITEM_SECTION || item->what == ITEM_LEFT)
		add_pending(m, item);
}

/* A wait that ended is named by what began it. */
static void find_waits(struct op *ops, uint32_t nr)
{
	uint32_t wait = NO_OP;

	for (uint32_t i = 0; i < nr; i++) {
		if (ops[i].kind == OP_RELEASE && ops[i].flags & OP_ENTERS &&
		    (i + 1 == nr || ops[i + 1].kind != OP_WAIT))
			ops[i].flags = 0;
		if (ops[i].kind == OP_WAIT)
			wait = i && ops[i - 1].flags & OP_ENTERS ? i - 1 : i;
		if (ops[i].kind == OP_WOKEN)
			ops[i].mate = wait;
	}
}

static uint32_t count_ops(const struct items *items)
{
	uint64_t nr = 1;

	for (size_t i = 0; i < items->nr; i++)
		nr += items->at[i].what == ITEM_SECTION ? 2 : items->at[i].what != ITEM_NOTHING;
	return nr < NO_OP / 2 ? (uint32_t)nr : 0;
}

static void lay_all(struct maker *m, const struct items *items)
{
	for (size_t i = items->nr; i--;) {
		const struct item *item = &items->at[i];

		if (item->what == ITEM_NOTHING)
			continue;
		while (m->nr_pending && begins_after(m, m->pending[m->nr_pending - 1], item))
			lay_begin(m);
		if (m->nr_pending == sizeof(m->pending) / sizeof(*m->pending))
			lay_begin(m);
		lay_item(m, item);
	}
	while (m->nr_pending)
		lay_begin(m);
}

int rows_make(const struct subject *s, struct history *history, uint32_t thread,
	      const struct items *items)
{
	const struct trace_thread *record = s->contexts->model->threads[s->thread[thread]].record;
	uint32_t nr = count_ops(items);
	struct maker m = { .s = s, .at = nr };
	uint64_t begin = record->begin_ticks;

	if (nr)
		m.ops = spill_resize(&history->spill, NULL, 0, (size_t)nr * sizeof(*m.ops));
	if (!m.ops)
		return -ENOMEM;
	lay_all(&m, items);
	if (nr > 1 && m.ops[1].ticks < begin)
		begin = m.ops[1].ticks;
	m.ops[0] = (struct op){ .kind = OP_BEGIN,
				.ticks = begin,
				.flags = record->start_routine || record->creator ? 0 : OP_ALONE,
				.thing = subject_thread_thing(s, thread),
				.mate = NO_OP };
	find_waits(m.ops, nr);
	/* Damage must not make time go back. */
	for (uint32_t i = 1; i < nr; i++)
		if (m.ops[i].ticks < m.ops[i - 1].ticks)
			m.ops[i].ticks = m.ops[i - 1].ticks;
	history_take_row(history, thread, m.ops, nr);
	return 0;
}
