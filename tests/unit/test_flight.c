/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder: what profile mode keeps of waits, written by the shim's own code, and what the
 * model makes of it. The same events are read once as they are and once folded: blame, waits and
 * places must be the same as long as nothing had to go, and add up to the whole always.
 */
#include "../../preload/flight.h"
#include "model_fixture.h"

enum { THREADS = 3 };

struct world {
	struct tracegen *g;
	uint32_t lock, thread[THREADS], slot[THREADS], node[THREADS];
};

static struct world world_new(void)
{
	struct world w = { .g = tracegen_new() };

	w.lock = fixture_lock(w.g, TRACE_KIND_MUTEX, 0x601040);
	for (unsigned int i = 0; i < THREADS; i++) {
		w.thread[i] = tracegen_thread(w.g, "worker", 0);
		w.slot[i] = tracegen_slot(w.g, w.thread[i]);
		w.node[i] = tracegen_node(w.g, 0, w.lock, 0x1000 + i, TRACE_HOW_LOCK);
	}
	tracegen_keep_waits(w.g);
	return w;
}

static void fold_all(struct world *w)
{
	for (unsigned int i = 0; i < THREADS; i++)
		tracegen_fold(w->g, w->slot[i]);
}

/* Thread 0 holds for 400, 1 waits 310 and holds for 90, 2 waits 300; and 0 holds when nobody waits. */
static void round_at(struct world *w, uint64_t at)
{
	fixture_acquire(w->g, w->slot[0], w->node[0], at + 100, 400, 0, 7);
	fixture_wait(w->g, w->slot[1], w->node[1], at + 200, 0);
	fixture_acquire(w->g, w->slot[1], w->node[1], at + 510, 90, 310, 8);
	fixture_wait(w->g, w->slot[2], w->node[2], at + 300, 0);
	fixture_acquire(w->g, w->slot[2], w->node[2], at + 600, 50, 300, 0);
	fixture_acquire(w->g, w->slot[0], w->node[0], at + 700, 100, 0, 0);
}

static void check_round(const struct world *w, const struct model *m, uint64_t rounds)
{
	assert_int_equal(fixture_blamed(m, w->thread[0]), rounds * (300 + 200));
	assert_int_equal(fixture_blamed(m, w->thread[1]), rounds * 90);
	assert_int_equal(m->locks[0].unattributed_ns, rounds * (10 + 10));
	assert_int_equal(m->locks[0].folded_wait_ns, 0);
	assert_int_equal(m->locks[0].all.acquired, rounds * 4);
	assert_int_equal(m->locks[0].all.contended, rounds * 2);
	assert_int_equal(m->locks[0].all.wait_ns, rounds * 610);
	assert_int_equal(m->locks[0].all.held, rounds * 4);
	assert_int_equal(m->nr_wait_stacks, 2);
	assert_true(m->has_events);
}

static void test_the_same_blame(void **state)
{
	(void)state;
	for (int folded = 0; folded < 2; folded++) {
		struct world w = world_new();
		struct model *m;

		for (uint64_t i = 0; i < 100; i++)
			round_at(&w, i * 1000);
		if (folded)
			fold_all(&w);
		tracegen_end(w.g, 200000, 0);
		m = fixture_model(w.g);
		check_round(&w, m, 100);
		assert_int_equal(m->locks[0].is_folded, folded);
		fixture_check_sums(m);
		model_free(m);
	}
}

/* Killed: some rings are folded, the rest is in the rings still. */
static void test_rings_and_flights(void **state)
{
	struct world w = world_new();
	struct model *m;

	(void)state;
	round_at(&w, 0);
	fold_all(&w);
	round_at(&w, 1000);
	tracegen_fold(w.g, w.slot[1]);
	round_at(&w, 2000);
	tracegen_end(w.g, 5000, 0);
	m = fixture_model(w.g);
	check_round(&w, m, 3);
	fixture_check_sums(m);
	model_free(m);
}

/* More waits than there is room for: the oldest are known as sums only. */
static void test_the_oldest_go(void **state)
{
	enum { ROUNDS = 100000 };
	struct world w = world_new();
	const struct lock *lock;
	struct model *m;
	uint64_t blamed;

	(void)state;
	for (uint64_t i = 0; i < ROUNDS; i++) {
		round_at(&w, i * 1000);
		if (i % 500 == 499)
			fold_all(&w);
	}
	tracegen_end(w.g, ROUNDS * 1000ull, 0);
	m = fixture_model(w.g);
	lock = &m->locks[0];
	assert_int_equal(lock->all.wait_ns, ROUNDS * 610ull);
	blamed = fixture_blamed(m, w.thread[0]) + fixture_blamed(m, w.thread[1]);
	assert_true(blamed > ROUNDS * 610ull / 10 && blamed < ROUNDS * 610ull / 2);
	assert_true(lock->folded_wait_ns > ROUNDS * 610ull / 2);
	assert_int_equal(blamed + lock->unattributed_ns + lock->folded_wait_ns, lock->all.wait_ns);
	assert_true(lock->unattributed_ns < blamed / 10); /* no wait was charged to nobody */
	fixture_check_sums(m);
	model_free(m);
}

/* A slot's next thread is not the one that its block began with. */
static void test_owners(void **state)
{
	struct world w = world_new();
	uint32_t next = tracegen_thread(w.g, "next", 0);
	struct model *m;

	(void)state;
	round_at(&w, 0);
	tracegen_owner(w.g, w.slot[0], next, 900);
	fixture_acquire(w.g, w.slot[0], w.node[0], 1100, 400, 0, 7);
	fixture_wait(w.g, w.slot[1], w.node[1], 1200, 0);
	fixture_acquire(w.g, w.slot[1], w.node[1], 1500, 10, 300, 0);
	fold_all(&w);
	tracegen_end(w.g, 5000, 0);
	m = fixture_model(w.g);
	assert_int_equal(fixture_blamed(m, w.thread[0]), 500);
	assert_int_equal(fixture_blamed(m, next), 300);
	model_free(m);
}

/*
 * The lock is free, the waiter is woken, and thread 0 takes it before it once more: nobody waits at
 * that release as far as can be seen. A long hold of this kind is kept all the same.
 */
static void test_barging(void **state)
{
	static const uint64_t holds[] = { FLIGHT_LONG_HOLD - 1, FLIGHT_LONG_HOLD };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct world w = world_new();
		uint64_t at = 600 + holds[i];
		struct model *m;

		fixture_acquire(w.g, w.slot[0], w.node[0], 100, 400, 0, 7);
		fixture_wait(w.g, w.slot[1], w.node[1], 200, 0);
		fixture_acquire(w.g, w.slot[0], w.node[0], 510, holds[i], 0, 0);
		fixture_acquire(w.g, w.slot[1], w.node[1], at, 10, at - 200, 0);
		fold_all(&w);
		tracegen_end(w.g, 50000, 0);
		m = fixture_model(w.g);
		assert_int_equal(fixture_blamed(m, w.thread[0]), 300 + (i ? holds[i] : 0));
		assert_int_equal(m->locks[0].all.acquired, 3);
		assert_int_equal(m->locks[0].all.held, 3);
		fixture_check_sums(m);
		model_free(m);
	}
}

/* ---- damage ---- */

static struct reader *open_broken(struct tracegen *g, void (*breaks)(struct trace_block *block))
{
	char path[] = "/tmp/lockprof-flight-XXXXXX", error[256] = "";
	struct reader *reader = NULL;
	size_t size;
	unsigned char *image = tracegen_image(g, &size);
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	for (size_t at = 0; at < size; at += TRACE_BLOCK_SIZE) {
		struct trace_block *block = (void *)(image + at);

		if (block->type == TRACE_BLOCK_FLIGHT) {
			breaks(block);
			break;
		}
	}
	assert_int_equal(tracegen_write_bytes(path, image, size), 0);
	assert_int_equal(reader_open(&reader, path, error, sizeof(error)), 0);
	unlink(path);
	free(image);
	return reader;
}

static void too_long(struct trace_block *block)
{
	block->length = TRACE_BLOCK_SIZE;
}

static void of_no_slot(struct trace_block *block)
{
	block->slot = 0;
}

/* An uncontended acquisition: it would count twice. */
static void with_another_event(struct trace_block *block)
{
	event_put_plain((unsigned char *)(block + 1), 1, 1, 1);
}

static void just_made(struct trace_block *block)
{
	block->length = 0;
}

static void test_damage(void **state)
{
	static void (*const breaks[])(struct trace_block *) = { too_long, of_no_slot,
								with_another_event, just_made };

	(void)state;
	for (size_t i = 0; i < sizeof(breaks) / sizeof(*breaks); i++) {
		struct world w = world_new();
		struct model *m = model_new();
		struct reader *reader;

		round_at(&w, 0);
		fold_all(&w);
		tracegen_end(w.g, 2000, 0);
		reader = open_broken(w.g, breaks[i]);
		tracegen_free(w.g);
		assert_int_equal(reader_nr_damages(reader), breaks[i] != just_made);
		assert_int_equal(model_add(m, reader, NULL), 0);
		assert_int_equal(model_finish(m), 0);
		assert_int_equal(m->locks[0].all.wait_ns, 610);
		assert_int_equal(m->locks[0].all.acquired, 4);
		assert_true(fixture_blamed(m, w.thread[0]) + fixture_blamed(m, w.thread[1]) < 590);
		fixture_check_sums(m);
		model_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_blame), cmocka_unit_test(test_rings_and_flights),
		cmocka_unit_test(test_the_oldest_go),  cmocka_unit_test(test_owners),
		cmocka_unit_test(test_barging), cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
