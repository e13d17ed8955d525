/* SPDX-License-Identifier: MIT */
/*
 * bytes.c: memcpy, memset and memcmp for the shim alone
 *
 * libc's can be replaced by the program, and a sanitizer does: ThreadSanitizer would see the shim
 * copy into the trace, and not see the atomics that order it, and report races that are none. The
 * linker takes ours for every call in the shim, those that the compiler makes up included. They
 * copy a few bytes, off the hot path: simple loops, and the empty assembly keeps compilers from
 * recognizing a memcpy and calling it.
 */
#include <string.h>

#define NO_IDIOM() __asm__ volatile("" ::: "memory")

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	const char *source = from;
	char *target = to;

	while (bytes--) {
		*target++ = *source++;
		NO_IDIOM();
	}
	return to;
}

void *memset(void *at, int value, size_t bytes)
{
	char *target = at;

	while (bytes--) {
		*target++ = (char)value;
		NO_IDIOM();
	}
	return at;
}

int memcmp(const void *one, const void *other, size_t bytes)
{
	const unsigned char *a = one, *b = other;

	for (; bytes; bytes--, a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}
