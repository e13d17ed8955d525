/* SPDX-License-Identifier: MIT */
/*
 * judge_order.c: deadlocks and lock order, of whole runs
 *
 * Without a baseline every deadlock finding counts, with one only those that it has not: a gate is
 * there to keep a build from getting worse, and an old finding would fail every build until it is
 * repaired. An edge is new when no run of the baseline has it in a cycle. How often a rare order is
 * recorded is a matter of chance, so a longer or a second baseline knows more; but what was seen is
 * there.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static bool has_finding(const struct runs *runs, size_t nr, const char *id)
{
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < runs->runs[i].nr_findings; k++)
			if (strcmp(runs->runs[i].findings[k].id, id) == 0)
				return true;
	return false;
}

static int judge_finding(struct check *check, const struct run_finding *finding)
{
	const char *level = order_level_words[finding->level];
	struct result *result = check_add(check, TIER_EXACT, JUDGED_FAIL, "lock order", level);

	if (!result)
		return -ENOMEM;
	result->file = finding->file;
	result->function = finding->function;
	result->line = finding->line;
	return words_plain(result, "%s (%s), which %s: %s.", level, finding->id,
			   check->has_base ? "the baseline has not" : "fails any check",
			   finding->text);
}

static int judge_findings(struct check *check)
{
	const struct comparison *c = &check->comparisons[0];
	size_t before = check->nr_results;
	int err = 0;

	for (size_t i = 0; i < c->more->nr; i++) {
		const struct run *run = &c->more->runs[i];

		for (size_t k = 0; k < run->nr_findings && !err; k++) {
			const struct run_finding *finding = &run->findings[k];

			if ((int)finding->level <= check->budget->fail_on && !finding->suppressed &&
			    check->budget->fail_on < ORDER_LEVELS &&
			    !has_finding(c->base, c->base->nr, finding->id) &&
			    !has_finding(c->more, i, finding->id))
				err = judge_finding(check, finding);
		}
	}
	if (!err && check->nr_results == before && check->budget->fail_on < ORDER_LEVELS) {
		struct result *result =
			check_add(check, TIER_EXACT, JUDGED_PASS, "lock order", "deadlocks");

		err = result ? words_plain(result, "No %sdeadlock at or above %s.",
					   check->has_base ? "new " : "",
					   order_level_words[check->budget->fail_on])
			     : -ENOMEM;
	}
	return err;
}

static bool has_edge(const struct runs *runs, size_t nr, const struct run_edge *edge)
{
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < runs->runs[i].nr_edges; k++)
			if (strcmp(runs->runs[i].edges[k].from, edge->from) == 0 &&
			    strcmp(runs->runs[i].edges[k].to, edge->to) == 0)
				return true;
	return false;
}

static int judge_edges(struct check *check)
{
	const struct comparison *c = &check->comparisons[0];
	enum policy policy = check->budget->new_edges;

	if (!check->has_base || policy == POLICY_IGNORE)
		return 0;
	for (size_t i = 0; i < c->more->nr; i++) {
		for (size_t k = 0; k < c->more->runs[i].nr_edges; k++) {
			const struct run_edge *edge = &c->more->runs[i].edges[k];
			struct result *result;

			if (has_edge(c->base, c->base->nr, edge) || has_edge(c->more, i, edge))
				continue;
			result = check_add(check, TIER_EXACT,
					   policy == POLICY_FAIL ? JUDGED_FAIL : JUDGED_WARN,
					   "lock order", "edge in a cycle");
			if (!result ||
			    words_plain(result,
					"%s is now taken while %s is held, and this order lies in "
					"a cycle, which it does in no run of the baseline.",
					edge->to_label, edge->from_label))
				return -ENOMEM;
		}
	}
	return 0;
}

static int judge_cycles(struct check *check)
{
	const struct runs *more = check->comparisons[0].more;
	double most = 0, limit = check->budget->max_cycles;
	struct result *result;

	if (isnan(limit))
		return 0;
	for (size_t i = 0; i < more->nr; i++)
		most = fmax(most, more->runs[i].nr_cycles);
	result = check_add(check, TIER_EXACT, most > limit ? JUDGED_FAIL : JUDGED_PASS,
			   "lock order", "cycles");
	if (!result)
		return -ENOMEM;
	result->limit = limit;
	return words_plain(result,
			   "The lock graph has %.0f part%s with cycles; the budget allows %.0f.",
			   most,
			   most > 1   ? "s"
			   : most < 1 ? "s"
				      : "",
			   limit);
}

int judge_order(struct check *check)
{
	int err = judge_findings(check);

	if (!err)
		err = judge_edges(check);
	return err ? err : judge_cycles(check);
}
