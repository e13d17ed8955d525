/* SPDX-License-Identifier: MIT */
/* The formats by name, for `lockprof export`. */
#include "export.h"

int export_csv(const struct export *e)
{
	return report_csv(e->report, e->out);
}

const struct exporter exporters[] = {
	{ "pprof", true, false, export_pprof },
	{ "perfetto", true, false, export_perfetto },
	{ "speedscope", false, false, export_speedscope },
	{ "folded", false, false, export_folded },
	{ "sqlite", true, true, export_sqlite },
	{ "openmetrics", false, false, export_openmetrics },
	{ "jsonl", false, false, export_jsonl },
	{ "csv", false, false, export_csv },
	{ NULL, false, false, NULL },
};
