/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h: what the targets share
 *
 * A target is one entry function, LLVMFuzzerTestOneInput(). libFuzzer and AFL++ bring a main() of
 * their own; replay.c is the one that runs the checked-in corpora under `make check`.
 */
#ifndef LOCKPROF_TESTS_FUZZ_H
#define LOCKPROF_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that a target holds the code to. */
static inline void need(int kept)
{
	if (!kept)
		abort();
}

/* The input as a string of its own, so that reading behind its end is noticed. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	need(text != NULL);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)data[i];
	text[size] = '\0';
	return text;
}

/* Makes the file behind *fd (-1 at first) hold the input; the path is one that opens it. */
const char *fuzz_file(int *fd, const uint8_t *data, size_t size);

/* Aborts when a terminal would act on a part of this text, or when it is not UTF-8. */
void fuzz_need_harmless(const char *text, size_t size);

#endif
