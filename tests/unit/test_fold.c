/* SPDX-License-Identifier: MIT */
/*
 * The fold against brute force: the same events, added up by the dumbest code that can.
 * Splitting a stream anywhere must change nothing, and damage must stop it in front.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../trace/fold.h"
#include "../../trace/hist.h"

#define NR_NODES  700
#define NR_EVENTS 30000

/* ---- an arena over malloc; `room` records are given out, then none ---- */

static unsigned char *blocks[4096];
static uint32_t nr_blocks, used, room;

static void *test_alloc(struct arena *arena, uint32_t size, uint32_t *place)
{
	(void)arena;
	if (!room)
		return NULL;
	room--;
	if (!nr_blocks || used + size > TRACE_BLOCK_SIZE) {
		assert_true(nr_blocks < sizeof(blocks) / sizeof(*blocks));
		blocks[nr_blocks++] = calloc(1, TRACE_BLOCK_SIZE);
		used = 64;
	}
	*place = (nr_blocks - 1) << 13 | used / 8;
	used += size;
	return blocks[nr_blocks - 1] + used - size;
}

static void test_commit(void *record, uint32_t type, uint32_t size)
{
	((struct trace_record *)record)->size_type = size << 8 | type;
}

static void *test_pages(size_t size)
{
	return calloc(1, size);
}

static void test_unpages(void *pages, size_t size)
{
	(void)size;
	free(pages);
}

static struct arena arena = { test_alloc, test_commit, test_pages, test_unpages, blocks };

static int reset(void **state)
{
	(void)state;
	while (nr_blocks)
		free(blocks[--nr_blocks]);
	room = UINT32_MAX;
	return 0;
}

/* ---- brute force ---- */

struct truth {
	struct trace_stat stat;
	uint64_t hist[2][HIST_OCTAVES][HIST_PARTS];
};

static void truth_hist(struct truth *t, int what, uint64_t v)
{
	for (unsigned int o = 0; o < HIST_OCTAVES; o++)
		for (unsigned int p = 0; p < HIST_PARTS; p++)
			if (v >= hist_low(o, p) && v - hist_low(o, p) < hist_width(o))
				t->hist[what][o][p]++;
}

static void truth_hold(struct truth *t, uint64_t hold)
{
	t->stat.held++;
	t->stat.hold_ticks += hold;
	if (hold > t->stat.hold_max_ticks)
		t->stat.hold_max_ticks = hold;
	truth_hist(t, TRACE_HIST_HOLD, hold);
}

static void truth_wait(struct truth *t, uint64_t wait)
{
	t->stat.wait_ticks += wait;
	if (wait > t->stat.wait_max_ticks)
		t->stat.wait_max_ticks = wait;
	truth_hist(t, TRACE_HIST_WAIT, wait);
}

static void truth_ending(struct truth *t, uint64_t err)
{
	if (err == 110)
		t->stat.timeouts++;
	else if (err)
		t->stat.wait_failures++;
}

/* ---- events ---- */

static unsigned char stream[NR_EVENTS * TRACE_EVENT_BYTES];
static size_t stream_bytes;
static uint64_t last_ticks;
static struct truth *truth;

static uint64_t random_state = 4711;
static uint64_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Mostly small, sometimes enormous. */
static uint64_t number(void)
{
	return rnd() >> (24 + rnd() % 40);
}

static unsigned char *put(unsigned char *p, unsigned int type, uint32_t node, uint64_t delta)
{
	uint64_t v[TRACE_EVENT_ARGS] = { number(), number(), number(), number() };
	struct truth *t = &truth[node];

	if (type == TRACE_EV_ACQUISITION) {
		v[ACQ_FLAGS] = rnd() % 64;
		t->stat.acquired++;
		if (!(v[ACQ_FLAGS] & TRACE_ACQ_NO_HOLD)) {
			truth_hold(t, v[ACQ_HOLD]);
			t->stat.left += !!(v[ACQ_FLAGS] & TRACE_ACQ_LEFT);
		}
		if (v[ACQ_FLAGS] & TRACE_ACQ_WAITED) {
			t->stat.contended++;
			truth_wait(t, v[ACQ_WAIT]);
		}
	} else if (type == TRACE_EV_WAIT_END || type == TRACE_EV_COND_WAIT ||
		   type == TRACE_EV_FUTEX_WAIT) {
		v[1] = (const uint64_t[]){ 0, 110, 4 }[rnd() % 3];
		t->stat.acquired += type != TRACE_EV_WAIT_END;
		truth_wait(t, v[0]);
		truth_ending(t, v[1]);
	} else if (type == TRACE_EV_BARRIER || type == TRACE_EV_ONCE) {
		t->stat.acquired++;
		t->stat.contended += type == TRACE_EV_ONCE && v[0];
		truth_wait(t, v[0]);
	} else if (type == TRACE_EV_TRY_FAIL) {
		t->stat.try_failures++;
	} else if (type == TRACE_EV_RELOCK) {
		t->stat.relocks++;
	} else if (type == TRACE_EV_WORK) {
		t->stat.acquired += v[0];
	} else if (type == TRACE_EV_FUTEX_WAKE || type == TRACE_EV_FOREIGN ||
		   type == TRACE_EV_POST || type == TRACE_EV_SIGNAL) {
		t->stat.acquired++;
	}
	return event_put(p, type, node, delta, v);
}

static unsigned char *put_plain(unsigned char *p, uint32_t node, uint64_t delta)
{
	uint64_t hold = number();

	truth[node].stat.acquired++;
	truth_hold(&truth[node], hold);
	return event_put_plain(p, node, delta, hold);
}

static int make_stream(void **state)
{
	unsigned char *p = stream;

	(void)state;
	truth = calloc(NR_NODES, sizeof(*truth));
	last_ticks = 1000;
	for (int i = 0; i < NR_EVENTS; i++) {
		uint32_t node = 1 + (uint32_t)(rnd() % (NR_NODES - 1));
		uint64_t delta = rnd() % 100000;

		last_ticks += delta;
		if (i % 3)
			p = put_plain(p, node, delta);
		else
			p = put(p, TRACE_EV_ACQUISITION + rnd() % (TRACE_EV_MAX - 1), node, delta);
	}
	stream_bytes = (size_t)(p - stream);
	return truth ? 0 : -1;
}

static int free_stream(void **state)
{
	reset(state);
	free(truth);
	return 0;
}

/* ---- comparison ---- */

static void hist_subtract(uint64_t left[2][HIST_OCTAVES][HIST_PARTS], uint32_t place)
{
	while (place) {
		const struct trace_hist *h = arena_at(&arena, place);

		for (int part = 0; part < HIST_PARTS; part++)
			left[h->what][h->octave][part] -= h->count[part];
		place = h->next;
	}
}

static void expect_truth(struct fold *fold)
{
	static const struct truth none;
	struct truth left;

	for (uint32_t node = 1; node < NR_NODES; node++) {
		const struct trace_stat *stat = fold_stat(fold, node);
		const struct trace_stat *want = &truth[node].stat;

		assert_int_equal(stat->node, node);
		assert_int_equal(stat->thread, 3);
		assert_memory_equal(&stat->acquired, &want->acquired,
				    offsetof(struct trace_stat, histograms) -
					    offsetof(struct trace_stat, acquired));
		assert_int_equal(stat->left, want->left);
		left = truth[node];
		hist_subtract(left.hist, stat->histograms);
		assert_memory_equal(left.hist, none.hist, sizeof(left.hist));
	}
	assert_int_equal(fold->lost, 0);
}

static void test_totals(void **state)
{
	struct fold fold;
	uint64_t ticks = 1000;

	(void)state;
	fold_init(&fold, &arena, 3);
	assert_int_equal(fold_events(&fold, stream, stream + stream_bytes, &ticks, NULL, NULL),
			 stream_bytes);
	assert_int_equal(ticks, last_ticks);
	expect_truth(&fold);
	fold_fini(&fold);
}

/* Bytes are cut at any place; the rest begins where the fold says that it stopped. */
static void test_split(void **state)
{
	struct fold fold;
	uint64_t ticks = 1000;
	size_t at = 0;

	(void)state;
	fold_init(&fold, &arena, 3);
	while (at < stream_bytes) {
		size_t end = at + TRACE_EVENT_BYTES + rnd() % 5000;

		if (end > stream_bytes)
			end = stream_bytes;
		at += fold_events(&fold, stream + at, stream + end, &ticks, NULL, NULL);
	}
	assert_int_equal(ticks, last_ticks);
	expect_truth(&fold);
	fold_fini(&fold);
}

struct progress {
	size_t bytes, calls;
	uint64_t ticks;
};

static void note_progress(void *ctx, size_t bytes, const struct trace_event *event)
{
	struct progress *progress = ctx;

	assert_true(bytes > progress->bytes && event->ticks >= progress->ticks);
	*progress = (struct progress){ bytes, progress->calls + 1, event->ticks };
}

static void test_done_is_called_for_each(void **state)
{
	struct progress progress = { 0 };
	struct fold fold;
	uint64_t ticks = 1000;

	(void)state;
	fold_init(&fold, &arena, 3);
	fold_events(&fold, stream, stream + stream_bytes, &ticks, note_progress, &progress);
	assert_int_equal(progress.calls, NR_EVENTS);
	assert_int_equal(progress.bytes, stream_bytes);
	assert_int_equal(progress.ticks, last_ticks);
	fold_fini(&fold);
}

static void test_damage_stops(void **state)
{
	unsigned char bytes[64] = { 0 };
	unsigned char *good = event_put_plain(event_put_plain(bytes, 1, 5, 10), 2, 5, 20);
	struct fold fold;
	uint64_t ticks = 0;

	(void)state;
	fold_init(&fold, &arena, 1);
	assert_int_equal(fold_events(&fold, bytes, bytes + sizeof(bytes), &ticks, NULL, NULL),
			 good - bytes);
	assert_int_equal(ticks, 10);
	assert_int_equal(fold_stat(&fold, 1)->hold_ticks, 10);
	assert_int_equal(fold_stat(&fold, 2)->hold_ticks, 20);
	fold_fini(&fold);
}

/* Events that found no room are counted, each at most once a histogram and once a statistic. */
static void test_no_room(void **state)
{
	unsigned char bytes[64];
	const unsigned char *end = event_put_plain(event_put_plain(bytes, 1, 5, 10), 2, 5, 20);
	struct fold fold;
	uint64_t ticks = 0;

	(void)state;
	room = 1;
	fold_init(&fold, &arena, 1);
	fold_events(&fold, bytes, end, &ticks, NULL, NULL);
	assert_int_equal(fold.lost, 2);
	assert_int_equal(fold_stat(&fold, 1)->acquired, 1);
	assert_null(fold_stat(&fold, 2));
	fold_fini(&fold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_totals, reset),
		cmocka_unit_test_setup(test_split, reset),
		cmocka_unit_test_setup(test_done_is_called_for_each, reset),
		cmocka_unit_test_setup(test_damage_stops, reset),
		cmocka_unit_test_setup(test_no_room, reset),
	};

	return cmocka_run_group_tests(tests, make_stream, free_stream);
}
