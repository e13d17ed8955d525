/* SPDX-License-Identifier: MIT */
/*
 * Waits that are no contention, each in a table of its own, so that nobody adds them to it:
 * condition waits, barriers, joins, semaphores that signal, once, and futex words.
 *
 * A worker that waits for work waits in a condition, and that is fine. What is telling here is
 * the tail (from the signal to the return: scheduling, and getting the mutex back), signals that
 * nobody heard, and who comes last to a barrier.
 */
#include "report.h"
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ROWS  5
#define SHORT_JOIN 0.001 /* of the duration: the joined thread had ended, or nearly */

/* Rows of one of the model's arrays, most waiting first. */
struct apart_row {
	size_t index;
	uint64_t wait_ns;
};

static int by_wait(const void *a, const void *b)
{
	const struct apart_row *x = a, *y = b;

	if (x->wait_ns != y->wait_ns)
		return x->wait_ns < y->wait_ns ? 1 : -1;
	return x->index < y->index ? -1 : 1;
}

struct apart {
	const char *heading;
	const struct table_column *columns;
	size_t nr_columns;
	size_t (*count)(const struct model *model);
	/* Whether row i is in the table, and its waiting. */
	bool (*has)(const struct model *model, size_t i, uint64_t *wait_ns);
	int (*add)(const struct report *report, struct table *table, size_t i);
};

static void count_cell(struct table *table, uint64_t count)
{
	table_cell(table, OUTPUT_PLAIN, "%llu", (unsigned long long)count);
}

static void time_cell(struct table *table, uint64_t ns)
{
	char text[OUTPUT_NUMBER];

	table_cell(table, OUTPUT_PLAIN, "%s", output_time(text, ns));
}

/* What single events alone tell: nothing where some came as statistics. */
static void known_count_cell(struct table *table, const struct lock *lock, uint64_t count)
{
	if (lock->is_folded)
		table_cell(table, OUTPUT_DIM, "-");
	else
		count_cell(table, count);
}

static void known_time_cell(struct table *table, const struct lock *lock, uint64_t ns)
{
	if (lock->is_folded)
		table_cell(table, OUTPUT_DIM, "-");
	else
		time_cell(table, ns);
}

static const char *thread_name(const struct model *model, uint32_t thread)
{
	return thread < model->nr_threads ? model->threads[thread].name : "?";
}

/* The table says what it is about: of "condition 0x7f..10 created in f" only the place is new. */
static const char *short_label(const struct model *model, uint32_t lock)
{
	static const char *const verbs[] = { " created in ", " first used in " };
	const char *label = model->locks[lock].label;

	for (size_t i = 0; !model->locks[lock].name && i < 2; i++) {
		const char *verb = strstr(label, verbs[i]);

		if (verb)
			return verb + strlen(verbs[i]);
	}
	return label;
}

/* ---- conditions ---- */

static const struct table_column cond_columns[] = {
	{ "Condition", TABLE_LEFT, true },  { "Waits", TABLE_RIGHT, false },
	{ "Waited", TABLE_RIGHT, false },   { "Signals", TABLE_RIGHT, false },
	{ "Unheard", TABLE_RIGHT, false },  { "Tail sum", TABLE_RIGHT, false },
	{ "Tail max", TABLE_RIGHT, false },
};

static size_t count_conds(const struct model *model)
{
	return model->nr_conds;
}

static bool has_cond(const struct model *model, size_t i, uint64_t *wait_ns)
{
	*wait_ns = model->conds[i].all.wait_ns;
	return true;
}

static int add_cond(const struct report *report, struct table *table, size_t i)
{
	const struct cond_row *cond = &report->model->conds[i];
	const struct lock *lock = &report->model->locks[cond->lock];

	table_cell(table, OUTPUT_PLAIN, "%s", short_label(report->model, cond->lock));
	count_cell(table, cond->all.acquired);
	time_cell(table, cond->all.wait_ns);
	count_cell(table, cond->signals + cond->broadcasts);
	known_count_cell(table, lock, cond->signals_unheard);
	known_time_cell(table, lock, cond->tail_ns);
	known_time_cell(table, lock, cond->tail_max_ns);
	return 0;
}

/* ---- barriers ---- */

static const struct table_column barrier_columns[] = {
	{ "Barrier", TABLE_LEFT, true },	{ "Rounds", TABLE_RIGHT, false },
	{ "Waited", TABLE_RIGHT, false },	{ "max", TABLE_RIGHT, false },
	{ "For the last", TABLE_RIGHT, false }, { "Most often last", TABLE_LEFT, false },
};

static size_t count_barriers(const struct model *model)
{
	return model->nr_barriers;
}

static bool has_barrier(const struct model *model, size_t i, uint64_t *wait_ns)
{
	*wait_ns = model->barriers[i].all.wait_ns;
	return true;
}

static int add_barrier(const struct report *report, struct table *table, size_t i)
{
	const struct barrier_row *barrier = &report->model->barriers[i];
	const struct lock *lock = &report->model->locks[barrier->lock];

	table_cell(table, OUTPUT_PLAIN, "%s", short_label(report->model, barrier->lock));
	known_count_cell(table, lock, barrier->rounds);
	time_cell(table, barrier->all.wait_ns);
	time_cell(table, barrier->all.wait_max_ns);
	known_time_cell(table, lock, barrier->late_ns);
	if (barrier->last_times && !lock->is_folded)
		table_cell(table, OUTPUT_PLAIN, "%s (%llu times)",
			   thread_name(report->model, barrier->last_thread),
			   (unsigned long long)barrier->last_times);
	else
		table_cell(table, OUTPUT_DIM, "-");
	return 0;
}

/* ---- joins ---- */

static const struct table_column join_columns[] = {
	{ "Thread", TABLE_LEFT, false }, { "waited for", TABLE_LEFT, false },
	{ "Joins", TABLE_RIGHT, false }, { "Waited", TABLE_RIGHT, false },
	{ "in", TABLE_LEFT, true },
};

static const struct model *sorted_joins_of; /* qsort() hands nothing through */

static int by_join(const void *a, const void *b)
{
	const struct join_row *x = a, *y = b;

	if (x->waiter != y->waiter)
		return x->waiter < y->waiter ? -1 : 1;
	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	return strcmp(thread_name(sorted_joins_of, x->target),
		      thread_name(sorted_joins_of, y->target));
}

/* The model with joins in one place of threads with one name as one row; joins are to be freed. */
static int join_names(const struct model *model, struct model *merged)
{
	*merged = *model;
	merged->nr_joins = 0;
	merged->joins = calloc(model->nr_joins + 1, sizeof(*merged->joins));
	if (!merged->joins)
		return -ENOMEM;
	if (model->nr_joins)
		memcpy(merged->joins, model->joins, model->nr_joins * sizeof(*merged->joins));
	sorted_joins_of = model;
	qsort(merged->joins, model->nr_joins, sizeof(*merged->joins), by_join);
	for (size_t i = 0; i < model->nr_joins; i++) {
		struct join_row join = merged->joins[i], *last = merged->joins + merged->nr_joins;

		if (merged->nr_joins && by_join(last - 1, &join) == 0) {
			last[-1].joins += join.joins;
			last[-1].wait_ns += join.wait_ns;
			continue;
		}
		merged->joins[merged->nr_joins++] = join;
	}
	return 0;
}

static size_t count_joins(const struct model *model)
{
	return model->nr_joins;
}

static bool has_join(const struct model *model, size_t i, uint64_t *wait_ns)
{
	*wait_ns = model->joins[i].wait_ns;
	return *wait_ns > 0 && report_ratio(*wait_ns, model->duration_ns) >= SHORT_JOIN;
}

static int add_join(const struct report *report, struct table *table, size_t i)
{
	const struct model *model = report->model;
	const struct join_row *join = &model->joins[i];
	struct report_part part = { .stack = join->stack };
	char *place = NULL;

	table_cell(table, OUTPUT_PLAIN, "%s", thread_name(model, join->waiter));
	table_cell(table, OUTPUT_PLAIN, "%s", thread_name(model, join->target));
	count_cell(table, join->joins);
	time_cell(table, join->wait_ns);
	if (join->stack && join->waiter < model->nr_threads) {
		part.process = model->threads[join->waiter].process;
		place = report_place_text(report, &part, REPORT_FUNCTION);
		if (!place)
			return -ENOMEM;
	}
	table_cell(table, OUTPUT_PLAIN, "%s", place ? place : "?");
	free(place);
	return 0;
}

/* ---- semaphores that signal, and once: rows of model.locks ---- */

static size_t count_locks(const struct model *model)
{
	return model->nr_locks;
}

static bool has_lock(const struct model *model, size_t i, enum trace_kind kind, uint64_t *wait_ns)
{
	const struct lock *lock = &model->locks[i];

	*wait_ns = lock->all.wait_ns;
	return lock->record->kind == kind && !report_lock_contends(lock) && lock->all.acquired;
}

static const struct table_column sem_columns[] = {
	{ "Semaphore", TABLE_LEFT, true },	{ "Taken", TABLE_RIGHT, false },
	{ "Waits", TABLE_RIGHT, false },	{ "Waited", TABLE_RIGHT, false },
	{ "max", TABLE_RIGHT, false },		{ "Posts", TABLE_RIGHT, false },
	{ "Tries failed", TABLE_RIGHT, false },
};

static bool has_sem(const struct model *model, size_t i, uint64_t *wait_ns)
{
	return has_lock(model, i, TRACE_KIND_SEM, wait_ns);
}

static int add_sem(const struct report *report, struct table *table, size_t i)
{
	const struct lock *sem = &report->model->locks[i];

	table_cell(table, OUTPUT_PLAIN, "%s", short_label(report->model, (uint32_t)i));
	count_cell(table, sem->all.acquired);
	count_cell(table, report_waits(&sem->all));
	time_cell(table, sem->all.wait_ns);
	time_cell(table, sem->all.wait_max_ns);
	count_cell(table, report_posts(&sem->all));
	count_cell(table, sem->all.try_failures);
	return 0;
}

static const struct table_column once_columns[] = {
	{ "Once", TABLE_LEFT, true },
	{ "Waits", TABLE_RIGHT, false },
	{ "Waited", TABLE_RIGHT, false },
	{ "max", TABLE_RIGHT, false },
};

static bool has_once(const struct model *model, size_t i, uint64_t *wait_ns)
{
	return has_lock(model, i, TRACE_KIND_ONCE, wait_ns) && *wait_ns > 0;
}

static int add_once(const struct report *report, struct table *table, size_t i)
{
	const struct lock *once = &report->model->locks[i];

	table_cell(table, OUTPUT_PLAIN, "%s", short_label(report->model, (uint32_t)i));
	count_cell(table, once->all.acquired);
	time_cell(table, once->all.wait_ns);
	time_cell(table, once->all.wait_max_ns);
	return 0;
}

/* ---- futex words ---- */

static const struct table_column futex_columns[] = {
	{ "Futex word", TABLE_LEFT, true }, { "Waits", TABLE_RIGHT, false },
	{ "Waited", TABLE_RIGHT, false },   { "max", TABLE_RIGHT, false },
	{ "Wakes", TABLE_RIGHT, false },    { "Woken", TABLE_RIGHT, false },
};

static size_t count_futexes(const struct model *model)
{
	return model->nr_futexes;
}

static bool has_futex(const struct model *model, size_t i, uint64_t *wait_ns)
{
	*wait_ns = model->futexes[i].all.wait_ns;
	return true;
}

static int add_futex(const struct report *report, struct table *table, size_t i)
{
	const struct futex_row *futex = &report->model->futexes[i];

	table_cell(table, OUTPUT_PLAIN, "%s", short_label(report->model, futex->lock));
	count_cell(table, futex->all.acquired);
	time_cell(table, futex->all.wait_ns);
	time_cell(table, futex->all.wait_max_ns);
	count_cell(table, futex->wakes);
	known_count_cell(table, &report->model->locks[futex->lock], futex->woken);
	return 0;
}

/* ---- all of them ---- */

#define COLUMNS(columns) columns, sizeof(columns) / sizeof((columns)[0])

static const struct apart tables[] = {
	{ "Condition waits: for something to happen, no contention", COLUMNS(cond_columns),
	  count_conds, has_cond, add_cond },
	{ "Barriers", COLUMNS(barrier_columns), count_barriers, has_barrier, add_barrier },
	{ "Joins: waiting for a thread to end", COLUMNS(join_columns), count_joins, has_join,
	  add_join },
	{ "Semaphores that signal: nobody holds them", COLUMNS(sem_columns), count_locks, has_sem,
	  add_sem },
	{ "Once: waiting for another thread's initialisation", COLUMNS(once_columns), count_locks,
	  has_once, add_once },
	{ "Futex words: locks of other libraries and languages; who holds them is not visible",
	  COLUMNS(futex_columns), count_futexes, has_futex, add_futex },
};

static size_t collect(const struct apart *apart, const struct model *model, struct apart_row *rows)
{
	size_t nr = 0;

	for (size_t i = 0; i < apart->count(model); i++) {
		rows[nr].index = i;
		nr += apart->has(model, i, &rows[nr].wait_ns);
	}
	qsort(rows, nr, sizeof(*rows), by_wait);
	return nr;
}

static int print_rows(const struct report *report, const struct apart *apart,
		      const struct apart_row *rows, size_t nr, FILE *out)
{
	struct table *table = table_new(apart->columns, apart->nr_columns);
	size_t most = report->top == REPORT_ALL ? nr : MOST_ROWS;
	int err = table ? 0 : -ENOMEM;

	report_heading(out, "%s", apart->heading);
	for (size_t i = 0; !err && i < nr && i < most; i++)
		err = apart->add(report, table, rows[i].index);
	if (!err)
		err = table_print(table, out, report->width);
	if (nr > most)
		fprintf(out, "... and %zu more: --all shows them.\n", nr - most);
	table_free(table);
	return err;
}

static int print_table(const struct report *report, const struct apart *apart, FILE *out)
{
	struct apart_row *rows = calloc(apart->count(report->model) + 1, sizeof(*rows));
	size_t nr;
	int err = 0;

	if (!rows)
		return -ENOMEM;
	nr = collect(apart, report->model, rows);
	if (nr > 0)
		err = print_rows(report, apart, rows, nr, out);
	free(rows);
	return err;
}

int report_apart(const struct report *report, FILE *out)
{
	struct report of_names = *report;
	struct model merged;
	int err = join_names(report->model, &merged);

	of_names.model = &merged;
	for (size_t i = 0; !err && i < sizeof(tables) / sizeof(tables[0]); i++)
		err = print_table(&of_names, &tables[i], out);
	free(merged.joins);
	return err;
}
