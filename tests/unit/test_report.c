/* SPDX-License-Identifier: MIT */
/*
 * What `lockprof report` says about models that are made by hand: the sentences word by word, the
 * tables line by line, and what a hostile name may do to any of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/pass.h"
#include "analyzer/report.h"
#include "tests/lib/tracegen.h"

/* ---- a server with three locks ---- */

#define MS     1000000ull
#define SECOND 1000000000ull

enum { CACHE_MU, STATS_MU, TABLE_LOCK, NR_LOCKS };
enum { FLUSHER, WORKER_1, WORKER_2, NR_THREADS };

static struct process process;
static struct trace_thread thread_records[NR_THREADS];
static struct trace_lock lock_records[NR_LOCKS];
static struct thread threads[NR_THREADS];
static struct lock locks[NR_LOCKS];
static struct lock_class classes[NR_LOCKS];
static struct blame blames[4];
static struct waiter waiters[4];
static struct wait_stack wait_stacks[4];
static struct model model;
static struct phase phases[4];
static struct phase_lock phase_locks[4];
static struct report report;

/* Code address and stack id are the same number here; 20 to 29 is flush_all, and so on. */
static size_t fake_frames(const struct process *of, uint32_t stack, uint64_t site, bool whole,
			  struct frame *frames, size_t max)
{
	static const char *const functions[] = { "main", "get", "flush_all", "count" };
	uint64_t at = stack ? stack : site;
	size_t nr = max < 2 ? max : 2;

	assert_ptr_equal(of, &process);
	(void)whole;
	if (!at)
		return 0;
	for (size_t i = 0; i < nr; i++)
		frames[i] = (struct frame){
			.function = functions[i ? 0 : at / 10 % 4],
			.file = "/src/server.c",
			.line = i ? 99 : (int)at,
			.module = "/usr/bin/server",
		};
	return nr;
}

static void make_lock(size_t i, char *label, enum trace_kind kind)
{
	lock_records[i] = (struct trace_lock){ .kind = kind, .address = 0x1000 + i };
	locks[i] = (struct lock){
		.process = &process,
		.id = (uint32_t)i + 1,
		.record = &lock_records[i],
		.name = label,
		.label = label,
		.class = (uint32_t)i,
		.nr_threads = 3,
	};
	classes[i] =
		(struct lock_class){ .label = label, .kind = kind, .nr_locks = 1, .nr_threads = 3 };
}

static void make_thread(size_t i, char *name)
{
	thread_records[i].tid = 100 + (uint32_t)i;
	threads[i] = (struct thread){ .process = &process,
				      .id = (uint32_t)i + 1,
				      .record = &thread_records[i],
				      .name = name,
				      .lifetime_ns = 10 * SECOND };
}

static int setup(void **state)
{
	(void)state;
	process = (struct process){ .exe = "/usr/bin/server",
				    .duration_ns = 10 * SECOND,
				    .thread_ns = 30 * SECOND };
	make_thread(FLUSHER, (char *)"flusher");
	make_thread(WORKER_1, (char *)"worker-1");
	make_thread(WORKER_2, (char *)"worker-2");
	make_lock(CACHE_MU, (char *)"cache_mu", TRACE_KIND_MUTEX);
	make_lock(STATS_MU, (char *)"stats_mu", TRACE_KIND_MUTEX);
	make_lock(TABLE_LOCK, (char *)"table_lock", TRACE_KIND_RWLOCK);
	memset(blames, 0, sizeof(blames));
	memset(wait_stacks, 0, sizeof(wait_stacks));
	model = (struct model){
		.nr_processes = 1,
		.nr_locks = NR_LOCKS,
		.nr_classes = NR_LOCKS,
		.nr_threads = NR_THREADS,
		.processes = &process,
		.locks = locks,
		.classes = classes,
		.threads = threads,
		.blames = blames,
		.waiters = waiters,
		.wait_stacks = wait_stacks,
		.duration_ns = 10 * SECOND,
		.thread_ns = 30 * SECOND,
		.has_events = true,
	};
	report = (struct report){
		.model = &model,
		.key = REPORT_WAIT_TOTAL,
		.by = REPORT_BY_CLASS,
		.top = 20,
		.details = 3,
		.width = 80,
		.frames = fake_frames,
	};
	return 0;
}

static void use_lock(size_t i, uint64_t acquired, uint64_t contended, uint64_t wait_ns)
{
	struct counters c = {
		.acquired = acquired,
		.contended = contended,
		.wait_ns = wait_ns,
		.wait_max_ns = contended ? wait_ns / contended : 0,
		.held = acquired,
		.hold_ns = acquired * 1000,
		.hold_max_ns = 2000,
	};

	locks[i].all = classes[i].all = c;
	assert_int_equal(counters_add(&model.all, &c), 0);
}

static void wait_for(size_t lock, size_t thread, uint64_t wait_ns)
{
	threads[thread].all.wait_ns += wait_ns;
	threads[thread].all.contended++;
	waiters[model.nr_waiters++] = (struct waiter){ (uint32_t)lock, (uint32_t)thread, wait_ns };
}

static void blame_on(size_t lock, size_t thread, uint64_t site, uint64_t wait_ns)
{
	blames[model.nr_blames++] = (struct blame){ .lock = (uint32_t)lock,
						    .holder = (uint32_t)thread,
						    .holder_site = site,
						    .waits = 1,
						    .wait_ns = wait_ns };
}

static void unattributed(size_t lock, uint64_t ns)
{
	locks[lock].unattributed_ns = classes[lock].unattributed_ns = ns;
}

static char *told(int (*tell)(const struct report *, FILE *))
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(tell(&report, out), 0);
	fclose(out);
	return text;
}

static void check(int (*tell)(const struct report *, FILE *), const char *expected)
{
	char *text = told(tell);

	assert_string_equal(text, expected);
	free(text);
}

static void check_has(int (*tell)(const struct report *, FILE *), const char *expected)
{
	char *text = told(tell);

	if (!strstr(text, expected))
		fail_msg("\"%s\" is not in:\n%s", expected, text);
	free(text);
}

/* ---- the story ---- */

static void one_waiter_one_holder(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 4 * SECOND);
	blame_on(CACHE_MU, FLUSHER, 20, 4 * SECOND);
	check(report_story,
	      "Waiting for locks took 4.00 s, 13 % of the threads' 30.0 s. There were 1000\n"
	      "acquisitions of 1 lock, 1.0 % of them contended.\n"
	      " 1. worker-1 waited 4.00 s for cache_mu (10 times, at worst 400 ms), 100 % of it\n"
	      "    while flusher held it in flush_all (server.c:20).\n");
}

static void several_waiters_and_hand_off(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 1 * SECOND);
	wait_for(CACHE_MU, WORKER_2, 3 * SECOND);
	blame_on(CACHE_MU, FLUSHER, 20, 3880 * MS);
	unattributed(CACHE_MU, 120 * MS);
	check_has(
		report_story,
		" 1. worker-2 and 1 other waited 4.00 s for cache_mu (10 times, at worst 400 ms),\n"
		"    97 % of it while flusher held it in flush_all (server.c:20); 3.0 % was\n"
		"    hand-off and scheduling.\n");
}

static void waiters_of_two_locks(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	use_lock(STATS_MU, 1000, 1, 1 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 3 * SECOND);
	wait_for(CACHE_MU, WORKER_2, 1 * SECOND);
	wait_for(STATS_MU, WORKER_1, 1 * SECOND);
	blame_on(CACHE_MU, FLUSHER, 20, 4 * SECOND);
	blame_on(STATS_MU, WORKER_2, 30, 1 * SECOND);
	check_has(report_story, " 1. worker-1 and 1 other waited 4.00 s for cache_mu");
	check_has(report_story,
		  " 2. worker-1 waited 1.00 s for stats_mu (once), 100 % of it while worker-2 held\n"
		  "    it in count (server.c:30).\n");
}

static void two_places_and_many_holders(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 4 * SECOND);
	blame_on(CACHE_MU, WORKER_1, 10, 1 * SECOND);
	blame_on(CACHE_MU, WORKER_2, 11, 2 * SECOND);
	blame_on(CACHE_MU, FLUSHER, 20, 1 * SECOND);
	check_has(
		report_story,
		"75 % of it\n    while worker-2 and 1 other held it in get (server.c:11) and 25 % "
		"while\n    flusher held it in flush_all (server.c:20).\n");
}

static void one_of_several_holders_is_to_blame(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 4 * SECOND);
	blame_on(CACHE_MU, WORKER_1, 10, 40 * MS);
	blame_on(CACHE_MU, WORKER_2, 10, 3960 * MS);
	check_has(report_story, "99 % of it\n    while worker-2 held it in get (server.c:10).\n");
}

static void part_of_it_was_folded(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 4 * SECOND);
	blame_on(CACHE_MU, FLUSHER, 20, 1 * SECOND);
	locks[CACHE_MU].folded_wait_ns = classes[CACHE_MU].folded_wait_ns = 3 * SECOND;
	check_has(report_story, "25 % of it\n    while flusher held it in flush_all (server.c:20); "
				"for 75 % of it the holder\n    is not known (statistics alone).\n");
	check_has(report_waits_and_holders,
		  "    25.0%  flusher in flush_all (server.c:20) < main (server.c:99)\n"
		  "    75.0%  not known: statistics alone were recorded\n");
}

static void processes_share_it(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 4 * SECOND);
	lock_records[CACHE_MU].flags = TRACE_LOCK_PSHARED;
	unattributed(CACHE_MU, 4 * SECOND);
	check_has(report_story, "No other\n    thread of this process held it meanwhile: this was "
				"another process, hand-off\n    or scheduling.\n");
}

static void nobody_held_it(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 4 * SECOND);
	unattributed(CACHE_MU, 4 * SECOND);
	check_has(report_story,
		  "No other\n    thread held it meanwhile: this was hand-off and scheduling.\n");
}

static void no_contention(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 0, 0);
	use_lock(STATS_MU, 234, 0, 0);
	check(report_story, "No thread had to wait for a lock: 1234 acquisitions of 2 locks.\n");
}

static void no_locks(void **state)
{
	(void)state;
	check_has(report_story, "No use of a lock was recorded.");
}

static void little_waiting(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 3 * MS);
	check_has(report_story, "Little waiting: 3.00 ms in all, less than 0.1 % of the threads' "
				"time, in 1000\nacquisitions of 1 lock (10 contended).\n");
}

static void profile_says_why_no_blame(void **state)
{
	(void)state;
	model.has_events = false;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 4 * SECOND);
	check_has(report_story, "worker-1 waited 4.00 s for cache_mu (10 times, at worst 400 ms).\n"
				"Who held the locks meanwhile is not known");
}

/* ---- who waited where, and who held it ---- */

/* Both took it in one place, whose stack is that of the first; each released it elsewhere. */
static void callers_are_those_of_the_release(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	blame_on(CACHE_MU, WORKER_1, 10, 2100 * MS);
	blame_on(CACHE_MU, WORKER_2, 10, 1 * SECOND);
	blame_on(CACHE_MU, WORKER_2, 10, 900 * MS);
	blames[0].release_stack = 12;
	blames[1].release_stack = 30;
	check_has(report_waits_and_holders,
		  "    52.5%  worker-1 in get (server.c:10-12) < main (server.c:99)\n"
		  "    47.5%  worker-2 in get (server.c:10), released in count (server.c:30)\n");
	check_has(report_json,
		  "          \"stack\": [\n"
		  "            {\n"
		  "              \"function\": \"get\",\n"
		  "              \"file\": \"/src/server.c\",\n"
		  "              \"line\": 10,\n"
		  "              \"module\": \"/usr/bin/server\",\n"
		  "              \"offset\": 0,\n"
		  "              \"inlined\": false\n"
		  "            }\n"
		  "          ],\n"
		  "          \"thread\": \"worker-2\",\n"
		  "          \"wait_ns\": 1000000000,\n");
}

static void shares_sum_up(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 3 * SECOND);
	blame_on(CACHE_MU, FLUSHER, 20, 1 * SECOND);
	blame_on(CACHE_MU, WORKER_1, 10, 1 * SECOND);
	unattributed(CACHE_MU, 1 * SECOND);
	blames[0].release_stack = 25;
	wait_stacks[0] = (struct wait_stack){
		.lock = CACHE_MU, .stack = 12, .waits = 9, .wait_ns = 2 * SECOND
	};
	model.nr_wait_stacks = 1;
	check(report_waits_and_holders,
	      "\nWho waited where, and who held the lock\n"
	      "cache_mu: 3.00 s in 10 waits, at worst 300 ms\n"
	      "  Waiting\n"
	      "    66.7%  in get (server.c:12) < main (server.c:99)\n"
	      "    33.3%  in places not recorded\n"
	      "  While it was held by\n"
	      "    33.4%  flusher in flush_all (server.c:20-25) < main (server.c:99)\n"
	      "    33.3%  worker-1 in get (server.c:10) < main (server.c:99)\n"
	      "    33.3%  nobody: hand-off and scheduling\n");
}

static void permille_is_exact(void **state)
{
	const uint64_t values[] = { 1, 1, 1, 0 };
	unsigned int permille[4];

	(void)state;
	report_permille(values, 4, 3, permille);
	assert_int_equal(permille[0] + permille[1] + permille[2] + permille[3], 1000);
	report_permille(values, 4, 6, permille);
	assert_int_equal(permille[0] + permille[1] + permille[2] + permille[3], 500);
	report_permille(values, 4, 0, permille);
	assert_int_equal(permille[0], 0);
}

/* ---- tables ---- */

static void table_fits(void **state)
{
	char *text;

	(void)state;
	use_lock(CACHE_MU, 12345678, 10, 4 * SECOND);
	use_lock(STATS_MU, 5, 0, 0);
	locks[CACHE_MU].label = classes[CACHE_MU].label =
		(char *)"mutex created in a_function_of_a_long_name (long_file_name.c:1234)";
	classes[CACHE_MU].all.try_failures = 7;
	text = told(report_tables);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 80 + 2); /* an ellipsis is three bytes */
	free(text);
	check_has(report_tables, "12345678");
	check_has(report_tables, "More about these locks");
	check_has(report_tables, "Try fail");
}

static void readers_and_writers_apart(void **state)
{
	char *text;

	(void)state;
	use_lock(TABLE_LOCK, 10, 2, SECOND);
	classes[TABLE_LOCK].read.acquired = 7;
	classes[TABLE_LOCK].write.acquired = 3;
	text = told(report_tables);
	assert_non_null(strstr(text, "\n  read"));
	assert_non_null(strstr(text, "\n  write"));
	free(text);
}

static void keys_sort(void **state)
{
	struct report_rows rows;

	(void)state;
	use_lock(CACHE_MU, 10, 9, 100);
	use_lock(STATS_MU, 20, 1, 200);
	use_lock(TABLE_LOCK, 30, 3, 100);
	assert_int_equal(report_rows_init(&rows, &report, REPORT_BY_LOCK), 0);
	assert_int_equal(rows.nr, 3);
	assert_int_equal(rows.rows[0].index, STATS_MU);
	assert_int_equal(rows.rows[1].index, TABLE_LOCK); /* as much waiting, more used */
	report_rows_fini(&rows);
	report.key = REPORT_CONTENDED;
	assert_int_equal(report_rows_init(&rows, &report, REPORT_BY_CLASS), 0);
	assert_int_equal(rows.rows[0].index, CACHE_MU);
	report_rows_fini(&rows);
}

static void hostile_names_are_escaped(void **state)
{
	int (*const tell[])(const struct report *, FILE *) = { report_text, report_json,
							       report_csv };

	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 4 * SECOND);
	locks[CACHE_MU].label = classes[CACHE_MU].label = (char *)"=a\033[31m,\"b\n";
	threads[WORKER_1].name = (char *)"\033]0;x\a";
	for (size_t i = 0; i < 3; i++) {
		char *text = told(tell[i]);

		assert_null(strchr(text, '\033'));
		assert_null(strchr(text, '\a'));
		free(text);
	}
	check_has(report_csv, "\n\"'=a\\x1b[31m,\"\"b\\x0a\",mutex,1,1000,10,0.01,");
}

static void whole_report_in_order(void **state)
{
	static const char *const order[] = {
		"server (pid 0): 10.0 s, 3 threads",
		"Waiting for locks took",
		" 1. worker-1 waited",
		"Locks by waiting time",
		"Who waited where",
		"Coverage: ",
		"12 calls made inside",
	};
	const char *at;
	char *text;

	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 4 * SECOND);
	blame_on(CACHE_MU, FLUSHER, 20, 4 * SECOND);
	model.losses[TRACE_LOSS_NESTED] = 12;
	text = told(report_text);
	at = text;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		at = strstr(at, order[i]);
		if (!at)
			fail_msg("\"%s\" is not in its place in:\n%s", order[i], text);
	}
	free(text);
}

static void short_report_is_short(void **state)
{
	char *text;

	(void)state;
	report.is_short = true;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	text = told(report_text);
	assert_null(strstr(text, "Who waited where"));
	assert_null(strstr(text, "Coverage"));
	assert_non_null(strstr(text, "\"lockprof report TRACE\" shows more."));
	free(text);
}

static void every_view_is_told(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	wait_for(CACHE_MU, WORKER_1, 4 * SECOND);
	report.by = REPORT_BY_THREAD;
	check_has(report_tables, "worker-1     10.0s  4.00s  40.0%");
	check_has(report_csv, "worker-1,101,0,10000000000,");
	report.by = REPORT_BY_PROCESS;
	check_has(report_tables, "Processes by waiting time");
	check_has(report_csv, "/usr/bin/server,0,unknown,10000000000,30000000000,");
	report.by = REPORT_BY_LOCK;
	check_has(report_csv, "cache_mu,cache_mu,mutex,1,0,0x1000,0,1000,10,");
}

/* ---- phases and units of work ---- */

/* Nothing, "load" and "serve", where half of all is done. */
static void make_phases(void)
{
	static const struct counters half = { .acquired = 500,
					      .contended = 10,
					      .wait_ns = 4 * SECOND,
					      .held = 500,
					      .hold_ns = 500 * 1000 };

	memset(phases, 0, sizeof(phases));
	phases[0] = (struct phase){ .time_ns = SECOND, .thread_ns = 3 * SECOND };
	phases[1] = (struct phase){ "load", 4 * SECOND, 12 * SECOND, 1, 0, { .acquired = 500 } };
	phases[2] = (struct phase){ "serve", 5 * SECOND, 15 * SECOND, 2, 250, half };
	phase_locks[0] = (struct phase_lock){ 2, CACHE_MU, half };
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	model.phases = phases;
	model.nr_phases = 3;
	model.phase_locks = phase_locks;
	model.nr_phase_locks = 1;
	model.work_units = 250;
}

static void phases_have_a_table(void **state)
{
	char *text;

	(void)state;
	make_phases();
	check_has(report_phase_table,
		  "\nPhases by waiting time\n"
		  "Phase        Time  Time%  Acquired  Cont%   Wait  Wait%  Units  /unit  Wait/unit\n"
		  "serve       5.00s  50.0%       500   2.0%  4.00s  26.7%    250      2     16.0ms\n"
		  "load        4.00s  40.0%       500   0.0%      -\n"
		  "(no phase)  1.00s  10.0%         0   0.0%      -\n");
	text = told(report_text);
	assert_true(strstr(text, "Locks by waiting") < strstr(text, "Phases by waiting"));
	free(text);
	report.by = REPORT_BY_PHASE;
	report.key = REPORT_CONTENDED;
	check_has(report_tables, "Phases by contended acquisitions\n");
	check(report_phase_table, ""); /* not twice */
	check_has(report_csv, "phase,time_ns,thread_ns,begins,work_units,acquisitions,");
	check_has(report_csv, ",relocks,acquisitions_per_unit,wait_ns_per_unit\r\n"
			      "serve,5000000000,15000000000,2,250,500,10,0.02,100,4000000000,0.266667,");
	check_has(report_csv, ",2,16000000\r\nload,4000000000,12000000000,1,0,500,0,0,125,0,0,");
	check_has(report_csv, ",0,0,0,,\r\n(no phase),1000000000,");
}

static void work_is_told(void **state)
{
	(void)state;
	use_lock(CACHE_MU, 1000, 10, 4 * SECOND);
	check(report_phase_story, "");
	assert_int_equal(report_serial_demand_ns(&model.all, 0), 0);
	model.work_units = 400;
	check(report_phase_story,
	      "400 units of work: 2.5 acquisitions and 10.0 ms of waiting each.\n");
	check_has(report_tables, "/unit");
	check_has(report_json, "\"acquisitions_per_unit\": 2.5");
	check_has(report_json, "\"work_units\": 400");
	check_has(report_csv, ",acquisitions_per_unit,serial_demand_ns_per_unit\r\n");
	model.work_units = 1000;
	use_lock(CACHE_MU, 1000, 0, 0);
	check(report_phase_story, "1000 units of work: 1 acquisition each.\n");
}

static void serial_demand_is_per_unit_and_usual_hold(void **state)
{
	static uint64_t counts[HIST_PARTS] = { [8] = 30 };
	struct counters c = { .acquired = 30 };

	(void)state;
	assert_int_equal(histogram_put(&c.hold, 1.0, 0, counts), 0); /* all of them 8 ns */
	histogram_limit(c.hold, 8);
	assert_int_equal(report_serial_demand_ns(&c, 10), 3 * 8);
	assert_int_equal(report_serial_demand_ns(&c, 100), 2); /* 2.4 */
	counters_fini(&c);
}

static void one_phase_alone_says_so(void **state)
{
	char *text;

	(void)state;
	make_phases();
	report.only_phase = "serve";
	model.duration_ns = 5 * SECOND;
	check_has(report_phase_story,
		  "Only phase \"serve\" counts here, 5.00 s of the recording.\n");
	check(report_phase_table, "");
	text = told(report_json);
	assert_non_null(strstr(text, "\"name\": \"serve\""));
	assert_null(strstr(text, "\"name\": \"load\""));
	free(text);
	assert_true(report_has_phase(&model, "load"));
	assert_false(report_has_phase(&model, "loa"));
}

static void phases_are_in_json(void **state)
{
	(void)state;
	check_has(report_json, "\"phases\": []");
	make_phases();
	model.off_ns = 3 * SECOND;
	check_has(report_json, "\"off_ns\": 3000000000");
	process.off_ns = 3 * SECOND;
	check_has(report_titles, "server (pid 0): 10.0 s of 13.0 s recorded, 3 threads, ");
	check_has(report_json, "\"name\": null");
	check_has(report_json, "\"begins\": 2");
	check_has(report_json, "\"wait_ns_per_unit\": 16000000");
	check_has(report_coverage, "  - recording was stopped on demand for 3.00 s; that time counts "
				   "nowhere here\n");
}

static void no_phases_are_told_when_asked_for(void **state)
{
	(void)state;
	report.by = REPORT_BY_PHASE;
	check_has(report_text, "The program told of no phases; ");
}

/* ---- a trace of a killed program ---- */

/* Holds `held`, and since 3 ms waits for `wanted`. */
static void make_stuck(struct tracegen *g, const char *name, uint32_t held, uint64_t address,
		       uint32_t wanted)
{
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, name, 0));
	struct trace_slot *state = tracegen_slot_state(g, slot);

	state->held[0] = (struct trace_held){
		.lock = address,
		.node = held,
		.since = TRACEGEN_START_TICKS + MS,
		.mode = TRACE_HOW_LOCK | TRACE_KIND_MUTEX << 8,
	};
	state->wait_since = TRACEGEN_START_TICKS + 2 * MS;
	state->wait_node = wanted;
}

static void write_deadlock(const char *path)
{
	struct tracegen *g = tracegen_new();
	uint32_t a = tracegen_lock(g, TRACE_KIND_MUTEX, 0x1000);
	uint32_t b = tracegen_lock(g, TRACE_KIND_MUTEX, 0x2000);
	uint32_t node_a = tracegen_node(g, 0, a, 0x401000, TRACE_HOW_LOCK);
	uint32_t node_b = tracegen_node(g, 0, b, 0x402000, TRACE_HOW_LOCK);
	uint32_t node_ab = tracegen_node(g, node_a, b, 0x403000, TRACE_HOW_LOCK);
	uint32_t node_ba = tracegen_node(g, node_b, a, 0x404000, TRACE_HOW_LOCK);

	tracegen_name(g, TRACE_NAME_LOCK, a, "A");
	tracegen_name(g, TRACE_NAME_LOCK, b, "B");
	make_stuck(g, "T1", node_a, 0x1000, node_ab);
	make_stuck(g, "T2", node_b, 0x2000, node_ba);
	tracegen_write(g, path);
	tracegen_free(g);
}

static void a_deadlock_comes_first(void **state)
{
	char path[] = "/tmp/lockprof-report-XXXXXX", error[200];
	struct model *dead = model_new();
	struct reader *reader;
	char *text;

	(void)state;
	assert_int_equal(close(mkstemp(path)), 0);
	write_deadlock(path);
	assert_int_equal(reader_open(&reader, path, error, sizeof(error)), 0);
	assert_int_equal(model_add(dead, reader, NULL), 0);
	assert_int_equal(model_finish(dead), 0);
	unlink(path);
	report.model = dead;
	report.frames = model_frames;
	text = told(report_text);
	if (!strstr(text, " !  T1 still waits for B") || !strstr(text, "held by T2 in") ||
	    !strstr(text, " !  T2 still waits for A") || !strstr(text, "held by T1 in"))
		fail_msg("no deadlock in:\n%s", text);
	assert_true(strstr(text, "still waits") < strstr(text, "acquisition"));
	free(text);
	model_free(dead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_waiter_one_holder, setup),
		cmocka_unit_test_setup(several_waiters_and_hand_off, setup),
		cmocka_unit_test_setup(waiters_of_two_locks, setup),
		cmocka_unit_test_setup(two_places_and_many_holders, setup),
		cmocka_unit_test_setup(nobody_held_it, setup),
		cmocka_unit_test_setup(one_of_several_holders_is_to_blame, setup),
		cmocka_unit_test_setup(processes_share_it, setup),
		cmocka_unit_test_setup(part_of_it_was_folded, setup),
		cmocka_unit_test_setup(no_contention, setup),
		cmocka_unit_test_setup(no_locks, setup),
		cmocka_unit_test_setup(little_waiting, setup),
		cmocka_unit_test_setup(profile_says_why_no_blame, setup),
		cmocka_unit_test_setup(callers_are_those_of_the_release, setup),
		cmocka_unit_test_setup(shares_sum_up, setup),
		cmocka_unit_test(permille_is_exact),
		cmocka_unit_test_setup(table_fits, setup),
		cmocka_unit_test_setup(readers_and_writers_apart, setup),
		cmocka_unit_test_setup(keys_sort, setup),
		cmocka_unit_test_setup(hostile_names_are_escaped, setup),
		cmocka_unit_test_setup(whole_report_in_order, setup),
		cmocka_unit_test_setup(short_report_is_short, setup),
		cmocka_unit_test_setup(every_view_is_told, setup),
		cmocka_unit_test_setup(phases_have_a_table, setup),
		cmocka_unit_test_setup(work_is_told, setup),
		cmocka_unit_test(serial_demand_is_per_unit_and_usual_hold),
		cmocka_unit_test_setup(one_phase_alone_says_so, setup),
		cmocka_unit_test_setup(phases_are_in_json, setup),
		cmocka_unit_test_setup(no_phases_are_told_when_asked_for, setup),
		cmocka_unit_test_setup(a_deadlock_comes_first, setup),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
