/* SPDX-License-Identifier: MIT */
/*
 * contexts.c: the dictionary's lock contexts become edges: this lock, asked for under that
 *
 * Every lock of a context's path is held at the acquisition, so each of them gives an edge, not
 * only the innermost: a cycle may close over an outer lock. Contexts that differ in what else was
 * held, but not in the two places in the code, are one edge.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "contexts.h"

/* ---- the tree ---- */

bool contexts_is_lock(const struct contexts *contexts, uint32_t lock)
{
	const struct lock *row;

	if (lock == NO_INDEX || contexts->token[lock])
		return false;
	row = &contexts->model->locks[lock];
	switch (row->record->kind) {
	case TRACE_KIND_MUTEX:
	case TRACE_KIND_RWLOCK:
	case TRACE_KIND_SPIN:
	case TRACE_KIND_CUSTOM:
		return true;
	case TRACE_KIND_SEM:
		return row->lock_like;
	default:
		return false;
	}
}

struct order_thing contexts_thing(const struct contexts *contexts, uint32_t lock)
{
	struct order_thing thing = { ORDER_LOCK, lock };

	if (contexts_is_lock(contexts, lock))
		return thing;
	switch (contexts->model->locks[lock].record->kind) {
	case TRACE_KIND_COND:
		thing.what = ORDER_COND;
		break;
	case TRACE_KIND_SEM:
		thing.what = ORDER_SEM;
		break;
	default:
		break;
	}
	return thing;
}

static int map_ids(struct contexts *c)
{
	const struct model *model = c->model;
	const struct reader *reader = model->processes[c->process].reader;

	c->nr_locks = reader_max_lock(reader) + 1;
	c->nr_thread_ids = reader_max_thread(reader) + 1;
	c->lock_of = malloc(c->nr_locks * sizeof(*c->lock_of));
	c->thread_of = malloc(c->nr_thread_ids * sizeof(*c->thread_of));
	c->token = calloc(model->nr_locks + 1, sizeof(*c->token));
	if (!c->lock_of || !c->thread_of || !c->token)
		return -ENOMEM;
	memset(c->lock_of, 0xff, c->nr_locks * sizeof(*c->lock_of));
	memset(c->thread_of, 0xff, c->nr_thread_ids * sizeof(*c->thread_of));
	for (size_t i = 0; i < model->nr_locks; i++)
		if (model->locks[i].process->number == c->process &&
		    model->locks[i].id < c->nr_locks)
			c->lock_of[model->locks[i].id] = (uint32_t)i;
	for (size_t i = 0; i < model->nr_threads; i++)
		if (model->threads[i].process->number == c->process &&
		    model->threads[i].id < c->nr_thread_ids)
			c->thread_of[model->threads[i].id] = (uint32_t)i;
	return 0;
}

/* Parents may have higher ids than their children, so depths are found from below. */
static uint32_t depth_of(struct contexts *c, uint32_t node)
{
	uint32_t depth = 0;

	for (uint32_t up = c->at[node].parent; up; up = c->at[up].parent)
		depth++;
	return depth;
}

static bool held_already(const struct contexts *c, uint32_t node)
{
	uint32_t up = c->at[node].parent;

	while (up && c->at[up].lock != c->at[node].lock)
		up = c->at[up].parent;
	return up;
}

static int make_tree(struct contexts *c)
{
	const struct reader *reader = c->model->processes[c->process].reader;

	c->nr = reader_max_node(reader) + 1;
	c->at = calloc(c->nr, sizeof(*c->at));
	if (!c->at)
		return -ENOMEM;
	for (uint32_t id = 0; id < c->nr; id++) {
		const struct trace_node *node = id ? reader_node(reader, id) : NULL;

		c->at[id].lock = NO_INDEX;
		if (!node)
			continue;
		c->at[id].parent = node->parent;
		c->at[id].mode = node->mode;
		if (node->lock && node->lock < c->nr_locks)
			c->at[id].lock = c->lock_of[node->lock];
	}
	for (uint32_t id = 1; id < c->nr; id++) {
		c->at[id].depth = depth_of(c, id);
		c->at[id].again = c->at[id].lock != NO_INDEX && held_already(c, id);
	}
	return 0;
}

/* ---- who was there ---- */

static int compare_visits(const void *a, const void *b)
{
	const struct visit *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return (x->thread > y->thread) - (x->thread < y->thread);
}

static int take_visits(struct contexts *c)
{
	const struct model *model = c->model;
	struct visit *visits = malloc((model->nr_visits + 1) * sizeof(*visits));
	size_t nr = 0, used = 0;

	c->threads = malloc((model->nr_visits + 1) * sizeof(*c->threads));
	if (!visits || !c->threads) {
		free(visits);
		return -ENOMEM;
	}
	for (size_t i = 0; i < model->nr_visits; i++)
		if (model->visits[i].process == c->process && model->visits[i].node < c->nr &&
		    model->visits[i].times + model->visits[i].failures)
			visits[nr++] = model->visits[i];
	qsort(visits, nr, sizeof(*visits), compare_visits);
	for (size_t i = 0; i < nr; i++) {
		struct context *context = &c->at[visits[i].node];

		if (!context->nr_threads)
			context->first_thread = (uint32_t)used;
		if (!context->nr_threads || c->threads[used - 1] != visits[i].thread) {
			c->threads[used++] = visits[i].thread;
			context->nr_threads++;
		}
		context->times += visits[i].times;
		context->failures += visits[i].failures;
	}
	free(visits);
	return 0;
}

/*
 * A mutex, or what else has an owner, that is released by others is no lock: its holder, in the
 * dictionary's eyes, has it for ever.
 */
static int find_tokens(struct contexts *c)
{
	for (uint32_t id = 1; id < c->nr; id++)
		if (c->at[id].lock != NO_INDEX && c->at[id].times &&
		    (c->at[id].mode & TRACE_HOW_MASK) == TRACE_HOW_RELEASE)
			c->token[c->at[id].lock] = true;
	return 0;
}

/* ---- places ---- */

struct place {
	uint64_t where; /* stack, or the code address where no stack was taken */
	uint32_t lock, mode, node;
	bool stack;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->lock != y->lock)
		return x->lock < y->lock ? -1 : 1;
	if (x->mode != y->mode)
		return x->mode < y->mode ? -1 : 1;
	if (x->stack != y->stack)
		return x->stack ? -1 : 1;
	if (x->where != y->where)
		return x->where < y->where ? -1 : 1;
	return (x->node > y->node) - (x->node < y->node);
}

/* A place goes by the number of its first context, which has a stack if any has. */
static int find_places(struct contexts *c)
{
	const struct reader *reader = c->model->processes[c->process].reader;
	struct place *places = malloc(c->nr * sizeof(*places));
	size_t nr = 0;

	if (!places)
		return -ENOMEM;
	for (uint32_t id = 1; id < c->nr; id++) {
		const struct trace_node *node = reader_node(reader, id);

		if (node)
			places[nr++] =
				(struct place){ .where = node->stack ? node->stack : node->site,
						.lock = c->at[id].lock,
						.mode = c->at[id].mode,
						.node = id,
						.stack = node->stack };
	}
	qsort(places, nr, sizeof(*places), compare_places);
	for (size_t i = 0; i < nr; i++) {
		bool same = i && places[i].lock == places[i - 1].lock &&
			    places[i].mode == places[i - 1].mode &&
			    places[i].stack == places[i - 1].stack &&
			    places[i].where == places[i - 1].where;

		c->at[places[i].node].place =
			same ? c->at[places[i - 1].node].place : places[i].node;
	}
	free(places);
	return 0;
}

int contexts_new(struct contexts **contexts, struct model *model, uint32_t process)
{
	static int (*const steps[])(struct contexts * c) = {
		map_ids, make_tree, take_visits, find_tokens, find_places,
	};
	struct contexts *c = calloc(1, sizeof(*c));
	int err = c ? 0 : -ENOMEM;

	if (c) {
		c->model = model;
		c->process = process;
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !err; i++)
		err = steps[i](c);
	if (err)
		contexts_free(c);
	else
		*contexts = c;
	return err;
}

void contexts_free(struct contexts *contexts)
{
	if (!contexts)
		return;
	free(contexts->at);
	free(contexts->threads);
	free(contexts->lock_of);
	free(contexts->thread_of);
	free(contexts->token);
	free(contexts);
}

/* ---- edges ---- */

/* One pair of contexts, before those of the same two places become one. */
struct pair {
	uint32_t from, to; /* nodes */
	uint32_t from_place, to_place;
};

struct pairs {
	struct pair *at;
	size_t nr, room;
};

static int add_pair(struct pairs *pairs, struct pair pair)
{
	struct pair *at;
	size_t room = pairs->room ? pairs->room * 2 : 64;

	if (pairs->nr == pairs->room) {
		at = realloc(pairs->at, room * sizeof(*at));
		if (!at)
			return -ENOMEM;
		pairs->at = at;
		pairs->room = room;
	}
	pairs->at[pairs->nr++] = pair;
	return 0;
}

/* What a context asks for: a lock, or a signal or token that somebody has to give. */
static bool asks(const struct contexts *c, const struct context *context)
{
	uint32_t kind;

	if (context->lock == NO_INDEX || !context->nr_threads || context->again)
		return false;
	if (context_acquires(context))
		return true;
	kind = c->model->locks[context->lock].record->kind;
	return (context->mode & TRACE_HOW_MASK) == TRACE_HOW_WAIT && kind == TRACE_KIND_COND;
}

static int find_pairs(const struct contexts *c, struct pairs *pairs)
{
	int err = 0;

	for (uint32_t to = 1; to < c->nr && !err; to++) {
		uint32_t from;

		if (!asks(c, &c->at[to]))
			continue;
		for (from = context_held(c, c->at[to].parent); from && !err;
		     from = context_held(c, c->at[from].parent))
			err = add_pair(pairs, (struct pair){ from, to, c->at[from].place,
							     c->at[to].place });
	}
	return err;
}

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->from_place != y->from_place)
		return x->from_place < y->from_place ? -1 : 1;
	if (x->to_place != y->to_place)
		return x->to_place < y->to_place ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

static bool same_places(const struct pair *a, const struct pair *b)
{
	return a->from_place == b->from_place && a->to_place == b->to_place;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The threads of all contexts of an edge, each once. */
static int edge_threads(const struct contexts *c, struct order_edge *edge, const struct pair *pairs,
			size_t nr)
{
	size_t sum = 0, used = 0;

	for (size_t i = 0; i < nr; i++)
		sum += c->at[pairs[i].to].nr_threads;
	edge->threads = malloc((sum + 1) * sizeof(*edge->threads));
	if (!edge->threads)
		return -ENOMEM;
	sum = 0;
	for (size_t i = 0; i < nr; i++) {
		const struct context *to = &c->at[pairs[i].to];

		memcpy(edge->threads + sum, c->threads + to->first_thread,
		       to->nr_threads * sizeof(*edge->threads));
		sum += to->nr_threads;
	}
	qsort(edge->threads, sum, sizeof(*edge->threads), compare_numbers);
	for (size_t i = 0; i < sum; i++)
		if (!used || edge->threads[used - 1] != edge->threads[i])
			edge->threads[used++] = edge->threads[i];
	edge->nr_threads = (uint32_t)used;
	return 0;
}

static int make_edge(const struct contexts *c, struct order *order, const struct pair *pairs,
		     size_t nr)
{
	struct order_edge *edge = &order->edges[order->nr_edges++];
	const struct context *from = &c->at[pairs[0].from], *to = &c->at[pairs[0].to];

	*edge = (struct order_edge){
		.from = contexts_thing(c, from->lock),
		.to = contexts_thing(c, to->lock),
		.process = c->process,
		.from_node = pairs[0].from,
		.to_node = pairs[0].to,
		.from_mode = from->mode,
		.to_mode = to->mode,
	};
	for (size_t i = 0; i < nr; i++)
		edge->count += c->at[pairs[i].to].times;
	return edge_threads(c, edge, pairs, nr);
}

static int make_edges(const struct contexts *c, struct order *order, struct pairs *pairs)
{
	struct order_edge *edges;
	size_t nr = 0;
	int err = 0;

	if (!pairs->nr)
		return 0;
	qsort(pairs->at, pairs->nr, sizeof(*pairs->at), compare_pairs);
	for (size_t i = 0; i < pairs->nr; i++)
		nr += !i || !same_places(&pairs->at[i - 1], &pairs->at[i]);
	edges = realloc(order->edges, (order->nr_edges + nr) * sizeof(*edges));
	if (!edges)
		return -ENOMEM;
	order->edges = edges;
	for (size_t i = 0; i < pairs->nr && !err; i += nr) {
		nr = 1;
		while (i + nr < pairs->nr && same_places(&pairs->at[i], &pairs->at[i + nr]))
			nr++;
		err = make_edge(c, order, &pairs->at[i], nr);
	}
	return err;
}

int contexts_edges(const struct contexts *contexts, struct order *order)
{
	struct pairs pairs = { .at = NULL };
	int err = find_pairs(contexts, &pairs);

	if (!err)
		err = make_edges(contexts, order, &pairs);
	free(pairs.at);
	return err;
}
