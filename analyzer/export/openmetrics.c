/* SPDX-License-Identifier: MIT */
/*
 * openmetrics.c: counters and histograms of each class, as OpenMetrics 1.0 text
 *
 * For a textfile collector or a push gateway: series of a run can be compared with those of the run
 * before. Times are seconds, as that format's rules want it, and exact to the nanosecond. Classes
 * of one name and kind (static locks of two files) are one series, as series have no other name.
 *
 * The buckets' bounds are round and the same for all runs; the recording's own are neither. One of
 * its buckets counts where its end lies, so a wait up to 6.25 % below a bound may count above it.
 * Sum and count are exact.
 */
#include "export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Buckets of the histograms: 1 us to 10 s. */
static const uint64_t bounds_ns[] = {
	1000,	   2000,      5000,	  10000,      20000,	  50000,       100000,	 200000,
	500000,	   1000000,   2000000,	  5000000,    10000000,	  20000000,    50000000, 100000000,
	200000000, 500000000, 1000000000, 2000000000, 5000000000, 10000000000,
};
#define NR_BOUNDS (sizeof(bounds_ns) / sizeof(bounds_ns[0]))

#define MAX_PHASES 100 /* with series of their own; more are a label with too many values */

struct series {
	char *labels; /* "{exe=...", not closed */
	struct counters all;
};

struct metrics {
	FILE *out;
	struct series *series;
	size_t nr;
};

static int put_value(FILE *out, const char *text)
{
	char *escaped = export_escape(text);

	if (!escaped)
		return -ENOMEM;
	for (const char *p = escaped; *p; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', out);
		fputc(*p, out);
	}
	free(escaped);
	return 0;
}

static int make_labels(const struct export *e, const struct lock_class *class, char **labels)
{
	const struct model *model = e->report->model;
	size_t size;
	FILE *out = open_memstream(labels, &size);
	int err;

	if (!out)
		return -ENOMEM;
	fputs("{exe=\"", out);
	err = put_value(out, model->nr_processes ? report_base_name(model->processes[0].exe) : "");
	fputs("\",lock=\"", out);
	if (!err)
		err = put_value(out, class->label);
	fprintf(out, "\",kind=\"%s\"", report_kind_name(class->kind));
	/* Without room for the first byte the text is NULL, and fclose() is content. */
	return fclose(out) != 0 || err || !*labels ? -ENOMEM : 0;
}

static bool is_told(const struct lock *lock)
{
	return report_lock_contends(lock) && (lock->all.acquired || lock->all.wait_ns);
}

static int compare_series(const void *a, const void *b)
{
	return strcmp(((const struct series *)a)->labels, ((const struct series *)b)->labels);
}

/* Makes one of those with the same labels. */
static int merge_series(struct metrics *metrics)
{
	size_t nr = 0;
	int err = 0;

	if (metrics->nr)
		qsort(metrics->series, metrics->nr, sizeof(*metrics->series), compare_series);
	for (size_t i = 0; i < metrics->nr; i++) {
		struct series *series = &metrics->series[i];

		if (!nr || compare_series(&metrics->series[nr - 1], series) != 0) {
			metrics->series[nr++] = *series;
			continue;
		}
		if (!err)
			err = counters_add(&metrics->series[nr - 1].all, &series->all);
		counters_fini(&series->all);
		free(series->labels);
	}
	metrics->nr = nr;
	return err;
}

/* One for each class; of a class's locks only those that count: semaphores may be both. */
static int make_series(struct metrics *metrics, const struct export *e)
{
	const struct model *model = e->report->model;
	struct series **of = calloc(model->nr_classes + 1, sizeof(struct series *));
	int err = of ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < model->nr_locks; i++) {
		const struct lock *lock = &model->locks[i];
		struct series **series = &of[lock->class];

		if (!is_told(lock))
			continue;
		if (!*series) {
			*series = &metrics->series[metrics->nr++];
			err = make_labels(e, &model->classes[lock->class], &(*series)->labels);
		}
		if (!err)
			err = counters_add(&(*series)->all, &lock->all);
	}
	free(of);
	return err ? err : merge_series(metrics);
}

static void put_seconds(FILE *out, uint64_t ns)
{
	fprintf(out, " %" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000, ns % 1000000000);
}

static void put_counter_head(FILE *out, const char *name, const char *help, bool is_time)
{
	fprintf(out, "# TYPE %s counter\n", name);
	if (is_time)
		fprintf(out, "# UNIT %s seconds\n", name);
	fprintf(out, "# HELP %s %s\n", name, help);
}

static void put_number(FILE *out, uint64_t value, bool is_time)
{
	if (is_time)
		put_seconds(out, value);
	else
		fprintf(out, " %" PRIu64 "\n", value);
}

struct family {
	const char *name, *help;
	uint64_t (*value)(const struct counters *c);
	bool is_time;
};

static uint64_t acquired(const struct counters *c)
{
	return c->acquired;
}

static uint64_t contended(const struct counters *c)
{
	return c->contended;
}

static uint64_t timeouts(const struct counters *c)
{
	return c->timeouts;
}

static uint64_t hold_ns(const struct counters *c)
{
	return c->hold_ns;
}

static const struct family families[] = {
	{ "lockprof_acquisitions", "Acquisitions of locks of the class.", acquired, false },
	{ "lockprof_contended", "Acquisitions that had to wait.", contended, false },
	{ "lockprof_timeouts", "Waits that were given up.", timeouts, false },
	{ "lockprof_hold_seconds", "Time that locks of the class were held.", hold_ns, true },
};

static void put_family(const struct metrics *metrics, const struct family *family)
{
	put_counter_head(metrics->out, family->name, family->help, family->is_time);
	for (size_t i = 0; i < metrics->nr; i++) {
		const struct series *series = &metrics->series[i];

		fprintf(metrics->out, "%s_total%s}", family->name, series->labels);
		put_number(metrics->out, family->value(&series->all), family->is_time);
	}
}

static void put_bucket(FILE *out, const struct series *series, const char *bound, uint64_t count)
{
	fprintf(out, "lockprof_wait_seconds_bucket%s,le=\"%s\"} %" PRIu64 "\n", series->labels,
		bound, count);
}

static void put_waits(FILE *out, const struct series *series)
{
	const struct histogram *h = series->all.wait;
	uint64_t below = 0, low_ns, high_ns, count = 0;
	size_t at = 0;
	bool has = histogram_next(h, &at, &low_ns, &high_ns, &count);

	for (size_t i = 0; i < NR_BOUNDS; i++) {
		char bound[32];

		for (; has && high_ns <= bounds_ns[i];
		     has = histogram_next(h, &at, &low_ns, &high_ns, &count))
			below += count;
		snprintf(bound, sizeof(bound), "%g", (double)bounds_ns[i] / 1e9);
		put_bucket(out, series, bound, below);
	}
	put_bucket(out, series, "+Inf", histogram_count(h));
	fprintf(out, "lockprof_wait_seconds_sum%s}", series->labels);
	put_seconds(out, series->all.wait_ns);
	fprintf(out, "lockprof_wait_seconds_count%s} %" PRIu64 "\n", series->labels,
		histogram_count(h));
}

/* ---- phases ---- */

static uint64_t phase_time(const struct phase *phase)
{
	return phase->time_ns;
}

static uint64_t phase_acquired(const struct phase *phase)
{
	return phase->all.acquired;
}

static uint64_t phase_contended(const struct phase *phase)
{
	return phase->all.contended;
}

static uint64_t phase_wait(const struct phase *phase)
{
	return phase->all.wait_ns;
}

static uint64_t phase_hold(const struct phase *phase)
{
	return phase->all.hold_ns;
}

static uint64_t phase_units(const struct phase *phase)
{
	return phase->work_units;
}

static const struct phase_family {
	const char *name, *help;
	uint64_t (*value)(const struct phase *phase);
	bool is_time;
} phase_families[] = {
	{ "lockprof_phase_seconds", "Time that the program was in the phase.", phase_time, true },
	{ "lockprof_phase_acquisitions", "Acquisitions in the phase.", phase_acquired, false },
	{ "lockprof_phase_contended", "Of these, those that had to wait.", phase_contended, false },
	{ "lockprof_phase_wait_seconds", "Waits for locks in the phase.", phase_wait, true },
	{ "lockprof_phase_hold_seconds", "Time that locks were held.", phase_hold, true },
	{ "lockprof_phase_work_units", "Units of work done in the phase.", phase_units, false },
};

static int put_phase_family(const struct export *e, const struct phase_family *family)
{
	const struct model *model = e->report->model;
	int err = 0;

	put_counter_head(e->out, family->name, family->help, family->is_time);
	for (size_t i = 0; i < model->nr_phases && !err; i++) {
		const struct phase *phase = &model->phases[i];

		if (!report_phase_chosen(e->report, phase))
			continue;
		fprintf(e->out, "%s_total{exe=\"", family->name);
		err = put_value(e->out, report_base_name(model->processes[0].exe));
		fputs("\",phase=\"", e->out);
		if (!err)
			err = put_value(e->out, phase->name ? phase->name : "");
		fputs("\"}", e->out);
		put_number(e->out, family->value(phase), family->is_time);
	}
	return err;
}

/* A program may name a phase for each request: then there are no series of phases. */
static int put_phases(const struct export *e)
{
	const struct model *model = e->report->model;
	int err = 0;

	if (model->work_units) {
		put_counter_head(e->out, "lockprof_work_units", "Units of work done.", false);
		fputs("lockprof_work_units_total{exe=\"", e->out);
		err = put_value(e->out, report_base_name(model->processes[0].exe));
		fprintf(e->out, "\"} %" PRIu64 "\n", model->work_units);
	}
	if (!model->nr_phases || model->nr_phases > MAX_PHASES)
		return err;
	for (size_t i = 0; i < sizeof(phase_families) / sizeof(phase_families[0]) && !err; i++)
		err = put_phase_family(e, &phase_families[i]);
	return err;
}

static void put_metrics(const struct metrics *metrics)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		put_family(metrics, &families[i]);
	fputs("# TYPE lockprof_wait_seconds histogram\n"
	      "# UNIT lockprof_wait_seconds seconds\n"
	      "# HELP lockprof_wait_seconds Waits for locks of the class.\n",
	      metrics->out);
	for (size_t i = 0; i < metrics->nr; i++)
		put_waits(metrics->out, &metrics->series[i]);
}

int export_openmetrics(const struct export *e)
{
	struct metrics metrics = { .out = e->out };
	int err;

	metrics.series = calloc(e->report->model->nr_classes + 1, sizeof(*metrics.series));
	if (!metrics.series)
		return -ENOMEM;
	err = make_series(&metrics, e);
	if (!err) {
		put_metrics(&metrics);
		err = put_phases(e);
		fputs("# EOF\n", e->out);
	}
	for (size_t i = 0; i < metrics.nr; i++) {
		counters_fini(&metrics.series[i].all);
		free(metrics.series[i].labels);
	}
	free(metrics.series);
	return err;
}
