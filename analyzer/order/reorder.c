/* SPDX-License-Identifier: MIT */
/*
 * reorder.c: see reorder.h
 *
 * Without the recorded order of locks it is open which of two conflicting sections comes first.
 * But two that are both open at the end of a prefix cannot be: one has to end in it. If one of
 * them causes the other's beginning, it is that one; else both are tried. When no two conflict any
 * more the prefix may be a run, which linear.c finds out. When every choice leads to a request
 * having to run, then no schedule of the recorded operations leads to all of them.
 */
#include <stdlib.h>

#include "reorder.h"

#define REORDER_CHOICES 200
#define REORDER_DEPTH	48

struct choices {
	const struct stop *stops;
	uint32_t nr;
	struct closure probe;
	uint32_t left;
	struct reorder *result;
};

struct section {
	uint32_t thread, at;
};

/* Whether `before` lies in what the acquisition `after` needs. */
static bool causes(struct choices *x, const struct section *before, const struct section *after)
{
	closure_clear(&x->probe);
	closure_extend(&x->probe, after->thread, after->at + 1);
	return x->probe.upto[before->thread] > before->at;
}

/* Whether a conflicting section in the prefix begins because of this open one. */
static bool causes_conflict(struct choices *x, const struct closure *c, const struct section *open)
{
	const struct history *h = c->history;
	const struct op *op = history_op(h, open->thread, open->at);

	for (uint32_t i = h->thing_uses[op->thing]; i < h->thing_uses[op->thing + 1]; i++) {
		struct section other = { h->uses[i].thread, NO_OP };

		if (other.thread == open->thread)
			continue;
		other.at = closure_last(c, &h->uses[i], op->flags & OP_SHARED);
		if (other.at != NO_OP && causes(x, open, &other))
			return true;
	}
	return false;
}

/* Ends the section; false when it never ends. */
static bool end_section(struct closure *c, const struct section *s)
{
	uint32_t release = history_op(c->history, s->thread, s->at)->mate;

	if (release == NO_OP)
		return false;
	closure_extend(c, s->thread, release + 1);
	return true;
}

/* Ends what has to end whatever is chosen. False: a request would have to run, or it cannot. */
static bool end_forced(struct choices *x, struct closure *c)
{
	bool grown = true;

	while (grown && *c->budget) {
		grown = false;
		if (closure_passed(c, x->stops, x->nr))
			return false;
		for (uint32_t i = 0; i < c->history->nr_threads && !grown; i++) {
			const struct row *row = &c->history->rows[i];
			uint32_t upto = c->upto[i], at = upto ? history_open(row, upto) : NO_OP;

			for (; at != NO_OP && !grown; at = history_open_next(row, upto, at)) {
				struct section s = { i, at };

				if (!causes_conflict(x, c, &s))
					continue;
				if (!end_section(c, &s))
					return false;
				grown = true;
			}
		}
	}
	return true;
}

/* An open section of another thread that conflicts with this open one. */
static bool find_rival(const struct closure *c, const struct section *s, struct section *rival)
{
	const struct history *h = c->history;
	const struct op *op = history_op(h, s->thread, s->at);

	for (uint32_t i = h->thing_uses[op->thing]; i < h->thing_uses[op->thing + 1]; i++) {
		const struct use *use = &h->uses[i];
		uint32_t at = closure_last(c, use, op->flags & OP_SHARED);

		if (use->thread == s->thread || at == NO_OP ||
		    history_op(h, use->thread, at)->mate < c->upto[use->thread])
			continue;
		*rival = (struct section){ use->thread, at };
		return true;
	}
	return false;
}

static bool find_conflict(const struct closure *c, struct section pair[2])
{
	for (uint32_t i = 0; i < c->history->nr_threads; i++) {
		const struct row *row = &c->history->rows[i];
		uint32_t upto = c->upto[i], at = upto ? history_open(row, upto) : NO_OP;

		for (; at != NO_OP; at = history_open_next(row, upto, at)) {
			pair[0] = (struct section){ i, at };
			if (find_rival(c, &pair[0], &pair[1]))
				return true;
		}
	}
	return false;
}

static enum reorder_end choose(struct choices *x, const struct closure *from, uint32_t depth);

/* Tries both ends of a conflict. */
static enum reorder_end branch(struct choices *x, const struct closure *c,
			       const struct section pair[2], uint32_t depth)
{
	enum reorder_end end = REORDER_REFUTED, one;
	struct closure next;

	if (closure_init(&next, c->history, c->budget))
		return REORDER_NO_MEMORY;
	for (int i = 0; i < 2 && end != REORDER_FOUND; i++) {
		closure_copy(&next, c);
		if (!end_section(&next, &pair[i]))
			continue;
		one = choose(x, &next, depth + 1);
		if (one != REORDER_REFUTED)
			end = one;
	}
	closure_fini(&next);
	return end;
}

static enum reorder_end choose(struct choices *x, const struct closure *from, uint32_t depth)
{
	enum reorder_end end = REORDER_REFUTED;
	struct section pair[2];
	struct closure c;

	if (!x->left || depth == REORDER_DEPTH || !*from->budget)
		return REORDER_UNKNOWN;
	x->left--;
	if (closure_init(&c, from->history, from->budget))
		return REORDER_NO_MEMORY;
	closure_copy(&c, from);
	if (end_forced(x, &c)) {
		if (!*c.budget)
			end = REORDER_UNKNOWN;
		else if (find_conflict(&c, pair))
			end = branch(x, &c, pair, depth);
		else
			end = reorder_line_up(&c, x->result);
	}
	closure_fini(&c);
	return end;
}

enum reorder_end reorder_find(const struct closure *base, const struct stop *stops, uint32_t nr,
			      struct reorder *result)
{
	struct choices x = { .stops = stops, .nr = nr, .left = REORDER_CHOICES, .result = result };
	enum reorder_end end;

	if (closure_init(&x.probe, base->history, base->budget))
		return REORDER_NO_MEMORY;
	end = choose(&x, base, 0);
	closure_fini(&x.probe);
	return end;
}
