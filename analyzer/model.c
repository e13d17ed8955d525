/* SPDX-License-Identifier: MIT */
/*
 * model.c: the model's arrays, and the pass over one trace that fills them
 *
 * See pass.h for who does what. Everything of a pass that is as large as the dictionary goes when
 * model_add() returns; what stays are the rows of the answers.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pass.h"

#define STORE_FIRST 16

void *store_push(void *array, size_t *nr, size_t size)
{
	unsigned char *rows, *row;
	size_t room;

	memcpy(&rows, array, sizeof(rows));
	if (!*nr || (*nr >= STORE_FIRST && !(*nr & (*nr - 1)))) {
		room = *nr ? *nr * 2 : STORE_FIRST;
		rows = realloc(rows, room * size);
		if (!rows)
			return NULL;
		memcpy(array, &rows, sizeof(rows));
	}
	row = rows + (*nr)++ * size;
	return memset(row, 0, size);
}

void *pass_push(struct pass *pass, void *array, size_t *nr, size_t *capacity, size_t size)
{
	size_t room = *capacity ? *capacity * 2 : 16;

	if (*nr == *capacity) {
		array = realloc(array, room * size);
		if (!array) {
			pass->failed = true;
			return NULL;
		}
		*capacity = room;
	}
	++*nr;
	return array;
}

uint64_t pass_ns(const struct pass *pass, uint64_t ticks)
{
	unsigned __int128 ns = (unsigned __int128)ticks * pass->ns_per_tick + (1u << 31);

	return ns >> 96 ? UINT64_MAX : (uint64_t)(ns >> 32);
}

/* ---- the arena of the folds ---- */

static struct pass *arena_pass(struct arena *arena)
{
	return (struct pass *)(void *)((char *)arena - offsetof(struct pass, arena));
}

/* One more block. False when out of memory. */
static bool arena_grow(struct pass *pass)
{
	uint32_t room = pass->cap_blocks ? pass->cap_blocks * 2 : 64;
	unsigned char **blocks;

	if (pass->nr_blocks == ARENA_BLOCKS)
		return false;
	if (pass->nr_blocks == pass->cap_blocks) {
		blocks = realloc(pass->arena.block, room * sizeof(*blocks));
		if (!blocks)
			return false;
		pass->arena.block = blocks;
		pass->cap_blocks = room;
	}
	pass->arena.block[pass->nr_blocks] = calloc(1, TRACE_BLOCK_SIZE);
	if (!pass->arena.block[pass->nr_blocks])
		return false;
	pass->nr_blocks++;
	pass->block_used = 8; /* so that no place is 0 */
	return true;
}

static void *arena_alloc(struct arena *arena, uint32_t size, uint32_t *place)
{
	struct pass *pass = arena_pass(arena);
	bool full = !pass->nr_blocks || pass->block_used + size > TRACE_BLOCK_SIZE;

	if (full && !arena_grow(pass))
		return NULL;
	*place = (pass->nr_blocks - 1) << 13 | pass->block_used / 8;
	pass->block_used += size;
	return arena_at(arena, *place);
}

static void arena_commit(void *record, uint32_t type, uint32_t size)
{
	((struct trace_record *)record)->size_type = size << 8 | type;
}

static void *arena_pages(size_t size)
{
	return calloc(1, size);
}

static void arena_unpages(void *pages, size_t size)
{
	(void)size;
	free(pages);
}

/* ---- the pass's view of the dictionary ---- */

struct track *pass_new_track(struct pass *pass, uint32_t lock)
{
	pass->tracks[lock] = calloc(1, sizeof(struct track));
	pass->failed |= !pass->tracks[lock];
	return pass->tracks[lock];
}

/* An array of nr items gets one more, zeroed. Returns false when out of memory. */
static bool append(struct pass *pass, void *array, size_t nr, size_t size)
{
	unsigned char *items;

	memcpy(&items, array, sizeof(items));
	items = realloc(items, (nr + 1) * size);
	if (!items) {
		pass->failed = true;
		return false;
	}
	memset(items + nr * size, 0, size);
	memcpy(array, &items, sizeof(items));
	return true;
}

uint32_t pass_new_lock(struct pass *pass, uint64_t address, uint32_t kind)
{
	struct store *store = pass->store;
	struct trace_lock *lock = calloc(1, sizeof(*lock));
	void **owned = lock ? store_push(&store->owned, &store->nr_owned, sizeof(*owned)) : NULL;

	if (!owned) {
		free(lock);
		pass->failed = true;
		return 0;
	}
	*owned = lock;
	lock->record.id = pass->nr_locks;
	lock->address = address;
	lock->kind = kind && kind < TRACE_KIND_MAX ? kind : (uint32_t)TRACE_KIND_MUTEX;
	if (!append(pass, &pass->locks, pass->nr_locks, sizeof(*pass->locks)) ||
	    !append(pass, &pass->tracks, pass->nr_locks, sizeof(*pass->tracks)) ||
	    !append(pass, &pass->lock_facts, pass->nr_locks, 1))
		return 0;
	pass->locks[pass->nr_locks] = lock;
	return pass->nr_locks++;
}

uint32_t pass_new_node(struct pass *pass, uint32_t lock, uint64_t address, uint32_t mode,
		       uint32_t phase)
{
	if (!append(pass, &pass->nodes, pass->nr_nodes, sizeof(*pass->nodes)) ||
	    !append(pass, &pass->ordered, pass->nr_nodes, 1))
		return 0;
	pass->nodes[pass->nr_nodes] = (struct pass_node){
		.address = address,
		.lock = lock,
		.mode = mode,
		.same = pass->nr_nodes,
		.phase = phase,
		.ignored = phases_ignored(pass, phase),
	};
	return pass->nr_nodes++;
}

/* Whether the holds of the lock's nodes go through the merge. */
static bool is_ordered(const struct trace_lock *lock)
{
	return lock && lock->flags & TRACE_LOCK_CONTENDED;
}

static void init_nodes(struct pass *pass)
{
	for (uint32_t id = 1; id < pass->unknown_node; id++) {
		const struct trace_node *node = reader_node(pass->reader, id);

		if (!node)
			continue;
		pass->nodes[id] = (struct pass_node){
			.address = node->site,
			.mode = node->mode,
			.stack = node->stack,
			.lock = node->lock < pass->nr_locks ? node->lock : 0,
		};
		pass->ordered[id] = is_ordered(pass->locks[pass->nodes[id].lock]);
	}
}

static uint64_t fixed_point(double ns_per_tick)
{
	bool sane = ns_per_tick > 1e-6 && ns_per_tick < 1e6;

	return (uint64_t)((sane ? ns_per_tick : 1.0) * 4294967296.0 + 0.5);
}

static int pass_init(struct pass *pass, struct store *store, struct reader *reader)
{
	*pass = (struct pass){
		.store = store,
		.reader = reader,
		.process = (unsigned int)store->model.nr_processes - 1,
		.ns_per_tick = fixed_point(reader_ns_per_tick(reader)),
		.end_ticks = reader_end_ticks(reader),
		.arena = { .alloc = arena_alloc,
			   .commit = arena_commit,
			   .pages = arena_pages,
			   .unpages = arena_unpages },
		.unknown_node = reader_max_node(reader) + 1,
		.nr_nodes = reader_max_node(reader) + 2,
		.nr_threads = reader_max_thread(reader) + 1,
		.nr_locks = reader_max_lock(reader) + 1,
	};
	pass->skew_ticks = (1000ull << 32) / pass->ns_per_tick;
	pass->nodes = calloc(pass->nr_nodes, sizeof(*pass->nodes));
	pass->ordered = calloc(pass->nr_nodes, 1);
	pass->threads = calloc(pass->nr_threads, sizeof(*pass->threads));
	pass->locks = calloc(pass->nr_locks, sizeof(*pass->locks));
	pass->tracks = calloc(pass->nr_locks, sizeof(*pass->tracks));
	pass->lock_facts = calloc(pass->nr_locks, 1);
	if (!pass->nodes || !pass->ordered || !pass->threads || !pass->locks || !pass->tracks ||
	    !pass->lock_facts)
		return -ENOMEM;
	for (uint32_t id = 0; id < pass->nr_threads; id++)
		fold_init(&pass->threads[id].fold, &pass->arena, id);
	for (uint32_t id = 1; id < pass->nr_locks; id++)
		pass->locks[id] = reader_lock(reader, id);
	init_nodes(pass);
	return phases_init(pass);
}

static void pass_fini(struct pass *pass)
{
	for (uint32_t i = 0; pass->threads && i < pass->nr_threads; i++)
		fold_fini(&pass->threads[i].fold);
	for (uint32_t i = 0; i < pass->nr_blocks; i++)
		free(pass->arena.block[i]);
	for (uint32_t i = 0; pass->tracks && i < pass->nr_locks; i++)
		track_free(pass->tracks[i]);
	free(pass->arena.block);
	free(pass->nodes);
	free(pass->ordered);
	free(pass->threads);
	free(pass->locks);
	free(pass->tracks);
	free(pass->lock_facts);
	tally_fini(&pass->phase_locks);
	tally_fini(&pass->blames);
	tally_fini(&pass->wait_stacks);
	tally_fini(&pass->joins);
	tally_fini(&pass->last);
	tally_fini(&pass->woken);
}

static int pass_run(struct pass *pass, void (*progress)(double part))
{
	uint64_t lost = 0;
	int err = merge_run(pass, progress);

	if (err)
		return err;
	ending_run(pass);
	blame_finish(pass);
	apart_finish(pass);
	for (uint32_t i = 0; i < pass->nr_threads; i++)
		lost += pass->threads[i].fold.lost;
	if (pass->failed || lost)
		return -ENOMEM;
	err = collect_run(pass);
	return pass->failed ? -ENOMEM : err;
}

/* ---- the model ---- */

int model_only_phase(struct model *model, const char *name)
{
	struct store *store = (struct store *)(void *)model;

	free(store->only_phase);
	store->only_phase = strdup(name);
	return store->only_phase ? 0 : -ENOMEM;
}

struct model *model_new(void)
{
	struct store *store = calloc(1, sizeof(*store));

	return store ? &store->model : NULL;
}

static struct store *store_of(struct model *model)
{
	return (struct store *)(void *)model;
}

void model_share(struct model *model, struct symbols *files)
{
	store_of(model)->files = files;
}

/* The rows point to their process, so they follow when the processes move. */
static struct process *add_process(struct model *model)
{
	struct process *old = model->processes;
	struct process *processes = calloc(model->nr_processes + 1, sizeof(*processes));

	if (!processes)
		return NULL;
	for (size_t i = 0; i < model->nr_processes; i++)
		processes[i] = old[i];
	for (size_t i = 0; i < model->nr_locks; i++)
		model->locks[i].process = &processes[model->locks[i].process->number];
	for (size_t i = 0; i < model->nr_threads; i++)
		model->threads[i].process = &processes[model->threads[i].process->number];
	for (size_t i = 0; i < model->nr_sites; i++)
		model->sites[i].process = &processes[model->sites[i].process->number];
	free(old);
	model->processes = processes;
	processes[model->nr_processes].number = (unsigned int)model->nr_processes;
	return &processes[model->nr_processes++];
}

static bool same_host(const struct trace_header *header)
{
	char host[HOST_NAME_MAX + 1] = "";

	return !gethostname(host, sizeof(host) - 1) && !strcmp(host, header->host);
}

static int open_symbols(struct process *process, struct symbols *others)
{
	struct reader *reader = process->reader;
	char path[64];
	int err = 0;

	process->symbols = symbols_new(others);
	if (!process->symbols)
		return -ENOMEM;
	for (uint32_t id = 1; id <= reader_max_module(reader) && err != -ENOMEM; id++) {
		const struct trace_module *module = reader_module(reader, id);

		if (module)
			err = symbols_add_module(process->symbols, id, module->path,
						 module->build_id, module->build_id_bytes);
	}
	if (err != -ENOMEM && same_host(reader_header(reader))) {
		snprintf(path, sizeof(path), "/tmp/perf-%u.map", reader_header(reader)->pid);
		err = symbols_set_perf_map(process->symbols, path, reader_header(reader)->uid);
	}
	return err == -ENOMEM ? err : 0;
}

static int init_process(struct process *process, struct symbols *others)
{
	process->exe = reader_header(process->reader)->exe;
	return open_symbols(process, others);
}

int model_add(struct model *model, struct reader *reader, void (*progress)(double part))
{
	struct process *process = add_process(model);
	struct symbols *files = store_of(model)->files;
	struct pass pass;
	int err;

	if (!process) {
		reader_close(reader);
		return -ENOMEM;
	}
	process->reader = reader;
	err = init_process(process, process->number ? model->processes[0].symbols : files);
	if (err)
		return err;
	err = pass_init(&pass, store_of(model), reader);
	if (!err)
		err = pass_run(&pass, progress);
	for (unsigned int i = 0; i < TRACE_LOSS_MAX; i++)
		model->losses[i] += reader_header(reader)->losses[i];
	model->losses[TRACE_LOSS_EVENTS] += pass.damaged;
	model->clock_skews += pass.clock_skews;
	model->has_events |= pass.has_events;
	pass_fini(&pass);
	return err;
}

/* ---- after the last trace ---- */

static int compare_pairs(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Calls count(model, first index, second index) for each different pair. */
static void each_pair(struct store *store, void (*count)(struct model *model, uint32_t key))
{
	uint64_t *pairs = store->pairs;

	if (store->nr_pairs)
		qsort(pairs, store->nr_pairs, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < store->nr_pairs; i++)
		if (!i || pairs[i] != pairs[i - 1])
			count(&store->model, (uint32_t)(pairs[i] >> 32));
}

static void count_lock_thread(struct model *model, uint32_t lock)
{
	model->locks[lock].nr_threads++;
}

static void count_class_thread(struct model *model, uint32_t class)
{
	model->classes[class].nr_threads++;
}

static void count_threads(struct store *store)
{
	struct model *model = &store->model;

	each_pair(store, count_lock_thread);
	for (size_t i = 0; i < model->nr_locks; i++)
		if (model->locks[i].nr_threads <= 1)
			model->locks[i].owner_changes = 0;
	for (size_t i = 0; i < store->nr_pairs; i++)
		store->pairs[i] = (uint64_t)model->locks[store->pairs[i] >> 32].class << 32 |
				  (uint32_t)store->pairs[i];
	each_pair(store, count_class_thread);
	store->nr_pairs = 0;
	free(store->pairs);
	store->pairs = NULL;
}

static int add_to_class(struct lock_class *class, const struct lock *lock)
{
	int err = counters_add(&class->all, &lock->all);

	if (!err)
		err = counters_add(&class->read, &lock->read);
	if (!err)
		err = counters_add(&class->write, &lock->write);
	class->nr_locks++;
	class->unattributed_ns += lock->unattributed_ns;
	class->folded_wait_ns += lock->folded_wait_ns;
	if (class->max_waiters < lock->max_waiters)
		class->max_waiters = lock->max_waiters;
	if (class->owner_changes == UINT64_MAX || lock->owner_changes == UINT64_MAX)
		class->owner_changes = UINT64_MAX;
	else
		class->owner_changes += lock->owner_changes;
	return err;
}

static int add_up(struct model *model)
{
	int err = 0;

	for (size_t i = 0; i < model->nr_locks && !err; i++) {
		const struct lock *lock = &model->locks[i];
		uint32_t kind = lock->record->kind;

		err = add_to_class(&model->classes[lock->class], lock);
		if (!err && kind != TRACE_KIND_COND && kind != TRACE_KIND_BARRIER &&
		    kind != TRACE_KIND_FUTEX)
			err = counters_add(&model->all, &lock->all);
	}
	for (size_t i = 0; i < model->nr_processes; i++) {
		model->thread_ns += model->processes[i].thread_ns;
		if (model->duration_ns < model->processes[i].duration_ns)
			model->duration_ns = model->processes[i].duration_ns;
		if (model->off_ns < model->processes[i].off_ns)
			model->off_ns = model->processes[i].off_ns;
	}
	return err;
}

int model_finish(struct model *model)
{
	struct store *store = store_of(model);
	int err = names_run(store);

	if (err)
		return err;
	count_threads(store);
	err = add_up(model);
	return err ? err : phases_finish(store);
}

static void free_rows(struct model *model)
{
	for (size_t i = 0; i < model->nr_locks; i++) {
		free(model->locks[i].label);
		counters_fini(&model->locks[i].all);
		counters_fini(&model->locks[i].read);
		counters_fini(&model->locks[i].write);
	}
	for (size_t i = 0; i < model->nr_classes; i++) {
		free(model->classes[i].label);
		free(model->classes[i].key);
		counters_fini(&model->classes[i].all);
		counters_fini(&model->classes[i].read);
		counters_fini(&model->classes[i].write);
	}
	for (size_t i = 0; i < model->nr_threads; i++) {
		free(model->threads[i].name);
		counters_fini(&model->threads[i].all);
	}
	for (size_t i = 0; i < model->nr_sites; i++)
		counters_fini(&model->sites[i].all);
	for (size_t i = 0; i < model->nr_phase_locks; i++)
		counters_fini(&model->phase_locks[i].all);
	for (size_t i = 0; model->phases && i < model->nr_phases; i++)
		counters_fini(&model->phases[i].all);
	for (size_t i = 0; i < model->nr_conds; i++)
		counters_fini(&model->conds[i].all);
	for (size_t i = 0; i < model->nr_barriers; i++)
		counters_fini(&model->barriers[i].all);
	for (size_t i = 0; i < model->nr_futexes; i++)
		counters_fini(&model->futexes[i].all);
	counters_fini(&model->all);
}

void model_free(struct model *model)
{
	struct store *store;

	if (!model)
		return;
	store = store_of(model);
	free_rows(model);
	for (size_t i = 0; i < model->nr_processes; i++) {
		free(model->processes[i].phases);
		symbols_free(model->processes[i].symbols);
		reader_close(model->processes[i].reader);
	}
	for (size_t i = 0; i < store->nr_owned; i++)
		free(store->owned[i]);
	free(store->owned);
	free(store->pairs);
	free(store->only_phase);
	free(model->phases);
	free(model->phase_locks);
	free(model->phase_spans);
	free(model->phase_waits);
	free(model->processes);
	free(model->locks);
	free(model->classes);
	free(model->threads);
	free(model->sites);
	free(model->wait_stacks);
	free(model->blockings);
	free(model->waiters);
	free(model->visits);
	free(model->blames);
	free(model->conds);
	free(model->barriers);
	free(model->futexes);
	free(model->joins);
	free(store);
}
