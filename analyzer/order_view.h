/* SPDX-License-Identifier: MIT */
/*
 * order_view.h: what the writers of `lockprof order` share
 *
 *	cmd_order.c		the command: options, exit status
 *	order_suppress.c	findings that the user's file says nothing more of
 *	order_words.c		places, things and the parts of a cycle, in words
 *	order_advice.c		what to do about it, and what a level claims
 *	order_text.c		for people: each finding as a schedule that can be followed
 *	order_summary.c		... and what was looked at, what was hidden, what the levels mean
 *	order_json.c, order_sarif.c	for programs
 *	order_json_edges.c	... the graph in JSON
 *	order_dot.c		the lock graph, for graphviz
 *
 * The analysis itself is in order/; its result is struct order, and nobody here changes it.
 */
#ifndef ANALYZER_ORDER_VIEW_H
#define ANALYZER_ORDER_VIEW_H

#include "order/order.h"
#include "report.h"

struct suppressions;

struct order_view {
	const struct order *order;
	struct report report; /* how places, threads and times are told */
	bool all, explain_hidden;
	bool brief;	   /* JSON: on one line, and many edges by class, without stacks */
	const char *trace; /* as the user named it */
};

/* ---- order_words.c ---- */

/* "a_mu", "the end of worker-3", "a signal of queue_filled", "a token of slots". */
void order_put_thing(const struct order_view *view, FILE *out, struct order_thing thing);
/* The lock's or thread's bare name. */
const char *order_label(const struct order *order, struct order_thing thing);
/* Of its class: "door_mu[]". */
const char *order_class(const struct order *order, struct order_thing thing);
bool order_same_thing(struct order_thing a, struct order_thing b);
/* "one", "worker (4711)". */
void order_put_thread(const struct order_view *view, FILE *out, uint32_t thread);
/* The place of a context, or of the stack where there is one; to be freed. NULL: no memory. */
char *order_place(const struct order_view *view, uint32_t process, uint32_t node, uint32_t stack,
		  enum report_place_style style);
/* The frames behind it, the locking library's left out. */
size_t order_frames(const struct order_view *view, uint32_t process, uint32_t node, uint32_t stack,
		    struct frame *frames, size_t max);
/* Stack and node that tell where a member got what it holds, and where it asks. */
struct order_spot {
	uint32_t node, stack;
};
struct order_spot order_held_spot(const struct order_member *member);
struct order_spot order_wanted_spot(const struct order_member *member);
/* Whether the last member waits for nothing: it ended, or a fork did not take it along. */
bool order_is_left(const struct order_finding *finding);
bool order_is_forked(const struct order_view *view, const struct order_finding *finding);
/* How it came to leave its lock behind: "held when it ended". */
const char *order_left_words(const struct order_view *view, const struct order_finding *finding);
/* What the finding is, as one sentence without its end. */
int order_put_sentence(const struct order_view *view, const struct order_finding *finding,
		       FILE *out);
/* What a validated schedule takes for granted: one more. */
int order_put_assumption(const struct order_view *view, const struct order_finding *finding,
			 const struct order_assumption *assumption, FILE *out);

/* ---- order_advice.c ---- */

/* What to do about it, as one sentence without its end. */
int order_put_hint(const struct order_view *view, const struct order_finding *finding, FILE *out);
/* One line on what a level claims. */
const char *order_level_claim(enum order_level level);

/* How often `to` was asked for while `from` was held, at all places together. */
uint64_t order_count(const struct order *order, struct order_thing from, struct order_thing to);
size_t order_nr_pairs(const struct order *order);

/* ---- order_suppress.c ---- */

/* Reads the file. 0, or -errno with a message (path:line) on stderr. */
int suppressions_read(struct suppressions **suppressions, const char *path);
void suppressions_free(struct suppressions *suppressions);
/* Marks the rule that fits as used and returns its reason ("" when it has none), or NULL. */
const char *suppressions_find(struct suppressions *suppressions, const struct order_view *view,
			      const struct order_finding *finding);
/*
 * Marks the circles through a signal that others could give as well (COMM_POTENTIAL) as not told.
 * They are true as far as they go, but in a program that hands a token round, as python3 does, they
 * are everywhere and nobody ever meets one.
 */
void order_hide_signallers(struct order *order);
/* Tells of rules that nothing fitted, on stderr. */
void suppressions_tell_unused(const struct suppressions *suppressions);

/* ---- the writers; 0 or -errno ---- */

int order_text(const struct order_view *view, FILE *out);
int order_summary(const struct order_view *view, FILE *out);
int order_json(const struct order_view *view, FILE *out);
/* order_json_edges.c: the member "edges" of it. */
struct json;
int order_json_edges(struct json *json, const struct order_view *view);
void order_json_thing(struct json *json, const char *key, const struct order *order,
		      struct order_thing thing);
void order_json_thread(struct json *json, const char *key, const struct model *model,
		       uint32_t thread);
void order_json_stack(struct json *json, const char *key, const struct order_view *view,
		      uint32_t process, struct order_spot spot);
const char *order_json_mode(uint32_t mode);
int order_sarif(const struct order_view *view, FILE *out);
int order_dot(const struct order_view *view, FILE *out);

#endif
