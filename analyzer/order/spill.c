/* SPDX-License-Identifier: MIT */
/*
 * spill.c: see spill.h
 *
 * Where an array lies follows from its size: small ones come from malloc() and do not count, large
 * ones are mappings of their own, which can be given back one by one.
 */
#include "spill.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SPILL_SMALL (1u << 20)
#define SPILL_PAGE  4096u

struct spill spill_begin(uint64_t limit)
{
	return (struct spill){ .limit = limit, .file = -1 };
}

void spill_end(struct spill *spill)
{
	if (spill->file >= 0)
		close(spill->file);
	spill->file = -1;
}

static size_t whole_pages(size_t bytes)
{
	return (bytes + SPILL_PAGE - 1) & ~(size_t)(SPILL_PAGE - 1);
}

static int open_file(void)
{
	const char *folder = getenv("TMPDIR");
	char path[4096];
	int fd;

	if (!folder || !*folder)
		folder = "/var/tmp";
	if (snprintf(path, sizeof(path), "%s/lockprof-XXXXXX", folder) >= (int)sizeof(path))
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

/* A new part of the file, whose disk space is sure to be there. */
static void *map_file(struct spill *spill, size_t bytes)
{
	void *at;

	if (spill->file < 0)
		spill->file = open_file();
	if (spill->file < 0 || posix_fallocate(spill->file, (off_t)spill->file_bytes, (off_t)bytes))
		return NULL;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, spill->file,
		  (off_t)spill->file_bytes);
	if (at == MAP_FAILED)
		return NULL;
	spill->file_bytes += bytes;
	return at;
}

static void *map_large(struct spill *spill, size_t bytes)
{
	void *at = MAP_FAILED;

	if (spill->used + bytes <= spill->limit)
		at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		at = map_file(spill, bytes);
	else
		spill->used += bytes;
	return at;
}

/* In a page behind the array stands whether it counts as memory: files do not. */
static void *allocate(struct spill *spill, size_t bytes)
{
	uint64_t before = spill->used;
	unsigned char *at;

	if (bytes < SPILL_SMALL)
		return malloc(bytes ? bytes : 1);
	at = map_large(spill, whole_pages(bytes) + SPILL_PAGE);
	if (at)
		at[whole_pages(bytes)] = spill->used != before;
	return at;
}

void spill_free(struct spill *spill, void *at, size_t bytes)
{
	size_t size = whole_pages(bytes) + SPILL_PAGE;

	if (!at || bytes < SPILL_SMALL) {
		free(at);
		return;
	}
	if (((unsigned char *)at)[whole_pages(bytes)])
		spill->used -= size;
	munmap(at, size);
}

void *spill_resize(struct spill *spill, void *at, size_t bytes, size_t new_bytes)
{
	void *new;

	if (bytes < SPILL_SMALL && new_bytes < SPILL_SMALL)
		return realloc(at, new_bytes ? new_bytes : 1);
	new = allocate(spill, new_bytes);
	if (!new)
		return NULL;
	if (at)
		memcpy(new, at, bytes < new_bytes ? bytes : new_bytes);
	spill_free(spill, at, bytes);
	return new;
}
