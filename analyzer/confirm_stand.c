/* SPDX-License-Identifier: MIT */
/*
 * confirm_stand.c: threads of one process that wait for each other in a circle
 *
 * The trace may be that of a running program: its state pages are copied one after the other, so a
 * circle seen once may never have been. One that is seen twice, with every thread waiting and
 * holding since the same moments, was there all the time between (standing_same()).
 *
 * This looks only at who waits for whom now, and may do so ten times a second. What such a
 * standstill means in the light of the whole run is `lockprof order`'s to say.
 */
#include "confirm.h"

#include <errno.h>
#include <stdlib.h>

/* `slot` holds the lock at `address`, as its state page says. */
struct owner {
	uint64_t address;
	uint32_t slot;
	const struct trace_held *held;
};

enum colour { UNSEEN, ON_PATH, DONE };

struct stand {
	const struct reader *reader;
	const struct plan *plan;
	size_t nr_slots, nr_owners;
	struct owner *owners; /* by address */
	unsigned char *colours;
	struct standing *path; /* the slots from the first on; `held` is what led there */
	struct standing *circle;
	int nr_circle;
	bool is_plans;
};

static int by_address(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static int collect_owners(struct stand *s)
{
	size_t nr = 0;

	for (size_t i = 0; i < s->nr_slots; i++)
		for (const struct trace_held *h = reader_slot(s->reader, i)->held; h->lock; h++)
			nr++;
	s->owners = calloc(nr + 1, sizeof(*s->owners));
	if (!s->owners)
		return -ENOMEM;
	for (size_t i = 0; i < s->nr_slots; i++)
		for (const struct trace_held *h = reader_slot(s->reader, i)->held; h->lock; h++)
			s->owners[s->nr_owners++] = (struct owner){ h->lock, (uint32_t)i, h };
	qsort(s->owners, s->nr_owners, sizeof(*s->owners), by_address);
	return 0;
}

/* The first owner of what the slot waits for; the others follow while the address is the same. */
static const struct owner *find_owner(const struct stand *s, const struct trace_slot *slot)
{
	const struct trace_node *node = reader_node(s->reader, slot->wait_node);
	const struct trace_lock *lock = node ? reader_lock(s->reader, node->lock) : NULL;
	size_t low = 0, high = s->nr_owners;

	if (!lock || lock->kind == TRACE_KIND_COND || lock->kind == TRACE_KIND_BARRIER ||
	    lock->kind == TRACE_KIND_FUTEX)
		return NULL;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (s->owners[middle].address < lock->address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->nr_owners && s->owners[low].address == lock->address ? &s->owners[low]
									     : NULL;
}

/* --- is it the plan's? -------------------------------------------------------------------- */

/* Where the thread asks; in the plan's words. */
static uint64_t wanted_code(const struct stand *s, const struct trace_slot *slot)
{
	const struct trace_node *node = reader_node(s->reader, slot->wait_node);
	const struct trace_stack *stack = reader_stack(s->reader, slot->wait_stack);
	uint64_t code = node ? node->site : stack && stack->nr_frames ? stack->frames[0] : 0;

	return code ? plan_find_code(s->plan, s->reader, code) : 0;
}

static uint64_t held_code(const struct stand *s, const struct trace_held *held)
{
	if (!held)
		return PLAN_HELD_THREAD;
	return plan_find_code(s->plan, s->reader, reader_code_address(s->reader, held->site));
}

/* Every thread stands at the places of a member of its own, and no member is left over. */
static bool is_of_plan(const struct stand *s, const struct standing *circle, int nr)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < s->plan->nr_members; i++)
		if (s->plan->members[i].held != PLAN_HELD_NOTHING)
			left |= 1u << i;
	for (int i = 0; i < nr; i++) {
		uint64_t held = held_code(s, circle[i].held);
		uint64_t wanted = wanted_code(s, circle[i].slot);
		uint32_t k = 0;

		if (circle[i].gives)
			continue; /* found by the plan itself */
		while (k < s->plan->nr_members &&
		       (!(left >> k & 1) || s->plan->members[k].held != held ||
			s->plan->members[k].wanted != wanted))
			k++;
		if (k == s->plan->nr_members)
			return false;
		left &= ~(1u << k);
	}
	return !left;
}

/*
 * Who took a token of a semaphore that is no lock counts as its owner, until it gives one back.
 * Only where the plan says that it is one, a circle through it is one.
 */
static bool has_semaphore(const struct stand *s, const struct standing *circle, int nr)
{
	for (int i = 0; i < nr; i++) {
		const struct trace_node *node = reader_node(s->reader, circle[i].slot->wait_node);
		const struct trace_lock *lock = node ? reader_lock(s->reader, node->lock) : NULL;

		if (lock && lock->kind == TRACE_KIND_SEM)
			return true;
	}
	return false;
}

/* --- circles ------------------------------------------------------------------------------ */

/* The path's end leads back to a slot in it, as `back` says. Keeps the circle if it is better. */
static void close_circle(struct stand *s, size_t nr_path, const struct standing *back)
{
	struct standing circle[PLAN_MEMBERS];
	size_t first = nr_path - 1;
	int nr;

	while (s->path[first].slot != back->slot)
		first--;
	nr = (int)(nr_path - first);
	if (s->is_plans || nr > PLAN_MEMBERS)
		return;
	for (int i = 0; i < nr; i++)
		circle[i] = s->path[first + (size_t)i];
	circle[0] = *back;
	s->is_plans = is_of_plan(s, circle, nr);
	if (!s->is_plans && (s->nr_circle || has_semaphore(s, circle, nr)))
		return;
	for (int i = 0; i < nr; i++)
		s->circle[i] = circle[i];
	s->nr_circle = nr;
}

static void follow(struct stand *s, uint32_t slot, struct standing link, size_t nr_path);

/* The path goes on to that slot, because of what it holds or gives. */
static void follow_to(struct stand *s, uint32_t next, const struct trace_held *held, bool gives,
		      size_t nr_path)
{
	struct standing link = { reader_slot(s->reader, next), held, gives };

	if (s->colours[next] == ON_PATH)
		close_circle(s, nr_path, &link);
	else if (s->colours[next] == UNSEEN)
		follow(s, next, link, nr_path);
}

static void follow_owners(struct stand *s, const struct trace_slot *from, size_t nr_path)
{
	const struct owner *owner = find_owner(s, from), *end = s->owners + s->nr_owners;
	uint64_t address = owner ? owner->address : 0;

	for (; owner && owner < end && owner->address == address; owner++)
		follow_to(s, owner->slot, owner->held, false, nr_path);
}

static void follow_thread(struct stand *s, const struct trace_slot *from, size_t nr_path)
{
	for (uint32_t i = 0; i < s->nr_slots; i++)
		if (reader_slot(s->reader, i)->thread == from->wait_thread)
			follow_to(s, i, NULL, false, nr_path);
}

/* Of a wait for a signal at a place of the plan: those that would give it are the next members. */
static void follow_givers(struct stand *s, const struct trace_slot *from, size_t nr_path)
{
	uint64_t wanted = wanted_code(s, from);

	for (uint32_t k = 0; k < s->plan->nr_members; k++) {
		uint32_t giver = (k + 1) % s->plan->nr_members;

		if (s->plan->members[k].wanted != wanted ||
		    s->plan->members[giver].held != PLAN_HELD_NOTHING)
			continue;
		for (uint32_t i = 0; i < s->nr_slots; i++)
			if (wanted_code(s, reader_slot(s->reader, i)) ==
			    s->plan->members[giver].wanted)
				follow_to(s, i, NULL, true, nr_path);
	}
}

/* Everything that the slot waits for. The path is no longer than there are slots. */
static void follow(struct stand *s, uint32_t slot, struct standing link, size_t nr_path)
{
	s->colours[slot] = ON_PATH;
	s->path[nr_path++] = link;
	if (link.slot->wait_node) {
		follow_owners(s, link.slot, nr_path);
		follow_givers(s, link.slot, nr_path);
	} else if (link.slot->wait_thread) {
		follow_thread(s, link.slot, nr_path);
	}
	s->colours[slot] = DONE;
}

int standing_find(const struct reader *reader, const struct plan *plan,
		  struct standing circle[PLAN_MEMBERS], bool *is_plans)
{
	struct stand s = { .reader = reader,
			   .plan = plan,
			   .circle = circle,
			   .nr_slots = reader_nr_slots(reader) };
	int err;

	s.colours = calloc(s.nr_slots + 1, 1);
	s.path = calloc(s.nr_slots + 1, sizeof(*s.path));
	err = s.colours && s.path ? collect_owners(&s) : -ENOMEM;
	for (uint32_t i = 0; !err && i < s.nr_slots; i++)
		if (s.colours[i] == UNSEEN)
			follow(&s, i, (struct standing){ reader_slot(reader, i), NULL, false }, 0);
	free(s.owners);
	free(s.colours);
	free(s.path);
	*is_plans = s.is_plans;
	return err ? err : s.nr_circle;
}

bool standing_same(const struct standing *a, const struct standing *b, int nr)
{
	for (int i = 0; i < nr; i++) {
		const struct trace_slot *x = a[i].slot, *y = b[i].slot;

		if (x->thread != y->thread || a[i].gives != b[i].gives ||
		    x->wait_since != y->wait_since || x->wait_node != y->wait_node ||
		    x->wait_thread != y->wait_thread || !a[i].held != !b[i].held ||
		    (a[i].held &&
		     (a[i].held->lock != b[i].held->lock || a[i].held->since != b[i].held->since)))
			return false;
	}
	return true;
}

bool standing_needs_signal(const struct standing *circle, int nr)
{
	for (int i = 0; i < nr; i++)
		if (circle[i].gives)
			return true;
	return false;
}
