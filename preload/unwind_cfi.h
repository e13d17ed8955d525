/* SPDX-License-Identifier: MIT */
/*
 * unwind_cfi.h: from an address in x86-64 code to the row that describes its frame
 *
 * .eh_frame_hdr leads to an FDE (one function) and its CIE (what many functions share): struct cfi,
 * by unwind_cfi.c. Running their instructions up to the address gives a struct row: where the CFA,
 * the stack pointer at the call, is, and relative to that the caller's registers: unwind_row.c.
 */
#ifndef LOCKPROF_UNWIND_CFI_H
#define LOCKPROF_UNWIND_CFI_H

#include "unwind.h"
#include "unwind_bytes.h"

/* DWARF's numbers. RA is the return address, in the place of rip. */
enum { DW_RBX = 3, DW_RBP = 6, DW_RSP = 7, DW_R12 = 12, DW_RA = 16, NR_REGS = 17 };

/* The loaded segment that holds a module's unwind information. Nothing outside is read. */
struct segment {
	uintptr_t start, end;
};

/* What one FDE and its CIE say. */
struct cfi {
	struct segment segment;
	struct bytes initial, instructions; /* the CIE's, then the FDE's */
	uintptr_t pc_begin, pc_range;
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding;
	bool has_augmentation, is_signal;
};

/* How a register of the calling frame is found. `value` in struct row is the operand. */
enum how {
	UNSPECIFIED, /* the ABI's: callee-saved ones are kept, sp is the CFA, others are lost */
	UNDEFINED,
	AT_CFA_PLUS,
	AT_EXPRESSION, /* operand: offset of the expression in the segment */
};

#define CFA_BY_EXPRESSION 0xff
#define CFA_UNSPECIFIED	  0xfe

struct row {
	int32_t cfa_value; /* offset from the register, or that of the expression in the segment */
	int32_t value[NR_REGS];
	uint8_t how[NR_REGS];
	uint8_t cfa_reg;
};

enum lookup {
	LOOKUP_FOUND,
	LOOKUP_NO_MODULE,
	LOOKUP_NOTHING, /* the module says nothing about this address */
	LOOKUP_DAMAGED,
};

/* Fills *c and *row for the frame that executes at `pc`. */
enum lookup cfi_lookup(uintptr_t pc, struct cfi *c, struct row *row);

/* The segment of m's unwind information; empty when there is none that could be read. */
struct segment cfi_segment(const struct unwind_module *m);

/* Runs c's instructions up to `pc`. Returns false when something is damaged or unknown. */
bool cfi_run(const struct cfi *c, uintptr_t pc, struct row *row);

#endif
