/* SPDX-License-Identifier: MIT */
/*
 * unkept.c: does a witness leave out sections of locks that the history does not have?
 *
 * Such sections have nothing inside that matters for a schedule, but what they wrote others may
 * have read. Each lies between two operations of the history, so its time tells whether it runs in
 * the witness. Looked for are one that does not, and a later one of another thread that does. Only
 * the part of the streams is read where that is possible, and not for ever.
 */
#include <errno.h>
#include <stdlib.h>

#include "../cursor.h"
#include "judge.h"

#define UNKEPT_EVENTS 20000000u
#define UNKEPT_TOLD   3u

/* The first left out, or the last that runs, by two different threads. */
struct extreme {
	uint64_t ticks[2];
	uint32_t thread[2], node[2];
	uint32_t nr;
};

struct lock_view {
	struct extreme out[2], in[2]; /* exclusive, shared */
};

struct unkept {
	const struct subject *s;
	uint64_t *until; /* by thread: sections that begin before run */
	uint64_t from, to;
	struct lock_view *locks;
	uint64_t left;
	uint32_t nr_found; /* locks of which enough is known */
};

/* Puts it into place k, and what was there one further unless it is the same thread's. */
static void enter(struct extreme *x, uint64_t ticks, uint32_t thread, uint32_t node, bool first)
{
	for (uint32_t k = 0; k < 2; k++) {
		bool better = k >= x->nr || (first ? ticks < x->ticks[k] : ticks > x->ticks[k]);

		if (better) {
			if (k == 0 && x->nr && x->thread[0] != thread) {
				x->ticks[1] = x->ticks[0];
				x->thread[1] = x->thread[0];
				x->node[1] = x->node[0];
				x->nr = 2;
			}
			x->ticks[k] = ticks;
			x->thread[k] = thread;
			x->node[k] = node;
			if (x->nr <= k)
				x->nr = k + 1;
			return;
		}
		if (x->thread[k] == thread)
			return;
	}
}

static bool is_later(const struct extreme *in, const struct extreme *out)
{
	for (uint32_t i = 0; i < in->nr; i++)
		for (uint32_t k = 0; k < out->nr; k++)
			if (in->thread[i] != out->thread[k] && in->ticks[i] >= out->ticks[k])
				return true;
	return false;
}

/* One runs that came after one that does not. */
static bool is_found(const struct lock_view *v)
{
	return is_later(&v->in[0], &v->out[0]) || is_later(&v->in[0], &v->out[1]) ||
	       is_later(&v->in[1], &v->out[0]);
}

static void take_section(struct unkept *u, uint32_t thread, uint32_t node, uint64_t begin)
{
	const struct context *context = context_get(u->s->contexts, node);
	bool shared = context->mode & TRACE_SHARED;
	struct lock_view *view;

	if (context->lock == NO_INDEX || u->s->kept[context->lock] ||
	    u->s->things[context->lock].kind != THING_LOCK || begin >= u->to || begin < u->from)
		return;
	view = &u->locks[context->lock];
	u->nr_found -= is_found(view);
	if (begin < u->until[thread])
		enter(&view->in[shared], begin, thread, node, false);
	else
		enter(&view->out[shared], begin, thread, node, true);
	u->nr_found += is_found(view);
}

static void read_chunk(struct unkept *u, const struct reader_stream *stream, size_t number)
{
	struct reader_stream one = *stream;
	struct cursor cursor;

	one.nr_chunks = 1;
	one.chunks += number;
	cursor_init(&cursor, &one);
	while (u->left && u->nr_found < UNKEPT_TOLD && cursor_next(&cursor)) {
		const struct trace_event *e = &cursor.event;
		uint32_t thread = cursor.thread < u->s->contexts->nr_thread_ids
					  ? u->s->local[cursor.thread]
					  : NO_INDEX;

		u->left--;
		if (thread == NO_INDEX || e->type > TRACE_EV_ACQUISITION ||
		    e->ticks < e->value[ACQ_HOLD])
			continue;
		take_section(u, thread, (uint32_t)e->arg, e->ticks - e->value[ACQ_HOLD]);
	}
}

static bool in_window(const struct unkept *u, const struct reader_stream *stream, size_t chunk)
{
	return chunk < stream->nr_chunks && stream->chunks[chunk].last_ticks >= u->from &&
	       stream->chunks[chunk].base_ticks <= u->to;
}

/* A chunk of each stream in turn, so that what different threads did at one time comes together. */
static void read_streams(struct unkept *u, size_t *next)
{
	size_t nr = reader_nr_streams(u->s->reader);
	bool any = true;

	for (size_t i = 0; i < nr; i++) {
		const struct reader_stream *stream = reader_stream(u->s->reader, i);

		while (next[i] < stream->nr_chunks && !in_window(u, stream, next[i]))
			next[i]++;
	}
	while (any && u->left && u->nr_found < UNKEPT_TOLD) {
		any = false;
		for (size_t i = 0; i < nr; i++) {
			const struct reader_stream *stream = reader_stream(u->s->reader, i);

			if (!in_window(u, stream, next[i]))
				continue;
			any = true;
			read_chunk(u, stream, next[i]++);
		}
	}
}

static void find_times(struct unkept *u, const struct history *h, const uint32_t *upto)
{
	u->from = UINT64_MAX;
	for (uint32_t t = 0; t < h->nr_threads; t++) {
		const struct row *row = &h->rows[t];

		u->until[t] = upto[t] < row->nr ? row->ops[upto[t]].ticks : UINT64_MAX;
		if (!upto[t])
			u->until[t] = 0;
		if (u->until[t] < u->from)
			u->from = u->until[t];
		if (upto[t] && row->ops[upto[t] - 1].ticks > u->to)
			u->to = row->ops[upto[t] - 1].ticks;
		if (upto[t] && upto[t] < row->nr && u->until[t] > u->to)
			u->to = u->until[t];
	}
}

static int assume(const struct unkept *u, uint32_t lock, const struct extreme *in, uint32_t i,
		  const struct extreme *out, uint32_t k, struct order_finding *f)
{
	struct order_assumption *all =
		realloc(f->assumptions, (f->nr_assumptions + 1) * sizeof(*all));

	if (!all)
		return -ENOMEM;
	f->assumptions = all;
	all[f->nr_assumptions++] = (struct order_assumption){
		.what = ORDER_SKIPS_SECTION,
		.thing = subject_thing(u->s, lock),
		.thread = u->s->thread[in->thread[i]],
		.node = in->node[i],
		.other_thread = u->s->thread[out->thread[k]],
		.other_node = out->node[k],
	};
	return 0;
}

/* Whether one that runs came after one that does not; told at most once for a lock. */
static int compare(const struct unkept *u, uint32_t lock, const struct extreme *in,
		   const struct extreme *out, struct order_finding *f, bool *found)
{
	for (uint32_t i = 0; i < in->nr; i++)
		for (uint32_t k = 0; k < out->nr; k++) {
			if (*found || in->thread[i] == out->thread[k] ||
			    in->ticks[i] < out->ticks[k])
				continue;
			*found = true;
			if (f->nr_assumptions < UNKEPT_TOLD)
				return assume(u, lock, in, i, out, k, f);
		}
	return 0;
}

/* In another order than the recorded one, all that two threads did may be the other way round. */
static bool may_move(const struct lock_view *v)
{
	return v->in[0].nr > 1 || (v->in[0].nr && v->in[1].nr &&
				   (v->in[1].nr > 1 || v->in[0].thread[0] != v->in[1].thread[0]));
}

static int compare_all(const struct unkept *u, struct order_finding *f, bool reordered)
{
	bool any = false;
	int err = 0;

	for (uint32_t lock = 0; lock < u->s->contexts->model->nr_locks && !err; lock++) {
		const struct lock_view *v = &u->locks[lock];
		bool found = false;

		err = compare(u, lock, &v->in[0], &v->out[0], f, &found);
		if (!err)
			err = compare(u, lock, &v->in[0], &v->out[1], f, &found);
		if (!err)
			err = compare(u, lock, &v->in[1], &v->out[0], f, &found);
		any |= found || (reordered && may_move(v));
	}
	if ((any || !u->left) && f->level == ORDER_PREDICTED)
		f->level = ORDER_CONDITIONAL;
	return err;
}

int unkept_skipped(const struct subject *s, const struct history *history,
		   const struct verdict *verdict, struct order_finding *finding)
{
	struct unkept u = { .s = s, .left = UNKEPT_EVENTS };
	size_t *next;
	int err = -ENOMEM;

	next = calloc(reader_nr_streams(s->reader) + 1, sizeof(*next));
	u.until = calloc((size_t)s->nr_threads + 1, sizeof(*u.until));
	u.locks = calloc(s->contexts->model->nr_locks + 1, sizeof(*u.locks));
	if (next && u.until && u.locks) {
		find_times(&u, history, verdict->upto);
		if (verdict->order)
			u.from = 0;
		read_streams(&u, next);
		err = compare_all(&u, finding, verdict->order);
	}
	free(next);
	free(u.until);
	free(u.locks);
	return err;
}
