/* SPDX-License-Identifier: MIT */
/*
 * unwind_cfi.c: finds the FDE and the CIE of an address in .eh_frame
 *
 * What is read is mapped memory of the program, which may be damaged: every pointer is checked to
 * lie in the segment that holds the header, every length to end there. Encodings and fields are
 * those that compilers and assemblers for x86-64 write into .eh_frame; others count as damaged.
 * Tables registered at run time (__register_frame) are not used.
 */
#ifdef __x86_64__

#include <elf.h>
#include <link.h>
#include <string.h>

#include "unwind_cfi.h"

/* DW_EH_PE_*: the low four bits are a format, the next three what the value is relative to. */
#define PE_FORMAT   0x0f
#define PE_BASE	    0x70
#define PE_PCREL    0x10
#define PE_INDIRECT 0x80

static uint64_t take_encoded(struct bytes *b, uint8_t encoding)
{
	uint64_t base = (encoding & PE_BASE) == PE_PCREL ? (uintptr_t)b->at : 0;

	switch (encoding & PE_FORMAT) {
	case 0x00: /* a pointer */
	case 0x04: /* udata8 */
	case 0x0c: /* sdata8 */
		return base + bytes_take(b, 8);
	case 0x03: /* udata4 */
		return base + bytes_take(b, 4);
	case 0x0b: /* sdata4 */
		return base + (uint64_t)(int32_t)bytes_take(b, 4);
	}
	b->bad = true;
	return 0;
}

/* The program headers, where every ELF file maps them: in its first page. NULL if not there. */
static const ElfW(Phdr) *program_headers(const struct unwind_module *m)
{
	const ElfW(Ehdr) *elf = (const void *)m->map_start;
	uintptr_t first_page = 4096;

	if (m->map_end - m->map_start < first_page || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 ||
	    elf->e_phoff % sizeof(uintptr_t) != 0 || elf->e_phoff > first_page ||
	    elf->e_phentsize != sizeof(ElfW(Phdr)) ||
	    elf->e_phnum > (first_page - elf->e_phoff) / sizeof(ElfW(Phdr)))
		return NULL;
	return (const ElfW(Phdr) *)(m->map_start + elf->e_phoff);
}

/* A module's mapping can have holes between its segments, so the whole of it is no bound. */
struct segment cfi_segment(const struct unwind_module *m)
{
	const ElfW(Phdr) *ph = program_headers(m);
	unsigned int nr = ph ? ((const ElfW(Ehdr) *)m->map_start)->e_phnum : 0;
	uintptr_t at = (uintptr_t)m->eh_frame_hdr;

	for (; nr > 0; nr--, ph++) {
		uintptr_t start = m->load_bias + ph->p_vaddr;

		if (ph->p_type == PT_LOAD && at >= start && at - start < ph->p_filesz &&
		    start >= m->map_start && ph->p_filesz <= m->map_end - start)
			return (struct segment){ start, start + ph->p_filesz };
	}
	return (struct segment){ 0, 0 };
}

/* Points `b` at the body of the CIE or FDE at `at`. */
static bool record_open(struct bytes *b, const struct segment *in, uintptr_t at)
{
	uint64_t length;

	if (at < in->start || at >= in->end)
		return false;
	*b = (struct bytes){ (const uint8_t *)at, (const uint8_t *)in->end, false };
	length = bytes_take(b, 4);
	if (b->bad || length == 0 || length > (size_t)(b->end - b->at))
		return false;
	b->end = b->at + length;
	return true;
}

static bool cie_augmentation(struct cfi *c, struct bytes *b, const char *letters)
{
	uint64_t length = bytes_uleb(b);
	const uint8_t *data = b->at;

	for (; *letters && !b->bad; letters++) {
		switch (*letters) {
		case 'R':
			c->encoding = (uint8_t)bytes_take(b, 1);
			break;
		case 'L':
			bytes_take(b, 1);
			break;
		case 'P':
			take_encoded(b, (uint8_t)bytes_take(b, 1));
			break;
		case 'S':
			c->is_signal = true;
			break;
		default:
			return false;
		}
	}
	b->at = data;
	bytes_skip(b, length);
	return !b->bad;
}

static bool cie_read(struct cfi *c, uintptr_t at)
{
	struct bytes b;
	const char *augmentation;
	uint8_t version;

	if (!record_open(&b, &c->segment, at) || bytes_take(&b, 4) != 0)
		return false;
	version = (uint8_t)bytes_take(&b, 1);
	augmentation = (const char *)b.at;
	while (bytes_take(&b, 1) != 0)
		;
	c->code_align = bytes_uleb(&b);
	c->data_align = bytes_sleb(&b);
	if (bytes_take(&b, 1) != 16 || b.bad || (version != 1 && version != 3))
		return false;
	c->has_augmentation = augmentation[0] == 'z';
	if (augmentation[0] && !c->has_augmentation)
		return false;
	if (c->has_augmentation && !cie_augmentation(c, &b, augmentation + 1))
		return false;
	c->initial = b;
	return (c->encoding & (PE_INDIRECT | PE_BASE) & ~PE_PCREL) == 0;
}

static bool fde_read(struct cfi *c, uintptr_t at)
{
	struct bytes b;
	uintptr_t here;
	uint64_t back;

	if (!record_open(&b, &c->segment, at))
		return false;
	here = (uintptr_t)b.at;
	back = bytes_take(&b, 4);
	if (back == 0 || !cie_read(c, here - back))
		return false;
	c->pc_begin = take_encoded(&b, c->encoding);
	c->pc_range = take_encoded(&b, c->encoding & PE_FORMAT);
	if (c->has_augmentation)
		bytes_skip(&b, bytes_uleb(&b));
	c->instructions = b;
	return !b.bad;
}

/*
 * .eh_frame_hdr: version 1, three encodings, a pointer to .eh_frame, a count, and a table sorted by
 * the first column: { function - header, FDE - header }, both signed 32 bits. Every linker writes
 * it so.
 */
static const uint8_t header_encodings[] = { 1, 0x1b, 0x03, 0x3b };
#define HEADER_SIZE 12

struct header_row {
	int32_t function, fde;
} __attribute__((packed, may_alias));

static uintptr_t from_header(uintptr_t header, int32_t offset)
{
	return header + (uintptr_t)(intptr_t)offset;
}

/* The number of rows whose function does not begin behind `pc`. */
static uint64_t header_search(uintptr_t header, const struct header_row *rows, uint64_t nr,
			      uintptr_t pc)
{
	uint64_t low = 0, high = nr;

	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (pc - from_header(header, rows[middle].function) <= INTPTR_MAX)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum lookup cfi_find(struct cfi *c, const struct unwind_module *m, uintptr_t pc)
{
	uintptr_t header = (uintptr_t)m->eh_frame_hdr;
	const struct header_row *rows = (const void *)(header + HEADER_SIZE);
	struct bytes b;
	uint64_t nr;

	*c = (struct cfi){ .segment = cfi_segment(m) };
	if (header < c->segment.start || header >= c->segment.end)
		return LOOKUP_NOTHING;
	b = (struct bytes){ (const uint8_t *)header, (const uint8_t *)c->segment.end, false };
	for (unsigned int i = 0; i < sizeof(header_encodings); i++) {
		if (bytes_take(&b, 1) != header_encodings[i])
			return LOOKUP_NOTHING;
	}
	bytes_skip(&b, 4);
	nr = bytes_take(&b, 4);
	if (b.bad || nr > (size_t)(b.end - b.at) / sizeof(*rows))
		return LOOKUP_DAMAGED;
	nr = header_search(header, rows, nr, pc);
	if (nr == 0)
		return LOOKUP_NOTHING;
	if (!fde_read(c, from_header(header, rows[nr - 1].fde)))
		return LOOKUP_DAMAGED;
	return pc - c->pc_begin < c->pc_range ? LOOKUP_FOUND : LOOKUP_NOTHING;
}

enum lookup cfi_lookup(uintptr_t pc, struct cfi *c, struct row *row)
{
	struct unwind_module module;
	enum lookup lookup;

	if (unwind_find_module(pc, &module) != 0)
		return LOOKUP_NO_MODULE;
	lookup = cfi_find(c, &module, pc);
	if (lookup == LOOKUP_FOUND && !cfi_run(c, pc, row))
		return LOOKUP_DAMAGED;
	return lookup;
}

#endif
