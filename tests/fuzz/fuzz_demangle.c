/* SPDX-License-Identifier: MIT */
/* Fuzzes the names of symbols: each line is one. Each comes out again, and of sane length. */
#include <string.h>

#include "../../analyzer/demangle.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct demangler demangler = { 0 };
	char *text = fuzz_text(data, size), *next = text, *line;

	while ((line = strsep(&next, "\n"))) {
		const char *name = demangle(&demangler, line);

		need(name == demangle(&demangler, line));
		need(strlen(name) < 20000 || strlen(name) <= strlen(line));
	}
	demangle_free(&demangler);
	free(text);
	return 0;
}
