/* SPDX-License-Identifier: MIT */
/*
 * validate.c: see validate.h
 *
 * The rules:
 *
 *	lock		one writer or any number of readers; not to be released by others
 *	semaphore	a token has to be there
 *	condition	a thread is woken by a signal given while it waits, each signal by one
 *thread, a broadcast by all who wait then; or as it was in the run, by time
 *	barrier		a round of n is complete before one of it departs
 *	thread		it begins after its creation, is joined after its last operation
 *	failed attempt	the lock is taken by another thread at that moment
 */
#include <stdlib.h>

#include "validate.h"

struct waiter {
	uint32_t thread, thing;
	uint64_t round; /* of a barrier */
	bool called;	/* a signal was given to it, or to another one */
};

struct replay {
	const struct history *h;
	const struct validate_schedule *schedule;
	uint32_t *done;		/* by thread: operations */
	uint32_t *writer;	/* by thing: thread + 1 */
	uint32_t *readers;	/* by thing */
	uint64_t *count;	/* by thing: tokens, arrivals, unheard signals */
	bool *created;		/* by thing THREAD */
	struct waiter *waiters; /* by thread: its condition or barrier */
};

static bool has_read(const struct replay *r, uint32_t thread, uint32_t thing)
{
	const struct row *row = &r->h->rows[thread];
	uint32_t nr = r->done[thread], at = history_open(row, nr);

	for (; at != NO_OP; at = history_open_next(row, nr, at))
		if (row->ops[at].thing == thing)
			return true;
	return false;
}

static const char *acquire(struct replay *r, uint32_t thread, const struct op *op)
{
	if (r->writer[op->thing])
		return "a lock is taken that another thread has";
	if (op->flags & OP_SHARED) {
		r->readers[op->thing]++;
		return NULL;
	}
	if (r->readers[op->thing])
		return "a lock is taken that others read";
	r->writer[op->thing] = thread + 1;
	return NULL;
}

static void begin_wait(struct replay *r, uint32_t thread, const struct op *op)
{
	if (r->waiters[thread].thing != op->thing + 1)
		r->waiters[thread] = (struct waiter){ .thing = op->thing + 1 };
}

static const char *release(struct replay *r, uint32_t thread, const struct op *op)
{
	const struct row *row = &r->h->rows[thread];

	if (op->flags & OP_ENTERS)
		begin_wait(r, thread, op + 1);
	if (op->mate == NO_OP)
		return NULL;
	if (row->ops[op->mate].flags & OP_SHARED) {
		r->readers[op->thing]--;
		return NULL;
	}
	if (r->writer[op->thing] != thread + 1)
		return "a lock is released that the thread has not";
	r->writer[op->thing] = 0;
	return NULL;
}

/* A signal wakes one of those who wait: which one, the run decides later. */
static void signal_given(struct replay *r, const struct op *op)
{
	uint64_t waiting = 0, called = 0;

	for (uint32_t i = 0; i < r->h->nr_threads; i++) {
		struct waiter *w = &r->waiters[i];

		if (w->thing != op->thing + 1)
			continue;
		waiting++;
		w->called = true;
	}
	called = r->count[op->thing] + 1;
	r->count[op->thing] = op->flags & OP_ALL || called > waiting ? waiting : called;
}

static const char *woken(struct replay *r, uint32_t thread, const struct op *op)
{
	struct waiter *w = &r->waiters[thread];

	w->thing = 0;
	if (op->flags & OP_ALONE)
		return NULL;
	if (!w->called || !r->count[op->thing])
		return "a thread is woken without a signal";
	r->count[op->thing]--;
	return NULL;
}

static const char *depart(struct replay *r, uint32_t thread, const struct op *op)
{
	uint64_t size = r->h->things[op->thing].initial;

	if (size && r->count[op->thing] < (r->waiters[thread].round + 1) * size)
		return "a barrier opens too early";
	return NULL;
}

static void arrive(struct replay *r, uint32_t thread, const struct op *op)
{
	uint64_t size = r->h->things[op->thing].initial;

	r->waiters[thread].round = size ? r->count[op->thing] / size : 0;
	r->count[op->thing]++;
}

static const char *perform(struct replay *r, uint32_t thread, const struct op *op)
{
	switch (op->kind) {
	case OP_ACQUIRE:
		return acquire(r, thread, op);
	case OP_RELEASE:
		return release(r, thread, op);
	case OP_FAIL:
		return r->writer[op->thing] || r->readers[op->thing]
			       ? NULL
			       : "an attempt fails though the lock is free";
	case OP_CREATE:
		r->created[op->thing] = true;
		return NULL;
	case OP_BEGIN:
		return r->created[op->thing] || op->flags & OP_ALONE
			       ? NULL
			       : "a thread begins before it is created";
	case OP_JOIN:
		return r->done[r->h->things[op->thing].thread] ==
				       r->h->rows[r->h->things[op->thing].thread].nr
			       ? NULL
			       : "a thread is joined before its end";
	case OP_WAIT:
		begin_wait(r, thread, op);
		return NULL;
	case OP_WOKEN:
		return woken(r, thread, op);
	case OP_SIGNAL:
		signal_given(r, op);
		return NULL;
	case OP_TAKE:
		return r->count[op->thing]-- ? NULL : "a token is taken that is not there";
	case OP_POST:
		r->count[op->thing]++;
		return NULL;
	case OP_ARRIVE:
		arrive(r, thread, op);
		return NULL;
	case OP_DEPART:
		return depart(r, thread, op);
	case OP_REQUEST:
		return "a request is passed that was never granted";
	default:
		return NULL;
	}
}

/* The thread's next operation, if it belongs to the schedule. */
static const char *step(struct replay *r, uint32_t thread)
{
	uint32_t at = r->done[thread];
	const char *wrong;

	if (at >= r->schedule->upto[thread])
		return NULL;
	wrong = perform(r, thread, history_op(r->h, thread, at));
	r->done[thread] = at + 1;
	return wrong;
}

static const char *run(struct replay *r)
{
	const struct validate_schedule *s = r->schedule;
	const uint32_t *order = s->order ? s->order : r->h->order;
	uint64_t nr = s->order ? s->nr_order : r->h->nr_order, left = 0;
	const char *wrong = NULL;

	for (uint32_t i = 0; i < r->h->nr_threads; i++)
		left += s->upto[i];
	for (uint64_t i = 0; i < nr && left && !wrong; i++) {
		left -= r->done[order[i]] < s->upto[order[i]];
		wrong = step(r, order[i]);
	}
	return wrong || !left ? wrong : "the schedule does not run to its end";
}

/* Whether `next` has what keeps this one waiting. */
static bool is_held_by(const struct replay *r, const struct op *op,
		       const struct validate_member *next)
{
	switch (op->kind) {
	case OP_ACQUIRE:
	case OP_REQUEST:
		return r->writer[op->thing] ? r->writer[op->thing] == next->thread + 1
					    : has_read(r, next->thread, op->thing);
	case OP_JOIN:
		return r->h->things[op->thing].thread == next->thread;
	default:
		return false;
	}
}

static const char *writer_waits(const struct replay *r, const struct validate_member *m,
				uint32_t thing)
{
	const struct op *op;

	if (r->writer[thing])
		return NULL;
	if (!m->behind_writer || !r->h->things[thing].writers_first)
		return "a reader does not wait for readers";
	op = history_op(r->h, m->writer, m->writer_at);
	if (r->done[m->writer] != m->writer_at || op->thing != thing || op->flags & OP_SHARED ||
	    (op->kind != OP_ACQUIRE && op->kind != OP_REQUEST))
		return "the writer does not stand in line";
	return NULL;
}

static const char *waits(const struct replay *r, const struct validate_member *m,
			 const struct validate_member *next)
{
	const struct op *op = history_op(r->h, m->thread, m->at);

	if (r->done[m->thread] != m->at)
		return "a thread does not stand at its request";
	if (op->flags & OP_TRY)
		return "an attempt does not wait";
	if (m->any_holder)
		return op->kind == OP_TAKE && r->count[op->thing] ? "a token is there" : NULL;
	if (!is_held_by(r, op, next))
		return "the next thread has not what this one waits for";
	if (op->flags & OP_SHARED)
		return writer_waits(r, m, op->thing);
	return NULL;
}

static bool replay_init(struct replay *r)
{
	uint32_t threads = r->h->nr_threads + 1, things = r->h->nr_things + 1;

	r->done = calloc(threads, sizeof(*r->done));
	r->writer = calloc(things, sizeof(*r->writer));
	r->readers = calloc(things, sizeof(*r->readers));
	r->count = calloc(things, sizeof(*r->count));
	r->created = calloc(things, sizeof(*r->created));
	r->waiters = calloc(threads, sizeof(*r->waiters));
	if (!r->done || !r->writer || !r->readers || !r->count || !r->created || !r->waiters)
		return false;
	for (uint32_t i = 0; i < r->h->nr_things; i++)
		if (r->h->things[i].kind == THING_SEM)
			r->count[i] = r->h->things[i].initial;
	return true;
}

static void replay_fini(struct replay *r)
{
	free(r->done);
	free(r->writer);
	free(r->readers);
	free(r->count);
	free(r->created);
	free(r->waiters);
}

const char *validate(const struct history *history, const struct validate_schedule *schedule)
{
	struct replay r = { .h = history, .schedule = schedule };
	const char *wrong = replay_init(&r) ? run(&r) : "out of memory";

	for (uint32_t i = 0; i < schedule->nr_members && !wrong; i++)
		wrong = waits(&r, &schedule->members[i],
			      &schedule->members[(i + 1) % schedule->nr_members]);
	replay_fini(&r);
	return wrong;
}
