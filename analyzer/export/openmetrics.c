/* SPDX-License-Identifier: MIT */
/*
 * openmetrics.c: counters and histograms of each class, as OpenMetrics 1.0 text
 *
 * For a textfile collector or a push gateway: series of a run can be compared with those of the run
 * before. Times are seconds, as that format's rules want it, and exact to the nanosecond.
 */
#include "export.h"

#include <inttypes.h>

/* Buckets of the histograms: 1 us to 10 s. */
static const uint64_t bounds_ns[] = {
	1000,	 2000,	   5000,     10000,     20000,	   50000,     100000,	  200000,
	500000,	 1000000,  2000000,  5000000,   10000000,  20000000,  50000000,	  100000000,
	200000000, 500000000, 1000000000, 2000000000, 5000000000, 10000000000,
};
#define NR_BOUNDS (sizeof(bounds_ns) / sizeof(bounds_ns[0]))

static void put_value(FILE *out, const char *text)
{
	char escaped[EXPORT_NAME * 4];

	output_escape(escaped, sizeof(escaped), text);
	for (const char *p = escaped; *p; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', out);
		fputc(*p, out);
	}
}

static void put_labels(const struct export *e, const struct lock_class *class)
{
	const struct model *model = e->report->model;

	fputs("{exe=\"", e->out);
	put_value(e->out, model->nr_processes ? report_base_name(model->processes[0].exe) : "");
	fputs("\",lock=\"", e->out);
	put_value(e->out, class->label);
	fprintf(e->out, "\",kind=\"%s\"", report_kind_name(class->kind));
}

static void put_seconds(FILE *out, uint64_t ns)
{
	fprintf(out, " %" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000, ns % 1000000000);
}

static bool is_told(const struct lock_class *class)
{
	return (class->kind == TRACE_KIND_MUTEX || class->kind == TRACE_KIND_RWLOCK ||
		class->kind == TRACE_KIND_SPIN || class->kind == TRACE_KIND_SEM) &&
	       (class->all.acquired || class->all.wait_ns);
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

static void put_family(const struct export *e, const struct family *family)
{
	const struct model *model = e->report->model;

	fprintf(e->out, "# TYPE %s counter\n", family->name);
	if (family->is_time)
		fprintf(e->out, "# UNIT %s seconds\n", family->name);
	fprintf(e->out, "# HELP %s %s\n", family->name, family->help);
	for (size_t i = 0; i < model->nr_classes; i++) {
		if (!is_told(&model->classes[i]))
			continue;
		fprintf(e->out, "%s_total", family->name);
		put_labels(e, &model->classes[i]);
		fputc('}', e->out);
		if (family->is_time)
			put_seconds(e->out, family->value(&model->classes[i].all));
		else
			fprintf(e->out, " %" PRIu64 "\n", family->value(&model->classes[i].all));
	}
}

/* A bucket of ours counts where it ends; +Inf has all of them. */
static void put_waits(const struct export *e, const struct lock_class *class)
{
	const struct histogram *h = class->all.wait;
	uint64_t below = 0, low_ns, high_ns, count = 0;
	size_t at = 0;
	bool has = histogram_next(h, &at, &low_ns, &high_ns, &count);

	for (size_t i = 0; i < NR_BOUNDS; i++) {
		while (has && high_ns <= bounds_ns[i]) {
			below += count;
			has = histogram_next(h, &at, &low_ns, &high_ns, &count);
		}
		fputs("lockprof_wait_seconds_bucket", e->out);
		put_labels(e, class);
		fprintf(e->out, ",le=\"%g\"} %" PRIu64 "\n", (double)bounds_ns[i] / 1e9, below);
	}
	fputs("lockprof_wait_seconds_bucket", e->out);
	put_labels(e, class);
	fprintf(e->out, ",le=\"+Inf\"} %" PRIu64 "\n", histogram_count(h));
	fputs("lockprof_wait_seconds_sum", e->out);
	put_labels(e, class);
	fputc('}', e->out);
	put_seconds(e->out, class->all.wait_ns);
	fputs("lockprof_wait_seconds_count", e->out);
	put_labels(e, class);
	fprintf(e->out, "} %" PRIu64 "\n", histogram_count(h));
}

int export_openmetrics(const struct export *e)
{
	const struct model *model = e->report->model;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		put_family(e, &families[i]);
	fputs("# TYPE lockprof_wait_seconds histogram\n"
	      "# UNIT lockprof_wait_seconds seconds\n"
	      "# HELP lockprof_wait_seconds Waits for locks of the class.\n",
	      e->out);
	for (size_t i = 0; i < model->nr_classes; i++)
		if (is_told(&model->classes[i]))
			put_waits(e, &model->classes[i]);
	fputs("# EOF\n", e->out);
	return 0;
}
