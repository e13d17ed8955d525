/* SPDX-License-Identifier: MIT */
/*
 * spill.h: large arrays, in memory up to a limit and behind it in a file
 *
 * The file has no name any more when it is used, and lies in TMPDIR or /var/tmp. Its pages are
 * mapped, so the arrays look alike; the kernel writes them out when memory is short.
 */
#ifndef LOCKPROF_ORDER_SPILL_H
#define LOCKPROF_ORDER_SPILL_H

#include <stddef.h>
#include <stdint.h>

struct spill {
	uint64_t limit; /* bytes */
	uint64_t used;
	int file; /* -1: none yet */
	uint64_t file_bytes;
};

struct spill spill_begin(uint64_t limit);
/* The arrays must have been freed. */
void spill_end(struct spill *spill);

/*
 * Another size for an array; at NULL with 0 bytes: a new one. What is new is not zeroed. NULL: out
 * of memory and disk; the array is as it was.
 */
void *spill_resize(struct spill *spill, void *at, size_t bytes, size_t new_bytes);
void spill_free(struct spill *spill, void *at, size_t bytes);

#endif
