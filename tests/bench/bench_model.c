/* SPDX-License-Identifier: MIT */
/*
 * bench_model: acquisitions per second from a trace in the page cache to a finished model
 *
 *	bench_model [MILLIONS]
 *
 * Three generated traces: one thread and 8 threads without contention, and 8 threads that hand 4
 * locks around, every fourth acquisition after a wait. Nodes and holds vary as they do in servers:
 * most acquisitions come from ten of 500 nodes, and holds spread over four octaves.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../analyzer/model.h"
#include "../lib/tracegen.h"

#define NODES 500
#define HOLDS 4096

static uint64_t seed = 1;

static unsigned int rnd(unsigned int below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(seed >> 33) % below;
}

static uint64_t hold_ticks(void)
{
	static uint64_t holds[HOLDS];

	for (unsigned int i = 0; !holds[HOLDS - 1] && i < HOLDS; i++)
		holds[i] = (uint64_t)(25 * exp((rnd(1000) + rnd(1000) + rnd(1000)) / 1000.0));
	return holds[rnd(HOLDS)];
}

static void add_nodes(struct tracegen *g, unsigned int nr_locks, uint32_t flags)
{
	for (unsigned int i = 0; i < nr_locks; i++) {
		uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x600000 + i * 64);

		((struct trace_lock *)tracegen_find(g, TRACE_REC_LOCK, lock))->flags |= flags;
	}
	for (unsigned int i = 0; i < NODES; i++)
		tracegen_node(g, 0, 1 + i % nr_locks, 0x1000 + i * 16, TRACE_HOW_LOCK);
}

static uint32_t any_node(void)
{
	return 1 + (rnd(10) ? rnd(10) : rnd(NODES));
}

static struct tracegen *quiet_trace(unsigned int nr_threads, uint64_t nr)
{
	struct tracegen *g = tracegen_new();

	add_nodes(g, NODES, 0);
	for (unsigned int t = 0; t < nr_threads; t++) {
		uint32_t slot = tracegen_slot(g, tracegen_thread(g, "worker", 0));
		uint64_t at = 0, hold;

		for (uint64_t i = 0; i < nr / nr_threads; i++) {
			hold = hold_ticks();
			tracegen_acquire(g, slot, any_node(), at += rnd(100), hold, 0);
			at += hold;
		}
	}
	return g;
}

/* Threads take turns at 4 locks; who is not first has waited since the one before began. */
static struct tracegen *contended_trace(unsigned int nr_threads, uint64_t nr)
{
	struct tracegen *g = tracegen_new();
	uint32_t slots[64];
	uint64_t at = 1000, hold;

	add_nodes(g, 4, TRACE_LOCK_CONTENDED);
	for (unsigned int t = 0; t < nr_threads; t++)
		slots[t] = tracegen_slot(g, tracegen_thread(g, "worker", 0));
	for (uint64_t i = 0; i < nr; i++) {
		uint32_t slot = slots[i % nr_threads], node = any_node();
		uint64_t stack[] = { 0, 0 };

		hold = hold_ticks();
		if (i % 4 == 0)
			tracegen_event(g, slot, TRACE_EV_WAIT_BEGIN, node, at - 500, stack);
		tracegen_acquire(g, slot, node, at, hold, i % 4 == 0 ? 500 : 0);
		at += hold + 100;
	}
	return g;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int measure(const char *what, struct tracegen *g)
{
	char path[] = "/tmp/lockprof-bench-XXXXXX", error[256] = "";
	double best = 1e9, begin, took, opened = 0;
	uint64_t acquired = 0;
	struct stat st;
	int fd = mkstemp(path);

	if (fd < 0 || tracegen_write(g, path) || fstat(fd, &st))
		return 1;
	tracegen_free(g);
	for (int run = 0; run < 3; run++) {
		struct model *model = model_new();
		struct reader *reader;

		begin = seconds();
		if (!model || reader_open(&reader, path, error, sizeof(error)))
			return 1;
		took = seconds() - begin;
		if (model_add(model, reader, NULL) || model_finish(model))
			return 1;
		if (seconds() - begin < best) {
			best = seconds() - begin;
			opened = took;
		}
		acquired = model->all.acquired;
		model_free(model);
	}
	close(fd);
	unlink(path);
	printf("%-28s %6.1f M acquisitions/s  (%.2f bytes each, opening is %.0f %%)\n", what,
	       (double)acquired / best / 1e6, (double)st.st_size / (double)acquired,
	       opened / best * 100);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t nr = (argc > 1 ? strtoull(argv[1], NULL, 10) : 20) * 1000000;
	int failed = 0;

	failed |= measure("1 thread, no contention", quiet_trace(1, nr));
	failed |= measure("8 threads, no contention", quiet_trace(8, nr));
	failed |= measure("8 threads, 4 hot locks", contended_trace(8, nr));
	if (failed)
		fputs("bench_model: failed\n", stderr);
	return failed;
}
