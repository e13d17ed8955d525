/* SPDX-License-Identifier: MIT */
/*
 * stuck.c: what really stood still when the recording ended
 *
 * Each thread that waits is a point, with an arrow to each thread that has what it wants: who holds
 * the lock in a way that excludes it; the thread whose end it waits for; and for a reader that no
 * holder excludes, the writers that stand in line. It needs all of them to let go, so every circle
 * is a deadlock. Who waits for a thread of the circle, or for one that does, stands behind it.
 *
 * A lock that nobody holds and that is not free was left by a thread that ended, or by one that a
 * fork did not take along. A wait for a
 * condition that never came back is told as a lost wake-up only when every thread of the process
 * waits without a deadline and nobody signalled since: an idle worker waits the same way, and
 * somebody may wake it.
 *
 * The pages are read one after the other. A program that is dead cannot change them; one that runs
 * could show two moments as one, so of it only waits count that are older than the reading.
 */
#include "stuck.h"

#include <errno.h>
#include <stdlib.h>

#include "../cursor.h"
#include "../hangs.h"
#include "judge.h"

enum color { NEW, ON_PATH, DONE };

struct stuck {
	struct order *order;
	const struct model *model;
	struct hang *hangs;
	size_t nr;
	enum color *color;
	uint32_t *path; /* hangs, in the way they wait */
	size_t length;
	uint32_t *finding; /* of each hang: the one that it is in or behind, + 1; 0: none */
};

/* ---- one thread's wait, as a member ---- */

static struct order_thing wanted_thing(const struct stuck *stuck, const struct hang *hang)
{
	const struct lock *lock = stuck->model->locks + hang->lock;

	if (hang->lock == UINT32_MAX)
		return (struct order_thing){ ORDER_THREAD, hang->target };
	if (lock->record->kind == TRACE_KIND_COND)
		return (struct order_thing){ ORDER_COND, hang->lock };
	if (lock->record->kind == TRACE_KIND_SEM && !lock->lock_like)
		return (struct order_thing){ ORDER_SEM, hang->lock };
	return (struct order_thing){ ORDER_LOCK, hang->lock };
}

static uint32_t same_node(const struct hang *hang, uint32_t node)
{
	return reader_same_node(hang->process->reader, node);
}

static struct order_member waiting_member(const struct stuck *stuck, const struct hang *hang)
{
	return (struct order_member){ .thread = hang->thread,
				      .wanted = wanted_thing(stuck, hang),
				      .wanted_node = same_node(hang, hang->slot->wait_node),
				      .wanted_mode = hang->mode,
				      .wanted_ticks = hang->slot->wait_since,
				      .wanted_stack = hang->slot->wait_stack,
				      .edge = UINT32_MAX };
}

static void set_held(struct order_member *member, const struct hang *hang, struct order_thing thing,
		     const struct trace_held *held)
{
	member->held = thing;
	member->held_node = same_node(hang, held->node);
	member->held_mode = held->mode & (TRACE_HOW_MASK | TRACE_SHARED);
	member->held_ticks = held->since;
}

/* What `before` waits for and the member has; a writer in line has nothing yet. */
static void set_held_for(const struct stuck *stuck, struct order_member *member,
			 const struct hang *hang, const struct hang *before)
{
	struct order_thing thing = wanted_thing(stuck, before);
	struct hang_holder holder = { 0 };

	if (thing.what == ORDER_THREAD)
		member->held = thing;
	while (hang_next_holder(stuck->model, before, &holder))
		if (holder.slot == hang->slot)
			set_held(member, hang, thing, holder.held);
}

/* ---- the graph ---- */

static uint32_t hang_of_slot(const struct stuck *stuck, const struct trace_slot *slot)
{
	for (size_t i = 0; i < stuck->nr; i++)
		if (stuck->hangs[i].slot == slot)
			return (uint32_t)i;
	return UINT32_MAX;
}

/* Of a program that ran when its pages were read: whether it waited before that already. */
static bool counts(const struct hang *hang)
{
	return !reader_is_live(hang->process->reader) || hang->wait_ns > 0;
}

/* Whether `other` is a writer that the reader `hang` stands behind. */
static bool is_ahead(const struct stuck *stuck, const struct hang *hang, const struct hang *other)
{
	return hang->mode & TRACE_SHARED && other->lock == hang->lock &&
	       !(other->mode & TRACE_SHARED) &&
	       stuck->model->locks[hang->lock].record->kind == TRACE_KIND_RWLOCK;
}

static int visit(struct stuck *stuck, uint32_t number);

static int visit_holders(struct stuck *stuck, const struct hang *hang, bool *has_holder)
{
	struct hang_holder holder = { 0 };
	int err = 0;

	while (!err && hang_next_holder(stuck->model, hang, &holder)) {
		uint32_t next = hang_of_slot(stuck, holder.slot);

		*has_holder = true;
		if (next != UINT32_MAX)
			err = visit(stuck, next);
	}
	return err;
}

static int visit_next(struct stuck *stuck, const struct hang *hang)
{
	bool has_holder = false;
	int err = visit_holders(stuck, hang, &has_holder);

	for (uint32_t i = 0; !err && i < stuck->nr; i++) {
		const struct hang *other = &stuck->hangs[i];

		if (other->process != hang->process)
			continue;
		if (hang->lock == UINT32_MAX
			    ? hang->target != UINT32_MAX && other->thread == hang->target
			    : !has_holder && is_ahead(stuck, hang, other))
			err = visit(stuck, i);
	}
	return err;
}

/* ---- circles ---- */

/* Where in a circle to begin to tell of it: at the thread that was created first. */
static size_t eldest(const struct stuck *stuck, const uint32_t *circle, size_t nr)
{
	size_t best = 0;

	for (size_t i = 1; i < nr; i++)
		if (stuck->hangs[circle[i]].thread < stuck->hangs[circle[best]].thread)
			best = i;
	return best;
}

static int add_circle(struct stuck *stuck, const uint32_t *circle, size_t nr)
{
	struct order_finding *finding = judge_new_finding(
		stuck->order, stuck->hangs[circle[0]].process->number, ORDER_OCCURRED, nr);
	size_t first = eldest(stuck, circle, nr);

	if (!finding)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		uint32_t number = circle[(first + i) % nr];
		const struct hang *hang = &stuck->hangs[number];
		const struct hang *before = &stuck->hangs[circle[(first + i + nr - 1) % nr]];

		finding->members[i] = waiting_member(stuck, hang);
		set_held_for(stuck, &finding->members[i], hang, before);
		if (hang->is_bounded)
			finding->level = ORDER_BOUNDED_STALL;
		stuck->finding[number] = (uint32_t)stuck->order->nr_findings;
	}
	return 0;
}

static int close_circle(struct stuck *stuck, uint32_t number)
{
	size_t first = stuck->length;

	while (stuck->path[--first] != number)
		;
	if (stuck->finding[number])
		return 0;
	return add_circle(stuck, stuck->path + first, stuck->length - first);
}

static int visit(struct stuck *stuck, uint32_t number)
{
	int err;

	if (stuck->color[number] == ON_PATH)
		return close_circle(stuck, number);
	if (stuck->color[number] == DONE || !counts(&stuck->hangs[number]))
		return 0;
	stuck->color[number] = ON_PATH;
	stuck->path[stuck->length++] = number;
	err = visit_next(stuck, &stuck->hangs[number]);
	stuck->length--;
	stuck->color[number] = DONE;
	return err;
}

/* ---- owners that ended ---- */

static uint32_t ended_owner(const struct stuck *stuck, const struct hang *hang)
{
	for (size_t i = stuck->model->nr_threads; hang->slot->wait_owner && i-- > 0;) {
		const struct thread *thread = &stuck->model->threads[i];

		if (thread->process == hang->process &&
		    thread->record->tid == hang->slot->wait_owner)
			return thread->record->end_ticks ? (uint32_t)i : UINT32_MAX;
	}
	return UINT32_MAX;
}

/*
 * Of a lock that this process alone uses: its owner is no thread of it, so a fork left it behind.
 * *owner: who that was, UINT32_MAX without the parent's trace.
 */
static bool forked_owner(const struct stuck *stuck, const struct hang *hang, uint32_t *owner)
{
	const struct trace_header *header = reader_header(hang->process->reader);
	const struct lock *lock = &stuck->model->locks[hang->lock];

	*owner = UINT32_MAX;
	if (!hang->slot->wait_owner || lock->record->flags & TRACE_LOCK_PSHARED ||
	    header->losses[TRACE_LOSS_THREADS])
		return false;
	for (size_t i = 0; i < stuck->model->nr_threads; i++) {
		const struct thread *thread = &stuck->model->threads[i];

		if (thread->record->tid != hang->slot->wait_owner)
			continue;
		if (thread->process == hang->process)
			return false;
		if (thread->process->reader &&
		    reader_header(thread->process->reader)->pid == header->ppid)
			*owner = (uint32_t)i;
	}
	return true;
}

/* Where it was taken by somebody who never released it; NULL: nobody did. */
static const struct site *left_site(const struct model *model, uint32_t lock)
{
	for (size_t i = 0; i < model->nr_sites; i++)
		if (model->sites[i].lock == lock && model->sites[i].all.left > 0)
			return &model->sites[i];
	return NULL;
}

/* `number` waits for a lock that `owner` left behind; site: where that one took it, or NULL. */
static int add_left(struct stuck *stuck, uint32_t number, enum order_level level, uint32_t owner,
		    const struct site *site)
{
	const struct hang *hang = &stuck->hangs[number];
	struct order_finding *finding =
		judge_new_finding(stuck->order, hang->process->number, level, 2);

	if (!finding)
		return -ENOMEM;
	finding->members[0] = waiting_member(stuck, hang);
	finding->members[1] = (struct order_member){ .thread = owner,
						     .held = finding->members[0].wanted,
						     .held_node = site ? site->node : 0,
						     .held_mode = site ? site->mode : 0,
						     .edge = UINT32_MAX };
	stuck->finding[number] = (uint32_t)stuck->order->nr_findings;
	return 0;
}

static int find_left(struct stuck *stuck, uint32_t number)
{
	const struct hang *hang = &stuck->hangs[number];
	struct hang_holder holder = { 0 };
	const struct site *site;
	uint32_t owner;

	if (stuck->finding[number] || !counts(hang) ||
	    wanted_thing(stuck, hang).what != ORDER_LOCK ||
	    hang_next_holder(stuck->model, hang, &holder))
		return 0;
	if (forked_owner(stuck, hang, &owner))
		return add_left(stuck, number,
				hang->is_bounded ? ORDER_FORK_WITH_LOCK : ORDER_OCCURRED, owner,
				NULL);
	site = left_site(stuck->model, hang->lock);
	owner = ended_owner(stuck, hang);
	if (!site || owner == UINT32_MAX)
		return 0;
	return add_left(stuck, number, hang->is_bounded ? ORDER_BOUNDED_STALL : ORDER_OCCURRED,
			owner, site);
}

/* ---- who stands behind ---- */

static uint32_t finding_of_next(const struct stuck *stuck, const struct hang *hang)
{
	struct hang_holder holder = { 0 };

	while (hang_next_holder(stuck->model, hang, &holder)) {
		uint32_t next = hang_of_slot(stuck, holder.slot);

		if (next != UINT32_MAX && stuck->finding[next])
			return stuck->finding[next];
	}
	for (size_t i = 0; i < stuck->nr; i++) {
		const struct hang *other = &stuck->hangs[i];

		if (!stuck->finding[i] || other->process != hang->process)
			continue;
		if (hang->lock == UINT32_MAX ? other->thread == hang->target
					     : other->lock == hang->lock && !holder.slot)
			return stuck->finding[i];
	}
	return 0;
}

static int add_behind(struct stuck *stuck, uint32_t number, uint32_t behind)
{
	struct order_finding *finding = &stuck->order->findings[behind - 1];
	struct order_member *members =
		reallocarray(finding->behind, finding->nr_behind + 1, sizeof(*members));

	if (!members)
		return -ENOMEM;
	finding->behind = members;
	members[finding->nr_behind++] = waiting_member(stuck, &stuck->hangs[number]);
	stuck->finding[number] = behind;
	return 0;
}

static int find_behind(struct stuck *stuck)
{
	bool again = true;

	while (again) {
		again = false;
		for (uint32_t i = 0; i < stuck->nr; i++) {
			uint32_t behind;

			if (stuck->finding[i] || stuck->hangs[i].thread == UINT32_MAX)
				continue;
			behind = finding_of_next(stuck, &stuck->hangs[i]);
			if (!behind)
				continue;
			if (add_behind(stuck, i, behind) < 0)
				return -ENOMEM;
			again = true;
		}
	}
	return 0;
}

/* ---- lost wake-ups ---- */

/* Whether all threads of the process wait, and none of the waits ends by itself. */
static bool all_wait(const struct stuck *stuck, const struct process *process)
{
	size_t waiting = 0, living = 0;

	for (size_t i = 0; i < stuck->nr; i++) {
		if (stuck->hangs[i].process != process)
			continue;
		if (stuck->hangs[i].is_bounded || !counts(&stuck->hangs[i]))
			return false;
		waiting++;
	}
	for (size_t i = 0; i < stuck->model->nr_threads; i++)
		living += stuck->model->threads[i].process == process &&
			  !stuck->model->threads[i].record->end_ticks;
	return waiting == living && !reader_header(process->reader)->losses[TRACE_LOSS_THREADS];
}

/* When a condition was signalled last; UINT64_MAX: that is not known. */
static uint64_t last_signal(const struct stuck *stuck, const struct hang *hang)
{
	struct reader *reader = hang->process->reader;
	uint64_t last = 0;

	for (size_t i = 0; i < stuck->model->nr_conds; i++)
		if (stuck->model->conds[i].lock == hang->lock &&
		    stuck->model->conds[i].signals + stuck->model->conds[i].broadcasts)
			last = UINT64_MAX;
	if (!last || reader_header(reader)->mode_at_start == TRACE_MODE_PROFILE ||
	    reader_has_folded(reader))
		return last;
	last = 0;
	for (size_t i = 0; i < reader_nr_streams(reader); i++) {
		struct cursor cursor;

		cursor_init(&cursor, reader_stream(reader, i));
		while (cursor_next(&cursor)) {
			const struct trace_node *node;

			if (cursor.event.type != TRACE_EV_SIGNAL || cursor.event.ticks <= last)
				continue;
			node = reader_node(reader, (uint32_t)cursor.event.arg);
			if (node && node->lock == stuck->model->locks[hang->lock].id)
				last = cursor.event.ticks;
		}
	}
	return last;
}

/* A deadlock explains why nobody comes to signal; and one finding is enough for a condition. */
static bool is_explained(const struct stuck *stuck, const struct hang *hang)
{
	for (size_t i = 0; i < stuck->order->nr_findings; i++) {
		const struct order_finding *finding = &stuck->order->findings[i];

		if (finding->process == hang->process->number &&
		    (finding->level == ORDER_OCCURRED ||
		     (finding->members[0].wanted.what == ORDER_COND &&
		      finding->members[0].wanted.index == hang->lock)))
			return true;
	}
	return false;
}

static int find_lost_wakeup(struct stuck *stuck, uint32_t number)
{
	const struct hang *hang = &stuck->hangs[number];
	struct order_finding *finding;

	if (wanted_thing(stuck, hang).what != ORDER_COND || is_explained(stuck, hang) ||
	    !all_wait(stuck, hang->process) || last_signal(stuck, hang) > hang->slot->wait_since)
		return 0;
	finding = judge_new_finding(stuck->order, hang->process->number, ORDER_LOST_WAKEUP, 1);
	if (!finding)
		return -ENOMEM;
	finding->members[0] = waiting_member(stuck, hang);
	stuck->finding[number] = (uint32_t)stuck->order->nr_findings;
	return 0;
}

int stuck_find(struct order *order)
{
	struct stuck stuck = { .order = order, .model = order->model };
	int err = hangs_find(order->model, &stuck.hangs, &stuck.nr);

	stuck.color = calloc(stuck.nr + 1, sizeof(*stuck.color));
	stuck.path = calloc(stuck.nr + 1, sizeof(*stuck.path));
	stuck.finding = calloc(stuck.nr + 1, sizeof(*stuck.finding));
	if (!stuck.color || !stuck.path || !stuck.finding)
		err = -ENOMEM;
	for (uint32_t i = 0; !err && i < stuck.nr; i++)
		err = visit(&stuck, i);
	for (uint32_t i = 0; !err && i < stuck.nr; i++)
		err = find_left(&stuck, i);
	for (uint32_t i = 0; !err && i < stuck.nr; i++)
		err = find_lost_wakeup(&stuck, i);
	if (!err)
		err = find_behind(&stuck);
	if (!err)
		err = refused_find(order);
	free(stuck.hangs);
	free(stuck.color);
	free(stuck.path);
	free(stuck.finding);
	return err;
}
