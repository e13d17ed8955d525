/* SPDX-License-Identifier: MIT */
/*
 * collect.c: what a pass counted in ticks becomes rows of the model in nanoseconds
 *
 * The statistics of one thread at one node are the smallest unit: each is converted once, and all
 * other sums are sums of these, so that they agree to the nanosecond. The parts of a lock's wait
 * (blame and unattributed) are cut from that sum in proportion to their ticks: each part is the
 * difference of two running sums, so that no rounding is left over.
 *
 * Statistics that the program folded itself (profile mode) are added in the same way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pass.h"

struct hist_index {
	uint32_t stat;
	uint32_t hist;
};

struct collect {
	struct pass *pass;
	struct model *model;
	const struct trace_stat **stats;
	size_t nr_stats, cap_stats;
	size_t nr_own;			/* of these, folded here; the others are the file's */
	struct hist_index *hists;	/* of the file, by stat */
	size_t nr_hists;
	uint32_t *thread_row, *lock_row;	/* id -> index in the model */
	uint64_t *wait_ticks;		/* by lock id */
};

/* ---- the statistics ---- */

static int add_stat(struct collect *c, const struct trace_stat *stat)
{
	const struct trace_stat **stats = pass_push(c->pass, c->stats, &c->nr_stats, &c->cap_stats,
						    sizeof(const void *));

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

static uint32_t stat_thread(const struct collect *c, const struct trace_stat *stat)
{
	return stat->thread < c->pass->nr_threads ? stat->thread : 0;
}

static void mark_used(struct collect *c)
{
	struct pass *pass = c->pass;

	for (size_t i = 0; i < c->nr_stats; i++) {
		struct pass_node *node = &pass->nodes[stat_node(c, c->stats[i])];

		node->used = true;
		pass->lock_facts[node->lock] |= PASS_USED | (i < c->nr_own ? 0 : PASS_FOLDED);
		pass->threads[stat_thread(c, c->stats[i])].used = true;
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
	thread->lifetime_ns = end > record->begin_ticks ? pass_ns(pass, end - record->begin_ticks) : 0;
	process->thread_ns += thread->lifetime_ns;
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
		if (c->pass->locks[id] || c->pass->lock_facts[id] & PASS_USED || c->pass->tracks[id])
			err = add_lock(c, id);
	return err;
}

static int add_threads_and_locks(struct collect *c)
{
	int err;

	mark_used(c);
	err = add_threads(c);
	return err ? err : add_locks(c);
}

static const struct pass_node *sorted_nodes;	/* qsort() hands nothing through */

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
			       .lock = c->lock_row[node->lock], .node = id,
			       .address = node->address, .stack = node->stack,
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
				err = histogram_put(hist->what == TRACE_HIST_HOLD ? &to->hold :
						    &to->wait, ns_per_tick, hist->octave,
						    hist->count);
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

static int count_stat(struct collect *c, const struct trace_stat *stat, bool is_own)
{
	struct pass *pass = c->pass;
	const struct pass_node *node = &pass->nodes[stat_node(c, stat)];
	uint32_t thread = c->thread_row[stat_thread(c, stat)];
	uint32_t lock = c->lock_row[node->lock];
	struct counters counters;
	uint64_t *pair;
	int err;

	err = stat_counters(c, stat, is_own, node->mode, &counters);
	if (!err)
		err = count_lock(&c->model->locks[lock], node->mode, &counters);
	if (!err)
		err = counters_add(&c->model->sites[node->site].all, &counters);
	if (!err)
		err = count_thread(&c->model->threads[thread], pass_kind(pass, node->lock),
				   &counters);
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

static int count_stats(struct collect *c)
{
	int err = 0;

	for (size_t i = 0; i < c->nr_stats && !err; i++)
		err = count_stat(c, c->stats[i], i < c->nr_own);
	return err;
}

/* ---- blame and waits: parts of a lock's wait ---- */

/* Running sum of ticks as a share of whole_ns. */
struct share {
	uint64_t ticks, whole_ticks, whole_ns, ns;
};

static struct share share_begin(const struct tally *tally, size_t row, uint64_t whole_ticks,
				uint64_t whole_ns)
{
	struct share share = { .whole_ticks = whole_ticks, .whole_ns = whole_ns };
	uint64_t sum = 0;

	for (size_t i = row; i < tally->nr && tally->rows[i].key[0] == tally->rows[row].key[0]; i++)
		if (__builtin_add_overflow(sum, tally->rows[i].ticks, &sum))
			sum = UINT64_MAX;
	if (share.whole_ticks < sum)
		share.whole_ticks = sum;
	return share;
}

static uint64_t share_next(struct share *share, uint64_t ticks)
{
	uint64_t before = share->ns;

	if (__builtin_add_overflow(share->ticks, ticks, &share->ticks))
		share->ticks = UINT64_MAX;
	if (share->whole_ticks)
		share->ns = (uint64_t)((unsigned __int128)share->ticks * share->whole_ns /
				       share->whole_ticks);
	return share->ns - before;
}

/* A semaphore has owners only where it is used like a mutex: one token, given back by its taker. */
static bool has_owner(const struct pass *pass, uint32_t lock, const struct lock *row)
{
	switch (row->record->kind) {
	case TRACE_KIND_MUTEX:
	case TRACE_KIND_RWLOCK:
	case TRACE_KIND_SPIN:
		return true;
	case TRACE_KIND_SEM:
		return !(row->record->flags & TRACE_LOCK_COUNTING) && row->record->value <= 1 &&
		       row->all.held && !(pass->lock_facts[lock] & PASS_TOKENS);
	default:
		return false;
	}
}

static int add_blames(struct collect *c)
{
	struct tally *tally = &c->pass->blames;
	struct share share = { .ns = 0 };
	uint32_t id = UINT32_MAX;

	tally_sort(tally);
	for (size_t i = 0; i < tally->nr; i++) {
		const struct tally_row *row = &tally->rows[i];
		struct lock *lock = &c->model->locks[c->lock_row[row->key[0]]];
		struct blame *blame;

		if (!lock->lock_like)
			continue;
		if (row->key[0] != id)
			share = share_begin(tally, i, c->wait_ticks[row->key[0]],
					    lock->all.wait_ns);
		id = row->key[0];
		blame = store_push(&c->model->blames, &c->model->nr_blames, sizeof(*blame));
		if (!blame)
			return -ENOMEM;
		*blame = (struct blame){ .lock = c->lock_row[id],
					 .holder = c->thread_row[row->key[1]],
					 .holder_node = row->key[2],
					 .holder_site = c->pass->nodes[row->key[2]].address,
					 .release_stack = row->key[3], .waits = row->count,
					 .wait_ns = share_next(&share, row->ticks) };
		lock->unattributed_ns -= blame->wait_ns;
	}
	return 0;
}

static int add_wait_stacks(struct collect *c)
{
	struct tally *tally = &c->pass->wait_stacks;
	struct share share = { .ns = 0 };
	uint32_t id = UINT32_MAX;

	tally_sort(tally);
	for (size_t i = 0; i < tally->nr; i++) {
		const struct tally_row *row = &tally->rows[i];
		const struct lock *lock = &c->model->locks[c->lock_row[row->key[0]]];
		struct wait_stack *wait;

		if (row->key[0] != id)
			share = share_begin(tally, i, c->wait_ticks[row->key[0]],
					    lock->all.wait_ns);
		id = row->key[0];
		wait = store_push(&c->model->wait_stacks, &c->model->nr_wait_stacks, sizeof(*wait));
		if (!wait)
			return -ENOMEM;
		*wait = (struct wait_stack){ .lock = c->lock_row[id], .stack = row->key[1],
					     .node = row->key[2],
					     .site = c->pass->nodes[row->key[2]].address,
					     .waits = row->count,
					     .wait_ns = share_next(&share, row->ticks),
					     .wait_max_ns = pass_ns(c->pass, row->max) };
	}
	return 0;
}

/* ---- what is known of each lock in the course of time ---- */

static void finish_lock(struct collect *c, uint32_t id)
{
	const struct pass *pass = c->pass;
	struct lock *lock = &c->model->locks[c->lock_row[id]];
	const struct track *track = pass->tracks[id];
	bool folded = pass->lock_facts[id] & PASS_FOLDED;

	lock->lock_like = has_owner(pass, id, lock);
	lock->unattributed_ns = lock->all.wait_ns;
	lock->owner_changes = UINT64_MAX;
	if (track && !folded && lock->record->flags & TRACE_LOCK_CONTENDED)
		lock->owner_changes = track->owner_changes;
	lock->max_waiters = track ? track->max_waiters : 0;
	if (folded && lock->all.contended)
		lock->max_waiters = UINT32_MAX;
}

static int add_cond(struct collect *c, uint32_t id, const struct lock *lock)
{
	struct cond_row *row = store_push(&c->model->conds, &c->model->nr_conds, sizeof(*row));
	const struct track *track = c->pass->tracks[id];

	if (!row)
		return -ENOMEM;
	row->lock = c->lock_row[id];
	row->signals = lock->all.wakes;
	if (track) {
		row->broadcasts = track->broadcasts;
		row->signals -= track->broadcasts < row->signals ? track->broadcasts : row->signals;
		row->signals_unheard = track->unheard;
		row->tail_ns = pass_ns(c->pass, track->tail_ticks);
		row->tail_max_ns = pass_ns(c->pass, track->tail_max_ticks);
	}
	return counters_add(&row->all, &lock->all);
}

static int add_barrier(struct collect *c, uint32_t id, const struct lock *lock)
{
	struct barrier_row *row = store_push(&c->model->barriers, &c->model->nr_barriers,
					     sizeof(*row));
	const struct track *track = c->pass->tracks[id];
	const struct tally *last = &c->pass->last;

	if (!row)
		return -ENOMEM;
	row->lock = c->lock_row[id];
	row->last_thread = UINT32_MAX;
	if (track) {
		row->rounds = track->rounds;
		row->late_ns = pass_ns(c->pass, track->late_ticks);
	}
	for (size_t i = 0; i < last->nr; i++) {
		if (last->rows[i].key[0] != id || last->rows[i].ticks <= row->last_times)
			continue;
		row->last_times = last->rows[i].ticks;
		row->last_thread = c->thread_row[last->rows[i].key[1]];
	}
	return counters_add(&row->all, &lock->all);
}

static int add_futex(struct collect *c, uint32_t id, const struct lock *lock)
{
	struct futex_row *row = store_push(&c->model->futexes, &c->model->nr_futexes, sizeof(*row));
	uint32_t key[TALLY_KEY] = { id };
	const struct tally_row *woken = tally_find(&c->pass->woken, key);

	if (!row)
		return -ENOMEM;
	row->lock = c->lock_row[id];
	row->wakes = lock->all.wakes;
	row->woken = woken ? woken->ticks : 0;
	return counters_add(&row->all, &lock->all);
}

static int finish_locks(struct collect *c)
{
	int err = 0;

	for (uint32_t id = 0; id < c->pass->nr_locks && !err; id++) {
		const struct lock *lock;

		if (c->lock_row[id] == UINT32_MAX)
			continue;
		finish_lock(c, id);
		lock = &c->model->locks[c->lock_row[id]];
		if (lock->record->kind == TRACE_KIND_COND)
			err = add_cond(c, id, lock);
		else if (lock->record->kind == TRACE_KIND_BARRIER)
			err = add_barrier(c, id, lock);
		else if (lock->record->kind == TRACE_KIND_FUTEX)
			err = add_futex(c, id, lock);
	}
	return err;
}

static int add_joins(struct collect *c)
{
	const struct tally *joins = &c->pass->joins;

	for (size_t i = 0; i < joins->nr; i++) {
		const struct tally_row *from = &joins->rows[i];
		struct join_row *row = store_push(&c->model->joins, &c->model->nr_joins,
						  sizeof(*row));
		struct thread *waiter;

		if (!row)
			return -ENOMEM;
		row->waiter = c->thread_row[from->key[0]];
		row->target = from->key[1] ? c->thread_row[from->key[1]] : UINT32_MAX;
		row->stack = from->key[2];
		row->joins = from->count;
		row->wait_ns = pass_ns(c->pass, from->ticks);
		waiter = &c->model->threads[row->waiter];
		waiter->joins += row->joins;
		waiter->join_wait_ns += row->wait_ns;
	}
	return 0;
}

static int collect_init(struct collect *c, struct pass *pass)
{
	*c = (struct collect){ .pass = pass, .model = &pass->store->model };
	c->thread_row = malloc(pass->nr_threads * sizeof(*c->thread_row));
	c->lock_row = malloc(pass->nr_locks * sizeof(*c->lock_row));
	c->wait_ticks = calloc(pass->nr_locks, sizeof(*c->wait_ticks));
	if (!c->thread_row || !c->lock_row || !c->wait_ticks)
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
}

int collect_run(struct pass *pass)
{
	static int (*const steps[])(struct collect *c) = {
		find_own_stats, find_file_stats, add_threads_and_locks, add_sites, count_stats,
		finish_locks, add_blames, add_wait_stacks, add_joins,
	};
	struct collect c;
	int err = collect_init(&c, pass);

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !err; i++)
		err = steps[i](&c);
	collect_fini(&c);
	return err;
}
