/* SPDX-License-Identifier: MIT */
/* model_fixture.h: a generated trace as a finished model, for the tests of the model */
#ifndef LOCKPROF_TESTS_MODEL_FIXTURE_H
#define LOCKPROF_TESTS_MODEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../analyzer/model.h"
#include "../lib/tracegen.h"

/* Adds the trace to the model, and frees the generator. */
static inline void fixture_add(struct model *model, struct tracegen *g)
{
	char path[] = "/tmp/lockprof-model-XXXXXX", error[256] = "";
	struct reader *reader = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(tracegen_write(g, path), 0);
	assert_int_equal(reader_open(&reader, path, error, sizeof(error)), 0);
	unlink(path);
	tracegen_free(g);
	assert_int_equal(model_add(model, reader, NULL), 0);
}

static inline struct model *fixture_model(struct tracegen *g)
{
	struct model *model = model_new();

	assert_non_null(model);
	fixture_add(model, g);
	assert_int_equal(model_finish(model), 0);
	return model;
}

/* A lock that somebody waited for. */
static inline uint32_t fixture_lock(struct tracegen *g, enum trace_kind kind, uint64_t address)
{
	uint32_t id = tracegen_lock(g, kind, address);

	((struct trace_lock *)tracegen_find(g, TRACE_REC_LOCK, id))->flags |= TRACE_LOCK_CONTENDED;
	return id;
}

static inline void fixture_wait(struct tracegen *g, uint32_t slot, uint32_t node, uint64_t at,
				uint32_t stack)
{
	uint64_t values[] = { stack, 0 };

	tracegen_event(g, slot, TRACE_EV_WAIT_BEGIN, node, at, values);
}

static inline void fixture_timeout(struct tracegen *g, uint32_t slot, uint32_t node, uint64_t at,
				   uint64_t waited)
{
	uint64_t values[] = { waited, 110 };

	tracegen_event(g, slot, TRACE_EV_WAIT_END, node, at, values);
}

/* As tracegen_acquire(), with the stack of a release that found waiters. */
static inline void fixture_acquire(struct tracegen *g, uint32_t slot, uint32_t node, uint64_t at,
				   uint64_t hold, uint64_t wait, uint32_t stack)
{
	uint64_t flags = (wait ? TRACE_ACQ_WAITED : 0) | (stack ? TRACE_ACQ_STACK : 0);
	uint64_t values[] = { hold, flags, wait, stack };

	if (flags)
		tracegen_event(g, slot, TRACE_EV_ACQUISITION, node, at + hold, values);
	else
		tracegen_acquire(g, slot, node, at, hold, 0);
}

/* What a killed thread still holds; n counts from 0. */
static inline void fixture_held(struct tracegen *g, uint32_t slot, unsigned int n, uint64_t address,
				uint32_t node, uint64_t since, uint64_t wait, uint32_t mode)
{
	struct trace_held held = { .lock = address,
				   .node = node,
				   .wait = wait,
				   .mode = mode,
				   .since = TRACEGEN_START_TICKS + since };

	if (wait)
		held.mode |= TRACE_HELD_CONTENDED;
	tracegen_slot_state(g, slot)->held[n] = held;
}

static inline void fixture_waits(struct tracegen *g, uint32_t slot, uint32_t node, uint64_t since)
{
	tracegen_slot_state(g, slot)->wait_node = node;
	tracegen_slot_state(g, slot)->wait_since = TRACEGEN_START_TICKS + since;
}

static inline const struct lock *fixture_find_lock(const struct model *model, uint64_t address)
{
	for (size_t i = 0; i < model->nr_locks; i++)
		if (model->locks[i].record->address == address)
			return &model->locks[i];
	fail_msg("no lock at %llx", (unsigned long long)address);
	return NULL;
}

/* ns that the holder (a thread id) is blamed for, at all locks. */
static inline uint64_t fixture_blamed(const struct model *model, uint32_t thread)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < model->nr_blames; i++)
		if (model->threads[model->blames[i].holder].id == thread)
			sum += model->blames[i].wait_ns;
	return sum;
}

/* Every wait is explained or said to be not, to the nanosecond. */
static inline void fixture_check_sums(const struct model *model)
{
	uint64_t wait_ns = 0;

	for (size_t i = 0; i < model->nr_locks; i++) {
		const struct lock *lock = &model->locks[i];
		uint64_t sum = lock->unattributed_ns + lock->folded_wait_ns, blocked = 0;

		for (size_t k = 0; k < model->nr_blames; k++)
			if (model->blames[k].lock == i)
				sum += model->blames[k].wait_ns;
		assert_int_equal(sum, lock->all.wait_ns);
		for (size_t k = 0; k < model->nr_blockings; k++)
			if (model->blockings[k].lock == i)
				blocked += model->blockings[k].wait_ns;
		assert_int_equal(sum, lock->unattributed_ns + lock->folded_wait_ns + blocked);
		if (lock->record->kind <= TRACE_KIND_SEM || lock->record->kind == TRACE_KIND_ONCE ||
		    lock->record->kind == TRACE_KIND_CUSTOM)
			wait_ns += lock->all.wait_ns;
	}
	assert_int_equal(wait_ns, model->all.wait_ns);
}

#endif
