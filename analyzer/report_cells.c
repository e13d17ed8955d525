/* SPDX-License-Identifier: MIT */
/*
 * What the columns of the ranked tables show.
 *
 * A column is a title and a function that writes one cell; the tables are lists of them, in the
 * order of their importance. Zeroes are left blank in the optional columns, so that a column that
 * would hold nothing but zeroes is not shown at all.
 */
#include "report.h"

#include <string.h>

#define CELL(name)                                                                         \
	static enum output_face name(const struct report *report __attribute__((unused)),  \
				     const struct report_row *row __attribute__((unused)), \
				     const struct counters *c __attribute__((unused)),     \
				     char text[REPORT_CELL])

#define MOST_DIGITS 99999999ull

/* Exact as long as that fits. */
static void put_count(char *text, uint64_t count)
{
	if (count <= MOST_DIGITS)
		snprintf(text, REPORT_CELL, "%llu", (unsigned long long)count);
	else
		output_si(text, (double)count);
}

/* "12.3us": in a table the unit needs no blank. */
static void put_time(char *text, uint64_t ns)
{
	char *blank = strchr(output_time(text, ns), ' ');

	if (blank)
		memmove(blank, blank + 1, strlen(blank));
}

static void put_ratio(char *text, double ratio)
{
	if (ratio > 0 && ratio < 0.0005)
		snprintf(text, REPORT_CELL, "<0.1%%");
	else
		snprintf(text, REPORT_CELL, "%.1f%%", ratio * 100);
}

static enum output_face optional_count(char *text, uint64_t count)
{
	text[0] = '\0';
	if (count)
		put_count(text, count);
	return OUTPUT_PLAIN;
}

/* Of those that need not be exact here (the JSON has them exact). */
static enum output_face optional_rough(char *text, uint64_t count)
{
	if (count < 100000)
		return optional_count(text, count);
	output_si(text, (double)count);
	return OUTPUT_PLAIN;
}

static enum output_face optional_time(char *text, uint64_t ns)
{
	text[0] = '\0';
	if (ns)
		put_time(text, ns);
	return OUTPUT_PLAIN;
}

/* Times that need something to have happened. */
static enum output_face time_if(char *text, uint64_t happened, uint64_t ns)
{
	if (happened)
		put_time(text, ns);
	else
		snprintf(text, REPORT_CELL, "-");
	return happened ? OUTPUT_PLAIN : OUTPUT_DIM;
}

static enum output_face face_of_share(double share)
{
	return share > 0.1 ? OUTPUT_RED : share > 0.01 ? OUTPUT_YELLOW : OUTPUT_PLAIN;
}

static double wait_share(const struct report *report, const struct report_row *row,
			 const struct counters *c)
{
	return report_wait_share(report, report->by, row, c);
}

CELL(cell_acquired)
{
	put_count(text, c->acquired);
	return OUTPUT_PLAIN;
}

CELL(cell_contended)
{
	return optional_count(text, c->contended);
}

CELL(cell_contention)
{
	put_ratio(text, report_ratio(c->contended, c->acquired));
	return OUTPUT_PLAIN;
}

CELL(cell_wait)
{
	time_if(text, c->wait_ns, c->wait_ns);
	return face_of_share(wait_share(report, row, c));
}

CELL(cell_wait_max)
{
	return time_if(text, c->wait_ns, c->wait_max_ns);
}

CELL(cell_wait_average)
{
	return optional_time(text, report_avg_wait_ns(c));
}

CELL(cell_share)
{
	text[0] = '\0';
	if (c->wait_ns)
		put_ratio(text, wait_share(report, row, c));
	return face_of_share(wait_share(report, row, c));
}

CELL(cell_hold)
{
	return time_if(text, c->held, c->hold_ns);
}

CELL(cell_hold_p50)
{
	return time_if(text, c->held, histogram_percentile_ns(c->hold, 0.5));
}

CELL(cell_hold_p90)
{
	return optional_time(text, histogram_percentile_ns(c->hold, 0.9));
}

CELL(cell_hold_p99)
{
	return time_if(text, c->held, histogram_percentile_ns(c->hold, 0.99));
}

CELL(cell_hold_max)
{
	return time_if(text, c->held, c->hold_max_ns);
}

CELL(cell_frequency)
{
	text[0] = '\0';
	if (c->acquired)
		output_si(text, report_per_second(c->acquired, report->model->duration_ns));
	return OUTPUT_PLAIN;
}

CELL(cell_owner_changes)
{
	bool known = row->all == c && row->owner_changes != UINT64_MAX;

	return optional_rough(text, known ? row->owner_changes : 0);
}

CELL(cell_max_waiters)
{
	bool known = row->all == c && row->max_waiters != UINT32_MAX;

	return optional_count(text, known ? row->max_waiters : 0);
}

CELL(cell_row_threads)
{
	return optional_count(text, row->all == c ? row->nr_threads : 0);
}

CELL(cell_row_locks)
{
	return optional_count(text, row->nr_locks);
}

CELL(cell_try_failures)
{
	return optional_count(text, c->try_failures);
}

CELL(cell_timeouts)
{
	return optional_count(text, c->timeouts);
}

CELL(cell_relocks)
{
	return optional_count(text, c->relocks);
}

CELL(cell_lifetime)
{
	put_time(text, report->model->threads[row->index].lifetime_ns);
	return OUTPUT_PLAIN;
}

CELL(cell_tid)
{
	return optional_count(text, report->model->threads[row->index].record->tid);
}

CELL(cell_cond_wait)
{
	return optional_time(text, report->model->threads[row->index].cond_wait_ns);
}

CELL(cell_join_wait)
{
	return optional_time(text, report->model->threads[row->index].join_wait_ns);
}

CELL(cell_barrier_wait)
{
	return optional_time(text, report->model->threads[row->index].barrier_wait_ns);
}

CELL(cell_futex_wait)
{
	return optional_time(text, report->model->threads[row->index].futex_wait_ns);
}

/* The start of a long name says most; the JSON has the whole. */
CELL(cell_site_lock)
{
	const struct site *site = &report->model->sites[row->index];

	snprintf(text, 21, "%s", report->model->locks[site->lock].label);
	return OUTPUT_PLAIN;
}

CELL(cell_pid)
{
	return optional_count(text, report_header(&report->model->processes[row->index])->pid);
}

CELL(cell_duration)
{
	put_time(text, report->model->processes[row->index].duration_ns);
	return OUTPUT_PLAIN;
}

CELL(cell_end)
{
	char end[OUTPUT_NUMBER];

	snprintf(text, REPORT_CELL, "%s", report_end(&report->model->processes[row->index], end));
	return OUTPUT_PLAIN;
}

static const struct phase *phase_of(const struct report *report, const struct report_row *row)
{
	return &report->model->phases[row->index];
}

/* Three digits, as many as are sure. */
static enum output_face per_unit(char *text, uint64_t count, uint64_t units)
{
	text[0] = '\0';
	if (count && units)
		snprintf(text, REPORT_CELL, "%.3g", report_ratio(count, units));
	return OUTPUT_PLAIN;
}

CELL(cell_per_unit)
{
	return per_unit(text, c->acquired, report->model->work_units);
}

CELL(cell_serial_demand)
{
	uint64_t units = report->model->work_units;

	return optional_time(text, units ? report_serial_demand_ns(c, units) : 0);
}

CELL(cell_phase_time)
{
	put_time(text, phase_of(report, row)->time_ns);
	return OUTPUT_PLAIN;
}

CELL(cell_phase_share)
{
	uint64_t all_ns = 0;

	for (size_t i = 0; i < report->model->nr_phases; i++)
		all_ns += report->model->phases[i].time_ns;
	put_ratio(text, report_ratio(phase_of(report, row)->time_ns, all_ns));
	return OUTPUT_PLAIN;
}

CELL(cell_phase_begins)
{
	return optional_count(text, phase_of(report, row)->begins);
}

CELL(cell_phase_frequency)
{
	text[0] = '\0';
	if (c->acquired)
		output_si(text, report_per_second(c->acquired, phase_of(report, row)->time_ns));
	return OUTPUT_PLAIN;
}

CELL(cell_phase_units)
{
	return optional_count(text, phase_of(report, row)->work_units);
}

CELL(cell_phase_per_unit)
{
	return per_unit(text, c->acquired, phase_of(report, row)->work_units);
}

CELL(cell_phase_wait_per_unit)
{
	uint64_t units = phase_of(report, row)->work_units;

	return optional_time(text, units ? c->wait_ns / units : 0);
}

static const struct report_column lock_columns[] = {
	{ "Acquired", cell_acquired, false, false },
	{ "Cont%", cell_contention, false, false },
	{ "Wait", cell_wait, false, false },
	{ "max", cell_wait_max, false, false },
	{ "Hold p50", cell_hold_p50, false, false },
	{ "p99", cell_hold_p99, false, false },
	{ "max", cell_hold_max, false, false },
	{ "Wait%", cell_share, true, false },
	{ "avg", cell_wait_average, true, false },
	{ "Hold sum", cell_hold, true, false },
	{ "p90", cell_hold_p90, true, false },
	{ "Per s", cell_frequency, true, false },
	{ "Moves", cell_owner_changes, true, false },
	{ "Queue", cell_max_waiters, true, false },
	{ "Threads", cell_row_threads, true, false },
	{ "Try fail", cell_try_failures, true, false },
	{ "Timeouts", cell_timeouts, true, false },
	{ "Relocks", cell_relocks, true, false },
	{ "/unit", cell_per_unit, true, false },
	{ "Serial/unit", cell_serial_demand, true, false },
};

static const struct report_column phase_columns[] = {
	{ "Time", cell_phase_time, false, false },
	{ "Time%", cell_phase_share, false, false },
	{ "Acquired", cell_acquired, false, false },
	{ "Cont%", cell_contention, false, false },
	{ "Wait", cell_wait, false, false },
	{ "Wait%", cell_share, false, false },
	{ "Units", cell_phase_units, true, false },
	{ "/unit", cell_phase_per_unit, true, false },
	{ "Wait/unit", cell_phase_wait_per_unit, true, false },
	{ "Contended", cell_contended, true, false },
	{ "Begins", cell_phase_begins, true, false },
	{ "Per s", cell_phase_frequency, true, false },
	{ "Max wait", cell_wait_max, true, false },
	{ "Hold p50", cell_hold_p50, true, false },
	{ "Hold p99", cell_hold_p99, true, false },
	{ "Hold max", cell_hold_max, true, false },
};

static const struct report_column thread_columns[] = {
	{ "Lifetime", cell_lifetime, false, false },
	{ "Wait", cell_wait, false, false },
	{ "Wait%", cell_share, false, false },
	{ "Acquired", cell_acquired, false, false },
	{ "Cont%", cell_contention, false, false },
	{ "Hold", cell_hold, false, false },
	{ "Cond", cell_cond_wait, true, false },
	{ "Join", cell_join_wait, true, false },
	{ "Barrier", cell_barrier_wait, true, false },
	{ "Futex", cell_futex_wait, true, false },
	{ "Max wait", cell_wait_max, true, false },
	{ "Max hold", cell_hold_max, true, false },
	{ "Tid", cell_tid, true, false },
};

static const struct report_column site_columns[] = {
	{ "Lock", cell_site_lock, false, true },	{ "Acquired", cell_acquired, false, false },
	{ "Cont%", cell_contention, false, false },	{ "Wait", cell_wait, false, false },
	{ "Hold p50", cell_hold_p50, false, false },	{ "Max wait", cell_wait_max, true, false },
	{ "Wait%", cell_share, true, false },		{ "Hold p99", cell_hold_p99, true, false },
	{ "Hold max", cell_hold_max, true, false },	{ "Hold sum", cell_hold, true, false },
	{ "Try fail", cell_try_failures, true, false }, { "Timeouts", cell_timeouts, true, false },
};

static const struct report_column process_columns[] = {
	{ "Pid", cell_pid, false, false },
	{ "Time", cell_duration, false, false },
	{ "Threads", cell_row_threads, false, false },
	{ "Locks", cell_row_locks, false, false },
	{ "Acquired", cell_acquired, false, false },
	{ "Cont%", cell_contention, false, false },
	{ "Wait", cell_wait, false, false },
	{ "Wait%", cell_share, false, false },
	{ "Hold", cell_hold, true, false },
	{ "End", cell_end, true, true },
};

#define NR(array) (sizeof(array) / sizeof((array)[0]))

const struct report_column *report_columns(enum report_by by, size_t *nr)
{
	switch (by) {
	case REPORT_BY_THREAD:
		*nr = NR(thread_columns);
		return thread_columns;
	case REPORT_BY_SITE:
		*nr = NR(site_columns);
		return site_columns;
	case REPORT_BY_PROCESS:
		*nr = NR(process_columns);
		return process_columns;
	case REPORT_BY_PHASE:
		*nr = NR(phase_columns);
		return phase_columns;
	default:
		*nr = NR(lock_columns);
		return lock_columns;
	}
}
