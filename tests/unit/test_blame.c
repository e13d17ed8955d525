/* SPDX-License-Identifier: MIT */
/*
 * Blame: known interleavings, then random ones against the definition.
 *
 * The random part plays a lock tick by tick (so that the interleaving is a possible one), records
 * it as the shim would, and asks of each instant of each wait who is to blame for it.
 */
#include "model_fixture.h"

#define ADDRESS 0x601040

struct world {
	struct tracegen *g;
	uint32_t lock, thread[6], slot[6], node[6], reader[6];
};

static struct world world_new(enum trace_kind kind, unsigned int nr_threads)
{
	struct world w = { .g = tracegen_new() };

	w.lock = fixture_lock(w.g, kind, ADDRESS);
	for (unsigned int i = 0; i < nr_threads; i++) {
		w.thread[i] = tracegen_thread(w.g, "worker", 0);
		w.slot[i] = tracegen_slot(w.g, w.thread[i]);
		w.node[i] = tracegen_node(w.g, 0, w.lock, 0x1000 + i, TRACE_HOW_LOCK);
		w.reader[i] =
			tracegen_node(w.g, 0, w.lock, 0x2000 + i, TRACE_HOW_LOCK | TRACE_SHARED);
	}
	return w;
}

static void test_one_holder_two_waiters(void **state)
{
	struct world w = world_new(TRACE_KIND_MUTEX, 3);
	struct model *m;

	(void)state;
	fixture_acquire(w.g, w.slot[0], w.node[0], 100, 400, 0, 7);
	fixture_wait(w.g, w.slot[1], w.node[1], 200, 0);
	fixture_acquire(w.g, w.slot[1], w.node[1], 510, 90, 310, 0);
	fixture_wait(w.g, w.slot[2], w.node[2], 300, 0);
	fixture_acquire(w.g, w.slot[2], w.node[2], 600, 50, 300, 0);
	tracegen_end(w.g, 1000, 0);
	m = fixture_model(w.g);
	assert_int_equal(fixture_blamed(m, w.thread[0]), 300 + 200);
	assert_int_equal(fixture_blamed(m, w.thread[1]), 90);
	assert_int_equal(m->locks[0].unattributed_ns, 10 + 10); /* the hand-off, for both */
	assert_int_equal(m->locks[0].max_waiters, 2);
	assert_int_equal(m->locks[0].owner_changes, 2);
	assert_int_equal(m->locks[0].nr_threads, 3);
	assert_int_equal(m->nr_blames, 2);
	assert_int_equal(m->blames[0].waits, 2);
	assert_int_equal(m->blames[0].holder_site, 0x1000);
	fixture_check_sums(m);
	model_free(m);
}

/* ns that `waiter` waited for `holder`, by their ids, at all locks. */
static uint64_t blocked(const struct model *m, uint32_t waiter, uint32_t holder)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->nr_blockings; i++)
		if (m->threads[m->blockings[i].waiter].id == waiter &&
		    m->threads[m->blockings[i].holder].id == holder)
			sum += m->blockings[i].wait_ns;
	return sum;
}

static void test_who_made_whom_wait(void **state)
{
	struct world w = world_new(TRACE_KIND_MUTEX, 3);
	struct model *m;

	(void)state;
	fixture_acquire(w.g, w.slot[0], w.node[0], 100, 400, 0, 7);
	fixture_wait(w.g, w.slot[1], w.node[1], 200, 3);
	fixture_acquire(w.g, w.slot[1], w.node[1], 510, 90, 310, 0);
	fixture_wait(w.g, w.slot[2], w.node[2], 300, 4);
	fixture_acquire(w.g, w.slot[2], w.node[2], 600, 50, 300, 0);
	tracegen_end(w.g, 1000, 0);
	m = fixture_model(w.g);
	assert_int_equal(m->nr_blockings, 3);
	assert_int_equal(blocked(m, w.thread[1], w.thread[0]), 300);
	assert_int_equal(blocked(m, w.thread[2], w.thread[0]), 200);
	assert_int_equal(blocked(m, w.thread[2], w.thread[1]), 90);
	assert_int_equal(m->nr_wait_stacks, 2);
	assert_int_equal(m->threads[m->wait_stacks[0].thread].id, w.thread[1]);
	assert_int_equal(m->threads[m->wait_stacks[1].thread].id, w.thread[2]);
	fixture_check_sums(m);
	model_free(m);
}

static void test_readers_delay_a_writer(void **state)
{
	struct world w = world_new(TRACE_KIND_RWLOCK, 4);
	struct model *m;

	(void)state;
	fixture_acquire(w.g, w.slot[0], w.reader[0], 100, 300, 0, 0); /* until 400 */
	fixture_acquire(w.g, w.slot[1], w.reader[1], 200, 400, 0, 0); /* until 600 */
	fixture_wait(w.g, w.slot[2], w.node[2], 150, 0);
	fixture_acquire(w.g, w.slot[2], w.node[2], 600, 100, 450, 0);
	fixture_wait(w.g, w.slot[3], w.reader[3], 300, 0); /* behind the writer */
	fixture_acquire(w.g, w.slot[3], w.reader[3], 700, 10, 400, 0);
	tracegen_end(w.g, 1000, 0);
	m = fixture_model(w.g);
	assert_int_equal(fixture_blamed(m, w.thread[0]), 50); /* before the later reader came */
	assert_int_equal(fixture_blamed(m, w.thread[1]), 400);
	assert_int_equal(fixture_blamed(m, w.thread[2]), 100);
	assert_int_equal(m->locks[0].unattributed_ns, 300); /* the reader, behind readers */
	assert_int_equal(m->locks[0].read.acquired, 3);
	assert_int_equal(m->locks[0].write.wait_ns, 450);
	fixture_check_sums(m);
	model_free(m);
}

/* The hold that made the wait time out ends, and is known, long after that. */
static void test_timeout(void **state)
{
	struct world w = world_new(TRACE_KIND_MUTEX, 2);
	struct model *m;

	(void)state;
	fixture_wait(w.g, w.slot[1], w.node[1], 200, 0);
	fixture_timeout(w.g, w.slot[1], w.node[1], 300, 100);
	fixture_acquire(w.g, w.slot[0], w.node[0], 250, 10000, 0, 0);
	tracegen_end(w.g, 20000, 0);
	m = fixture_model(w.g);
	assert_int_equal(fixture_blamed(m, w.thread[0]), 50);
	assert_int_equal(m->locks[0].unattributed_ns, 50);
	assert_int_equal(m->locks[0].all.timeouts, 1);
	fixture_check_sums(m);
	model_free(m);
}

static void test_deadlock_at_the_end(void **state)
{
	struct world w = world_new(TRACE_KIND_MUTEX, 2);
	struct model *m;
	uint32_t other, under[2];

	(void)state;
	other = fixture_lock(w.g, TRACE_KIND_MUTEX, 0x602000);
	under[0] = tracegen_node(w.g, w.node[0], other, 0x3000, TRACE_HOW_LOCK);
	under[1] = tracegen_node(w.g, 0, other, 0x3001, TRACE_HOW_LOCK);
	fixture_held(w.g, w.slot[0], 0, ADDRESS, w.node[0], 100, 0, TRACE_HOW_LOCK);
	fixture_held(w.g, w.slot[1], 0, 0x602000, under[1], 150, 20, TRACE_HOW_LOCK);
	fixture_wait(w.g, w.slot[0], under[0], 300, 0);
	fixture_wait(w.g, w.slot[1], w.node[1], 400, 0);
	fixture_waits(w.g, w.slot[0], under[0], 300);
	fixture_waits(w.g, w.slot[1], w.node[1], 400);
	tracegen_end(w.g, 1000, 0);
	m = fixture_model(w.g);
	assert_int_equal(fixture_blamed(m, w.thread[1]), 700);
	assert_int_equal(fixture_blamed(m, w.thread[0]), 600);
	assert_int_equal(m->all.acquired, 2);
	assert_int_equal(m->all.contended, 1);
	assert_int_equal(m->all.wait_failures, 2);
	assert_int_equal(m->all.hold_ns, 900 + 850);
	assert_int_equal(m->all.wait_ns, 700 + 600 + 20);
	fixture_check_sums(m);
	model_free(m);
}

/* A semaphore that others post, or of several tokens, has no owner: waits stay, blame goes. */
static void test_semaphore(void **state)
{
	enum { LIKE_A_LOCK, POSTED, TWO_TOKENS };

	for (int kind = LIKE_A_LOCK; kind <= TWO_TOKENS; kind++) {
		struct world w = world_new(TRACE_KIND_SEM, 2);
		uint64_t none = 0;
		struct model *m;

		(void)state;
		fixture_acquire(w.g, w.slot[0], w.node[0], 100, 100, 0, 0);
		if (kind == POSTED)
			tracegen_event(w.g, w.slot[0], TRACE_EV_POST,
				       tracegen_node(w.g, 0, w.lock, 1, TRACE_HOW_WAKE), 250,
				       &none);
		((struct trace_lock *)tracegen_find(w.g, TRACE_REC_LOCK, w.lock))->value =
			kind == TWO_TOKENS ? 2 : 1;
		fixture_wait(w.g, w.slot[1], w.node[1], 150, 0);
		fixture_acquire(w.g, w.slot[1], w.node[1], 200, 10, 50, 0);
		tracegen_end(w.g, 1000, 0);
		m = fixture_model(w.g);
		assert_int_equal(m->locks[0].lock_like, kind == LIKE_A_LOCK);
		assert_int_equal(m->locks[0].unattributed_ns, kind == LIKE_A_LOCK ? 0 : 50);
		assert_int_equal(m->nr_blames, kind == LIKE_A_LOCK);
		assert_int_equal(m->locks[0].all.wakes, kind == POSTED);
		fixture_check_sums(m);
		model_free(m);
	}
}

/* 1 us is what clocks may differ by; more is told. No instant is charged twice. */
static void test_clock_skew(void **state)
{
	for (uint64_t skew = 500; skew <= 5000; skew += 4500) {
		struct world w = world_new(TRACE_KIND_MUTEX, 3);
		struct model *m;

		(void)state;
		fixture_acquire(w.g, w.slot[0], w.node[0], 100, 10000, 0, 0);
		fixture_acquire(w.g, w.slot[1], w.node[1], 10100 - skew, 10000, 0, 0);
		fixture_wait(w.g, w.slot[2], w.node[2], 100, 0);
		fixture_acquire(w.g, w.slot[2], w.node[2], 30100, 1, 30000, 0);
		tracegen_end(w.g, 50000, 0);
		m = fixture_model(w.g);
		assert_int_equal(m->clock_skews, skew > 1000);
		assert_int_equal(fixture_blamed(m, w.thread[0]), 10000 - skew);
		assert_int_equal(fixture_blamed(m, w.thread[1]), 10000);
		fixture_check_sums(m);
		model_free(m);
	}
}

/* One thread waits through more holds than are kept at once, others come and go meanwhile. */
static void test_starving_waiter(void **state)
{
	struct world w = world_new(TRACE_KIND_MUTEX, 3);
	uint64_t nr = 200000;
	struct model *m;

	(void)state;
	fixture_wait(w.g, w.slot[2], w.node[2], 50, 0);
	for (uint64_t i = 0; i < nr; i++)
		fixture_acquire(w.g, w.slot[i % 2], w.node[i % 2], 100 + i * 10, 6, 0, 0);
	fixture_acquire(w.g, w.slot[2], w.node[2], 100 + nr * 10, 5, 50 + nr * 10, 0);
	tracegen_end(w.g, 5000000, 0);
	m = fixture_model(w.g);
	assert_int_equal(fixture_blamed(m, w.thread[0]), nr / 2 * 6);
	assert_int_equal(fixture_blamed(m, w.thread[1]), nr / 2 * 6);
	assert_int_equal(m->blames[0].waits, 1);
	assert_int_equal(m->locks[0].owner_changes, nr);
	fixture_check_sums(m);
	model_free(m);
}

/* ---- random interleavings ---- */

#define THREADS	 5
#define TICKS	 400
#define MAX_ROWS 2000

struct sim_hold {
	uint64_t begin, end;
	uint32_t thread, node, stack;
	int shared;
};
struct sim_wait {
	uint64_t begin, end;
	uint32_t thread;
	int shared;
};
struct sim_thread {
	enum { IDLE, WAITING, HOLDING } state;
	int shared;
	uint64_t since, wait, until; /* until: end of the hold, or of patience */
};
struct sim {
	struct world w;
	struct sim_thread t[THREADS];
	struct sim_hold holds[MAX_ROWS];
	struct sim_wait waits[MAX_ROWS];
	size_t nr_holds, nr_waits;
	uint64_t seed;
};

static unsigned int rnd(struct sim *s, unsigned int below)
{
	s->seed = s->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(s->seed >> 33) % below;
}

static int is_free(const struct sim *s, int shared)
{
	for (unsigned int i = 0; i < THREADS; i++)
		if (s->t[i].state == HOLDING && !(shared && s->t[i].shared))
			return 0;
	return 1;
}

static int somebody_waits(const struct sim *s)
{
	for (unsigned int i = 0; i < THREADS; i++)
		if (s->t[i].state == WAITING)
			return 1;
	return 0;
}

static uint32_t sim_node(const struct sim *s, unsigned int i)
{
	return s->t[i].shared ? s->w.reader[i] : s->w.node[i];
}

static void sim_waited(struct sim *s, unsigned int i, uint64_t begin, uint64_t end)
{
	s->waits[s->nr_waits++] = (struct sim_wait){ begin, end, s->w.thread[i], s->t[i].shared };
}

static void sim_acquire(struct sim *s, unsigned int i, uint64_t now, uint64_t wait)
{
	struct sim_thread *t = &s->t[i];

	if (wait)
		sim_waited(s, i, now - wait, now);
	*t = (struct sim_thread){ HOLDING, t->shared, now, wait, now + rnd(s, 30) };
}

static void sim_release(struct sim *s, unsigned int i, uint64_t now)
{
	struct sim_thread *t = &s->t[i];
	uint32_t stack = somebody_waits(s) ? rnd(s, 3) : 0;

	fixture_acquire(s->w.g, s->w.slot[i], sim_node(s, i), t->since, now - t->since, t->wait,
			stack);
	s->holds[s->nr_holds++] = (struct sim_hold){ t->since,	     now,   s->w.thread[i],
						     sim_node(s, i), stack, t->shared };
	t->state = IDLE;
}

/* One thread at one tick; returns whether it released, of which there is one a tick at most. */
static int sim_step(struct sim *s, unsigned int i, uint64_t now, int is_rwlock, int may_release)
{
	struct sim_thread *t = &s->t[i];

	if (t->state == HOLDING && now >= t->until && may_release) {
		sim_release(s, i, now);
		return 1;
	}
	if (t->state == IDLE && !rnd(s, 12)) {
		t->shared = is_rwlock && rnd(s, 3);
		if (is_free(s, t->shared)) {
			sim_acquire(s, i, now, 0);
		} else {
			*t = (struct sim_thread){ WAITING, t->shared, now, 0,
						  rnd(s, 3) ? UINT64_MAX : now + 1 + rnd(s, 40) };
			fixture_wait(s->w.g, s->w.slot[i], sim_node(s, i), now, 0);
		}
	} else if (t->state == WAITING && now > t->since) {
		if (now >= t->until) {
			fixture_timeout(s->w.g, s->w.slot[i], sim_node(s, i), now, now - t->since);
			sim_waited(s, i, t->since, now);
			t->state = IDLE;
		} else if (is_free(s, t->shared) && rnd(s, 2)) {
			sim_acquire(s, i, now, now - t->since);
		}
	}
	return 0;
}

/* Killed at TICKS: what is held and waited for stays in the slots. */
static void sim_end(struct sim *s)
{
	for (unsigned int i = 0; i < THREADS; i++) {
		struct sim_thread *t = &s->t[i];

		if (t->state == HOLDING) {
			fixture_held(s->w.g, s->w.slot[i], 0, ADDRESS, sim_node(s, i), t->since,
				     t->wait, TRACE_HOW_LOCK);
			s->holds[s->nr_holds++] =
				(struct sim_hold){ t->since,	   TICKS, s->w.thread[i],
						   sim_node(s, i), 0,	  t->shared };
		} else if (t->state == WAITING) {
			fixture_waits(s->w.g, s->w.slot[i], sim_node(s, i), t->since);
			sim_waited(s, i, t->since, TICKS);
		}
	}
	tracegen_end(s->w.g, TICKS, 0);
}

static void sim_run(struct sim *s, uint64_t seed, int is_rwlock)
{
	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->w = world_new(is_rwlock ? TRACE_KIND_RWLOCK : TRACE_KIND_MUTEX, THREADS);
	for (uint64_t now = 1; now < TICKS; now++) {
		unsigned int first = rnd(s, THREADS), released = 0;

		for (unsigned int i = 0; i < THREADS; i++)
			released |= (unsigned int)sim_step(s, (first + i) % THREADS, now, is_rwlock,
							   !released);
		if (!rnd(s, 50))
			tracegen_flush(s->w.g, s->w.slot[rnd(s, THREADS)]);
	}
	sim_end(s);
}

/* The one to blame at an instant of a wait: held it then, and the last of these to release. */
static size_t blocker(const struct sim *s, const struct sim_wait *wait, uint64_t at)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < s->nr_holds; i++) {
		const struct sim_hold *h = &s->holds[i];

		if (h->begin <= at && at < h->end && h->thread != wait->thread &&
		    !(h->shared && wait->shared) &&
		    (best == SIZE_MAX || h->end >= s->holds[best].end))
			best = i;
	}
	return best;
}

static uint64_t *find_blame(const struct model *m, uint64_t *ticks, const struct sim_hold *h)
{
	for (size_t i = 0; i < m->nr_blames; i++)
		if (m->threads[m->blames[i].holder].id == h->thread &&
		    m->blames[i].holder_node == h->node && m->blames[i].release_stack == h->stack)
			return &ticks[i];
	fail_msg("nobody blames thread %u", h->thread);
	return NULL;
}

static void check_blame(const struct sim *s, const struct model *m)
{
	uint64_t ticks[MAX_ROWS] = { 0 }, unattributed = 0, total = 0;

	for (size_t i = 0; i < s->nr_waits; i++) {
		for (uint64_t at = s->waits[i].begin; at < s->waits[i].end; at++, total++) {
			size_t hold = blocker(s, &s->waits[i], at);

			if (hold == SIZE_MAX)
				unattributed++;
			else
				++*find_blame(m, ticks, &s->holds[hold]);
		}
	}
	for (size_t i = 0; i < m->nr_blames; i++)
		assert_int_equal(m->blames[i].wait_ns, ticks[i]);
	assert_int_equal(m->locks[0].unattributed_ns, unattributed);
	assert_int_equal(m->locks[0].all.wait_ns, total);
}

static void check_waiters(const struct sim *s, const struct model *m)
{
	uint32_t most = 0;

	for (uint64_t at = 0; at < TICKS; at++) {
		uint32_t nr = 0;

		for (size_t i = 0; i < s->nr_waits; i++)
			nr += s->waits[i].begin <= at && at < s->waits[i].end;
		most = nr > most ? nr : most;
	}
	assert_int_equal(m->locks[0].max_waiters, most);
}

static void check_owners(const struct sim *s, const struct model *m)
{
	uint64_t changes = 0;

	for (size_t i = 1; i < s->nr_holds; i++)
		changes += s->holds[i].thread != s->holds[i - 1].thread;
	assert_int_equal(m->locks[0].owner_changes, changes);
	assert_int_equal(m->locks[0].all.acquired, s->nr_holds);
	assert_int_equal(m->clock_skews, 0);
}

static void test_random(void **state)
{
	static struct sim s;

	(void)state;
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		struct model *m;

		sim_run(&s, seed, seed % 2);
		m = fixture_model(s.w.g);
		check_blame(&s, m);
		check_waiters(&s, m);
		check_owners(&s, m);
		fixture_check_sums(m);
		model_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_holder_two_waiters),
		cmocka_unit_test(test_who_made_whom_wait),
		cmocka_unit_test(test_readers_delay_a_writer),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_deadlock_at_the_end),
		cmocka_unit_test(test_semaphore),
		cmocka_unit_test(test_clock_skew),
		cmocka_unit_test(test_starving_waiter),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
