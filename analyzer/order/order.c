/* SPDX-License-Identifier: MIT */
/* order.c: runs the parts one after the other; see order.h */
#include <errno.h>
#include <stdlib.h>

#include "components.h"
#include "judge.h"
#include "stuck.h"

const char *const order_level_words[] = {
	"OCCURRED",	   "PREDICTED",
	"CONDITIONAL",	   "COMM-PREDICTED",
	"POTENTIAL",	   "COMM-POTENTIAL",
	"BOUNDED-STALL",   "RECURSIVE-READ",
	"SELF-LOCK",	   "ABANDONED-RISK",
	"LOST-WAKEUP",	   "FORK-WITH-LOCK",
	"ORDER-VIOLATION", NULL,
};
_Static_assert(sizeof(order_level_words) / sizeof(*order_level_words) == ORDER_LEVELS + 1, "words");

const char *const order_hidden_words[] = {
	"by a gate lock",
	"in one thread alone",
	"between readers",
	"by a trylock",
	"by thread creation or join",
	"by a semaphore",
	"by a condition variable",
	"by a barrier",
	"ordered otherwise",
	"no schedule leads there",
	"through a signal that others give too",
	"suppressed",
	NULL,
};
_Static_assert(sizeof(order_hidden_words) / sizeof(*order_hidden_words) == ORDER_HIDDEN_REASONS + 1,
	       "words");

static uint32_t vertex_of(const struct model *model, struct order_thing thing)
{
	return thing.what == ORDER_THREAD ? (uint32_t)model->nr_locks + thing.index : thing.index;
}

/* Requests that cannot block count too here, so that what they make harmless can be told. */
static int number_components(struct order *order)
{
	const struct model *model = order->model;
	uint32_t nr = (uint32_t)(model->nr_locks + model->nr_threads);
	struct arc *arcs = malloc((order->nr_edges + 1) * sizeof(*arcs));
	uint32_t *component = calloc((size_t)nr + 1, sizeof(*component));
	int err = arcs && component ? 0 : -ENOMEM;

	for (size_t i = 0; i < order->nr_edges && !err; i++)
		arcs[i] = (struct arc){ vertex_of(model, order->edges[i].from),
					vertex_of(model, order->edges[i].to) };
	if (!err)
		err = components_find(nr, order->nr_edges, arcs, component, &order->nr_components);
	for (size_t i = 0; i < order->nr_edges && !err; i++) {
		uint32_t part = component[arcs[i].from];

		order->edges[i].component = part == component[arcs[i].to] ? part : 0;
	}
	free(arcs);
	free(component);
	return err;
}

static int judge_all(struct order *order, const struct order_options *options,
		     struct contexts **contexts)
{
	size_t nr = order->model->nr_processes;
	int err = 0;

	for (uint32_t i = 0; i < nr && !err; i++)
		err = contexts_new(&contexts[i], order->model, i);
	for (uint32_t i = 0; i < nr && !err; i++)
		err = contexts_edges(contexts[i], order);
	if (!err)
		err = number_components(order);
	if (!err)
		err = stuck_find(order);
	for (uint32_t i = 0; i < nr && !err; i++)
		err = judge_process(order, options, contexts[i]);
	for (uint32_t i = 0; i < nr && !err; i++)
		err = hazards_find(order, contexts[i]);
	if (!err && options->classes)
		err = hazards_classes(order);
	return err ? err : rank_findings(order);
}

int order_new(struct order **order, struct model *model, const struct order_options *options)
{
	struct contexts **contexts = calloc(model->nr_processes + 1, sizeof(*contexts));
	struct order *new = calloc(1, sizeof(*new));
	int err = new &&contexts ? 0 : -ENOMEM;

	if (!err) {
		new->model = model;
		new->max_cycle = options->max_cycle ? options->max_cycle : 4;
		if (new->max_cycle > CYCLE_MAX)
			new->max_cycle = CYCLE_MAX;
		err = judge_all(new, options, contexts);
	}
	for (size_t i = 0; contexts && i < model->nr_processes; i++)
		contexts_free(contexts[i]);
	free(contexts);
	if (err)
		order_free(new);
	else
		*order = new;
	return err;
}

void order_free(struct order *order)
{
	if (!order)
		return;
	for (size_t i = 0; i < order->nr_edges; i++)
		free(order->edges[i].threads);
	free(order->edges);
	for (size_t i = 0; i < order->nr_findings; i++) {
		free(order->findings[i].members);
		free(order->findings[i].steps);
		free(order->findings[i].assumptions);
		free(order->findings[i].behind);
	}
	free(order->findings);
	for (size_t i = 0; i < order->nr_hidden_cycles; i++)
		free(order->hidden_cycles[i].members);
	free(order->hidden_cycles);
	free(order);
}
