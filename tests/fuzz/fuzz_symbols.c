/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the symbolizer: an input is an ELF file with its debug information.
 *
 * Not in a child, as the real one (symbols_child.c), or nobody would see it crash. libelf and libdw
 * do most of the reading and are not built for fuzzing here, so only what they make of the file is
 * seen; a crash in them is a finding all the same. Each address in the small files of the corpus is
 * asked for, as code and as data.
 */
#include <string.h>

#include "../../analyzer/symbols_module.h"
#include "fuzz.h"

static size_t ask_code(struct module *m, struct demangler *demangler, uint64_t address)
{
	struct frame frames[MAX_FRAMES];
	size_t nr = module_code(m, demangler, address, frames), sum = 0;

	need(nr > 0 && nr <= MAX_FRAMES);
	for (size_t i = 0; i < nr; i++) {
		sum += frames[i].function ? strlen(frames[i].function) : 0;
		sum += frames[i].file ? strlen(frames[i].file) : 0;
	}
	return sum;
}

static size_t ask_data(struct module *m, struct demangler *demangler, uint64_t address)
{
	char *name = m->dwfl_module ? module_data(m, demangler, address) : NULL;
	size_t length = name ? strlen(name) : 0;

	free(name);
	return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct module *m = calloc(1, sizeof(*m));
	struct debug_files debug_files = { 0 };
	struct demangler demangler = { 0 };
	size_t sum = 0;

	need(m && debug_files_init(&debug_files) == 0);
	elf_version(EV_CURRENT);
	m->path = strdup(fuzz_file(&fd, data, size));
	m->build_id = calloc(1, 1);
	need(m->path && m->build_id);
	module_open(m, &debug_files);
	for (uint64_t at = 0x200; at < 0x320; at += 4)
		sum += ask_code(m, &demangler, at);
	for (uint64_t at = 0x1480; at < 0x1540; at += 8)
		sum += ask_data(m, &demangler, at);
	__asm__ volatile("" : : "r"(sum));
	module_free(m);
	debug_files_fini(&debug_files);
	demangle_free(&demangler);
	return 0;
}
