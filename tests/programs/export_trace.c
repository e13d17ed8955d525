/* SPDX-License-Identifier: MIT */
/*
 * export_trace: writes a trace with something of everything, for tests/t/export.t
 *
 *	build/tests/export_trace events|folded FILE
 *
 * A tick is a nanosecond and the times are round, so that what each export must say can be
 * worked out by hand: two threads have one name, two locks one class; a wait is given up, another
 * never ends; locks are taken hand over hand; readers let a writer in, and a writer a reader.
 * folded has the same as statistics.
 */
#include "../../trace/checksum.c" /* this program is one file to the build */
#include "../../trace/fold.c"
#include "../lib/tracegen.c"
#include "../../preload/flight.c"

#include <errno.h>

enum { MAIN = 1, WORKER, NAMESAKE, READER, LATE, NR_THREADS = LATE };
enum { CACHE = 1, TABLE, ROW_0, ROW_1, CONDITION, BARRIER, ONCE, FUTEX };
enum {
	CACHE_FIRST = 1,
	CACHE_AGAIN,
	CACHE_TIMED,
	TABLE_READ,
	TABLE_WRITE,
	ROW_0_LOCK,
	ROW_1_LOCK,
	CONDITION_WAIT,
	CONDITION_WAKE,
	BARRIER_WAIT,
	ONCE_WAIT,
	FUTEX_WAIT
};

#define CODE(offset) (1ull << 48 | (offset))

static const struct {
	enum trace_kind kind;
	const char *name;
} locks[] = {
	[CACHE] = { TRACE_KIND_MUTEX, "cache_mu" }, [TABLE] = { TRACE_KIND_RWLOCK, "table" },
	[ROW_0] = { TRACE_KIND_MUTEX, "row[0]" },   [ROW_1] = { TRACE_KIND_MUTEX, "row[1]" },
	[CONDITION] = { TRACE_KIND_COND, "ready" }, [BARRIER] = { TRACE_KIND_BARRIER, "round" },
	[ONCE] = { TRACE_KIND_ONCE, "set_up" },	    [FUTEX] = { TRACE_KIND_FUTEX, "word" },
};

static const struct {
	uint32_t lock, mode;
} nodes[] = {
	[CACHE_FIRST] = { CACHE, TRACE_HOW_LOCK },
	[CACHE_AGAIN] = { CACHE, TRACE_HOW_LOCK },
	[CACHE_TIMED] = { CACHE, TRACE_HOW_TIMED },
	[TABLE_READ] = { TABLE, TRACE_HOW_LOCK | TRACE_SHARED },
	[TABLE_WRITE] = { TABLE, TRACE_HOW_LOCK },
	[ROW_0_LOCK] = { ROW_0, TRACE_HOW_LOCK },
	[ROW_1_LOCK] = { ROW_1, TRACE_HOW_LOCK },
	[CONDITION_WAIT] = { CONDITION, TRACE_HOW_WAIT },
	[CONDITION_WAKE] = { CONDITION, TRACE_HOW_WAKE },
	[BARRIER_WAIT] = { BARRIER, TRACE_HOW_WAIT },
	[ONCE_WAIT] = { ONCE, TRACE_HOW_WAIT },
	[FUTEX_WAIT] = { FUTEX, TRACE_HOW_WAIT },
};

static void dictionary(struct tracegen *g)
{
	static const char *const names[] = { "main", "worker", "worker", "reader", "late" };

	tracegen_module(g, "/usr/bin/generated", 0x400000, 0x500000, 0x400000);
	tracegen_stack(g, 2, (const uint64_t[]){ CODE(0x1100), CODE(0x9000) });
	for (uint32_t i = 0; i < NR_THREADS; i++) {
		tracegen_thread(g, names[i], i ? MAIN : 0);
		tracegen_slot(g, i + 1);
	}
	for (uint32_t i = CACHE; i <= FUTEX; i++) {
		tracegen_lock(g, locks[i].kind, 0x601000 + 0x40 * i);
		tracegen_name(g, TRACE_NAME_LOCK, i, locks[i].name);
	}
	for (uint32_t i = CACHE_FIRST; i <= FUTEX_WAIT; i++)
		tracegen_node(g, 0, nodes[i].lock, CODE(0x1000 + 0x100 * i), nodes[i].mode);
	((struct trace_node *)tracegen_find(g, TRACE_REC_NODE, CACHE_FIRST))->stack = 1;
}

/* Waits from `begin`, has the lock from `at`. */
static void wait_and_take(struct tracegen *g, uint32_t thread, uint32_t node, uint64_t begin,
			  uint64_t at, uint64_t hold)
{
	tracegen_event(g, thread, TRACE_EV_WAIT_BEGIN, node, begin, (const uint64_t[]){ 0, 0 });
	tracegen_acquire(g, thread, node, at, hold, at - begin);
}

static void main_and_late(struct tracegen *g)
{
	for (uint32_t i = WORKER; i <= LATE; i++)
		tracegen_event(g, MAIN, TRACE_EV_CREATE, i, 10 * i, NULL);
	wait_and_take(g, MAIN, CACHE_AGAIN, 3000, 6050, 50);
	wait_and_take(g, MAIN, TABLE_WRITE, 8000, 9010, 490);
	tracegen_event(g, MAIN, TRACE_EV_SIGNAL, CONDITION_WAKE, 14900, (const uint64_t[]){ 1, 0 });
	tracegen_event(g, MAIN, TRACE_EV_JOIN, LATE, 19000, (const uint64_t[]){ 900, 0, 0 });

	tracegen_acquire(g, LATE, TABLE_READ, 7500, 1000, 0);
	tracegen_acquire(g, LATE, TABLE_READ, 9505, 10, 0);
	tracegen_acquire(g, LATE, TABLE_READ, 9530, 5, 0);
	tracegen_acquire(g, LATE, ROW_0_LOCK, 10000, 2000, 0);
	tracegen_acquire(g, LATE, ROW_1_LOCK, 11000, 2000, 0);
	tracegen_event(g, LATE, TRACE_EV_EXIT, LATE, 18500, (const uint64_t[]){ 0 });
}

static void workers(struct tracegen *g)
{
	tracegen_acquire(g, WORKER, CACHE_FIRST, 1000, 4000, 0);
	wait_and_take(g, WORKER, ROW_1_LOCK, 12600, 13250, 50);
	tracegen_event(g, WORKER, TRACE_EV_TRY_FAIL, CACHE_FIRST, 13500, NULL);
	tracegen_event(g, WORKER, TRACE_EV_BARRIER, BARRIER_WAIT, 16000,
		       (const uint64_t[]){ 700, 0 });
	tracegen_slot_state(g, WORKER)->held[0] =
		(struct trace_held){ .lock = 0x601000 + 0x40 * CACHE,
				     .site = 0x401000 + 0x100 * CACHE_FIRST,
				     .since = TRACEGEN_START_TICKS + 20000,
				     .node = CACHE_FIRST };

	wait_and_take(g, NAMESAKE, CACHE_AGAIN, 2000, 5100, 900);
	wait_and_take(g, NAMESAKE, ROW_0_LOCK, 11500, 12100, 100);
	wait_and_take(g, NAMESAKE, ROW_1_LOCK, 12500, 13100, 100);
	tracegen_event(g, NAMESAKE, TRACE_EV_BARRIER, BARRIER_WAIT, 16000,
		       (const uint64_t[]){ 0, 1 });
	tracegen_event(g, NAMESAKE, TRACE_EV_WAIT_BEGIN, CACHE_AGAIN, 20500,
		       (const uint64_t[]){ 0, 0 });
	tracegen_slot_state(g, NAMESAKE)->wait_node = CACHE_AGAIN;
	tracegen_slot_state(g, NAMESAKE)->wait_since = TRACEGEN_START_TICKS + 20500;
}

static void reader(struct tracegen *g)
{
	tracegen_event(g, READER, TRACE_EV_WAIT_BEGIN, CACHE_TIMED, 1500,
		       (const uint64_t[]){ 0, 0 });
	tracegen_event(g, READER, TRACE_EV_WAIT_END, CACHE_TIMED, 3000,
		       (const uint64_t[]){ 1500, ETIMEDOUT });
	tracegen_acquire(g, READER, TABLE_READ, 7000, 2000, 0);
	wait_and_take(g, READER, TABLE_READ, 9100, 9520, 80);
	tracegen_event(g, READER, TRACE_EV_COND_WAIT, CONDITION_WAIT, 15000,
		       (const uint64_t[]){ 1000, 0, CACHE_FIRST });
	tracegen_event(g, READER, TRACE_EV_ONCE, ONCE_WAIT, 17000, (const uint64_t[]){ 300 });
	tracegen_event(g, READER, TRACE_EV_FUTEX_WAIT, FUTEX_WAIT, 18000,
		       (const uint64_t[]){ 250, 0 });
}

int main(int argc, char **argv)
{
	struct tracegen *g = tracegen_new();
	int err;

	if (argc != 3) {
		fprintf(stderr, "usage: %s events|folded FILE\n", argv[0]);
		return 2;
	}
	dictionary(g);
	main_and_late(g);
	workers(g);
	reader(g);
	for (uint32_t slot = MAIN; strcmp(argv[1], "folded") == 0 && slot <= LATE; slot++)
		tracegen_fold(g, slot);
	tracegen_end(g, 21000, 0);
	err = tracegen_write(g, argv[2]);
	tracegen_free(g);
	if (err)
		fprintf(stderr, "%s: %s\n", argv[2], strerror(-err));
	return err != 0;
}
