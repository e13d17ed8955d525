/* SPDX-License-Identifier: MIT */
/*
 * unwind_step.c: one step up the stack by a row, the slow and general way
 *
 * For the frames that no rule (unwind_rule.h) can say: signal frames, realigned stacks, PLT
 * entries, assembler. A register that cannot be found is lost, which only matters if a later frame
 * wants it. Code without information (a JIT's, mostly) is passed by its frame pointer where that
 * looks sane.
 *
 * Expressions: those operations that a PLT's, a realigned stack's and a signal frame's use. There
 * is no branch among them, hence no loop.
 */
#ifdef __x86_64__

#include "unwind_step.h"

#define MAX_OPERANDS 8

/* A DWARF expression under evaluation, for the frame in `regs`. */
struct expression {
	const struct walk *walk;
	const struct regs *regs;
	struct bytes b;
	uintptr_t stack[MAX_OPERANDS];
	unsigned int depth;
	enum step state; /* STEP_DONE as long as it is fine */
};

static uintptr_t pop(struct expression *e)
{
	if (e->depth == 0) {
		e->state = STEP_END;
		return 0;
	}
	return e->stack[--e->depth];
}

static void push(struct expression *e, uintptr_t value)
{
	if (e->depth == MAX_OPERANDS)
		e->state = STEP_END;
	else
		e->stack[e->depth++] = value;
}

static void push_register(struct expression *e, unsigned int reg, int64_t offset)
{
	if (reg >= NR_REGS)
		e->state = STEP_END;
	else if (!(e->regs->known & BIT(reg)))
		e->state = STEP_NEEDS_REGISTER;
	else
		push(e, e->regs->value[reg] + (uintptr_t)offset);
}

static void dereference(struct expression *e)
{
	uintptr_t at = pop(e);

	if (e->state == STEP_DONE && walk_may_load(e->walk, at))
		push(e, slot_load(at));
	else if (e->state == STEP_DONE)
		e->state = STEP_END;
}

static void binary_op(struct expression *e, uint8_t op)
{
	uintptr_t b = pop(e), a = pop(e);

	switch (op) {
	case 0x1a: /* and */
		return push(e, a & b);
	case 0x22: /* plus */
		return push(e, a + b);
	case 0x24: /* shl */
		return push(e, b < 64 ? a << b : 0);
	case 0x2a: /* ge */
		return push(e, (intptr_t)a >= (intptr_t)b);
	}
	e->state = STEP_END;
}

static void evaluate_op(struct expression *e, uint8_t op)
{
	if (op >= 0x30 && op <= 0x4f) /* lit0 to lit31 */
		push(e, op - 0x30);
	else if (op >= 0x70 && op <= 0x8f) /* breg0 to breg31 */
		push_register(e, op - 0x70, bytes_sleb(&e->b));
	else if (op == 0x06)
		dereference(e);
	else if (op == 0x23) /* plus_uconst */
		push(e, pop(e) + bytes_uleb(&e->b));
	else
		binary_op(e, op);
}

static enum step evaluate(const struct cfi *c, int32_t offset, const struct walk *w,
			  const struct regs *regs, uintptr_t *out)
{
	struct expression e = { .walk = w, .regs = regs };
	uint64_t length;

	e.b.at = (const uint8_t *)c->segment.start + offset;
	e.b.end = (const uint8_t *)c->segment.end;
	length = bytes_uleb(&e.b);
	if (e.b.bad || length > (size_t)(e.b.end - e.b.at))
		return STEP_END;
	e.b.end = e.b.at + length;
	while (e.b.at < e.b.end && e.state == STEP_DONE)
		evaluate_op(&e, (uint8_t)bytes_take(&e.b, 1));
	if (e.state == STEP_DONE)
		*out = pop(&e);
	return e.b.bad ? STEP_END : e.state;
}

static enum step cfa_find(const struct cfi *c, const struct row *row, const struct walk *w,
			  const struct regs *regs, uintptr_t *cfa)
{
	if (row->cfa_reg == CFA_BY_EXPRESSION)
		return evaluate(c, row->cfa_value, w, regs, cfa);
	if (row->cfa_reg >= NR_REGS)
		return STEP_END;
	if (!(regs->known & BIT(row->cfa_reg)))
		return STEP_NEEDS_REGISTER;
	*cfa = regs->value[row->cfa_reg] + (uintptr_t)(intptr_t)row->cfa_value;
	return STEP_DONE;
}

/* A register that the frame left alone, as the ABI has it. */
static enum step register_keep(unsigned int i, const struct regs *regs, uintptr_t cfa,
			       uintptr_t *out)
{
	if (i == DW_RSP) {
		*out = cfa;
		return STEP_DONE;
	}
	if (!(CALLEE_SAVED & regs->known & BIT(i)))
		return STEP_NEEDS_REGISTER;
	*out = regs->value[i];
	return STEP_DONE;
}

/* Finds the caller's register `i`. STEP_NEEDS_REGISTER: it is lost, which may not matter. */
static enum step register_find(const struct cfi *c, const struct row *row, unsigned int i,
			       const struct walk *w, const struct regs *regs, uintptr_t cfa,
			       uintptr_t *out)
{
	uintptr_t at = cfa + (uintptr_t)(intptr_t)row->value[i];
	enum step step = STEP_DONE;

	if (row->how[i] == UNSPECIFIED)
		return register_keep(i, regs, cfa, out);
	if (row->how[i] == UNDEFINED)
		return STEP_NEEDS_REGISTER;
	if (row->how[i] == AT_EXPRESSION)
		step = evaluate(c, row->value[i], w, regs, &at);
	if (step != STEP_DONE)
		return step;
	if (!walk_may_load(w, at))
		return STEP_END;
	*out = slot_load(at);
	return STEP_DONE;
}

/* Apart from cfi_run(), so that the stack need not hold both at once. */
__attribute__((noinline)) static enum step row_apply(const struct cfi *c, const struct row *row,
						     const struct walk *w, struct regs *regs)
{
	struct regs next = { .is_exact = c->is_signal };
	uintptr_t cfa, sp = regs->value[DW_RSP];
	enum step step = cfa_find(c, row, w, regs, &cfa);

	if (step != STEP_DONE)
		return step;
	if (row->how[DW_RA] == UNSPECIFIED || row->how[DW_RA] == UNDEFINED)
		return STEP_END;
	for (unsigned int i = 0; i < NR_REGS; i++) {
		step = register_find(c, row, i, w, regs, cfa, &next.value[i]);
		if (step == STEP_DONE)
			next.known |= BIT(i);
		else if (i == DW_RA || i == DW_RSP)
			return step;
	}
	/* Only a signal frame may lead downwards: out of a handler on another stack. */
	if (next.value[DW_RSP] <= sp && !c->is_signal)
		return STEP_END;
	if (next.value[DW_RSP] < w->low || next.value[DW_RSP] > w->high)
		return STEP_END;
	*regs = next;
	return STEP_DONE;
}

/*
 * Its caller must be in a module, or have a frame pointer that continues the chain: a bp that means
 * something else seldom passes.
 */
static enum step step_by_frame_pointer(const struct walk *w, struct regs *regs)
{
	uintptr_t bp = regs->value[DW_RBP], pc, caller_bp;
	struct unwind_module module;

	if (!(regs->known & BIT(DW_RBP)) || bp % 8 != 0 || bp < regs->value[DW_RSP] ||
	    !walk_may_load(w, bp) || !walk_may_load(w, bp + 8))
		return STEP_END;
	caller_bp = slot_load(bp);
	pc = slot_load(bp + 8);
	if ((caller_bp <= bp || caller_bp >= w->high) && unwind_find_module(pc - 1, &module) != 0)
		return STEP_END;
	regs->value[DW_RA] = pc;
	regs->value[DW_RSP] = bp + 16;
	regs->value[DW_RBP] = caller_bp;
	regs->known = BIT(DW_RA) | BIT(DW_RSP) | BIT(DW_RBP);
	regs->is_exact = false;
	return STEP_DONE;
}

enum step step_interpreted(const struct walk *w, struct regs *regs)
{
	struct cfi cfi;
	struct row row;

	switch (cfi_lookup(regs->value[DW_RA] - !regs->is_exact, &cfi, &row)) {
	case LOOKUP_FOUND:
		return row_apply(&cfi, &row, w, regs);
	case LOOKUP_NO_MODULE:
	case LOOKUP_NOTHING:
		return step_by_frame_pointer(w, regs);
	case LOOKUP_DAMAGED:
		break;
	}
	return STEP_END;
}

#endif
