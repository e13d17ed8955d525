/* SPDX-License-Identifier: MIT */
/*
 * allocfail.c: preloaded, lets the program run out of memory at a chosen allocation
 *
 *	ALLOCFAIL_AT=N	the Nth allocation since main() fails; the others do as ALLOCFAIL_THEN says
 *	ALLOCFAIL_THEN	"on": all after it fail, too; else it is the only one
 *	ALLOCFAIL_COUNT	a file that gets the number of allocations at the end
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t nr, size_t size);
void *__libc_realloc(void *old, size_t size);

static unsigned long count, fails_at;
static int goes_on, is_counting;

static int fails(void)
{
	if (!is_counting)
		return 0;
	count++;
	if (!fails_at || count < fails_at || (count > fails_at && !goes_on))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t nr, size_t size)
{
	return fails() ? NULL : __libc_calloc(nr, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t nr, size_t size)
{
	if (size && nr > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, nr * size);
}

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("ALLOCFAIL_AT"), *then = getenv("ALLOCFAIL_THEN");

	fails_at = at ? strtoul(at, NULL, 10) : 0;
	goes_on = then && !strcmp(then, "on");
	is_counting = 1;
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("ALLOCFAIL_COUNT");
	FILE *file;

	is_counting = 0;
	file = path ? fopen(path, "w") : NULL;
	if (!file)
		return;
	fprintf(file, "%lu\n", count);
	fclose(file);
}
