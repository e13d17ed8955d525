/* SPDX-License-Identifier: MIT */
/*
 * table.h: lock-free hash tables of record places
 *
 * Slots are filled by compare-and-swap and never emptied; a slot may be changed to a newer record
 * of the same key (lock.c does, when an address gets a new life).
 */
#ifndef LOCKPROF_TABLE_H
#define LOCKPROF_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "records.h"

/* Looks for a record that `same` accepts. The slot where it is, or where it may be put; NULL when
 * the neighbourhood is full. *place: what the slot held (0: free). */
static inline uint32_t *table_find(const struct record_table *table, uint64_t hash,
				   bool (*same)(const void *record, const void *key),
				   const void *key, uint32_t *place)
{
	for (uint32_t i = 0; i < RECORD_PROBES; i++) {
		uint32_t *slot = &table->slots[(hash + i) & table->mask];

		/* Partner: table_insert()'s release: the record is complete. */
		*place = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
		if (!*place || same(record_at(*place), key))
			return slot;
	}
	return NULL;
}

/* Puts a committed record into the slot that held `seen`. False: somebody else was faster. */
static inline bool table_insert(uint32_t *slot, uint32_t seen, uint32_t place)
{
	return __atomic_compare_exchange_n(slot, &seen, place, false, __ATOMIC_RELEASE,
					   __ATOMIC_RELAXED);
}

static inline uint64_t table_hash(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ (b << 32 | b >> 32)) * 0x9e3779b97f4a7c15ull;

	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ull;
	return h ^ h >> 32;
}

#endif
