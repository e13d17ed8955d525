/* SPDX-License-Identifier: MIT */
/*
 * flip.c: every single-bit flip and every truncation of one trace, for the reader's fuzz target
 *
 *	flip STRIDE TRACE...	every STRIDEth of them; prints how many there were
 *
 * Bytes that end a block and are zero are left alone: there is nothing yet. Where it crashes, the
 * last line on stderr says what was changed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../trace/format.h"
#include "fuzz.h"

#define MARGIN 64 /* bytes behind the last one in use, which are looked at, too */

static uint8_t *load(const char *path, size_t *size)
{
	FILE *file = fopen(path, "re");
	uint8_t *data;
	long length;

	need(file && !fseek(file, 0, SEEK_END));
	length = ftell(file);
	rewind(file);
	data = malloc((size_t)length + 1);
	need(data && fread(data, 1, (size_t)length, file) == (size_t)length);
	fclose(file);
	*size = (size_t)length;
	return data;
}

static void try(const uint8_t *data, size_t size, const char *what, size_t at)
{
	char line[64];
	int length = snprintf(line, sizeof(line), "%s %zu\n", what, at);

	/* In a file it is rewritten in place: only the last one is of interest. */
	if (lseek(STDERR_FILENO, 0, SEEK_SET) == 0 && ftruncate(STDERR_FILENO, 0) < 0)
		lseek(STDERR_FILENO, 0, SEEK_END);
	need(write(STDERR_FILENO, line, (size_t)length) == length);
	alarm(60);
	LLVMFuzzerTestOneInput(data, size);
	alarm(0);
}

/* Where the content of the block at `from` ends. */
static size_t used_end(const uint8_t *data, size_t from, size_t size)
{
	size_t end = size - from < TRACE_BLOCK_SIZE ? size : from + TRACE_BLOCK_SIZE, at = end;

	while (at > from && !data[at - 1])
		at--;
	return at + MARGIN < end ? at + MARGIN : end;
}

static size_t flip_all(uint8_t *data, size_t size, size_t stride)
{
	size_t nr = 0, bit = 0;

	for (size_t block = 0; block < size; block += TRACE_BLOCK_SIZE) {
		size_t end = used_end(data, block, size);

		for (; bit < end * 8; bit += stride, nr++) {
			data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			try(data, size, "flipped bit", bit);
			data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		if (bit < (block + TRACE_BLOCK_SIZE) * 8)
			bit = (block + TRACE_BLOCK_SIZE) * 8 + bit % stride;
	}
	return nr;
}

static size_t cut_all(const uint8_t *data, size_t size, size_t stride)
{
	size_t nr = 0;

	for (size_t length = 0; length < size; length += stride, nr++)
		try(data, length, "cut at", length);
	return nr;
}

int main(int argc, char **argv)
{
	size_t stride = argc > 2 ? strtoul(argv[1], NULL, 10) : 0, nr = 0;

	need(stride > 0);
	for (int i = 2; i < argc; i++) {
		size_t size;
		uint8_t *data = load(argv[i], &size);

		nr += flip_all(data, size, stride);
		nr += cut_all(data, size, stride);
		free(data);
	}
	printf("%zu\n", nr);
	return 0;
}
