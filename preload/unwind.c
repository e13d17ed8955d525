/* SPDX-License-Identifier: MIT */
/*
 * unwind.c: walks the calling thread's stack by the call frame information in .eh_frame (x86-64)
 *
 * Why not libunwind (1.6.2 of Debian 12, measured by strace): the first unw_backtrace(), of five
 * frames, takes 0.12 ms, makes a pipe, which gets the descriptors 3 and 4 that the program expects
 * for itself, and blocks and restores signals in 52 system calls; each pc it has not seen costs
 * more of these. Warm it takes 39/143/323 ns for 6/20/50 frames, and this here 25/130/324 ns in the
 * same run. Why not glibc's backtrace(): its first call loads libgcc_s with dlopen(), which opens
 * files and allocates, and it takes 100 ns a frame. Why not frame pointers: programs and the C
 * library are compiled without.
 *
 * A walk goes from frame to frame with three registers: pc, sp and bp. What leads from one to the
 * next depends on the pc alone, and is looked up as a rule in a cache (unwind_rule.h). Where there
 * is no rule the frame's row is interpreted (unwind_step.c). Where even that needs another register
 * than the three (rbx in _dl_runtime_resolve), the walk starts again from the top and interprets
 * every frame with all registers.
 *
 * Damaged information can give a wrong stack or end it early; it cannot make us read outside the
 * module's own segment or outside the caller's stack, nor loop: each frame lies above the last, but
 * for a signal's, and their number is limited.
 */
#ifdef __x86_64__

#include "unwind_rule.h"
#include "unwind_step.h"

/* The three registers of the usual walk. */
struct frame {
	uintptr_t pc, sp, bp;
	bool is_exact;
};

__attribute__((noinline)) static enum step frame_step_interpreted(const struct walk *w,
								  struct frame *f)
{
	struct regs regs = { .known = BIT(DW_RA) | BIT(DW_RSP) | BIT(DW_RBP),
			     .is_exact = f->is_exact };
	enum step step;

	regs.value[DW_RA] = f->pc;
	regs.value[DW_RSP] = f->sp;
	regs.value[DW_RBP] = f->bp;
	step = step_interpreted(w, &regs);
	*f = (struct frame){ regs.value[DW_RA], regs.value[DW_RSP],
			     regs.known & BIT(DW_RBP) ? regs.value[DW_RBP] : 0, regs.is_exact };
	return step;
}

/* Walks by cached rules. A step that cannot be taken so leaves the frame in `f`. */
static enum step walk_by_rules(struct walk *w, struct frame *f)
{
	uintptr_t pc = f->pc, sp = f->sp, bp = f->bp, cfa, bp_at;
	uintptr_t adjust = !f->is_exact;
	enum step step = STEP_END;

	while (pc != 0 && walk_emit(w, pc)) {
		uint64_t rule = rule_get(pc - adjust);

		if (rule_kind(rule) > BY_BP) {
			if (rule_kind(rule) == OUTERMOST)
				break;
			*f = (struct frame){ pc, sp, bp, !adjust };
			step = frame_step_interpreted(w, f);
			if (step != STEP_DONE)
				break;
			pc = f->pc;
			sp = f->sp;
			bp = f->bp;
			adjust = !f->is_exact;
			continue;
		}
		cfa = (rule_kind(rule) == BY_SP ? sp : bp) + rule_a(rule);
		bp_at = cfa - rule_b(rule);
		if (cfa < sp + 8 || cfa > w->high || bp_at < w->low)
			break;
		if (bp_at != cfa)
			bp = slot_load(bp_at);
		pc = slot_load(cfa - 8);
		sp = cfa;
		adjust = 1;
	}
	return step;
}

/*
 * Its own registers, then up through its own frames to the one above `start_sp`, where the walk
 * begins: by then all callee-saved registers are what they were there. Returns false if that fails.
 */
__attribute__((noinline)) static bool walk_interpreted(struct walk *w, uintptr_t start_sp)
{
	struct regs regs = { .known = CALLEE_SAVED | BIT(DW_RSP) | BIT(DW_RA), .is_exact = true };

	__asm__ volatile("movq %%rbx, 24(%0)\n\t"
			 "movq %%rbp, 48(%0)\n\t"
			 "movq %%rsp, 56(%0)\n\t"
			 "movq %%r12, 96(%0)\n\t"
			 "movq %%r13, 104(%0)\n\t"
			 "movq %%r14, 112(%0)\n\t"
			 "movq %%r15, 120(%0)\n\t"
			 "leaq 0f(%%rip), %%rax\n"
			 "0:\tmovq %%rax, 128(%0)"
			 :
			 : "r"(regs.value)
			 : "rax", "memory");
	w->low = regs.value[DW_RSP];
	while (regs.value[DW_RSP] < start_sp) {
		if (step_interpreted(w, &regs) != STEP_DONE)
			return false;
	}
	while (regs.value[DW_RA] != 0 && walk_emit(w, regs.value[DW_RA])) {
		if (step_interpreted(w, &regs) != STEP_DONE)
			break;
	}
	return true;
}

/* The frame address is asked for, so that this function keeps bp at a known place. */
__attribute__((noinline)) int unwind_stack(uintptr_t *pcs, int max, int skipped,
					   struct unwind_bounds bounds)
{
	uintptr_t fp = (uintptr_t)__builtin_frame_address(0), sp = fp + 16;
	bool is_inside = sp >= bounds.low && sp < bounds.high;
	struct walk w = { .pcs = pcs, .max = max, .skip = skipped, .low = fp };
	struct frame f = { slot_load(fp + 8), sp, slot_load(fp), false };
	struct walk again;

	if (max <= 0)
		return 0;
	w.high = is_inside ? bounds.high : sp;
	again = w;
	if (walk_by_rules(&w, &f) == STEP_NEEDS_REGISTER && walk_interpreted(&again, sp))
		return again.nr;
	return w.nr;
}

#endif
