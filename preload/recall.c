/* SPDX-License-Identifier: MIT */
/*
 * recall.c: see recall.h
 *
 * Entries are two words, written and read without order by all threads: a 64-bit hash of the key,
 * and the lock's tag and the node, disguised with another hash of the key. A reader that meets the
 * halves of two entries finds a tag that does not fit and asks the dictionary. Two places for each
 * hash: the newer entry first, the older one behind it.
 */
#include "hold.h"
#include "records.h"

enum { BUCKETS_LOG2 = 17, WAYS = 2 };

struct entry {
	uint64_t key;
	uint64_t value;		/* (tag << 32 | node) ^ disguise(key) */
};

static struct entry (*buckets)[WAYS];	/* zeroed in a forked child */

int recall_init(void)
{
	if (!buckets)
		buckets = records_pages(sizeof(*buckets) << BUCKETS_LOG2);
	return buckets ? 0 : -1;
}

static uint64_t hash(const void *lock, uintptr_t site, uint64_t key)
{
	uint64_t h = (uintptr_t)lock * 0x9e3779b97f4a7c15ull;

	h = (h ^ h >> 32 ^ site) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ h >> 29 ^ key) * 0x94d049bb133111ebull;
	return h ^ h >> 31;
}

static uint64_t disguise(uint64_t key)
{
	uint64_t h = key * 0xff51afd7ed558ccdull;

	return h ^ h >> 33;
}

static struct entry *bucket(uint64_t key)
{
	return buckets[key >> (64 - BUCKETS_LOG2)];
}

/* The node of an entry, 0 when it is another key's or an earlier life's. */
static uint32_t entry_node(const struct entry *entry, uint64_t key, uint32_t tag)
{
	uint64_t value;

	if (__atomic_load_n(&entry->key, __ATOMIC_RELAXED) != key)
		return 0;
	value = __atomic_load_n(&entry->value, __ATOMIC_RELAXED) ^ disguise(key);
	return value >> 32 == tag ? (uint32_t)value : 0;
}

bool node_recall(struct thread *t, const void *lock, uintptr_t site, uint32_t kind_mode,
		 uint32_t parent)
{
	uint64_t parent_mode = hold_key(kind_mode, parent);
	uint64_t key = hash(lock, site, parent_mode);
	uint32_t tag = __atomic_load_n(lock_tag(lock), __ATOMIC_RELAXED);
	const struct entry *b = bucket(key);
	uint32_t node = entry_node(&b[0], key, tag);

	if (!node)
		node = entry_node(&b[1], key, tag);
	if (!node)
		return false;
	*hold_cache(t, lock, site, parent) =
		(struct node_cache){ (uintptr_t)lock, site, parent_mode, node, tag };
	return true;
}

static void entry_set(struct entry *entry, uint64_t key, uint64_t value)
{
	__atomic_store_n(&entry->key, key, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->value, value, __ATOMIC_RELAXED);
}

void node_remember(const void *lock, uintptr_t site, uint32_t kind_mode, uint32_t parent,
		   uint32_t tag, uint32_t node)
{
	uint64_t key = hash(lock, site, hold_key(kind_mode, parent));
	struct entry *b = bucket(key);

	entry_set(&b[1], __atomic_load_n(&b[0].key, __ATOMIC_RELAXED),
		  __atomic_load_n(&b[0].value, __ATOMIC_RELAXED));
	entry_set(&b[0], key, ((uint64_t)tag << 32 | node) ^ disguise(key));
}
