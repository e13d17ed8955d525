/* SPDX-License-Identifier: MIT */
/*
 * ctl_change.c: phases, recording on and off, and units of work, from outside; see trace/phase.h
 *
 * All room is taken before anything changes: with a full disk nothing has. Whoever is killed
 * between the word in the header and the last slot leaves threads in the former phase until the
 * next change; ordinary signals are kept out of there.
 *
 * Only ctl's own roots are looked for by name. One that the program made itself has the same name,
 * and so is the same phase to every reader.
 */
#include <signal.h>
#include <string.h>

#include "../trace/fold.h"
#include "../trace/phase.h"
#include "ctl.h"

/* Older readers take such nodes for what they are not. */
static void set_feature(struct ctl *ctl)
{
	__atomic_fetch_or(&ctl->header->features, TRACE_FEATURE_PHASES, __ATOMIC_SEQ_CST);
}

static int new_node(struct ctl *ctl, uint32_t id, uint32_t parent, enum trace_how how)
{
	struct trace_node *node;
	uint32_t place;
	int err = ctl_record_new(ctl, sizeof(*node), &place);

	if (err)
		return err;
	node = ctl_record(ctl, place);
	node->record.id = id;
	node->parent = parent;
	node->mode = how;
	ctl_record_commit(ctl, place, TRACE_REC_NODE);
	return 0;
}

/* More nodes than records have room for are a damaged header's, and would begin with 0 again. */
static int new_id(struct ctl *ctl, uint32_t *id)
{
	const uint32_t nodes_max = ARENA_BLOCKS * (TRACE_BLOCK_SIZE / sizeof(struct trace_node));
	uint32_t *nr = &ctl->header->nr_nodes;

	if (__atomic_load_n(nr, __ATOMIC_RELAXED) >= nodes_max)
		return ctl_error(ctl, 0, "its header is wrong about the number of nodes");
	*id = __atomic_add_fetch(nr, 1, __ATOMIC_RELAXED);
	return 0;
}

/* ---- roots ---- */

static bool has_node(const struct ctl *ctl, uint32_t id)
{
	const struct trace_node *node;
	uint32_t place = 0;

	while ((node = ctl_record_next(ctl, TRACE_REC_NODE, sizeof(*node), &place)))
		if (node->record.id == id)
			return true;
	return false;
}

/* The name stands before its root; one without was killed in between. 0: there is none. */
static uint32_t find_root(const struct ctl *ctl, const char *text)
{
	size_t bytes = strlen(text);
	const struct trace_name *name;
	uint32_t place = 0;

	while ((name = ctl_record_next(ctl, TRACE_REC_NAME, sizeof(*name) + bytes, &place)))
		if (name->of == TRACE_NAME_PHASE && name->bytes == bytes &&
		    !memcmp(name->text, text, bytes) && has_node(ctl, name->target))
			return name->target;
	return 0;
}

static int new_name(struct ctl *ctl, uint32_t root, const char *name)
{
	uint32_t bytes = (uint32_t)strlen(name), place;
	struct trace_name *record;
	int err = ctl_record_new(ctl, (uint32_t)(sizeof(*record) + bytes + 8) & ~7u, &place);

	if (err)
		return err;
	record = ctl_record(ctl, place);
	record->record.id = place;
	record->of = TRACE_NAME_PHASE;
	record->target = root;
	record->bytes = bytes;
	memcpy(record->text, name, bytes);
	ctl_record_commit(ctl, place, TRACE_REC_NAME);
	return 0;
}

static int get_root(struct ctl *ctl, const char *name, uint32_t *root)
{
	int err;

	*root = find_root(ctl, name);
	if (*root)
		return 0;
	set_feature(ctl);
	err = new_id(ctl, root);
	if (!err)
		err = new_name(ctl, *root, name);
	return err ? err : new_node(ctl, *root, 0, TRACE_HOW_PHASE);
}

/* ---- changes ---- */

/* Into all slots, until nobody has changed it meanwhile. */
static int store_everywhere(struct ctl *ctl)
{
	uint64_t word;
	int err;

	do {
		word = phase_now(ctl->header);
		err = ctl_look(ctl);
		for (uint32_t i = 1; !err && i < ctl->nr; i++)
			if (ctl->types[i] == CTL_SLOT)
				phase_store(ctl_block(ctl, i), word);
	} while (!err && word != phase_now(ctl->header));
	return err;
}

/* A live look may find it half written: it has an end in any case. */
static void show_name(struct trace_header *header, const char *name)
{
	char text[TRACE_PHASE_NAME] = "";

	strncpy(text, name ? name : "", sizeof(text) - 1);
	memcpy(header->phase_name, text, sizeof(text));
}

/* The record's room was taken before; place 0: this change has none. */
static void fill_record(struct ctl *ctl, uint32_t place, uint64_t word, uint64_t ticks)
{
	struct trace_phase *record;

	if (!place)
		return;
	record = ctl_record(ctl, place);
	record->record.id = PHASE_NUMBER(word);
	record->node = (uint32_t)word;
	record->flags = word & PHASE_OFF ? TRACE_PHASE_OFF : 0;
	record->begin_ticks = ticks;
	ctl_record_commit(ctl, place, TRACE_REC_PHASE);
}

static int change(struct ctl *ctl, struct phase_change what, const char *name)
{
	uint32_t place = 0;
	sigset_t all, before;
	uint64_t word, ticks;
	int err = 0;

	if (PHASE_NUMBER(phase_now(ctl->header)) < PHASE_RECORDS)
		err = ctl_record_new(ctl, sizeof(struct trace_phase), &place);
	if (err)
		return err;
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigprocmask(SIG_BLOCK, &all, &before);
	if (what.sets_root)
		show_name(ctl->header, name);
	ticks = ctl_ticks(ctl->header);
	word = phase_publish(ctl->header, what);
	err = store_everywhere(ctl);
	fill_record(ctl, place, word, ticks);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return err;
}

int ctl_phase(struct ctl *ctl, const char *name)
{
	struct phase_change what = { .sets_root = true };
	int err = name ? get_root(ctl, name, &what.root) : 0;

	return err ? err : change(ctl, what, name);
}

int ctl_switch(struct ctl *ctl, bool on)
{
	bool is_on = !(phase_now(ctl->header) & PHASE_OFF);

	/* Also repairs what a killed ctl has left. */
	if (is_on == on)
		return store_everywhere(ctl);
	return change(ctl, (struct phase_change){ .sets_off = true, .off = !on }, NULL);
}

/* ---- units of work ---- */

/* The node that counts ctl's work in this phase; 0: there is none. */
static uint32_t find_work(const struct ctl *ctl, uint32_t root)
{
	const struct trace_node *node;
	uint32_t place = 0;

	while ((node = ctl_record_next(ctl, TRACE_REC_NODE, sizeof(*node), &place)))
		if (node->mode == TRACE_HOW_WORK && node->parent == root)
			return node->record.id;
	return 0;
}

static struct trace_stat *find_stat(const struct ctl *ctl, uint32_t node)
{
	struct trace_stat *stat;
	uint32_t place = 0;

	while ((stat = ctl_record_next(ctl, TRACE_REC_STAT, sizeof(*stat), &place)))
		if (stat->node == node)
			return stat;
	return NULL;
}

/* It counts for the first thread: it was done by none in particular. */
static int new_stat(struct ctl *ctl, uint32_t node, uint64_t units)
{
	struct trace_stat *stat;
	uint32_t place;
	int err = ctl_record_new(ctl, sizeof(*stat), &place);

	if (err)
		return err;
	stat = ctl_record(ctl, place);
	stat->record.id = place;
	stat->thread = 1;
	stat->node = node;
	stat->acquired = units;
	ctl_record_commit(ctl, place, TRACE_REC_STAT);
	return 0;
}

int ctl_work(struct ctl *ctl, uint64_t units)
{
	uint32_t root = (uint32_t)phase_now(ctl->header), node = find_work(ctl, root);
	struct trace_stat *stat;
	int err = 0;

	if (!node) {
		set_feature(ctl);
		err = new_id(ctl, &node);
		if (!err)
			err = new_node(ctl, node, root, TRACE_HOW_WORK);
	}
	if (err)
		return err;
	stat = find_stat(ctl, node);
	if (!stat)
		return new_stat(ctl, node, units);
	__atomic_fetch_add(&stat->acquired, units, __ATOMIC_RELAXED);
	return 0;
}
