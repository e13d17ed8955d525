/* SPDX-License-Identifier: MIT */
#ifndef LOCKPROF_DEMANGLE_H
#define LOCKPROF_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

/* Readable names, kept by the address of the mangled string, which must not move or change. */
struct demangler {
	struct demangled *slots;
	size_t nr, nr_slots;
};

bool demangle_is_mangled(const char *symbol);
/*
 * C++ and Rust names without parameters and hash; other names as they are, less the suffixes that
 * compilers and linkers add (".cold", "@@GLIBC_2.34"). SYMBOL itself when nothing changes or
 * memory ran out. Lives until demangle_free().
 */
const char *demangle(struct demangler *d, const char *symbol);
void demangle_free(struct demangler *d);

#endif
