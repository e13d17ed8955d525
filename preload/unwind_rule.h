/* SPDX-License-Identifier: MIT */
/*
 * unwind_rule.h: a row in 28 bits, and the cache that keeps it with its pc in one word
 *
 * For nearly all code a row says "CFA = sp or bp + a, return address at CFA - 8, bp at CFA - b".
 * As bits: 0-2 kind, 3-17 a, 18-27 b, both in units of 8; b = 0 leaves bp as it is. What does not
 * fit is INTERPRET: unwind_step.c does it each time.
 *
 * The cache has two ways in each of 2,048 sets. The set is made from the pc by an invertible
 * function of its upper and lower bits, so that set and upper bits together are the whole pc: a hit
 * is never a mistake. A word is the rule below the upper bits of its pc, and an empty one has the
 * kind NONE. It is read and written by plain atomic accesses that pair with nothing: it can be
 * stale or missing but never torn.
 */
#ifndef LOCKPROF_UNWIND_RULE_H
#define LOCKPROF_UNWIND_RULE_H

#include <stdatomic.h>
#include <stdint.h>

#ifdef __x86_64__

enum kind { NONE, BY_SP, BY_BP, INTERPRET, OUTERMOST };

#define RULE_A_BITS 15
#define RULE_B_BITS 10
#define RULE_BITS   (3 + RULE_A_BITS + RULE_B_BITS)

static inline enum kind rule_kind(uint64_t rule)
{
	return rule & 7;
}

/* Both in bytes. */
static inline uintptr_t rule_a(uint64_t rule)
{
	return (rule >> 3 & ((1u << RULE_A_BITS) - 1)) * 8;
}

static inline uintptr_t rule_b(uint64_t rule)
{
	return (rule >> (3 + RULE_A_BITS) & ((1u << RULE_B_BITS) - 1)) * 8;
}

#define RULE_SET_BITS 11
#define RULE_SETS     (1u << RULE_SET_BITS)

extern _Atomic uint64_t rule_cache[RULE_SETS][2];

static inline _Atomic uint64_t *rule_set(uintptr_t pc)
{
	return rule_cache[(pc ^ pc >> RULE_SET_BITS ^ pc >> (2 * RULE_SET_BITS)) & (RULE_SETS - 1)];
}

/* Makes the rule for `pc` from its module's information, and keeps it. */
uint64_t rule_make(uintptr_t pc);

static inline uint64_t rule_get(uintptr_t pc)
{
	_Atomic uint64_t *set = rule_set(pc);

	for (int way = 0; way < 2; way++) {
		uint64_t word = atomic_load_explicit(&set[way], memory_order_relaxed);

		if (word >> RULE_BITS == pc >> RULE_SET_BITS && rule_kind(word) != NONE)
			return word;
	}
	return rule_make(pc);
}

void rules_forget(void);

#else

static inline void rules_forget(void)
{
}

#endif
#endif
