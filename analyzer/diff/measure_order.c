/* SPDX-License-Identifier: MIT */
/*
 * measure_order.c: a run's deadlock findings, and its edges that lie in cycles of the lock graph
 *
 * Both by what is the same in another build: a finding by its id, which is made of function names,
 * an edge by the keys of its two classes. Circles of more than locks (joins, signals) have findings
 * but no edges here.
 */
#include "diff.h"

#include "../order_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "; one has a_mu and wants b_mu" */
static void put_member(const struct order_view *view, const struct order_member *member, FILE *out)
{
	fputs("; ", out);
	order_put_thread(view, out, member->thread);
	if (member->held.what) {
		fputs(" has ", out);
		order_put_thing(view, out, member->held);
	}
	fputs(member->held.what && member->wanted.what ? " and" : "", out);
	if (member->wanted.what) {
		fputs(" wants ", out);
		order_put_thing(view, out, member->wanted);
	}
}

/* "one and two can end up waiting for each other; one has ...", to be freed. */
static char *sentence(const struct order_view *view, const struct order_finding *finding)
{
	struct report_line line;
	int err;

	if (report_line_begin(&line) < 0)
		return NULL;
	err = order_put_sentence(view, finding, line.out);
	for (size_t i = 0; !err && i < finding->nr_members; i++)
		put_member(view, &finding->members[i], line.out);
	if (fclose(line.out) != 0 || err) {
		free(line.text);
		return NULL;
	}
	for (char *p = line.text; *p; p++)
		if (*p == REPORT_GLUE[0])
			*p = ' ';
	return line.text;
}

/* Where its first thread asks for what it cannot have. */
static int put_spot(struct run_finding *to, const struct order_view *view,
		    const struct order_finding *finding)
{
	const struct order_member *first = &finding->members[0];
	struct order_spot spot =
		first->wanted.what ? order_wanted_spot(first) : order_held_spot(first);
	struct frame frame = { 0 };

	if (spot.node || spot.stack)
		order_frames(view, finding->process, spot.node, spot.stack, &frame, 1);
	to->file = frame.file ? strdup(frame.file) : NULL;
	to->function = frame.function ? strdup(frame.function) : NULL;
	to->line = frame.line;
	return (frame.file && !to->file) || (frame.function && !to->function) ? -ENOMEM : 0;
}

static int put_findings(struct run *run, const struct order_view *view,
			struct suppressions *suppressions)
{
	const struct order *order = view->order;
	int err = 0;

	run->findings = calloc(order->nr_findings + 1, sizeof(*run->findings));
	if (!run->findings)
		return -ENOMEM;
	for (size_t i = 0; i < order->nr_findings && !err; i++) {
		const struct order_finding *finding = &order->findings[i];
		struct run_finding *to = &run->findings[run->nr_findings++];

		to->level = finding->level;
		memcpy(to->id, finding->id, sizeof(to->id));
		if (suppressions)
			to->suppressed = suppressions_find(suppressions, view, finding);
		to->text = sentence(view, finding);
		err = to->text ? put_spot(to, view, finding) : -ENOMEM;
	}
	return err;
}

static const struct lock_class *class_of(const struct model *model, struct order_thing thing)
{
	return &model->classes[model->locks[thing.index].class];
}

static bool has_edge(const struct run *run, const char *from, const char *to)
{
	for (size_t i = 0; i < run->nr_edges; i++)
		if (!strcmp(run->edges[i].from, from) && !strcmp(run->edges[i].to, to))
			return true;
	return false;
}

static int put_edges(struct run *run, const struct order *order)
{
	run->edges = calloc(order->nr_edges + 1, sizeof(*run->edges));
	if (!run->edges)
		return -ENOMEM;
	for (size_t i = 0; i < order->nr_edges; i++) {
		const struct order_edge *edge = &order->edges[i];
		const struct lock_class *from, *to;
		struct run_edge *row;

		if (!edge->component || edge->from.what != ORDER_LOCK ||
		    edge->to.what != ORDER_LOCK)
			continue;
		from = class_of(order->model, edge->from);
		to = class_of(order->model, edge->to);
		if (has_edge(run, from->key, to->key))
			continue;
		row = &run->edges[run->nr_edges++];
		*row = (struct run_edge){ strdup(from->key), strdup(to->key), strdup(from->label),
					  strdup(to->label) };
		if (!row->from || !row->to || !row->from_label || !row->to_label)
			return -ENOMEM;
	}
	return 0;
}

int measure_order(struct run *run, struct model *model, struct suppressions *suppressions)
{
	const struct order_options options = { 0 };
	struct order_view view = { .report = { .model = model, .frames = model_frames },
				   .trace = run->name };
	struct order *order = NULL;
	int err = order_new(&order, model, &options);

	view.order = order;
	if (!err)
		err = put_findings(run, &view, suppressions);
	if (!err)
		err = put_edges(run, order);
	if (!err)
		run->nr_cycles = order->nr_components;
	order_free(order);
	return err;
}
