/* SPDX-License-Identifier: MIT */
/*
 * replay.c: main() of a target without a fuzzer: runs it once for each file that is named
 *
 * What a fuzzer found stays found: `make check` runs all corpora so, under the sanitizers and with
 * any compiler. A file that takes longer than a minute counts as a hang.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

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

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		size_t size;
		uint8_t *data = load(argv[i], &size);

		fprintf(stderr, "%s\n", argv[i]);
		alarm(60);
		LLVMFuzzerTestOneInput(data, size);
		alarm(0);
		free(data);
	}
	printf("%d\n", argc - 1);
	return 0;
}
