/* SPDX-License-Identifier: MIT */
/* unwind_step.h: from one x86-64 frame to its caller's, with all registers; see unwind_step.c */
#ifndef LOCKPROF_UNWIND_STEP_H
#define LOCKPROF_UNWIND_STEP_H

#include "unwind_cfi.h"
#include "unwind_walk.h"

#define BIT(reg)     (1u << (reg))
#define CALLEE_SAVED (BIT(DW_RBX) | BIT(DW_RBP) | (0xfu << DW_R12))

struct regs {
	uintptr_t value[NR_REGS];
	uint32_t known; /* BIT() of those that are */
	bool is_exact;	/* pc is an interrupted instruction, not a return address */
};

enum step {
	STEP_DONE,
	STEP_END,	     /* the stack ends here, or what is said about it is damaged */
	STEP_NEEDS_REGISTER, /* one that is not known */
};

/* Makes *regs the caller's. They are left as they were unless the step is done. */
enum step step_interpreted(const struct walk *w, struct regs *regs);

#endif
