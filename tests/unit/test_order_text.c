/* SPDX-License-Identifier: MIT */
/*
 * What `lockprof order` says about findings that are made by hand: sentence by sentence; what fits
 * a suppression; and what of a large graph is drawn.
 */
#include "model_fixture.h"

#include <errno.h>
#include <stdio.h>

#include "analyzer/order_view.h"

enum { CACHE, DB, QUEUE, NR_LOCKS };
enum { WORKER, FLUSHER, NR_THREADS };

static struct model *model;
static uint32_t node[8];
static struct order order;
static struct order_member members[2];
static struct order_finding finding;
static struct order_edge edges[3];
static struct order_view view;

/* The site says it all: its tens are the function, and it is the line. */
static size_t fake_frames(const struct process *of, uint32_t stack, uint64_t site, bool whole,
			  struct frame *frames, size_t max)
{
	static const char *const functions[] = { "main", "cache_put", "flush_all", "std::get" };
	size_t nr = max < 2 ? max : 2;

	(void)of;
	(void)stack;
	(void)whole;
	for (size_t i = 0; i < nr; i++)
		frames[i] = (struct frame){ .function = functions[i ? 0 : site / 10 % 4],
					    .file = "/src/cache.c",
					    .line = i ? 99 : (int)site,
					    .module = "/usr/bin/server" };
	return nr;
}

static int make_model(void **state)
{
	static const char *const names[] = { "cache_mu", "db_mu", "queue_mu" };
	struct tracegen *g = tracegen_new();
	uint32_t lock[NR_LOCKS], slot[NR_THREADS];

	(void)state;
	slot[WORKER] = tracegen_slot(g, tracegen_thread(g, "worker", 0));
	slot[FLUSHER] = tracegen_slot(g, tracegen_thread(g, "flusher", 0));
	for (size_t i = 0; i < NR_LOCKS; i++) {
		lock[i] = tracegen_lock(g, TRACE_KIND_MUTEX, 0x1000 + 64 * i);
		tracegen_name(g, TRACE_NAME_LOCK, lock[i], names[i]);
	}
	node[0] = tracegen_node(g, 0, lock[CACHE], 10, TRACE_HOW_LOCK);
	node[1] = tracegen_node(g, node[0], lock[DB], 11, TRACE_HOW_LOCK);
	node[2] = tracegen_node(g, 0, lock[DB], 20, TRACE_HOW_LOCK);
	node[3] = tracegen_node(g, node[2], lock[CACHE], 21, TRACE_HOW_LOCK);
	node[4] = tracegen_node(g, node[1], lock[QUEUE], 30, TRACE_HOW_LOCK);
	tracegen_acquire(g, slot[WORKER], node[1], 1000, 10, 0);
	tracegen_acquire(g, slot[WORKER], node[0], 900, 200, 0);
	tracegen_acquire(g, slot[FLUSHER], node[3], 3000, 10, 0);
	tracegen_acquire(g, slot[FLUSHER], node[2], 2900, 200, 0);
	tracegen_end(g, 5000, 0);
	model = fixture_model(g);
	return 0;
}

static int free_model(void **state)
{
	(void)state;
	model_free(model);
	return 0;
}

static struct order_thing lock_thing(uint32_t lock)
{
	return (struct order_thing){ ORDER_LOCK, lock };
}

static void set_member(struct order_member *member, uint32_t thread, uint32_t held, uint32_t wanted,
		       uint32_t first_node)
{
	*member = (struct order_member){ .thread = thread,
					 .held = lock_thing(held),
					 .wanted = lock_thing(wanted),
					 .held_node = node[first_node],
					 .wanted_node = node[first_node + 1],
					 .held_mode = TRACE_HOW_LOCK,
					 .wanted_mode = TRACE_HOW_LOCK };
}

/* Worker takes cache_mu, then db_mu, 999 times; the flusher the other way round, once. */
static int make_order(void **state)
{
	(void)state;
	set_member(&members[0], WORKER, CACHE, DB, 0);
	set_member(&members[1], FLUSHER, DB, CACHE, 2);
	members[0].number = 17;
	edges[0] = (struct order_edge){
		.from = lock_thing(CACHE), .to = lock_thing(DB), .count = 999, .component = 1
	};
	edges[1] = (struct order_edge){
		.from = lock_thing(DB), .to = lock_thing(CACHE), .count = 1, .component = 1
	};
	edges[2] =
		(struct order_edge){ .from = lock_thing(DB), .to = lock_thing(QUEUE), .count = 5 };
	finding = (struct order_finding){ .level = ORDER_PREDICTED,
					  .id = "cafe0123",
					  .nr_members = 2,
					  .members = members,
					  .instances = 1,
					  .gap_ns = 1700 };
	order = (struct order){ .model = model,
				.nr_edges = 3,
				.edges = edges,
				.nr_components = 1,
				.nr_findings = 1,
				.findings = &finding,
				.max_cycle = 4 };
	view = (struct order_view){
		.order = &order,
		.report = { .model = model, .width = 80, .frames = fake_frames },
	};
	return 0;
}

typedef int (*writer_fn)(const struct order_view *of, FILE *out);

/* What it writes; valid until the next call. */
static const char *written(writer_fn writer)
{
	static char text[32768];
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	assert_int_equal(writer(&view, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void expect(writer_fn writer, const char *wanted)
{
	const char *text = written(writer);

	if (!strstr(text, wanted))
		fail_msg("not there: %s\nin:\n%s", wanted, text);
}

static void expect_not(writer_fn writer, const char *unwanted)
{
	const char *text = written(writer);

	if (strstr(text, unwanted))
		fail_msg("there: %s\nin:\n%s", unwanted, text);
}

/* ---- the text ---- */

static void test_predicted(void **state)
{
	(void)state;
	expect(order_text,
	       "PREDICTED  cache_mu <-> db_mu [cafe0123]\n"
	       "  worker and flusher can end up waiting for each other.\n"
	       "   1. worker locks cache_mu, for the 17th time in cache_put (cache.c:10)\n"
	       "   2. flusher locks db_mu in flush_all (cache.c:20)\n"
	       "   3. worker wants db_mu in cache_put (cache.c:11), which flusher has\n"
	       "   4. flusher wants cache_mu in flush_all (cache.c:21), which worker has\n"
	       "  Recorded instead: these sections came no closer than 1.70 us.\n"
	       "  Fix: take cache_mu before db_mu, as in over 99 % of 1000 cases; the exception\n"
	       "       is flush_all (cache.c:20), then flush_all (cache.c:21).\n"
	       "  Stacks:\n"
	       "    worker has cache_mu: cache_put (cache.c:10) < main (cache.c:99)\n");
	expect(order_text, "\n1 finding: 2 locks, 3 orders of two locks.\n0 cycles hidden.\n");
	expect(order_text, "PREDICTED: there is a schedule of the recorded synchronisation");
}

static void test_ordinals(void **state)
{
	static const struct {
		uint64_t number;
		const char *text;
	} cases[] = { { 2, "2nd time" },     { 3, "3rd time" },	     { 11, "11th time" },
		      { 12, "12th time" },   { 13, "13th time" },    { 21, "21st time" },
		      { 102, "102nd time" }, { 1111, "1111th time" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		members[0].number = cases[i].number;
		expect(order_text, cases[i].text);
	}
}

static void test_assumptions(void **state)
{
	struct order_assumption assumptions[] = {
		{ ORDER_SKIPS_SECTION, lock_thing(QUEUE), FLUSHER, node[2], WORKER, node[4] },
		{ ORDER_WRITER_WAITS, lock_thing(DB), 0, 0, FLUSHER, node[2] },
		{ .what = ORDER_LOCK_LIKE, .thing = lock_thing(DB) },
	};

	(void)state;
	finding.level = ORDER_CONDITIONAL;
	finding.assumptions = assumptions;
	finding.nr_assumptions = 3;
	finding.needs_reordering = true;
	expect(order_text,
	       "  Assumes: flusher still comes to flush_all (cache.c:20) though the section "
	       "of\n           queue_mu by worker in std::get (cache.c:30) has not run "
	       "before.\n");
	expect(order_text, "flusher asks to write db_mu in flush_all (cache.c:20) in between");
	expect(order_text, "the semaphore db_mu is used as a mutex");
	expect(order_text, "runs sections of other locks in another order than recorded.\n");
}

static void test_nothing(void **state)
{
	(void)state;
	order.nr_findings = 0;
	order.nr_components = edges[0].component = edges[1].component = 0;
	expect(order_text, "No lock-order cycle in this run: 2 locks, 3 orders of two locks.\n"
			   "0 cycles hidden.\n");
	order.nr_components = edges[0].component = edges[1].component = 1;
	order.hidden[ORDER_HIDDEN_GATE] = 2;
	order.hidden[ORDER_HIDDEN_SEM] = 1;
	expect(order_text, "No lock-order cycle that can close in this run: ");
	expect(order_text, "3 cycles hidden: 2 by a gate lock, 1 by a semaphore (--explain-hidden "
			   "shows\nthem).\n");
	order.hidden[ORDER_HIDDEN_GATE] = order.hidden[ORDER_HIDDEN_SEM] = 0;
	expect(order_text, "Locks are taken in circles, but none was found that could close");
	order.no_events = true;
	order.skipped_cycles = 7;
	expect(order_text, " !  some or all events are missing");
	expect(order_text, " !  7 candidates were not judged");
}

static void test_longer_cycles(void **state)
{
	(void)state;
	expect_not(order_text, "--max-cycle");
	order.longer_left = true;
	expect(order_text, " !  there may be longer cycles than were looked for (--max-cycle).\n");
}

static void test_hidden_cycle(void **state)
{
	struct order_hidden_cycle cycle = { .reason = ORDER_HIDDEN_GATE,
					    .because = lock_thing(QUEUE),
					    .nr_members = 2,
					    .members = members };

	(void)state;
	order.nr_findings = 0;
	order.hidden[ORDER_HIDDEN_GATE] = 3;
	order.hidden_cycles = &cycle;
	order.nr_hidden_cycles = 1;
	view.explain_hidden = true;
	expect(order_text,
	       "  - by a gate lock, queue_mu: worker takes cache_mu, then db_mu in cache_put\n"
	       "    (cache.c:11); flusher takes db_mu, then cache_mu in flush_all "
	       "(cache.c:21).\n"
	       "  - and 2 more like these\n");
}

/* ---- suppressions ---- */

static struct suppressions *read_text(const char *text, int wanted_err)
{
	char path[] = "/tmp/lockprof-suppress-XXXXXX";
	int fd = mkstemp(path);
	struct suppressions *suppressions = NULL;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(suppressions_read(&suppressions, path), wanted_err);
	unlink(path);
	return suppressions;
}

static const char *reason_of(const char *rule)
{
	static char reason[64];
	struct suppressions *suppressions = read_text(rule, 0);
	const char *found = suppressions_find(suppressions, &view, &finding);

	if (found)
		snprintf(reason, sizeof(reason), "%s", found);
	suppressions_free(suppressions);
	return found ? reason : NULL;
}

static void test_suppress(void **state)
{
	(void)state;
	assert_string_equal(reason_of("PREDICTED:cache_put:flush_all  # known\n"), "known");
	assert_string_equal(reason_of("PRED*:flush_*:cache.c:11\n"), "");
	assert_string_equal(reason_of("*:/src/*\n"), "");
	assert_string_equal(reason_of("# nothing\n\n*:cache.c:cache.c\n"), "");
	assert_null(reason_of("POTENTIAL:cache_put:flush_all\n"));
	assert_null(reason_of("PREDICTED:cache_put:cache_put\n")); /* each another thread */
	assert_null(reason_of("PREDICTED:cache_put:std::get\n"));
	assert_null(reason_of("PREDICTED:cache.c:12\n"));
	members[1].wanted_node = node[4];
	assert_string_equal(reason_of("PREDICTED:std::get:cache_put\n"), "");
}

static void test_suppress_errors(void **state)
{
	(void)state;
	assert_null(read_text("PREDICTED\n", -EINVAL));
	assert_null(read_text("PREDICTED # a:b\n", -EINVAL));
	assert_null(read_text("SOMETIMES:a:b\n", -EINVAL));
	assert_null(read_text("PREDICTED::a\n", -EINVAL));
	assert_null(read_text("PREDICTED:a:  :b\n", -EINVAL));
	assert_null(read_text("PREDICTED:a:b:c:d:e:f:g:h:i\n", -EINVAL));
}

static void test_suppressed_is_not_told(void **state)
{
	(void)state;
	finding.suppressed = "by design";
	order.hidden[ORDER_HIDDEN_SUPPRESSED] = 1;
	expect(order_text, "1 cycle hidden: 1 suppressed (--explain-hidden shows them).\n");
	expect_not(order_text, "can end up");
	view.explain_hidden = true;
	expect(order_text,
	       "  - PREDICTED not told: worker and flusher can end up waiting for each other (by\n    design).\n");
	expect(order_json, "\"suppressed\": \"by design\"");
	expect(order_sarif, "\"justification\": \"by design\"");
}

/* ---- for programs ---- */

static void test_dot(void **state)
{
	struct order_edge more[3];

	(void)state;
	expect(order_dot, "label=\"cache_mu\"");
	expect(order_dot, "n0 -> n1 [label=\"999\", color=\"#c62828\"");
	expect(order_dot, "label=\"queue_mu\", color=\"#9a9a9a\""); /* a neighbour */
	memcpy(more, edges, sizeof(more));
	more[2].from = lock_thing(QUEUE);
	more[2].to = lock_thing(QUEUE);
	order.edges = more;
	expect_not(order_dot, "queue_mu");
	view.all = true;
	expect(order_dot, "queue_mu");
}

static void test_sarif_uri(void **state)
{
	(void)state;
	expect(order_sarif, "\"uri\": \"file:///src/cache.c\"");
	expect(order_sarif, "\"startLine\": 11");
	expect(order_sarif, "\"lockprof/1\": \"cafe0123\"");
	expect(order_sarif, "\"level\": \"error\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_predicted, make_order),
		cmocka_unit_test_setup(test_ordinals, make_order),
		cmocka_unit_test_setup(test_assumptions, make_order),
		cmocka_unit_test_setup(test_nothing, make_order),
		cmocka_unit_test_setup(test_longer_cycles, make_order),
		cmocka_unit_test_setup(test_hidden_cycle, make_order),
		cmocka_unit_test_setup(test_suppress, make_order),
		cmocka_unit_test_setup(test_suppress_errors, make_order),
		cmocka_unit_test_setup(test_suppressed_is_not_told, make_order),
		cmocka_unit_test_setup(test_dot, make_order),
		cmocka_unit_test_setup(test_sarif_uri, make_order),
	};

	return cmocka_run_group_tests(tests, make_model, free_model);
}
