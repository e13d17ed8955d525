/* SPDX-License-Identifier: MIT */
/* metrics.c: what is measured of a lock in a run, and how it is written */
#include "diff.h"

#include <math.h>

const struct metric_facts metrics[NR_METRICS] = {
	[METRIC_HOLD_P50] = { "hold_p50", "hold_p50_ns", "the median hold time", METRIC_NS },
	[METRIC_HOLD_P90] = { "hold_p90", "hold_p90_ns", "the 90th percentile of the hold times",
			      METRIC_NS },
	[METRIC_DEMAND] = { "demand", "demand_ns", "the serial demand (acquisitions x median hold)",
			    METRIC_NS },
	[METRIC_ACQUISITIONS] = { "acquisitions", "acquisitions", "the number of acquisitions",
				  METRIC_COUNT },
	[METRIC_WAIT_TOTAL] = { "wait_total", "wait_ns", "the wait time", METRIC_NS },
	[METRIC_WAIT_SHARE] = { "wait_share", "wait_share",
				"the share of the threads' time spent waiting", METRIC_RATIO },
	[METRIC_WAIT_USUAL] = { "wait_usual", "wait_usual_share",
				"the share of the threads' time spent in usual waits",
				METRIC_RATIO },
	[METRIC_CONTENTION] = { "contention", "contention_ratio",
				"the contended part of the acquisitions", METRIC_RATIO },
	[METRIC_WAIT_P99] = { "wait_p99", "wait_p99_ns", "the 99th percentile of the waits",
			      METRIC_NS },
	[METRIC_WAIT_MAX] = { "wait_max", "wait_max_ns", "the longest wait", METRIC_NS },
	[METRIC_HOLD_MAX] = { "hold_max", "hold_max_ns", "the longest hold", METRIC_NS },
	[METRIC_ACQUISITIONS_PER_UNIT] = { "acquisitions_per_unit", "acquisitions_per_unit",
					   "the number of acquisitions per unit of work",
					   METRIC_MEAN },
	[METRIC_DEMAND_PER_UNIT] = { "serial_demand_per_unit", "serial_demand_per_unit_ns",
				     "the serial demand per unit of work (acquisitions x median "
				     "hold)",
				     METRIC_NS },
	[METRIC_WAIT_PER_UNIT] = { "wait_per_unit", "wait_per_unit_ns",
				   "the wait time per unit of work", METRIC_NS },
};

bool metric_is_per_unit(enum metric metric)
{
	return metric == METRIC_ACQUISITIONS_PER_UNIT || metric == METRIC_DEMAND_PER_UNIT ||
	       metric == METRIC_WAIT_PER_UNIT;
}

const char *metric_text(char buf[OUTPUT_NUMBER], enum metric metric, double value)
{
	if (!isfinite(value)) {
		snprintf(buf, OUTPUT_NUMBER, "-");
		return buf;
	}
	switch (metrics[metric].unit) {
	case METRIC_NS:
		return output_time(buf, (uint64_t)(value + 0.5));
	case METRIC_COUNT:
		return output_count(buf, (uint64_t)(value + 0.5));
	case METRIC_MEAN:
		snprintf(buf, OUTPUT_NUMBER, value > 0 && value < 0.1 ? "%.2g" : "%.3f", value);
		return buf;
	default:
		return output_percent(buf, value);
	}
}

const char *metric_change(char buf[OUTPUT_NUMBER], double base, double more)
{
	double change = 100 * (more / base - 1);

	if (!isfinite(base) || !isfinite(more))
		snprintf(buf, OUTPUT_NUMBER, "-");
	else if (base <= 0)
		snprintf(buf, OUTPUT_NUMBER, "%s", more > 0 ? "from 0" : "0 %");
	else if (change >= 1000)
		snprintf(buf, OUTPUT_NUMBER, "x%.0f", more / base);
	else if (fabs(change) < 0.05)
		snprintf(buf, OUTPUT_NUMBER, "0 %%");
	else
		snprintf(buf, OUTPUT_NUMBER, fabs(change) < 10 ? "%+.1f %%" : "%+.0f %%", change);
	return buf;
}
