/* SPDX-License-Identifier: MIT */
/*
 * The ranked table as CSV (RFC 4180): a header of the JSON's field names, times in integral ns,
 * ratios 0..1, an empty field for what is not known.
 *
 * Names come from the recorded program. A spreadsheet takes a cell that begins with = + - @ for a
 * formula, so such a name gets an apostrophe in front, as spreadsheets themselves write text. A
 * number has no reason to be touched.
 */
#include "report.h"
#include "utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_number(const char *text)
{
	char *end;

	strtod(text, &end);
	return *text && !*end;
}

static bool is_formula(const char *text)
{
	return *text && strchr("=+-@", *text) && !is_number(text);
}

/* A name, its control characters escaped, quoted where a comma or a quote needs it. */
static void put_text(FILE *out, const char *text)
{
	bool quoted = strpbrk(text, ",\"") != NULL;
	size_t left = strlen(text), length;

	fprintf(out, "%s%s", quoted ? "\"" : "", is_formula(text) ? "'" : "");
	for (; left; text += length, left -= length) {
		char raw[5] = "", escaped[4 * sizeof(raw)];
		uint32_t code;

		length = utf8_decode(text, left, &code);
		length += !length;
		memcpy(raw, text, length);
		output_escape(escaped, sizeof(escaped), raw);
		fprintf(out, "%s%s", *text == '"' ? "\"" : "", escaped);
	}
	fputs(quoted ? "\"" : "", out);
}

static void put_uint(FILE *out, uint64_t value)
{
	fprintf(out, ",%" PRIu64, value);
}

static void put_if_known(FILE *out, uint64_t value, bool is_known)
{
	if (is_known)
		put_uint(out, value);
	else
		fputc(',', out);
}

static void put_per_unit(FILE *out, uint64_t count, uint64_t units)
{
	if (units)
		fprintf(out, ",%.6g", report_ratio(count, units));
	else
		fputc(',', out);
}

static void put_percentile(FILE *out, const struct histogram *h, double p)
{
	bool is_known = h && histogram_count(h);

	put_if_known(out, is_known ? histogram_percentile_ns(h, p) : 0, is_known);
}

static uint64_t row_time_ns(const struct report *report, const struct report_row *row)
{
	return report->by == REPORT_BY_PHASE ? report->model->phases[row->index].time_ns
					     : report->model->duration_ns;
}

static const char counter_fields[] =
	",acquisitions,contended,contention_ratio,frequency_per_s,wait_ns,wait_share,wait_max_ns,"
	"wait_avg_ns,wait_p50_ns,wait_p90_ns,wait_p99_ns,hold_ns,hold_max_ns,hold_p50_ns,"
	"hold_p90_ns,hold_p99_ns,try_failures,timeouts,relocks";

static void put_counters(FILE *out, const struct report *report, const struct report_row *row)
{
	const struct counters *c = row->all;

	put_uint(out, c->acquired);
	put_uint(out, c->contended);
	fprintf(out, ",%.6g", report_ratio(c->contended, c->acquired));
	fprintf(out, ",%.6g", report_per_second(c->acquired, row_time_ns(report, row)));
	put_uint(out, c->wait_ns);
	fprintf(out, ",%.6g", report_wait_share(report, report->by, row, c));
	put_uint(out, c->wait_max_ns);
	put_uint(out, report_avg_wait_ns(c));
	put_percentile(out, c->wait, 0.5);
	put_percentile(out, c->wait, 0.9);
	put_percentile(out, c->wait, 0.99);
	put_uint(out, c->hold_ns);
	put_uint(out, c->hold_max_ns);
	put_percentile(out, c->hold, 0.5);
	put_percentile(out, c->hold, 0.9);
	put_percentile(out, c->hold, 0.99);
	put_uint(out, c->try_failures);
	put_uint(out, c->timeouts);
	put_uint(out, c->relocks);
}

/* ---- the fields before and behind the counters, by what the rows are ---- */

static const char *const head_fields[] = {
	[REPORT_BY_CLASS] = "class,kind,locks",
	[REPORT_BY_LOCK] = "name,class,kind,id,process,address,generation",
	[REPORT_BY_THREAD] = "name,tid,process,lifetime_ns",
	[REPORT_BY_SITE] = "site,lock,process",
	[REPORT_BY_PROCESS] = "exe,pid,exit,duration_ns,thread_ns",
	[REPORT_BY_PHASE] = "phase,time_ns,thread_ns,begins,work_units",
};
#define LOCK_TAIL                                                                                  \
	",threads,owner_changes,max_waiters,unattributed_ns,folded_wait_ns,acquisitions_per_unit," \
	"serial_demand_ns_per_unit"
static const char *const tail_fields[] = {
	[REPORT_BY_CLASS] = LOCK_TAIL,
	[REPORT_BY_LOCK] = LOCK_TAIL,
	[REPORT_BY_THREAD] = ",cond_wait_ns,join_wait_ns,barrier_wait_ns,futex_wait_ns",
	[REPORT_BY_SITE] = "",
	[REPORT_BY_PROCESS] = ",threads,locks",
	[REPORT_BY_PHASE] = ",acquisitions_per_unit,wait_ns_per_unit",
};

static void put_lock_head(FILE *out, const struct model *model, const struct report_row *row)
{
	const struct lock *lock = &model->locks[row->index];

	fputc(',', out);
	put_text(out, model->classes[lock->class].label);
	fprintf(out, ",%s", report_kind_name(row->kind));
	put_uint(out, lock->id);
	put_uint(out, lock->process->number);
	fprintf(out, ",0x%" PRIx64, lock->record->address);
	put_uint(out, lock->record->generation);
}

static void put_process_head(FILE *out, const struct process *process)
{
	char end[OUTPUT_NUMBER];

	put_uint(out, report_header(process)->pid);
	fprintf(out, ",%s", report_end(process, end));
	put_uint(out, process->duration_ns);
	put_uint(out, process->thread_ns);
}

static void put_site_head(FILE *out, const struct model *model, const struct report_row *row)
{
	const struct site *site = &model->sites[row->index];

	fputc(',', out);
	put_text(out, model->locks[site->lock].label);
	put_uint(out, site->process->number);
}

static void put_phase_head(FILE *out, const struct phase *phase)
{
	put_uint(out, phase->time_ns);
	put_uint(out, phase->thread_ns);
	put_uint(out, phase->begins);
	put_uint(out, phase->work_units);
}

static void put_head(FILE *out, const struct report *report, const struct report_row *row)
{
	const struct model *model = report->model;
	const struct thread *thread;

	switch (report->by) {
	case REPORT_BY_LOCK:
		put_lock_head(out, model, row);
		break;
	case REPORT_BY_THREAD:
		thread = &model->threads[row->index];
		put_uint(out, thread->record->tid);
		put_uint(out, thread->process->number);
		put_uint(out, thread->lifetime_ns);
		break;
	case REPORT_BY_SITE:
		put_site_head(out, model, row);
		break;
	case REPORT_BY_PROCESS:
		put_process_head(out, &model->processes[row->index]);
		break;
	case REPORT_BY_PHASE:
		put_phase_head(out, &model->phases[row->index]);
		break;
	default:
		fprintf(out, ",%s", report_kind_name(row->kind));
		put_uint(out, row->nr_locks);
	}
}

static void put_tail(FILE *out, const struct report *report, const struct report_row *row)
{
	const struct thread *thread;
	const struct phase *phase;

	switch (report->by) {
	case REPORT_BY_THREAD:
		thread = &report->model->threads[row->index];
		put_uint(out, thread->cond_wait_ns);
		put_uint(out, thread->join_wait_ns);
		put_uint(out, thread->barrier_wait_ns);
		put_uint(out, thread->futex_wait_ns);
		break;
	case REPORT_BY_SITE:
		break;
	case REPORT_BY_PROCESS:
		put_uint(out, row->nr_threads);
		put_uint(out, row->nr_locks);
		break;
	case REPORT_BY_PHASE:
		phase = &report->model->phases[row->index];
		put_per_unit(out, row->all->acquired, phase->work_units);
		put_if_known(out, phase->work_units ? row->all->wait_ns / phase->work_units : 0,
			     phase->work_units);
		break;
	default:
		put_uint(out, row->nr_threads);
		put_if_known(out, row->owner_changes, row->owner_changes != UINT64_MAX);
		put_if_known(out, row->max_waiters, row->max_waiters != UINT32_MAX);
		put_if_known(out, row->unattributed_ns, report->model->has_events);
		put_uint(out, row->folded_wait_ns);
		put_per_unit(out, row->all->acquired, report->model->work_units);
		put_if_known(out, report_serial_demand_ns(row->all, report->model->work_units),
			     report->model->work_units && row->all->held);
	}
}

/* The bare name: what text tables add to it (process, number of locks) are fields here. */
static int put_name(FILE *out, const struct report *report, const struct report_row *row)
{
	const struct model *model = report->model;
	char *place;

	switch (report->by) {
	case REPORT_BY_LOCK:
		put_text(out, model->locks[row->index].label);
		return 0;
	case REPORT_BY_THREAD:
		put_text(out, model->threads[row->index].name);
		return 0;
	case REPORT_BY_PROCESS:
		put_text(out, model->processes[row->index].exe);
		return 0;
	case REPORT_BY_CLASS:
		put_text(out, model->classes[row->index].label);
		return 0;
	case REPORT_BY_PHASE:
		put_text(out, report_phase_name(&model->phases[row->index]));
		return 0;
	default:
		place = report_row_label(report, REPORT_BY_SITE, row);
		if (!place)
			return -ENOMEM;
		put_text(out, place);
		free(place);
		return 0;
	}
}

int report_csv(const struct report *report, FILE *out)
{
	struct report_rows rows;
	int err = report_rows_init(&rows, report, report->by);

	if (err)
		return err;
	fprintf(out, "%s%s%s\r\n", head_fields[report->by], counter_fields,
		tail_fields[report->by]);
	for (size_t i = 0; !err && i < rows.nr && i < report->top; i++) {
		err = put_name(out, report, &rows.rows[i]);
		put_head(out, report, &rows.rows[i]);
		put_counters(out, report, &rows.rows[i]);
		put_tail(out, report, &rows.rows[i]);
		fputs("\r\n", out);
	}
	report_rows_fini(&rows);
	return err ? err : fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}
