/* SPDX-License-Identifier: MIT */
/*
 * node.c: the lock context tree
 *
 * A node is (parent node, lock, call site, mode): this lock, asked for here, in this way, while
 * holding exactly what the path to the root says. The tree stays small, because programs take
 * their locks at few places: 3.9 million acquisitions of memcached made 3,853 nodes.
 */
#include "dict.h"
#include "file.h"
#include "table.h"

struct node_key {
	uint64_t site;
	uint32_t parent, lock, mode;
};

static struct record_table nodes;

int node_init(const struct record_table *table)
{
	struct trace_node *unknown;
	uint32_t place;

	nodes = *table;
	unknown = records_new(sizeof(*unknown), &place);
	if (!unknown)
		return -1;
	unknown->record.id = TRACE_NODE_UNKNOWN;
	unknown->mode = TRACE_HOW_LOCK;
	trace_header->nr_nodes = TRACE_NODE_UNKNOWN;
	records_commit(unknown, TRACE_REC_NODE, sizeof(*unknown));
	return 0;
}

static bool same_node(const void *record, const void *key)
{
	const struct trace_node *node = record;
	const struct node_key *k = key;

	return node->site == k->site && node->parent == k->parent && node->lock == k->lock &&
	       node->mode == k->mode;
}

static uint32_t node_new(struct thread *t, uint32_t *slot, const struct node_key *key)
{
	uint32_t stack = t ? stack_take(t) : 0, place;
	struct trace_node *node = records_new(sizeof(*node), &place);

	if (!node)
		return 0;
	node->record.id = __atomic_add_fetch(&trace_header->nr_nodes, 1, __ATOMIC_RELAXED);
	node->parent = key->parent;
	node->lock = key->lock;
	node->site = key->site;
	node->mode = key->mode;
	node->stack = stack;
	records_commit(node, TRACE_REC_NODE, sizeof(*node));
	if (table_insert(slot, 0, place))
		return node->record.id;
	records_commit(node, TRACE_REC_DEAD, sizeof(*node));
	return 0;
}

/* The node's id; 0 when there is no room, or another thread just took the slot. */
static uint32_t node_try(struct thread *t, const struct node_key *key)
{
	uint64_t hash = table_hash(key->site ^ (uint64_t)key->mode << 56,
				   (uint64_t)key->parent << 32 | key->lock);
	uint32_t place, *slot = table_find(&nodes, hash, same_node, key, &place);

	if (slot && place)
		return ((struct trace_node *)record_at(place))->record.id;
	return slot ? node_new(t, slot, key) : 0;
}

uint32_t node_get(struct thread *t, uint32_t parent, const void *address, uintptr_t site,
		  uint32_t kind_mode)
{
	enum trace_kind kind = (enum trace_kind)(kind_mode >> 8);
	struct trace_lock *lock = kind ? lock_get(address, kind) : NULL;
	struct node_key key = {
		.site = stack_code_address(site),
		.parent = parent,
		.lock = lock ? lock->record.id : 0,
		.mode = kind_mode & 0xff,
	};

	for (int tries = 0; (lock || !kind) && tries < 4; tries++) {
		uint32_t node = node_try(t, &key);

		if (node)
			return node;
	}
	file_loss(TRACE_LOSS_NODES, 1);
	return TRACE_NODE_UNKNOWN;
}
