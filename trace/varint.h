/* SPDX-License-Identifier: MIT */
/*
 * varint.h: unsigned LEB128, seven bits a byte, low bits first, the top bit says "more follows"
 *
 * Small numbers rule a trace: most node numbers, gaps and holds fit one or two bytes. The encoder
 * is for buffers with at least VARINT_MAX bytes of room, the decoder never reads past `end`.
 */
#ifndef LOCKPROF_TRACE_VARINT_H
#define LOCKPROF_TRACE_VARINT_H

#include <stddef.h>
#include <stdint.h>

#define VARINT_MAX 10

/* Writes v at p, returns the first byte behind it. */
static inline unsigned char *varint_put(unsigned char *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (unsigned char)(v | 0x80);
		v >>= 7;
	}
	*p++ = (unsigned char)v;
	return p;
}

/* Drops the top bit of each of the eight bytes of x and moves the rest together. */
static inline uint64_t varint_pack(uint64_t x)
{
	x = (x & 0x007f007f007f007full) | (x & 0x7f007f007f007f00ull) >> 1;
	x = (x & 0x00003fff00003fffull) | (x & 0x3fff00003fff0000ull) >> 2;
	return (x & 0x0fffffffull) | (x & 0x0fffffff00000000ull) >> 4;
}

/* Reads into *v, returns the first byte behind it, NULL when cut off at end or over 64 bits. */
static inline const unsigned char *varint_get(const unsigned char *p, const unsigned char *end,
					      uint64_t *v)
{
	uint64_t sum = 0;

	if (p < end && *p < 0x80) {
		*v = *p;
		return p + 1;
	}

	for (unsigned int shift = 0; p < end; shift += 7) {
		uint64_t byte = *p++;

		if (shift == 63 && byte > 1)
			return NULL;
		sum |= (byte & 0x7f) << shift;
		if (byte < 0x80) {
			*v = sum;
			return p;
		}
	}
	return NULL;
}

#endif
