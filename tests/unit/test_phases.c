/* SPDX-License-Identifier: MIT */
/*
 * Phases and units of work, through the reader and the model: what was done in each phase adds up
 * to the whole, and everything else is as if the program had told of no phases.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "../../analyzer/cursor.h"
#include "../../analyzer/order/order.h"
#include "../../analyzer/report.h"
#include "model_fixture.h"

/* ---- the reader ---- */

static struct reader *open_trace(struct tracegen *g)
{
	char path[] = "/tmp/lockprof-phases-XXXXXX", error[256] = "";
	struct reader *reader = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(tracegen_write(g, path), 0);
	if (reader_open(&reader, path, error, sizeof(error)))
		fail_msg("%s", error);
	unlink(path);
	tracegen_free(g);
	return reader;
}

static void expect_damage(const struct reader *r, const char *words)
{
	for (size_t i = 0; i < reader_nr_damages(r); i++)
		if (strstr(reader_damage(r, i)->text, words)) {
			assert_true(reader_damage(r, i)->offset > 0);
			return;
		}
	fail_msg("no damage says: %s", words);
}

/* A lock in two phases and in none, and another one within. */
struct places {
	uint32_t outer, inner;
};

static struct places add_places(struct tracegen *g, uint32_t root, uint32_t outer, uint32_t inner)
{
	struct places p;

	p.outer = tracegen_node(g, root, outer, 0x1000, TRACE_HOW_LOCK);
	p.inner = tracegen_node(g, p.outer, inner, 0x2000, TRACE_HOW_LOCK);
	return p;
}

static void test_roots_are_no_parents(void **state)
{
	struct tracegen *g = tracegen_new();
	const uint64_t frames[] = { 0x1000, 0x5000 };
	uint32_t outer = tracegen_lock(g, TRACE_KIND_MUTEX, 0x100);
	uint32_t inner = tracegen_lock(g, TRACE_KIND_MUTEX, 0x200);
	uint32_t load = tracegen_phase(g, "load"), serve = tracegen_phase(g, "serve");
	uint32_t again = tracegen_phase(g, "load"), nameless = tracegen_phase(g, NULL);
	struct places in[5] = { add_places(g, load, outer, inner),
				add_places(g, serve, outer, inner),
				add_places(g, again, outer, inner), add_places(g, 0, outer, inner),
				add_places(g, nameless, outer, inner) };
	uint32_t elsewhere = tracegen_node(g, serve, inner, 0x2000, TRACE_HOW_LOCK);
	uint32_t stack = tracegen_stack(g, 2, frames);
	struct reader *r;

	(void)state;
	((struct trace_node *)tracegen_find(g, TRACE_REC_NODE, in[1].outer))->stack = stack;
	r = open_trace(g);
	assert_int_equal(reader_nr_damages(r), 0);
	assert_int_equal(reader_nr_phases(r), 3);
	assert_string_equal(reader_phase_name(r, 1), "load");
	assert_string_equal(reader_phase_name(r, 2), "serve");
	assert_string_equal(reader_phase_name(r, 3), "phase 3");
	assert_null(reader_phase_name(r, 0));
	assert_null(reader_phase_name(r, 4));
	for (unsigned int i = 0; i < 5; i++) {
		static const uint32_t phases[] = { 1, 2, 1, 0, 3 };

		assert_int_equal(reader_phase_of(r, in[i].outer), phases[i]);
		assert_int_equal(reader_phase_of(r, in[i].inner), phases[i]);
		assert_int_equal(reader_node(r, in[i].outer)->parent, 0);
		assert_int_equal(reader_node(r, in[i].outer)->stack, stack);
		assert_int_equal(reader_node(r, in[i].inner)->parent, in[0].outer);
		assert_int_equal(reader_same_node(r, in[i].outer), in[0].outer);
		assert_int_equal(reader_same_node(r, in[i].inner), in[0].inner);
	}
	assert_int_equal(reader_same_node(r, elsewhere), elsewhere);
	assert_int_equal(reader_phase_of(r, elsewhere), 2);
	assert_int_equal(reader_phase_of(r, 12345), 0);
	assert_int_equal(reader_same_node(r, 12345), 12345);
	reader_close(r);
}

/* Parents with higher numbers than their children, which only damage and races make. */
static void test_parents_behind(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x100);
	uint32_t other = tracegen_lock(g, TRACE_KIND_MUTEX, 0x200);
	uint32_t inner = tracegen_node(g, 2, lock, 0x2000, TRACE_HOW_LOCK);
	uint32_t outer = tracegen_node(g, 3, other, 0x1000, TRACE_HOW_LOCK);
	uint32_t root = tracegen_phase(g, "late");
	struct places none = add_places(g, 0, other, lock);
	struct reader *r;

	(void)state;
	assert_int_equal(outer, 2);
	assert_int_equal(root, 3);
	r = open_trace(g);
	assert_int_equal(reader_nr_damages(r), 0);
	assert_int_equal(reader_phase_of(r, inner), 1);
	assert_int_equal(reader_same_node(r, none.inner), inner);
	assert_int_equal(reader_same_node(r, none.outer), outer);
	reader_close(r);
}

static void test_changes(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t load = tracegen_phase(g, "load");
	uint32_t node = tracegen_node(g, load, tracegen_lock(g, TRACE_KIND_MUTEX, 0x100), 1,
				      TRACE_HOW_LOCK);
	struct trace_phase *twice;
	const struct reader_phase_change *c;
	struct reader *r;

	(void)state;
	tracegen_change_phase(g, load, false, 1000);
	tracegen_change_phase(g, load, true, 3000);
	tracegen_change_phase(g, load, false, 2500); /* who came second looked first */
	tracegen_change_phase(g, 0, false, 4000);
	tracegen_change_phase(g, node, false, 5000);
	twice = tracegen_record(g, TRACE_REC_PHASE, 2, sizeof(*twice));
	twice->begin_ticks = 9;
	r = open_trace(g);
	expect_damage(r, "its node 2 is no phase");
	expect_damage(r, "phase change 2 again");
	assert_int_equal(reader_nr_damages(r), 2);
	assert_int_equal(reader_nr_phase_changes(r), 5);
	c = reader_phase_change(r, 0);
	assert_int_equal(c->phase, 1);
	assert_false(c->off);
	assert_int_equal(c->ticks, TRACEGEN_START_TICKS + 1000);
	c = reader_phase_change(r, 1);
	assert_int_equal(c->phase, 1);
	assert_true(c->off);
	assert_int_equal(reader_phase_change(r, 2)->ticks, TRACEGEN_START_TICKS + 3000);
	assert_int_equal(reader_phase_change(r, 3)->phase, 0);
	assert_int_equal(reader_phase_change(r, 4)->phase, 0);
	assert_int_equal(reader_end_ticks(r), TRACEGEN_START_TICKS + 5000);
	reader_close(r);
}

static void test_damaged_nodes(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x100);
	uint32_t node = tracegen_node(g, 0, lock, 0x1000, TRACE_HOW_LOCK);
	uint32_t root = tracegen_phase(g, "load");
	uint32_t with_parent = tracegen_node(g, node, 0, 0, TRACE_HOW_PHASE);
	uint32_t with_lock = tracegen_node(g, 0, lock, 0, TRACE_HOW_PHASE);
	uint32_t work = tracegen_node(g, root, 0, 0x2000, TRACE_HOW_WORK);
	uint32_t lock_work = tracegen_node(g, root, lock, 0x2001, TRACE_HOW_WORK);
	uint32_t held_work = tracegen_node(g, node, 0, 0x2002, TRACE_HOW_WORK);
	uint32_t below_work = tracegen_node(g, work, lock, 0x3000, TRACE_HOW_LOCK);
	struct reader *r;

	(void)state;
	r = open_trace(g);
	expect_damage(r, "node 3: a phase with a parent");
	expect_damage(r, "node 4: a phase with a lock");
	expect_damage(r, "node 6: work with a lock");
	expect_damage(r, "node 7: work with a parent that is no phase");
	expect_damage(r, "node 8: a lock with a parent that is work");
	assert_int_equal(reader_nr_damages(r), 5);
	assert_int_equal(reader_node(r, with_parent)->parent, 0);
	assert_int_equal(reader_node(r, with_lock)->lock, 0);
	assert_int_equal(reader_node(r, lock_work)->lock, 0);
	assert_int_equal(reader_node(r, held_work)->parent, 0);
	assert_int_equal(reader_node(r, below_work)->parent, 0);
	assert_int_equal(reader_phase_of(r, work), 1);
	reader_close(r);
}

/* What was taken while recording was off is no part of what is known to be held. */
static void test_held_while_off(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x100);
	uint32_t node = tracegen_node(g, 0, lock, 0x1000, TRACE_HOW_LOCK);
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, "main", 0));
	struct trace_held *held = tracegen_slot_state(g, slot)->held;
	struct reader *r;

	(void)state;
	fixture_held(g, slot, 0, 0x900, TRACE_NODE_OFF, 10, 0, TRACE_HOW_LOCK | TRACE_HELD_OFF);
	fixture_held(g, slot, 1, 0x100, node, 20, 0, TRACE_HOW_LOCK);
	fixture_held(g, slot, 2, 0x901, TRACE_NODE_OFF, 30, 0, TRACE_HOW_LOCK | TRACE_HELD_OFF);
	held[0].path = held[2].path = TRACE_NODE_OFF;
	tracegen_slot_state(g, slot)->wait_node = TRACE_NODE_OFF;
	r = open_trace(g);
	assert_int_equal(reader_nr_damages(r), 0);
	assert_int_equal(reader_slot(r, 0)->held[0].lock, 0x100);
	assert_int_equal(reader_slot(r, 0)->held[1].lock, 0);
	assert_int_equal(reader_slot(r, 0)->wait_node, 0);
	reader_close(r);
}

static void test_features(void **state)
{
	static const struct {
		uint64_t features;
		int err;
	} cases[] = { { 0, 0 },
		      { TRACE_FEATURE_PHASES, 0 },
		      { TRACE_FEATURE_PHASES | 2, -EINVAL } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tracegen *g = tracegen_new();
		char path[] = "/tmp/lockprof-phases-XXXXXX", error[256] = "";
		struct reader *r = NULL;
		int fd = mkstemp(path);

		assert_true(fd >= 0);
		close(fd);
		tracegen_header(g)->features = cases[i].features;
		assert_int_equal(tracegen_write(g, path), 0);
		assert_int_equal(reader_open(&r, path, error, sizeof(error)), cases[i].err);
		assert_int_equal(!strstr(error, "uses features 0x2 "), !cases[i].err);
		reader_close(r);
		unlink(path);
		tracegen_free(g);
	}
}

/* Events of either phase name one node, unless the numbers of the file are wanted. */
static void test_cursor(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x100);
	uint32_t first = tracegen_node(g, 0, lock, 0x1000, TRACE_HOW_LOCK);
	uint32_t root = tracegen_phase(g, "load");
	uint32_t second = tracegen_node(g, root, lock, 0x1000, TRACE_HOW_LOCK);
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, "main", 0));
	struct reader *r;

	(void)state;
	tracegen_acquire(g, slot, second, 100, 10, 0);
	r = open_trace(g);
	for (int raw = 0; raw < 2; raw++) {
		struct cursor c;

		cursor_init(&c, reader_stream(r, 0));
		c.raw = raw;
		assert_true(cursor_next(&c));
		assert_int_equal(c.event.arg, raw ? second : first);
	}
	reader_close(r);
}

/* ---- the model ---- */

#define NR_PHASES 3 /* none, load, serve */

enum { PLAIN, PHASES, FOLDED, HOW_MANY };

/*
 * Two threads take two locks, in both orders, through three phases; the same without phases. In
 * each phase the second thread waits for the first, once for a hold that began before the change.
 */
struct play {
	struct tracegen *g;
	uint32_t slot[2];
	uint32_t node[NR_PHASES][2][2]; /* phase, which order, outer or inner */
	uint32_t work[NR_PHASES];
	uint32_t root[NR_PHASES];
};

static void play_nodes(struct play *p, unsigned int phase, const uint32_t lock[2])
{
	for (unsigned int order = 0; order < 2; order++) {
		uint32_t *node = p->node[phase][order];

		node[0] = tracegen_node(p->g, p->root[phase], lock[order], 0x1000 + order,
					TRACE_HOW_LOCK);
		node[1] =
			tracegen_node(p->g, node[0], lock[!order], 0x2000 + order, TRACE_HOW_LOCK);
	}
	p->work[phase] = tracegen_node(p->g, p->root[phase], 0, 0x3000, TRACE_HOW_WORK);
}

static struct play play_begin(bool phases)
{
	struct play p = { .g = tracegen_new() };
	uint32_t lock[2] = { fixture_lock(p.g, TRACE_KIND_MUTEX, 0x100),
			     fixture_lock(p.g, TRACE_KIND_CUSTOM, 0x200) };

	for (unsigned int i = 0; i < 2; i++)
		p.slot[i] = tracegen_slot(p.g, tracegen_thread(p.g, i ? "second" : "first", 0));
	if (phases) {
		p.root[1] = tracegen_phase(p.g, "load");
		p.root[2] = tracegen_phase(p.g, "serve");
	}
	for (unsigned int i = 0; i < NR_PHASES; i++)
		if (!i || phases) {
			play_nodes(&p, i, lock);
		} else {
			memcpy(p.node[i], p.node[0], sizeof(p.node[0]));
			p.work[i] = p.work[0];
		}
	return p;
}

/* One phase, from `at` on, 10,000 long; the first hold was got in `before`. */
static void play_phase(struct play *p, unsigned int phase, unsigned int before, uint64_t at)
{
	uint32_t(*node)[2] = p->node[phase];

	fixture_wait(p->g, p->slot[1], node[0][0], at + 100, 0);
	fixture_acquire(p->g, p->slot[0], p->node[before][0][0], at, 1000, 0, 0);
	fixture_acquire(p->g, p->slot[1], node[0][1], at + 1200, 50, 0, 0);
	fixture_acquire(p->g, p->slot[1], node[0][0], at + 1000, 500, 900, 0);
	fixture_acquire(p->g, p->slot[0], node[1][1], at + 3000, 70 + phase, 0, 0);
	fixture_acquire(p->g, p->slot[0], node[1][0], at + 2900, 300, 0, 0);
}

static struct tracegen *play(int how)
{
	struct play p = play_begin(how != PLAIN);

	for (unsigned int i = 0; i < NR_PHASES; i++) {
		if (i && how != PLAIN)
			tracegen_change_phase(p.g, p.root[i], false, i * 10000 + 50);
		play_phase(&p, i, i ? i - 1 : 0, i * 10000);
		tracegen_work(p.g, p.slot[0], p.work[i], 10 + i, i * 10000 + 5000);
	}
	for (unsigned int i = 0; i < 2 && how == FOLDED; i++)
		tracegen_fold(p.g, p.slot[i]);
	tracegen_end(p.g, 30000, 0);
	return p.g;
}

static struct model *play_model(int how, const char *only)
{
	struct model *m = model_new();

	assert_non_null(m);
	if (only)
		assert_int_equal(model_only_phase(m, only), 0);
	fixture_add(m, play(how));
	assert_int_equal(model_finish(m), 0);
	fixture_check_sums(m);
	return m;
}

static void expect_same(const struct counters *a, const struct counters *b)
{
	assert_int_equal(a->acquired, b->acquired);
	assert_int_equal(a->contended, b->contended);
	assert_int_equal(a->wait_ns, b->wait_ns);
	assert_int_equal(a->wait_max_ns, b->wait_max_ns);
	assert_int_equal(a->held, b->held);
	assert_int_equal(a->hold_ns, b->hold_ns);
	assert_int_equal(a->hold_max_ns, b->hold_max_ns);
	for (double q = 0; q <= 1; q += 0.25)
		assert_int_equal(histogram_percentile_ns(a->hold, q),
				 histogram_percentile_ns(b->hold, q));
}

/* Node numbers differ, so places are compared by their addresses. */
static void expect_same_rows(const struct model *a, const struct model *b)
{
	assert_int_equal(a->nr_locks, b->nr_locks);
	for (size_t i = 0; i < a->nr_locks; i++) {
		assert_string_equal(a->locks[i].label, b->locks[i].label);
		expect_same(&a->locks[i].all, &b->locks[i].all);
		assert_int_equal(a->locks[i].owner_changes, b->locks[i].owner_changes);
		assert_int_equal(a->locks[i].max_waiters, b->locks[i].max_waiters);
		assert_int_equal(a->locks[i].unattributed_ns, b->locks[i].unattributed_ns);
	}
	assert_int_equal(a->nr_sites, b->nr_sites);
	for (size_t i = 0; i < a->nr_sites; i++) {
		assert_int_equal(a->sites[i].lock, b->sites[i].lock);
		assert_int_equal(a->sites[i].address, b->sites[i].address);
		expect_same(&a->sites[i].all, &b->sites[i].all);
	}
	assert_int_equal(a->nr_wait_stacks, b->nr_wait_stacks);
	for (size_t i = 0; i < a->nr_wait_stacks; i++) {
		assert_int_equal(a->wait_stacks[i].site, b->wait_stacks[i].site);
		assert_int_equal(a->wait_stacks[i].waits, b->wait_stacks[i].waits);
		assert_int_equal(a->wait_stacks[i].wait_ns, b->wait_stacks[i].wait_ns);
	}
	assert_int_equal(a->nr_blames, b->nr_blames);
	for (size_t i = 0; i < a->nr_blames; i++) {
		assert_int_equal(a->blames[i].holder, b->blames[i].holder);
		assert_int_equal(a->blames[i].holder_site, b->blames[i].holder_site);
		assert_int_equal(a->blames[i].waits, b->blames[i].waits);
		assert_int_equal(a->blames[i].wait_ns, b->blames[i].wait_ns);
	}
	for (size_t i = 0; i < a->nr_threads; i++)
		expect_same(&a->threads[i].all, &b->threads[i].all);
	assert_int_equal(a->thread_ns, b->thread_ns);
	assert_int_equal(a->duration_ns, b->duration_ns);
}

static void test_as_without_phases(void **state)
{
	struct model *plain = play_model(PLAIN, NULL), *phases = play_model(PHASES, NULL);

	(void)state;
	assert_int_equal(plain->nr_phases, 0);
	assert_int_equal(plain->nr_phase_locks, 0);
	assert_int_equal(plain->nr_phase_spans, 0);
	assert_int_equal(plain->all.acquired, 15);
	assert_int_equal(plain->nr_wait_stacks, 1);
	assert_int_equal(plain->nr_blames, 1);
	assert_int_equal(phases->nr_phases, NR_PHASES);
	expect_same(&plain->all, &phases->all);
	expect_same_rows(plain, phases);
	model_free(plain);
	model_free(phases);
}

static void test_order_as_without_phases(void **state)
{
	struct model *m[2] = { play_model(PLAIN, NULL), play_model(PHASES, NULL) };
	struct order *order[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(order_new(&order[i], m[i], &(struct order_options){ 0 }), 0);
	assert_int_equal(order[0]->nr_edges, 2);
	assert_int_equal(order[0]->nr_findings, 1);
	assert_int_equal(order[1]->nr_edges, order[0]->nr_edges);
	for (size_t i = 0; i < order[0]->nr_edges; i++) {
		const struct order_edge *a = &order[0]->edges[i], *b = &order[1]->edges[i];

		assert_int_equal(a->from.index, b->from.index);
		assert_int_equal(a->to.index, b->to.index);
		assert_int_equal(a->count, b->count);
		assert_int_equal(a->nr_threads, b->nr_threads);
	}
	assert_int_equal(order[1]->nr_findings, order[0]->nr_findings);
	assert_int_equal(order[1]->findings[0].level, order[0]->findings[0].level);
	for (int i = 0; i < 2; i++) {
		order_free(order[i]);
		model_free(m[i]);
	}
}

static char *told(const struct model *m, enum report_by by,
		  int (*tell)(const struct report *, FILE *))
{
	struct report report = { .model = m,
				 .key = REPORT_WAIT_TOTAL,
				 .by = by,
				 .top = REPORT_ALL,
				 .details = REPORT_ALL,
				 .width = 80,
				 .frames = model_frames };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(tell(&report, out), 0);
	fclose(out);
	return text;
}

static void test_report_as_without_phases(void **state)
{
	static int (*const parts[])(const struct report *, FILE *) = {
		report_story, report_tables,   report_waits_and_holders,
		report_apart, report_coverage, report_csv,
	};
	struct model *m[2] = { play_model(PLAIN, NULL), play_model(PHASES, NULL) };

	(void)state;
	for (int by = REPORT_BY_CLASS; by <= REPORT_BY_PROCESS; by++)
		for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
			char *text[2] = { told(m[0], (enum report_by)by, parts[i]),
					  told(m[1], (enum report_by)by, parts[i]) };

			assert_string_equal(text[0], text[1]);
			free(text[0]);
			free(text[1]);
		}
	model_free(m[0]);
	model_free(m[1]);
}

static const struct phase_lock *find_phase_lock(const struct model *m, uint32_t phase,
						uint64_t address)
{
	for (size_t i = 0; i < m->nr_phase_locks; i++)
		if (m->phase_locks[i].phase == phase &&
		    m->locks[m->phase_locks[i].lock].record->address == address)
			return &m->phase_locks[i];
	fail_msg("no lock at %llx in phase %u", (unsigned long long)address, phase);
	return NULL;
}

/* What the phases count is what all counts; in both modes of recording. */
static void test_counts(void **state)
{
	static const char *const names[] = { NULL, "load", "serve" };
	static const uint64_t times[] = { 10050, 10000, 9950 }, acquired[] = { 6, 5, 4 };

	(void)state;
	for (int how = PHASES; how <= FOLDED; how++) {
		struct model *m = play_model(how, NULL);
		struct counters sum = { 0 };

		assert_int_equal(m->nr_phases, NR_PHASES);
		assert_int_equal(m->work_units, 10 + 11 + 12);
		for (uint32_t i = 0; i < NR_PHASES; i++) {
			const struct phase *phase = &m->phases[i];

			if (names[i])
				assert_string_equal(phase->name, names[i]);
			else
				assert_null(phase->name);
			assert_int_equal(phase->time_ns, times[i]);
			assert_int_equal(phase->thread_ns, 2 * times[i]);
			assert_int_equal(phase->begins, i > 0);
			assert_int_equal(phase->work_units, 10 + i);
			assert_int_equal(phase->all.acquired, acquired[i]);
			assert_int_equal(phase->all.contended, 1);
			assert_int_equal(phase->all.wait_ns, 900);
			assert_int_equal(find_phase_lock(m, i, 0x200)->all.acquired, 2);
			assert_int_equal(counters_add(&sum, &phase->all), 0);
		}
		expect_same(&sum, &m->all);
		counters_fini(&sum);
		assert_int_equal(m->nr_locks, 2); /* no lock stands for units of work */
		for (size_t i = 1; i < m->nr_phase_locks; i++)
			assert_true(m->phase_locks[i - 1].phase <= m->phase_locks[i].phase);
		model_free(m);
	}
}

/* Only waits of the phase count; who was blamed may have got the lock before. */
static void test_only_one_phase(void **state)
{
	(void)state;
	for (int how = PHASES; how <= FOLDED; how++) {
		struct model *m = play_model(how, "serve");

		assert_int_equal(m->all.acquired, 4);
		assert_int_equal(m->all.wait_ns, 900);
		assert_int_equal(m->work_units, 12);
		assert_int_equal(m->duration_ns, 9950);
		assert_int_equal(m->thread_ns, 2 * 9950);
		assert_int_equal(m->threads[0].all.acquired, 2);
		assert_int_equal(m->threads[1].all.wait_ns, 900);
		if (how == PHASES) {
			assert_int_equal(m->nr_wait_stacks, 1);
			assert_int_equal(m->wait_stacks[0].waits, 1);
			assert_int_equal(m->nr_blames, 1);
			assert_int_equal(m->blames[0].wait_ns, 900);
			assert_int_equal(m->blames[0].waits, 1);
			assert_int_equal(m->locks[0].max_waiters, 1);
		}
		model_free(m);
		m = play_model(how, "nowhere");
		assert_int_equal(m->all.acquired, 0);
		assert_int_equal(m->duration_ns, 0);
		assert_int_equal(m->nr_phases, NR_PHASES);
		model_free(m);
	}
}

/* Of two processes one knows no phases; the other has a phase of the same name as a third. */
static void test_processes(void **state)
{
	struct model *m = model_new();
	struct tracegen *g = tracegen_new();
	uint32_t serve = tracegen_phase(g, "serve");

	(void)state;
	tracegen_change_phase(g, serve, false, 0);
	tracegen_end(g, 700, 0);
	fixture_add(m, play(PLAIN));
	fixture_add(m, play(PHASES));
	fixture_add(m, g);
	assert_int_equal(model_finish(m), 0);
	assert_int_equal(m->nr_phases, NR_PHASES);
	assert_int_equal(m->phases[0].all.acquired, 15 + 6);
	assert_int_equal(m->phases[0].time_ns, 30000 + 10050);
	assert_string_equal(m->phases[2].name, "serve");
	assert_int_equal(m->phases[2].time_ns, 9950 + 700);
	assert_int_equal(m->phases[2].begins, 2);
	assert_int_equal(m->nr_phase_spans, 3 + 1);
	assert_int_equal(m->phase_spans[3].process, 2);
	model_free(m);
}

/* Nobody is charged for the time while nothing was recorded. */
static void test_off(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t load = tracegen_phase(g, "load");
	uint32_t main_thread = tracegen_thread(g, "main", 0), late;
	struct trace_thread *t;
	struct model *m;

	(void)state;
	late = tracegen_thread(g, "late", main_thread);
	t = tracegen_find(g, TRACE_REC_THREAD, late);
	t->begin_ticks += 3500;
	t->end_ticks = TRACEGEN_START_TICKS + 6000;
	tracegen_change_phase(g, load, false, 1000);
	tracegen_change_phase(g, load, true, 3000);
	tracegen_change_phase(g, 0, true, 4000);
	tracegen_change_phase(g, 0, false, 5000);
	tracegen_change_phase(g, load, false, 7000);
	tracegen_change_phase(g, load, false, 7500);
	tracegen_end(g, 10000, 0);
	m = fixture_model(g);
	assert_int_equal(m->off_ns, 2000);
	assert_int_equal(m->duration_ns, 8000);
	assert_int_equal(m->thread_ns, 8000 + 1000);
	assert_int_equal(m->phases[0].time_ns, 1000 + 2000);
	assert_int_equal(m->phases[0].thread_ns, 1000 + 2000 + 1000);
	assert_int_equal(m->phases[0].begins, 1);
	assert_int_equal(m->phases[1].time_ns, 2000 + 3000);
	assert_int_equal(m->phases[1].begins, 2);
	assert_int_equal(m->nr_phase_spans, 6);
	assert_true(m->phase_spans[2].off);
	assert_int_equal(m->phase_spans[2].begin_ns, 3000);
	assert_int_equal(m->phase_spans[3].end_ns, 5000);
	assert_int_equal(m->phase_spans[5].begin_ns, 7000);
	assert_int_equal(m->phase_spans[5].end_ns, 10000);
	model_free(m);
}

/* Locks held at a kill count in the phase that they were taken in. */
static void test_killed(void **state)
{
	struct play p = play_begin(true);
	struct model *m;

	(void)state;
	tracegen_change_phase(p.g, p.root[1], false, 100);
	tracegen_change_phase(p.g, p.root[2], false, 500);
	fixture_held(p.g, p.slot[0], 0, 0x100, p.node[1][0][0], 300, 0, TRACE_HOW_LOCK);
	fixture_held(p.g, p.slot[0], 1, 0x200, p.node[1][0][1], 600, 0, TRACE_HOW_LOCK);
	fixture_waits(p.g, p.slot[1], p.node[2][0][0], 700);
	tracegen_work(p.g, p.slot[1], p.work[2], 3, 1000);
	m = fixture_model(p.g);
	fixture_check_sums(m);
	assert_int_equal(m->phases[1].all.acquired, 2);
	assert_int_equal(m->phases[1].all.left, 2);
	assert_int_equal(m->phases[2].all.acquired, 0);
	assert_int_equal(m->phases[2].all.wait_ns, 300);
	assert_int_equal(m->phases[2].work_units, 3);
	assert_int_equal(m->nr_blames, 1);
	assert_int_equal(m->blames[0].wait_ns, 300);
	model_free(m);
}

/* Joins have no node: they are of the phase in which they began. */
static void test_joins(void **state)
{
	(void)state;
	for (int only = 0; only < 2; only++) {
		struct tracegen *g = tracegen_new();
		uint32_t load = tracegen_phase(g, "load");
		uint32_t first = tracegen_thread(g, "main", 0);
		uint32_t other = tracegen_thread(g, "other", first);
		uint32_t slot = tracegen_slot(g, first);
		const uint64_t before[] = { 300, 0, 0 }, in[] = { 400, 0, 0 };
		struct model *m = model_new();

		tracegen_change_phase(g, load, false, 500);
		tracegen_event(g, slot, TRACE_EV_JOIN, other, 600, before);
		tracegen_event(g, slot, TRACE_EV_JOIN, other, 1000, in);
		if (only)
			assert_int_equal(model_only_phase(m, "load"), 0);
		fixture_add(m, g);
		assert_int_equal(model_finish(m), 0);
		assert_int_equal(m->threads[0].join_wait_ns, only ? 400 : 700);
		model_free(m);
	}
}

/* Units of work without any phase; at a node that is none they are nobody's. */
static void test_work_alone(void **state)
{
	(void)state;
	for (int folded = 0; folded < 2; folded++) {
		struct tracegen *g = tracegen_new();
		uint32_t slot = tracegen_slot(g, tracegen_thread(g, "main", 0));
		uint32_t work = tracegen_node(g, 0, 0, 0x3000, TRACE_HOW_WORK);
		struct model *m;

		tracegen_work(g, slot, work, 5, 100);
		tracegen_work(g, slot, work, 7, 200);
		if (folded)
			tracegen_fold(g, slot);
		else
			tracegen_work(g, slot, 999, 70, 300);
		m = fixture_model(g);
		assert_int_equal(m->work_units, 12);
		assert_int_equal(m->nr_phases, 0);
		assert_int_equal(m->nr_locks, 0);
		assert_int_equal(m->nr_sites, 0);
		assert_int_equal(m->nr_visits, 0);
		assert_int_equal(m->all.acquired, 0);
		assert_int_equal(m->losses[TRACE_LOSS_EVENTS], 0);
		model_free(m);
	}
}

/* From outside a statistic counts work, of no thread: it is none of locks. */
static void test_work_from_outside(void **state)
{
	struct tracegen *g = tracegen_new();
	uint32_t slot = tracegen_slot(g, tracegen_thread(g, "main", 0));
	uint32_t root = tracegen_phase(g, "load");
	uint32_t lock = tracegen_node(g, root, tracegen_lock(g, TRACE_KIND_MUTEX, 0x100), 0x1000,
				      TRACE_HOW_LOCK);
	struct trace_stat *stat = tracegen_record(g, TRACE_REC_STAT, 0, sizeof(*stat));
	struct model *m;

	(void)state;
	stat->node = tracegen_node(g, root, 0, 0, TRACE_HOW_WORK);
	stat->acquired = 30;
	tracegen_acquire(g, slot, lock, 100, 10, 0);
	tracegen_change_phase(g, root, false, 10);
	m = fixture_model(g);
	assert_false(reader_has_folded(m->processes[0].reader));
	assert_int_equal(m->phases[1].work_units, 30);
	assert_int_equal(m->nr_threads, 1);
	assert_int_equal(m->locks[0].owner_changes, 0);
	model_free(m);
	m = play_model(FOLDED, NULL);
	assert_true(reader_has_folded(m->processes[0].reader));
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roots_are_no_parents),
		cmocka_unit_test(test_parents_behind),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_damaged_nodes),
		cmocka_unit_test(test_held_while_off),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_as_without_phases),
		cmocka_unit_test(test_order_as_without_phases),
		cmocka_unit_test(test_report_as_without_phases),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_only_one_phase),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_joins),
		cmocka_unit_test(test_work_alone),
		cmocka_unit_test(test_work_from_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
