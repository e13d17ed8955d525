/* SPDX-License-Identifier: MIT */
/* tally.c: see tally.h */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tally.h"

static size_t hash(const uint32_t key[TALLY_KEY])
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < TALLY_KEY; i++) {
		sum = (sum ^ key[i]) * 0x9e3779b97f4a7c15ull;
		sum ^= sum >> 32;
	}
	return (size_t)sum;
}

/* The slot that has the key, or the free one where it belongs. */
static uint32_t *find_slot(const struct tally *tally, const uint32_t key[TALLY_KEY])
{
	size_t mask = tally->nr_slots - 1, i = hash(key) & mask;

	while (tally->slots[i] &&
	       memcmp(tally->rows[tally->slots[i] - 1].key, key, sizeof(tally->rows->key)))
		i = (i + 1) & mask;
	return &tally->slots[i];
}

struct tally_row *tally_find(const struct tally *tally, const uint32_t key[TALLY_KEY])
{
	uint32_t row = tally->nr_slots ? *find_slot(tally, key) : 0;

	return row ? &tally->rows[row - 1] : NULL;
}

static int grow(struct tally *tally)
{
	size_t nr_slots = tally->nr_slots ? tally->nr_slots * 2 : 64;
	size_t capacity = nr_slots / 4 * 3;
	struct tally_row *rows = realloc(tally->rows, capacity * sizeof(*rows));
	uint32_t *slots;

	if (!rows)
		return -1;
	tally->rows = rows;
	slots = calloc(nr_slots, sizeof(*slots));
	if (!slots)
		return -1;
	free(tally->slots);
	tally->slots = slots;
	tally->nr_slots = nr_slots;
	tally->capacity = capacity;
	for (size_t i = 0; i < tally->nr; i++)
		*find_slot(tally, rows[i].key) = (uint32_t)i + 1;
	return 0;
}

struct tally_row *tally_get(struct tally *tally, const uint32_t key[TALLY_KEY])
{
	struct tally_row *row = tally_find(tally, key);

	if (row)
		return row;
	if (tally->nr == tally->capacity && grow(tally) < 0)
		return NULL;
	row = &tally->rows[tally->nr++];
	*row = (struct tally_row){ .spare = 0 };
	memcpy(row->key, key, sizeof(row->key));
	*find_slot(tally, key) = (uint32_t)tally->nr;
	return row;
}

int tally_project(struct tally *to, const struct tally *from, const unsigned char *part)
{
	for (size_t i = 0; i < from->nr; i++) {
		uint32_t key[TALLY_KEY] = { 0 };
		struct tally_row *row;

		for (unsigned int k = 0; k < TALLY_KEY && part[k] < TALLY_KEY; k++)
			key[k] = from->rows[i].key[part[k]];
		row = tally_get(to, key);
		if (!row)
			return -ENOMEM;
		row->count += from->rows[i].count;
		row->ticks += from->rows[i].ticks;
		if (row->max < from->rows[i].max)
			row->max = from->rows[i].max;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct tally_row *x = a, *y = b;

	if (x->key[0] != y->key[0])
		return x->key[0] < y->key[0] ? -1 : 1;
	if (x->ticks != y->ticks)
		return x->ticks > y->ticks ? -1 : 1;
	for (unsigned int i = 1; i < TALLY_KEY; i++)
		if (x->key[i] != y->key[i])
			return x->key[i] < y->key[i] ? -1 : 1;
	return 0;
}

void tally_sort(struct tally *tally)
{
	if (tally->nr)
		qsort(tally->rows, tally->nr, sizeof(*tally->rows), compare);
	free(tally->slots);
	tally->slots = NULL;
	tally->nr_slots = 0;
}

void tally_fini(struct tally *tally)
{
	free(tally->rows);
	free(tally->slots);
	*tally = (struct tally){ .nr = 0 };
}
