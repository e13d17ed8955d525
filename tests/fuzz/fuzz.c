/* SPDX-License-Identifier: MIT */
/* fuzz.c: see fuzz.h */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../analyzer/utf8.h"
#include "fuzz.h"

const char *fuzz_file(int *fd, const uint8_t *data, size_t size)
{
	static char path[64];

	if (*fd < 0)
		*fd = memfd_create("fuzz", MFD_CLOEXEC);
	need(*fd >= 0 && ftruncate(*fd, 0) == 0 && pwrite(*fd, data, size, 0) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	return path;
}

void fuzz_need_harmless(const char *text, size_t size)
{
	while (size) {
		uint32_t code = 0;
		size_t length = utf8_decode(text, size, &code);

		/* The lines of CSV end in both. */
		need(length > 0 && (code == '\n' || !utf8_is_hostile(code) ||
				    (code == '\r' && size > 1 && text[1] == '\n')));
		text += length;
		size -= length;
	}
}
