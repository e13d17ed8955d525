/* SPDX-License-Identifier: MIT */
/*
 * The address of a static lock to a name: the ELF symbol says which variable, its DWARF type says
 * which part of it.
 *
 * No table in the file leads from a data address to its DIE, so the variables of the whole module
 * are indexed at the first question: file scope, namespaces and classes first, and the bodies of
 * functions only when the symbol looks like a static local ("lock.0", "_ZZ..."), since those are
 * nine tenths of the information. A time limit keeps a browser-sized module bearable; beyond it
 * names are as the symbol table gives them, and the module's note says so.
 */
#include "symbols_module.h"

#include <dwarf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	MAX_NESTING = 32,
	TIME_LIMIT_S = 5,
	DIES_PER_CLOCK = 4096,
};

/* One pass over a module's variables. */
struct scan {
	struct module *m;
	enum depth depth;
	time_t deadline;
	unsigned nr_dies;
	bool stopped; /* out of time or memory */
};

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* The address that is all of the variable's location; not so for registers, stack and TLS. */
static bool fixed_address(Dwarf_Die *die, uint64_t *address)
{
	Dwarf_Attribute location, indirect;
	Dwarf_Op *op;
	size_t nr;

	if (!dwarf_attr(die, DW_AT_location, &location) ||
	    dwarf_getlocation(&location, &op, &nr) || nr != 1)
		return false;
	if (op->atom == DW_OP_addr) {
		*address = op->number;
		return true;
	}
	return op->atom == DW_OP_addrx && !dwarf_getlocation_attr(&location, op, &indirect) &&
	       !dwarf_formaddr(&indirect, address);
}

static void add_variable(struct scan *s, Dwarf_Die *die, const char *function)
{
	struct variable variable = { .die = *die, .function = function };
	struct module *m = s->m;

	if (!fixed_address(die, &variable.address))
		return;
	if (m->nr_variables == m->variables_capacity) {
		size_t capacity = m->variables_capacity ? 2 * m->variables_capacity : 256;
		struct variable *bigger = reallocarray(m->variables, capacity, sizeof(*bigger));

		if (!bigger) {
			s->stopped = true;
			return;
		}
		m->variables = bigger;
		m->variables_capacity = capacity;
	}
	m->variables[m->nr_variables++] = variable;
}

static const char *name_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;

	if (!dwarf_attr_integrate(die, DW_AT_name, &attribute))
		return NULL;
	return dwarf_formstring(&attribute);
}

static void scan_children(struct scan *s, Dwarf_Die *parent, const char *function, int nesting);

static void scan_die(struct scan *s, Dwarf_Die *die, const char *function, int nesting)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_variable:
		if (!function == (s->depth == DEPTH_GLOBAL))
			add_variable(s, die, function);
		break;
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
		scan_children(s, die, function, nesting);
		break;
	case DW_TAG_subprogram:
		if (s->depth == DEPTH_LOCAL)
			function = name_of(die);
		/* fall through */
	case DW_TAG_lexical_block:
		if (s->depth == DEPTH_LOCAL)
			scan_children(s, die, function, nesting);
		break;
	}
}

static void scan_children(struct scan *s, Dwarf_Die *parent, const char *function, int nesting)
{
	Dwarf_Die die;

	if (nesting > MAX_NESTING || dwarf_child(parent, &die))
		return;
	do {
		scan_die(s, &die, function, nesting + 1);
		if (++s->nr_dies % DIES_PER_CLOCK == 0 && now_s() > s->deadline)
			s->stopped = true;
	} while (!s->stopped && die_next(&die));
}

static int compare_variables(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static void index_variables(struct module *m, enum depth depth)
{
	struct scan s = { .m = m, .depth = depth, .deadline = now_s() + TIME_LIMIT_S };
	Dwarf_CU *unit = NULL;
	Dwarf_Half version;
	Dwarf_Die die, split;
	uint8_t type;

	m->variables_depth = depth;
	while (!s.stopped &&
	       !dwarf_get_units(m->dwarf, unit, &unit, &version, &type, &die, &split)) {
		if (type == DW_UT_compile || type == DW_UT_partial || type == DW_UT_skeleton)
			scan_children(&s, split.addr ? &split : &die, NULL, 0);
	}
	if (s.stopped)
		m->note = "too much debug information: some variables are shown without members";
	if (m->nr_variables)
		qsort(m->variables, m->nr_variables, sizeof(*m->variables), compare_variables);
}

static struct variable *find_variable(struct module *m, uint64_t address)
{
	struct variable key = { .address = address };

	if (!m->nr_variables)
		return NULL;
	return bsearch(&key, m->variables, m->nr_variables, sizeof(key), compare_variables);
}

/* "lock.0" of gcc, "refill.lock" of clang, and the C++ form. */
static bool looks_local(const char *symbol)
{
	return strchr(symbol, '.') || !strncmp(symbol, "_ZZ", 3);
}

static struct variable *get_variable(struct module *m, const struct range *symbol)
{
	uint64_t address = symbol->low - m->bias;
	struct variable *variable;

	if (!m->dwarf)
		return NULL;
	if (m->variables_depth < DEPTH_GLOBAL)
		index_variables(m, DEPTH_GLOBAL);
	variable = find_variable(m, address);
	if (variable || !looks_local(symbol->name) || m->variables_depth == DEPTH_LOCAL)
		return variable;
	index_variables(m, DEPTH_LOCAL);
	return find_variable(m, address);
}

char *module_data(struct module *m, struct demangler *d, uint64_t address)
{
	const struct range *symbol = ranges_find(&m->data_symbols, address);
	char path[MAX_PATH_BYTES] = "";
	const char *base, *scope = NULL;
	struct variable *variable;
	char *name;

	if (!symbol)
		return NULL;
	base = demangle(d, symbol->name);
	variable = get_variable(m, symbol);
	if (variable) {
		type_path(&variable->die, address - symbol->low, path);
		if (variable->function && !demangle_is_mangled(symbol->name)) {
			scope = variable->function;
			base = name_of(&variable->die);
		}
	} else if (address > symbol->low) {
		snprintf(path, sizeof(path), "+0x%" PRIx64, address - symbol->low);
	}
	if (asprintf(&name, "%s%s%s%s", scope ? scope : "", scope ? "::" : "", base ? base : "?",
		     path) < 0)
		return NULL;
	return name;
}
