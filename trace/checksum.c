/* SPDX-License-Identifier: MIT */
/*
 * checksum.c: see trace_checksum() in event.h
 *
 * Four sums run side by side over every fourth word, since one chain of multiplications would wait
 * for itself. They are four variables and not an array: as an array, gcc makes vectors of them,
 * which have no 64-bit multiplication and are five times slower.
 */
#include <string.h>

#include "event.h"

#define MULTIPLIER 0x9e3779b97f4a7c15ull	/* 2^64 / golden ratio, odd */

static inline uint64_t mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * MULTIPLIER;
	return sum ^ sum >> 32;
}

static inline uint64_t word_at(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

uint64_t trace_checksum(const void *bytes, size_t length)
{
	const unsigned char *p = bytes;
	uint64_t a = length, b = 1, c = 2, d = 3;
	unsigned char tail[32] = { 0 };

	for (; length >= 32; length -= 32, p += 32) {
		a = mix(a, word_at(p));
		b = mix(b, word_at(p + 8));
		c = mix(c, word_at(p + 16));
		d = mix(d, word_at(p + 24));
	}
	memcpy(tail, p, length);
	a = mix(a, word_at(tail));
	b = mix(b, word_at(tail + 8));
	c = mix(c, word_at(tail + 16));
	d = mix(d, word_at(tail + 24));
	return mix(mix(mix(a, b), c), d);
}
