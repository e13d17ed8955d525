/* SPDX-License-Identifier: MIT */
/*
 * phase.h: which phase it is, and whether recording is on
 *
 * A phase is a node of the lock context tree without lock, and everything that a thread does in it
 * hangs below that root: so each phase has statistics of its own in both modes of recording, and
 * the hot path does not know of phases at all. What decides is the entry under a thread's first
 * held lock, slot->bottom.path, which becomes the parent of the next outermost acquisition. A
 * thread that holds something goes on in the phase in which it took the outermost lock.
 *
 * Whoever changes the phase, the program itself (preload/phase.c) or `lockprof ctl` from outside
 * through the mapped file, publishes the new word in the header and then stores its bottom in all
 * slots, again until the word has not changed meanwhile. Off is a phase that records nothing.
 *
 * A new slot does it the other way round: it stores the bottom, and again until the word has not
 * changed meanwhile (phase_join). All of these are sequentially consistent: of a change and a new
 * slot that do not see each other one would have to come before its own store.
 */
#ifndef LOCKPROF_TRACE_PHASE_H
#define LOCKPROF_TRACE_PHASE_H

#include <stdbool.h>

#include "format.h"

#define PHASE_OFF	 (1ull << 32)
#define PHASE_NUMBER(w)	 ((uint32_t)((w) >> 33))
#define PHASE_NUMBER_MAX (UINT32_MAX >> 1)	/* stays there: no number comes twice */

/* Changes beyond these still happen, and are counted by node, but have no record (and no time). */
#define PHASE_RECORDS	 65536u

static inline uint64_t phase_now(const struct trace_header *header)
{
	return __atomic_load_n(&header->phase, __ATOMIC_SEQ_CST);
}

/* The parent of outermost acquisitions. */
static inline uint32_t phase_bottom(uint64_t word)
{
	return word & PHASE_OFF ? TRACE_NODE_OFF : (uint32_t)word;
}

/* What is to change; the other half stays as it is. */
struct phase_change {
	bool sets_root, sets_off;
	uint32_t root; /* 0: no phase */
	bool off;
};

/* Whether it is so already. */
static inline bool phase_is_so(uint64_t word, struct phase_change change)
{
	return (!change.sets_root || change.root == (uint32_t)word) &&
	       (!change.sets_off || change.off == !!(word & PHASE_OFF));
}

/* Makes it so. Returns the new word, whose number is this change's own. */
static inline uint64_t phase_publish(struct trace_header *header, struct phase_change change)
{
	uint64_t seen = phase_now(header), word;

	do {
		uint64_t off = change.sets_off ? (change.off ? PHASE_OFF : 0) : seen & PHASE_OFF;
		uint64_t root = change.sets_root ? change.root : (uint32_t)seen;
		uint64_t number = PHASE_NUMBER(seen);

		word = (number + (number < PHASE_NUMBER_MAX)) << 33 | off | root;
	} while (!__atomic_compare_exchange_n(&header->phase, &seen, word, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	return word;
}

static inline void phase_store(struct trace_slot *slot, uint64_t word)
{
	__atomic_store_n(&slot->bottom.path, phase_bottom(word), __ATOMIC_SEQ_CST);
}

/*
 * The name for a live look, eight bytes at a time: of two changes at once it may be a mixture. `name`
 * is padded with zeros.
 */
static inline void phase_show(struct trace_header *header, const char name[TRACE_PHASE_NAME])
{
	uint64_t part;

	for (unsigned int i = 0; i < TRACE_PHASE_NAME; i += sizeof(part)) {
		__builtin_memcpy(&part, name + i, sizeof(part));
		__atomic_store_n((uint64_t *)(void *)(header->phase_name + i), part,
				 __ATOMIC_RELAXED);
	}
}

static inline void phase_shown(const struct trace_header *header, char name[TRACE_PHASE_NAME])
{
	uint64_t part;

	for (unsigned int i = 0; i < TRACE_PHASE_NAME; i += sizeof(part)) {
		part = __atomic_load_n((const uint64_t *)(const void *)(header->phase_name + i),
				       __ATOMIC_RELAXED);
		__builtin_memcpy(name + i, &part, sizeof(part));
	}
	name[TRACE_PHASE_NAME - 1] = '\0';
}

/* A slot gets the phase of now. */
static inline void phase_join(const struct trace_header *header, struct trace_slot *slot)
{
	uint64_t word;

	do {
		word = phase_now(header);
		phase_store(slot, word);
	} while (word != phase_now(header));
}

#endif
