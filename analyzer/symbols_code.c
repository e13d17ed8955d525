/* SPDX-License-Identifier: MIT */
/*
 * A code address to its function, the functions it was inlined into, and their lines.
 *
 * Two indexes, both made when first needed: the address ranges of all compilation units, which
 * costs a look at each unit's first DIE, and the functions of one unit, which walks that unit's
 * namespaces and classes but no function body. libdw's own dwarf_addrdie() wants .debug_aranges,
 * which clang and rustc do not write, and dwarf_getscopes() walks the unit again for every
 * address.
 *
 * From the function's DIE the walk goes down the blocks and inlined calls that hold the address.
 * The DIE of an inlined call names the callee and carries the line of the call, which is where
 * its caller's frame stands.
 */
#include "symbols_module.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_NESTING = 32,
	/* Per unit and per address; the largest real ones are far below. */
	MAX_UNIT_DIES = 8 << 20,
	MAX_FUNCTION_DIES = 1 << 20,
	MAX_RANGES = 1 << 20,
};

static void add_ranges(struct ranges *ranges, Dwarf_Die *die, uint32_t value)
{
	struct range range = { .value = value };
	Dwarf_Addr base;
	ptrdiff_t at = 0;

	for (int i = 0; i < MAX_RANGES; i++) {
		at = dwarf_ranges(die, at, &base, &range.low, &range.high);
		if (at <= 0)
			break;
		/* The linker leaves dropped sections at address 0. */
		if (range.low)
			ranges_add(ranges, &range);
	}
}

static bool append_unit(struct module *m, size_t *capacity, const Dwarf_Die *die)
{
	if (m->nr_units == *capacity) {
		size_t bigger = *capacity ? 2 * *capacity : 64;
		struct unit *units = reallocarray(m->units, bigger, sizeof(*units));

		if (!units)
			return false;
		m->units = units;
		*capacity = bigger;
	}
	m->units[m->nr_units++] = (struct unit){ .die = *die };
	return true;
}

static void index_units(struct module *m)
{
	Dwarf_CU *unit = NULL;
	size_t capacity = 0;
	Dwarf_Half version;
	Dwarf_Die die;
	uint8_t type;

	m->units_indexed = true;
	while (!dwarf_get_units(m->dwarf, unit, &unit, &version, &type, &die, NULL)) {
		if (type != DW_UT_compile && type != DW_UT_skeleton)
			continue;
		if (!append_unit(m, &capacity, &die))
			break;
		add_ranges(&m->unit_ranges, &die, m->nr_units - 1);
	}
	ranges_sort(&m->unit_ranges);
}

static void add_function(struct unit *u, Dwarf_Die *die)
{
	size_t nr = u->functions.nr;

	add_ranges(&u->functions, die, u->nr_functions);
	if (u->functions.nr == nr)
		return;
	/* Doubles at powers of two. */
	if (!(u->nr_functions & (u->nr_functions - 1))) {
		size_t capacity = u->nr_functions ? 2 * u->nr_functions : 1;
		Dwarf_Die *dies = reallocarray(u->function_dies, capacity, sizeof(*dies));

		if (!dies) {
			u->functions.nr = nr;
			return;
		}
		u->function_dies = dies;
	}
	u->function_dies[u->nr_functions++] = *die;
}

static void index_functions(struct unit *u, Dwarf_Die *parent, int nesting, int *budget)
{
	Dwarf_Die die;

	if (nesting > MAX_NESTING || dwarf_child(parent, &die))
		return;
	do {
		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			add_function(u, &die);
			break;
		case DW_TAG_namespace:
		case DW_TAG_module:
		case DW_TAG_class_type:
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
		case DW_TAG_enumeration_type:
			index_functions(u, &die, nesting + 1, budget);
			break;
		}
	} while (--*budget > 0 && die_next(&die));
}

static struct unit *find_unit(struct module *m, uint64_t address)
{
	const struct range *range;
	int budget = MAX_UNIT_DIES;
	Dwarf_Die split;
	struct unit *u;

	if (!m->units_indexed)
		index_units(m);
	range = ranges_find(&m->unit_ranges, address);
	if (!range)
		return NULL;
	u = &m->units[range->value];
	if (!u->indexed) {
		u->indexed = true;
		/* The functions of a skeleton unit are in its .dwo file. */
		if (!dwarf_cu_info(u->die.cu, NULL, NULL, NULL, &split, NULL, NULL, NULL) &&
		    split.addr)
			u->die = split;
		index_functions(u, &u->die, 0, &budget);
		ranges_sort(&u->functions);
	}
	return u;
}

static bool is_scope(int tag)
{
	return tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
	       tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
}

/* The child of SCOPE that holds ADDRESS. */
static bool inner_scope(Dwarf_Die *scope, uint64_t address, Dwarf_Die *inner, int *budget)
{
	if (dwarf_child(scope, inner))
		return false;
	do {
		if (is_scope(dwarf_tag(inner)) && dwarf_haspc(inner, address) > 0)
			return true;
	} while (--*budget > 0 && die_next(inner));
	return false;
}

/* CHAIN: the function, then what was inlined into it, outermost first. Returns its length. */
static size_t inline_chain(const Dwarf_Die *function, uint64_t address, Dwarf_Die *chain)
{
	Dwarf_Die scope = *function, inner;
	int budget = MAX_FUNCTION_DIES;
	size_t nr = 1;

	chain[0] = *function;
	while (nr < MAX_FRAMES && budget > 0 && inner_scope(&scope, address, &inner, &budget)) {
		if (dwarf_tag(&inner) == DW_TAG_inlined_subroutine)
			chain[nr++] = inner;
		scope = inner;
	}
	return nr;
}

/* The mangled name says more (namespaces, template arguments), where there is one. */
static const char *die_name(struct demangler *d, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *name;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute)) {
		name = dwarf_formstring(&attribute);
		if (name && *name)
			return demangle(d, name);
	}
	if (!dwarf_attr_integrate(die, DW_AT_name, &attribute))
		return NULL;
	name = dwarf_formstring(&attribute);
	return name && *name ? name : NULL;
}

static const char *symbol_at(const struct module *m, uint64_t address)
{
	const struct range *range = ranges_find(&m->code_symbols, address);

	return range ? range->name : NULL;
}

static void set_line(struct unit *u, uint64_t address, struct frame *frame)
{
	Dwarf_Line *line = dwarf_getsrc_die(&u->die, address);

	if (!line)
		return;
	frame->file = dwarf_linesrc(line, NULL, NULL);
	if (!frame->file || dwarf_lineno(line, &frame->line) || frame->line < 0)
		frame->line = 0;
}

static bool number_attribute(Dwarf_Die *die, unsigned name, Dwarf_Word *value)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(die, name, &attribute) && !dwarf_formudata(&attribute, value);
}

/* FRAME: the caller of the inlined CALL. File 0 is a file since DWARF 5, before it is "???". */
static void set_call_line(struct unit *u, Dwarf_Die *call, struct frame *frame)
{
	Dwarf_Word file, line;
	Dwarf_Files *files;
	size_t nr_files;
	const char *name;

	if (!number_attribute(call, DW_AT_call_file, &file) ||
	    !number_attribute(call, DW_AT_call_line, &line) || line > INT32_MAX ||
	    dwarf_getsrcfiles(&u->die, &files, &nr_files) || file >= nr_files)
		return;
	name = dwarf_filesrc(files, file, NULL, NULL);
	if (!name || !strcmp(name, "???"))
		return;
	frame->file = name;
	frame->line = line;
}

static size_t dwarf_frames(struct demangler *d, struct unit *u, uint64_t address,
			   struct frame *frames)
{
	const struct range *range = ranges_find(&u->functions, address);
	Dwarf_Die chain[MAX_FRAMES];
	size_t nr;

	if (!range) {
		set_line(u, address, &frames[0]);
		return 1;
	}
	nr = inline_chain(&u->function_dies[range->value], address, chain);
	for (size_t i = 0; i < nr; i++) {
		Dwarf_Die *die = &chain[nr - 1 - i];

		frames[i].function = die_name(d, die);
		frames[i].inlined = i < nr - 1;
		if (i == 0)
			set_line(u, address, &frames[i]);
		else
			set_call_line(u, &chain[nr - i], &frames[i]);
	}
	return nr;
}

size_t module_code(struct module *m, struct demangler *d, uint64_t address, struct frame *frames)
{
	const char *symbol = symbol_at(m, address);
	struct frame *outermost;
	struct unit *u = NULL;
	size_t nr = 1;

	memset(frames, 0, MAX_FRAMES * sizeof(*frames));
	if (m->dwarf)
		u = find_unit(m, address - m->bias);
	if (u)
		nr = dwarf_frames(d, u, address - m->bias, frames);
	/* A mangled symbol has the namespaces that a bare DW_AT_name lacks ("operator()"). */
	outermost = &frames[nr - 1];
	if (symbol && (!outermost->function || demangle_is_mangled(symbol)))
		outermost->function = demangle(d, symbol);
	return nr;
}

void module_free_units(struct module *m)
{
	for (size_t i = 0; i < m->nr_units; i++) {
		ranges_free(&m->units[i].functions);
		free(m->units[i].function_dies);
	}
	free(m->units);
	ranges_free(&m->unit_ranges);
}
