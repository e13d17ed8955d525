/* SPDX-License-Identifier: MIT */
/* Fuzzes the reader of /tmp/perf-PID.map: what it keeps is found again, and only there. */
#include "../../analyzer/perfmap.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct perfmap map = { 0 };
	FILE *file = fmemopen((void *)(uintptr_t)data, size, "r");

	if (!file)
		return 0; /* an empty input */
	need(perfmap_parse(&map, file) == 0);
	fclose(file);
	for (size_t i = 0; i < map.code.nr; i++) {
		const struct range *range = &map.code.at[i];

		need(range->low < range->high && range->name && *range->name);
		need(perfmap_find(&map, range->low) != NULL);
		need(perfmap_find(&map, range->high - 1) != NULL);
	}
	perfmap_find(&map, 0);
	perfmap_find(&map, UINT64_MAX);
	perfmap_free(&map);
	return 0;
}
