/* SPDX-License-Identifier: MIT */
/* build_id.c: see build_id.h */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "build_id.h"

uint32_t build_id(const struct unwind_module *m, uint8_t *to, uint32_t room)
{
	const ElfW(Ehdr) *elf = (const void *)m->map_start;
	const ElfW(Phdr) *phdr;

	if (memcmp(elf->e_ident, ELFMAG, SELFMAG) ||
	    elf->e_phoff + elf->e_phnum * sizeof(*phdr) > 4096)
		return 0;
	phdr = (const void *)(m->map_start + elf->e_phoff);
	for (int i = 0; i < elf->e_phnum; i++) {
		uintptr_t p = m->load_bias + phdr[i].p_vaddr, end = p + phdr[i].p_memsz;

		if (phdr[i].p_type != PT_NOTE || p < m->map_start || end > m->map_end)
			continue;
		while (p + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *note = (const void *)p;
			uintptr_t desc = p + sizeof(*note) + ((note->n_namesz + 3) & ~3u);

			if (desc + note->n_descsz > end)
				break;
			if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
			    !memcmp(note + 1, "GNU", 4) && note->n_descsz <= room) {
				memcpy(to, (const void *)desc, note->n_descsz);
				return note->n_descsz;
			}
			p = desc + ((note->n_descsz + 3) & ~3u);
		}
	}
	return 0;
}
