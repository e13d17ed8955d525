/* SPDX-License-Identifier: MIT */
/*
 * refused.c: locks that were asked for by the thread that held them, and said so (EDEADLK)
 *
 * No harm was done, but with a plain mutex the same code waits for itself. The dictionary says it:
 * attempts that failed, at a place where the lock is among what was held.
 */
#include <errno.h>

#include "../cursor.h"
#include "../hangs.h"
#include "judge.h"
#include "stuck.h"

/* The context in which the site's lock was held already; 0: it was not. */
static uint32_t held_already(const struct reader *reader, const struct site *site, uint32_t lock)
{
	const struct trace_node *node = reader_node(reader, site->node);

	for (uint32_t id = node ? node->parent : 0; id; id = node->parent) {
		node = reader_node(reader, id);
		if (!node)
			return 0;
		if (node->lock == lock)
			return id;
	}
	return 0;
}

/* The first thread that asked there; UINT32_MAX: statistics do not say. */
static uint32_t refused_thread(const struct model *model, const struct site *site)
{
	struct reader *reader = site->process->reader;

	for (size_t i = 0; i < reader_nr_streams(reader); i++) {
		struct cursor cursor;

		cursor_init(&cursor, reader_stream(reader, i));
		while (cursor_next(&cursor))
			if (cursor.event.type == TRACE_EV_WAIT_END &&
			    cursor.event.arg == site->node && cursor.event.value[1] == EDEADLK)
				return hangs_thread(model, site->process, cursor.thread);
	}
	return UINT32_MAX;
}

static int find_refused(struct order *order, const struct site *site)
{
	const struct model *model = order->model;
	const struct lock *lock = &model->locks[site->lock];
	struct order_thing thing = { ORDER_LOCK, site->lock };
	struct order_finding *finding;
	uint32_t held;

	if (!site->all.wait_failures || !(lock->record->flags & TRACE_LOCK_ERRORCHECK) ||
	    !site->process->reader)
		return 0;
	held = held_already(site->process->reader, site, lock->id);
	if (!held)
		return 0;
	finding = judge_new_finding(order, site->process->number, ORDER_SELF_LOCK, 1);
	if (!finding)
		return -ENOMEM;
	finding->instances = site->all.wait_failures;
	finding->members[0] = (struct order_member){ .thread = refused_thread(model, site),
						     .held = thing,
						     .wanted = thing,
						     .held_node = held,
						     .wanted_node = site->node,
						     .held_mode = TRACE_HOW_LOCK,
						     .wanted_mode = site->mode,
						     .edge = UINT32_MAX };
	return 0;
}

int refused_find(struct order *order)
{
	int err = 0;

	for (size_t i = 0; !err && i < order->model->nr_sites; i++)
		err = find_refused(order, &order->model->sites[i]);
	return err;
}
