/* SPDX-License-Identifier: MIT */
/* subject.c: see subject.h; what is kept, and why the rest cannot matter */
#include <errno.h>
#include <stdlib.h>

#include "subject.h"

static enum thing_kind kind_of(const struct contexts *c, uint32_t lock)
{
	if (contexts_is_lock(c, lock))
		return THING_LOCK;
	switch (c->model->locks[lock].record->kind) {
	case TRACE_KIND_COND:
	case TRACE_KIND_FUTEX:
		return THING_COND;
	case TRACE_KIND_BARRIER:
		return THING_BARRIER;
	case TRACE_KIND_ONCE:
		return THING_UNUSED;
	default:
		return THING_SEM;
	}
}

/* A lock that others than its taker release is a semaphore of one token. */
static uint32_t initial_of(const struct trace_lock *record)
{
	switch (record->kind) {
	case TRACE_KIND_SEM:
	case TRACE_KIND_BARRIER:
		return record->value;
	default:
		return 1;
	}
}

static int make_things(struct subject *s)
{
	const struct contexts *c = s->contexts;
	const struct model *model = c->model;

	s->nr_things = (uint32_t)model->nr_locks + s->nr_threads;
	s->things = calloc((size_t)s->nr_things + 1, sizeof(*s->things));
	s->kept = calloc((size_t)s->nr_things + 1, sizeof(*s->kept));
	if (!s->things || !s->kept)
		return -ENOMEM;
	for (uint32_t i = 0; i < model->nr_locks; i++) {
		const struct trace_lock *record = model->locks[i].record;

		s->things[i].thread = NO_OP;
		if (model->locks[i].process->number != c->process)
			continue;
		s->things[i].kind = kind_of(c, i);
		s->things[i].writers_first = record->flags & TRACE_LOCK_WRITER_PREF;
		s->things[i].published =
			!record->data_address && !(record->flags & TRACE_LOCK_PSHARED);
		s->things[i].initial = initial_of(record);
	}
	for (uint32_t i = 0; i < s->nr_threads; i++)
		s->things[subject_thread_thing(s, i)] =
			(struct thing){ .kind = THING_THREAD, .thread = i };
	return 0;
}

static int map_threads(struct subject *s)
{
	const struct contexts *c = s->contexts;

	s->local = malloc(c->nr_thread_ids * sizeof(*s->local));
	s->thread = malloc(((size_t)c->nr_thread_ids + 1) * sizeof(*s->thread));
	if (!s->local || !s->thread)
		return -ENOMEM;
	for (uint32_t id = 0; id < c->nr_thread_ids; id++) {
		s->local[id] = NO_INDEX;
		if (c->thread_of[id] == NO_INDEX)
			continue;
		s->local[id] = s->nr_threads;
		s->thread[s->nr_threads++] = c->thread_of[id];
	}
	return 0;
}

int subject_new(struct subject **subject, struct contexts *contexts)
{
	struct subject *s = calloc(1, sizeof(*s));
	int err = s ? 0 : -ENOMEM;

	if (s) {
		s->contexts = contexts;
		s->reader = contexts->model->processes[contexts->process].reader;
		err = map_threads(s);
	}
	if (!err)
		err = make_things(s);
	if (err)
		subject_free(s);
	else
		*subject = s;
	return err;
}

void subject_free(struct subject *s)
{
	if (!s)
		return;
	free(s->thread);
	free(s->local);
	free(s->things);
	free(s->kept);
	free(s->joins);
	free(s);
}

struct order_thing subject_thing(const struct subject *s, uint32_t thing)
{
	if (thing >= s->contexts->model->nr_locks)
		return (struct order_thing){ ORDER_THREAD, s->thread[s->things[thing].thread] };
	return contexts_thing(s->contexts, thing);
}

/* ---- what has to be kept ---- */

static void keep_path(struct subject *s, uint32_t node)
{
	const struct contexts *c = s->contexts;

	for (node = context_held(c, node); node; node = context_held(c, c->at[node].parent))
		s->kept[c->at[node].lock] = true;
}

/*
 * A section matters only if a thread can stop inside it: at what it asks for in a cycle, at the
 * end of another section that matters, or where it orders others. All of that is inside the
 * sections of the path.
 */
void subject_keep_around(struct subject *s)
{
	const struct contexts *c = s->contexts;
	bool grown = true;

	while (grown) {
		grown = false;
		for (uint32_t node = 1; node < c->nr; node++) {
			uint32_t up = context_held(c, c->at[node].parent);

			if (c->at[node].lock == NO_INDEX || !s->kept[c->at[node].lock] ||
			    !c->at[node].nr_threads)
				continue;
			for (; up; up = context_held(c, c->at[up].parent)) {
				grown |= !s->kept[c->at[up].lock];
				s->kept[c->at[up].lock] = true;
			}
		}
	}
}

static void keep_cycles(struct subject *s, const struct requests *requests,
			const struct cycles *cycles)
{
	for (size_t i = 0; i < cycles->nr; i++) {
		if (cycles->at[i].reason != CYCLE_REAL)
			continue;
		for (uint32_t k = 0; k < cycles->at[i].nr; k++) {
			const struct request *r = &requests->at[cycles->at[i].request[k]];

			s->kept[r->thing] = true;
			for (uint32_t m = 0; m < r->nr_held; m++)
				s->kept[HELD_THING(r->held[m])] = true;
		}
	}
}

void subject_keep(struct subject *s, const struct requests *requests, const struct cycles *cycles)
{
	const struct contexts *c = s->contexts;

	keep_cycles(s, requests, cycles);
	for (uint32_t node = 1; node < c->nr; node++) {
		const struct context *context = &c->at[node];
		bool is_lock;

		if (context->lock == NO_INDEX || !context->nr_threads)
			continue;
		is_lock = s->things[context->lock].kind == THING_LOCK;
		if (!is_lock || context->failures)
			keep_path(s, context->parent);
		if (is_lock && context->failures)
			s->kept[context->lock] = true;
	}
	subject_keep_around(s);
}
