/* SPDX-License-Identifier: MIT */
/*
 * components.c: the strongly connected parts of a graph
 *
 * Tarjan's algorithm, with a stack of its own: chains of locks may be long.
 */
#include <errno.h>
#include <stdlib.h>

#include "components.h"

struct vertex {
	uint32_t first_edge;  /* in graph.edges */
	uint32_t number, low; /* number 0: not seen */
	uint32_t next_edge;   /* the walk goes on here */
	bool open;
};

struct graph {
	uint32_t nr;
	struct vertex *at; /* nr + 1 */
	uint32_t *edges;   /* targets, grouped by source */
	uint32_t *path, *opened;
	uint32_t nr_path, nr_opened, numbers;
	uint32_t *component, nr_components;
};

static int graph_init(struct graph *g, uint32_t nr, size_t nr_arcs, const struct arc *arcs)
{
	uint32_t sum = 0;

	*g = (struct graph){ .nr = nr };
	g->at = calloc((size_t)nr + 2, sizeof(*g->at));
	g->edges = malloc((nr_arcs + 1) * sizeof(*g->edges));
	g->path = malloc(((size_t)nr + 1) * sizeof(*g->path));
	g->opened = malloc(((size_t)nr + 1) * sizeof(*g->opened));
	if (!g->at || !g->edges || !g->path || !g->opened)
		return -ENOMEM;
	for (size_t i = 0; i < nr_arcs; i++)
		g->at[arcs[i].from].first_edge++;
	for (uint32_t i = 0; i <= nr; i++) {
		sum += g->at[i].first_edge;
		g->at[i].first_edge = sum;
	}
	for (size_t i = nr_arcs; i--;)
		g->edges[--g->at[arcs[i].from].first_edge] = arcs[i].to;
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
	uint32_t component = alone ? 0 : ++g->nr_components, w;

	do {
		w = g->opened[--g->nr_opened];
		g->at[w].open = false;
		g->component[w] = component;
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

int components_find(uint32_t nr, size_t nr_arcs, const struct arc *arcs, uint32_t *component,
		    uint32_t *nr_components)
{
	struct graph g;
	int err = graph_init(&g, nr, nr_arcs, arcs);

	g.component = component;
	for (uint32_t v = 0; !err && v < nr; v++)
		if (!g.at[v].number)
			walk(&g, v);
	*nr_components = g.nr_components;
	graph_fini(&g);
	return err;
}
