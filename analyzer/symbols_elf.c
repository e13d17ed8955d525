/* SPDX-License-Identifier: MIT */
/*
 * The ELF symbol tables (.symtab, of the debug file where there is one, .dynsym, and the packed
 * one of .gnu_debugdata), sorted once per module; dwfl_module_addrinfo() would search all symbols
 * for each address.
 *
 * A function without a size (assembly) reaches to the next symbol, but not out of its section,
 * and gives way to any function around it. Data counts only with a size: "_edata+0x40" names
 * nothing.
 */
#include "symbols_module.h"

#include <string.h>

/* Of several names for one address, the one a user would know: global and without underscores. */
static uint32_t symbol_rank(const char *name, const GElf_Sym *symbol)
{
	static const uint32_t by_binding[] = {
		[STB_LOCAL] = 0, [STB_GLOBAL] = 2, [STB_WEAK] = 1,
	};
	unsigned binding = GELF_ST_BIND(symbol->st_info);
	size_t underscores = strspn(name, "_");

	if (demangle_is_mangled(name))
		underscores = 0;
	return (binding <= STB_WEAK ? 16 * by_binding[binding] : 0) +
	       (underscores < 15 ? 15 - underscores : 0) + (symbol->st_size ? 64 : 0);
}

static bool section_of(Elf *elf, GElf_Word index, GElf_Shdr *header)
{
	return elf && gelf_getshdr(elf_getscn(elf, index), header);
}

static bool is_code(const char *name, const GElf_Sym *symbol, const GElf_Shdr *section)
{
	unsigned type = GELF_ST_TYPE(symbol->st_info);

	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return true;
	return type == STT_NOTYPE && (section->sh_flags & SHF_EXECINSTR) && name[0] != '$' &&
	       name[0] != '.';
}

static bool is_data(const GElf_Sym *symbol)
{
	unsigned type = GELF_ST_TYPE(symbol->st_info);

	return (type == STT_OBJECT || type == STT_COMMON) && symbol->st_size;
}

/* `value` marks a symbol without a size, which first gets the rest of its section. */
static void add_symbol(struct module *m, int index)
{
	struct range range = { 0 };
	GElf_Shdr section;
	GElf_Word section_index;
	Dwarf_Addr bias;
	GElf_Sym symbol;
	Elf *elf;

	range.name = dwfl_module_getsym_info(m->dwfl_module, index, &symbol, &range.low,
					     &section_index, &elf, &bias);
	if (!range.name || !*range.name || section_index == SHN_UNDEF || !range.low ||
	    !section_of(elf, section_index, &section))
		return;
	range.rank = symbol_rank(range.name, &symbol);
	range.value = !symbol.st_size;
	if (symbol.st_size)
		range.high = range.low + symbol.st_size;
	else
		range.high = section.sh_addr + bias + section.sh_size;
	if (is_code(range.name, &symbol, &section))
		ranges_add(&m->code_symbols, &range);
	else if (is_data(&symbol))
		ranges_add(&m->data_symbols, &range);
}

static void bound_sizeless(struct ranges *symbols)
{
	uint64_t covered = 0, next_low = UINT64_MAX;

	for (size_t i = 0; i < symbols->nr; i++) {
		struct range *range = &symbols->at[i];

		if (!range->value && range->high > covered)
			covered = range->high;
		else if (range->value && range->low < covered)
			range->high = range->low;
	}
	for (size_t i = symbols->nr; i-- > 0;) {
		struct range *range = &symbols->at[i];

		if (i + 1 < symbols->nr && symbols->at[i + 1].low > range->low)
			next_low = symbols->at[i + 1].low;
		if (range->value && range->high > next_low)
			range->high = next_low;
	}
}

void module_read_symbols(struct module *m)
{
	int nr = dwfl_module_getsymtab(m->dwfl_module);

	for (int i = 1; i < nr; i++)
		add_symbol(m, i);
	ranges_sort(&m->code_symbols);
	bound_sizeless(&m->code_symbols);
	ranges_sort(&m->code_symbols);
	ranges_sort(&m->data_symbols);
}
