/* SPDX-License-Identifier: MIT */
/*
 * verdict.c: see verdict.h
 *
 * A cycle's members are made by different threads at many moments. For each choice of threads
 * their moments are walked in three ways, the cheap first:
 *
 *	by edges alone: if no moments are found that nothing orders, none of them can meet;
 *	in recorded order: the prefix only grows, so that each moment is passed once;
 *	in other orders: some moments, one by one, each at some cost.
 *
 * A witness counts when validate.c accepts it. "Refuted" is said only when no moment was left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reorder.h"
#include "validate.h"
#include "verdict.h"

#define CYCLE_STEPS	20000000u
#define CYCLE_CHOICES	400u /* of threads */
#define REORDER_MOMENTS 200u
#define OWED_REQUESTS	8u

/* ---- where the requests are ---- */

static bool is_request(const struct op *op)
{
	return (op->kind == OP_ACQUIRE || op->kind == OP_REQUEST || op->kind == OP_JOIN ||
		op->kind == OP_WAIT || op->kind == OP_TAKE) &&
	       !(op->flags & OP_TRY);
}

int instances_new(struct instances *in, const struct history *h, uint32_t nr_nodes,
		  const bool *wanted)
{
	*in = (struct instances){ .nr_nodes = nr_nodes };
	in->first = calloc((size_t)nr_nodes + 2, sizeof(*in->first));
	if (!in->first)
		return -ENOMEM;
	for (uint32_t t = 0; t < h->nr_threads; t++)
		for (uint32_t i = 0; i < h->rows[t].nr; i++) {
			const struct op *op = history_op(h, t, i);

			if (wanted[op->node] && is_request(op))
				in->first[op->node + 2]++;
		}
	for (uint32_t i = 1; i <= nr_nodes; i++)
		in->first[i + 1] += in->first[i];
	in->at = malloc(((size_t)in->first[nr_nodes + 1] + 1) * sizeof(*in->at));
	if (!in->at)
		return -ENOMEM;
	for (uint32_t t = 0; t < h->nr_threads; t++)
		for (uint32_t i = 0; i < h->rows[t].nr; i++) {
			const struct op *op = history_op(h, t, i);

			if (wanted[op->node] && is_request(op))
				in->at[in->first[op->node + 1]++] = (struct instance){ t, i };
		}
	return 0;
}

void instances_fini(struct instances *in)
{
	free(in->first);
	free(in->at);
}

/* The moments of one member in one thread. */
struct moments {
	uint32_t nr, room, now;
	uint32_t *at;
};

static int add_moment(struct moments *m, uint32_t at)
{
	uint32_t room = m->room ? m->room * 2 : 16, *new;

	if (m->nr == m->room) {
		new = realloc(m->at, room * sizeof(*new));
		if (!new)
			return -ENOMEM;
		m->at = new;
		m->room = room;
	}
	m->at[m->nr++] = at;
	return 0;
}

/* Whether the thread signals, before it has made many other requests. */
static bool owes(const struct history *h, uint32_t thread, uint32_t at, uint32_t thing)
{
	uint32_t requests = 0;

	for (; at < h->rows[thread].nr && requests <= OWED_REQUESTS; at++) {
		const struct op *op = history_op(h, thread, at);

		if ((op->kind == OP_SIGNAL || op->kind == OP_POST) && op->thing == thing)
			return true;
		requests += is_request(op);
	}
	return false;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int visitor_moments(const struct court *court, const struct request *r,
			   const struct visitor *v, struct moments *m)
{
	const struct instances *in = court->instances;
	uint32_t low = in->first[v->node], high = in->first[v->node + 1], last = high;
	int err = 0;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (in->at[middle].thread < v->thread)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < last && in->at[low].thread == v->thread && !err; low++)
		if (history_op(court->history, v->thread, in->at[low].at)->thing == r->thing &&
		    (v->owes == NO_OP || owes(court->history, v->thread, in->at[low].at, v->owes)))
			err = add_moment(m, in->at[low].at);
	return err;
}

static int find_moments(const struct court *court, const struct request *r, uint32_t thread,
			struct moments *m)
{
	uint32_t nodes = 0;
	int err = 0;

	m->nr = m->now = 0;
	for (uint32_t i = 0; i < r->nr_visitors && !err; i++)
		if (r->visitors[i].thread == thread) {
			err = visitor_moments(court, r, &r->visitors[i], m);
			nodes++;
		}
	if (nodes > 1 && m->nr)
		qsort(m->at, m->nr, sizeof(*m->at), compare_numbers);
	return err;
}

/* ---- one choice of threads ---- */

/* A part in the cycle, or a writer in line: which request, by which thread, when. */
struct part {
	const struct request *request;
	uint32_t thread;
	struct moments moments;
};

struct trial {
	struct court *court;
	const struct cycle *cycle;
	struct part parts[VERDICT_STOPS];
	uint32_t nr;
	uint32_t writer_of[CYCLE_MAX];
	struct closure closure, probe;
	uint64_t budget, choices;
	struct verdict *verdict;
	int err;
};

static void set_stops(struct trial *t)
{
	t->verdict->nr = t->cycle->nr;
	t->verdict->nr_stops = t->nr;
	for (uint32_t i = 0; i < t->nr; i++)
		t->verdict->stops[i] =
			(struct stop){ t->parts[i].thread,
				       t->parts[i].moments.at[t->parts[i].moments.now] };
	memcpy(t->verdict->writer_of, t->writer_of, sizeof(t->writer_of));
}

/* Moves on the moments that lie in the prefix. False: there are no more. */
static bool advance(struct trial *t)
{
	for (uint32_t i = 0; i < t->nr; i++) {
		struct moments *m = &t->parts[i].moments;
		uint32_t upto = t->closure.upto[t->parts[i].thread];

		if (m->at[m->now] >= upto)
			continue;
		m->now += history_before(m->at + m->now, m->nr - m->now, upto);
		if (m->now == m->nr)
			return false;
	}
	return true;
}

static void rewind_moments(struct trial *t)
{
	for (uint32_t i = 0; i < t->nr; i++)
		t->parts[i].moments.now = 0;
	closure_clear(&t->closure);
}

static bool reach_all(struct trial *t)
{
	for (uint32_t i = 0; i < t->nr; i++)
		closure_reach(&t->closure, &t->verdict->stops[i]);
	return !closure_passed(&t->closure, t->verdict->stops, t->nr);
}

/* The first moments from here on that no edges order. False: there are none. */
static bool walk_edges(struct trial *t)
{
	for (;;) {
		set_stops(t);
		if (reach_all(t))
			return true;
		if (!advance(t))
			return false;
	}
}

static bool is_valid(const struct trial *t, const uint32_t *upto, const uint32_t *order,
		     uint64_t nr_order)
{
	struct validate_member members[CYCLE_MAX] = { { .thread = 0 } };
	struct validate_schedule schedule = { upto, order, nr_order, members, t->cycle->nr };

	for (uint32_t i = 0; i < t->cycle->nr; i++) {
		const struct stop *stops = t->verdict->stops;

		members[i] = (struct validate_member){
			.thread = stops[i].thread,
			.at = stops[i].at,
			.behind_writer = t->writer_of[i],
			.any_holder = t->parts[i].request->how == REQUEST_SIGNAL,
		};
		if (t->writer_of[i]) {
			members[i].writer = stops[t->writer_of[i]].thread;
			members[i].writer_at = stops[t->writer_of[i]].at;
		}
	}
	return !validate(t->court->history, &schedule);
}

/* The prefix in the closure is a witness in recorded order. */
static bool take_recorded(struct trial *t)
{
	uint32_t nr = t->court->history->nr_rows;
	uint32_t *upto = malloc((nr + 1) * sizeof(*upto));

	if (!upto) {
		t->err = -ENOMEM;
		return false;
	}
	memcpy(upto, t->closure.upto, nr * sizeof(*upto));
	if (!is_valid(t, upto, NULL, 0)) {
		free(upto);
		return false;
	}
	t->verdict->end = VERDICT_PREDICTED;
	t->verdict->upto = upto;
	return true;
}

/* The part that waits for a signal; NULL: none does. */
static struct part *signal_part(struct trial *t)
{
	for (uint32_t i = 0; i < t->cycle->nr; i++)
		if (t->parts[i].request->how == REQUEST_SIGNAL)
			return &t->parts[i];
	return NULL;
}

/* A circle through a signal does not stand when somebody outside gives it. */
static bool stands(struct trial *t)
{
	struct part *part = signal_part(t);
	enum signals_left left;

	if (!part)
		return true;
	left = signals_left(t->court->signals, &t->closure, &t->probe, part->request->thing,
			    t->verdict->stops, t->cycle->nr);
	t->verdict->others_signal = left == SIGNALS_STUCK;
	return left != SIGNALS_FREE;
}

static bool walk_recorded(struct trial *t)
{
	rewind_moments(t);
	for (;;) {
		enum closure_end end = CLOSURE_PASSED;
		bool more = true;

		set_stops(t);
		if (reach_all(t))
			end = closure_locks(&t->closure, t->verdict->stops, t->nr);
		if (end == CLOSURE_DONE && stands(t))
			return take_recorded(t);
		if (end == CLOSURE_DONE) {
			struct moments *m = &signal_part(t)->moments;

			more = ++m->now < m->nr;
		} else {
			more = end == CLOSURE_PASSED && advance(t);
		}
		if (!more || !t->budget)
			return false;
	}
}

/* Moments that no edges order, in all orders of locks. */
static enum verdict_end reorder_moment(struct trial *t)
{
	struct reorder found = { .upto = NULL };
	enum reorder_end end;

	closure_clear(&t->closure);
	if (!reach_all(t))
		return VERDICT_ORDERED;
	end = reorder_find(&t->closure, t->verdict->stops, t->nr, &found);
	if (end == REORDER_FOUND && is_valid(t, found.upto, found.order, found.nr_order)) {
		t->verdict->end = VERDICT_PREDICTED;
		t->verdict->reordered = true;
		t->verdict->upto = found.upto;
		t->verdict->order = found.order;
		t->verdict->nr_order = found.nr_order;
		return VERDICT_PREDICTED;
	}
	free(found.upto);
	free(found.order);
	if (end == REORDER_NO_MEMORY)
		t->err = -ENOMEM;
	return end == REORDER_REFUTED ? VERDICT_REFUTED : VERDICT_POTENTIAL;
}

/* The next choice of moments, last part first. False: that was the last one. */
static bool next_moments(struct trial *t)
{
	for (uint32_t i = t->nr; i--;) {
		if (++t->parts[i].moments.now < t->parts[i].moments.nr)
			return true;
		t->parts[i].moments.now = 0;
	}
	return false;
}

static enum verdict_end walk_reordered(struct trial *t)
{
	enum verdict_end best = VERDICT_ORDERED, end;
	uint32_t tried = 0;

	rewind_moments(t);
	do {
		if (tried++ == REORDER_MOMENTS || !t->budget)
			return VERDICT_POTENTIAL;
		set_stops(t);
		end = reorder_moment(t);
		if (end > best)
			best = end;
	} while (best != VERDICT_PREDICTED && !t->err && next_moments(t));
	return best;
}

/* By which kind of edges the moments in `stops` are ordered. */
static enum order_hidden find_reason(struct trial *t)
{
	static const struct {
		enum edge_kind kind;
		enum order_hidden reason;
	} rows[] = {
		{ EDGE_START_JOIN, ORDER_HIDDEN_START_JOIN },
		{ EDGE_SEM, ORDER_HIDDEN_SEM },
		{ EDGE_COND, ORDER_HIDDEN_COND },
		{ EDGE_BARRIER, ORDER_HIDDEN_BARRIER },
	};
	enum order_hidden reason = ORDER_HIDDEN_ORDERED;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		closure_clear(&t->closure);
		t->closure.kinds = 1u << EDGE_START_JOIN | 1u << rows[i].kind;
		if (!reach_all(t)) {
			reason = rows[i].reason;
			break;
		}
	}
	t->closure.kinds = EDGE_ANY;
	return reason;
}

static void note(struct trial *t, enum verdict_end end, enum order_hidden reason,
		 struct verdict *best)
{
	if (end <= best->end)
		return;
	*best = *t->verdict;
	best->end = end;
	best->reason = reason;
}

/* Of circles through a signal only the recorded order counts: who signals when is part of it. */
static enum order_hidden others_signal(struct trial *t)
{
	uint32_t thing = signal_part(t)->request->thing;

	return t->court->history->things[thing].kind == THING_SEM ? ORDER_HIDDEN_SEM
								  : ORDER_HIDDEN_COND;
}

static void try_threads(struct trial *t, struct verdict *best)
{
	for (uint32_t i = 0; i < t->nr && !t->err; i++) {
		t->err = find_moments(t->court, t->parts[i].request, t->parts[i].thread,
				      &t->parts[i].moments);
		if (!t->parts[i].moments.nr)
			return;
	}
	if (t->err)
		return;
	rewind_moments(t);
	if (!walk_edges(t)) {
		note(t, VERDICT_ORDERED, find_reason(t), best);
		return;
	}
	if (walk_recorded(t))
		note(t, VERDICT_PREDICTED, 0, best);
	else if (signal_part(t))
		note(t, VERDICT_ORDERED, others_signal(t), best);
	else if (!t->err)
		note(t, walk_reordered(t), ORDER_HIDDEN_ORDERED, best);
}

/* ---- all choices ---- */

static bool is_used(const struct trial *t, uint32_t thread)
{
	for (uint32_t i = 0; i < t->nr; i++)
		if (t->parts[i].thread == thread)
			return true;
	return false;
}

/* Whether a writer's request can stand beside the members': no gate between them. */
static bool apart(const struct trial *t, const struct request *writer)
{
	for (uint32_t i = 0; i < t->cycle->nr; i++)
		for (uint32_t k = 0; k < t->parts[i].request->nr_held; k++)
			for (uint32_t m = 0; m < writer->nr_held; m++) {
				uint32_t x = t->parts[i].request->held[k], y = writer->held[m];

				if (HELD_THING(x) == HELD_THING(y) &&
				    !(HELD_SHARED(x) && HELD_SHARED(y)))
					return false;
			}
	return true;
}

static bool done(const struct trial *t, const struct verdict *best)
{
	return t->err || best->end == VERDICT_PREDICTED || !t->choices || !t->budget;
}

static void choose_writers(struct trial *t, uint32_t member, struct verdict *best);

static void choose_visitors(struct trial *t, const struct request *r, uint32_t member,
			    struct verdict *best)
{
	struct part *part = &t->parts[t->nr];

	for (uint32_t v = 0; v < r->nr_visitors && !done(t, best); v++) {
		uint32_t thread = r->visitors[v].thread;

		if ((v && r->visitors[v - 1].thread == thread) || is_used(t, thread))
			continue;
		part->request = r;
		part->thread = thread;
		t->nr++;
		choose_writers(t, member + 1, best);
		t->nr--;
	}
}

/* Members first, then a third thread for each reader that only waits behind a writer. */
static void choose_writers(struct trial *t, uint32_t member, struct verdict *best)
{
	const struct cycle *c = t->cycle;
	const struct requests *all = t->court->requests;
	uint32_t i = member;

	if (member < c->nr) {
		choose_visitors(t, &all->at[c->request[member]], member, best);
		return;
	}
	while (i < 2 * c->nr && !c->behind_writer[i - c->nr])
		t->writer_of[i++ - c->nr] = 0;
	if (i == 2 * c->nr) {
		t->choices--;
		try_threads(t, best);
		return;
	}
	t->writer_of[i - c->nr] = t->nr;
	for (uint32_t k = 0; k < all->nr && !done(t, best); k++)
		if (all->at[k].thing == t->parts[i - c->nr].request->thing && !all->at[k].shared &&
		    all->at[k].how == REQUEST_LOCK && apart(t, &all->at[k]))
			choose_visitors(t, &all->at[k], i, best);
}

int verdict_find(struct court *court, const struct cycle *cycle, struct verdict *verdict)
{
	struct verdict best = { .end = VERDICT_NONE };
	struct trial t = {
		.court = court, .cycle = cycle, .choices = CYCLE_CHOICES, .verdict = verdict
	};
	uint64_t given;

	*verdict = best;
	t.budget = given = court->budget < CYCLE_STEPS ? court->budget : CYCLE_STEPS;
	t.err = closure_init(&t.closure, court->history, &t.budget);
	if (!t.err)
		t.err = closure_init(&t.probe, court->history, &t.budget);
	if (!t.err)
		choose_writers(&t, 0, &best);
	court->budget -= given - t.budget;
	closure_fini(&t.closure);
	closure_fini(&t.probe);
	for (uint32_t i = 0; i < VERDICT_STOPS; i++)
		free(t.parts[i].moments.at);
	/* Not all choices were looked at, so what was found may not be all. */
	if (best.end != VERDICT_PREDICTED && (!t.choices || !t.budget))
		best.end = VERDICT_POTENTIAL;
	*verdict = best;
	return t.err;
}

void verdict_fini(struct verdict *verdict)
{
	free(verdict->upto);
	free(verdict->order);
	verdict->upto = verdict->order = NULL;
}
