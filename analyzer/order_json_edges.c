/* SPDX-License-Identifier: MIT */
/*
 * order_json_edges.c: the edges of the lock graph as JSON
 *
 * A page shows the graph, and nobody can look at ten thousand nodes: there, when the locks are many,
 * edges are added up by the classes of their locks, as the picture would. Findings have stacks of
 * their own, so these edges have none.
 */
#include "json.h"
#include "order_view.h"

#include <errno.h>
#include <stdlib.h>

#define BRIEF_LOCKS 40 /* viz/src/data/order.js names single locks up to here */

static void put_threads(struct json *json, const struct model *model, const uint32_t *threads,
			uint32_t nr)
{
	json_array_begin(json, "threads");
	for (uint32_t i = 0; i < nr; i++)
		order_json_thread(json, NULL, model, threads[i]);
	json_array_end(json);
}

static void put_edge(struct json *json, const struct order_view *view,
		     const struct order_edge *edge)
{
	json_object_begin(json, NULL);
	order_json_thing(json, "from", view->order, edge->from);
	order_json_thing(json, "to", view->order, edge->to);
	json_string(json, "from_mode", order_json_mode(edge->from_mode));
	json_string(json, "mode", order_json_mode(edge->to_mode));
	json_uint(json, "count", edge->count);
	json_uint(json, "component", edge->component);
	put_threads(json, view->order->model, edge->threads, edge->nr_threads);
	if (!view->brief) {
		json_object_begin(json, "stacks");
		order_json_stack(json, "from", view, edge->process,
				 (struct order_spot){ .node = edge->from_node });
		order_json_stack(json, "to", view, edge->process,
				 (struct order_spot){ .node = edge->to_node });
		json_object_end(json);
	}
	json_object_end(json);
}

/* ---- many edges, by class ---- */

/* What alike things have in common: the class of locks, all threads. */
static uint64_t kind_of(const struct model *model, struct order_thing thing)
{
	uint32_t class = thing.what == ORDER_THREAD ? 0 : model->locks[thing.index].class;

	return (uint64_t)thing.what << 32 | class;
}

static int by_kinds(const void *a, const void *b, void *context)
{
	const struct order_edge *x = *(const struct order_edge *const *)a;
	const struct order_edge *y = *(const struct order_edge *const *)b;
	uint64_t from_x = kind_of(context, x->from), from_y = kind_of(context, y->from);
	uint64_t to_x = kind_of(context, x->to), to_y = kind_of(context, y->to);

	if (from_x != from_y)
		return from_x < from_y ? -1 : 1;
	if (to_x != to_y)
		return to_x < to_y ? -1 : 1;
	return (x > y) - (x < y);
}

static void put_end(struct json *json, const char *key, const struct model *model,
		    struct order_thing thing)
{
	json_object_begin(json, key);
	json_string(json, "name",
		    thing.what == ORDER_THREAD
			    ? "the end of a thread"
			    : model->classes[model->locks[thing.index].class].label);
	json_object_end(json);
}

/* nr edges between the same two classes as one. `seen`: by thread, zero. */
static void put_sum(struct json *json, const struct model *model,
		    const struct order_edge *const *edges, size_t nr, uint32_t *threads,
		    unsigned char *seen)
{
	uint32_t nr_threads = 0, component = 0;
	uint64_t count = 0;

	for (size_t i = 0; i < nr; i++) {
		count += edges[i]->count;
		component = component ? component : edges[i]->component;
		for (uint32_t k = 0; k < edges[i]->nr_threads; k++) {
			if (!seen[edges[i]->threads[k]])
				threads[nr_threads++] = edges[i]->threads[k];
			seen[edges[i]->threads[k]] = 1;
		}
	}
	for (uint32_t i = 0; i < nr_threads; i++)
		seen[threads[i]] = 0;
	json_object_begin(json, NULL);
	put_end(json, "from", model, edges[0]->from);
	put_end(json, "to", model, edges[0]->to);
	json_uint(json, "count", count);
	json_uint(json, "component", component);
	put_threads(json, model, threads, nr_threads);
	json_object_end(json);
}

static int put_sums(struct json *json, const struct order *order)
{
	const struct model *model = order->model;
	const struct order_edge **edges = calloc(order->nr_edges + 1, sizeof(*edges));
	uint32_t *threads = calloc(model->nr_threads + 1, sizeof(*threads));
	unsigned char *seen = calloc(model->nr_threads + 1, sizeof(*seen));
	bool has_memory = edges && threads && seen;
	size_t nr;

	for (size_t i = 0; has_memory && i < order->nr_edges; i++)
		edges[i] = &order->edges[i];
	if (has_memory)
		qsort_r(edges, order->nr_edges, sizeof(*edges), by_kinds, order->model);
	for (size_t i = 0; has_memory && i < order->nr_edges; i += nr) {
		for (nr = 1; i + nr < order->nr_edges; nr++)
			if (kind_of(model, edges[i]->from) != kind_of(model, edges[i + nr]->from) ||
			    kind_of(model, edges[i]->to) != kind_of(model, edges[i + nr]->to))
				break;
		put_sum(json, model, edges + i, nr, threads, seen);
	}
	free(edges);
	free(threads);
	free(seen);
	return has_memory ? 0 : -ENOMEM;
}

static bool has_many_locks(const struct order *order)
{
	unsigned char *seen = calloc(order->model->nr_locks + 1, sizeof(*seen));
	size_t nr = 0;

	for (size_t i = 0; seen && i < order->nr_edges; i++) {
		const struct order_thing ends[] = { order->edges[i].from, order->edges[i].to };

		for (size_t k = 0; k < 2; k++) {
			if (ends[k].what == ORDER_THREAD)
				continue;
			nr += !seen[ends[k].index];
			seen[ends[k].index] = 1;
		}
	}
	free(seen);
	return nr > BRIEF_LOCKS;
}

int order_json_edges(struct json *json, const struct order_view *view)
{
	const struct order *order = view->order;
	int err = 0;

	json_array_begin(json, "edges");
	if (view->brief && has_many_locks(order))
		err = put_sums(json, order);
	else
		for (size_t i = 0; i < order->nr_edges; i++)
			put_edge(json, view, &order->edges[i]);
	json_array_end(json);
	return err;
}
