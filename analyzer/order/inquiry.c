/* SPDX-License-Identifier: MIT */
/* inquiry.c: see inquiry.h */
#include <errno.h>
#include <stdlib.h>

#include "inquiry.h"

static int find_instances(struct inquiry *q)
{
	bool *wanted = calloc((size_t)q->nr_nodes + 1, sizeof(*wanted));
	int err = -ENOMEM;

	if (!wanted)
		return err;
	for (size_t i = 0; i < q->cycles.nr; i++)
		for (uint32_t k = 0; k < q->cycles.at[i].nr; k++) {
			const struct request *r = &q->requests.at[q->cycles.at[i].request[k]];

			for (uint32_t v = 0; v < r->nr_visitors; v++)
				wanted[r->visitors[v].node] = true;
		}
	/* Writers that readers may stand behind hold nothing of the cycle. */
	for (uint32_t i = 0; i < q->requests.nr; i++) {
		const struct request *r = &q->requests.at[i];

		for (uint32_t v = 0; v < r->nr_visitors && !r->shared; v++)
			wanted[r->visitors[v].node] |= q->history->things[r->thing].writers_first;
	}
	err = instances_new(&q->instances, q->history, q->nr_nodes, wanted);
	free(wanted);
	return err;
}

int inquiry_init(struct inquiry *q, const struct history *history, uint32_t nr_nodes,
		 uint32_t max_cycle, uint64_t steps)
{
	int err;

	*q = (struct inquiry){ .history = history, .nr_nodes = nr_nodes };
	q->court = (struct court){ history, &q->requests, &q->instances, &q->signals, steps };
	err = asks_find(&q->requests, history, nr_nodes);
	if (!err)
		err = cycles_find(&q->cycles, &q->requests, history->things, history->nr_things,
				  max_cycle);
	if (!err)
		err = signals_new(&q->signals, history);
	return err ? err : find_instances(q);
}

void inquiry_fini(struct inquiry *q)
{
	instances_fini(&q->instances);
	signals_fini(&q->signals);
	cycles_fini(&q->cycles);
	requests_fini(&q->requests);
}

bool inquiry_own(const struct inquiry *q, const struct cycle *cycle, uint32_t thing)
{
	for (uint32_t i = 0; i < cycle->nr; i++) {
		const struct request *r = &q->requests.at[cycle->request[i]];

		if (r->thing == thing)
			return true;
		for (uint32_t k = 0; k < r->nr_held; k++)
			if (HELD_THING(r->held[k]) == thing)
				return true;
	}
	return false;
}

enum order_level inquiry_level(const struct inquiry *q, const struct cycle *cycle,
			       const struct verdict *verdict, bool others)
{
	enum order_level level = others ? ORDER_CONDITIONAL : ORDER_PREDICTED;

	for (uint32_t i = 0; i < cycle->nr; i++) {
		const struct request *r = &q->requests.at[cycle->request[i]];

		if (r->how == REQUEST_TIMED)
			return ORDER_BOUNDED_STALL;
		if (r->how == REQUEST_SIGNAL)
			level = verdict->end == VERDICT_PREDICTED && !verdict->others_signal
					? ORDER_COMM_PREDICTED
					: ORDER_COMM_POTENTIAL;
	}
	return level;
}
