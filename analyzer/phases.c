/* SPDX-License-Identifier: MIT */
/*
 * phases.c: phases and units of work: what was done in each, and how long each took
 *
 * Counts come from nodes: an acquisition belongs to the phase in which its thread took the
 * outermost lock, whatever the clock says. Times come from the recorded changes: a process is in
 * one phase at a time, and all of its threads live in it. So a section that a change falls into
 * counts where it began, and its time is cut.
 *
 * A process that was never told of a phase is in none: where others were, all of it is row 0.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pass.h"

/* ---- rows ---- */

/* A row that a former trace made. */
struct known {
	const char *name;
	uint32_t row;
};

static int compare_known(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->name, ((const struct known *)b)->name);
}

/* All but row 0, by name. NULL: out of memory. */
static struct known *sort_known(const struct model *model, size_t *nr)
{
	struct known *known = calloc(model->nr_phases + 1, sizeof(*known));

	*nr = 0;
	for (uint32_t i = 1; known && i < model->nr_phases; i++)
		known[(*nr)++] = (struct known){ model->phases[i].name, i };
	if (*nr)
		qsort(known, *nr, sizeof(*known), compare_known);
	return known;
}

static int add_row(struct model *model, const char *name, uint32_t *row)
{
	struct phase *phase = store_push(&model->phases, &model->nr_phases, sizeof(*phase));

	if (!phase)
		return -ENOMEM;
	phase->name = name;
	*row = (uint32_t)model->nr_phases - 1;
	return 0;
}

/* In one trace each name comes once. */
static int find_rows(struct pass *pass, size_t nr)
{
	struct model *model = &pass->store->model;
	size_t nr_known;
	struct known *known = sort_known(model, &nr_known);
	int err = !known ? -ENOMEM : model->nr_phases ? 0 : add_row(model, NULL, pass->phase_row);

	for (uint32_t i = 1; i <= nr && !err; i++) {
		struct known key = { .name = reader_phase_name(pass->reader, i) };
		const struct known *same =
			bsearch(&key, known, nr_known, sizeof(key), compare_known);

		if (same)
			pass->phase_row[i] = same->row;
		else
			err = add_row(model, key.name, &pass->phase_row[i]);
	}
	free(known);
	return err;
}

static void find_wanted(struct pass *pass)
{
	const struct store *store = pass->store;
	const struct model *model = &store->model;

	pass->wanted_phase = UINT32_MAX;
	if (!store->only_phase)
		return;
	pass->wanted_phase = UINT32_MAX - 1; /* none of those that are here */
	for (size_t i = 1; i < model->nr_phases; i++)
		if (strcmp(model->phases[i].name, store->only_phase) == 0)
			pass->wanted_phase = (uint32_t)i;
}

bool phases_ignored(const struct pass *pass, uint32_t phase)
{
	return pass->wanted_phase != UINT32_MAX && pass->wanted_phase != phase;
}

static void init_nodes(struct pass *pass)
{
	for (uint32_t id = 1; id < pass->nr_nodes; id++) {
		struct pass_node *node = &pass->nodes[id];

		node->phase = pass->phase_row[reader_phase_of(pass->reader, id)];
		node->same = reader_same_node(pass->reader, id);
		node->ignored = phases_ignored(pass, node->phase);
		if ((node->mode & TRACE_HOW_MASK) == TRACE_HOW_PHASE)
			node->same = pass->unknown_node;
	}
}

int phases_init(struct pass *pass)
{
	struct model *model = &pass->store->model;
	size_t nr = reader_nr_phases(pass->reader);
	int err;

	pass->phase_row = calloc(nr + 1, sizeof(*pass->phase_row));
	model->processes[pass->process].phases = pass->phase_row;
	if (!pass->phase_row)
		return -ENOMEM;
	err = find_rows(pass, nr);
	if (err)
		return err;
	find_wanted(pass);
	init_nodes(pass);
	return 0;
}

/* ---- counts ---- */

/* The row of the lock in the phase; UINT32_MAX: out of memory. */
static uint32_t phase_lock_row(struct pass *pass, uint32_t phase, uint32_t lock)
{
	struct model *model = &pass->store->model;
	uint32_t key[TALLY_KEY] = { phase, lock };
	struct tally_row *row = tally_get(&pass->phase_locks, key);
	struct phase_lock *made;

	if (!row)
		return UINT32_MAX;
	if (!row->count) {
		made = store_push(&model->phase_locks, &model->nr_phase_locks, sizeof(*made));
		if (!made)
			return UINT32_MAX;
		made->phase = phase;
		made->lock = lock;
		row->count = model->nr_phase_locks;
	}
	return (uint32_t)row->count - 1;
}

int phases_count(struct pass *pass, uint32_t phase, uint32_t lock, const struct counters *by)
{
	uint32_t row;

	if (!reader_nr_phases(pass->reader))
		return 0; /* all of it is in no phase: phases_finish() */
	row = phase_lock_row(pass, phase, lock);
	return row == UINT32_MAX ? -ENOMEM
				 : counters_add(&pass->store->model.phase_locks[row].all, by);
}

/* ---- times ---- */

/* How much all threads had lived until a time that only goes on. */
struct lives {
	uint64_t *begins, *ends; /* sorted */
	size_t nr, begun, ended;
	uint64_t alive_ns; /* until `now_ns` */
	uint64_t now_ns;
};

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int lives_init(struct lives *lives, const struct model *model, const struct process *process)
{
	*lives = (struct lives){ .begins = malloc((model->nr_threads + 1) * sizeof(uint64_t)),
				 .ends = malloc((model->nr_threads + 1) * sizeof(uint64_t)) };
	if (!lives->begins || !lives->ends)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_threads; i++) {
		const struct thread *thread = &model->threads[i];

		if (thread->process != process)
			continue;
		lives->begins[lives->nr] = thread->begin_ns;
		if (__builtin_add_overflow(thread->begin_ns, thread->lifetime_ns,
					   &lives->ends[lives->nr]))
			lives->ends[lives->nr] = UINT64_MAX;
		lives->nr++;
	}
	qsort(lives->begins, lives->nr, sizeof(uint64_t), compare_times);
	qsort(lives->ends, lives->nr, sizeof(uint64_t), compare_times);
	return 0;
}

static void lives_fini(struct lives *lives)
{
	free(lives->begins);
	free(lives->ends);
}

/* The threads' time from the last call until `until`; sums wrap, differences do not. */
static uint64_t lives_next(struct lives *lives, uint64_t until)
{
	uint64_t sum = (lives->begun - lives->ended) * (until - lives->now_ns);

	for (; lives->begun < lives->nr && lives->begins[lives->begun] < until; lives->begun++)
		sum += until - lives->begins[lives->begun];
	for (; lives->ended < lives->nr && lives->ends[lives->ended] < until; lives->ended++)
		sum -= until - lives->ends[lives->ended];
	lives->now_ns = until;
	return sum;
}

/* One stretch of time of the process. */
struct stretch {
	uint32_t phase;
	bool off;
	uint64_t begin_ns, end_ns;
	uint64_t thread_ns;
};

static int add_span(struct pass *pass, const struct stretch *s)
{
	struct model *model = &pass->store->model;
	size_t nr = model->nr_phase_spans;
	struct phase_span *last = nr ? &model->phase_spans[nr - 1] : NULL, *span;

	if (s->begin_ns == s->end_ns || !reader_nr_phase_changes(pass->reader))
		return 0;
	if (last && last->process == pass->process && last->phase == s->phase &&
	    last->off == s->off) {
		last->end_ns = s->end_ns;
		return 0;
	}
	span = store_push(&model->phase_spans, &model->nr_phase_spans, sizeof(*span));
	if (!span)
		return -ENOMEM;
	*span = (struct phase_span){ pass->process, s->phase, s->off, s->begin_ns, s->end_ns };
	return 0;
}

static int add_stretch(struct pass *pass, const struct stretch *s)
{
	struct model *model = &pass->store->model;
	struct process *process = &model->processes[pass->process];
	struct phase *phase = &model->phases[s->phase];
	uint64_t length_ns = s->end_ns - s->begin_ns;

	if (s->off) {
		process->off_ns += length_ns;
		return add_span(pass, s);
	}
	phase->time_ns += length_ns;
	phase->thread_ns += s->thread_ns;
	if (!phases_ignored(pass, s->phase)) {
		process->duration_ns += length_ns;
		process->thread_ns += s->thread_ns;
	}
	return add_span(pass, s);
}

/* Sets the process's times from what its threads and the changes say. */
int phases_times(struct pass *pass)
{
	struct model *model = &pass->store->model;
	struct process *process = &model->processes[pass->process];
	uint64_t end_ns = reader_time_ns(pass->reader, pass->end_ticks);
	size_t nr = reader_nr_phase_changes(pass->reader);
	struct stretch s = { 0 };
	struct lives lives;
	int err = lives_init(&lives, model, process);

	for (size_t i = 0; i <= nr && !err; i++) {
		const struct reader_phase_change *next =
			i < nr ? reader_phase_change(pass->reader, i) : NULL;

		s.end_ns = next ? reader_time_ns(pass->reader, next->ticks) : end_ns;
		if (s.end_ns > end_ns)
			s.end_ns = end_ns;
		/* The rest of a life that rounding puts behind the end is of the last stretch. */
		s.thread_ns = lives_next(&lives, next ? s.end_ns : UINT64_MAX);
		err = add_stretch(pass, &s);
		if (!next)
			break;
		model->phases[pass->phase_row[next->phase]].begins +=
			pass->phase_row[next->phase] != s.phase;
		s.phase = pass->phase_row[next->phase];
		s.off = next->off;
		s.begin_ns = s.end_ns;
	}
	lives_fini(&lives);
	return err;
}

/* Whether what began then is of a phase that does not count. */
bool phases_ignored_at(const struct pass *pass, uint64_t ticks)
{
	size_t low = 0, high = reader_nr_phase_changes(pass->reader);

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (reader_phase_change(pass->reader, middle)->ticks <= ticks)
			low = middle + 1;
		else
			high = middle;
	}
	return phases_ignored(
		pass, low ? pass->phase_row[reader_phase_change(pass->reader, low - 1)->phase] : 0);
}

/* ---- when all traces are in ---- */

static int compare_phase_locks(const void *a, const void *b)
{
	const struct phase_lock *x = a, *y = b;

	if (x->phase != y->phase)
		return x->phase < y->phase ? -1 : 1;
	return (x->lock > y->lock) - (x->lock < y->lock);
}

static bool was_used(const struct counters *c)
{
	return c->acquired || c->wait_ns || c->try_failures || c->timeouts || c->wait_failures ||
	       c->wakes || c->foreign_releases;
}

/* Locks of processes that know no phases are in none. */
static int add_phaseless(struct model *model)
{
	int err = 0;

	for (size_t i = 0; i < model->nr_locks && !err; i++) {
		const struct lock *lock = &model->locks[i];
		struct phase_lock *row;

		if (reader_nr_phases(lock->process->reader) || !was_used(&lock->all))
			continue;
		row = store_push(&model->phase_locks, &model->nr_phase_locks, sizeof(*row));
		if (!row)
			return -ENOMEM;
		row->lock = (uint32_t)i;
		err = counters_add(&row->all, &lock->all);
	}
	return err;
}

static uint32_t find_only(const struct store *store)
{
	const struct model *model = &store->model;

	if (!store->only_phase)
		return 0;
	for (uint32_t i = 1; i < model->nr_phases; i++)
		if (strcmp(model->phases[i].name, store->only_phase) == 0)
			return i;
	return UINT32_MAX;
}

int phases_finish(struct store *store)
{
	struct model *model = &store->model;
	int err;

	model->only_phase = find_only(store);
	if (model->nr_phases <= 1) {
		model->nr_phases = 0;
		return 0;
	}
	err = add_phaseless(model);
	if (model->nr_phase_locks)
		qsort(model->phase_locks, model->nr_phase_locks, sizeof(*model->phase_locks),
		      compare_phase_locks);
	for (size_t i = 0; i < model->nr_phase_locks && !err; i++) {
		const struct phase_lock *row = &model->phase_locks[i];

		if (model->locks[row->lock].lock_like)
			err = counters_add(&model->phases[row->phase].all, &row->all);
	}
	return err;
}

/* ---- for those who read the events themselves ---- */

uint32_t model_phase_of(const struct process *process, uint32_t node)
{
	return process->phases ? process->phases[reader_phase_of(process->reader, node)] : 0;
}

uint32_t model_phase_at(const struct model *model, const struct process *process, uint64_t ns)
{
	size_t low = 0, high = model->nr_phase_spans;

	/* The last that begins by then. */
	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct phase_span *span = &model->phase_spans[middle];

		if (span->process < process->number ||
		    (span->process == process->number && span->begin_ns <= ns))
			low = middle + 1;
		else
			high = middle;
	}
	return low && model->phase_spans[low - 1].process == process->number
		       ? model->phase_spans[low - 1].phase
		       : 0;
}
