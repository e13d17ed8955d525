/* SPDX-License-Identifier: MIT */
/*
 * reader_phases.c: the phases of the program, taken out of the tree of nodes
 *
 * In the file a phase is a node without lock, and all that is done in the phase hangs below it. So
 * the same place in the code has a node in each phase. Nobody behind the reader wants to know: for
 * locks and their order a root means "nothing held". Here roots go out of the parents, and of the
 * nodes that differ in nothing else one stands for the others: these get its parent and its
 * stack, and reader_same_node() its number. What phase a node was made in is remembered apart.
 *
 * Two roots of one name are one phase. Phases are numbered in the order of their first roots.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader_internal.h"

#define UNRESOLVED UINT32_MAX

static struct trace_node *node_at(const struct reader *reader, uint32_t id)
{
	return id && id <= reader->node.max ? reader->node.record[id] : NULL;
}

static uint32_t node_how(const struct trace_node *node)
{
	return node ? node->mode & TRACE_HOW_MASK : 0;
}

static bool is_root(const struct reader *reader, uint32_t id)
{
	return id && node_how(node_at(reader, id)) == TRACE_HOW_PHASE;
}

/* ---- what nodes without lock may say ---- */

static void check_zero(struct reader *reader, const struct trace_node *node, uint32_t *value,
		       const char *what, const char *name)
{
	if (*value)
		reader_damaged(reader, reader_record_offset(node), "node %u: %s with a %s",
			       node->record.id, what, name);
	*value = 0;
}

static void check_node(struct reader *reader, struct trace_node *node)
{
	uint32_t how = node_how(node), above = node_how(node_at(reader, node->parent));

	if (how == TRACE_HOW_PHASE) {
		check_zero(reader, node, &node->parent, "a phase", "parent");
		check_zero(reader, node, &node->lock, "a phase", "lock");
	} else if (how == TRACE_HOW_WORK) {
		check_zero(reader, node, &node->lock, "work", "lock");
		if (node->parent && above != TRACE_HOW_PHASE)
			check_zero(reader, node, &node->parent, "work", "parent that is no phase");
	} else if (above == TRACE_HOW_WORK) {
		check_zero(reader, node, &node->parent, "a lock", "parent that is work");
	}
}

/* ---- phases by name ---- */

struct root {
	const char *name; /* NULL: it has none */
	uint32_t node;
};

static int compare_roots(const void *a, const void *b)
{
	const struct root *x = a, *y = b;
	int order = x->name && y->name ? strcmp(x->name, y->name) : !x->name - !y->name;

	return order ? order : x->node < y->node ? -1 : x->node > y->node;
}

static int add_phase(struct reader *reader, const struct root *root)
{
	const char **name = reader_vector_push(&reader->phase_names, sizeof(*name));
	enum { NUMBERED = sizeof("phase 4294967295") };
	char *made;

	if (!name)
		return -ENOMEM;
	*name = root->name;
	if (root->name)
		return 0;
	made = reader_pool(reader, NUMBERED);
	if (!made)
		return -ENOMEM;
	snprintf(made, NUMBERED, "phase %u", (unsigned int)reader->phase_names.nr);
	*name = made;
	return 0;
}

static int collect_roots(struct reader *reader, struct reader_vector *roots)
{
	for (uint32_t id = 1; id <= reader->node.max; id++) {
		struct root *root;
		const char *name;

		if (!is_root(reader, id))
			continue;
		root = reader_vector_push(roots, sizeof(*root));
		if (!root)
			return -ENOMEM;
		name = reader_name(reader, TRACE_NAME_PHASE, id);
		*root = (struct root){ name && *name ? name : NULL, id };
	}
	return 0;
}

/* phase_of the roots: first the root that is the first of its name, then the phase's number. */
static int number_phases(struct reader *reader, struct reader_vector *roots)
{
	struct root *root = roots->item;
	uint32_t first = 0;
	int err = 0;

	qsort(root, roots->nr, sizeof(*root), compare_roots);
	for (size_t i = 0; i < roots->nr; i++) {
		if (!i || !root[i].name || strcmp(root[i].name, root[i - 1].name) != 0)
			first = root[i].node;
		reader->phase_of[root[i].node] = first;
	}
	for (uint32_t id = 1; id <= reader->node.max && !err; id++) {
		if (!is_root(reader, id))
			continue;
		first = reader->phase_of[id];
		if (first == id) {
			struct root one = { reader_name(reader, TRACE_NAME_PHASE, id), id };

			one.name = one.name && *one.name ? one.name : NULL;
			err = add_phase(reader, &one);
			reader->phase_of[id] = (uint32_t)reader->phase_names.nr;
		} else {
			reader->phase_of[id] = reader->phase_of[first];
		}
	}
	return err;
}

/* ---- nodes that differ in nothing but the phase ---- */

/* Node numbers by (parent, lock, site, mode): a power of two of places, at most half used. */
struct same_table {
	uint32_t *at;
	uint32_t mask;
};

static uint32_t node_hash(const struct trace_node *n)
{
	uint64_t h = n->site * 0x9e3779b97f4a7c15ull;

	h = (h ^ (uint64_t)n->parent << 32 ^ n->lock) * 0x9e3779b97f4a7c15ull;
	h = (h ^ h >> 29 ^ n->mode) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(h >> 32);
}

/* The node that stands for this one, whose parent stands for itself: the first such. */
static uint32_t find_same(const struct reader *reader, struct same_table *table, uint32_t id)
{
	const struct trace_node *n = node_at(reader, id);
	uint32_t i = node_hash(n) & table->mask;

	for (; table->at[i]; i = (i + 1) & table->mask) {
		const struct trace_node *other = node_at(reader, table->at[i]);

		if (other->parent == n->parent && other->lock == n->lock &&
		    other->site == n->site && other->mode == n->mode)
			return table->at[i];
	}
	table->at[i] = id;
	return id;
}

/* Its parent is resolved. */
static void resolve(struct reader *reader, struct same_table *table, uint32_t id)
{
	struct trace_node *n = node_at(reader, id), *same;

	if (n->parent) {
		reader->phase_of[id] = reader->phase_of[n->parent];
		n->parent = is_root(reader, n->parent) ? 0 : reader->same_node[n->parent];
	} else {
		reader->phase_of[id] = 0;
	}
	reader->same_node[id] = find_same(reader, table, id);
	same = node_at(reader, reader->same_node[id]);
	if (!same->stack)
		same->stack = n->stack;
}

/* Parents first. They may have higher numbers than their children. */
static int resolve_above(struct reader *reader, struct same_table *table,
			 struct reader_vector *path, uint32_t id)
{
	path->nr = 0;
	for (; id && reader->phase_of[id] == UNRESOLVED; id = node_at(reader, id)->parent) {
		uint32_t *at = reader_vector_push(path, sizeof(*at));

		if (!at)
			return -ENOMEM;
		*at = id;
	}
	while (path->nr)
		resolve(reader, table, ((uint32_t *)path->item)[--path->nr]);
	return 0;
}

static int resolve_all(struct reader *reader)
{
	struct same_table table = { .mask = 127 };
	struct reader_vector path = { 0 };
	int err = 0;

	while (table.mask / 2 < reader->node.max)
		table.mask = table.mask * 2 + 1;
	table.at = calloc((size_t)table.mask + 1, sizeof(*table.at));
	if (!table.at)
		return -ENOMEM;
	for (uint32_t id = 1; id <= reader->node.max && !err; id++)
		if (node_at(reader, id))
			err = resolve_above(reader, &table, &path, id);
	for (uint32_t id = 1; id <= reader->node.max && !err; id++)
		if (node_at(reader, id) && !is_root(reader, id))
			node_at(reader, id)->stack = node_at(reader, reader->same_node[id])->stack;
	free(table.at);
	free(path.item);
	return err;
}

static int take_nodes(struct reader *reader, struct reader_vector *roots)
{
	size_t nr = (size_t)reader->node.max + 1;
	struct reader_stream *stream = reader->streams.item;
	int err;

	reader->phase_of = malloc(nr * sizeof(*reader->phase_of));
	reader->same_node = malloc(nr * sizeof(*reader->same_node));
	if (!reader->phase_of || !reader->same_node)
		return -ENOMEM;
	for (uint32_t id = 0; id < nr; id++) {
		reader->phase_of[id] = UNRESOLVED;
		reader->same_node[id] = id;
	}
	err = number_phases(reader, roots);
	if (!err)
		err = resolve_all(reader);
	for (size_t i = 0; i < reader->streams.nr; i++) {
		stream[i].same_node = reader->same_node;
		stream[i].max_node = reader->node.max;
	}
	return err;
}

/* ---- the changes ---- */

/* By id, and by place in the file. */
static int compare_changes(const void *a, const void *b)
{
	const struct trace_phase *x = *(void *const *)a, *y = *(void *const *)b;
	uint64_t i = reader_record_offset(x), j = reader_record_offset(y);

	if (x->record.id != y->record.id)
		return x->record.id < y->record.id ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* The phase that a record names; of what is no phase, none. */
static uint32_t change_phase(struct reader *reader, const struct trace_phase *record)
{
	if (is_root(reader, record->node))
		return reader->phase_of[record->node];
	if (record->node && !reader_damage_expected(reader))
		reader_damaged(reader, reader_record_offset(record),
			       "phase change %u: its node %u is no phase", record->record.id,
			       record->node);
	return 0;
}

/* Whoever came first in number may have looked at the clock a little later. */
static int take_changes(struct reader *reader)
{
	const struct trace_phase **record = reader->phase_records.item;
	struct reader_phase_change *change;
	uint64_t latest = 0;

	if (reader->phase_records.nr)
		qsort(record, reader->phase_records.nr, sizeof(*record), compare_changes);
	for (size_t i = 0; i < reader->phase_records.nr; i++) {
		if (i && record[i]->record.id == record[i - 1]->record.id) {
			reader_damaged(reader, reader_record_offset(record[i]),
				       "phase change %u again, skipped", record[i]->record.id);
			continue;
		}
		change = reader_vector_push(&reader->changes, sizeof(*change));
		if (!change)
			return -ENOMEM;
		if (latest < record[i]->begin_ticks)
			latest = record[i]->begin_ticks;
		*change = (struct reader_phase_change){
			.phase = change_phase(reader, record[i]),
			.off = record[i]->flags & TRACE_PHASE_OFF,
			.ticks = latest,
		};
		reader_seen(reader, latest);
	}
	return 0;
}

int reader_finish_phases(struct reader *reader)
{
	struct reader_vector roots = { 0 };
	int err;

	for (uint32_t id = 1; id <= reader->node.max; id++)
		if (node_at(reader, id))
			check_node(reader, node_at(reader, id));
	err = collect_roots(reader, &roots);
	if (!err && roots.nr)
		err = take_nodes(reader, &roots);
	if (!err)
		err = take_changes(reader);
	free(roots.item);
	return err;
}

/* ---- what was found ---- */

size_t reader_nr_phases(const struct reader *reader)
{
	return reader->phase_names.nr;
}

const char *reader_phase_name(const struct reader *reader, uint32_t phase)
{
	return phase && phase <= reader->phase_names.nr
		       ? ((const char **)reader->phase_names.item)[phase - 1]
		       : NULL;
}

uint32_t reader_phase_of(const struct reader *reader, uint32_t node)
{
	return reader->phase_of && node && node <= reader->node.max && reader->node.record[node]
		       ? reader->phase_of[node]
		       : 0;
}

uint32_t reader_same_node(const struct reader *reader, uint32_t node)
{
	return reader->same_node && node <= reader->node.max ? reader->same_node[node] : node;
}

size_t reader_nr_phase_changes(const struct reader *reader)
{
	return reader->changes.nr;
}

const struct reader_phase_change *reader_phase_change(const struct reader *reader, size_t i)
{
	return (const struct reader_phase_change *)reader->changes.item + i;
}

bool reader_has_folded(const struct reader *reader)
{
	for (size_t i = 0; i < reader_nr_stats(reader); i++)
		if (node_how(node_at(reader, reader_stat(reader, i)->node)) != TRACE_HOW_WORK)
			return true;
	return false;
}
