/* SPDX-License-Identifier: MIT */
/*
 * unwind_walk.h: one walk under way, and the only door to the memory of the stack
 *
 * Every load is checked against [low, high) first: the caller's own stack, from the frame of
 * unwind_stack() up.
 */
#ifndef LOCKPROF_UNWIND_WALK_H
#define LOCKPROF_UNWIND_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct walk {
	uintptr_t *pcs;
	int nr, max, skip;
	uintptr_t low, high; /* memory that may be read */
};

/* Returns false when no more frames are wanted. */
static inline bool walk_emit(struct walk *w, uintptr_t pc)
{
	if (w->skip > 0) {
		w->skip--;
		return true;
	}
	w->pcs[w->nr++] = pc;
	return w->nr < w->max;
}

/* A stack slot may lie in what AddressSanitizer calls a red zone, and at any address. */
struct slot {
	uintptr_t value;
} __attribute__((packed, may_alias));

__attribute__((no_sanitize("address"))) static inline uintptr_t slot_load(uintptr_t at)
{
	return ((const struct slot *)at)->value;
}

static inline bool walk_may_load(const struct walk *w, uintptr_t at)
{
	return at >= w->low && at < w->high && w->high - at >= sizeof(uintptr_t);
}

#endif
