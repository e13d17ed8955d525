/* SPDX-License-Identifier: MIT */
/*
 * page_traces: writes the traces of which the tests of the HTML page know every number.
 *
 *	build/tests/page_traces known|after|hostile|crowd|phases|empty|quiet FILE
 *
 * known has waits, holds and blame that can be told by heart, and two locks that are taken in both
 * orders; after is the same program with longer waits for one of them, one lock gone and one new.
 * hostile has names that want to be script, to move the cursor, or to fill the page. crowd has 500
 * threads and 3,000 locks. empty has a thread and nothing else, quiet no waiting.
 */
#include "../../trace/checksum.c"	/* this program is one file to the build */
#include "../../trace/fold.c"
#include "../lib/tracegen.c"
#include "../../preload/flight.c"

#define CODE(offset) (1ull << 48 | (offset))
#define US	     1000ull
#define MS	     1000000ull

static uint32_t named_lock(struct tracegen *g, enum trace_kind kind, uint64_t address, const char *name)
{
	uint32_t id = tracegen_lock(g, kind, address);

	((struct trace_lock *)tracegen_find(g, TRACE_REC_LOCK, id))->flags |= TRACE_LOCK_CONTENDED;
	tracegen_name(g, TRACE_NAME_LOCK, id, name);
	return id;
}

static void wait_begins(struct tracegen *g, uint32_t slot, uint32_t node, uint64_t at, uint32_t stack)
{
	tracegen_event(g, slot, TRACE_EV_WAIT_BEGIN, node, at, (const uint64_t[]){ stack, 0 });
}

/* Waited from `at` on, then acquired. */
static void wait_and_hold(struct tracegen *g, uint32_t slot, uint32_t node, uint64_t at, uint64_t wait,
			  uint64_t hold, uint32_t stack)
{
	wait_begins(g, slot, node, at, stack);
	tracegen_acquire(g, slot, node, at + wait, hold, wait);
}

/* The first wait of bob lasts `wait`; the lock that carol takes has a name of its own. */
static void make_known(struct tracegen *g, uint64_t wait, const char *carols)
{
	uint32_t cache, log, own, by_alice, by_bob, log_in_cache, log_first, cache_in_log, by_carol, stack;
	uint32_t alice, bob, carol, main_slot;

	tracegen_module(g, "/usr/bin/generated", 0x400000, 0x500000, 0x400000);
	stack = tracegen_stack(g, 2, (const uint64_t[]){ CODE(0x2000), CODE(0x9000) });
	tracegen_thread(g, "", 0);
	cache = named_lock(g, TRACE_KIND_MUTEX, 0x1000, "cache_mu");
	log = named_lock(g, TRACE_KIND_MUTEX, 0x2000, "log_mu");
	own = named_lock(g, TRACE_KIND_RWLOCK, 0x3000, carols);
	by_alice = tracegen_node(g, 0, cache, CODE(0x1000), TRACE_HOW_LOCK);
	by_bob = tracegen_node(g, 0, cache, CODE(0x2000), TRACE_HOW_LOCK);
	log_in_cache = tracegen_node(g, by_alice, log, CODE(0x3000), TRACE_HOW_LOCK);
	log_first = tracegen_node(g, 0, log, CODE(0x4000), TRACE_HOW_LOCK);
	cache_in_log = tracegen_node(g, log_first, cache, CODE(0x5000), TRACE_HOW_LOCK);
	by_carol = tracegen_node(g, 0, own, CODE(0x6000), TRACE_HOW_LOCK | TRACE_SHARED);
	main_slot = tracegen_slot(g, 1);
	alice = tracegen_slot(g, tracegen_thread(g, "alice", 1));
	bob = tracegen_slot(g, tracegen_thread(g, "bob", 1));
	carol = tracegen_slot(g, tracegen_thread(g, "carol", 1));

	/* alice holds cache_mu 4 ms, bob waits for it from 2 ms on; then 2 ms, from 11 ms on */
	tracegen_acquire(g, alice, by_alice, 5 * MS - (wait + 1 * MS), wait + 1 * MS, 0);
	tracegen_acquire(g, alice, by_alice, 10 * MS, 2 * MS, 0);
	wait_and_hold(g, bob, by_bob, 5 * MS - wait, wait, 1 * MS, stack);
	wait_and_hold(g, bob, by_bob, 11 * MS, 1 * MS, 500 * US, stack);
	/* 20 ms: one order; 22 ms: the other */
	tracegen_acquire(g, alice, log_in_cache, 20 * MS, 100 * US, 0);
	tracegen_acquire(g, alice, by_alice, 20 * MS - 100 * US, 300 * US, 0);
	tracegen_acquire(g, bob, cache_in_log, 22 * MS, 100 * US, 0);
	tracegen_acquire(g, bob, log_first, 22 * MS - 100 * US, 300 * US, 0);
	for (uint64_t i = 0; i < 100; i++)
		tracegen_acquire(g, carol, by_carol, 24 * MS + i * 10 * US, 1000 + i * 10, 0);
	tracegen_event(g, main_slot, TRACE_EV_JOIN, 2, 30 * MS, (const uint64_t[]){ 6 * MS, 0, 0 });
	tracegen_end(g, 32 * MS, 0);
}

static const char script[] = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=2>";

static void make_hostile(struct tracegen *g)
{
	static char flood[10001];
	const char *names[] = { script, "a\033[31m\x9b\xe2\x80\xae txt.exe\xe2\x81\xa6\x07\r\nb", flood,
				"\" onmouseover=\"window.hacked=3", "{{constructor.constructor('x')()}}",
				"\xff\xfe\xc3(", "${window.hacked=4}" };
	uint32_t nodes[7], first, second;

	memset(flood, 'W', sizeof(flood) - 1);
	tracegen_module(g, "/tmp/<img src=x onerror=window.hacked=5>/lib.so", 0x400000, 0x500000, 0x400000);
	tracegen_thread(g, "", 0);
	for (uint32_t i = 0; i < 7; i++)
		nodes[i] = tracegen_node(g, 0, named_lock(g, TRACE_KIND_MUTEX, 0x1000 + i * 64, names[i]),
					 CODE(0x1000 + i * 16), TRACE_HOW_LOCK);
	first = tracegen_slot(g, tracegen_thread(g, "<b>\033[1m\xe2\x80\xae", 1));
	second = tracegen_slot(g, tracegen_thread(g, "</script>", 1));
	for (uint32_t i = 0; i < 7; i++) {
		tracegen_acquire(g, first, nodes[i], (i + 1) * MS, 800 * US, 0);
		wait_and_hold(g, second, nodes[i], (i + 1) * MS + 100 * US, 700 * US, 50 * US, 0);
	}
	snprintf(tracegen_header(g)->exe, sizeof(tracegen_header(g)->exe), "/usr/bin/%s", script);
	snprintf(tracegen_header(g)->host, sizeof(tracegen_header(g)->host), "<i>host");
	tracegen_end(g, 10 * MS, 0);
}

static void make_crowd(struct tracegen *g)
{
	enum { THREADS = 500, LOCKS = 3000 };
	static uint32_t nodes[LOCKS];
	char name[32];

	tracegen_module(g, "/usr/bin/generated", 0x400000, 0x500000, 0x400000);
	for (uint32_t i = 0; i < LOCKS; i++) {
		snprintf(name, sizeof(name), "shard_%u", i);
		nodes[i] = tracegen_node(g, 0, named_lock(g, TRACE_KIND_MUTEX, 0x1000 + i * 64, name),
					 CODE(0x1000 + i % 97 * 16), TRACE_HOW_LOCK);
	}
	for (uint32_t t = 0; t < THREADS; t++) {
		uint32_t slot;

		snprintf(name, sizeof(name), "crowd-%u", t);
		slot = tracegen_slot(g, tracegen_thread(g, name, 0));
		for (uint32_t i = 0; i < 40; i++) {
			uint32_t lock = (t * 7 + i * 131) % LOCKS;
			uint64_t at = (t % 50 + i * 60) * 10 * US;

			if (i % 5 == 0)
				wait_and_hold(g, slot, nodes[t % 11], at + 1 * US, 2 * US, 1 * US, 0);
			else
				tracegen_acquire(g, slot, nodes[lock], at, 3 * US, 0);
		}
	}
	tracegen_end(g, 30 * MS, 0);
}

/* What of `lock` is done in a phase: its node there. */
static uint32_t node_in(struct tracegen *g, uint32_t root, uint32_t lock)
{
	return tracegen_node(g, root, lock, CODE(0x1000), TRACE_HOW_LOCK);
}

/*
 * In no phase until 1 ms, "load" to 10 ms, "serve" to 14 ms, nothing recorded to 18 ms, "serve" again to
 * 24 ms, then a phase whose name is no name, to 30 ms. Ten units of work, all in "serve"; cache_mu 4
 * times, log_mu twice there.
 */
static void make_phases(struct tracegen *g)
{
	uint32_t cache = named_lock(g, TRACE_KIND_MUTEX, 0x1000, "cache_mu");
	uint32_t log = named_lock(g, TRACE_KIND_MUTEX, 0x2000, "log_mu");
	uint32_t load = tracegen_phase(g, "load"), serve = tracegen_phase(g, "serve");
	uint32_t stop = tracegen_phase(g, "</script><b>\xe2\x80\xae stop");
	uint32_t in_load, in_serve, log_in_serve, work, first, second;

	tracegen_module(g, "/usr/bin/generated", 0x400000, 0x500000, 0x400000);
	in_load = node_in(g, load, cache);
	in_serve = node_in(g, serve, cache);
	log_in_serve = node_in(g, serve, log);
	work = tracegen_node(g, serve, 0, CODE(0x3000), TRACE_HOW_WORK);
	first = tracegen_slot(g, tracegen_thread(g, "", 0));
	second = tracegen_slot(g, tracegen_thread(g, "alice", 1));
	tracegen_change_phase(g, load, false, 1 * MS);
	tracegen_change_phase(g, serve, false, 10 * MS);
	tracegen_change_phase(g, serve, true, 14 * MS);
	tracegen_change_phase(g, serve, false, 18 * MS);
	tracegen_change_phase(g, stop, false, 24 * MS);
	tracegen_acquire(g, first, in_load, 2 * MS, 4 * MS, 0);
	wait_and_hold(g, second, in_load, 3 * MS, 3 * MS, 1 * MS, 0);
	/* held from one phase into the next: of the first */
	tracegen_acquire(g, first, in_load, 9 * MS, 2 * MS, 0);
	wait_and_hold(g, second, in_serve, 11 * MS, 500 * US, 500 * US, 0);
	tracegen_acquire(g, first, in_serve, 12 * MS, 100 * US, 0);
	tracegen_acquire(g, first, log_in_serve, 13 * MS, 100 * US, 0);
	tracegen_work(g, first, work, 4, 13500 * US);
	tracegen_acquire(g, first, in_serve, 19 * MS, 1 * MS, 0);
	wait_and_hold(g, second, in_serve, 19750 * US, 250 * US, 100 * US, 0);
	tracegen_acquire(g, second, log_in_serve, 21 * MS, 100 * US, 0);
	tracegen_work(g, first, work, 6, 22 * MS);
	tracegen_end(g, 30 * MS, 0);
}

static int make(struct tracegen *g, const char *what)
{
	if (strcmp(what, "known") == 0) {
		make_known(g, 3 * MS, "carols_lock");
	} else if (strcmp(what, "after") == 0) {
		make_known(g, 1 * MS, "new_lock");
	} else if (strcmp(what, "hostile") == 0) {
		make_hostile(g);
	} else if (strcmp(what, "crowd") == 0) {
		make_crowd(g);
	} else if (strcmp(what, "phases") == 0) {
		make_phases(g);
	} else if (strcmp(what, "empty") == 0) {
		tracegen_thread(g, "", 0);
		tracegen_end(g, 1 * MS, 0);
	} else if (strcmp(what, "quiet") == 0) {
		uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x1000);
		uint32_t slot = tracegen_slot(g, tracegen_thread(g, "", 0));

		tracegen_acquire(g, slot, tracegen_node(g, 0, lock, CODE(0x1000), TRACE_HOW_LOCK), 1000, 50, 0);
		tracegen_end(g, 1 * MS, 0);
	} else {
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct tracegen *g = tracegen_new();

	if (argc != 3 || make(g, argv[1]) < 0) {
		fputs("usage: page_traces known|after|hostile|crowd|empty|quiet FILE\n", stderr);
		return 2;
	}
	if (tracegen_write(g, argv[2]) < 0) {
		perror(argv[2]);
		return 1;
	}
	tracegen_free(g);
	return 0;
}
