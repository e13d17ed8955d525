/* SPDX-License-Identifier: MIT */
/*
 * The tables of a page's run: classes, locks, threads, and the waits that are no contention.
 *
 * A program can have a hundred thousand locks; nobody reads so many lines, and a page must stay
 * small. The first PAGE_LOCKS by waiting and holding have entries, the others are in their class.
 */
#include "page.h"

#include <errno.h>
#include <stdlib.h>

/* ---- counters ---- */

static void put_histogram(struct json *json, const char *key, const struct histogram *h)
{
	uint64_t low_ns, high_ns, count;
	size_t at = 0;

	json_array_begin(json, key);
	while (histogram_next(h, &at, &low_ns, &high_ns, &count)) {
		json_array_begin(json, NULL);
		json_uint(json, NULL, low_ns);
		json_uint(json, NULL, high_ns);
		json_uint(json, NULL, count);
		json_array_end(json);
	}
	json_array_end(json);
}

void page_put_counters(struct json *json, const char *key, const struct counters *c,
		       bool histograms)
{
	json_object_begin(json, key);
	json_uint(json, "acquired", c->acquired);
	json_uint(json, "contended", c->contended);
	report_json_wait(json, c);
	json_uint(json, "held", c->held);
	report_json_hold(json, c);
	json_uint(json, "try_failures", c->try_failures);
	json_uint(json, "timeouts", c->timeouts);
	json_uint(json, "relocks", c->relocks);
	if (histograms) {
		put_histogram(json, "wait_hist", c->wait);
		put_histogram(json, "hold_hist", c->hold);
	}
	json_object_end(json);
}

static void put_facts(struct json *json, uint32_t nr_threads, uint64_t owner_changes,
		      uint32_t max_waiters)
{
	json_uint(json, "threads", nr_threads);
	json_uint_or_null(json, "owner_changes", owner_changes, owner_changes != UINT64_MAX);
	json_uint_or_null(json, "max_waiters", max_waiters, max_waiters != UINT32_MAX);
}

/* ---- which locks and classes have entries ---- */

static int by_time(const void *a, const void *b, void *locks)
{
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const struct counters *x = &((const struct lock *)locks)[i].all;
	const struct counters *y = &((const struct lock *)locks)[k].all;

	if (x->wait_ns != y->wait_ns)
		return x->wait_ns > y->wait_ns ? -1 : 1;
	if (x->hold_ns != y->hold_ns)
		return x->hold_ns > y->hold_ns ? -1 : 1;
	return (i > k) - (i < k);
}

static bool is_used(const struct counters *c)
{
	return c->acquired || c->contended || c->try_failures || c->wakes || c->timeouts;
}

static int choose_locks(struct page_run *run)
{
	const struct model *model = run->model;
	size_t nr = 0;

	run->lock_order = calloc(model->nr_locks + 1, sizeof(*run->lock_order));
	run->lock_entry = calloc(model->nr_locks + 1, sizeof(*run->lock_entry));
	if (!run->lock_order || !run->lock_entry)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_locks; i++) {
		run->lock_entry[i] = UINT32_MAX;
		if (is_used(&model->locks[i].all))
			run->lock_order[nr++] = (uint32_t)i;
	}
	qsort_r(run->lock_order, nr, sizeof(*run->lock_order), by_time, model->locks);
	run->nr_lock_entries = nr < PAGE_LOCKS ? nr : PAGE_LOCKS;
	run->nr_locks_left_out = nr - run->nr_lock_entries;
	for (size_t i = 0; i < run->nr_lock_entries; i++)
		run->lock_entry[run->lock_order[i]] = (uint32_t)i;
	return 0;
}

static int choose_classes(struct page_run *run)
{
	const struct model *model = run->model;
	uint32_t nr = 0;

	run->class_entry = calloc(model->nr_classes + 1, sizeof(*run->class_entry));
	if (!run->class_entry)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_classes; i++)
		run->class_entry[i] = is_used(&model->classes[i].all) ? nr++ : UINT32_MAX;
	return 0;
}

void page_put_lock_ref(const struct page_run *run, uint32_t lock)
{
	json_uint_or_null(run->json, "lock", run->lock_entry[lock],
			  run->lock_entry[lock] != UINT32_MAX);
	json_uint(run->json, "class", run->class_entry[run->model->locks[lock].class]);
}

/* ---- classes and locks ---- */

static bool is_lock_kind(enum trace_kind kind)
{
	return kind == TRACE_KIND_MUTEX || kind == TRACE_KIND_RWLOCK || kind == TRACE_KIND_SPIN ||
	       kind == TRACE_KIND_SEM || kind == TRACE_KIND_CUSTOM;
}

static void put_class(const struct page_run *run, const struct lock_class *class, bool contends)
{
	struct json *json = run->json;

	json_object_begin(json, NULL);
	json_string(json, "name", class->label);
	json_string(json, "kind", report_kind_name(class->kind));
	json_bool(json, "contends", contends);
	json_uint(json, "locks", class->nr_locks);
	put_facts(json, class->nr_threads, class->owner_changes, class->max_waiters);
	page_put_counters(json, "all", &class->all, is_lock_kind(class->kind));
	if (class->kind == TRACE_KIND_RWLOCK) {
		page_put_counters(json, "read", &class->read, true);
		page_put_counters(json, "write", &class->write, true);
	}
	json_uint(json, "unattributed_ns", class->unattributed_ns);
	json_uint(json, "folded_wait_ns", class->folded_wait_ns);
	json_object_end(json);
}

static int put_classes(const struct page_run *run)
{
	const struct model *model = run->model;
	bool *contends = calloc(model->nr_classes + 1, sizeof(*contends));

	if (!contends)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_locks; i++)
		contends[model->locks[i].class] |= report_lock_contends(&model->locks[i]);
	json_array_begin(run->json, "classes");
	for (size_t i = 0; i < model->nr_classes; i++)
		if (run->class_entry[i] != UINT32_MAX)
			put_class(run, &model->classes[i], contends[i]);
	json_array_end(run->json);
	free(contends);
	return 0;
}

static void put_lock(const struct page_run *run, const struct lock *lock, bool histograms)
{
	struct json *json = run->json;
	char address[OUTPUT_NUMBER];

	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)lock->record->address);
	json_object_begin(json, NULL);
	json_string(json, "name", lock->label);
	json_uint(json, "class", run->class_entry[lock->class]);
	json_string(json, "kind", report_kind_name((enum trace_kind)lock->record->kind));
	json_bool(json, "contends", report_lock_contends(lock));
	report_json_flags(json, lock->record->flags);
	json_uint(json, "process", lock->process->number);
	json_string(json, "address", address);
	json_uint(json, "generation", lock->record->generation);
	put_facts(json, lock->nr_threads, lock->owner_changes, lock->max_waiters);
	page_put_counters(json, "all", &lock->all, histograms);
	if (lock->record->kind == TRACE_KIND_RWLOCK) {
		page_put_counters(json, "read", &lock->read, histograms);
		page_put_counters(json, "write", &lock->write, histograms);
	}
	json_uint(json, "unattributed_ns", lock->unattributed_ns);
	json_uint(json, "folded_wait_ns", lock->folded_wait_ns);
	json_object_end(json);
}

static void put_locks(const struct page_run *run)
{
	json_array_begin(run->json, "locks");
	for (size_t i = 0; i < run->nr_lock_entries; i++)
		put_lock(run, &run->model->locks[run->lock_order[i]], i < PAGE_HISTOGRAMS);
	json_array_end(run->json);
	json_uint(run->json, "locks_left_out", run->nr_locks_left_out);
}

/* ---- threads ---- */

static void put_thread(const struct page_run *run, const struct thread *thread)
{
	struct json *json = run->json;

	json_object_begin(json, NULL);
	json_string(json, "name", thread->name);
	json_uint(json, "tid", thread->record->tid);
	json_uint(json, "process", thread->process->number);
	json_uint(json, "begin_ns", run->begin_ns[thread->process->number] + thread->begin_ns);
	json_uint(json, "lifetime_ns", thread->lifetime_ns);
	page_put_counters(json, "all", &thread->all, false);
	json_uint(json, "cond_wait_ns", thread->cond_wait_ns);
	json_uint(json, "cond_waits", thread->cond_waits);
	json_uint(json, "join_wait_ns", thread->join_wait_ns);
	json_uint(json, "joins", thread->joins);
	json_uint(json, "barrier_wait_ns", thread->barrier_wait_ns);
	json_uint(json, "barriers", thread->barriers);
	json_uint(json, "futex_wait_ns", thread->futex_wait_ns);
	json_object_end(json);
}

int page_put_tables(struct page_run *run)
{
	int err = choose_locks(run);

	if (!err)
		err = choose_classes(run);
	if (!err)
		err = put_classes(run);
	if (err)
		return err;
	put_locks(run);
	json_array_begin(run->json, "threads");
	for (size_t i = 0; i < run->model->nr_threads; i++)
		put_thread(run, &run->model->threads[i]);
	json_array_end(run->json);
	return 0;
}

/* ---- waits that are no contention ---- */

static void put_waiting(const struct page_run *run, uint32_t lock, const struct counters *c)
{
	page_put_lock_ref(run, lock);
	json_string(run->json, "name", run->model->locks[lock].label);
	json_uint(run->json, "waits", c->acquired);
	json_uint(run->json, "wait_ns", c->wait_ns);
	json_uint(run->json, "wait_max_ns", c->wait_max_ns);
}

static void put_conds(const struct page_run *run)
{
	struct json *json = run->json;

	json_array_begin(json, "conds");
	for (size_t i = 0; i < run->model->nr_conds; i++) {
		const struct cond_row *cond = &run->model->conds[i];

		json_object_begin(json, NULL);
		put_waiting(run, cond->lock, &cond->all);
		report_json_cond_facts(json, &run->model->locks[cond->lock], cond);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_barriers(const struct page_run *run)
{
	struct json *json = run->json;

	json_array_begin(json, "barriers");
	for (size_t i = 0; i < run->model->nr_barriers; i++) {
		const struct barrier_row *barrier = &run->model->barriers[i];
		bool is_known = !run->model->locks[barrier->lock].is_folded;

		json_object_begin(json, NULL);
		put_waiting(run, barrier->lock, &barrier->all);
		json_uint_or_null(json, "rounds", barrier->rounds, is_known);
		json_uint_or_null(json, "late_ns", barrier->late_ns, is_known);
		json_uint_or_null(json, "last_thread", barrier->last_thread,
				  is_known && barrier->last_thread != UINT32_MAX);
		json_uint_or_null(json, "last_times", barrier->last_times, is_known);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_one_apart(const struct page_run *run, uint32_t lock, const struct counters *c,
			  uint64_t wakes, const uint64_t *woken)
{
	struct json *json = run->json;

	json_object_begin(json, NULL);
	put_waiting(run, lock, c);
	json_string(json, "kind",
		    report_kind_name((enum trace_kind)run->model->locks[lock].record->kind));
	json_uint(json, "wakes", wakes);
	json_uint_or_null(json, "woken", woken ? *woken : 0,
			  woken && !run->model->locks[lock].is_folded);
	json_object_end(json);
}

/* Futex words, semaphores that signal, and once. */
static void put_others(const struct page_run *run)
{
	const struct model *model = run->model;

	json_array_begin(run->json, "apart");
	for (size_t i = 0; i < model->nr_futexes; i++)
		put_one_apart(run, model->futexes[i].lock, &model->futexes[i].all,
			      model->futexes[i].wakes, &model->futexes[i].woken);
	for (size_t i = 0; i < model->nr_locks; i++) {
		const struct lock *lock = &model->locks[i];
		uint32_t kind = lock->record->kind;

		if (!is_used(&lock->all) || report_lock_contends(lock) ||
		    (kind != TRACE_KIND_SEM && kind != TRACE_KIND_ONCE))
			continue;
		put_one_apart(run, (uint32_t)i, &lock->all, report_posts(&lock->all), NULL);
	}
	json_array_end(run->json);
}

static void put_joins(const struct page_run *run)
{
	struct json *json = run->json;

	json_array_begin(json, "joins");
	for (size_t i = 0; i < run->model->nr_joins; i++) {
		const struct join_row *join = &run->model->joins[i];

		json_object_begin(json, NULL);
		json_uint(json, "waiter", join->waiter);
		json_uint_or_null(json, "target", join->target, join->target != UINT32_MAX);
		json_uint(json, "stack",
			  places_stack(run->places, run->model->threads[join->waiter].process,
				       join->stack, 0));
		json_uint(json, "joins", join->joins);
		json_uint(json, "wait_ns", join->wait_ns);
		json_object_end(json);
	}
	json_array_end(json);
}

int page_put_apart(struct page_run *run)
{
	put_conds(run);
	put_barriers(run);
	put_others(run);
	put_joins(run);
	return 0;
}
