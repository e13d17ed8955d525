/* SPDX-License-Identifier: MIT */
/*
 * model.c: the scenarios; see model.h
 *
 * usage: model [NAME...]	prints TAP
 *
 * MODEL_DEEPER=n allows n preemptions more than are quick.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../preload/attempt.h"
#include "../../preload/file.h"
#include "../../preload/process.h"
#include "../../preload/records.h"
#include "../../preload/table.h"
#include "model.h"
#include "open.h"

enum { SITE = 0x401000 };
#define MUTEX_LOCK KIND_MODE(TRACE_KIND_MUTEX, TRACE_HOW_LOCK)

static uint64_t some_locks[64];
static const struct thread_origin unknown;

static struct trace_header *header(void)
{
	return (struct trace_header *)model_file;
}

/* ---- records: space of RECORDS blocks ---- */

static struct {
	uint32_t place, size;
} taken[16];
static int nr_taken;

static void records_begin(void)
{
	nr_taken = 0;
}

/* Only 200 bytes are left in the block: all meet at the next one. */
static void records_setup(void)
{
	uint32_t place;

	do
		records_new(64, &place);
	while (place % 8192 * 8 + 64 < TRACE_BLOCK_SIZE - 200);
}

static void take_record(uint32_t size)
{
	uint32_t place;
	struct trace_lock *lock = records_new(size, &place);

	if (!lock)
		return;
	for (int i = 0; i < nr_taken; i++)
		model_assert(place + size / 8 <= taken[i].place ||
				     taken[i].place + taken[i].size / 8 <= place,
			     "no two records overlap");
	taken[nr_taken].place = place;
	taken[nr_taken++].size = size;
	model_assert((unsigned char *)lock == model_file + (size_t)place * 8,
		     "a record's place is its offset");
	for (uint32_t i = 8; i < size; i++)
		model_assert(!((unsigned char *)lock)[i], "a new record is zero");
}

static void records_thread(int self)
{
	take_record(48 + 8 * (uint32_t)self);
	take_record(120);
	take_record(64);
}

static void records_look(bool end)
{
	if (end)
		model_assert((uint64_t)nr_taken + header()->losses[TRACE_LOSS_RECORDS] ==
				     (model_current() < 0 ? 6u : 0u),
			     "a record is given or counted as lost");
}

/* ---- nodes: the tables of locks and nodes ---- */

static uint32_t met[MODEL_THREADS][2];

static void nodes_thread(int self)
{
	uint32_t first = node_get(NULL, 0, &some_locks[self == 2 ? 1 : 0], SITE, MUTEX_LOCK);

	met[self][0] = first;
	met[self][1] = node_get(NULL, first, &some_locks[2], SITE, MUTEX_LOCK);
}

/* Two threads that see a module at once may give it two numbers: not here. */
static void nodes_setup(void)
{
	stack_code_address(SITE);
}

static const struct trace_node *node_at(uint32_t number)
{
	for (uint32_t b = 1; b < kernel_nr_blocks(); b++) {
		const unsigned char *block = model_file + (size_t)b * TRACE_BLOCK_SIZE;

		if (((const struct trace_block *)block)->type != TRACE_BLOCK_RECORDS)
			continue;
		for (uint32_t at = 64; at < 4096; at += 8) {
			const struct trace_node *node = (const void *)(block + at);

			if (node->record.size_type == (sizeof(*node) << 8 | TRACE_REC_NODE) &&
			    node->lock && !number--)
				return node;
		}
	}
	return NULL;
}

static void nodes_look(bool end)
{
	const struct trace_node *a, *b;

	if (!end)
		return;
	for (uint32_t i = 0; (a = node_at(i)); i++)
		for (uint32_t k = 0; k < i && (b = node_at(k)); k++)
			model_assert(a->lock != b->lock || a->parent != b->parent,
				     "no context has two nodes");
	model_assert(met[0][0] == met[1][0] && met[0][1] == met[1][1],
		     "the same context is the same node");
	model_assert(!header()->losses[TRACE_LOSS_NODES], "a node is found in the end");
}

/* The last thread reads what the others write. */
static void reader_thread(int self)
{
	if (self < 2)
		nodes_thread(self);
	for (uint32_t b = 1; self == 2 && b < kernel_nr_blocks(); b++)
		open_read(model_file + (size_t)b * TRACE_BLOCK_SIZE);
}

/* ---- lives: generations of one address ---- */

static uint64_t lives_at(const void *address, uint32_t *highest)
{
	uint64_t n = 0;

	*highest = 0;
	for (uint32_t b = 1; b < kernel_nr_blocks(); b++) {
		const unsigned char *block = model_file + (size_t)b * TRACE_BLOCK_SIZE;

		if (((const struct trace_block *)block)->type != TRACE_BLOCK_RECORDS)
			continue;
		for (uint32_t at = 64; at < 8192; at += 8) {
			const struct trace_lock *lock = (const void *)(block + at);

			if (lock->record.size_type != (sizeof(*lock) << 8 | TRACE_REC_LOCK) ||
			    lock->address != (uintptr_t)address)
				continue;
			n++;
			if (lock->generation > *highest)
				*highest = lock->generation;
		}
	}
	return n;
}

static void lives_thread(int self)
{
	struct trace_lock *lock;

	if (self == 0) {
		lock_dies(&some_locks[0], TRACE_KIND_MUTEX);
		lock = lock_get(&some_locks[0], TRACE_KIND_MUTEX);
	} else {
		lock = lock_get(&some_locks[0], self == 1 ? TRACE_KIND_SEM : TRACE_KIND_MUTEX);
	}
	model_assert(lock && lock->address == (uintptr_t)&some_locks[0], "it is that lock");
	model_assert(lock->record.id && lock->lives, "what is found is complete");
}

static void lives_setup(void)
{
	lock_get(&some_locks[0], TRACE_KIND_MUTEX);
}

static void lives_look(bool end)
{
	uint32_t highest;
	uint64_t n;

	if (!end)
		return;
	n = lives_at(&some_locks[0], &highest);
	model_assert(n == (uint64_t)highest + 1, "each generation comes once");
}

/* An address may be initialised by two at once: whoever does that gets no sense, but no half one.
 */
static void births_thread(int self)
{
	lock_born(NULL, &some_locks[0], TRACE_KIND_MUTEX, TRACE_LOCK_ROBUST, 7);
	if (self)
		lock_dies(&some_locks[0], TRACE_KIND_MUTEX);
}

/* ---- slots: threads that begin and end ---- */

static int slot_user[16];
static int nr_begun, nr_ended;

static void slots_begin(void)
{
	memset(slot_user, -1, sizeof(slot_user));
	nr_begun = nr_ended = 0;
}

static void slots_once(int self)
{
	struct thread *t = thread_enter();

	model_assert(t && slot_user[t->number] < 0, "no slot has two owners");
	slot_user[t->number] = self;
	model_assert(t->slot->block.slot == t->number, "a slot has its number");
	thread_leave(t);
	slot_user[t->number] = -1;
	open_thread_end();
}

/* Each slot that was given back is given to somebody else. */
static void slots_thread(int self)
{
	struct thread *fresh = thread_tls;

	slots_once(self);
	thread_tls = fresh;
	slots_once(self);
}

/* Two slots are free. Who takes one, takes another, and gives the first back in between? */
static void reuse_setup(void)
{
	struct thread *fresh = thread_tls, *first;

	thread_begin(&unknown);
	first = thread_tls;
	thread_tls = fresh;
	thread_begin(&unknown);
	open_thread_end();
	thread_tls = first;
	open_thread_end();
	thread_tls = fresh;
}

static void reuse_take(int self)
{
	struct thread *t;

	thread_begin(&unknown);
	t = thread_self();
	model_assert(slot_user[t->number] < 0, "no slot has two owners");
	slot_user[t->number] = self;
}

static void reuse_thread(int self)
{
	struct thread *fresh = thread_tls;

	reuse_take(self);
	if (self == 0) {
		thread_tls = fresh;
		reuse_take(self);
	} else if (self == 1) {
		slot_user[thread_self()->number] = -1;
		open_thread_end();
	}
}

static uint64_t count_events(enum trace_event_type type)
{
	uint64_t n = 0;

	for (uint32_t b = 1; b < kernel_nr_blocks(); b++) {
		const struct trace_slot *slot = (void *)(model_file + (size_t)b * TRACE_BLOCK_SIZE);
		const unsigned char *ring = (const unsigned char *)slot + TRACE_STATE_SIZE;
		const unsigned char *p = ring + slot->tail;
		struct trace_event e = { .ticks = 0 };

		if (slot->block.type != TRACE_BLOCK_SLOT)
			continue;
		while (p < ring + slot->head) {
			p = event_get(p, ring + slot->head, &e);
			n += e.type == type;
		}
	}
	return n;
}

static void slots_look(bool end)
{
	if (!end)
		return;
	model_assert(count_events(TRACE_EV_THREAD) == 4 && count_events(TRACE_EV_EXIT) == 4,
		     "each thread's begin and end are there");
	model_assert(header()->nr_threads == 4, "each thread has an id");
}

/* ---- flushes: rings written, or folded when there is no room any more ---- */

static uint64_t started, completed;

static void flushes_begin(void)
{
	started = completed = 0;
}

static void pair(struct thread *t, const void *lock, bool waits)
{
	struct attempt a;
	struct release r;

	if (!attempt_begin(&a, lock, SITE, MUTEX_LOCK))
		return; /* no room for its slot */
	started++;
	if (waits)
		attempt_blocked(&a, 0);
	attempt_acquired(&a, 0);
	t->soft = 1; /* each event fills the ring */
	release_begin(&r, lock, TRACE_KIND_MUTEX, SITE, false);
	release_end(&r);
	completed++;
}

static void pairs(int self, bool wait)
{
	struct thread *t;

	thread_begin(&unknown);
	t = thread_self();
	if (!t->live)
		model_assert(header()->losses[TRACE_LOSS_THREADS] > 0,
			     "a refused thread is counted");
	for (int i = 0; i < 3; i++)
		pair(t, &some_locks[self], wait);
}

static void flushes_thread(int self)
{
	pairs(self, false);
}

static void folds_setup(void)
{
	header()->mode = TRACE_MODE_PROFILE;
}

static void folds_thread(int self)
{
	pairs(self, true);
}

static void flushes_look(bool end)
{
	uint64_t seen = whole_acquisitions();

	model_assert(seen <= started, "no acquisition is there twice");
	model_assert(seen + MODEL_THREADS - 1 >= completed, "at most one a thread is missing");
	if (end)
		model_assert(seen == completed, "all acquisitions are there");
}

/* ---- recall: the cache of nodes that all threads share ---- */

static uintptr_t recall_sites[MODEL_THREADS];

/* Call sites whose nodes stand in one bucket, of two places. */
static void recall_setup(void)
{
	uint64_t bucket = open_bucket(&some_locks[0], SITE, MUTEX_LOCK);
	uintptr_t site = SITE;

	for (int i = 0; i < MODEL_THREADS; site++)
		if (open_bucket(&some_locks[0], site, MUTEX_LOCK) == bucket)
			recall_sites[i++] = site;
}

static void recall_thread(int self)
{
	static __attribute__((aligned(64))) struct thread scratch[MODEL_THREADS];
	const void *lock = &some_locks[0];
	struct node_cache *c;

	if (self < 2)
		node_remember(lock, recall_sites[self], MUTEX_LOCK, 0, *lock_tag(lock),
			      10 + (uint32_t)self);
	for (uint32_t who = 0; self && who < 2; who++) {
		c = hold_cache(&scratch[self], lock, recall_sites[who], 0);
		if (node_recall(&scratch[self], lock, recall_sites[who], MUTEX_LOCK, 0))
			model_assert(c->node == 10 + who, "a recalled node is the right one");
	}
}

/* ---- counters and calibrations of the header ---- */

static void counters_thread(int self)
{
	file_loss(TRACE_LOSS_EVENTS, 3);
	file_event(1u << self);
	file_loss(TRACE_LOSS_EVENTS, 4);
	thread_new_id();
}

static void counters_look(bool end)
{
	const struct trace_header *h = header();

	if (end)
		model_assert(h->losses[TRACE_LOSS_EVENTS] == 21 && h->events == 7 &&
				     h->nr_threads == 3,
			     "no count is lost");
}

static void calibration_thread(int self)
{
	(void)self;
	process_calibrate();
	process_calibrate();
}

static void calibration_look(bool end)
{
	const struct trace_calibration *c = &header()->calibration[1];

	if (c->sequence % 2 == 0)
		model_assert(c->monotonic_ns - c->ticks < 3 && c->realtime_ns - c->ticks < 5,
			     "a calibration is one moment");
	if (end)
		model_assert(c->sequence % 2 == 0, "calibrations are finished");
}

/* ---- threads by handle ---- */

static void handles_thread(int self)
{
	if (self == 0) {
		thread_expect(0x10000 + 0x1000, 1);
		model_assert(thread_id_of(0x10000 + 0x1000) >= 1, "an expected thread is known");
		thread_set_name(0x10000 + 0x1000, "named");
		return;
	}
	thread_begin(&(struct thread_origin){ .id = (uint32_t)self, .creator = 1 });
	model_assert(thread_id_of(0x10000 + 0x1000 * (uintptr_t)self) == (uint32_t)self,
		     "a thread knows its number");
}

/* ---- stacks and modules ---- */

static void stacks_thread(int self)
{
	const uint64_t frames[2][3] = { { 0x401000, 0x402000, 0x403000 }, { 0x401000, 1, 2 } };

	/* Two threads that see a stack at once may give it two numbers. */
	model_assert(open_stack(frames[0], 3), "a stack has a number");
	model_assert(open_stack(frames[1], 2 + (uint32_t)self % 2), "a stack has a number");
	if (self == 2)
		open_modules_forget();
	model_assert(stack_code_address((uintptr_t)stacks_thread) >> 48, "code has a module");
}

static const struct scenario scenarios[] = {
	{ "records", 2, 1, 2, records_thread, records_setup, records_begin, records_look, 0 },
	{ "records on a full disk", 2, 1, 2, records_thread, records_setup, records_begin,
	  records_look, 1 },
	{ "nodes", 2, 1, 2, nodes_thread, nodes_setup, NULL, nodes_look, 0 },
	{ "nodes of three", 1, 1, 3, nodes_thread, nodes_setup, NULL, nodes_look, 0 },
	{ "nodes and a reader", 1, 1, 3, reader_thread, nodes_setup, NULL, NULL, 0 },
	{ "lives", 3, 1, 2, lives_thread, lives_setup, NULL, lives_look, 0 },
	{ "lives of three", 2, 0, 3, lives_thread, lives_setup, NULL, lives_look, 0 },
	{ "births", 2, 1, 2, births_thread, NULL, NULL, lives_look, 0 },
	{ "slots", 2, 1, 2, slots_thread, NULL, slots_begin, slots_look, 0 },
	{ "slots used again", 2, 0, 3, reuse_thread, reuse_setup, slots_begin, NULL, 0 },
	{ "flushes", 1, 0, 2, flushes_thread, NULL, flushes_begin, flushes_look, 0 },
	{ "flushes on a full disk", 1, 0, 2, flushes_thread, NULL, flushes_begin, flushes_look, 5 },
	{ "folded waits", 1, 0, 2, folds_thread, folds_setup, flushes_begin, flushes_look, 0 },
	{ "folded waits on a full disk", 1, 0, 2, folds_thread, folds_setup, flushes_begin,
	  flushes_look, 3 },
	{ "flights", 1, 0, 2, flights_thread, flights_setup, NULL, flights_look, 0 },
	{ "recall", 2, 1, 3, recall_thread, recall_setup, NULL, NULL, 0 },
	{ "counters", 3, 1, 3, counters_thread, NULL, NULL, counters_look, 0 },
	{ "calibrations", 3, 1, 3, calibration_thread, NULL, NULL, calibration_look, 0 },
	{ "handles", 2, 1, 3, handles_thread, NULL, NULL, NULL, 0 },
	{ "stacks", 2, 0, 3, stacks_thread, NULL, NULL, NULL, 0 },
	{ "phases", 2, 1, 3, phases_thread, NULL, NULL, phases_look, 0 },
	{ "phases of one name", 2, 1, 2, phases_names_thread, NULL, NULL, phases_look, 0 },
	{ "phases told twice", 2, 0, 2, phases_same_thread, phases_same_setup, NULL, phases_look,
	  0 },
	{ "phases and a recording thread", 2, 1, 2, phases_record_thread, NULL, phases_record_begin,
	  phases_record_look, 0 },
};

static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(name, argv[i]))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	int nr = 0;
	bool good = true;

	setenv("LOCKPROF_OPTIONS", "output=/model:stacks=no", 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	kernel_init();
	memory_mark();
	hooks_ready();
	if (!process_load() || !process_ready())
		return 1;
	kernel_save(true);
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
		bool fine;

		if (!is_wanted(scenarios[i].name, argc, argv))
			continue;
		fine = scenario_run(&scenarios[i]);
		printf("%s %d - %s\n", fine ? "ok" : "not ok", ++nr, scenarios[i].name);
		good &= fine;
	}
	printf("1..%d\n", nr);
	return !good;
}
