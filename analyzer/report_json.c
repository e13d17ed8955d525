/* SPDX-License-Identifier: MIT */
/*
 * The report as JSON, schema lockprof-report/1: times in integral ns, ratios 0..1, null for what
 * is not known. It is written as it is walked, so a long list costs no memory.
 *
 * "locks" holds one entry for each instance whose waits are contention, so that their wait_ns add
 * up; conditions, barriers, semaphores that signal, once and futex words have arrays of their own.
 * Stacks are whole here, inlined frames marked, and no longer than what is sure: those of the blame
 * have their release's callers, as in the text; a site is a function, whoever called it.
 */
#include "json.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_wait(struct json *json, const struct report *report, const struct counters *c)
{
	json_uint(json, "wait_ns", c->wait_ns);
	json_double(json, "wait_share", report_ratio(c->wait_ns, report->model->thread_ns));
	json_uint(json, "wait_max_ns", c->wait_max_ns);
	json_uint(json, "wait_avg_ns", report_avg_wait_ns(c));
	report_json_percentile(json, "wait_p50_ns", c->wait, 0.5);
	report_json_percentile(json, "wait_p90_ns", c->wait, 0.9);
	report_json_percentile(json, "wait_p99_ns", c->wait, 0.99);
}

static void put_counters(struct json *json, const struct report *report, const struct counters *c)
{
	json_uint(json, "acquisitions", c->acquired);
	json_uint(json, "contended", c->contended);
	json_double(json, "contention_ratio", report_ratio(c->contended, c->acquired));
	json_double(json, "frequency_per_s",
		    report_per_second(c->acquired, report->model->duration_ns));
	put_wait(json, report, c);
	report_json_hold(json, c);
	json_uint(json, "try_failures", c->try_failures);
	json_uint(json, "timeouts", c->timeouts);
	json_uint(json, "relocks", c->relocks);
}

static void put_counters_of(struct json *json, const char *key, const struct report *report,
			    const struct counters *c)
{
	json_object_begin(json, key);
	put_counters(json, report, c);
	json_object_end(json);
}

/* ---- processes and the run ---- */

void report_json_process(struct json *json, const char *key, const struct process *process)
{
	json_object_begin(json, key);
	report_json_process_facts(json, process);
	json_string(json, "trace", process->reader ? reader_path(process->reader) : NULL);
	json_object_end(json);
}

static void put_processes(struct json *json, const struct model *model)
{
	if (model->nr_processes > 0)
		report_json_process(json, "process", &model->processes[0]);
	else
		json_null(json, "process");
	if (model->nr_processes < 2)
		return;
	json_array_begin(json, "processes");
	for (size_t i = 0; i < model->nr_processes; i++)
		report_json_process(json, NULL, &model->processes[i]);
	json_array_end(json);
}

static void put_losses(struct json *json, const struct model *model)
{
	json_object_begin(json, "losses");
	for (size_t i = 0; i < TRACE_LOSS_MAX; i++)
		if (report_loss_key(i))
			json_uint(json, report_loss_key(i), model->losses[i]);
	json_object_end(json);
}

static void put_damages(struct json *json, const struct model *model)
{
	json_array_begin(json, "damages");
	for (size_t i = 0; i < model->nr_processes; i++) {
		const struct reader *reader = model->processes[i].reader;

		for (size_t k = 0; reader && k < reader_nr_damages(reader); k++) {
			json_object_begin(json, NULL);
			json_string(json, "trace", reader_path(reader));
			json_uint(json, "offset", reader_damage(reader, k)->offset);
			json_string(json, "text", reader_damage(reader, k)->text);
			json_object_end(json);
		}
	}
	json_array_end(json);
}

static void put_coverage(struct json *json, const struct model *model)
{
	uint32_t events = 0;

	for (size_t i = 0; i < model->nr_processes; i++)
		events |= report_header(&model->processes[i])->events;
	json_object_begin(json, "coverage");
	json_bool(json, "complete", !report_has_losses(model) && !events);
	json_bool(json, "has_events", model->has_events);
	json_bool(json, "size_cap", events & TRACE_EVENT_SIZE_CAP);
	json_bool(json, "no_space", events & TRACE_EVENT_NO_SPACE);
	json_bool(json, "no_file", events & TRACE_EVENT_NO_FILE);
	json_uint(json, "clock_skews", model->clock_skews);
	put_damages(json, model);
	json_object_end(json);
}

static uint64_t count_nodes(const struct model *model)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < model->nr_processes; i++)
		if (model->processes[i].reader)
			nr += reader_max_node(model->processes[i].reader);
	return nr;
}

static void put_run(struct json *json, const struct model *model)
{
	struct report_totals totals = report_totals(model);

	json_object_begin(json, "run");
	json_uint(json, "duration_ns", model->duration_ns);
	json_uint(json, "thread_ns", model->thread_ns);
	json_uint(json, "threads", model->nr_threads);
	json_uint(json, "locks", model->nr_locks);
	json_uint(json, "nodes", count_nodes(model));
	json_uint(json, "acquisitions", totals.acquired);
	json_uint(json, "contended", totals.contended);
	json_uint(json, "wait_ns", totals.wait_ns);
	json_double(json, "wait_share", report_ratio(totals.wait_ns, model->thread_ns));
	json_uint(json, "hold_ns", totals.hold_ns);
	json_uint(json, "work_units", model->work_units);
	json_uint(json, "off_ns", model->off_ns);
	json_string(json, "mode", report_run_mode(model));
	put_losses(json, model);
	put_coverage(json, model);
	json_object_end(json);
}

/* ---- locks ---- */

/* What every synchronisation object has, of whatever kind. */
static void put_identity(struct json *json, const struct model *model, const struct lock *lock)
{
	char address[OUTPUT_NUMBER];

	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)lock->record->address);
	json_uint(json, "id", lock->id);
	json_uint(json, "process", lock->process->number);
	json_string(json, "name", lock->label);
	json_string(json, "class", model->classes[lock->class].label);
	json_string(json, "kind", report_kind_name((enum trace_kind)lock->record->kind));
	report_json_flags(json, lock->record->flags);
	json_string(json, "address", address);
	json_uint(json, "generation", lock->record->generation);
}

static void put_thread_name(struct json *json, const char *key, const struct model *model,
			    uint32_t thread)
{
	json_string(json, key, thread < model->nr_threads ? model->threads[thread].name : NULL);
}

/* The counters of what has waits and nothing else. */
static void put_waiting(struct json *json, const struct counters *c)
{
	json_uint(json, "waits", c->acquired);
	json_uint(json, "wait_ns", c->wait_ns);
	json_uint(json, "wait_max_ns", c->wait_max_ns);
	report_json_percentile(json, "wait_p50_ns", c->wait, 0.5);
	report_json_percentile(json, "wait_p99_ns", c->wait, 0.99);
	json_uint(json, "timeouts", c->timeouts);
}

/* Where each lock's entries begin in a list that is grouped by lock. */
struct grouped {
	size_t *first; /* by lock; only valid for locks that have entries */
};

static int group_sites(const struct model *model, struct grouped *grouped)
{
	grouped->first = calloc(model->nr_locks + 1, sizeof(*grouped->first));
	if (!grouped->first)
		return -ENOMEM;
	for (size_t i = model->nr_sites; i-- > 0;)
		grouped->first[model->sites[i].lock] = i;
	return 0;
}

static int group_blames(const struct model *model, struct grouped *grouped)
{
	grouped->first = calloc(model->nr_locks + 1, sizeof(*grouped->first));
	if (!grouped->first)
		return -ENOMEM;
	for (size_t i = model->nr_blames; i-- > 0;)
		grouped->first[model->blames[i].lock] = i;
	return 0;
}

static void put_sites(struct json *json, const struct report *report, uint32_t lock, size_t first)
{
	const struct model *model = report->model;

	json_array_begin(json, "sites");
	for (size_t i = first; i < model->nr_sites && model->sites[i].lock == lock; i++) {
		const struct site *site = &model->sites[i];
		struct report_part part = { .process = site->process,
					    .site = site->address,
					    .stack = site->stack };
		struct frame frames[REPORT_FRAMES];

		json_object_begin(json, NULL);
		report_json_stack(json, "stack", frames,
				  report_site_frames(report, &part, frames, REPORT_FRAMES));
		json_bool(json, "shared", site->mode & TRACE_SHARED);
		put_counters(json, report, &site->all);
		json_object_end(json);
	}
	json_array_end(json);
}

static int by_wait(const void *a, const void *b)
{
	const struct report_part *x = a, *y = b;

	if (x->wait_ns != y->wait_ns)
		return x->wait_ns > y->wait_ns ? -1 : 1;
	return (x->thread > y->thread) - (x->thread < y->thread);
}

static void put_holder(struct json *json, const struct report *report,
		       const struct report_part *part)
{
	struct frame frames[REPORT_FRAMES], end;
	size_t nr = report_place_frames(report, part, true, frames, REPORT_FRAMES, &end);

	json_object_begin(json, NULL);
	report_json_stack(json, "stack", frames, nr);
	put_thread_name(json, "thread", report->model, part->thread);
	json_uint(json, "wait_ns", part->wait_ns);
	json_uint(json, "waits", part->waits);
	json_object_end(json);
}

static int put_blame(struct json *json, const struct report *report, uint32_t lock, size_t first)
{
	const struct model *model = report->model;
	struct report_part *parts;
	size_t nr = 0;

	while (first + nr < model->nr_blames && model->blames[first + nr].lock == lock)
		nr++;
	parts = calloc(nr + 1, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		report_blame_part(model, &model->blames[first + i], &parts[i]);
	report_adopt_releases(parts, nr);
	qsort(parts, nr, sizeof(*parts), by_wait);
	json_array_begin(json, "blame");
	for (size_t i = 0; i < nr; i++)
		put_holder(json, report, &parts[i]);
	json_array_end(json);
	free(parts);
	return 0;
}

static int put_lock(struct json *json, const struct report *report, const struct report_row *row,
		    const struct grouped *sites, const struct grouped *blames)
{
	const struct lock *lock = &report->model->locks[row->index];
	int err;

	json_object_begin(json, NULL);
	put_identity(json, report->model, lock);
	put_counters(json, report, &lock->all);
	json_uint(json, "threads", lock->nr_threads);
	json_uint_or_null(json, "owner_changes", lock->owner_changes,
			  lock->owner_changes != UINT64_MAX);
	json_uint_or_null(json, "max_waiters", lock->max_waiters, lock->max_waiters != UINT32_MAX);
	json_uint_or_null(json, "unattributed_ns", lock->unattributed_ns,
			  report->model->has_events);
	json_uint(json, "folded_wait_ns", lock->folded_wait_ns);
	report_json_per_unit(json, &lock->all, report->model->work_units);
	if (row->read) {
		put_counters_of(json, "read", report, &lock->read);
		put_counters_of(json, "write", report, &lock->write);
	}
	put_sites(json, report, (uint32_t)row->index, sites->first[row->index]);
	err = put_blame(json, report, (uint32_t)row->index, blames->first[row->index]);
	json_object_end(json);
	return err;
}

static int put_locks(struct json *json, const struct report *report)
{
	struct grouped sites = { 0 }, blames = { 0 };
	struct report_rows rows;
	int err = report_rows_init(&rows, report, REPORT_BY_LOCK);

	if (err)
		return err;
	err = group_sites(report->model, &sites);
	if (!err)
		err = group_blames(report->model, &blames);
	json_array_begin(json, "locks");
	for (size_t i = 0; !err && i < rows.nr && i < report->top; i++)
		err = put_lock(json, report, &rows.rows[i], &sites, &blames);
	json_array_end(json);
	free(sites.first);
	free(blames.first);
	report_rows_fini(&rows);
	return err;
}

/* ---- threads ---- */

static void put_thread(struct json *json, const struct thread *thread)
{
	json_object_begin(json, NULL);
	json_uint(json, "tid", thread->record->tid);
	json_string(json, "name", thread->name);
	json_uint(json, "process", thread->process->number);
	json_uint(json, "begin_ns", thread->begin_ns);
	json_uint(json, "lifetime_ns", thread->lifetime_ns);
	json_uint(json, "wait_ns", thread->all.wait_ns);
	json_double(json, "wait_share", report_ratio(thread->all.wait_ns, thread->lifetime_ns));
	json_uint(json, "wait_max_ns", thread->all.wait_max_ns);
	json_uint(json, "hold_ns", thread->all.hold_ns);
	json_uint(json, "hold_max_ns", thread->all.hold_max_ns);
	json_uint(json, "acquisitions", thread->all.acquired);
	json_uint(json, "contended", thread->all.contended);
	json_uint(json, "cond_wait_ns", thread->cond_wait_ns);
	json_uint(json, "cond_waits", thread->cond_waits);
	json_uint(json, "join_wait_ns", thread->join_wait_ns);
	json_uint(json, "joins", thread->joins);
	json_uint(json, "barrier_wait_ns", thread->barrier_wait_ns);
	json_uint(json, "barrier_waits", thread->barriers);
	json_uint(json, "futex_wait_ns", thread->futex_wait_ns);
	json_object_end(json);
}

static int put_threads(struct json *json, const struct report *report)
{
	struct report_rows rows;
	int err = report_rows_init(&rows, report, REPORT_BY_THREAD);

	if (err)
		return err;
	json_array_begin(json, "threads");
	for (size_t i = 0; i < rows.nr && i < report->top; i++)
		put_thread(json, &report->model->threads[rows.rows[i].index]);
	json_array_end(json);
	report_rows_fini(&rows);
	return 0;
}

/* ---- waits that are no contention ---- */

static void put_conds(struct json *json, const struct model *model)
{
	json_array_begin(json, "conds");
	for (size_t i = 0; i < model->nr_conds; i++) {
		const struct cond_row *cond = &model->conds[i];

		json_object_begin(json, NULL);
		put_identity(json, model, &model->locks[cond->lock]);
		put_waiting(json, &cond->all);
		report_json_cond_facts(json, &model->locks[cond->lock], cond);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_barriers(struct json *json, const struct model *model)
{
	json_array_begin(json, "barriers");
	for (size_t i = 0; i < model->nr_barriers; i++) {
		const struct barrier_row *barrier = &model->barriers[i];
		const struct lock *lock = &model->locks[barrier->lock];

		json_object_begin(json, NULL);
		put_identity(json, model, lock);
		put_waiting(json, &barrier->all);
		json_uint_or_null(json, "rounds", barrier->rounds, !lock->is_folded);
		json_uint_or_null(json, "late_ns", barrier->late_ns, !lock->is_folded);
		put_thread_name(json, "last_thread", model,
				lock->is_folded ? UINT32_MAX : barrier->last_thread);
		json_uint_or_null(json, "last_times", barrier->last_times, !lock->is_folded);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_joins(struct json *json, const struct report *report)
{
	const struct model *model = report->model;

	json_array_begin(json, "joins");
	for (size_t i = 0; i < model->nr_joins; i++) {
		const struct join_row *join = &model->joins[i];
		const struct process *process = join->waiter < model->nr_threads
							? model->threads[join->waiter].process
							: NULL;
		struct frame frames[REPORT_FRAMES];

		json_object_begin(json, NULL);
		put_thread_name(json, "waiter", model, join->waiter);
		put_thread_name(json, "target", model, join->target);
		json_uint(json, "joins", join->joins);
		json_uint(json, "wait_ns", join->wait_ns);
		if (join->stack && process)
			report_json_stack(json, "stack", frames,
					  report->frames(process, join->stack, 0, true, frames,
							 REPORT_FRAMES));
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_futexes(struct json *json, const struct model *model)
{
	json_array_begin(json, "futexes");
	for (size_t i = 0; i < model->nr_futexes; i++) {
		const struct futex_row *futex = &model->futexes[i];

		json_object_begin(json, NULL);
		put_identity(json, model, &model->locks[futex->lock]);
		put_waiting(json, &futex->all);
		json_uint(json, "wakes", futex->wakes);
		json_uint_or_null(json, "woken", futex->woken,
				  !model->locks[futex->lock].is_folded);
		json_object_end(json);
	}
	json_array_end(json);
}

/* Semaphores that signal, and once. */
static void put_locks_apart(struct json *json, const char *key, const struct model *model,
			    enum trace_kind kind)
{
	json_array_begin(json, key);
	for (size_t i = 0; i < model->nr_locks; i++) {
		const struct lock *lock = &model->locks[i];

		if (lock->record->kind != kind || report_lock_contends(lock))
			continue;
		json_object_begin(json, NULL);
		put_identity(json, model, lock);
		put_waiting(json, &lock->all);
		json_uint(json, "contended", lock->all.contended);
		json_uint(json, "try_failures", lock->all.try_failures);
		json_uint(json, "posts", report_posts(&lock->all));
		json_object_end(json);
	}
	json_array_end(json);
}

int report_json(const struct report *report, FILE *out)
{
	const struct model *model = report->model;
	struct json json;
	int err;

	json_init(&json, out, true);
	json_object_begin(&json, NULL);
	json_string(&json, "schema", "lockprof-report/1");
	put_processes(&json, model);
	put_run(&json, model);
	err = put_locks(&json, report);
	if (!err)
		err = put_threads(&json, report);
	report_json_phases(&json, report);
	put_conds(&json, model);
	put_barriers(&json, model);
	put_locks_apart(&json, "semaphores", model, TRACE_KIND_SEM);
	put_locks_apart(&json, "onces", model, TRACE_KIND_ONCE);
	put_joins(&json, report);
	put_futexes(&json, model);
	json_array_begin(&json, "findings");
	json_array_end(&json);
	json_object_end(&json);
	return err ? err : json_finish(&json);
}
