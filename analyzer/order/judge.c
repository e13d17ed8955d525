/* SPDX-License-Identifier: MIT */
/*
 * judge.c: what each cycle comes to
 *
 * Contexts show the cycles; only when one is left does anybody look at events. Of cycles at the
 * same places in the code one finding is enough: when one of them has a witness, the others are
 * counted as its instances and not judged.
 */
#include "judge.h"

#include <errno.h>
#include <stdlib.h>

#define JUDGE_STEPS	2000000000u
#define MEMORY		(512u << 20)
#define HIDDEN_EXAMPLES 20 /* of each reason */

/* Cycles at the same places. */
struct group {
	uint64_t places;
	size_t finding; /* index + 1; 0: none so far */
	enum verdict_end best;
	enum order_hidden reason;
	size_t cycle; /* of the best */
	uint64_t instances;
};

struct judge {
	struct order *order;
	const struct order_options *options;
	struct subject *subject;
	struct history *history;
	struct inquiry inquiry;
	struct group *groups;
	size_t nr_groups;
	uint32_t *slots; /* group + 1 */
	size_t nr_slots;
};

struct order_finding *judge_new_finding(struct order *order, uint32_t process,
					enum order_level level, size_t nr_members)
{
	struct order_finding *findings =
		realloc(order->findings, (order->nr_findings + 1) * sizeof(*findings));
	struct order_finding *f;

	if (!findings)
		return NULL;
	order->findings = findings;
	f = &findings[order->nr_findings];
	*f = (struct order_finding){ .level = level,
				     .process = process,
				     .nr_members = nr_members,
				     .instances = 1,
				     .gap_ns = UINT64_MAX };
	f->members = calloc(nr_members + 1, sizeof(*f->members));
	if (!f->members)
		return NULL;
	order->nr_findings++;
	return f;
}

/* ---- groups ---- */

static uint64_t places_of(const struct judge *j, const struct requests *requests,
			  const struct cycle *cycle)
{
	const struct contexts *c = j->subject->contexts;
	uint64_t sum = 0, product = 1;

	/* In whatever row: the sum does not see where the cycle begins. */
	for (uint32_t i = 0; i < cycle->nr; i++) {
		const struct request *r = &requests->at[cycle->request[i]];
		uint32_t before = cycle->request[(i + cycle->nr - 1) % cycle->nr];
		uint64_t place = rank_place(c->model, c->process, r->visitors[0].node,
					    subject_thing(j->subject, r->thing));

		place ^= rank_place(c->model, c->process, 0,
				    subject_thing(j->subject, requests->at[before].thing)) *
			 31;
		sum += place;
		product *= place | 1;
	}
	return sum ^ product ^ cycle->nr;
}

static struct group *find_group(struct judge *j, uint64_t places)
{
	size_t i = places & (j->nr_slots - 1);
	struct group *g;

	while (j->slots[i] && j->groups[j->slots[i] - 1].places != places)
		i = (i + 1) & (j->nr_slots - 1);
	if (!j->slots[i]) {
		g = &j->groups[j->nr_groups++];
		*g = (struct group){ .places = places, .reason = ORDER_HIDDEN_ORDERED };
		j->slots[i] = (uint32_t)j->nr_groups;
	}
	return &j->groups[j->slots[i] - 1];
}

static int groups_init(struct judge *j, size_t nr)
{
	free(j->groups);
	free(j->slots);
	j->nr_groups = 0;
	for (j->nr_slots = 64; j->nr_slots < nr * 2; j->nr_slots *= 2)
		;
	j->groups = calloc(nr + 1, sizeof(*j->groups));
	j->slots = calloc(j->nr_slots, sizeof(*j->slots));
	return j->groups && j->slots ? 0 : -ENOMEM;
}

/* ---- hidden ---- */

static int hide(struct judge *j, const struct requests *requests, const struct cycle *cycle,
		enum order_hidden reason)
{
	struct order *order = j->order;

	if (order->hidden[reason]++ >= HIDDEN_EXAMPLES || !j->options->keep_hidden)
		return 0;
	return findings_hide(order, j->subject, requests, cycle, reason);
}

static int hide_harmless(struct judge *j, const struct requests *requests,
			 const struct cycles *cycles)
{
	int err = 0;

	for (size_t i = 0; i < cycles->nr && !err; i++)
		if (cycles->at[i].reason != CYCLE_REAL)
			err = hide(j, requests, &cycles->at[i], cycles->at[i].reason);
	return err;
}

/* ---- judging ---- */

/* Why nothing about this process can be proved; NULL: nothing is in the way. */
static const char *doubt_all(const struct judge *j)
{
	const struct trace_header *header = reader_header(j->subject->reader);

	if (header->mode == TRACE_MODE_PROFILE || header->mode_at_start == TRACE_MODE_PROFILE)
		return "profile mode records no events";
	if (header->events & (TRACE_EVENT_SIZE_CAP | TRACE_EVENT_NO_SPACE))
		return "the recording has no events from some point on";
	if (header->losses[TRACE_LOSS_EVENTS] || j->subject->lost)
		return "events are missing in the recording";
	if (j->history && j->history->clock_skews)
		return "the clocks of the processors disagree";
	return NULL;
}

static const char *doubt_lock(const struct judge *j, uint32_t thing)
{
	const struct model *model = j->subject->contexts->model;
	const struct trace_lock *record;

	if (thing >= model->nr_locks)
		return NULL;
	record = model->locks[thing].record;
	if (record->flags & TRACE_LOCK_RECYCLED)
		return "one of the locks stands for many short lives at one address";
	if (record->flags & TRACE_LOCK_PSHARED)
		return "other processes may use one of the locks";
	return NULL;
}

static const char *doubt_cycle(const struct judge *j, const struct requests *requests,
			       const struct cycle *cycle)
{
	const char *why = NULL;

	for (uint32_t i = 0; i < cycle->nr && !why; i++)
		why = doubt_lock(j, requests->at[cycle->request[i]].thing);
	return why;
}

static const char *doubt_threads(const struct judge *j, const struct verdict *v)
{
	for (uint32_t t = 0; t < j->history->nr_threads; t++)
		if (v->upto && v->upto[t] && j->history->rows[t].unknown_start)
			return "who created one of the threads is not known";
	return NULL;
}

static void clear_witness(struct order_finding *f)
{
	free(f->steps);
	free(f->assumptions);
	f->steps = NULL;
	f->assumptions = NULL;
	f->nr_steps = f->nr_assumptions = 0;
	f->needs_reordering = false;
}

static void lower(struct order_finding *f, const char *why)
{
	if (f->level == ORDER_PREDICTED || f->level == ORDER_CONDITIONAL)
		f->level = ORDER_POTENTIAL;
	else if (f->level == ORDER_COMM_PREDICTED)
		f->level = ORDER_COMM_POTENTIAL;
	f->why = why;
	clear_witness(f);
}

/* A finding of this cycle; the group's earlier one, if it is no better, makes room. */
static int tell(struct judge *j, struct group *g, const struct cycle *cycle,
		const struct verdict *v)
{
	struct order *order = j->order;
	const char *why = doubt_cycle(j, &j->inquiry.requests, cycle);
	struct order_finding *f;
	int err = findings_fill(order, j->subject, &j->inquiry, cycle, v);

	if (err)
		return err;
	f = &order->findings[order->nr_findings - 1];
	if (v->end == VERDICT_POTENTIAL)
		lower(f, "the search for a schedule was given up");
	else if (why || (why = doubt_threads(j, v)))
		lower(f, why);
	else if (f->level < ORDER_POTENTIAL)
		err = unkept_skipped(j->subject, j->history, v, f);
	if (!err)
		err = distance_find(j->subject, &j->inquiry, cycle, f);
	if (g->finding) {
		struct order_finding old = order->findings[g->finding - 1];

		order->findings[g->finding - 1] = *f;
		*f = old;
		free(f->members);
		clear_witness(f);
		order->nr_findings--;
	} else {
		g->finding = order->nr_findings;
	}
	return err;
}

/* Whether a finding says already that these threads stood still over the same things. */
static bool occurred(const struct judge *j, const struct requests *requests,
		     const struct cycle *cycle)
{
	for (size_t i = 0; i < j->order->nr_findings; i++) {
		const struct order_finding *f = &j->order->findings[i];
		uint32_t same = 0;

		if (f->level != ORDER_OCCURRED || f->nr_members != cycle->nr)
			continue;
		for (uint32_t k = 0; k < cycle->nr; k++) {
			struct order_thing thing =
				subject_thing(j->subject, requests->at[cycle->request[k]].thing);

			for (uint32_t m = 0; m < cycle->nr; m++)
				same += f->members[m].wanted.what == thing.what &&
					f->members[m].wanted.index == thing.index;
		}
		if (same == cycle->nr)
			return true;
	}
	return false;
}

static int judge_cycle(struct judge *j, size_t number)
{
	const struct cycle *cycle = &j->inquiry.cycles.at[number];
	struct group *g = find_group(j, places_of(j, &j->inquiry.requests, cycle));
	struct verdict v;
	int err;

	if (occurred(j, &j->inquiry.requests, cycle))
		g->best = VERDICT_PREDICTED;
	g->instances++;
	if (g->best == VERDICT_PREDICTED)
		return 0;
	if (!j->inquiry.court.budget) {
		j->order->skipped_cycles++;
		return 0;
	}
	err = verdict_find(&j->inquiry.court, cycle, &v);
	if (!err && v.end > g->best) {
		g->best = v.end;
		g->reason = v.end == VERDICT_REFUTED ? ORDER_HIDDEN_REFUTED : v.reason;
		g->cycle = number;
		if (v.end >= VERDICT_POTENTIAL)
			err = tell(j, g, cycle, &v);
	}
	verdict_fini(&v);
	return err;
}

static int judge_cycles(struct judge *j)
{
	const struct cycles *cycles = &j->inquiry.cycles;
	int err = groups_init(j, cycles->nr);

	for (size_t i = 0; i < cycles->nr && !err; i++)
		if (cycles->at[i].reason == CYCLE_REAL)
			err = judge_cycle(j, i);
	for (size_t i = 0; i < j->nr_groups && !err; i++) {
		const struct group *g = &j->groups[i];

		if (g->finding)
			j->order->findings[g->finding - 1].instances = g->instances;
		else if (g->best != VERDICT_PREDICTED)
			err = hide(j, &j->inquiry.requests, &cycles->at[g->cycle],
				   g->best == VERDICT_NONE ? ORDER_HIDDEN_READERS : g->reason);
	}
	return err;
}

/* Without events: every cycle that the contexts show may be one. */
static int judge_plainly(struct judge *j, const struct requests *requests,
			 const struct cycles *cycles, const char *why)
{
	int err = groups_init(j, cycles->nr);

	for (size_t i = 0; i < cycles->nr && !err; i++) {
		struct group *g;

		if (cycles->at[i].reason != CYCLE_REAL || occurred(j, requests, &cycles->at[i]))
			continue;
		g = find_group(j, places_of(j, requests, &cycles->at[i]));
		if (!g->instances++)
			err = findings_fill_plain(j->order, j->subject, requests, &cycles->at[i],
						  why);
		if (!g->finding)
			g->finding = j->order->nr_findings;
		if (!err)
			j->order->findings[g->finding - 1].instances = g->instances;
	}
	return err;
}

static int judge_by_events(struct judge *j, const struct requests *requests,
			   const struct cycles *cycles)
{
	uint32_t nodes = j->subject->contexts->nr;
	const char *why;
	int err;

	subject_keep(j->subject, requests, cycles);
	err = events_read(j->subject, j->options->max_memory ? j->options->max_memory : MEMORY,
			  &j->history, j->options->progress);
	if (err)
		return err;
	j->order->clock_skews += j->history->clock_skews;
	j->order->lost_events += j->subject->lost;
	why = doubt_all(j);
	if (why)
		return judge_plainly(j, requests, cycles, why);
	err = inquiry_init(&j->inquiry, j->history, nodes, j->order->max_cycle, JUDGE_STEPS);
	return err ? err : judge_cycles(j);
}

static bool any_real(const struct cycles *cycles)
{
	return cycles->nr && cycles->at[0].reason == CYCLE_REAL;
}

static int judge_subject(struct judge *j)
{
	struct requests requests = { .nr = 0 };
	struct cycles cycles = { .nr = 0 };
	const struct subject *s = j->subject;
	const char *why = doubt_all(j);
	int err = joins_find(j->subject);

	if (!err)
		err = subject_requests(s, &requests);
	if (!err)
		err = cycles_find(&cycles, &requests, s->things, s->nr_things, j->order->max_cycle);
	if (!err)
		err = hide_harmless(j, &requests, &cycles);
	j->order->cycles_capped |= cycles.capped;
	j->order->longer_left |= cycles.longer_left;
	j->order->no_events |= why != NULL;
	if (!err && any_real(&cycles))
		err = why ? judge_plainly(j, &requests, &cycles, why)
			  : judge_by_events(j, &requests, &cycles);
	cycles_fini(&cycles);
	requests_fini(&requests);
	return err;
}

int judge_process(struct order *order, const struct order_options *options,
		  struct contexts *contexts)
{
	struct judge j = { .order = order, .options = options };
	int err = subject_new(&j.subject, contexts);

	if (!err)
		err = judge_subject(&j);
	inquiry_fini(&j.inquiry);
	history_free(j.history);
	subject_free(j.subject);
	free(j.groups);
	free(j.slots);
	return err;
}
