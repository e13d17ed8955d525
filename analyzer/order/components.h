/* SPDX-License-Identifier: MIT */
/* components.h: the strongly connected parts of a graph */
#ifndef LOCKPROF_ORDER_COMPONENTS_H
#define LOCKPROF_ORDER_COMPONENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arc {
	uint32_t from, to;
};

/*
 * Sets component[] of each of `nr` vertices: from 1, 0 for one that is on no cycle of two or more.
 * 0 or -ENOMEM.
 */
int components_find(uint32_t nr, size_t nr_arcs, const struct arc *arcs, uint32_t *component,
		    uint32_t *nr_components);

#endif
