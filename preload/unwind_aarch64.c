/* SPDX-License-Identifier: MIT */
/*
 * unwind_aarch64.c: walks the frame pointer chain, which the ABI of aarch64 makes a standard
 *
 * Its compilers keep the chain by default, so that no unwind information is read here.
 */
#ifdef __aarch64__

#include "unwind.h"
#include "unwind_walk.h"

/*
 * Return addresses may be signed. xpaclri takes and gives x30, and is a nop where there is no such
 * thing.
 */
static uintptr_t without_signature(uintptr_t pc)
{
	register uintptr_t lr __asm__("x30") = pc;

	__asm__("hint #7" : "+r"(lr));
	return lr;
}

__attribute__((noinline)) int unwind_stack(uintptr_t *pcs, int max, int skipped,
					   struct unwind_bounds bounds)
{
	uintptr_t fp = (uintptr_t)__builtin_frame_address(0), pc;
	bool is_inside = fp >= bounds.low && fp < bounds.high;
	struct walk w = { .pcs = pcs, .max = max, .skip = skipped, .low = fp };

	w.high = is_inside ? bounds.high : fp + 16;
	while (w.nr < max && fp % 16 == 0 && walk_may_load(&w, fp) && walk_may_load(&w, fp + 8)) {
		pc = without_signature(slot_load(fp + 8));
		if (pc == 0 || !walk_emit(&w, pc))
			break;
		w.low = fp + 16;
		fp = slot_load(fp);
	}
	return w.nr;
}

#endif
