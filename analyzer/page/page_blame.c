/* SPDX-License-Identifier: MIT */
/*
 * Who waited where, and who held it meanwhile, as lists of a page's run; a flame graph is made of
 * either. Only locks whose waits are contention are in them.
 */
#include "page.h"

#include <errno.h>
#include <stdlib.h>

static bool contends(const struct page_run *run, uint32_t lock)
{
	return report_lock_contends(&run->model->locks[lock]);
}

static void put_waits(const struct page_run *run)
{
	const struct model *model = run->model;
	struct json *json = run->json;

	json_array_begin(json, "waits");
	for (size_t i = 0; i < model->nr_wait_stacks; i++) {
		const struct wait_stack *wait = &model->wait_stacks[i];
		struct report_part part = { 0 };

		if (!contends(run, wait->lock))
			continue;
		report_node_place(model->locks[wait->lock].process, wait->node, wait->site, &part);
		json_object_begin(json, NULL);
		page_put_lock_ref(run, wait->lock);
		json_uint(json, "thread", wait->thread);
		json_uint(json, "stack",
			  places_stack(run->places, part.process,
				       wait->stack ? wait->stack : part.stack, part.site));
		json_uint(json, "waits", wait->waits);
		json_uint(json, "wait_ns", wait->wait_ns);
		json_uint(json, "wait_max_ns", wait->wait_max_ns);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_blamed(const struct page_run *run, uint32_t lock, const struct report_part *part)
{
	struct json *json = run->json;
	uint32_t end, stack = places_part(run->places, part, &end);

	json_object_begin(json, NULL);
	page_put_lock_ref(run, lock);
	json_uint(json, "holder", part->thread);
	json_uint(json, "stack", stack);
	if (end == UINT32_MAX)
		json_null(json, "end");
	else
		json_uint(json, "end", end);
	json_uint(json, "waits", part->waits);
	json_uint(json, "wait_ns", part->wait_ns);
	json_object_end(json);
}

/* The blames of one lock, from `first` on; where the next lock's begin. */
static size_t put_blames_of(const struct page_run *run, struct report_part *parts, size_t first)
{
	const struct model *model = run->model;
	uint32_t lock = model->blames[first].lock;
	size_t nr = 0;

	for (; first + nr < model->nr_blames && model->blames[first + nr].lock == lock; nr++) {
		parts[nr] = (struct report_part){ 0 };
		report_blame_part(model, &model->blames[first + nr], &parts[nr]);
	}
	report_adopt_releases(parts, nr);
	for (size_t i = 0; i < nr && contends(run, lock); i++)
		put_blamed(run, lock, &parts[i]);
	return first + nr;
}

static int put_blames(const struct page_run *run)
{
	struct report_part *parts = calloc(run->model->nr_blames + 1, sizeof(*parts));

	if (!parts)
		return -ENOMEM;
	json_array_begin(run->json, "blames");
	for (size_t i = 0; i < run->model->nr_blames;)
		i = put_blames_of(run, parts, i);
	json_array_end(run->json);
	free(parts);
	return 0;
}

/* By lock and thread, known in every mode. */
static void put_waiters(const struct page_run *run)
{
	const struct model *model = run->model;
	struct json *json = run->json;

	json_array_begin(json, "waiters");
	for (size_t i = 0; i < model->nr_waiters; i++) {
		const struct waiter *waiter = &model->waiters[i];

		if (!contends(run, waiter->lock) || !waiter->wait_ns)
			continue;
		json_object_begin(json, NULL);
		page_put_lock_ref(run, waiter->lock);
		json_uint(json, "thread", waiter->thread);
		json_uint(json, "wait_ns", waiter->wait_ns);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_blockings(const struct page_run *run)
{
	struct json *json = run->json;

	json_array_begin(json, "blockings");
	for (size_t i = 0; i < run->model->nr_blockings; i++) {
		const struct blocking *blocking = &run->model->blockings[i];

		if (!contends(run, blocking->lock))
			continue;
		json_object_begin(json, NULL);
		page_put_lock_ref(run, blocking->lock);
		json_uint(json, "waiter", blocking->waiter);
		json_uint(json, "holder", blocking->holder);
		json_uint(json, "wait_ns", blocking->wait_ns);
		json_object_end(json);
	}
	json_array_end(json);
}

/* ---- places that ask for a lock: those with most time ---- */

static int by_time(const void *a, const void *b, void *sites)
{
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const struct counters *x = &((const struct site *)sites)[i].all;
	const struct counters *y = &((const struct site *)sites)[k].all;

	if (x->wait_ns != y->wait_ns)
		return x->wait_ns > y->wait_ns ? -1 : 1;
	if (x->hold_ns != y->hold_ns)
		return x->hold_ns > y->hold_ns ? -1 : 1;
	return (i > k) - (i < k);
}

static void put_site(const struct page_run *run, const struct site *site)
{
	struct report_part part = { .process = site->process,
				    .site = site->address,
				    .stack = site->stack };
	struct json *json = run->json;

	json_object_begin(json, NULL);
	page_put_lock_ref(run, site->lock);
	json_uint(json, "stack", places_site(run->places, &part));
	json_bool(json, "shared", site->mode & TRACE_SHARED);
	json_uint(json, "acquired", site->all.acquired);
	json_uint(json, "contended", site->all.contended);
	json_uint(json, "wait_ns", site->all.wait_ns);
	json_uint(json, "hold_ns", site->all.hold_ns);
	json_object_end(json);
}

static int put_sites(const struct page_run *run)
{
	const struct model *model = run->model;
	uint32_t *order = calloc(model->nr_sites + 1, sizeof(*order));
	size_t nr = 0;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_sites; i++)
		if (contends(run, model->sites[i].lock) && model->sites[i].all.acquired)
			order[nr++] = (uint32_t)i;
	qsort_r(order, nr, sizeof(*order), by_time, model->sites);
	json_array_begin(run->json, "sites");
	for (size_t i = 0; i < nr && i < PAGE_SITES; i++)
		put_site(run, &model->sites[order[i]]);
	json_array_end(run->json);
	free(order);
	return 0;
}

int page_put_blame(struct page_run *run)
{
	int err = put_sites(run);

	put_waits(run);
	put_waiters(run);
	if (!err)
		err = put_blames(run);
	put_blockings(run);
	return err;
}
