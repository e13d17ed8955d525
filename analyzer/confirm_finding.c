/* SPDX-License-Identifier: MIT */
/*
 * confirm_finding.c: a finding of `lockprof order` to a plan
 *
 * The findings are worked out anew from the traces; their ids are the same each time. A finding
 * becomes a plan where threads ask for things that others have: what a delay can bring about. Locks
 * left by a thread that ended, or by a fork, need no delay, and have nobody who waits.
 */
#include "confirm.h"
#include "order/order.h"
#include "output.h"
#include "traces.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A finding on its way to a plan. */
struct making {
	struct plan *plan;
	const struct order *order;
	const struct order_finding *finding;
	const struct reader *reader;
	char *error;
};

static int cannot(const struct making *making, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int cannot(const struct making *making, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(making->error, CONFIRM_MESSAGE, format, args);
	va_end(args);
	return -EINVAL;
}

/* Where a context asks, else where a stack's innermost frame does. */
static uint64_t place(const struct making *making, uint32_t node, uint32_t stack)
{
	const struct trace_node *record = reader_node(making->reader, node);
	const struct trace_stack *frames = reader_stack(making->reader, stack);
	uint64_t code = record ? record->site : frames && frames->nr_frames ? frames->frames[0] : 0;

	return plan_code(making->plan, making->reader, code);
}

/* A join has no context; its stack is known from its end, or while it waits. */
static uint64_t wanted_place(const struct making *making, const struct order_member *member)
{
	const struct model *model = making->order->model;
	uint32_t stack = member->wanted_stack;

	for (size_t i = 0; member->wanted.what == ORDER_THREAD && !stack && i < model->nr_joins;
	     i++)
		if (model->joins[i].waiter == member->thread &&
		    model->joins[i].target == member->wanted.index)
			stack = model->joins[i].stack;
	return place(making, member->wanted_node, stack);
}

static uint64_t held_place(const struct making *making, const struct order_member *member)
{
	switch (member->held.what) {
	case ORDER_LOCK:
		return place(making, member->held_node, 0);
	case ORDER_THREAD:
		return PLAN_HELD_THREAD;
	default:
		return PLAN_HELD_NOTHING;
	}
}

static int add(const struct making *making, uint64_t held, uint64_t wanted, uint64_t expected)
{
	struct plan *plan = making->plan;

	if (plan->nr_members == PLAN_MEMBERS)
		return cannot(making, "it has more than %d threads", PLAN_MEMBERS);
	if (!held || !wanted)
		return cannot(making, "a place of it is in code that no file holds");
	plan->members[plan->nr_members++] =
		(struct plan_member){ .held = held, .wanted = wanted, .expected = expected };
	return 0;
}

/* Writers that have to stand in line in front of the reader that this member is. */
static int add_writers(const struct making *making, const struct order_member *member)
{
	int err = 0;

	for (size_t i = 0; !err && i < making->finding->nr_assumptions; i++) {
		const struct order_assumption *a = &making->finding->assumptions[i];

		if (a->what == ORDER_WRITER_WAITS && a->thread == member->thread &&
		    a->thing.index == member->wanted.index)
			err = add(making, PLAN_HELD_NOTHING, place(making, a->other_node, 0), 0);
	}
	return err;
}

/* Of a thread that reads again, nobody says which writer comes between: the most frequent one. */
static int add_any_writer(const struct making *making, const struct order_member *member)
{
	const struct model *model = making->order->model;
	const struct site *best = NULL;

	for (size_t i = 0; i < model->nr_sites; i++) {
		const struct site *site = &model->sites[i];

		if (site->lock == member->wanted.index && !(site->mode & TRACE_SHARED) &&
		    (site->mode & TRACE_HOW_MASK) != TRACE_HOW_TRY &&
		    (!best || site->all.acquired > best->all.acquired))
			best = site;
	}
	if (!best)
		return cannot(making, "nobody writes what is read twice");
	return add(making, PLAN_HELD_NOTHING,
		   plan_code(making->plan, making->reader, best->address), 0);
}

static int add_member(const struct making *making, const struct order_member *member)
{
	uint64_t expected = member->edge < making->order->nr_edges
				    ? making->order->edges[member->edge].count
				    : 0;
	int err;

	if (!member->wanted.what)
		return cannot(making, "it is about a thread that does not wait");
	err = add(making, held_place(making, member), wanted_place(making, member), expected);
	return err ? err : add_writers(making, member);
}

int plan_of_finding(struct plan *plan, const struct order *order,
		    const struct order_finding *finding, char error[CONFIRM_MESSAGE])
{
	const struct process *process = &order->model->processes[finding->process];
	const struct making making = { plan, order, finding, process->reader, error };
	int err = 0;

	plan_init(plan);
	if (finding->level == ORDER_LOST_WAKEUP || finding->level == ORDER_ABANDONED_RISK ||
	    finding->level == ORDER_FORK_WITH_LOCK || !finding->nr_members)
		return cannot(&making, "it is no circle of threads that wait");
	for (size_t i = 0; !err && i < finding->nr_members; i++)
		err = add_member(&making, &finding->members[i]);
	if (!err && finding->level == ORDER_RECURSIVE_READ && plan->nr_members == 1)
		err = add_any_writer(&making, &finding->members[0]);
	if (!err && finding->gap_ns != UINT64_MAX)
		plan->gap_ns = finding->gap_ns;
	return err;
}

/* --- which finding ------------------------------------------------------------------------ */

static const struct order_finding *find(const struct order *order, const char *id)
{
	for (size_t i = 0; i < order->nr_findings; i++)
		if (order->findings[i].id[0] &&
		    strncmp(order->findings[i].id, id, sizeof(order->findings[i].id)) == 0)
			return &order->findings[i];
	return NULL;
}

static int plan_from_model(struct plan *plan, struct model *model, const char *id, const char *path)
{
	const struct order_options options = { .progress = traces_progress };
	const struct order_finding *finding;
	struct order *order = NULL;
	char error[CONFIRM_MESSAGE];
	int err = model_finish(model);

	if (!err) {
		traces_progress_begin("judging");
		err = order_new(&order, model, &options);
		traces_progress_end();
	}
	if (err) {
		output_error("cannot tell the lock order: %s", strerror(-err));
		return err;
	}
	finding = find(order, id);
	err = finding ? plan_of_finding(plan, order, finding, error) : -ENOENT;
	if (!finding)
		output_error("%s has no finding %s: 'lockprof order' lists them", path, id);
	else if (err)
		output_error("finding %s cannot be confirmed: %s", id, error);
	order_free(order);
	return err;
}

int plan_from_traces(struct plan *plan, const char *id, const char *const *paths, size_t nr_paths)
{
	struct model *model = model_new();
	int err = model ? traces_add(model, paths, nr_paths) : -ENOMEM;

	if (!model)
		output_error("out of memory");
	if (!err)
		err = plan_from_model(plan, model, id, paths[0]);
	model_free(model);
	return err;
}

char *confirm_newest_trace(const char *program)
{
	const char *slash = strrchr(program, '/');
	char *pattern = NULL, *newest = NULL;
	struct stat best = { 0 }, st;
	glob_t found = { 0 };

	if (asprintf(&pattern, "lockprof.%s.*.trace", slash ? slash + 1 : program) < 0)
		return NULL;
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (stat(found.gl_pathv[i], &st) < 0 ||
		    (newest && (st.st_mtim.tv_sec < best.st_mtim.tv_sec ||
				(st.st_mtim.tv_sec == best.st_mtim.tv_sec &&
				 st.st_mtim.tv_nsec <= best.st_mtim.tv_nsec))))
			continue;
		best = st;
		newest = found.gl_pathv[i];
	}
	newest = newest ? strdup(newest) : NULL;
	globfree(&found);
	free(pattern);
	return newest;
}
