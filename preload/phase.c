/* SPDX-License-Identifier: MIT */
/*
 * phase.c: phases, work and switching recording on and off, from inside; see trace/phase.h
 *
 * Roots are kept by name in a small table that only grows. Two threads that begin a new phase of
 * one name at the same moment may make two roots: they have the same name, which is what counts.
 */
#include <pthread.h>
#include <string.h>

#include "attempt.h"
#include "clock.h"
#include "file.h"
#include "options.h"
#include "phase.h"
#include "process.h"
#include "records.h"

enum { NAMES = 1024 };

static struct names {
	uint32_t nr;
	struct root {
		char name[TRACE_PHASE_NAME];
		uint32_t node;		/* stored last; 0: being written */
	} root[NAMES];
} *names;		/* zeroed in a forked child */

/* What a forked child goes on with. */
struct inheritance {
	bool is_known, is_off;
	char name[TRACE_PHASE_NAME];	/* "": none */
};
static char inherited[TRACE_PHASE_NAME];
/* When the thread called fork(), and in the child until it records. */
static __thread struct inheritance at_fork __attribute__((tls_model("initial-exec")));

int phase_init(void)
{
	if (!names)
		names = records_pages(sizeof(*names));
	return names ? 0 : -1;
}

static void name_copy(char to[TRACE_PHASE_NAME], const char *from)
{
	uint32_t bytes = records_text_bytes(from, TRACE_PHASE_NAME - 1);

	memset(to, 0, TRACE_PHASE_NAME);
	memcpy(to, from, bytes);
}

/* Older readers take such nodes for what they are not. */
static void features_set(void)
{
	if (!(__atomic_load_n(&trace_header->features, __ATOMIC_RELAXED) & TRACE_FEATURE_PHASES))
		__atomic_fetch_or(&trace_header->features, TRACE_FEATURE_PHASES, __ATOMIC_RELAXED);
}

/* The name first: a root that a reader finds has one. */
static uint32_t root_new(const char *name)
{
	uint32_t id, place;
	struct trace_node *node = records_new(sizeof(*node), &place);

	if (!node)
		return 0;
	features_set();
	id = __atomic_add_fetch(&trace_header->nr_nodes, 1, __ATOMIC_RELAXED);
	records_name(TRACE_NAME_PHASE, id, name, (uint32_t)strlen(name));
	node->record.id = id;
	node->mode = TRACE_HOW_PHASE;
	records_commit(node, TRACE_REC_NODE, sizeof(*node));
	return id;
}

/* The root of a phase; 0 when there is no room for another one. */
static uint32_t root_get(const char *name)
{
	uint32_t nr = __atomic_load_n(&names->nr, __ATOMIC_RELAXED), at, node;

	for (uint32_t i = 0; i < nr && i < NAMES; i++) {
		node = __atomic_load_n(&names->root[i].node, __ATOMIC_ACQUIRE);
		if (node && !strcmp(names->root[i].name, name))
			return node;
	}
	if (nr >= NAMES) {
		file_loss(TRACE_LOSS_RECORDS, 1);
		return 0;
	}
	at = __atomic_fetch_add(&names->nr, 1, __ATOMIC_RELAXED);
	node = root_new(name);
	if (!node || at >= NAMES)
		return node;
	memcpy(names->root[at].name, name, TRACE_PHASE_NAME);
	__atomic_store_n(&names->root[at].node, node, __ATOMIC_RELEASE);
	return node;
}

static void record_change(uint64_t word, uint64_t ticks)
{
	struct trace_phase *record;
	uint32_t place;

	if (PHASE_NUMBER(word) > PHASE_RECORDS)
		return;
	record = records_new(sizeof(*record), &place);
	if (!record)
		return;
	record->record.id = PHASE_NUMBER(word);
	record->node = (uint32_t)word;
	record->flags = word & PHASE_OFF ? TRACE_PHASE_OFF : 0;
	record->begin_ticks = ticks;
	records_commit(record, TRACE_REC_PHASE, sizeof(*record));
}

static void store(struct trace_slot *slot, uint64_t word)
{
	phase_store(slot, word);
}

/*
 * Also when it is so already: whoever made it so may not have stored it everywhere. A thread that
 * is cancelled in between would leave some slots in the phase before, so the request waits.
 */
static void change(struct phase_change what)
{
	uint64_t ticks = clock_ticks(), word = phase_now(trace_header), own = 0;
	int type;

	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	if (!phase_is_so(word, what))
		own = word = phase_publish(trace_header, what);
	for (;;) {
		threads_each_slot(store, word);
		if (phase_now(trace_header) == word)
			break;
		word = phase_now(trace_header);	/* somebody else's: who stores last, stores that */
	}
	if (own)
		record_change(own, ticks);
	pthread_setcanceltype(type, NULL);
}

void phase_begin(const char *name)
{
	char copy[TRACE_PHASE_NAME];
	struct phase_change what = { .sets_root = true };

	name_copy(copy, name ? name : "");
	if (*copy)
		what.root = root_get(copy);
	phase_show(trace_header, copy);
	change(what);
}

void phase_switch(bool on)
{
	change((struct phase_change){ .sets_off = true, .off = !on });
}

void phase_work(struct thread *t, uintptr_t site, uint64_t units)
{
	if (!units)
		return;
	features_set();
	note_work(t, site, clock_ticks(), units);
}

/* The name of a root; "" if it is none of ours. */
static const char *name_of(uint32_t node)
{
	for (uint32_t i = 0; i < NAMES; i++)
		if (__atomic_load_n(&names->root[i].node, __ATOMIC_ACQUIRE) == node)
			return names->root[i].name;
	return "";
}

static void describe(struct inheritance *to, const struct trace_header *header)
{
	uint64_t word = phase_now(header);
	uint32_t node = (uint32_t)word;

	to->is_known = true;
	to->is_off = word & PHASE_OFF;
	name_copy(to->name, node ? name_of(node) : "");
	if (node && !*to->name)
		phase_shown(header, to->name);
}

void phase_fork(void)
{
	if (process_records())
		describe(&at_fork, trace_header);
}

void phase_forked(void)
{
	if (process_records())
		at_fork.is_known = false;
}

void phase_inherit(const struct trace_header *parent)
{
	if (!at_fork.is_known)	/* _Fork, raw clone: as it is by now */
		describe(&at_fork, parent);
	memcpy(inherited, at_fork.name, sizeof(inherited));
	options.start = !at_fork.is_off;
	at_fork.is_known = false;
}

void phase_start(void)
{
	if (*inherited)
		phase_begin(inherited);
	if (!options.start)
		phase_switch(false);
}
