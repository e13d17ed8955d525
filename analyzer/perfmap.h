/* SPDX-License-Identifier: MIT */
#ifndef LOCKPROF_PERFMAP_H
#define LOCKPROF_PERFMAP_H

#include <stdio.h>

#include "ranges.h"

struct perfmap {
	struct ranges code; /* the names are owned by the perfmap */
};

/*
 * Returns 0, or -errno when PATH is not a readable regular file of UID's or root's, or memory ran
 * out.
 */
int perfmap_read(struct perfmap *map, const char *path, uint32_t uid);
/* The same of an open file. 0 or -ENOMEM. */
int perfmap_parse(struct perfmap *map, FILE *file);
/* The name of the code at PC, or NULL. */
const char *perfmap_find(const struct perfmap *map, uint64_t pc);
void perfmap_free(struct perfmap *map);

#endif
