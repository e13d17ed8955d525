/* SPDX-License-Identifier: MIT */
/*
 * The rows of the ranked tables, whatever they are rows of: lock classes, lock instances, threads,
 * call sites, processes or phases. Text, JSON and CSV take the same rows in the same order, so that
 * they cannot contradict each other.
 *
 * Of the locks only those stand here whose waits are contention. Conditions, barriers, semaphores
 * that signal, once and futex words make threads wait too, but that waiting is often the
 * program's purpose; report_apart.c shows it.
 */
#include "report.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const report_key_words[] = {
	"acquired", "contended",  "wait_total", "wait_max",
	"avg_wait", "hold_total", "hold_max",	NULL,
};
const char *const report_by_words[] = {
	"class", "lock", "thread", "site", "process", "phase", NULL
};

uint64_t report_waits(const struct counters *c)
{
	return c->contended + c->timeouts + c->wait_failures;
}

uint64_t report_avg_wait_ns(const struct counters *c)
{
	uint64_t waits = report_waits(c);

	return waits ? c->wait_ns / waits : 0;
}

double report_ratio(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0;
}

double report_wait_share(const struct report *report, enum report_by by,
			 const struct report_row *row, const struct counters *c)
{
	const struct model *model = report->model;

	switch (by) {
	case REPORT_BY_THREAD:
		return report_ratio(c->wait_ns, model->threads[row->index].lifetime_ns);
	case REPORT_BY_PROCESS:
		return report_ratio(c->wait_ns, model->processes[row->index].thread_ns);
	case REPORT_BY_PHASE:
		return report_ratio(c->wait_ns, model->phases[row->index].thread_ns);
	default:
		return report_ratio(c->wait_ns, model->thread_ns);
	}
}

double report_per_second(uint64_t count, uint64_t duration_ns)
{
	return report_ratio(count, duration_ns) * 1e9;
}

const char *report_kind_name(enum trace_kind kind)
{
	return kind && kind < TRACE_KIND_MAX ? words_kind(kind) : "lock";
}

static enum trace_kind lock_kind(const struct lock *lock)
{
	return (enum trace_kind)lock->record->kind;
}

uint64_t report_posts(const struct counters *c)
{
	return c->wakes + c->held - c->left;
}

bool report_lock_contends(const struct lock *lock)
{
	switch (lock_kind(lock)) {
	case TRACE_KIND_MUTEX:
	case TRACE_KIND_RWLOCK:
	case TRACE_KIND_SPIN:
	case TRACE_KIND_CUSTOM:
		return true;
	case TRACE_KIND_SEM:
		return lock->lock_like;
	default:
		return false;
	}
}

static bool is_shared(const struct lock *lock)
{
	return lock->record->flags & TRACE_LOCK_PSHARED;
}

struct report_totals report_totals(const struct model *model)
{
	struct report_totals totals = { 0 };

	for (size_t i = 0; i < model->nr_locks; i++) {
		const struct lock *lock = &model->locks[i];

		if (!report_lock_contends(lock))
			continue;
		totals.nr_locks += lock->all.acquired > 0;
		totals.acquired += lock->all.acquired;
		totals.contended += lock->all.contended;
		totals.wait_ns += lock->all.wait_ns;
		totals.hold_ns += lock->all.hold_ns;
	}
	return totals;
}

static bool was_used(const struct counters *c)
{
	return c->acquired || c->wait_ns || c->try_failures || c->timeouts || c->wait_failures;
}

static void add_row(struct report_rows *rows, struct report_row row)
{
	if (was_used(row.all))
		rows->rows[rows->nr++] = row;
}

static void split_readers(struct report_row *row, const struct counters *read,
			  const struct counters *write)
{
	if (row->kind != TRACE_KIND_RWLOCK)
		return;
	row->read = read;
	row->write = write;
}

static void collect_locks(struct report_rows *rows, const struct model *model)
{
	for (size_t i = 0; i < model->nr_locks; i++) {
		const struct lock *lock = &model->locks[i];
		struct report_row row = {
			.index = i,
			.all = &lock->all,
			.kind = lock_kind(lock),
			.nr_locks = 1,
			.nr_threads = lock->nr_threads,
			.max_waiters = lock->max_waiters,
			.owner_changes = lock->owner_changes,
			.unattributed_ns = lock->unattributed_ns,
			.folded_wait_ns = lock->folded_wait_ns,
			.is_shared = is_shared(lock),
			.is_folded = lock->is_folded,
		};

		split_readers(&row, &lock->read, &lock->write);
		if (report_lock_contends(lock))
			add_row(rows, row);
	}
}

static bool is_folded(const struct lock *lock)
{
	return lock->is_folded;
}

/* A class is what one of its locks is: all are of one kind, used in the same places. */
static bool *classes_with(const struct model *model, bool (*has)(const struct lock *lock))
{
	bool *found = calloc(model->nr_classes + 1, sizeof(*found));

	for (size_t i = 0; found && i < model->nr_locks; i++)
		if (has(&model->locks[i]))
			found[model->locks[i].class] = true;
	return found;
}

static int collect_classes(struct report_rows *rows, const struct model *model)
{
	bool *contends = classes_with(model, report_lock_contends);
	bool *shared = classes_with(model, is_shared);
	bool *folded = classes_with(model, is_folded);
	int err;

	for (size_t i = 0; contends && shared && folded && i < model->nr_classes; i++) {
		const struct lock_class *class = &model->classes[i];
		struct report_row row = {
			.index = i,
			.all = &class->all,
			.kind = class->kind,
			.nr_locks = class->nr_locks,
			.nr_threads = class->nr_threads,
			.max_waiters = class->max_waiters,
			.owner_changes = class->owner_changes,
			.unattributed_ns = class->unattributed_ns,
			.folded_wait_ns = class->folded_wait_ns,
			.is_shared = shared[i],
			.is_folded = folded[i],
		};

		split_readers(&row, &class->read, &class->write);
		if (contends[i])
			add_row(rows, row);
	}
	err = contends && shared && folded ? 0 : -ENOMEM;
	free(contends);
	free(shared);
	free(folded);
	return err;
}

/* Threads and processes are all shown: one without locks is an answer, too. */
static void collect_threads(struct report_rows *rows, const struct model *model)
{
	for (size_t i = 0; i < model->nr_threads; i++)
		rows->rows[rows->nr++] = (struct report_row){ .index = i,
							      .all = &model->threads[i].all,
							      .nr_threads = 1 };
}

static void collect_sites(struct report_rows *rows, const struct model *model)
{
	for (size_t i = 0; i < model->nr_sites; i++) {
		const struct site *site = &model->sites[i];
		struct report_row row = { .index = i, .all = &site->all, .nr_locks = 1 };

		if (report_lock_contends(&model->locks[site->lock]))
			add_row(rows, row);
	}
}

static int collect_processes(struct report_rows *rows, const struct model *model)
{
	int err = 0;

	rows->nr_sums = model->nr_processes;
	rows->sums = calloc(model->nr_processes + 1, sizeof(*rows->sums));
	if (!rows->sums)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_processes; i++)
		rows->rows[rows->nr++] = (struct report_row){ .index = i, .all = &rows->sums[i] };
	for (size_t i = 0; !err && i < model->nr_threads; i++) {
		unsigned int number = model->threads[i].process->number;

		rows->rows[number].nr_threads++;
		err = counters_add(&rows->sums[number], &model->threads[i].all);
	}
	for (size_t i = 0; i < model->nr_locks; i++)
		rows->rows[model->locks[i].process->number].nr_locks +=
			report_lock_contends(&model->locks[i]);
	return err;
}

static void collect_phases(struct report_rows *rows, const struct report *report)
{
	const struct model *model = report->model;

	for (size_t i = 0; i < model->nr_phases; i++) {
		const struct phase *phase = &model->phases[i];

		if (report_phase_chosen(report, phase) &&
		    (phase->time_ns || phase->work_units || was_used(&phase->all)))
			rows->rows[rows->nr++] =
				(struct report_row){ .index = i, .all = &phase->all };
	}
}

static size_t most_rows(const struct model *model, enum report_by by)
{
	switch (by) {
	case REPORT_BY_LOCK:
		return model->nr_locks;
	case REPORT_BY_THREAD:
		return model->nr_threads;
	case REPORT_BY_SITE:
		return model->nr_sites;
	case REPORT_BY_PROCESS:
		return model->nr_processes;
	case REPORT_BY_PHASE:
		return model->nr_phases;
	default:
		return model->nr_classes;
	}
}

static int collect(struct report_rows *rows, const struct report *report)
{
	const struct model *model = report->model;

	switch (rows->by) {
	case REPORT_BY_LOCK:
		collect_locks(rows, model);
		return 0;
	case REPORT_BY_THREAD:
		collect_threads(rows, model);
		return 0;
	case REPORT_BY_SITE:
		collect_sites(rows, model);
		return 0;
	case REPORT_BY_PROCESS:
		return collect_processes(rows, model);
	case REPORT_BY_PHASE:
		collect_phases(rows, report);
		return 0;
	default:
		return collect_classes(rows, model);
	}
}

static uint64_t key_value(const struct counters *c, enum report_key key)
{
	switch (key) {
	case REPORT_ACQUIRED:
		return c->acquired;
	case REPORT_CONTENDED:
		return c->contended;
	case REPORT_WAIT_MAX:
		return c->wait_max_ns;
	case REPORT_AVG_WAIT:
		return report_avg_wait_ns(c);
	case REPORT_HOLD_TOTAL:
		return c->hold_ns;
	case REPORT_HOLD_MAX:
		return c->hold_max_ns;
	default:
		return c->wait_ns;
	}
}

/* By key, then the more used, then in the order of appearance: the same in each run of ours. */
static int compare_rows(const void *a, const void *b, void *key)
{
	const struct report_row *x = a, *y = b;
	uint64_t vx = key_value(x->all, *(const enum report_key *)key);
	uint64_t vy = key_value(y->all, *(const enum report_key *)key);

	if (vx != vy)
		return vx < vy ? 1 : -1;
	if (x->all->acquired != y->all->acquired)
		return x->all->acquired < y->all->acquired ? 1 : -1;
	return x->index > y->index ? 1 : x->index < y->index ? -1 : 0;
}

int report_rows_init(struct report_rows *rows, const struct report *report, enum report_by by)
{
	enum report_key key = report->key;
	int err;

	*rows = (struct report_rows){ .by = by };
	rows->rows = calloc(most_rows(report->model, by) + 1, sizeof(*rows->rows));
	if (!rows->rows)
		return -ENOMEM;
	err = collect(rows, report);
	if (err) {
		report_rows_fini(rows);
		return err;
	}
	qsort_r(rows->rows, rows->nr, sizeof(*rows->rows), compare_rows, &key);
	return 0;
}

void report_rows_fini(struct report_rows *rows)
{
	for (size_t i = 0; i < rows->nr_sums; i++)
		counters_fini(&rows->sums[i]);
	free(rows->sums);
	free(rows->rows);
	*rows = (struct report_rows){ 0 };
}

bool report_row_has_lock(const struct report *report, const struct report_rows *rows,
			 const struct report_row *row, uint32_t lock)
{
	return rows->by == REPORT_BY_LOCK ? lock == row->index
					  : report->model->locks[lock].class == row->index;
}

/* Two processes can have locks and threads of one name. */
static char *with_process(const struct model *model, const struct process *process,
			  const char *label)
{
	char *text;

	if (model->nr_processes < 2)
		return strdup(label);
	if (asprintf(&text, "%s [%u]", label, report_header(process)->pid) < 0)
		return NULL;
	return text;
}

static char *thread_label(const struct report *report, const struct thread *thread)
{
	struct report_line line;
	char *label;

	if (report_line_begin(&line) < 0)
		return NULL;
	report_put_thread(report, line.out, thread);
	if (fclose(line.out) != 0 || !line.text) {
		free(line.text);
		return NULL;
	}
	for (char *p = line.text; (p = strchr(p, REPORT_GLUE[0])) != NULL;)
		*p = ' ';
	label = with_process(report->model, thread->process, line.text);
	free(line.text);
	return label;
}

static char *class_label(const struct lock_class *class)
{
	char *text;

	if (class->nr_locks < 2)
		return strdup(class->label);
	if (asprintf(&text, "%s (%u)", class->label, class->nr_locks) < 0)
		return NULL;
	return text;
}

static char *site_label(const struct report *report, const struct site *site)
{
	struct report_part part = { .process = site->process,
				    .site = site->address,
				    .stack = site->stack };

	return report_place_text(report, &part, REPORT_FUNCTION);
}

char *report_row_label(const struct report *report, enum report_by by, const struct report_row *row)
{
	const struct model *model = report->model;

	switch (by) {
	case REPORT_BY_LOCK:
		return with_process(model, model->locks[row->index].process,
				    model->locks[row->index].label);
	case REPORT_BY_THREAD:
		return thread_label(report, &model->threads[row->index]);
	case REPORT_BY_SITE:
		return site_label(report, &model->sites[row->index]);
	case REPORT_BY_PROCESS:
		return strdup(report_base_name(model->processes[row->index].exe));
	case REPORT_BY_PHASE:
		return strdup(report_phase_name(&model->phases[row->index]));
	default:
		return class_label(&model->classes[row->index]);
	}
}
