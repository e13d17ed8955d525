/*
 * unwind.c - walks the calling thread's stack by the call frame information in .eh_frame.
 *
 * Why not libunwind: inside somebody else's process its first stack opens a pipe (and so takes the
 * descriptors that the program expects to get), blocks signals, and allocates thread-local storage
 * with malloc. Why not libgcc's backtrace(): it loads a library on first use and takes
 * 100 ns a frame. Why not frame pointers: programs and the C library are compiled without.
 *
 * x86-64. A walk goes from frame to frame with three registers: pc, sp and bp. What leads from one
 * to the next depends on the pc alone, and for nearly all code it is "CFA = sp or bp + a, return
 * address at CFA - 8, bp at CFA - b". That fits in 28 bits, so that the cache needs one 64-bit word
 * for a pc and its rule: read and written by plain atomic accesses, it can be stale or missing but
 * never torn. What does not fit is interpreted anew each time, at the price of a cache miss: signal
 * frames, realigned stacks, PLT entries, hand-written assembler. Where even that needs another
 * register than the three (rbx in _dl_runtime_resolve), the walk starts again from the top and
 * interprets every frame with all registers.
 *
 * Damaged information can give a wrong stack or end it early; it cannot make us read outside the
 * module's own segment or outside the caller's stack, nor loop: each frame lies above the last, but
 * for a signal's, and their number is limited.
 *
 * Code without such information (a JIT's, mostly) is passed by its frame pointer where that looks
 * sane, else the stack ends there. Tables registered at run time (__register_frame) are not used.
 *
 * Modules are found by _dl_find_object(), which glibc has made lock-free for this purpose. Older
 * ones lack it (before 2.35): there we keep a list of our own, refreshed by
 * unwind_modules_changed().
 *
 * aarch64: the frame pointer chain, which its ABI makes a standard.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unwind.h"

/* ---- modules ---- */

#if __GLIBC_PREREQ(2, 35) && !defined(UNWIND_SNAPSHOT_ONLY)
#define HAVE_FIND_OBJECT 1
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));
#else
#define HAVE_FIND_OBJECT 0
#endif

/*
 * The list for older libraries. Only appended to: an entry is complete before nr_modules counts it,
 * and stays what it was until `gone` is set. Writers are callbacks of dl_iterate_phdr(), which
 * the loader's own lock keeps apart.
 */
#define MAX_MODULES 256

struct module_entry {
	struct unwind_module module;
	atomic_bool gone;
};

static struct module_entry modules[MAX_MODULES];
static atomic_uint nr_modules;

/* One pass of dl_iterate_phdr() over the list. */
struct snapshot {
	unsigned nr; /* entries that this pass can judge */
	int err;
	bool seen[MAX_MODULES];
};

static struct unwind_module module_of(const struct dl_phdr_info *info)
{
	struct unwind_module m = { .map_start = UINTPTR_MAX,
				   .load_bias = info->dlpi_addr,
				   .name = info->dlpi_name };

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_GNU_EH_FRAME)
			m.eh_frame_hdr = (const void *)start;
		if (ph->p_type != PT_LOAD)
			continue;
		if (start < m.map_start)
			m.map_start = start;
		if (start + ph->p_memsz > m.map_end)
			m.map_end = start + ph->p_memsz;
	}
	return m;
}

static int snapshot_add(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct snapshot *s = arg;
	struct unwind_module m = module_of(info);
	unsigned i, nr = atomic_load_explicit(&nr_modules, memory_order_relaxed);

	(void)size;
	for (i = 0; i < nr; i++) {
		if (!atomic_load_explicit(&modules[i].gone, memory_order_relaxed) &&
		    modules[i].module.map_start == m.map_start &&
		    modules[i].module.map_end == m.map_end &&
		    modules[i].module.eh_frame_hdr == m.eh_frame_hdr)
			break;
	}
	if (i == MAX_MODULES) {
		s->err = -E2BIG;
	} else {
		s->seen[i] = true;
		modules[i].module = i < nr ? modules[i].module : m;
		nr = i < nr ? nr : i + 1;
		/* pairs with the acquire in snapshot_find() */
		atomic_store_explicit(&nr_modules, nr, memory_order_release);
	}
	s->nr = nr;
	return 0;
}

static int snapshot_refresh(void)
{
	struct snapshot s = { 0 };

	dl_iterate_phdr(snapshot_add, &s);
	for (unsigned i = 0; i < s.nr; i++) {
		if (!s.seen[i])
			atomic_store_explicit(&modules[i].gone, true, memory_order_relaxed);
	}
	return s.err;
}

static int snapshot_find(uintptr_t pc, struct unwind_module *out)
{
	unsigned nr = atomic_load_explicit(&nr_modules, memory_order_acquire);

	for (unsigned i = 0; i < nr; i++) {
		if (pc < modules[i].module.map_start || pc >= modules[i].module.map_end ||
		    atomic_load_explicit(&modules[i].gone, memory_order_relaxed))
			continue;
		*out = modules[i].module;
		return 0;
	}
	return -1;
}

static bool have_find_object(void)
{
#if HAVE_FIND_OBJECT
	return _dl_find_object != NULL;
#else
	return false;
#endif
}

int unwind_find_module(uintptr_t pc, struct unwind_module *out)
{
#if HAVE_FIND_OBJECT
	struct dl_find_object found;

	if (have_find_object()) {
		if (_dl_find_object((void *)pc, &found) != 0)
			return -1;
		*out = (struct unwind_module){
			.map_start = (uintptr_t)found.dlfo_map_start,
			.map_end = (uintptr_t)found.dlfo_map_end,
			.load_bias = found.dlfo_link_map->l_addr,
			.name = found.dlfo_link_map->l_name,
			.eh_frame_hdr = found.dlfo_eh_frame,
		};
		return 0;
	}
#endif
	return snapshot_find(pc, out);
}

int unwind_init(void)
{
	return have_find_object() ? 0 : snapshot_refresh();
}

/* ---- what both architectures share ---- */

struct walk {
	uintptr_t *pcs;
	int nr, max, skip;
	uintptr_t low, high; /* memory that may be read */
};

/* Returns false when no more frames are wanted. */
static inline bool walk_emit(struct walk *w, uintptr_t pc)
{
	if (w->skip > 0) {
		w->skip--;
		return true;
	}
	w->pcs[w->nr++] = pc;
	return w->nr < w->max;
}

/* A stack slot may lie in what AddressSanitizer calls a red zone, and at any address. */
struct slot {
	uintptr_t value;
} __attribute__((packed, may_alias));

__attribute__((no_sanitize("address"))) static inline uintptr_t slot_load(uintptr_t at)
{
	return ((const struct slot *)at)->value;
}

static inline bool walk_may_load(const struct walk *w, uintptr_t at)
{
	return at >= w->low && at < w->high && w->high - at >= sizeof(uintptr_t);
}

#if defined(__x86_64__)

/* ---- reading a module's unwind information ---- */

/* The segment that holds it. Nothing outside is read. */
struct segment {
	uintptr_t start, end;
};

/* A cursor over bytes. Reading past the end gives zeros and sets `bad`. */
struct bytes {
	const uint8_t *at, *end;
	bool bad;
};

static uint64_t take(struct bytes *b, unsigned size)
{
	uint64_t v = 0;

	if ((size_t)(b->end - b->at) < size) {
		b->bad = true;
		b->at = b->end;
		return 0;
	}
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)b->at[i] << (8 * i);
	b->at += size;
	return v;
}

static uint64_t take_leb(struct bytes *b, bool is_signed)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = (uint8_t)take(b, 1);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && shift < 64 && (byte & 0x40))
		v |= UINT64_MAX << shift;
	return v;
}

static uint64_t take_uleb(struct bytes *b)
{
	return take_leb(b, false);
}

static int64_t take_sleb(struct bytes *b)
{
	return (int64_t)take_leb(b, true);
}

static void pass_over(struct bytes *b, uint64_t size)
{
	if ((size_t)(b->end - b->at) < size)
		b->bad = true;
	else
		b->at += size;
}

/* DW_EH_PE_*: the low four bits are a format, the next three what the value is relative to. */
#define PE_FORMAT   0x0f
#define PE_BASE	    0x70
#define PE_ABSOLUTE 0x00
#define PE_PCREL    0x10
#define PE_INDIRECT 0x80

static uint64_t take_encoded(struct bytes *b, uint8_t encoding)
{
	uint64_t base = (encoding & PE_BASE) == PE_PCREL ? (uintptr_t)b->at : 0;

	switch (encoding & PE_FORMAT) {
	case 0x00: /* a pointer */
	case 0x04: /* udata8 */
	case 0x0c: /* sdata8 */
		return base + take(b, 8);
	case 0x01:
		return base + take_uleb(b);
	case 0x02:
		return base + take(b, 2);
	case 0x03:
		return base + take(b, 4);
	case 0x09:
		return base + (uint64_t)take_sleb(b);
	case 0x0a:
		return base + (uint64_t)(int16_t)take(b, 2);
	case 0x0b:
		return base + (uint64_t)(int32_t)take(b, 4);
	}
	b->bad = true;
	return 0;
}

/*
 * A module's mapping can have holes between its segments, so the bounds are those of the segment
 * that holds the header, taken from the program headers that every ELF file maps at its start.
 * Without them it is the whole mapping.
 */
static struct segment segment_find(const struct unwind_module *m)
{
	struct segment whole = { m->map_start, m->map_end };
	const ElfW(Ehdr) *elf = (const void *)m->map_start;
	uintptr_t at = (uintptr_t)m->eh_frame_hdr, first_page = 4096;

	if (m->map_end - m->map_start < first_page || elf->e_ident[EI_MAG0] != ELFMAG0 ||
	    elf->e_ident[EI_MAG1] != ELFMAG1 || elf->e_ident[EI_MAG2] != ELFMAG2 ||
	    elf->e_ident[EI_MAG3] != ELFMAG3 || elf->e_phoff % sizeof(uintptr_t) != 0 ||
	    elf->e_phoff > first_page || elf->e_phentsize != sizeof(ElfW(Phdr)) ||
	    elf->e_phnum > (first_page - elf->e_phoff) / sizeof(ElfW(Phdr)))
		return whole;
	for (unsigned i = 0; i < elf->e_phnum; i++) {
		const ElfW(Phdr) *ph = (const ElfW(Phdr) *)(m->map_start + elf->e_phoff) + i;
		uintptr_t start = m->load_bias + ph->p_vaddr;

		if (ph->p_type == PT_LOAD && at >= start && at - start < ph->p_filesz &&
		    start >= m->map_start && ph->p_filesz <= m->map_end - start)
			return (struct segment){ start, start + ph->p_filesz };
	}
	return (struct segment){ 0, 0 };
}

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

/* Points `b` at the body of the CIE or FDE at `at`. */
static bool record_open(struct bytes *b, const struct segment *in, uintptr_t at)
{
	uint64_t length;

	if (at < in->start || at >= in->end)
		return false;
	*b = (struct bytes){ (const uint8_t *)at, (const uint8_t *)in->end, false };
	length = take(b, 4);
	if (b->bad || length == 0 || length > (size_t)(b->end - b->at))
		return false;
	b->end = b->at + length;
	return true;
}

static bool cie_augmentation(struct cfi *c, struct bytes *b, const char *letters)
{
	uint64_t length = take_uleb(b);
	const uint8_t *data = b->at;

	for (; *letters && !b->bad; letters++) {
		uint8_t personality;

		switch (*letters) {
		case 'R':
			c->encoding = (uint8_t)take(b, 1);
			break;
		case 'L':
			take(b, 1);
			break;
		case 'P':
			personality = (uint8_t)take(b, 1);
			take_encoded(b, personality);
			break;
		case 'S':
			c->is_signal = true;
			break;
		default:
			return false;
		}
	}
	b->at = data;
	pass_over(b, length);
	return !b->bad;
}

static bool cie_read(struct cfi *c, uintptr_t at)
{
	struct bytes b;
	const char *augmentation;
	uint8_t version;

	if (!record_open(&b, &c->segment, at) || take(&b, 4) != 0)
		return false;
	version = (uint8_t)take(&b, 1);
	augmentation = (const char *)b.at;
	while (take(&b, 1) != 0)
		;
	c->code_align = take_uleb(&b);
	c->data_align = take_sleb(&b);
	if (b.bad || (version != 1 && version != 3))
		return false;
	if ((version == 1 ? take(&b, 1) : take_uleb(&b)) != 16)
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
	back = take(&b, 4);
	if (back == 0 || !cie_read(c, here - back))
		return false;
	c->pc_begin = take_encoded(&b, c->encoding);
	c->pc_range = take_encoded(&b, c->encoding & PE_FORMAT);
	if (c->has_augmentation)
		pass_over(&b, take_uleb(&b));
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

enum lookup { LOOKUP_FOUND, LOOKUP_NOTHING, LOOKUP_DAMAGED };

static enum lookup cfi_find(struct cfi *c, const struct unwind_module *m, uintptr_t pc)
{
	uintptr_t header = (uintptr_t)m->eh_frame_hdr;
	const struct header_row *rows = (const void *)(header + HEADER_SIZE);
	struct bytes b;
	uint64_t low = 0, high;

	*c = (struct cfi){ .segment = segment_find(m) };
	if (header < c->segment.start || header >= c->segment.end)
		return LOOKUP_NOTHING;
	b = (struct bytes){ (const uint8_t *)header, (const uint8_t *)c->segment.end, false };
	for (unsigned i = 0; i < sizeof(header_encodings); i++) {
		if (take(&b, 1) != header_encodings[i])
			return LOOKUP_NOTHING;
	}
	pass_over(&b, 4);
	high = take(&b, 4);
	if (b.bad || high > (size_t)(b.end - b.at) / sizeof(*rows))
		return LOOKUP_DAMAGED;
	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (pc - header - (uintptr_t)(intptr_t)rows[middle].function <= INTPTR_MAX)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return LOOKUP_NOTHING;
	if (!fde_read(c, header + (uintptr_t)(intptr_t)rows[low - 1].fde))
		return LOOKUP_DAMAGED;
	return pc - c->pc_begin < c->pc_range ? LOOKUP_FOUND : LOOKUP_NOTHING;
}

/* ---- interpreting it ---- */

enum { DW_RBX = 3, DW_RBP = 6, DW_RSP = 7, DW_R12 = 12, DW_RA = 16, NR_REGS = 17 };

#define BIT(reg)     (1u << (reg))
#define CALLEE_SAVED (BIT(DW_RBX) | BIT(DW_RBP) | (0xfu << DW_R12))
#define ALL_REGS     (BIT(NR_REGS) - 1)

/* How a register of the calling frame is found. `value` in struct row is the operand. */
enum how {
	UNSPECIFIED, /* the ABI's: callee-saved ones are kept, sp is the CFA, others are lost */
	UNDEFINED,
	SAME,
	AT_CFA_PLUS,
	IS_CFA_PLUS,
	IN_REGISTER,
	AT_EXPRESSION, /* operand: offset of the expression in the segment */
	IS_EXPRESSION,
};

#define CFA_BY_EXPRESSION 0xff
#define CFA_UNSPECIFIED	  0xfe

struct row {
	int32_t cfa_value; /* offset from the register, or that of the expression in the segment */
	int32_t value[NR_REGS];
	uint8_t how[NR_REGS];
	uint8_t cfa_reg;
};

#define MAX_REMEMBERED 3     /* nested; of 38,000 uses in large Debian packages none is */
#define MAX_PROGRAM    65536 /* bytes; damaged lengths must not cost seconds */

struct machine {
	const struct cfi *cfi;
	struct row row, initial;
	struct row remembered[MAX_REMEMBERED];
	unsigned nr_remembered;
	uintptr_t loc;
};

static void set_cfa(struct machine *m, struct bytes *b, uint64_t reg, int64_t offset)
{
	if (reg >= NR_REGS || offset != (int32_t)offset) {
		b->bad = true;
		return;
	}
	m->row.cfa_reg = (uint8_t)reg;
	m->row.cfa_value = (int32_t)offset;
}

/* Registers beyond those of a plain walk (xmm and the like) are read over. */
static void set_rule(struct machine *m, struct bytes *b, uint64_t reg, enum how how, int64_t value)
{
	if (value != (int32_t)value)
		b->bad = true;
	if (reg >= NR_REGS || b->bad)
		return;
	m->row.how[reg] = how;
	m->row.value[reg] = (int32_t)value;
}

static void restore_rule(struct machine *m, uint64_t reg)
{
	if (reg >= NR_REGS)
		return;
	m->row.how[reg] = m->initial.how[reg];
	m->row.value[reg] = m->initial.value[reg];
}

static int64_t factored(const struct machine *m, uint64_t offset)
{
	return (int64_t)(offset * (uint64_t)m->cfi->data_align);
}

/* Steps over an expression. Returns its offset in the segment. */
static int64_t take_expression(const struct machine *m, struct bytes *b)
{
	int64_t offset = (int64_t)((uintptr_t)b->at - m->cfi->segment.start);

	pass_over(b, take_uleb(b));
	return offset;
}

static void advance(struct machine *m, uint64_t delta)
{
	m->loc += delta * m->cfi->code_align;
}

static void remember(struct machine *m, struct bytes *b)
{
	if (m->nr_remembered == MAX_REMEMBERED)
		b->bad = true;
	else
		m->remembered[m->nr_remembered++] = m->row;
}

static void recall(struct machine *m, struct bytes *b)
{
	if (m->nr_remembered == 0)
		b->bad = true;
	else
		m->row = m->remembered[--m->nr_remembered];
}

/* The operations that define the CFA. Returns false when `op` is none of them. */
static bool run_cfa_op(struct machine *m, struct bytes *b, uint8_t op)
{
	uint64_t reg;

	switch (op) {
	case 0x0c: /* def_cfa */
		reg = take_uleb(b);
		set_cfa(m, b, reg, (int64_t)take_uleb(b));
		return true;
	case 0x0d: /* def_cfa_register */
		set_cfa(m, b, take_uleb(b), m->row.cfa_value);
		return true;
	case 0x0e: /* def_cfa_offset */
		set_cfa(m, b, m->row.cfa_reg, (int64_t)take_uleb(b));
		return true;
	case 0x0f: /* def_cfa_expression */
		set_cfa(m, b, 0, take_expression(m, b));
		m->row.cfa_reg = CFA_BY_EXPRESSION;
		return true;
	case 0x12: /* def_cfa_sf */
		reg = take_uleb(b);
		set_cfa(m, b, reg, factored(m, (uint64_t)take_sleb(b)));
		return true;
	case 0x13: /* def_cfa_offset_sf */
		set_cfa(m, b, m->row.cfa_reg, factored(m, (uint64_t)take_sleb(b)));
		return true;
	}
	return false;
}

/* The operations that say where a register is. Returns false when `op` is none of them. */
static bool run_register_op(struct machine *m, struct bytes *b, uint8_t op)
{
	uint64_t reg;

	if (op != 0x2f && (op < 0x05 || op > 0x16))
		return false;
	reg = take_uleb(b);
	switch (op) {
	case 0x05: /* offset_extended */
		set_rule(m, b, reg, AT_CFA_PLUS, factored(m, take_uleb(b)));
		return true;
	case 0x06: /* restore_extended */
		restore_rule(m, reg);
		return true;
	case 0x07: /* undefined */
		set_rule(m, b, reg, UNDEFINED, 0);
		return true;
	case 0x08: /* same_value */
		set_rule(m, b, reg, SAME, 0);
		return true;
	case 0x09: /* register */
		set_rule(m, b, reg, IN_REGISTER, (int64_t)take_uleb(b));
		return true;
	case 0x10: /* expression */
		set_rule(m, b, reg, AT_EXPRESSION, take_expression(m, b));
		return true;
	case 0x11: /* offset_extended_sf */
		set_rule(m, b, reg, AT_CFA_PLUS, factored(m, (uint64_t)take_sleb(b)));
		return true;
	case 0x14: /* val_offset */
		set_rule(m, b, reg, IS_CFA_PLUS, factored(m, take_uleb(b)));
		return true;
	case 0x15: /* val_offset_sf */
		set_rule(m, b, reg, IS_CFA_PLUS, factored(m, (uint64_t)take_sleb(b)));
		return true;
	case 0x16: /* val_expression */
		set_rule(m, b, reg, IS_EXPRESSION, take_expression(m, b));
		return true;
	case 0x2f: /* GNU_negative_offset_extended */
		set_rule(m, b, reg, AT_CFA_PLUS, -factored(m, take_uleb(b)));
		return true;
	}
	return false;
}

static void run_op(struct machine *m, struct bytes *b, uint8_t op)
{
	switch (op) {
	case 0x00: /* nop */
		return;
	case 0x01: /* set_loc */
		m->loc = take_encoded(b, m->cfi->encoding);
		return;
	case 0x02: /* advance_loc1, 2, 4 */
	case 0x03:
	case 0x04:
		advance(m, take(b, 1u << (op - 0x02)));
		return;
	case 0x0a:
		remember(m, b);
		return;
	case 0x0b:
		recall(m, b);
		return;
	case 0x2e: /* GNU_args_size */
		take_uleb(b);
		return;
	}
	if (!run_cfa_op(m, b, op) && !run_register_op(m, b, op))
		b->bad = true;
}

/* Runs until the row for `pc` is complete. Returns false when something is damaged or unknown. */
static bool run(struct machine *m, struct bytes b, uintptr_t pc)
{
	if (b.end - b.at > MAX_PROGRAM)
		b.end = b.at + MAX_PROGRAM;
	while (b.at < b.end && !b.bad) {
		uint8_t op = (uint8_t)take(&b, 1);

		switch (op >> 6) {
		case 0:
			run_op(m, &b, op);
			break;
		case 1: /* advance_loc */
			advance(m, op & 0x3f);
			break;
		case 2: /* offset */
			set_rule(m, &b, op & 0x3f, AT_CFA_PLUS, factored(m, take_uleb(&b)));
			break;
		case 3: /* restore */
			restore_rule(m, op & 0x3f);
			break;
		}
		if (m->loc > pc)
			break;
	}
	return !b.bad;
}

__attribute__((noinline)) static bool row_find(struct row *row, const struct cfi *c, uintptr_t pc)
{
	struct machine m;

	m.cfi = c;
	m.row = (struct row){ .cfa_reg = CFA_UNSPECIFIED };
	m.initial = m.row;
	m.nr_remembered = 0;
	m.loc = c->pc_begin;
	if (!run(&m, c->initial, UINTPTR_MAX))
		return false;
	m.initial = m.row;
	m.loc = c->pc_begin;
	if (!run(&m, c->instructions, pc))
		return false;
	*row = m.row;
	return true;
}

/* ---- from one frame to the next, with all registers ---- */

struct regs {
	uintptr_t value[NR_REGS];
	uint32_t known; /* BIT() of those that are */
	bool is_exact;	/* pc is an interrupted instruction, not a return address */
};

enum step { STEP_DONE, STEP_END, STEP_NEEDS_REGISTER };

#define MAX_OPERANDS 8

/* A DWARF expression under evaluation, for the frame in `regs`. */
struct expression {
	const struct walk *walk;
	const struct regs *regs;
	uintptr_t stack[MAX_OPERANDS];
	unsigned depth;
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

static void push_register(struct expression *e, unsigned reg, int64_t offset)
{
	if (reg >= NR_REGS)
		e->state = STEP_END;
	else if (!(e->regs->known & BIT(reg)))
		e->state = STEP_NEEDS_REGISTER;
	else
		push(e, e->regs->value[reg] + (uintptr_t)offset);
}

static uintptr_t dereference(struct expression *e, uintptr_t at)
{
	if (e->state == STEP_DONE && walk_may_load(e->walk, at))
		return slot_load(at);
	if (e->state == STEP_DONE)
		e->state = STEP_END;
	return 0;
}

static void binary_op(struct expression *e, uint8_t op)
{
	uintptr_t b = pop(e), a = pop(e);

	switch (op) {
	case 0x1a:
		return push(e, a & b);
	case 0x1c:
		return push(e, a - b);
	case 0x21:
		return push(e, a | b);
	case 0x22:
		return push(e, a + b);
	case 0x24:
		return push(e, b < 64 ? a << b : 0);
	case 0x25:
		return push(e, b < 64 ? a >> b : 0);
	case 0x29:
		return push(e, a == b);
	case 0x2a:
		return push(e, (intptr_t)a >= (intptr_t)b);
	case 0x2b:
		return push(e, (intptr_t)a > (intptr_t)b);
	case 0x2c:
		return push(e, (intptr_t)a <= (intptr_t)b);
	case 0x2d:
		return push(e, (intptr_t)a < (intptr_t)b);
	case 0x2e:
		return push(e, a != b);
	}
	e->state = STEP_END;
}

/* What compilers, the C library and linkers write: no branches, hence no loops. */
static void evaluate_op(struct expression *e, struct bytes *b, uint8_t op)
{
	if (op >= 0x30 && op <= 0x4f) /* lit0 to lit31 */
		return push(e, op - 0x30);
	if (op >= 0x70 && op <= 0x8f) /* breg0 to breg31 */
		return push_register(e, op - 0x70, take_sleb(b));
	switch (op) {
	case 0x06: /* deref */
		return push(e, dereference(e, pop(e)));
	case 0x08: /* const1u */
		return push(e, take(b, 1));
	case 0x09: /* const1s */
		return push(e, (uintptr_t)(int8_t)take(b, 1));
	case 0x0a: /* const2u */
		return push(e, take(b, 2));
	case 0x0b: /* const2s */
		return push(e, (uintptr_t)(int16_t)take(b, 2));
	case 0x10: /* constu */
		return push(e, take_uleb(b));
	case 0x11: /* consts */
		return push(e, (uintptr_t)take_sleb(b));
	case 0x12: /* dup */
		return push(e, e->depth ? e->stack[e->depth - 1] : pop(e));
	case 0x23: /* plus_uconst */
		return push(e, pop(e) + take_uleb(b));
	case 0x96: /* nop */
		return;
	}
	binary_op(e, op);
}

static enum step evaluate(const struct cfi *c, int32_t offset, const struct walk *w,
			  const struct regs *regs, uintptr_t *out)
{
	struct expression e = { .walk = w, .regs = regs };
	struct bytes b = { (const uint8_t *)c->segment.start + offset,
			   (const uint8_t *)c->segment.end, false };
	uint64_t length = take_uleb(&b);

	if (b.bad || length > (size_t)(b.end - b.at))
		return STEP_END;
	b.end = b.at + length;
	while (b.at < b.end && e.state == STEP_DONE)
		evaluate_op(&e, &b, (uint8_t)take(&b, 1));
	*out = pop(&e);
	return b.bad ? STEP_END : e.state;
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

/* Finds the caller's register `i`. STEP_NEEDS_REGISTER: it is lost, which may not matter. */
static enum step register_find(const struct cfi *c, const struct row *row, unsigned i,
			       const struct walk *w, const struct regs *regs, uintptr_t cfa,
			       uintptr_t *out)
{
	uintptr_t at = cfa + (uintptr_t)(intptr_t)row->value[i];
	enum how how = row->how[i];
	enum step step;

	if (how == UNSPECIFIED && i == DW_RSP) {
		*out = cfa;
		return STEP_DONE;
	}
	if (how == SAME || (how == UNSPECIFIED && (CALLEE_SAVED & BIT(i)))) {
		*out = regs->value[i];
		return regs->known & BIT(i) ? STEP_DONE : STEP_NEEDS_REGISTER;
	}
	switch (how) {
	case IS_CFA_PLUS:
		*out = at;
		return STEP_DONE;
	case IN_REGISTER:
		i = (unsigned)row->value[i];
		*out = i < NR_REGS ? regs->value[i] : 0;
		return i < NR_REGS && (regs->known & BIT(i)) ? STEP_DONE : STEP_NEEDS_REGISTER;
	case AT_EXPRESSION:
	case IS_EXPRESSION:
		step = evaluate(c, row->value[i], w, regs, &at);
		if (step != STEP_DONE || how == IS_EXPRESSION) {
			*out = at;
			return step;
		}
		break;
	case AT_CFA_PLUS:
		break;
	default:
		return STEP_NEEDS_REGISTER;
	}
	if (!walk_may_load(w, at))
		return STEP_END;
	*out = slot_load(at);
	return STEP_DONE;
}

/* Apart from row_find(), so that the stack need not hold both at once. */
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
	for (unsigned i = 0; i < NR_REGS; i++) {
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

/* ---- rules: a row in 28 bits ---- */

/*
 * bits 0-2 kind, 3-17 a, 18-27 b. BY_SP and BY_BP: CFA = sp or bp + 8 * a, the return address at
 * CFA - 8, bp at CFA - 8 * b (b = 0: unchanged). A cache word is the rule below the upper bits of
 * its pc, and an empty word has the kind NONE.
 */
enum kind { NONE, BY_SP, BY_BP, INTERPRET, OUTERMOST };

#define A_BITS	  15
#define B_BITS	  10
#define RULE_BITS (3 + A_BITS + B_BITS)

static uint64_t rule_make(enum kind kind, int64_t a, int64_t b)
{
	return kind | (uint64_t)a << 3 | (uint64_t)b << (3 + A_BITS);
}

static enum kind rule_kind(uint64_t rule)
{
	return rule & 7;
}

/* Both in bytes. */
static uintptr_t rule_a(uint64_t rule)
{
	return (rule >> 3 & ((1u << A_BITS) - 1)) * 8;
}

static uintptr_t rule_b(uint64_t rule)
{
	return (rule >> (3 + A_BITS) & ((1u << B_BITS) - 1)) * 8;
}

static bool rule_operand_fits(int64_t bytes, unsigned bits)
{
	return bytes > 0 && bytes % 8 == 0 && bytes / 8 < 1 << bits;
}

static uint64_t rule_of(const struct cfi *c, const struct row *row)
{
	bool keeps_bp = row->how[DW_RBP] == UNSPECIFIED || row->how[DW_RBP] == SAME;
	int64_t b = keeps_bp ? 0 : -(int64_t)row->value[DW_RBP];

	if (row->how[DW_RA] == UNSPECIFIED || row->how[DW_RA] == UNDEFINED)
		return rule_make(OUTERMOST, 0, 0);
	if (c->is_signal || (row->cfa_reg != DW_RSP && row->cfa_reg != DW_RBP) ||
	    row->how[DW_RSP] != UNSPECIFIED || row->how[DW_RA] != AT_CFA_PLUS ||
	    row->value[DW_RA] != -8 || !rule_operand_fits(row->cfa_value, A_BITS))
		return rule_make(INTERPRET, 0, 0);
	if (!keeps_bp && (row->how[DW_RBP] != AT_CFA_PLUS || !rule_operand_fits(b, B_BITS)))
		return rule_make(INTERPRET, 0, 0);
	return rule_make(row->cfa_reg == DW_RSP ? BY_SP : BY_BP, row->cfa_value / 8, b / 8);
}

/*
 * Two ways in each of 2,048 sets. The set is made from the pc by an invertible function of its
 * upper and lower bits, so that set and upper bits together are the whole pc: a hit is never a
 * mistake.
 */
#define SET_BITS 11
#define NR_SETS	 (1u << SET_BITS)

static _Atomic uint64_t cache[NR_SETS][2];

static inline unsigned cache_set(uintptr_t pc)
{
	return (unsigned)((pc ^ pc >> SET_BITS ^ pc >> (2 * SET_BITS)) & (NR_SETS - 1));
}

/* Pairs with nothing: a word is complete in itself. */
static inline uint64_t cache_find(uintptr_t pc)
{
	_Atomic uint64_t *set = cache[cache_set(pc)];
	uint64_t word = atomic_load_explicit(&set[0], memory_order_relaxed);

	if (word >> RULE_BITS == pc >> SET_BITS)
		return word;
	word = atomic_load_explicit(&set[1], memory_order_relaxed);
	return word >> RULE_BITS == pc >> SET_BITS ? word : NONE;
}

static void cache_insert(uintptr_t pc, uint64_t rule)
{
	_Atomic uint64_t *set = cache[cache_set(pc)];

	if (pc >> (64 - RULE_BITS + SET_BITS)) /* five-level page tables */
		return;
	atomic_store_explicit(&set[1], atomic_load_explicit(&set[0], memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(&set[0], pc >> SET_BITS << RULE_BITS | rule, memory_order_relaxed);
}

/* A walk that runs now and puts a rule back is harmless: its frames' code is still mapped. */
void unwind_modules_changed(void)
{
	if (!have_find_object())
		snapshot_refresh();
	for (unsigned i = 0; i < NR_SETS; i++) {
		atomic_store_explicit(&cache[i][0], 0, memory_order_relaxed);
		atomic_store_explicit(&cache[i][1], 0, memory_order_relaxed);
	}
}

/* No module now may be one later: that answer is not kept. */
__attribute__((noinline)) static uint64_t rule_find(uintptr_t pc)
{
	struct unwind_module module;
	struct cfi cfi;
	struct row row;
	uint64_t rule;

	if (unwind_find_module(pc, &module) != 0)
		return rule_make(INTERPRET, 0, 0);
	switch (cfi_find(&cfi, &module, pc)) {
	case LOOKUP_FOUND:
		rule = row_find(&row, &cfi, pc) ? rule_of(&cfi, &row) : rule_make(OUTERMOST, 0, 0);
		break;
	case LOOKUP_NOTHING:
		rule = rule_make(INTERPRET, 0, 0);
		break;
	default:
		rule = rule_make(OUTERMOST, 0, 0);
	}
	cache_insert(pc, rule);
	return rule;
}

/* ---- walks ---- */

/*
 * The step for code that does not describe itself. Its caller must be in a module, or have a frame
 * pointer that continues the chain: a bp that means something else seldom passes.
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

static enum step step_interpreted(const struct walk *w, struct regs *regs)
{
	uintptr_t pc = regs->value[DW_RA] - !regs->is_exact;
	struct unwind_module module;
	struct cfi cfi;
	struct row row;

	if (unwind_find_module(pc, &module) != 0)
		return step_by_frame_pointer(w, regs);
	switch (cfi_find(&cfi, &module, pc)) {
	case LOOKUP_FOUND:
		return row_find(&row, &cfi, pc) ? row_apply(&cfi, &row, w, regs) : STEP_END;
	case LOOKUP_NOTHING:
		return step_by_frame_pointer(w, regs);
	default:
		return STEP_END;
	}
}

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
		uint64_t rule = cache_find(pc - adjust);

		if (rule_kind(rule) == NONE)
			rule = rule_find(pc - adjust);
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

#elif defined(__aarch64__)

void unwind_modules_changed(void)
{
	if (!have_find_object())
		snapshot_refresh();
}

/* Return addresses may be signed. xpaclri takes and gives x30, and is a nop where there is no such
 * thing. */
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

#else
#error "no unwinder for this architecture"
#endif
