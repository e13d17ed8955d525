/* SPDX-License-Identifier: MIT */
/*
 * points.c: what a thread does at a place of the plan; see points.h
 *
 * In front of a `held` call the lock is noted, in front of a release the note is struck out. A try
 * may have failed and its lock be gone since, memory and all: so whether a noted lock is held is
 * asked of the kernel, which compares a word and says EFAULT where there is none.
 *
 * All delays together are bounded: each is first taken out of its member's budget, which all
 * processes of a run share, and what was not used is given back. A member that comes often has its
 * delays spread over the number of times that it is expected, or a busy start would use them up.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <time.h>

#include "../mutex.h"
#include "../sys.h"
#include "meet.h"

__thread struct point_thread point_self __attribute__((tls_model("initial-exec")));

#define NR_MS 1000000u

static void count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static uint64_t counted(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* --- locks that the thread holds ---------------------------------------------------------- */

/* Nobody is woken or moved; what is left of the call is that it compares. */
static bool word_is(const int *word, int value)
{
	static uint32_t nowhere;

	return sys_call(SYS_futex, (long)word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 0, 0,
			(long)&nowhere, value) == 0;
}

static bool hold_is_true(const struct hold *hold)
{
	if (hold->kind == KIND(MUTEX, 0))
		return word_is(&((const pthread_mutex_t *)hold->lock)->__data.__owner,
			       sys_gettid());
	if (hold->kind == KIND(RWLOCK, 0))
		return word_is(&((const pthread_rwlock_t *)hold->lock)->__data.__cur_writer,
			       sys_gettid());
	return true; /* nobody keeps who has it */
}

static void hold_forget(struct point_thread *t, const void *lock)
{
	for (uint32_t i = t->nr_holds; i-- > 0;) {
		if (t->holds[i].lock != (uintptr_t)lock)
			continue;
		for (; i + 1 < t->nr_holds; i++)
			t->holds[i] = t->holds[i + 1];
		t->nr_holds--;
		return;
	}
}

static void hold_note(struct point_thread *t, const void *lock, uint32_t kind, uint32_t members)
{
	hold_forget(t, lock);
	if (!members || t->nr_holds == HOLDS)
		return;
	t->holds[t->nr_holds++] =
		(struct hold){ .lock = (uintptr_t)lock, .members = members, .kind = kind };
}

/* --- delays ------------------------------------------------------------------------------- */

/* Takes a delay out of the member's budget. 0: there is none for it now. */
static uint64_t delay_take(struct plan_member *member, uint64_t times)
{
	uint64_t spent = counted(&member->delayed_ns);

	if (member->expected > times &&
	    spent / NR_MS * member->expected > plan->budget_ns / NR_MS * times)
		return 0;
	if (__atomic_add_fetch(&member->delayed_ns, plan->delay_ns, __ATOMIC_RELAXED) >
	    plan->budget_ns) {
		__atomic_fetch_sub(&member->delayed_ns, plan->delay_ns, __ATOMIC_RELAXED);
		return 0;
	}
	count(&member->delayed, 1);
	return plan->delay_ns;
}

static void delay_give_back(struct plan_member *member, uint64_t taken, uint64_t began)
{
	uint64_t used = meet_clock_ns() - began;

	if (used < taken)
		__atomic_fetch_sub(&member->delayed_ns, taken - used, __ATOMIC_RELAXED);
}

static struct plan_member *first_member(uint32_t members)
{
	return &plan->members[__builtin_ctz(members)];
}

/*
 * A cycle can have a member that holds nothing: a writer that stands in line in front of a reader,
 * or who will give the signal once it has a lock. Its request must stand before the others' do.
 */
static void let_others_first(const struct plan_member *member)
{
	static const struct timespec settle = { .tv_nsec = 20000000 };
	uint32_t word = 0;
	bool others = false;

	for (uint32_t i = 0; i < plan->nr_members; i++)
		others |= plan->members[i].held == PLAN_HELD_NOTHING;
	if (others && member->held != PLAN_HELD_NOTHING)
		sys_call(SYS_futex, (long)&word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, (long)&settle,
			 0, 0);
}

static void stand(const struct presence *presence, uint64_t times)
{
	struct plan_member *member = first_member(presence->members);
	uint64_t began = meet_clock_ns(), taken = 0;
	bool met = meet(presence, 0);

	if (!met && (plan->delay != PLAN_DELAY_FEW || meet_is_open(presence)))
		taken = delay_take(member, times);
	if (taken)
		met = meet(presence, taken);
	if (met) {
		for (uint32_t i = 0; i < plan->nr_members; i++)
			count(&plan->members[i].met, presence->members >> i & 1);
		let_others_first(member);
	}
	delay_give_back(member, taken, began);
}

/* --- the places --------------------------------------------------------------------------- */

/* Adds the holds that `members` bring along; not of a mutex that is asked for once more. */
static void presence_add_holds(struct presence *presence, const struct point_thread *t,
			       uint32_t members)
{
	const uint32_t room = sizeof(presence->holds) / sizeof(presence->holds[0]);

	for (uint32_t i = 0; i < t->nr_holds && presence->nr_holds < room; i++) {
		const struct hold *hold = &t->holds[i];

		if (!(hold->members & members) || !hold_is_true(hold) ||
		    (hold->lock == presence->wanted && hold->kind == KIND(MUTEX, 0) &&
		     plan->nr_members > 1))
			continue;
		presence->holds[presence->nr_holds++] = *hold;
		presence->members |= hold->members & members;
	}
}

/* Members that bring no lock along, but themselves or nothing. */
static void presence_add_others(struct presence *presence, uint32_t members)
{
	struct hold self = { .lock = (uintptr_t)pthread_self() };

	for (uint32_t i = 0; i < plan->nr_members; i++) {
		uint64_t held = plan->members[i].held;

		if (!(members >> i & 1) || TRACE_PC_MODULE(held))
			continue;
		presence->members |= 1u << i;
		if (held == PLAN_HELD_THREAD)
			self.members |= 1u << i;
	}
	if (self.members)
		presence->holds[presence->nr_holds++] = self;
}

/* The thread is about to ask for `wanted`, as one of these members if it holds what they hold. */
static void reach_wanted(const struct point_thread *t, const void *wanted, uint32_t members)
{
	struct presence presence = { .wanted = (uintptr_t)wanted };
	uint64_t times = 0;

	presence_add_others(&presence, members);
	presence_add_holds(&presence, t, members);
	for (uint32_t i = 0; i < plan->nr_members; i++) {
		if (members >> i & 1)
			count(&plan->members[i].reached, 1);
		if (presence.members >> i & 1)
			count(&plan->members[i].with_held, 1);
	}
	if (!presence.members)
		return;
	times = counted(&first_member(presence.members)->with_held);
	stand(&presence, times);
}

/* The first call behind a `held` one, whatever it asks for. */
static void stand_early(struct point_thread *t)
{
	struct hold *hold = &t->holds[t->nr_holds - 1];
	struct presence presence = { .wanted = 0 };

	if (hold->delayed || !hold_is_true(hold))
		return;
	hold->delayed = true;
	presence.members = hold->members;
	presence.holds[presence.nr_holds++] = *hold;
	stand(&presence, 1 + counted(&first_member(hold->members)->with_held));
}

static void come_last(uint32_t member)
{
	struct plan_member *m = &plan->members[member];
	uint64_t began = meet_clock_ns();
	uint64_t taken = delay_take(m, 1 + counted(&m->with_held));

	if (!taken)
		return;
	meet_other(1u << member, taken);
	delay_give_back(m, taken, began);
}

/* False: not now. The caller sets busy to false afterwards. */
static bool point_begin(struct point_thread *t)
{
	if (!plan || sys_sealed || t->busy)
		return false;
	t->busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return true;
}

static void point_end(struct point_thread *t)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t->busy = false;
}

static void point_stand(struct point_thread *t, const void *wanted, struct point_members at)
{
	if (at.wanted)
		reach_wanted(t, wanted, at.wanted);
	else if (t->nr_holds && plan->delay == PLAN_DELAY_EARLY)
		stand_early(t);
	if (plan->delay == PLAN_DELAY_FIRST && at.held >> plan->late & 1)
		come_last(plan->late);
}

__attribute__((noinline)) void point_ask_here(const void *lock, uintptr_t site, uint32_t kind)
{
	struct point_thread *t = &point_self;
	struct point_members at;

	if (!point_begin(t))
		return;
	at = plan_find(site);
	point_stand(t, lock, at);
	if (at.held)
		hold_note(t, lock, kind, at.held);
	point_end(t);
}

__attribute__((noinline)) void point_wait_here(const void *cond, const void *mutex, uintptr_t site)
{
	struct point_thread *t = &point_self;
	struct point_members at;

	if (!point_begin(t))
		return;
	at = plan_find(site);
	point_stand(t, cond, at);
	hold_note(t, mutex, KIND(MUTEX, 0), at.held);
	point_end(t);
}

__attribute__((noinline)) void point_release_here(const void *lock, uint32_t kind)
{
	struct point_thread *t = &point_self;

	if ((kind == KIND(MUTEX, 0) && mutex_relocked(lock)) || !point_begin(t))
		return;
	hold_forget(t, lock);
	point_end(t);
}
