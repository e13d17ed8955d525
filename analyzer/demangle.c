/*
 * Symbols as the programmer wrote them, by libiberty: C++ (Itanium) and Rust (both manglings).
 *
 * Parameter lists are left out, because a report has 80 columns; template arguments stay, because
 * they tell instances apart. The suffix of a clone (".part.0", ".cold") is dropped: for a reader
 * it is the same function, and DWARF names it without, too.
 */
#include "demangle.h"

#include <libiberty/demangle.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct demangled {
	const char *symbol;
	const char *name;
	bool owned;
};

/* A longer name is shown as it is: libiberty's time grows faster than its input. */
enum { MAX_SYMBOL_BYTES = 32768 };

static const char *const clone_suffixes[] = {
	"@", ".cold", ".part.", ".constprop.", ".isra.", ".lto_priv.", ".llvm.",
};

bool demangle_is_mangled(const char *symbol)
{
	return !strncmp(symbol, "_Z", 2) || !strncmp(symbol, "_R", 2);
}

static size_t plain_length(const char *symbol)
{
	size_t length = strlen(symbol);

	for (size_t i = 0; i < sizeof(clone_suffixes) / sizeof(*clone_suffixes); i++) {
		const char *suffix = strstr(symbol, clone_suffixes[i]);

		if (suffix && suffix != symbol && (size_t)(suffix - symbol) < length)
			length = suffix - symbol;
	}
	return length;
}

/* A new string, or NULL when SYMBOL can be shown as it is. */
static char *demangle_new(const char *symbol)
{
	size_t length = plain_length(symbol);
	bool mangled = demangle_is_mangled(symbol);
	char *plain, *name;

	if ((!mangled && !symbol[length]) || length > MAX_SYMBOL_BYTES)
		return NULL;
	plain = strndup(symbol, length);
	if (!plain || !mangled)
		return plain;
	name = cplus_demangle(plain, DMGL_AUTO | DMGL_ANSI);
	if (!name)
		return plain;
	free(plain);
	return name;
}

static struct demangled *find_slot(const struct demangler *d, const char *symbol)
{
	size_t i = ((uintptr_t)symbol * 0x9e3779b97f4a7c15u) >> 20;

	for (;; i++) {
		struct demangled *slot = &d->slots[i & (d->nr_slots - 1)];

		if (!slot->symbol || slot->symbol == symbol)
			return slot;
	}
}

static bool grow(struct demangler *d)
{
	struct demangler bigger = { .nr = d->nr, .nr_slots = d->nr_slots ? 2 * d->nr_slots : 256 };

	bigger.slots = calloc(bigger.nr_slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < d->nr_slots; i++) {
		if (d->slots[i].symbol)
			*find_slot(&bigger, d->slots[i].symbol) = d->slots[i];
	}
	free(d->slots);
	*d = bigger;
	return true;
}

const char *demangle(struct demangler *d, const char *symbol)
{
	struct demangled *slot;
	char *name;

	if (2 * d->nr >= d->nr_slots && !grow(d))
		return symbol;
	slot = find_slot(d, symbol);
	if (slot->symbol)
		return slot->name;
	name = demangle_new(symbol);
	*slot = (struct demangled){ symbol, name ? name : symbol, name != NULL };
	d->nr++;
	return slot->name;
}

void demangle_free(struct demangler *d)
{
	for (size_t i = 0; i < d->nr_slots; i++) {
		if (d->slots[i].owned)
			free((char *)d->slots[i].name);
	}
	free(d->slots);
	*d = (struct demangler){ 0 };
}
