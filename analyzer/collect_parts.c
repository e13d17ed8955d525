/* SPDX-License-Identifier: MIT */
/*
 * collect_parts.c: what a pass learnt from the order of events becomes rows of the model
 *
 * The parts of a lock's wait (blame and unattributed) are cut from its sum in nanoseconds in
 * proportion to their ticks. Each part is the difference of two running sums, so that no rounding
 * is left over: they sum up to the whole exactly.
 */
#include <errno.h>

#include "collect.h"

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
	case TRACE_KIND_CUSTOM:
		return true;
	case TRACE_KIND_SEM:
		return !(row->record->flags & TRACE_LOCK_COUNTING) && row->record->value <= 1 &&
		       row->all.held && !(pass->lock_facts[lock] & PASS_TOKENS);
	default:
		return false;
	}
}

/* Blame comes from events; what rounding gives it beyond them was folded. */
static void take_blame(struct lock *lock, uint64_t ns)
{
	uint64_t beyond = ns > lock->unattributed_ns ? ns - lock->unattributed_ns : 0;

	lock->unattributed_ns -= ns - beyond;
	lock->folded_wait_ns -= beyond;
}

static int add_blame(struct collect *c, const struct tally_row *row, uint64_t wait_ns)
{
	struct lock *lock = &c->model->locks[c->lock_row[row->key[0]]];
	struct blame *blame = store_push(&c->model->blames, &c->model->nr_blames, sizeof(*blame));

	if (!blame)
		return -ENOMEM;
	*blame = (struct blame){ .lock = c->lock_row[row->key[0]],
				 .holder = c->thread_row[row->key[1]],
				 .holder_node = row->key[2],
				 .holder_site = c->pass->nodes[row->key[2]].address,
				 .release_stack = row->key[3],
				 .waits = row->count,
				 .wait_ns = wait_ns };
	take_blame(lock, wait_ns);
	return 0;
}

static int add_blocking(struct collect *c, const struct tally_row *row, uint64_t wait_ns)
{
	struct blocking *blocking =
		store_push(&c->model->blockings, &c->model->nr_blockings, sizeof(*blocking));

	if (!blocking)
		return -ENOMEM;
	*blocking = (struct blocking){ .lock = c->lock_row[row->key[0]],
				       .waiter = c->thread_row[row->key[1]],
				       .holder = c->thread_row[row->key[2]],
				       .wait_ns = wait_ns };
	return 0;
}

/* Hands the rows on with their shares of the locks' waits. The tally ends here. */
static int share_out(struct collect *c, struct tally *tally,
		     int (*add)(struct collect *c, const struct tally_row *row, uint64_t wait_ns))
{
	struct share share = { .ns = 0 };
	uint32_t id = UINT32_MAX;
	int err = 0;

	tally_sort(tally);
	for (size_t i = 0; i < tally->nr && !err; i++) {
		const struct tally_row *row = &tally->rows[i];
		const struct lock *lock = &c->model->locks[c->lock_row[row->key[0]]];

		if (!lock->lock_like)
			continue;
		if (row->key[0] != id)
			share = share_begin(tally, i, c->wait_ticks[row->key[0]],
					    lock->all.wait_ns);
		id = row->key[0];
		err = add(c, row, share_next(&share, row->ticks));
	}
	tally_fini(tally);
	return err;
}

/* What is charged to a holder: by the place where it held, and by the thread that waited. */
int collect_blames(struct collect *c)
{
	static const unsigned char place[] = { 0, 1, 2, 3, TALLY_KEY };
	static const unsigned char pair[] = { 0, 4, 1, TALLY_KEY };
	struct tally places = { .nr = 0 }, pairs = { .nr = 0 };
	int err = tally_project(&places, &c->pass->blames, place);

	if (!err)
		err = tally_project(&pairs, &c->pass->blames, pair);
	if (!err)
		err = share_out(c, &places, add_blame);
	if (!err)
		err = share_out(c, &pairs, add_blocking);
	tally_fini(&places);
	tally_fini(&pairs);
	return err;
}

/* Rows of `tally` at the end of one of the model's arrays: of each lock they add up to its waiting.
 */
static int add_wait_stacks(struct collect *c, struct tally *tally, void *array, size_t *nr)
{
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
		wait = store_push(array, nr, sizeof(*wait));
		if (!wait)
			return -ENOMEM;
		*wait = (struct wait_stack){ .lock = c->lock_row[id],
					     .thread = c->thread_row[row->key[3]],
					     .stack = row->key[1],
					     .node = row->key[2],
					     .site = c->pass->nodes[row->key[2]].address,
					     .phase = row->key[4],
					     .waits = row->count,
					     .wait_ns = share_next(&share, row->ticks),
					     .wait_max_ns = pass_ns(c->pass, row->max) };
	}
	return 0;
}

int collect_wait_stacks(struct collect *c)
{
	static const unsigned char without_phase[] = { 0, 1, 2, 3, TALLY_KEY };
	struct tally *waits = &c->pass->wait_stacks, all = { .nr = 0 };
	struct model *model = c->model;
	int err = tally_project(&all, waits, without_phase);

	if (!err)
		err = add_wait_stacks(c, &all, &model->wait_stacks, &model->nr_wait_stacks);
	if (!err && reader_nr_phases(c->pass->reader))
		err = add_wait_stacks(c, waits, &model->phase_waits, &model->nr_phase_waits);
	tally_fini(&all);
	return err;
}

/* ---- what is known of each lock in the course of time ---- */

/* What the flight recorder has of the folded waits is known one by one. */
static void take_kept(struct collect *c, uint32_t id, struct lock *lock)
{
	uint64_t folded = c->folded_ticks[id], kept = c->pass->tracks[id]->kept_ticks;

	if (kept >= folded)
		lock->folded_wait_ns = 0;
	else
		lock->folded_wait_ns -=
			(uint64_t)((unsigned __int128)lock->folded_wait_ns * kept / folded);
}

static void finish_lock(struct collect *c, uint32_t id)
{
	const struct pass *pass = c->pass;
	struct lock *lock = &c->model->locks[c->lock_row[id]];
	const struct track *track = pass->tracks[id];
	bool folded = pass->lock_facts[id] & PASS_FOLDED;

	lock->lock_like = has_owner(pass, id, lock);
	lock->is_folded = folded;
	if (track)
		take_kept(c, id, lock);
	lock->unattributed_ns = lock->all.wait_ns - lock->folded_wait_ns;
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
	struct barrier_row *row =
		store_push(&c->model->barriers, &c->model->nr_barriers, sizeof(*row));
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

int collect_locks(struct collect *c)
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

int collect_joins(struct collect *c)
{
	const struct tally *joins = &c->pass->joins;

	for (size_t i = 0; i < joins->nr; i++) {
		const struct tally_row *from = &joins->rows[i];
		struct join_row *row =
			store_push(&c->model->joins, &c->model->nr_joins, sizeof(*row));
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
