/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the symbolizer: an input is an ELF file with its debug information.
 *
 * libelf and libdw do most of the reading and are not built for fuzzing here, so only what they
 * make of the file is seen; a crash in them is a finding all the same. Each address in the small
 * files of the corpus is asked for, as code and as data.
 */
#include <string.h>

#include "../../analyzer/symbols.h"
#include "fuzz.h"

static size_t ask_code(struct symbols *symbols, uint64_t address)
{
	const struct frame *frames;
	size_t nr = symbols_code(symbols, 1, address, address & 4, &frames), sum = 0;

	need(nr > 0);
	for (size_t i = 0; i < nr; i++) {
		sum += frames[i].function ? strlen(frames[i].function) : 0;
		sum += frames[i].file ? strlen(frames[i].file) : 0;
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	const char *path = fuzz_file(&fd, data, size), *name;
	struct symbols *symbols = symbols_new();
	size_t sum = 0;

	need(symbols && symbols_add_module(symbols, 1, path, NULL, 0) == 0);
	for (uint64_t at = 0x200; at < 0x320; at += 4)
		sum += ask_code(symbols, at);
	for (uint64_t at = 0x1480; at < 0x1540; at += 8) {
		name = symbols_data(symbols, 1, at);
		sum += name ? strlen(name) : 0;
	}
	__asm__ volatile("" : : "r"(sum));
	symbols_free(symbols);
	return 0;
}
