/* SPDX-License-Identifier: MIT */
/* tally.h: sums by a key of five numbers; rows are never removed and keep the order of arrival */
#ifndef LOCKPROF_TALLY_H
#define LOCKPROF_TALLY_H

#include <stddef.h>
#include <stdint.h>

#define TALLY_KEY 5

/* The owner of a tally gives the sums their meaning. */
struct tally_row {
	uint32_t key[TALLY_KEY];
	uint32_t spare;
	uint64_t count, ticks, max;
	uint64_t mark; /* what was counted last, so that it counts once */
};

struct tally {
	struct tally_row *rows;
	size_t nr, capacity;
	uint32_t *slots; /* row + 1; a power of two of them, at most 3/4 used */
	size_t nr_slots;
};

/* The row of the key, zeroed when it is new; it moves at the next call. NULL: out of memory. */
struct tally_row *tally_get(struct tally *tally, const uint32_t key[TALLY_KEY]);
/* The row of the key, or NULL. */
struct tally_row *tally_find(const struct tally *tally, const uint32_t key[TALLY_KEY]);
/*
 * Adds all rows of `from` up to those that differ in the chosen parts of their keys: part[i] says
 * which part becomes key[i]; the key ends with part TALLY_KEY. 0 or -ENOMEM.
 */
int tally_project(struct tally *to, const struct tally *from, const unsigned char *part);
/* Rows by key[0], then most ticks first, then by key. tally_get() and tally_find() end with it. */
void tally_sort(struct tally *tally);
void tally_fini(struct tally *tally);

#endif
