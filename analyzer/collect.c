/* SPDX-License-Identifier: MIT */
/*
 * collect.c: what a pass counted in ticks becomes rows of the model in nanoseconds
 *
 * The statistics of one thread at one node are the smallest unit: each is converted once, and all
 * other sums are sums of these, so that they agree to the nanosecond.
 *
 * Statistics that the program folded itself (profile mode) are added in the same way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"

/* ---- the statistics ---- */

static int add_stat(struct collect *c, const struct trace_stat *stat)
{
	const struct trace_stat **stats =
		pass_push(c->pass, c->stats, &c->nr_stats, &c->cap_stats, sizeof(const void *));

	if (!stats)
		return -ENOMEM;
	c->stats = stats;
	stats[c->nr_stats - 1] = stat;
	return 0;
}

static int find_own_stats(struct collect *c)
{
	struct pass *pass = c->pass;
	const struct trace_record *record;
	int err = 0;

	for (uint32_t block = 0; block < pass->nr_blocks; block++) {
		for (uint32_t at = 8; at < TRACE_BLOCK_SIZE && !err; at += record->size_type >> 8) {
			record = arena_at(&pass->arena, block << 13 | at / 8);
			if (!record->size_type)
				break;
			if ((record->size_type & 0xff) == TRACE_REC_STAT)
				err = add_stat(c, (const void *)record);
		}
	}
	c->nr_own = c->nr_stats;
	return err;
}

static int compare_hists(const void *a, const void *b)
{
	const struct hist_index *x = a, *y = b;

	return (x->stat > y->stat) - (x->stat < y->stat);
}

static int find_file_stats(struct collect *c)
{
	const struct reader *reader = c->pass->reader;
	int err = 0;

	for (size_t i = 0; i < reader_nr_stats(reader) && !err; i++)
		err = add_stat(c, reader_stat(reader, i));
	c->nr_hists = reader_nr_hists(reader);
	c->hists = calloc(c->nr_hists + 1, sizeof(*c->hists));
	if (err || !c->hists)
		return -ENOMEM;
	for (size_t i = 0; i < c->nr_hists; i++)
		c->hists[i] = (struct hist_index){ reader_hist(reader, i)->stat, (uint32_t)i };
	qsort(c->hists, c->nr_hists, sizeof(*c->hists), compare_hists);
	return 0;
}

static uint32_t stat_node(const struct collect *c, const struct trace_stat *stat)
{
	return stat->node < c->pass->nr_nodes && stat->node ? stat->node : c->pass->unknown_node;
}

static struct pass_node *stat_place(const struct collect *c, const struct trace_stat *stat)
{
	return &c->pass->nodes[c->pass->nodes[stat_node(c, stat)].same];
}

static bool is_work(const struct pass_node *node)
{
	return (node->mode & TRACE_HOW_MASK) == TRACE_HOW_WORK;
}

static uint32_t stat_thread(const struct collect *c, const struct trace_stat *stat)
{
	return stat->thread < c->pass->nr_threads ? stat->thread : 0;
}

static void mark_used(struct collect *c)
{
	struct pass *pass = c->pass;

	for (size_t i = 0; i < c->nr_stats; i++) {
		struct pass_node *node = stat_place(c, c->stats[i]);

		if (is_work(node))
			continue; /* told from outside it is no thread's */
		pass->threads[stat_thread(c, c->stats[i])].used = true;
		if (pass->nodes[stat_node(c, c->stats[i])].ignored)
			continue;
		node->used = true;
		pass->lock_facts[node->lock] |= PASS_USED | (i < c->nr_own ? 0 : PASS_FOLDED);
	}
}

/* ---- rows of threads, locks and places ---- */

static void *own(struct store *store, size_t size)
{
	void **owned = store_push(&store->owned, &store->nr_owned, sizeof(*owned));

	if (!owned)
		return NULL;
	*owned = calloc(1, size);
	return *owned;
}

static int add_thread(struct collect *c, uint32_t id)
{
	struct pass *pass = c->pass;
	struct model *model = c->model;
	const struct trace_thread *record = reader_thread(pass->reader, id);
	struct process *process = &model->processes[pass->process];
	struct trace_thread *made;
	struct thread *thread;
	uint64_t end;

	if (!record) {
		made = own(pass->store, sizeof(*made));
		if (!made)
			return -ENOMEM;
		made->record.id = id;
		made->begin_ticks = made->end_ticks = pass->end_ticks;
		record = made;
	}
	thread = store_push(&model->threads, &model->nr_threads, sizeof(*thread));
	if (!thread)
		return -ENOMEM;
	end = record->end_ticks ? record->end_ticks : pass->end_ticks;
	c->thread_row[id] = (uint32_t)model->nr_threads - 1;
	thread->process = process;
	thread->id = id;
	thread->record = record;
	thread->begin_ns = reader_time_ns(pass->reader, record->begin_ticks);
	thread->lifetime_ns =
		end > record->begin_ticks ? pass_ns(pass, end - record->begin_ticks) : 0;
	return 0;
}

static int add_threads(struct collect *c)
{
	int err = 0;

	for (uint32_t id = 0; id < c->pass->nr_threads && !err; id++)
		if (c->pass->threads[id].used || reader_thread(c->pass->reader, id))
			err = add_thread(c, id);
	return err;
}

static int add_lock(struct collect *c, uint32_t id)
{
	struct pass *pass = c->pass;
	const struct trace_lock *record = pass->locks[id];
	struct trace_lock *made;
	struct lock *lock;

	if (!record) {
		made = own(pass->store, sizeof(*made));
		if (!made)
			return -ENOMEM;
		made->record.id = id;
		made->kind = TRACE_KIND_MUTEX;
		record = made;
	}
	lock = store_push(&c->model->locks, &c->model->nr_locks, sizeof(*lock));
	if (!lock)
		return -ENOMEM;
	c->lock_row[id] = (uint32_t)c->model->nr_locks - 1;
	lock->process = &c->model->processes[pass->process];
	lock->id = id;
	lock->record = record;
	return 0;
}

static int add_locks(struct collect *c)
{
	int err = 0;

	for (uint32_t id = 0; id < c->pass->nr_locks && !err; id++)
		if (c->pass->locks[id] || c->pass->lock_facts[id] & PASS_USED ||
		    c->pass->tracks[id])
			err = add_lock(c, id);
	return err;
}

static int add_threads_and_locks(struct collect *c)
{
	int err;

	mark_used(c);
	err = add_threads(c);
	if (!err)
		err = phases_times(c->pass);
	return err ? err : add_locks(c);
}

static const struct pass_node *sorted_nodes; /* qsort() hands nothing through */

static int compare_nodes(const void *a, const void *b)
{
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const struct pass_node *x = &sorted_nodes[i], *y = &sorted_nodes[k];

	if (x->lock != y->lock)
		return x->lock < y->lock ? -1 : 1;
	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	if (!x->stack && x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->mode != y->mode ? (x->mode < y->mode ? -1 : 1) : 0;
}

static int add_site(struct collect *c, uint32_t id)
{
	const struct pass_node *node = &c->pass->nodes[id];
	struct site *site = store_push(&c->model->sites, &c->model->nr_sites, sizeof(*site));

	if (!site)
		return -ENOMEM;
	*site = (struct site){ .process = &c->model->processes[c->pass->process],
			       .lock = c->lock_row[node->lock],
			       .node = id,
			       .address = node->address,
			       .stack = node->stack,
			       .mode = node->mode };
	return 0;
}

/* Nodes of one lock with one stack (or address, without a stack) and one mode are one place. */
static int add_sites(struct collect *c)
{
	struct pass *pass = c->pass;
	struct pass_node *nodes = pass->nodes;
	uint32_t *order = malloc((pass->nr_nodes + 1) * sizeof(*order));
	size_t nr = 0;
	int err = order ? 0 : -ENOMEM;

	for (uint32_t id = 0; id < pass->nr_nodes && !err; id++)
		if (nodes[id].used)
			order[nr++] = id;
	sorted_nodes = nodes;
	if (nr)
		qsort(order, nr, sizeof(*order), compare_nodes);
	for (size_t i = 0; i < nr && !err; i++) {
		if (!i || compare_nodes(&order[i - 1], &order[i]))
			err = add_site(c, order[i]);
		nodes[order[i]].site = (uint32_t)c->model->nr_sites - 1;
	}
	free(order);
	return err;
}

/* ---- counting ---- */

static int stat_histograms(struct collect *c, const struct trace_stat *stat, bool is_own,
			   struct counters *to)
{
	struct pass *pass = c->pass;
	double ns_per_tick = (double)pass->ns_per_tick / 4294967296.0;
	const struct trace_hist *hist;
	int err = 0;

	if (is_own) {
		for (uint32_t at = stat->histograms; at && !err; at = hist->next) {
			hist = arena_at(&pass->arena, at);
			err = histogram_put(hist->what == TRACE_HIST_HOLD ? &to->hold : &to->wait,
					    ns_per_tick, hist->octave, hist->count);
		}
	} else {
		struct hist_index key = { .stat = stat->record.id };
		size_t low = 0, high = c->nr_hists;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (compare_hists(&c->hists[middle], &key) < 0)
				low = middle + 1;
			else
				high = middle;
		}
		for (; low < c->nr_hists && c->hists[low].stat == key.stat && !err; low++) {
			hist = reader_hist(pass->reader, c->hists[low].hist);
			if (hist->octave < HIST_OCTAVES)
				err = histogram_put(hist->what == TRACE_HIST_HOLD ? &to->hold
										  : &to->wait,
						    ns_per_tick, hist->octave, hist->count);
		}
	}
	histogram_limit(to->hold, to->hold_max_ns);
	histogram_limit(to->wait, to->wait_max_ns);
	return err;
}

static int stat_counters(struct collect *c, const struct trace_stat *stat, bool is_own,
			 uint32_t mode, struct counters *to)
{
	struct pass *pass = c->pass;

	*to = (struct counters){
		.contended = stat->contended,
		.wait_ns = pass_ns(pass, stat->wait_ticks),
		.wait_max_ns = pass_ns(pass, stat->wait_max_ticks),
		.held = stat->held,
		.left = stat->left,
		.hold_ns = pass_ns(pass, stat->hold_ticks),
		.hold_max_ns = pass_ns(pass, stat->hold_max_ticks),
		.try_failures = stat->try_failures,
		.timeouts = stat->timeouts,
		.relocks = stat->relocks,
		.wait_failures = stat->wait_failures,
	};
	if ((mode & TRACE_HOW_MASK) == TRACE_HOW_WAKE)
		to->wakes = stat->acquired;
	else if ((mode & TRACE_HOW_MASK) == TRACE_HOW_RELEASE)
		to->foreign_releases = stat->acquired;
	else
		to->acquired = stat->acquired;
	return stat_histograms(c, stat, is_own, to);
}

static int count_thread(struct thread *thread, uint32_t kind, const struct counters *by)
{
	switch (kind) {
	case TRACE_KIND_COND:
		thread->cond_wait_ns += by->wait_ns;
		thread->cond_waits += by->acquired;
		return 0;
	case TRACE_KIND_BARRIER:
		thread->barrier_wait_ns += by->wait_ns;
		thread->barriers += by->acquired;
		return 0;
	case TRACE_KIND_FUTEX:
		thread->futex_wait_ns += by->wait_ns;
		return 0;
	default:
		return counters_add(&thread->all, by);
	}
}

static int count_lock(struct lock *lock, uint32_t mode, const struct counters *by)
{
	int err = counters_add(&lock->all, by);

	if (!err && lock->record->kind == TRACE_KIND_RWLOCK)
		err = counters_add(mode & TRACE_SHARED ? &lock->read : &lock->write, by);
	return err;
}

static int count_waiter(struct model *model, uint32_t lock, uint32_t thread, uint64_t wait_ns)
{
	struct waiter *waiter;

	if (!wait_ns)
		return 0;
	waiter = store_push(&model->waiters, &model->nr_waiters, sizeof(*waiter));
	if (!waiter)
		return -ENOMEM;
	*waiter = (struct waiter){ .lock = lock, .thread = thread, .wait_ns = wait_ns };
	return 0;
}

static int count_visit(struct collect *c, const struct trace_stat *stat)
{
	struct model *model = c->model;
	struct visit *visit = store_push(&model->visits, &model->nr_visits, sizeof(*visit));

	if (!visit)
		return -ENOMEM;
	*visit = (struct visit){
		.process = c->pass->process,
		.node = c->pass->nodes[stat_node(c, stat)].same,
		.thread = c->thread_row[stat_thread(c, stat)],
		.times = stat->acquired,
		.failures = stat->try_failures + stat->timeouts + stat->wait_failures,
		.left = stat->left,
	};
	return 0;
}

static int count_lock_stat(struct collect *c, const struct trace_stat *stat, bool is_own)
{
	struct pass *pass = c->pass;
	const struct pass_node *node = stat_place(c, stat);
	uint32_t phase = pass->nodes[stat_node(c, stat)].phase;
	uint32_t thread = c->thread_row[stat_thread(c, stat)];
	uint32_t lock = c->lock_row[node->lock];
	struct counters counters;
	uint64_t *pair;
	int err;

	err = stat_counters(c, stat, is_own, node->mode, &counters);
	if (!err)
		err = count_lock(&c->model->locks[lock], node->mode, &counters);
	if (!is_own) {
		c->model->locks[lock].folded_wait_ns += counters.wait_ns;
		c->folded_ticks[node->lock] += stat->wait_ticks;
	}
	if (!err)
		err = counters_add(&c->model->sites[node->site].all, &counters);
	if (!err)
		err = count_thread(&c->model->threads[thread], pass_kind(pass, node->lock),
				   &counters);
	if (!err)
		err = phases_count(pass, phase, lock, &counters);
	if (!err)
		err = count_waiter(c->model, lock, thread, counters.wait_ns);
	if (!err)
		err = count_visit(c, stat);
	if (!err && counters.acquired) {
		pair = store_push(&pass->store->pairs, &pass->store->nr_pairs, sizeof(*pair));
		if (pair)
			*pair = (uint64_t)lock << 32 | thread;
		else
			err = -ENOMEM;
	}
	c->wait_ticks[node->lock] += stat->wait_ticks;
	counters_fini(&counters);
	return err;
}

static int count_stat(struct collect *c, const struct trace_stat *stat, bool is_own)
{
	const struct pass_node *node = &c->pass->nodes[stat_node(c, stat)];

	if (node->ignored)
		return 0;
	if (!is_work(node))
		return count_lock_stat(c, stat, is_own);
	c->model->work_units += stat->acquired;
	c->model->phases[node->phase].work_units += stat->acquired;
	return 0;
}

static int count_stats(struct collect *c)
{
	int err = 0;

	for (size_t i = 0; i < c->nr_stats && !err; i++)
		err = count_stat(c, c->stats[i], i < c->nr_own);
	return err;
}

static int collect_init(struct collect *c, struct pass *pass)
{
	*c = (struct collect){ .pass = pass, .model = &pass->store->model };
	c->thread_row = malloc(pass->nr_threads * sizeof(*c->thread_row));
	c->lock_row = malloc(pass->nr_locks * sizeof(*c->lock_row));
	c->wait_ticks = calloc(pass->nr_locks, sizeof(*c->wait_ticks));
	c->folded_ticks = calloc(pass->nr_locks, sizeof(*c->folded_ticks));
	if (!c->thread_row || !c->lock_row || !c->wait_ticks || !c->folded_ticks)
		return -ENOMEM;
	memset(c->thread_row, 0xff, pass->nr_threads * sizeof(*c->thread_row));
	memset(c->lock_row, 0xff, pass->nr_locks * sizeof(*c->lock_row));
	return 0;
}

static void collect_fini(struct collect *c)
{
	free(c->stats);
	free(c->hists);
	free(c->thread_row);
	free(c->lock_row);
	free(c->wait_ticks);
	free(c->folded_ticks);
}

int collect_run(struct pass *pass)
{
	static int (*const steps[])(struct collect * c) = {
		find_own_stats, find_file_stats, add_threads_and_locks, add_sites,     count_stats,
		collect_locks,	collect_blames,	 collect_wait_stacks,	collect_joins,
	};
	struct collect c;
	int err = collect_init(&c, pass);

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !err; i++)
		err = steps[i](&c);
	collect_fini(&c);
	return err;
}
