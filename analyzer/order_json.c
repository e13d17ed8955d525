/* SPDX-License-Identifier: MIT */
/*
 * order_json.c: the lock orders and what is wrong with them as JSON, schema lockprof-order/1
 *
 * Times are integral ns since the recording's start, null where they are not known. An edge has the
 * place where its first lock was taken and the one where the second was asked for; edges that
 * differ in places alone are apart. "findings" have those that a suppression fits, too, with the
 * reason in "suppressed".
 */
#include "json.h"
#include "order_view.h"

#include <errno.h>
#include <stdlib.h>

static const char *const hidden_keys[ORDER_HIDDEN_REASONS] = {
	[ORDER_HIDDEN_GATE] = "gate",
	[ORDER_HIDDEN_ONE_THREAD] = "one_thread",
	[ORDER_HIDDEN_READERS] = "readers",
	[ORDER_HIDDEN_TRY] = "try",
	[ORDER_HIDDEN_START_JOIN] = "start_join",
	[ORDER_HIDDEN_SEM] = "sem",
	[ORDER_HIDDEN_COND] = "cond",
	[ORDER_HIDDEN_BARRIER] = "barrier",
	[ORDER_HIDDEN_ORDERED] = "ordered",
	[ORDER_HIDDEN_REFUTED] = "refuted",
	[ORDER_HIDDEN_SIGNALLERS] = "signallers",
	[ORDER_HIDDEN_SUPPRESSED] = "suppressed",
};

static const char *what_word(enum order_resource what)
{
	static const char *const words[] = { "none", "lock", "thread", "cond", "sem" };

	return words[what];
}

const char *order_json_mode(uint32_t mode)
{
	switch (mode & TRACE_HOW_MASK) {
	case TRACE_HOW_TRY:
		return mode & TRACE_SHARED ? "try read" : "try";
	case TRACE_HOW_TIMED:
		return mode & TRACE_SHARED ? "timed read" : "timed";
	case TRACE_HOW_REACQUIRE:
		return "reacquire";
	case TRACE_HOW_WAIT:
		return "wait";
	default:
		return mode & TRACE_SHARED ? "read" : "lock";
	}
}

void order_json_thing(struct json *json, const char *key, const struct order *order,
		      struct order_thing thing)
{
	if (!thing.what) {
		json_null(json, key);
		return;
	}
	json_object_begin(json, key);
	json_string(json, "what", what_word(thing.what));
	json_string(json, "name", order_label(order, thing));
	json_uint(json, "id",
		  thing.what == ORDER_THREAD ? order->model->threads[thing.index].id
					     : order->model->locks[thing.index].id);
	if (thing.what != ORDER_THREAD)
		json_string(json, "class", order_class(order, thing));
	json_object_end(json);
}

void order_json_thread(struct json *json, const char *key, const struct model *model,
		       uint32_t thread)
{
	if (thread >= model->nr_threads) {
		json_null(json, key);
		return;
	}
	json_object_begin(json, key);
	json_string(json, "name", model->threads[thread].name);
	json_uint(json, "tid", model->threads[thread].record->tid);
	json_uint(json, "id", model->threads[thread].id);
	json_object_end(json);
}

void order_json_stack(struct json *json, const char *key, const struct order_view *view,
		      uint32_t process, struct order_spot spot)
{
	struct frame frames[REPORT_FRAMES];
	size_t nr = 0;

	if (spot.node || spot.stack)
		nr = order_frames(view, process, spot.node, spot.stack, frames, REPORT_FRAMES);
	report_json_stack(json, key, frames, nr);
}

static void put_time(struct json *json, const char *key, const struct order_view *view,
		     uint32_t process, uint64_t ticks)
{
	const struct reader *reader = view->order->model->processes[process].reader;

	if (ticks && reader)
		json_uint(json, key, reader_time_ns(reader, ticks));
	else
		json_null(json, key);
}

/* ---- findings ---- */

/* A member's part of the circle: it holds "from" and asks for "to". */
static void put_member(struct json *json, const struct order_view *view, uint32_t process,
		       const struct order_member *member)
{
	const struct order *order = view->order;

	json_object_begin(json, NULL);
	order_json_thing(json, "from", order, member->held);
	order_json_thing(json, "to", order, member->wanted);
	order_json_thread(json, "thread", order->model, member->thread);
	json_string(json, "from_mode", order_json_mode(member->held_mode));
	json_string(json, "mode", order_json_mode(member->wanted_mode));
	json_uint(json, "count", order_count(order, member->held, member->wanted));
	json_uint(json, "number", member->number);
	put_time(json, "from_ns", view, process, member->held_ticks);
	put_time(json, "to_ns", view, process, member->wanted_ticks);
	json_object_begin(json, "stacks");
	order_json_stack(json, "from", view, process, order_held_spot(member));
	order_json_stack(json, "to", view, process, order_wanted_spot(member));
	json_object_end(json);
	json_object_end(json);
}

static void put_members(struct json *json, const char *key, const struct order_view *view,
			uint32_t process, const struct order_member *members, size_t nr)
{
	json_array_begin(json, key);
	for (size_t i = 0; i < nr; i++)
		put_member(json, view, process, &members[i]);
	json_array_end(json);
}

/* What the circle is made of, each once. */
static void put_locks(struct json *json, const struct order *order,
		      const struct order_finding *finding)
{
	json_array_begin(json, "locks");
	for (size_t i = 0; i < finding->nr_members; i++) {
		struct order_thing thing = finding->members[i].held;

		if (!thing.what)
			thing = finding->members[i].wanted;
		json_string(json, NULL, order_label(order, thing));
	}
	json_array_end(json);
}

static void put_witness(struct json *json, const struct order_view *view,
			const struct order_finding *finding)
{
	json_array_begin(json, "witness");
	for (size_t i = 0; i < finding->nr_steps; i++) {
		json_object_begin(json, NULL);
		order_json_thread(json, "thread", view->order->model, finding->steps[i].thread);
		put_time(json, "until_ns", view, finding->process, finding->steps[i].until_ticks);
		json_uint(json, "operations", finding->steps[i].nr_events);
		json_object_end(json);
	}
	json_array_end(json);
}

typedef int (*put_words_fn)(const struct order_view *view, const struct order_finding *finding,
			    FILE *out);

/* A sentence of order_words.c as a string; its glue is a blank here. */
static int put_words(struct json *json, const char *key, const struct order_view *view,
		     const struct order_finding *finding, put_words_fn put)
{
	struct report_line line;
	int err = report_line_begin(&line);

	if (err)
		return err;
	err = put(view, finding, line.out);
	if (fclose(line.out) != 0)
		err = -ENOMEM;
	for (char *p = line.text; !err && *p; p++)
		if (*p == REPORT_GLUE[0])
			*p = ' ';
	if (!err)
		json_string(json, key, line.text);
	free(line.text);
	return err;
}

static int put_assumptions(struct json *json, const struct order_view *view,
			   const struct order_finding *finding)
{
	int err = 0;

	json_array_begin(json, "assumptions");
	for (size_t i = 0; !err && i < finding->nr_assumptions; i++) {
		struct report_line line;

		err = report_line_begin(&line);
		if (err)
			break;
		err = order_put_assumption(view, finding, &finding->assumptions[i], line.out);
		if (fclose(line.out) != 0)
			err = -ENOMEM;
		if (!err)
			json_string(json, NULL, line.text);
		free(line.text);
	}
	json_array_end(json);
	return err;
}

static int put_finding(struct json *json, const struct order_view *view,
		       const struct order_finding *finding)
{
	int err;

	json_object_begin(json, NULL);
	json_string(json, "level", order_level_words[finding->level]);
	json_string(json, "id", finding->id);
	json_uint(json, "pid",
		  report_header(&view->order->model->processes[finding->process])->pid);
	put_locks(json, view->order, finding);
	err = put_words(json, "text", view, finding, order_put_sentence);
	put_members(json, "edges", view, finding->process, finding->members, finding->nr_members);
	put_witness(json, view, finding);
	if (!err)
		err = put_assumptions(json, view, finding);
	if (!err)
		err = put_words(json, "hint", view, finding, order_put_hint);
	json_bool(json, "needs_reordering", finding->needs_reordering);
	json_uint(json, "instances", finding->instances);
	if (finding->gap_ns != UINT64_MAX)
		json_uint(json, "gap_ns", finding->gap_ns);
	else
		json_null(json, "gap_ns");
	json_uint(json, "overlaps", finding->overlap);
	json_string(json, "why", finding->why);
	put_members(json, "behind", view, finding->process, finding->behind, finding->nr_behind);
	json_string(json, "suppressed", finding->suppressed);
	json_object_end(json);
	return err;
}

/* ---- what is hidden, and what was not looked at ---- */

static void put_hidden(struct json *json, const struct order_view *view)
{
	const struct order *order = view->order;

	json_object_begin(json, "hidden");
	for (size_t i = 0; i < ORDER_HIDDEN_REASONS; i++)
		json_uint(json, hidden_keys[i], order->hidden[i]);
	json_object_end(json);
	if (!view->explain_hidden)
		return;
	json_array_begin(json, "hidden_cycles");
	for (size_t i = 0; i < order->nr_hidden_cycles; i++) {
		const struct order_hidden_cycle *cycle = &order->hidden_cycles[i];
		uint32_t thread = cycle->nr_members ? cycle->members[0].thread : UINT32_MAX;

		json_object_begin(json, NULL);
		json_string(json, "reason", hidden_keys[cycle->reason]);
		order_json_thing(json, "because", order, cycle->because);
		put_members(json, "edges", view,
			    thread < order->model->nr_threads
				    ? order->model->threads[thread].process->number
				    : 0,
			    cycle->members, cycle->nr_members);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_limits(struct json *json, const struct order *order)
{
	json_object_begin(json, "limits");
	json_bool(json, "no_events", order->no_events);
	json_bool(json, "cycles_capped", order->cycles_capped);
	json_uint(json, "skipped_cycles", order->skipped_cycles);
	json_uint(json, "max_cycle", order->max_cycle);
	json_bool(json, "longer_left", order->longer_left);
	json_uint(json, "clock_skews", order->clock_skews);
	json_uint(json, "lost_events", order->lost_events);
	json_object_end(json);
}

static void put_processes(struct json *json, const struct model *model)
{
	json_array_begin(json, "processes");
	for (size_t i = 0; i < model->nr_processes; i++)
		report_json_process(json, NULL, &model->processes[i]);
	json_array_end(json);
}

int order_json(const struct order_view *view, FILE *out)
{
	const struct order *order = view->order;
	struct json json;
	int err = 0;

	json_init(&json, out, !view->brief);
	json_object_begin(&json, NULL);
	json_string(&json, "schema", "lockprof-order/1");
	put_processes(&json, order->model);
	json_array_begin(&json, "findings");
	for (size_t i = 0; !err && i < order->nr_findings; i++)
		err = put_finding(&json, view, &order->findings[i]);
	json_array_end(&json);
	if (!err)
		err = order_json_edges(&json, view);
	put_hidden(&json, view);
	put_limits(&json, order);
	json_object_end(&json);
	return err ? err : json_finish(&json);
}
