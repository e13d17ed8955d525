/* SPDX-License-Identifier: MIT */
/*
 * events.c: the events of one process become a history of what matters
 *
 * All streams are read once. Of sections only those of kept locks are taken. A section that is
 * not kept must have nothing inside that could make a thread stop there: no operation that orders
 * threads, no end of a kept section. Contexts show most of that before, but not joins, creations
 * and sections that end out of order; where such a thing is found, the lock is kept too and all
 * is read again.
 */
#include <errno.h>
#include <stdlib.h>

#include "../cursor.h"
#include "subject.h"

#define READ_AGAIN 6

struct track {
	struct items items;
	uint64_t created, joined; /* latest times */
	uint64_t released;	  /* latest end of a kept section ... */
	uint32_t released_thing;  /* ... of this lock */
	uint64_t entered;	  /* end of a section by a wait on a condition; 0: none since */
	size_t wait;		  /* that wait's item + 1; 0: none */
};

struct reading {
	struct subject *s;
	struct spill *spill;
	struct track *tracks; /* by thread */
	struct track *track;  /* of the event */
	uint32_t thread;
	bool failed;
};

static struct item *push(struct reading *r, const struct item *item)
{
	struct items *items = &r->track->items;
	size_t room = items->room ? items->room * 2 : 64;
	struct item *at;

	if (items->nr == items->room) {
		at = spill_resize(r->spill, items->at, items->room * sizeof(*at),
				  room * sizeof(*at));
		if (!at) {
			r->failed = true;
			return NULL;
		}
		items->at = at;
		items->room = room;
	}
	items->at[items->nr] = *item;
	return &items->at[items->nr++];
}

static void point(struct reading *r, enum op_kind kind, uint64_t ticks, uint32_t thing,
		  uint32_t node, uint32_t flags)
{
	push(r, &(struct item){ .what = ITEM_POINT,
				.kind = (uint8_t)kind,
				.ticks = ticks,
				.thing = thing,
				.node = node,
				.flags = (uint8_t)flags });
}

static uint32_t mode_flags(uint32_t mode)
{
	uint32_t how = mode & TRACE_HOW_MASK;

	return (mode & TRACE_SHARED ? OP_SHARED : 0) | (how == TRACE_HOW_TRY ? OP_TRY : 0) |
	       (how == TRACE_HOW_TIMED ? OP_TIMED : 0);
}

/* ---- sections ---- */

static bool in_path(const struct contexts *c, uint32_t lock, uint32_t node)
{
	for (node = c->at[node].parent; node; node = c->at[node].parent)
		if (c->at[node].lock == lock)
			return true;
	return false;
}

/* Whether something that can stop a thread is inside a section that is not kept. */
static bool stops_inside(const struct reading *r, uint32_t node, uint64_t begin, bool left)
{
	const struct track *t = r->track;

	return left || begin < t->joined || (t->created && begin <= t->created) ||
	       begin < t->released ||
	       (t->released && begin == t->released &&
		in_path(r->s->contexts, t->released_thing, node));
}

static void take_section(struct reading *r, uint32_t node, uint64_t end, uint64_t hold,
			 uint64_t flags)
{
	const struct context *context = &r->s->contexts->at[node];
	bool left = flags & TRACE_ACQ_LEFT;
	uint64_t begin = end - (hold < end ? hold : end);

	if (context->again)
		return;
	if (!r->s->kept[context->lock]) {
		if (stops_inside(r, node, begin, left))
			r->s->kept[context->lock] = r->s->found_more = true;
		return;
	}
	push(r, &(struct item){ .what = left ? ITEM_LEFT : ITEM_SECTION,
				.ticks = end,
				.begin = begin,
				.thing = context->lock,
				.node = node,
				.depth = context->depth,
				.flags = (uint8_t)(mode_flags(context->mode) |
						   (flags & TRACE_ACQ_COND ? OP_ENTERS : 0)) });
	if (!left) {
		r->track->released = end;
		r->track->released_thing = context->lock;
	}
}

static uint64_t beginning(const struct item *item)
{
	return item->what == ITEM_POINT ? item->ticks : item->begin;
}

/*
 * A semaphore that proves to be no lock when its taker takes again: only then the first token is
 * told of. It was taken before whatever has it in its path. (The second one is told of next; it
 * finds the first without a post.)
 */
static void take_late_token(struct reading *r, const struct item *token)
{
	const struct contexts *c = r->s->contexts;
	struct items *items = &r->track->items;
	size_t first = items->nr;
	struct item moved = *token;

	for (size_t i = items->nr; i--;) {
		const struct item *item = &items->at[i];

		if (item->what == ITEM_POINT && item->thing == token->thing) {
			first = item->kind == OP_TAKE ? items->nr : first;
			break;
		}
		if (!item->node || !in_path(c, token->thing, item->node))
			continue;
		first = i;
		if (beginning(item) < moved.ticks)
			moved.ticks = beginning(item);
	}
	if (first == items->nr) {
		push(r, token);
		return;
	}
	if (!push(r, token))
		return;
	for (size_t i = items->nr - 1; i > first; i--)
		items->at[i] = items->at[i - 1];
	items->at[first] = moved;
}

/* An acquisition of what is no lock: a token is taken, and may be given back. */
static void take_token(struct reading *r, uint32_t node, uint64_t end, uint64_t hold,
		       uint64_t flags)
{
	const struct context *context = &r->s->contexts->at[node];
	struct item token = { .what = ITEM_POINT,
			      .kind = OP_TAKE,
			      .ticks = end - (hold < end ? hold : end),
			      .thing = context->lock,
			      .node = node,
			      .flags = (uint8_t)mode_flags(context->mode) };

	token.flags &= (uint8_t)~OP_SHARED;
	if (flags & TRACE_ACQ_NO_HOLD) {
		take_late_token(r, &token);
		return;
	}
	push(r, &token);
	if (!(flags & TRACE_ACQ_LEFT))
		point(r, OP_POST, end, context->lock, node, 0);
}

static void take_acquisition(struct reading *r, uint32_t node, uint64_t end, uint64_t hold,
			     uint64_t flags)
{
	switch (r->s->things[r->s->contexts->at[node].lock].kind) {
	case THING_LOCK:
		if (flags & TRACE_ACQ_NO_HOLD)
			r->s->lost++; /* too many locks held: its end is not known */
		else
			take_section(r, node, end, hold, flags);
		break;
	case THING_SEM:
		take_token(r, node, end, hold, flags);
		break;
	default:
		break;
	}
	if (flags & TRACE_ACQ_COND) {
		r->track->entered = end;
		r->track->wait = r->track->items.nr + 1;
		push(r, &(struct item){ .what = ITEM_NOTHING, .ticks = end });
	}
}

/* ---- waits and signals ---- */

/* It began when the mutex was released, so that no signal falls between the two. */
static void take_wait(struct reading *r, uint32_t node, uint64_t end, uint64_t waited, bool alone)
{
	struct track *t = r->track;
	uint32_t thing = r->s->contexts->at[node].lock;
	uint8_t flags = subject_wait_ends(r->s, node) ? OP_TRY : 0;

	if (t->wait)
		t->items.at[t->wait - 1] = (struct item){ .what = ITEM_POINT,
							  .kind = OP_WAIT,
							  .ticks = t->entered,
							  .thing = thing,
							  .node = node,
							  .flags = flags };
	else
		point(r, OP_WAIT, end - (waited < end ? waited : end), thing, node, flags);
	t->wait = 0;
	point(r, OP_WOKEN, end, thing, node, alone ? OP_ALONE : 0);
}

static void take_failure(struct reading *r, uint32_t node, uint64_t ticks)
{
	uint32_t thing = r->s->contexts->at[node].lock;

	if (r->s->things[thing].kind == THING_LOCK && r->s->kept[thing])
		point(r, OP_FAIL, ticks, thing, node, OP_TRY);
}

static void take_barrier(struct reading *r, uint32_t node, uint64_t end, uint64_t waited)
{
	uint32_t thing = r->s->contexts->at[node].lock;

	point(r, OP_ARRIVE, end - (waited < end ? waited : end), thing, node, 0);
	point(r, OP_DEPART, end, thing, node, 0);
}

/* An event about a node, which is in the trace. */
static void take_node_event(struct reading *r, const struct trace_event *e)
{
	uint32_t node = (uint32_t)e->arg, thing = r->s->contexts->at[node].lock;

	switch (e->type) {
	case TRACE_EV_PLAIN:
		take_acquisition(r, node, e->ticks, e->value[ACQ_HOLD], 0);
		break;
	case TRACE_EV_ACQUISITION:
		take_acquisition(r, node, e->ticks, e->value[ACQ_HOLD], e->value[ACQ_FLAGS]);
		break;
	case TRACE_EV_WAIT_END:
	case TRACE_EV_TRY_FAIL:
		take_failure(r, node, e->ticks);
		break;
	case TRACE_EV_FOREIGN:
	case TRACE_EV_POST:
		if (r->s->things[thing].kind == THING_SEM)
			point(r, OP_POST, e->ticks, thing, node, 0);
		break;
	case TRACE_EV_SIGNAL:
		point(r, OP_SIGNAL, e->ticks, thing, node, e->value[1] ? OP_ALL : 0);
		break;
	case TRACE_EV_FUTEX_WAKE:
		if (e->value[0])
			point(r, OP_SIGNAL, e->ticks, thing, node, OP_ALL);
		break;
	case TRACE_EV_COND_WAIT:
	case TRACE_EV_FUTEX_WAIT:
		take_wait(r, node, e->ticks, e->value[0], e->value[1]);
		break;
	case TRACE_EV_BARRIER:
		take_barrier(r, node, e->ticks, e->value[0]);
		break;
	default:
		break;
	}
}

/* ---- threads ---- */

static uint32_t local_of(const struct reading *r, uint64_t id)
{
	return id < r->s->contexts->nr_thread_ids ? r->s->local[id] : NO_INDEX;
}

static void take_thread_event(struct reading *r, const struct trace_event *e)
{
	uint32_t other = e->type == TRACE_EV_LOST ? NO_INDEX : local_of(r, e->arg);

	if (e->type == TRACE_EV_LOST)
		r->s->lost += e->arg;
	if (other == NO_INDEX)
		return;
	if (e->type == TRACE_EV_CREATE) {
		r->track->created = e->ticks;
		point(r, OP_CREATE, e->ticks, subject_thread_thing(r->s, other), 0, 0);
	} else if (e->type == TRACE_EV_JOIN && !e->value[1]) {
		r->track->joined = e->ticks;
		point(r, OP_JOIN, e->ticks, subject_thread_thing(r->s, other), 0, 0);
	} else if (e->type == TRACE_EV_EXIT) {
		point(r, OP_EXIT, e->ticks, subject_thread_thing(r->s, other), 0, 0);
	}
}

static void set_thread(struct reading *r, uint64_t id)
{
	r->thread = local_of(r, id);
	r->track = r->thread == NO_INDEX ? NULL : &r->tracks[r->thread];
}

static void take_event(struct reading *r, const struct trace_event *e)
{
	bool of_node = e->type < TRACE_EV_CREATE;

	if (!r->track ||
	    (of_node && context_get(r->s->contexts, (uint32_t)e->arg)->lock == NO_INDEX)) {
		r->s->lost += of_node;
		return;
	}
	if (of_node)
		take_node_event(r, e);
	else
		take_thread_event(r, e);
}

static void read_stream(struct reading *r, const struct reader_stream *stream)
{
	struct cursor cursor;
	uint32_t id = 0;

	cursor_init(&cursor, stream);
	r->track = NULL;
	while (!r->failed && cursor_next(&cursor)) {
		if (cursor.thread != id) {
			id = cursor.thread;
			set_thread(r, id);
		}
		take_event(r, &cursor.event);
	}
	r->s->lost += cursor.bad_offset != 0;
}

/* ---- the end ---- */

static void end_wait(struct reading *r, const struct trace_slot *slot, uint64_t end)
{
	uint32_t node = reader_same_node(r->s->reader, slot->wait_node);
	const struct context *context = context_get(r->s->contexts, node);
	struct item *wait = r->track->wait ? &r->track->items.at[r->track->wait - 1] : NULL;

	if (context->lock == NO_INDEX)
		return;
	switch (r->s->things[context->lock].kind) {
	case THING_LOCK:
	case THING_SEM:
		point(r, OP_REQUEST, end, context->lock, node, mode_flags(context->mode));
		break;
	case THING_COND:
		if (wait)
			*wait = (struct item){ .what = ITEM_POINT,
					       .kind = OP_WAIT,
					       .ticks = r->track->entered,
					       .thing = context->lock,
					       .node = node };
		else
			point(r, OP_WAIT, slot->wait_since, context->lock, node, 0);
		break;
	default:
		break;
	}
}

/* What was held and waited for when the recording ended. */
static void read_slot(struct reading *r, const struct trace_slot *slot)
{
	uint64_t end = reader_end_ticks(r->s->reader);

	set_thread(r, slot->thread);
	if (!r->track)
		return;
	if (end < slot->last_ticks)
		end = slot->last_ticks;
	for (unsigned int i = 0; i < TRACE_HELD_MAX && slot->held[i].lock; i++) {
		const struct trace_held *held = &slot->held[i];
		uint32_t node = reader_same_node(r->s->reader, held->node);

		if (context_get(r->s->contexts, node)->lock == NO_INDEX)
			r->s->lost++;
		else
			take_acquisition(r, node, end, end > held->since ? end - held->since : 0,
					 TRACE_ACQ_LEFT);
	}
	if (slot->wait_node)
		end_wait(r, slot, end);
}

static int read_all(struct subject *s, struct history *history, void (*progress)(double part))
{
	struct reading r = { .s = s, .spill = &history->spill };
	size_t nr = reader_nr_streams(s->reader);
	int err = 0;

	s->lost = 0;
	s->found_more = false;
	r.tracks = calloc((size_t)s->nr_threads + 1, sizeof(*r.tracks));
	if (!r.tracks)
		return -ENOMEM;
	for (size_t i = 0; i < nr && !r.failed; i++) {
		if (progress)
			progress((double)i / (double)nr);
		read_stream(&r, reader_stream(s->reader, i));
	}
	for (size_t i = 0; i < reader_nr_slots(s->reader) && !r.failed; i++)
		read_slot(&r, reader_slot(s->reader, i));
	for (uint32_t i = 0; i < s->nr_threads; i++) {
		if (!err && !r.failed && !s->found_more)
			err = rows_make(s, history, i, &r.tracks[i].items);
		spill_free(r.spill, r.tracks[i].items.at,
			   r.tracks[i].items.room * sizeof(struct item));
	}
	free(r.tracks);
	return r.failed ? -ENOMEM : err;
}

static int history_of(struct subject *s, uint64_t max_memory, struct history **history)
{
	*history = history_new(s->nr_threads, s->nr_things, max_memory);
	if (!*history)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->nr_things; i++)
		(*history)->things[i] = s->things[i];
	return 0;
}

static void keep_all(struct subject *s)
{
	for (uint32_t i = 0; i < s->nr_things; i++)
		s->kept[i] = true;
}

int events_read(struct subject *s, uint64_t max_memory, struct history **history,
		void (*progress)(double part))
{
	int err = history_of(s, max_memory, history);

	for (int round = 0; !err; round++) {
		err = read_all(s, *history, progress);
		if (err || !s->found_more)
			break;
		subject_keep_around(s);
		if (round == READ_AGAIN)
			keep_all(s);
	}
	return err ? err : history_finish(*history);
}
