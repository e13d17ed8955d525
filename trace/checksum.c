/* SPDX-License-Identifier: MIT */
/* checksum.c: see trace_checksum() in event.h */
#include <string.h>

#include "event.h"

#define MULTIPLIER 0x9e3779b97f4a7c15ull	/* 2^64 / golden ratio, odd */

static uint64_t mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * MULTIPLIER;
	return sum ^ sum >> 32;
}

uint64_t trace_checksum(const void *bytes, size_t length)
{
	const unsigned char *p = bytes;
	uint64_t sum = length, word;

	for (; length >= 8; length -= 8, p += 8) {
		memcpy(&word, p, 8);
		sum = mix(sum, word);
	}
	word = 0;
	memcpy(&word, p, length);
	return mix(sum, word);
}
