/* SPDX-License-Identifier: MIT */
/*
 * meet.c: see meet.h
 *
 * The table has no lock, since a thread may be cancelled or killed anywhere in here. A place in it
 * is claimed by compare-and-swap of its state, filled, and then shown as WAITS. Whoever finds a
 * cycle turns the state of each thread in it to GO and wakes it; when that fails, the thread's time
 * was just over, and it goes on anyway. Two that come at once both show themselves before either
 * looks, so one of them sees the other.
 *
 * The state has a number that grows with each use, so what was read about a place is still true
 * when its state has not changed. A thread that died in here leaves a place that nobody frees: it
 * counts no more when its time is over, and is taken again.
 */
#include <linux/futex.h>
#include <time.h>

#include "../sys.h"
#include "meet.h"

enum { FREE, FILLING, WAITS, GO, PHASE_MASK = 3, NEXT_USE = 4 };
enum { PLACES = 64, MAX_STEPS = 4096 };

struct place {
	uint32_t state; /* uses << 2 | FREE ...; a futex */
	uint32_t spare;
	uint64_t until_ns;
	struct presence here;
};

struct meeting {
	uint32_t arrivals; /* a futex, for meet_other() */
	uint32_t spare;
	struct place places[PLACES];
};

static struct meeting *meeting;

int meet_init(void)
{
	size_t bytes = (sizeof(*meeting) + 4095) & ~(size_t)4095;
	void *p = sys_mmap(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (sys_failed(p))
		return -1;
	sys_madvise(p, bytes, MADV_WIPEONFORK);
	meeting = p;
	return 0;
}

uint64_t meet_clock_ns(void)
{
	struct timespec now;

	if (sys_call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0, 0))
		return UINT64_MAX; /* no kernel any more (setup.c): every wait is over */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Sleeps while *word is `is`, until then at most. */
static void futex_wait(uint32_t *word, uint32_t is, uint64_t until_ns)
{
	struct timespec until = { .tv_sec = (time_t)(until_ns / 1000000000u),
				  .tv_nsec = (long)(until_ns % 1000000000u) };

	sys_call(SYS_futex, (long)word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, (long)is,
		 (long)&until, 0, (long)FUTEX_BITSET_MATCH_ANY);
}

static void futex_wake_all(uint32_t *word)
{
	sys_call(SYS_futex, (long)word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, 0, 0, 0);
}

/* --- the table ---------------------------------------------------------------------------- */

static struct place *place_claim(const struct presence *presence, uint64_t now_ns, uint64_t wait_ns)
{
	for (int i = 0; i < PLACES; i++) {
		struct place *p = &meeting->places[i];
		uint32_t state = __atomic_load_n(&p->state, __ATOMIC_ACQUIRE);
		uint32_t filling = ((state & ~(uint32_t)PHASE_MASK) + NEXT_USE) | FILLING;
		bool left = (state & PHASE_MASK) != FREE && p->until_ns + 1000000000u < now_ns;

		if (((state & PHASE_MASK) != FREE && !left) ||
		    !__atomic_compare_exchange_n(&p->state, &state, filling, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		p->until_ns = now_ns + wait_ns;
		p->here = *presence;
		__atomic_store_n(&p->state, filling - FILLING + WAITS, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&meeting->arrivals, 1, __ATOMIC_SEQ_CST);
		futex_wake_all(&meeting->arrivals);
		return p;
	}
	return NULL;
}

static bool place_release(struct place *p, uint32_t state)
{
	uint32_t go = (state & ~(uint32_t)PHASE_MASK) | GO;

	if (!__atomic_compare_exchange_n(&p->state, &state, go, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	futex_wake_all(&p->state);
	return true;
}

/* Waits to be released; frees the place. Whether it was. */
static bool place_wait(struct place *p)
{
	uint32_t state;

	for (;;) {
		state = __atomic_load_n(&p->state, __ATOMIC_ACQUIRE);
		if ((state & PHASE_MASK) != WAITS || meet_clock_ns() >= p->until_ns)
			break;
		futex_wait(&p->state, state, p->until_ns);
	}
	state = __atomic_exchange_n(&p->state, state & ~(uint32_t)PHASE_MASK, __ATOMIC_ACQ_REL);
	return (state & PHASE_MASK) == GO;
}

/* --- cycles ------------------------------------------------------------------------------- */

/* One look for a cycle: who takes which member's part, from the thread's own on. */
struct search {
	const struct presence *part[PLAN_MEMBERS];
	struct place *place[PLAN_MEMBERS]; /* NULL: the thread that looks */
	uint32_t state[PLAN_MEMBERS];
	uint64_t now_ns;
	uint32_t steps;
};

/* May `wanted`, if it is known, be something that this one holds as that member? */
static bool holds_it(const struct presence *presence, uint32_t member, uintptr_t wanted)
{
	if (!wanted || plan->members[member].held == PLAN_HELD_NOTHING)
		return true;
	for (uint32_t i = 0; i < presence->nr_holds; i++)
		if (presence->holds[i].lock == wanted && presence->holds[i].members >> member & 1)
			return true;
	return false;
}

static bool is_taken(const struct search *s, uint32_t nr, const struct place *p)
{
	for (uint32_t i = 0; i < nr; i++)
		if (s->place[i] == p)
			return true;
	return false;
}

/* Fills the parts from `nr` on; the first one's member is `first`. */
static bool search_next(struct search *s, uint32_t first, uint32_t nr)
{
	uint32_t member = (first + nr) % plan->nr_members;
	uintptr_t wanted = s->part[nr - 1]->wanted;

	if (nr == plan->nr_members)
		return holds_it(s->part[0], first, wanted);
	for (int i = 0; i < PLACES && ++s->steps < MAX_STEPS; i++) {
		struct place *p = &meeting->places[i];

		s->state[nr] = __atomic_load_n(&p->state, __ATOMIC_SEQ_CST);
		if ((s->state[nr] & PHASE_MASK) != WAITS || p->until_ns < s->now_ns ||
		    !(p->here.members >> member & 1) || is_taken(s, nr, p) ||
		    !holds_it(&p->here, member, wanted))
			continue;
		s->part[nr] = &p->here;
		s->place[nr] = p;
		if (search_next(s, first, nr + 1))
			return true;
	}
	return false;
}

static bool find_cycle(struct search *s, const struct presence *presence, struct place *own)
{
	for (uint32_t first = 0; first < plan->nr_members; first++) {
		if (!(presence->members >> first & 1))
			continue;
		*s = (struct search){ .part = { presence },
				      .place = { own },
				      .now_ns = meet_clock_ns() };
		if (search_next(s, first, 1))
			return true;
	}
	return false;
}

bool meet(const struct presence *presence, uint64_t wait_ns)
{
	struct place *own = NULL;
	struct search s;
	bool found;

	if (wait_ns)
		own = place_claim(presence, meet_clock_ns(), wait_ns);
	found = find_cycle(&s, presence, own);
	for (uint32_t i = 1; found && i < plan->nr_members; i++)
		place_release(s.place[i], s.state[i]);
	if (!own)
		return found;
	if (found)
		place_release(own, __atomic_load_n(&own->state, __ATOMIC_RELAXED));
	return place_wait(own);
}

/* Does the one want what the other one holds, as the member behind it? */
static bool is_before(const struct presence *one, const struct presence *other)
{
	for (uint32_t i = 0; i < plan->nr_members; i++) {
		uint32_t next = (i + 1) % plan->nr_members;

		if (one->members >> i & 1 && other->members >> next & 1 &&
		    holds_it(other, next, one->wanted))
			return true;
	}
	return false;
}

bool meet_is_open(const struct presence *presence)
{
	uint64_t now_ns = meet_clock_ns();
	bool alone = true;

	for (int i = 0; i < PLACES; i++) {
		struct place *p = &meeting->places[i];

		if ((__atomic_load_n(&p->state, __ATOMIC_ACQUIRE) & PHASE_MASK) != WAITS ||
		    p->until_ns < now_ns)
			continue;
		/* Of a cycle of two nothing would be missing: meet() would have found it. */
		if (plan->nr_members > 2 &&
		    (is_before(presence, &p->here) || is_before(&p->here, presence)))
			return true;
		alone = false;
	}
	return alone;
}

static bool somebody_else_is(uint32_t members)
{
	uint64_t now_ns = meet_clock_ns();

	for (int i = 0; i < PLACES; i++) {
		struct place *p = &meeting->places[i];

		if ((__atomic_load_n(&p->state, __ATOMIC_ACQUIRE) & PHASE_MASK) == WAITS &&
		    p->until_ns >= now_ns && p->here.members & ~members)
			return true;
	}
	return false;
}

bool meet_other(uint32_t members, uint64_t wait_ns)
{
	uint64_t until_ns = meet_clock_ns() + wait_ns;
	uint32_t arrivals;

	do {
		arrivals = __atomic_load_n(&meeting->arrivals, __ATOMIC_SEQ_CST);
		if (somebody_else_is(members))
			return true;
		futex_wait(&meeting->arrivals, arrivals, until_ns);
	} while (meet_clock_ns() < until_ns);
	return false;
}
