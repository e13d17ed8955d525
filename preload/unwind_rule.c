/* SPDX-License-Identifier: MIT */
/* unwind_rule.c: makes, keeps and forgets the rules of unwind_rule.h */
#ifdef __x86_64__

#include <stdatomic.h>

#include "unwind_cfi.h"
#include "unwind_rule.h"

_Atomic uint64_t rule_cache[RULE_SETS][2];

static uint64_t rule_of(enum kind kind, int64_t a, int64_t b)
{
	return kind | (uint64_t)a / 8 << 3 | (uint64_t)b / 8 << (3 + RULE_A_BITS);
}

static bool operand_fits(int64_t bytes, unsigned int bits)
{
	return bytes > 0 && bytes % 8 == 0 && bytes / 8 < 1 << bits;
}

static uint64_t rule_of_row(const struct cfi *c, const struct row *row)
{
	bool keeps_bp = row->how[DW_RBP] == UNSPECIFIED;
	int64_t b = keeps_bp ? 0 : -(int64_t)row->value[DW_RBP];

	if (row->how[DW_RA] == UNSPECIFIED || row->how[DW_RA] == UNDEFINED)
		return OUTERMOST;
	if (c->is_signal || (row->cfa_reg != DW_RSP && row->cfa_reg != DW_RBP) ||
	    row->how[DW_RSP] != UNSPECIFIED || row->how[DW_RA] != AT_CFA_PLUS ||
	    row->value[DW_RA] != -8 || !operand_fits(row->cfa_value, RULE_A_BITS))
		return INTERPRET;
	if (!keeps_bp && (row->how[DW_RBP] != AT_CFA_PLUS || !operand_fits(b, RULE_B_BITS)))
		return INTERPRET;
	return rule_of(row->cfa_reg == DW_RSP ? BY_SP : BY_BP, row->cfa_value, b);
}

static void rule_keep(uintptr_t pc, uint64_t rule)
{
	_Atomic uint64_t *set = rule_set(pc);

	if (pc >> (64 - RULE_BITS + RULE_SET_BITS)) /* five-level page tables */
		return;
	atomic_store_explicit(&set[1], atomic_load_explicit(&set[0], memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(&set[0], pc >> RULE_SET_BITS << RULE_BITS | rule,
			      memory_order_relaxed);
}

uint64_t rule_make(uintptr_t pc)
{
	uint64_t rule = OUTERMOST;
	struct cfi cfi;
	struct row row;

	switch (cfi_lookup(pc, &cfi, &row)) {
	case LOOKUP_NO_MODULE: /* there may be one later: not kept */
		return INTERPRET;
	case LOOKUP_FOUND:
		rule = rule_of_row(&cfi, &row);
		break;
	case LOOKUP_NOTHING:
		rule = INTERPRET;
		break;
	case LOOKUP_DAMAGED:
		break;
	}
	rule_keep(pc, rule);
	return rule;
}

/* A walk that runs now and puts a rule back is harmless: its frames' code is still mapped. */
void rules_forget(void)
{
	for (unsigned int i = 0; i < RULE_SETS; i++) {
		atomic_store_explicit(&rule_cache[i][0], 0, memory_order_relaxed);
		atomic_store_explicit(&rule_cache[i][1], 0, memory_order_relaxed);
	}
}

#endif
