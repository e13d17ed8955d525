/* SPDX-License-Identifier: MIT */
/*
 * Symbols as the programmer wrote them, by libiberty: C++ (Itanium) and Rust (both manglings).
 *
 * Parameter lists are left out, because a report has 80 columns; template arguments stay, because
 * they tell instances apart. The suffix of a clone (".part.0", ".cold") is dropped: for a reader
 * it is the same function, and DWARF names it without, too. libiberty itself refuses C++ symbols
 * of more than about a thousand characters; those stay mangled.
 *
 * A few hundred bytes of back references can stand for gigabytes of name. So the output is taken
 * piece by piece, and longjmp() leaves libiberty, which is plain C and has no other way to stop,
 * when there is too much of it.
 */
#include "demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct demangled {
	const char *symbol;
	const char *name;
	bool owned;
};

enum { MAX_NAME_BYTES = 16384 };

/* What libiberty has written so far. */
struct output {
	char text[MAX_NAME_BYTES + sizeof("...")];
	size_t length;
	jmp_buf full;
};

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

static void take_output(const char *text, size_t length, void *opaque)
{
	struct output *output = opaque;

	if (!length)
		return; /* of nothing, which may be NULL: libiberty writes damaged Rust names so */
	if (length > MAX_NAME_BYTES - output->length)
		longjmp(output->full, 1);
	memcpy(output->text + output->length, text, length);
	output->length += length;
}

/* False: not a mangled name after all. A name that is too long ends in "...". */
static bool write_name(struct output *output, const char *symbol)
{
	output->length = 0;
	if (setjmp(output->full)) {
		strcpy(output->text + output->length, "...");
		return true;
	}
	if (!rust_demangle_callback(symbol, DMGL_ANSI, take_output, output)) {
		output->length = 0;
		if (!cplus_demangle_v3_callback(symbol, DMGL_ANSI, take_output, output))
			return false;
	}
	output->text[output->length] = '\0';
	return true;
}

/* A new string, or NULL when SYMBOL can be shown as it is. */
static char *demangle_new(const char *symbol)
{
	size_t length = plain_length(symbol);
	bool mangled = demangle_is_mangled(symbol);
	struct output output;
	char *plain, *name;

	if (!mangled && !symbol[length])
		return NULL;
	plain = strndup(symbol, length);
	if (!plain || !mangled || !write_name(&output, plain))
		return plain;
	name = strdup(output.text);
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
