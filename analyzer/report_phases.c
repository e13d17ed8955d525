/* SPDX-License-Identifier: MIT */
/*
 * Phases of the program and units of work, in the report: sentences, and the parts of JSON. (Their
 * table is one of the ranked tables.)
 *
 * What a unit of work costs is the figure that says least about the machine and the load, and most
 * about the code: acquisitions of a lock per unit, and these times the usual hold. The latter is
 * the serial demand: no number of processors does units faster than one in that time.
 */
#include "json.h"
#include "report.h"

#include <errno.h>
#include <string.h>

const char *report_phase_name(const struct phase *phase)
{
	return phase->name ? phase->name : "(no phase)";
}

uint64_t report_serial_demand_ns(const struct counters *c, uint64_t units)
{
	double hold_ns = (double)histogram_percentile_ns(c->hold, 0.5);

	return (uint64_t)(report_ratio(c->acquired, units) * hold_ns + 0.5);
}

bool report_has_phase(const struct model *model, const char *name)
{
	for (size_t i = 1; i < model->nr_phases; i++)
		if (strcmp(model->phases[i].name, name) == 0)
			return true;
	return false;
}

bool report_phase_chosen(const struct report *report, const struct phase *phase)
{
	return !report->only_phase || (phase->name && strcmp(phase->name, report->only_phase) == 0);
}

/* ---- sentences ---- */

static int tell_only(const struct report *report, FILE *out)
{
	char time[OUTPUT_NUMBER];
	struct report_line line;

	if (!report->only_phase)
		return 0;
	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fprintf(line.out, "Only phase \"%s\" counts here, %s of the recording.", report->only_phase,
		report_time(time, report->model->duration_ns));
	return report_paragraph(report, out, "", OUTPUT_PLAIN, &line);
}

static int tell_work(const struct report *report, FILE *out)
{
	const struct model *model = report->model;
	struct report_totals totals = report_totals(model);
	uint64_t units = model->work_units;
	char wait[OUTPUT_NUMBER];
	struct report_line line;

	if (!units)
		return 0;
	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fprintf(line.out, "%llu unit%s of work: %.4g" REPORT_GLUE "acquisition%s",
		(unsigned long long)units, report_plural(units),
		report_ratio(totals.acquired, units), totals.acquired == units ? "" : "s");
	if (totals.wait_ns >= units)
		fprintf(line.out, " and %s of waiting", report_time(wait, totals.wait_ns / units));
	fputs(" each.", line.out);
	return report_paragraph(report, out, "", OUTPUT_PLAIN, &line);
}

static int tell_none(const struct report *report, FILE *out)
{
	struct report_line line;

	if (report->by != REPORT_BY_PHASE || report->model->nr_phases)
		return 0;
	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fputs("The program told of no phases; lockprof.h and \"lockprof ctl\" can.", line.out);
	return report_paragraph(report, out, "", OUTPUT_PLAIN, &line);
}

int report_phase_story(const struct report *report, FILE *out)
{
	int err = tell_only(report, out);

	if (!err)
		err = tell_none(report, out);
	return err ? err : tell_work(report, out);
}

/* The table, where there is something to compare. */
int report_phase_table(const struct report *report, FILE *out)
{
	struct report by_phase = *report;

	if (!report->model->nr_phases || report->by == REPORT_BY_PHASE || report->only_phase)
		return 0;
	by_phase.by = REPORT_BY_PHASE;
	return report_tables(&by_phase, out);
}

/* Recording that was stopped is no loss: somebody wanted it. */
int report_off(const struct report *report, FILE *out)
{
	char time[OUTPUT_NUMBER];
	struct report_line line;

	if (!report->model->off_ns)
		return 0;
	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fprintf(line.out, "recording was stopped on demand for %s; that time counts nowhere here",
		report_time(time, report->model->off_ns));
	return report_paragraph(report, out, "  - ", OUTPUT_PLAIN, &line);
}

/* ---- JSON ---- */

static void put_work(struct json *json, const struct counters *c, uint64_t units)
{
	if (units)
		json_double(json, "acquisitions_per_unit", report_ratio(c->acquired, units));
	else
		json_null(json, "acquisitions_per_unit");
	json_uint_or_null(json, "wait_ns_per_unit", units ? c->wait_ns / units : 0, units);
}

void report_json_per_unit(struct json *json, const struct counters *c, uint64_t units)
{
	put_work(json, c, units);
	json_uint_or_null(json, "serial_demand_ns_per_unit", report_serial_demand_ns(c, units),
			  units && c->held);
}

static void put_counters(struct json *json, const struct counters *c, const struct phase *phase)
{
	json_uint(json, "acquisitions", c->acquired);
	json_uint(json, "contended", c->contended);
	json_double(json, "contention_ratio", report_ratio(c->contended, c->acquired));
	json_double(json, "frequency_per_s", report_per_second(c->acquired, phase->time_ns));
	json_double(json, "wait_share", report_ratio(c->wait_ns, phase->thread_ns));
	report_json_wait(json, c);
	report_json_hold(json, c);
}

static void put_phase_lock(struct json *json, const struct model *model,
			   const struct phase_lock *row)
{
	const struct phase *phase = &model->phases[row->phase];
	const struct lock *lock = &model->locks[row->lock];

	json_object_begin(json, NULL);
	json_uint(json, "id", lock->id);
	json_uint(json, "process", lock->process->number);
	json_string(json, "name", lock->label);
	json_string(json, "class", model->classes[lock->class].label);
	put_counters(json, &row->all, phase);
	report_json_per_unit(json, &row->all, phase->work_units);
	json_object_end(json);
}

/* Its locks are those from `first` on. */
static void put_phase(struct json *json, const struct model *model, size_t number, size_t first)
{
	const struct phase *phase = &model->phases[number];

	json_object_begin(json, NULL);
	report_json_phase_facts(json, phase);
	put_counters(json, &phase->all, phase);
	put_work(json, &phase->all, phase->work_units);
	json_array_begin(json, "locks");
	for (size_t i = first; i < model->nr_phase_locks && model->phase_locks[i].phase == number;
	     i++)
		if (report_lock_contends(&model->locks[model->phase_locks[i].lock]))
			put_phase_lock(json, model, &model->phase_locks[i]);
	json_array_end(json);
	json_object_end(json);
}

/* With one phase chosen the others have no counts, so that one alone. */
void report_json_phases(struct json *json, const struct report *report)
{
	const struct model *model = report->model;
	size_t first = 0;

	json_array_begin(json, "phases");
	for (size_t i = 0; i < model->nr_phases; i++) {
		while (first < model->nr_phase_locks && model->phase_locks[first].phase < i)
			first++;
		if (report_phase_chosen(report, &model->phases[i]))
			put_phase(json, model, i, first);
	}
	json_array_end(json);
}
