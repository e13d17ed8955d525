/* SPDX-License-Identifier: MIT */
/*
 * golden_trace: writes the traces of tests/golden anew, after a change of the format.
 *
 *	build/tests/golden_trace small|folded|waits|phases|tiny FILE
 *
 * small has threads, locks of several kinds, contention, a condition wait, a held lock and a lock
 * name with hostile characters; folded is the same as statistics; waits besides has the latest waits in
 * flight blocks; phases has phases, units of work and
 * a time in which nothing was recorded; tiny is FORMAT.md's hexdump.
 */
#include "../../trace/checksum.c"	/* this program is one file to the build */
#include "../../trace/fold.c"
#include "../lib/tracegen.c"
#include "../../preload/flight.c"

#define CODE(offset) (1ull << 48 | (offset))

static void dictionary(struct tracegen *g)
{
	tracegen_module(g, "/usr/bin/generated", 0x400000, 0x500000, 0x400000);
	tracegen_stack(g, 3, (const uint64_t[]){ CODE(0x1234), CODE(0x2000), CODE(0x3000) });
	tracegen_stack(g, 2, (const uint64_t[]){ CODE(0x5678), CODE(0x6000) });
	tracegen_thread(g, "", 0);
	tracegen_thread(g, "worker-1", 1);
	tracegen_thread(g, "worker-2", 1);
	tracegen_lock(g, TRACE_KIND_MUTEX, 0x601040);
	tracegen_lock(g, TRACE_KIND_RWLOCK, 0x601080);
	tracegen_lock(g, TRACE_KIND_COND, 0x6010c0);
	tracegen_name(g, TRACE_NAME_LOCK, 1, "cache \033[31mlock\n");
	tracegen_node(g, 0, 1, CODE(0x1234), TRACE_HOW_LOCK);
	tracegen_node(g, 1, 2, CODE(0x5678), TRACE_HOW_LOCK | TRACE_SHARED);
	tracegen_node(g, 0, 3, CODE(0x7000), TRACE_HOW_WAIT);
	tracegen_node(g, 0, 3, CODE(0x7100), TRACE_HOW_WAKE);
	((struct trace_node *)tracegen_find(g, TRACE_REC_NODE, 1))->stack = 1;
}

/* Worker 1 holds the mutex while worker 2 waits for it, 20 times; main signals. */
static void events(struct tracegen *g)
{
	uint32_t main_slot = tracegen_slot(g, 1);
	uint32_t first = tracegen_slot(g, 2), second = tracegen_slot(g, 3);

	tracegen_event(g, main_slot, TRACE_EV_CREATE, 2, 100, NULL);
	tracegen_event(g, main_slot, TRACE_EV_CREATE, 3, 200, NULL);
	for (uint64_t i = 1; i <= 20; i++) {
		uint64_t at = i * 10000;
		const uint64_t blocked[] = { 1, tracegen_header(g)->pid + 1 };
		const uint64_t seen[] = { 4000, TRACE_ACQ_STACK, 0, 2 };

		tracegen_acquire(g, first, 2, at + 500, 1000, 0);
		tracegen_event(g, first, TRACE_EV_ACQUISITION, 1, at + 4000, seen);
		tracegen_event(g, second, TRACE_EV_WAIT_BEGIN, 1, at + 1000, blocked);
		tracegen_acquire(g, second, 1, at + 4100, 700, 3100);
	}
	tracegen_event(g, main_slot, TRACE_EV_SIGNAL, 4, 220000, (const uint64_t[]){ 1, 0 });
	tracegen_event(g, second, TRACE_EV_COND_WAIT, 3, 221000, (const uint64_t[]){ 9000, 0, 1 });
	tracegen_event(g, second, TRACE_EV_TRY_FAIL, 1, 221500, NULL);
	tracegen_slot_state(g, first)->held[0] = (struct trace_held){
		.lock = 0x601040, .site = 0x401234, .since = TRACEGEN_START_TICKS + 222000, .node = 1
	};
	tracegen_flush(g, second);
	tracegen_event(g, second, TRACE_EV_EXIT, 3, 223000, (const uint64_t[]){ 0 });
	tracegen_event(g, main_slot, TRACE_EV_JOIN, 3, 224000, (const uint64_t[]){ 900, 0, 0 });
	tracegen_end(g, 225000, 0);
}

/* Two threads at two places in each of two phases, one of which comes again, and in none. */
static void phases(struct tracegen *g)
{
	uint32_t main_thread = tracegen_thread(g, "", 0);
	uint32_t first = tracegen_slot(g, main_thread);
	uint32_t second = tracegen_slot(g, tracegen_thread(g, "worker", main_thread));
	uint32_t mutex = tracegen_lock(g, TRACE_KIND_MUTEX, 0x601040);
	uint32_t own = tracegen_lock(g, TRACE_KIND_CUSTOM, 0x601080);
	uint32_t root[] = { 0, tracegen_phase(g, "load"), tracegen_phase(g, "ser\033ve"), 0 };

	tracegen_name(g, TRACE_NAME_LOCK, mutex, "shard[3]");
	for (uint64_t i = 0; i < 4; i++) {
		uint32_t in = i == 3 ? root[1] : root[i];
		uint32_t outer = tracegen_node(g, in, mutex, 0x401000, TRACE_HOW_LOCK);
		uint32_t inner = tracegen_node(g, outer, own, 0x402000, TRACE_HOW_LOCK);
		uint32_t work = tracegen_node(g, in, 0, 0x403000, TRACE_HOW_WORK);
		uint64_t at = i * 100000;

		if (i)
			tracegen_change_phase(g, in, false, at);
		tracegen_event(g, second, TRACE_EV_WAIT_BEGIN, outer, at + 2000,
			       (const uint64_t[]){ 0, tracegen_header(g)->pid });
		tracegen_acquire(g, first, inner, at + 1500, 2000, 0);
		tracegen_acquire(g, first, outer, at + 1000, 4000, 0);
		tracegen_acquire(g, second, outer, at + 5100, 500 + i, 3100);
		tracegen_work(g, second, work, 10, at + 6000);
		if (i == 2)
			tracegen_change_phase(g, in, true, at + 50000);
	}
	tracegen_slot_state(g, first)->held[0] = (struct trace_held){
		.lock = 0x601040,
		.mode = TRACE_HOW_LOCK | TRACE_KIND_MUTEX << 8 | TRACE_HELD_OFF,
		.node = TRACE_NODE_OFF,
		.path = TRACE_NODE_OFF,
	};
	tracegen_end(g, 400000, 0);
}

static void tiny(struct tracegen *g)
{
	tracegen_thread(g, "main", 0);
	tracegen_lock(g, TRACE_KIND_MUTEX, 0x601040);
	tracegen_node(g, 0, 1, 0x401136, TRACE_HOW_LOCK);
	tracegen_slot(g, 1);
	tracegen_acquire(g, 1, 1, 1000, 250, 0);
	tracegen_acquire(g, 1, 1, 5000, 300, 1200);
	tracegen_flush(g, 1);
	tracegen_acquire(g, 1, 1, 6000, 40, 0);
}

int main(int argc, char **argv)
{
	struct tracegen *g = tracegen_new();
	bool keeps = argc == 3 && strcmp(argv[1], "waits") == 0;
	int err;

	if (argc != 3) {
		fprintf(stderr, "usage: %s small|folded|waits|phases|tiny FILE\n", argv[0]);
		return 2;
	}
	if (strcmp(argv[1], "tiny") == 0) {
		tiny(g);
	} else if (strcmp(argv[1], "phases") == 0) {
		phases(g);
	} else {
		dictionary(g);
		events(g);
	}
	if (keeps)
		tracegen_keep_waits(g);
	for (uint32_t slot = 1; (keeps || strcmp(argv[1], "folded") == 0) && slot <= 3; slot++)
		tracegen_fold(g, slot);
	err = tracegen_write(g, argv[2]);
	tracegen_free(g);
	if (err)
		fprintf(stderr, "%s: %s\n", argv[2], strerror(-err));
	return err != 0;
}
