/* SPDX-License-Identifier: MIT */
/* order.c: runs the parts one after the other; see order.h */
#include <errno.h>
#include <stdlib.h>

#include "contexts.h"
#include "cycles.h"
#include "stuck.h"

const char *const order_level_words[] = {
	"OCCURRED",
	"PREDICTED",
	"CONDITIONAL",
	"COMM-PREDICTED",
	"POTENTIAL",
	"COMM-POTENTIAL",
	"BOUNDED-STALL",
	"RECURSIVE-READ",
	"SELF-LOCK",
	"ABANDONED-RISK",
	"LOST-WAKEUP",
	"FORK-WITH-LOCK",
	"ORDER-VIOLATION",
	NULL,
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
	"suppressed",
	NULL,
};
_Static_assert(sizeof(order_hidden_words) / sizeof(*order_hidden_words) == ORDER_HIDDEN_REASONS + 1,
	       "words");

static int order_process(struct order *order, uint32_t process)
{
	struct contexts *contexts = NULL;
	int err = contexts_new(&contexts, order->model, process);

	if (!err)
		err = contexts_edges(contexts, order);
	contexts_free(contexts);
	return err;
}

int order_new(struct order **order, struct model *model, const struct order_options *options)
{
	struct order *new = calloc(1, sizeof(*new));
	int err = new ? 0 : -ENOMEM;

	if (new) {
		new->model = model;
		new->max_cycle = options->max_cycle ? options->max_cycle : 4;
	}
	for (uint32_t i = 0; i < model->nr_processes && !err; i++)
		err = order_process(new, i);
	if (!err)
		err = cycles_components(new);
	if (!err)
		err = stuck_find(new);
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
