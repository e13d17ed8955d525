/* SPDX-License-Identifier: MIT */
/*
 * components.c: the strongly connected parts of the lock graph
 *
 * Tarjan's algorithm, with a stack of its own: chains of locks may be long. Requests that cannot
 * block belong to the graph too, so that what they make harmless can be told.
 */
#include <errno.h>
#include <stdlib.h>

#include "cycles.h"

struct vertex {
	uint32_t first_edge;  /* in graph.edges */
	uint32_t number, low; /* number 0: not seen */
	uint32_t component;
	uint32_t next_edge; /* the walk goes on here */
	bool open;
};

struct graph {
	struct order *order;
	uint32_t nr;	   /* locks, then threads */
	struct vertex *at; /* nr + 1 */
	uint32_t *edges;   /* target vertices, grouped by source */
	uint32_t *path, *opened;
	uint32_t nr_path, nr_opened, numbers;
};

static uint32_t vertex_of(const struct graph *g, struct order_thing thing)
{
	return thing.what == ORDER_THREAD ? (uint32_t)g->order->model->nr_locks + thing.index
					  : thing.index;
}

static int graph_init(struct graph *g, struct order *order)
{
	uint32_t sum = 0;

	*g = (struct graph){ .order = order };
	g->nr = (uint32_t)(order->model->nr_locks + order->model->nr_threads);
	g->at = calloc(g->nr + 2, sizeof(*g->at));
	g->edges = malloc((order->nr_edges + 1) * sizeof(*g->edges));
	g->path = malloc((g->nr + 1) * sizeof(*g->path));
	g->opened = malloc((g->nr + 1) * sizeof(*g->opened));
	if (!g->at || !g->edges || !g->path || !g->opened)
		return -ENOMEM;
	for (size_t i = 0; i < order->nr_edges; i++)
		g->at[vertex_of(g, order->edges[i].from)].first_edge++;
	for (uint32_t i = 0; i <= g->nr; i++) {
		sum += g->at[i].first_edge;
		g->at[i].first_edge = sum;
	}
	for (size_t i = order->nr_edges; i--;) {
		struct vertex *from = &g->at[vertex_of(g, order->edges[i].from)];

		g->edges[--from->first_edge] = vertex_of(g, order->edges[i].to);
	}
	return 0;
}

static void graph_fini(struct graph *g)
{
	free(g->at);
	free(g->edges);
	free(g->path);
	free(g->opened);
}

static void enter(struct graph *g, uint32_t v)
{
	struct vertex *vertex = &g->at[v];

	vertex->number = vertex->low = ++g->numbers;
	vertex->next_edge = vertex->first_edge;
	vertex->open = true;
	g->opened[g->nr_opened++] = v;
	g->path[g->nr_path++] = v;
}

/* All that was opened since v is one part; one vertex alone is none. */
static void close_part(struct graph *g, uint32_t v)
{
	bool alone = g->opened[g->nr_opened - 1] == v;
	uint32_t component = alone ? 0 : ++g->order->nr_components, w;

	do {
		w = g->opened[--g->nr_opened];
		g->at[w].open = false;
		g->at[w].component = component;
	} while (w != v);
}

static void leave(struct graph *g)
{
	uint32_t v = g->path[--g->nr_path];

	if (g->at[v].low == g->at[v].number)
		close_part(g, v);
	if (g->nr_path) {
		struct vertex *above = &g->at[g->path[g->nr_path - 1]];

		if (g->at[v].low < above->low)
			above->low = g->at[v].low;
	}
}

static void walk(struct graph *g, uint32_t start)
{
	enter(g, start);
	while (g->nr_path) {
		uint32_t v = g->path[g->nr_path - 1], w;
		struct vertex *vertex = &g->at[v];

		if (vertex->next_edge == g->at[v + 1].first_edge) {
			leave(g);
			continue;
		}
		w = g->edges[vertex->next_edge++];
		if (!g->at[w].number)
			enter(g, w);
		else if (g->at[w].open && g->at[w].number < vertex->low)
			vertex->low = g->at[w].number;
	}
}

int cycles_components(struct order *order)
{
	struct graph g;
	int err = graph_init(&g, order);

	order->nr_components = 0;
	for (uint32_t v = 0; !err && v < g.nr; v++)
		if (!g.at[v].number)
			walk(&g, v);
	for (size_t i = 0; !err && i < order->nr_edges; i++) {
		struct order_edge *edge = &order->edges[i];
		uint32_t part = g.at[vertex_of(&g, edge->from)].component;

		edge->component = part == g.at[vertex_of(&g, edge->to)].component ? part : 0;
	}
	graph_fini(&g);
	return err;
}
