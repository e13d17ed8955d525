/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the unwinder that runs inside the traced program: an input is the first bytes of an ELF
 * file as the loader maps it, with .eh_frame_hdr and .eh_frame, then 8 bytes that choose where the
 * program is.
 *
 * The module lies in memory of its own exact size and the stack between pages that cannot be read,
 * so reading anything else is noticed. A walk must end, and go upwards.
 */
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "../../preload/unwind_rule.h"
#include "../../preload/unwind_step.h"
#include "fuzz.h"

#ifdef __x86_64__

#define STACK_BYTES 4096

static struct unwind_module module;

int unwind_find_module(uintptr_t pc, struct unwind_module *out)
{
	*out = module;
	return pc >= module.map_start && pc < module.map_end ? 0 : -1;
}

/* The stack, its neighbours forbidden, with pointers into itself and into the module. */
static uintptr_t stack_make(void)
{
	static char *pages;
	uintptr_t *slot;

	if (!pages) {
		pages = mmap(NULL, 3 * STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		need(pages != MAP_FAILED);
		need(mprotect(pages + STACK_BYTES, STACK_BYTES, PROT_READ | PROT_WRITE) == 0);
	}
	slot = (uintptr_t *)(void *)(pages + STACK_BYTES);
	for (size_t i = 0; i < STACK_BYTES / sizeof(*slot); i++)
		slot[i] = i % 2 ? module.map_start + 0x250 + i % 64 : (uintptr_t)(slot + i + 2);
	return (uintptr_t)slot;
}

static void walk(uintptr_t pc, bool all_registers)
{
	uintptr_t low = stack_make();
	struct walk w = { .low = low, .high = low + STACK_BYTES };
	struct regs regs = { .known = BIT(DW_RA) | BIT(DW_RSP) | BIT(DW_RBP) };

	for (unsigned int i = 0; i < NR_REGS; i++)
		regs.value[i] = low + 64 + 8 * i;
	regs.value[DW_RSP] = low + 16;
	regs.value[DW_RA] = pc;
	if (all_registers)
		regs.known |= CALLEE_SAVED;
	rules_forget();
	rule_get(pc);
	for (int steps = 0; steps < 64; steps++) {
		if (step_interpreted(&w, &regs) != STEP_DONE)
			return;
		need(regs.value[DW_RSP] >= w.low && regs.value[DW_RSP] <= w.high);
	}
}

/* Where PT_GNU_EH_FRAME says, when the header can be believed so far. */
static const void *header_of(const uint8_t *map, size_t size)
{
	const ElfW(Ehdr) *elf = (const void *)map;
	const ElfW(Phdr) *ph = (const void *)(map + sizeof(*elf));

	for (int i = 0; i < 8; i++)
		if (ph[i].p_type == PT_GNU_EH_FRAME && ph[i].p_vaddr < size)
			return map + ph[i].p_vaddr;
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t bytes = size < 4096 + 8 ? 4096 : size - 8;
	uint8_t *map;

	if (size < 8)
		return 0;
	map = calloc(1, bytes);
	need(map != NULL);
	memcpy(map, data, size - 8);
	module = (struct unwind_module){ .map_start = (uintptr_t)map,
					 .map_end = (uintptr_t)map + bytes,
					 .load_bias = (uintptr_t)map,
					 .name = "",
					 .eh_frame_hdr = header_of(map, bytes) };
	for (int i = 0; i < 4; i++)
		walk((uintptr_t)map + data[size - 8 + 2 * i] + 256u * data[size - 7 + 2 * i],
		     i & 1);
	free(map);
	return 0;
}

#else

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)data;
	(void)size;
	return 0;
}

#endif
