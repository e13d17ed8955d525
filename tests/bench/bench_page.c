/* SPDX-License-Identifier: MIT */
/*
 * bench_page: makes traces that are large for a page
 *
 *	bench_page FILE THOUSANDS THREADS
 *
 * So many thousand acquisitions: most of 200 quiet locks, each fifth of one of four hot ones, which
 * threads hand to each other. Who comes while such a lock is held waits until it is free, so up to
 * four threads queue, and holds, waits and blame fit together as those of a real program do.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../lib/tracegen.h"

#define HOT	   4
#define QUIET	   200
#define NODES	   600
#define HOT_EVERY  5
#define MAX_THREADS 512
#define THINK_NS   400
#define CODE(n)	   (1ull << 48 | (0x1000 + (n) * 16))

static uint64_t seed = 1;

static unsigned int rnd(unsigned int below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(seed >> 33) % below;
}

/* Spread over four octaves, now and then a thousand times as long. */
static uint64_t hold_ns(void)
{
	uint64_t ns = (uint64_t)(25 * exp((rnd(1000) + rnd(1000) + rnd(1000)) / 1000.0));

	return rnd(20000) ? ns : ns * 1000;
}

static void add_dictionary(struct tracegen *g)
{
	tracegen_module(g, "/usr/bin/generated", 0x400000, 0x500000, 0x400000);
	for (unsigned int i = 0; i < HOT + QUIET; i++) {
		uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x600000 + i * 64);
		char name[32];

		snprintf(name, sizeof(name), i < HOT ? "hot[%u]" : "quiet[%u]", i < HOT ? i : i - HOT);
		tracegen_name(g, TRACE_NAME_LOCK, lock, name);
		if (i < HOT)
			((struct trace_lock *)tracegen_find(g, TRACE_REC_LOCK, lock))->flags |=
				TRACE_LOCK_CONTENDED;
	}
	for (unsigned int i = 0; i < NODES; i++) {
		uint32_t lock = i < HOT * 2 ? 1 + i % HOT : 1 + HOT + i % QUIET, node;
		const uint64_t frames[] = { CODE(i), CODE(1000 + i / 4), CODE(2000 + i / 16), CODE(3000) };
		uint32_t stack = tracegen_stack(g, 4, frames);

		node = tracegen_node(g, 0, lock, frames[0], TRACE_HOW_LOCK);
		((struct trace_node *)tracegen_find(g, TRACE_REC_NODE, node))->stack = stack;
	}
}

/* The thread that is furthest behind: time passes for all of them alike. */
static unsigned int next_thread(const uint64_t *at, unsigned int nr)
{
	unsigned int first = 0;

	for (unsigned int i = 1; i < nr; i++)
		if (at[i] < at[first])
			first = i;
	return first;
}

static uint64_t take_hot(struct tracegen *g, uint32_t slot, uint64_t at, uint64_t *free_at)
{
	unsigned int hot = rnd(HOT);
	uint32_t node = 1 + hot + (rnd(2) ? HOT : 0);
	uint64_t hold = hold_ns(), wait = free_at[hot] > at ? free_at[hot] + 60 - at : 0;
	uint64_t stack[] = { 0, 0 };

	if (wait)
		tracegen_event(g, slot, TRACE_EV_WAIT_BEGIN, node, at, stack);
	tracegen_acquire(g, slot, node, at + wait, hold, wait);
	free_at[hot] = at + wait + hold;
	return free_at[hot];
}

static uint64_t take_quiet(struct tracegen *g, uint32_t slot, uint64_t at)
{
	uint64_t hold = hold_ns();

	tracegen_acquire(g, slot, 1 + 2 * HOT + rnd(NODES - 2 * HOT), at, hold, 0);
	return at + hold;
}

int main(int argc, char **argv)
{
	uint64_t nr = argc == 4 ? strtoull(argv[2], NULL, 10) * 1000 : 0;
	unsigned int nr_threads = argc == 4 ? (unsigned int)atoi(argv[3]) : 0;
	static uint64_t at[MAX_THREADS], free_at[HOT];
	static uint32_t slots[MAX_THREADS];
	struct tracegen *g;

	if (!nr || !nr_threads || nr_threads > MAX_THREADS) {
		fprintf(stderr, "usage: bench_page FILE THOUSANDS THREADS (up to %d)\n", MAX_THREADS);
		return 2;
	}
	g = tracegen_new();
	add_dictionary(g);
	for (unsigned int t = 0; t < nr_threads; t++) {
		char name[16];

		snprintf(name, sizeof(name), "worker-%u", t);
		slots[t] = tracegen_slot(g, tracegen_thread(g, name, 0));
		at[t] = 1000 + rnd(1000);
	}
	for (uint64_t i = 0; i < nr; i++) {
		unsigned int t = next_thread(at, nr_threads);

		at[t] = i % HOT_EVERY == 0 ? take_hot(g, slots[t], at[t], free_at)
					   : take_quiet(g, slots[t], at[t]);
		at[t] += rnd(2 * THINK_NS) * nr_threads / 4;
	}
	tracegen_end(g, at[next_thread(at, nr_threads)] + 1000000, 0);
	if (tracegen_write(g, argv[1]) < 0) {
		perror(argv[1]);
		return 1;
	}
	tracegen_free(g);
	return 0;
}
