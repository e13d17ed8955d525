/* SPDX-License-Identifier: MIT */
/*
 * order_dot.c: the lock graph for graphviz
 *
 * A server has hundreds of locks and thousands of orders; drawn as they are, nobody sees anything.
 * So: locks of one class are one node, unless few of them are tangled with each other; only what
 * lies in a circle is drawn, with its neighbours in grey, unless everything is asked for; orders
 * between the same two nodes are one arrow with their number. What is part of a finding is red.
 */
#include "order_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define APART_MAX      8 /* locks of one class in circles, to be drawn one by one */
#define NEIGHBOURS_MAX 40
#define LABEL_COLUMNS  36

struct node {
	struct order_thing thing; /* one that stands for it */
	bool is_class;
	uint32_t nr_things;
	bool in_circle, is_neighbour;
};

struct arrow {
	uint32_t from, to; /* nodes */
	uint64_t count;
	uint32_t nr_places;
	bool in_circle, in_finding;
};

struct graph {
	const struct order_view *view;
	struct node *nodes;
	size_t nr_nodes;
	uint32_t *of_lock, *of_thread; /* model's index -> node + 1; 0: none yet */
	uint32_t *of_class;
	uint32_t *tangled; /* of each class: locks of it that lie in a circle */
	bool *is_tangled;  /* of each lock */
	struct arrow *arrows;
	size_t nr_arrows;
};

/* ---- nodes ---- */

static void count_tangled(struct graph *graph)
{
	const struct order *order = graph->view->order;

	for (size_t i = 0; i < 2 * order->nr_edges; i++) {
		const struct order_edge *edge = &order->edges[i / 2];
		struct order_thing thing = i % 2 ? edge->to : edge->from;

		if (!edge->component || thing.what == ORDER_THREAD ||
		    graph->is_tangled[thing.index])
			continue;
		graph->is_tangled[thing.index] = true;
		graph->tangled[order->model->locks[thing.index].class]++;
	}
}

static uint32_t *node_place(struct graph *graph, struct order_thing thing, bool *is_class)
{
	uint32_t class;

	*is_class = false;
	if (thing.what == ORDER_THREAD)
		return &graph->of_thread[thing.index];
	class = graph->view->order->model->locks[thing.index].class;
	if (graph->is_tangled[thing.index] && graph->tangled[class] <= APART_MAX)
		return &graph->of_lock[thing.index];
	*is_class = true;
	return &graph->of_class[class];
}

static uint32_t node_of(struct graph *graph, struct order_thing thing)
{
	bool is_class;
	uint32_t *place = node_place(graph, thing, &is_class);

	if (!*place) {
		struct node *node = &graph->nodes[graph->nr_nodes];

		*node = (struct node){ .thing = thing, .is_class = is_class, .nr_things = 1 };
		if (is_class)
			node->nr_things =
				graph->view->order->model
					->classes[graph->view->order->model->locks[thing.index]
							  .class]
					.nr_locks;
		*place = (uint32_t)++graph->nr_nodes;
	}
	return *place - 1;
}

/* ---- arrows ---- */

static bool is_in_finding(const struct order *order, uint32_t edge)
{
	for (size_t i = 0; i < order->nr_findings; i++)
		for (size_t k = 0; k < order->findings[i].nr_members; k++)
			if (!order->findings[i].suppressed &&
			    order_same_thing(order->findings[i].members[k].held,
					     order->edges[edge].from) &&
			    order_same_thing(order->findings[i].members[k].wanted,
					     order->edges[edge].to))
				return true;
	return false;
}

static int by_ends(const void *a, const void *b)
{
	const struct arrow *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

/* One arrow for all orders between the same two nodes. */
static void merge_arrows(struct graph *graph)
{
	size_t nr = 0;

	qsort(graph->arrows, graph->nr_arrows, sizeof(*graph->arrows), by_ends);
	for (size_t i = 0; i < graph->nr_arrows; i++) {
		struct arrow *arrow = &graph->arrows[i], *last = nr ? &graph->arrows[nr - 1] : NULL;

		if (!last || by_ends(last, arrow) != 0) {
			graph->arrows[nr++] = *arrow;
			continue;
		}
		last->count += arrow->count;
		last->nr_places += arrow->nr_places;
		last->in_circle |= arrow->in_circle;
		last->in_finding |= arrow->in_finding;
	}
	graph->nr_arrows = nr;
}

static void fill(struct graph *graph)
{
	const struct order *order = graph->view->order;
	unsigned int neighbours = 0;

	for (uint32_t i = 0; i < order->nr_edges; i++) {
		const struct order_edge *edge = &order->edges[i];
		struct arrow *arrow = &graph->arrows[graph->nr_arrows++];

		*arrow = (struct arrow){
			node_of(graph, edge->from), node_of(graph, edge->to), edge->count, 1,
			edge->component > 0,	    is_in_finding(order, i)
		};
		graph->nodes[arrow->from].in_circle |= arrow->in_circle;
		graph->nodes[arrow->to].in_circle |= arrow->in_circle;
	}
	merge_arrows(graph);
	for (size_t i = 0; i < graph->nr_arrows; i++) {
		struct node *from = &graph->nodes[graph->arrows[i].from];
		struct node *to = &graph->nodes[graph->arrows[i].to];
		struct node *outer = from->in_circle ? to : from;

		if (from->in_circle == to->in_circle || outer->is_neighbour ||
		    neighbours == NEIGHBOURS_MAX)
			continue;
		outer->is_neighbour = true;
		neighbours++;
	}
}

/* ---- writing ---- */

static void put_escaped(const char *text, FILE *out)
{
	size_t size = output_escape(NULL, 0, text) + 1, column = 0;
	char *safe = malloc(size);

	if (!safe)
		return;
	output_escape(safe, size, text);
	for (const char *p = safe; *p; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', out);
		if (column++ >= LABEL_COLUMNS && *p == ' ') {
			fputs("\\n", out);
			column = 0;
			continue;
		}
		fputc(*p, out);
	}
	free(safe);
}

static bool is_drawn(const struct graph *graph, const struct node *node)
{
	return graph->view->all || node->in_circle || node->is_neighbour;
}

static void print_node(const struct graph *graph, size_t i, FILE *out)
{
	const struct node *node = &graph->nodes[i];
	const struct order *order = graph->view->order;
	const char *label = order_label(order, node->thing);

	if (node->is_class)
		label = order->model->classes[order->model->locks[node->thing.index].class].label;
	fprintf(out, "  n%zu [label=\"", i);
	if (node->thing.what == ORDER_THREAD)
		fputs("end of ", out);
	put_escaped(label, out);
	if (node->nr_things > 1)
		fprintf(out, "\\n(%u locks)", node->nr_things);
	fprintf(out, "\"%s];\n",
		node->in_circle ? ", style=\"filled,rounded\", fillcolor=\"#fde2d6\""
				: ", color=\"#9a9a9a\", fontcolor=\"#6a6a6a\"");
}

static void print_arrow(const struct arrow *arrow, FILE *out)
{
	char count[OUTPUT_NUMBER];

	fprintf(out, "  n%u -> n%u [label=\"%s\"", arrow->from, arrow->to,
		output_si(count, (double)arrow->count));
	if (arrow->nr_places > 1)
		fprintf(out, ", tooltip=\"%u places\"", arrow->nr_places);
	if (arrow->in_finding)
		fputs(", color=\"#c62828\", fontcolor=\"#c62828\", penwidth=2", out);
	else if (!arrow->in_circle)
		fputs(", color=\"#b0b0b0\", fontcolor=\"#8a8a8a\"", out);
	fputs("];\n", out);
}

static void print_graph(const struct graph *graph, FILE *out)
{
	size_t drawn = 0;

	fputs("digraph lock_order {\n"
	      "  rankdir=LR;\n"
	      "  node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=11];\n"
	      "  edge [fontname=\"sans-serif\", fontsize=9];\n",
	      out);
	for (size_t i = 0; i < graph->nr_nodes; i++) {
		if (!is_drawn(graph, &graph->nodes[i]))
			continue;
		print_node(graph, i, out);
		drawn++;
	}
	for (size_t i = 0; i < graph->nr_arrows; i++) {
		const struct arrow *arrow = &graph->arrows[i];
		const struct node *from = &graph->nodes[arrow->from],
				  *to = &graph->nodes[arrow->to];

		if (graph->view->all || (is_drawn(graph, from) && is_drawn(graph, to) &&
					 (from->in_circle || to->in_circle)))
			print_arrow(arrow, out);
	}
	fprintf(out, "  label=\"%zu locks or classes in circles and beside them, of %zu%s\";\n}\n",
		drawn, graph->nr_nodes, graph->view->all ? "" : " (--all draws the others)");
}

int order_dot(const struct order_view *view, FILE *out)
{
	const struct order *order = view->order;
	const struct model *model = order->model;
	struct graph graph = {
		.view = view,
		.nodes = calloc(2 * order->nr_edges + 1, sizeof(*graph.nodes)),
		.arrows = calloc(order->nr_edges + 1, sizeof(*graph.arrows)),
		.of_lock = calloc(model->nr_locks + 1, sizeof(*graph.of_lock)),
		.of_thread = calloc(model->nr_threads + 1, sizeof(*graph.of_thread)),
		.of_class = calloc(model->nr_classes + 1, sizeof(*graph.of_class)),
		.tangled = calloc(model->nr_classes + 1, sizeof(*graph.tangled)),
		.is_tangled = calloc(model->nr_locks + 1, sizeof(*graph.is_tangled)),
	};
	int err = -ENOMEM;

	if (graph.nodes && graph.arrows && graph.of_lock && graph.of_thread && graph.of_class &&
	    graph.tangled && graph.is_tangled) {
		err = 0;
		count_tangled(&graph);
		fill(&graph);
		print_graph(&graph, out);
	}
	free(graph.nodes);
	free(graph.arrows);
	free(graph.of_lock);
	free(graph.of_thread);
	free(graph.of_class);
	free(graph.tangled);
	free(graph.is_tangled);
	return err;
}
