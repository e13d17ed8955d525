/* SPDX-License-Identifier: MIT */
/*
 * sqlite.c: everything as tables; docs/sqlite.md describes the schema and has useful queries
 *
 * Ids are row numbers from 1 in each table. Times are integral ns. Indices come last, which is much
 * faster; so is no journal, as nobody sees the file before it is whole.
 */
#include "export.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static const char schema[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value);"
	"CREATE TABLE process(id INTEGER PRIMARY KEY, exe TEXT, pid INTEGER, ppid INTEGER, host TEXT,"
	" start_unix_ns INTEGER, duration_ns INTEGER, thread_ns INTEGER, exit TEXT, mode TEXT);"
	"CREATE TABLE thread(id INTEGER PRIMARY KEY, process INTEGER, name TEXT, tid INTEGER,"
	" begin_ns INTEGER, lifetime_ns INTEGER, acquired INTEGER, contended INTEGER, wait_ns INTEGER,"
	" hold_ns INTEGER, cond_wait_ns INTEGER, join_wait_ns INTEGER);"
	"CREATE TABLE class(id INTEGER PRIMARY KEY, name TEXT, kind TEXT, locks INTEGER);"
	"CREATE TABLE lock(id INTEGER PRIMARY KEY, process INTEGER, class INTEGER, name TEXT, kind TEXT,"
	" address TEXT, generation INTEGER, contends INTEGER, acquired INTEGER, contended INTEGER,"
	" wait_ns INTEGER, wait_max_ns INTEGER, hold_ns INTEGER, hold_max_ns INTEGER,"
	" try_failures INTEGER, timeouts INTEGER, threads INTEGER, unattributed_ns INTEGER,"
	" folded_wait_ns INTEGER);"
	"CREATE TABLE frame(id INTEGER PRIMARY KEY, function TEXT, file TEXT, line INTEGER, module TEXT,"
	" inlined INTEGER);"
	"CREATE TABLE stack(stack INTEGER, depth INTEGER, frame INTEGER, PRIMARY KEY(stack, depth))"
	" WITHOUT ROWID;"
	"CREATE TABLE wait(lock INTEGER, thread INTEGER, stack INTEGER, note TEXT, waits INTEGER,"
	" wait_ns INTEGER);"
	"CREATE TABLE blame(lock INTEGER, holder INTEGER, stack INTEGER, note TEXT, waits INTEGER,"
	" wait_ns INTEGER);"
	"CREATE TABLE blocking(lock INTEGER, waiter INTEGER, holder INTEGER, wait_ns INTEGER);"
	"CREATE TABLE interval(kind TEXT, thread INTEGER, lock INTEGER, begin_ns INTEGER,"
	" length_ns INTEGER, shared INTEGER, stack INTEGER, phase INTEGER);"
	"CREATE TABLE phase(id INTEGER PRIMARY KEY, name TEXT, time_ns INTEGER, thread_ns INTEGER,"
	" begins INTEGER, work_units INTEGER, acquired INTEGER, contended INTEGER, wait_ns INTEGER,"
	" hold_ns INTEGER);"
	"CREATE TABLE phase_lock(phase INTEGER, lock INTEGER, acquired INTEGER, contended INTEGER,"
	" wait_ns INTEGER, wait_max_ns INTEGER, hold_ns INTEGER, hold_p50_ns INTEGER,"
	" hold_max_ns INTEGER, PRIMARY KEY(phase, lock)) WITHOUT ROWID;"
	"CREATE TABLE phase_span(process INTEGER, phase INTEGER, off INTEGER, begin_ns INTEGER,"
	" length_ns INTEGER);";

static const char views[] =
	"CREATE VIEW classes AS SELECT class.name, class.kind, count(*) AS locks,"
	" sum(acquired) AS acquired, sum(contended) AS contended, sum(wait_ns) AS wait_ns,"
	" max(wait_max_ns) AS wait_max_ns, sum(hold_ns) AS hold_ns, max(hold_max_ns) AS hold_max_ns"
	" FROM lock JOIN class ON class.id = lock.class WHERE contends GROUP BY class.id;"
	"CREATE VIEW place AS SELECT stack, function, file, line FROM stack JOIN frame"
	" ON frame.id = stack.frame WHERE depth = 0;"
	"CREATE VIEW waiters AS SELECT class.name AS lock, thread.name AS thread, place.function,"
	" place.file, place.line, waits, wait.wait_ns FROM wait JOIN lock ON lock.id = wait.lock"
	" JOIN class ON class.id = lock.class LEFT JOIN thread ON thread.id = wait.thread"
	" LEFT JOIN place ON place.stack = wait.stack;"
	"CREATE VIEW holders AS SELECT class.name AS lock, thread.name AS holder, place.function,"
	" place.file, place.line, note, waits, blame.wait_ns FROM blame JOIN lock ON lock.id = blame.lock"
	" JOIN class ON class.id = lock.class LEFT JOIN thread ON thread.id = blame.holder"
	" LEFT JOIN place ON place.stack = blame.stack;"
	/* By phase; of a program without phases, of the whole run. */
	"CREATE VIEW lock_per_unit AS WITH row AS (SELECT phase.name AS phase, work_units, lock,"
	" phase_lock.acquired, phase_lock.wait_ns FROM phase_lock JOIN phase ON phase.id = phase"
	" UNION ALL SELECT NULL, (SELECT value FROM meta WHERE key = 'work_units'), id, acquired,"
	" wait_ns FROM lock WHERE NOT EXISTS (SELECT * FROM phase))"
	" SELECT phase, class.name AS lock, work_units, sum(row.acquired) AS acquired,"
	" 1.0 * sum(row.acquired) / work_units AS acquired_per_unit,"
	" 1.0 * sum(row.wait_ns) / work_units AS wait_ns_per_unit"
	" FROM row JOIN lock ON lock.id = row.lock JOIN class ON class.id = lock.class"
	" WHERE contends AND work_units > 0 GROUP BY phase, class.id;"
	"CREATE INDEX interval_lock ON interval(lock, begin_ns);"
	"CREATE INDEX interval_thread ON interval(thread, begin_ns);";

/* ---- rows ---- */

struct database {
	const struct export *e;
	const struct model *model;
	sqlite3 *db;
	sqlite3_stmt *row;
	int column;
	int err; /* of sqlite, the first */
};

static void see(struct database *d, int err)
{
	if (!d->err && err != SQLITE_OK && err != SQLITE_DONE && err != SQLITE_ROW)
		d->err = err;
}

static void run(struct database *d, const char *sql)
{
	if (!d->err)
		see(d, sqlite3_exec(d->db, sql, NULL, NULL, NULL));
}

static void begin_table(struct database *d, const char *insert)
{
	if (!d->err)
		see(d, sqlite3_prepare_v2(d->db, insert, -1, &d->row, NULL));
}

static void end_table(struct database *d)
{
	sqlite3_finalize(d->row);
	d->row = NULL;
}

static void put_uint(struct database *d, uint64_t value)
{
	if (!d->err)
		see(d, sqlite3_bind_int64(d->row, ++d->column,
					  value > INT64_MAX ? INT64_MAX : (int64_t)value));
}

static void put_null(struct database *d)
{
	if (!d->err)
		see(d, sqlite3_bind_null(d->row, ++d->column));
}

/* A text from the recorded program, whose bytes may be anything. NULL: not known. */
static void put_text(struct database *d, const char *text)
{
	char *valid = text ? export_utf8(text) : NULL;

	if (!valid && text && !d->err)
		d->err = SQLITE_NOMEM;
	if (!valid)
		put_null(d);
	else if (!d->err)
		see(d, sqlite3_bind_text(d->row, ++d->column, valid, -1, SQLITE_TRANSIENT));
	free(valid);
}

static void put_word(struct database *d, const char *text)
{
	if (!d->err)
		see(d, sqlite3_bind_text(d->row, ++d->column, text, -1, SQLITE_STATIC));
}

/* An index of the model as an id; what is not known as NULL. */
static void put_id(struct database *d, uint32_t index, size_t nr)
{
	if (index < nr)
		put_uint(d, (uint64_t)index + 1);
	else
		put_null(d);
}

/* Stack 0 is the unknown one. */
static void put_stack(struct database *d, uint32_t stack)
{
	put_id(d, stack ? stack - 1 : UINT32_MAX, UINT32_MAX);
}

static void end_row(struct database *d)
{
	if (!d->err) {
		see(d, sqlite3_step(d->row));
		see(d, sqlite3_reset(d->row));
	}
	d->column = 0;
}

/* ---- tables ---- */

static void put_meta(struct database *d)
{
	struct report_totals totals = report_totals(d->model);

	begin_table(d, "INSERT INTO meta VALUES(?,?)");
	put_text(d, "schema");
	put_text(d, "lockprof-sqlite/1");
	end_row(d);
	put_text(d, "version");
	put_text(d, LOCKPROF_VERSION);
	end_row(d);
	put_text(d, "wait_ns");
	put_uint(d, totals.wait_ns);
	end_row(d);
	put_text(d, "acquisitions");
	put_uint(d, totals.acquired);
	end_row(d);
	put_text(d, "work_units");
	put_uint(d, d->model->work_units);
	end_row(d);
	put_text(d, "off_ns");
	put_uint(d, d->model->off_ns);
	end_row(d);
	put_text(d, "complete");
	put_uint(d, !report_has_losses(d->model) && !report_has_damages(d->model));
	end_row(d);
	end_table(d);
}

static void put_processes(struct database *d)
{
	begin_table(d, "INSERT INTO process VALUES(?,?,?,?,?,?,?,?,?,?)");
	for (size_t i = 0; i < d->model->nr_processes; i++) {
		const struct process *process = &d->model->processes[i];
		const struct trace_header *header = report_header(process);
		char end[OUTPUT_NUMBER];

		put_uint(d, i + 1);
		put_text(d, process->exe);
		put_uint(d, header->pid);
		put_uint(d, header->ppid);
		put_text(d, header->host);
		put_uint(d, header->start_realtime_ns);
		put_uint(d, process->duration_ns);
		put_uint(d, process->thread_ns);
		put_text(d, report_end(process, end));
		put_text(d, report_mode(process));
		end_row(d);
	}
	end_table(d);
}

static void put_threads(struct database *d)
{
	begin_table(d, "INSERT INTO thread VALUES(?,?,?,?,?,?,?,?,?,?,?,?)");
	for (size_t i = 0; i < d->model->nr_threads; i++) {
		const struct thread *thread = &d->model->threads[i];

		put_uint(d, i + 1);
		put_id(d, thread->process->number, d->model->nr_processes);
		put_text(d, thread->name);
		put_uint(d, thread->record->tid);
		put_uint(d, thread->begin_ns);
		put_uint(d, thread->lifetime_ns);
		put_uint(d, thread->all.acquired);
		put_uint(d, thread->all.contended);
		put_uint(d, thread->all.wait_ns);
		put_uint(d, thread->all.hold_ns);
		put_uint(d, thread->cond_wait_ns);
		put_uint(d, thread->join_wait_ns);
		end_row(d);
	}
	end_table(d);
}

static void put_classes(struct database *d)
{
	begin_table(d, "INSERT INTO class VALUES(?,?,?,?)");
	for (size_t i = 0; i < d->model->nr_classes; i++) {
		put_uint(d, i + 1);
		put_text(d, d->model->classes[i].label);
		put_text(d, report_kind_name(d->model->classes[i].kind));
		put_uint(d, d->model->classes[i].nr_locks);
		end_row(d);
	}
	end_table(d);
}

static void put_lock(struct database *d, size_t index, const struct lock *lock)
{
	char address[OUTPUT_NUMBER];

	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)lock->record->address);
	put_uint(d, index + 1);
	put_id(d, lock->process->number, d->model->nr_processes);
	put_id(d, lock->class, d->model->nr_classes);
	put_text(d, lock->label);
	put_text(d, report_kind_name((enum trace_kind)lock->record->kind));
	put_text(d, address);
	put_uint(d, lock->record->generation);
	put_uint(d, report_lock_contends(lock));
	put_uint(d, lock->all.acquired);
	put_uint(d, lock->all.contended);
	put_uint(d, lock->all.wait_ns);
	put_uint(d, lock->all.wait_max_ns);
	put_uint(d, lock->all.hold_ns);
	put_uint(d, lock->all.hold_max_ns);
	put_uint(d, lock->all.try_failures);
	put_uint(d, lock->all.timeouts);
	put_uint(d, lock->nr_threads);
	put_uint(d, lock->unattributed_ns);
	put_uint(d, lock->folded_wait_ns);
	end_row(d);
}

static void put_locks(struct database *d)
{
	begin_table(d, "INSERT INTO lock VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
	for (size_t i = 0; i < d->model->nr_locks; i++)
		put_lock(d, i, &d->model->locks[i]);
	end_table(d);
}

static void put_samples(struct database *d, struct places *places, enum export_attribute attribute,
			const char *insert)
{
	struct export by = *d->e;
	struct export_sample *samples = NULL;
	size_t nr = 0;

	by.attribute = attribute;
	if (!d->err && export_samples(&by, places, EXPORT_BY_LOCK, &samples, &nr) < 0)
		d->err = SQLITE_NOMEM;
	begin_table(d, insert);
	for (size_t i = 0; i < nr; i++) {
		put_id(d, samples[i].lock, d->model->nr_locks);
		put_id(d, samples[i].thread, d->model->nr_threads);
		put_stack(d, samples[i].stack);
		put_text(d, samples[i].note ? export_note_words[samples[i].note] : NULL);
		put_uint(d, samples[i].waits);
		put_uint(d, samples[i].wait_ns);
		end_row(d);
	}
	end_table(d);
	free(samples);
}

static void put_blockings(struct database *d)
{
	begin_table(d, "INSERT INTO blocking VALUES(?,?,?,?)");
	for (size_t i = 0; i < d->model->nr_blockings; i++) {
		const struct blocking *blocking = &d->model->blockings[i];

		if (!report_lock_contends(&d->model->locks[blocking->lock]))
			continue;
		put_id(d, blocking->lock, d->model->nr_locks);
		put_id(d, blocking->waiter, d->model->nr_threads);
		put_id(d, blocking->holder, d->model->nr_threads);
		put_uint(d, blocking->wait_ns);
		end_row(d);
	}
	end_table(d);
}

static void put_frames(struct database *d, const struct places *places)
{
	char buf[EXPORT_NAME];

	begin_table(d, "INSERT INTO frame VALUES(?,?,?,?,?,?)");
	for (size_t i = 0; i < places_nr_frames(places); i++) {
		const struct frame *frame = places_frame(places, i);

		put_uint(d, i + 1);
		put_text(d, export_frame_name(frame, buf));
		put_text(d, frame->file);
		put_uint(d, frame->line > 0 ? (uint64_t)frame->line : 0);
		put_text(d, frame->module);
		put_uint(d, frame->inlined);
		end_row(d);
	}
	end_table(d);
	begin_table(d, "INSERT INTO stack VALUES(?,?,?)");
	for (size_t i = 0; i < places_nr_stacks(places); i++) {
		size_t nr;
		const uint32_t *frames = places_frames_of(places, i, &nr);

		for (size_t k = 0; k < nr; k++) {
			put_stack(d, (uint32_t)i);
			put_uint(d, k);
			put_uint(d, (uint64_t)frames[k] + 1);
			end_row(d);
		}
	}
	end_table(d);
}

/* Joins have no node: they are of the phase in which they begin. */
static void put_interval_phase(struct database *d, const struct interval *i,
			       const uint64_t *begin_ns)
{
	const struct process *process = d->model->threads[i->thread].process;
	uint32_t phase =
		i->kind == INTERVAL_JOIN
			? model_phase_at(d->model, process, i->begin_ns - begin_ns[process->number])
			: model_phase_of(process, i->node);

	put_id(d, phase, d->model->nr_phases);
}

static void put_list(struct database *d, struct places *places, const struct interval_list *list,
		     const uint64_t *begin_ns)
{
	static const char *const kinds[] = { "wait",	  "gave up", "never ended",
					     "condition", "barrier", "once",
					     "futex",	  "join",    "hold" };

	for (size_t i = 0; i < list->nr && !d->err; i++) {
		put_word(d, kinds[list->at[i].kind]);
		put_id(d, list->at[i].thread, d->model->nr_threads);
		put_id(d, list->at[i].lock, d->model->nr_locks);
		put_uint(d, list->at[i].begin_ns);
		put_uint(d, list->at[i].length_ns);
		put_uint(d, list->at[i].is_shared);
		put_stack(d, export_stack(places, d->model, &list->at[i]));
		put_interval_phase(d, &list->at[i], begin_ns);
		end_row(d);
	}
}

static void put_intervals(struct database *d, struct places *places)
{
	struct intervals all = { .nr_recorded = 0 };
	uint64_t *begin_ns = intervals_begins(d->model);

	if (!begin_ns || intervals_read(&all, d->model, begin_ns, UINT64_MAX) < 0)
		see(d, SQLITE_NOMEM);
	begin_table(d, "INSERT INTO interval VALUES(?,?,?,?,?,?,?,?)");
	put_list(d, places, &all.holds, begin_ns);
	put_list(d, places, &all.waits, begin_ns);
	end_table(d);
	intervals_fini(&all);
	free(begin_ns);
}

/* ---- phases ---- */

static void put_phases(struct database *d)
{
	begin_table(d, "INSERT INTO phase VALUES(?,?,?,?,?,?,?,?,?,?)");
	for (size_t i = 0; i < d->model->nr_phases; i++) {
		const struct phase *phase = &d->model->phases[i];

		put_uint(d, i + 1);
		put_text(d, phase->name);
		put_uint(d, phase->time_ns);
		put_uint(d, phase->thread_ns);
		put_uint(d, phase->begins);
		put_uint(d, phase->work_units);
		put_uint(d, phase->all.acquired);
		put_uint(d, phase->all.contended);
		put_uint(d, phase->all.wait_ns);
		put_uint(d, phase->all.hold_ns);
		end_row(d);
	}
	end_table(d);
}

static void put_phase_locks(struct database *d)
{
	begin_table(d, "INSERT INTO phase_lock VALUES(?,?,?,?,?,?,?,?,?)");
	for (size_t i = 0; i < d->model->nr_phase_locks; i++) {
		const struct phase_lock *row = &d->model->phase_locks[i];

		put_id(d, row->phase, d->model->nr_phases);
		put_id(d, row->lock, d->model->nr_locks);
		put_uint(d, row->all.acquired);
		put_uint(d, row->all.contended);
		put_uint(d, row->all.wait_ns);
		put_uint(d, row->all.wait_max_ns);
		put_uint(d, row->all.hold_ns);
		put_uint(d, histogram_percentile_ns(row->all.hold, 0.5));
		put_uint(d, row->all.hold_max_ns);
		end_row(d);
	}
	end_table(d);
}

static void put_phase_spans(struct database *d)
{
	uint64_t *begin_ns = intervals_begins(d->model);

	if (!begin_ns)
		see(d, SQLITE_NOMEM);
	begin_table(d, "INSERT INTO phase_span VALUES(?,?,?,?,?)");
	for (size_t i = 0; begin_ns && i < d->model->nr_phase_spans; i++) {
		const struct phase_span *span = &d->model->phase_spans[i];

		put_id(d, span->process, d->model->nr_processes);
		put_id(d, span->phase, d->model->nr_phases);
		put_uint(d, span->off);
		put_uint(d, begin_ns[span->process] + span->begin_ns);
		put_uint(d, span->end_ns - span->begin_ns);
		end_row(d);
	}
	end_table(d);
	free(begin_ns);
}

static void fill(struct database *d, struct places *places)
{
	run(d, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
	       "PRAGMA cache_size=-65536; BEGIN");
	run(d, schema);
	put_meta(d);
	put_processes(d);
	put_threads(d);
	put_classes(d);
	put_locks(d);
	put_samples(d, places, EXPORT_WAITER, "INSERT INTO wait VALUES(?,?,?,?,?,?)");
	put_samples(d, places, EXPORT_HOLDER, "INSERT INTO blame VALUES(?,?,?,?,?,?)");
	put_blockings(d);
	put_phases(d);
	put_phase_locks(d);
	put_phase_spans(d);
	put_intervals(d, places);
	put_frames(d, places);
	run(d, views);
	run(d, "COMMIT");
}

/* ---- the file ---- */

static int errno_of(int err)
{
	switch (err & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CANTOPEN:
		return -EACCES;
	default:
		return -EIO;
	}
}

int export_sqlite(const struct export *e)
{
	struct database d = { .e = e, .model = e->report->model };
	struct places *places = places_new(e->report);
	int err;

	if (!places)
		return -ENOMEM;
	see(&d, sqlite3_open_v2(e->path, &d.db, SQLITE_OPEN_READWRITE, NULL));
	fill(&d, places);
	see(&d, sqlite3_close(d.db));
	err = errno_of(d.err);
	if (!err)
		err = places_error(places);
	places_free(places);
	return err;
}
