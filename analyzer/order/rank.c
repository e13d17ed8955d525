/* SPDX-License-Identifier: MIT */
/*
 * rank.c: names that last, one finding for the same places, and what is told first
 *
 * A finding's id is made of functions and lock classes, not of addresses or numbers, so that it is
 * the same in the next run and mostly in the next build. Findings of one id are one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"

static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; text && *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	return hash * 31 + 7;
}

static uint64_t hash_frame(uint64_t hash, const struct frame *frame)
{
	const char *module = frame->module ? strrchr(frame->module, '/') : NULL;
	char offset[24];

	if (frame->function)
		return hash_text(hash, frame->function);
	snprintf(offset, sizeof(offset), "+%llx", (unsigned long long)frame->offset);
	return hash_text(hash_text(hash, module ? module : frame->module), offset);
}

uint64_t rank_place(const struct model *model, uint32_t process, uint32_t node,
		    struct order_thing thing)
{
	const struct process *p = &model->processes[process];
	const struct trace_node *record = node && p->reader ? reader_node(p->reader, node) : NULL;
	uint64_t hash = 0xcbf29ce484222325ull;
	struct frame frame;

	if (record && model_frames(p, record->stack, record->site, false, &frame, 1))
		hash = hash_frame(hash, &frame);
	if (thing.what == ORDER_THREAD)
		return hash_text(hash, model->threads[thing.index].name);
	if (thing.what)
		hash = hash_text(hash, model->classes[model->locks[thing.index].class].label);
	return hash;
}

/* ---- ids ---- */

static void set_id(const struct model *model, struct order_finding *f)
{
	uint64_t sum = 0, product = 1;

	for (size_t i = 0; i < f->nr_members; i++) {
		const struct order_member *m = &f->members[i];
		uint64_t one = rank_place(model, f->process, m->held_node, m->held) * 31 +
			       rank_place(model, f->process, m->wanted_node, m->wanted);

		sum += one;
		product *= one | 1;
	}
	sum ^= product ^ hash_text(f->nr_members, order_level_words[f->level]);
	snprintf(f->id, sizeof(f->id), "%010llx", (unsigned long long)(sum & 0xffffffffffull));
}

/* Levels that are the same thing, more or less certain, have one id. */
static enum order_level family(enum order_level level)
{
	switch (level) {
	case ORDER_CONDITIONAL:
	case ORDER_POTENTIAL:
		return ORDER_PREDICTED;
	case ORDER_COMM_POTENTIAL:
		return ORDER_COMM_PREDICTED;
	default:
		return level;
	}
}

static void set_ids(struct order *order)
{
	for (size_t i = 0; i < order->nr_findings; i++) {
		struct order_finding *f = &order->findings[i];
		enum order_level level = f->level;

		f->level = family(level);
		set_id(order->model, f);
		f->level = level;
	}
}

/* ---- order ---- */

static int compare_findings(const void *a, const void *b)
{
	const struct order_finding *x = a, *y = b;

	if (x->level != y->level)
		return x->level < y->level ? -1 : 1;
	if (!x->overlap != !y->overlap)
		return x->overlap ? -1 : 1;
	if (x->gap_ns != y->gap_ns)
		return x->gap_ns < y->gap_ns ? -1 : 1;
	if (x->nr_members != y->nr_members)
		return x->nr_members < y->nr_members ? -1 : 1;
	if (x->instances != y->instances)
		return x->instances > y->instances ? -1 : 1;
	return strcmp(x->id, y->id);
}

static void free_finding(struct order_finding *f)
{
	free(f->members);
	free(f->steps);
	free(f->assumptions);
	free(f->behind);
}

/* The best of those with one id stays; what really happened is never left out. */
static void merge_same(struct order *order)
{
	size_t used = 0;

	for (size_t i = 0; i < order->nr_findings; i++) {
		struct order_finding *f = &order->findings[i];
		size_t k = 0;

		while (k < used &&
		       (f->level == ORDER_OCCURRED || strcmp(order->findings[k].id, f->id) != 0))
			k++;
		if (k == used) {
			order->findings[used++] = *f;
			continue;
		}
		order->findings[k].instances += f->instances;
		free_finding(f);
	}
	order->nr_findings = used;
}

int rank_findings(struct order *order)
{
	if (!order->nr_findings)
		return 0;
	set_ids(order);
	qsort(order->findings, order->nr_findings, sizeof(*order->findings), compare_findings);
	merge_same(order);
	return 0;
}
