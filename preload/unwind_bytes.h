/* SPDX-License-Identifier: MIT */
/*
 * unwind_bytes.h: a cursor over the bytes of unwind information
 *
 * Reading past the end gives zeros and sets `bad`, so that a reader of several fields looks once,
 * behind the last.
 */
#ifndef LOCKPROF_UNWIND_BYTES_H
#define LOCKPROF_UNWIND_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *at, *end;
	bool bad;
};

static inline void bytes_skip(struct bytes *b, uint64_t size)
{
	if ((size_t)(b->end - b->at) < size) {
		b->bad = true;
		b->at = b->end;
	} else {
		b->at += size;
	}
}

/* An unsigned number of `size` bytes, low byte first. */
static inline uint64_t bytes_take(struct bytes *b, unsigned int size)
{
	const uint8_t *at = b->at;
	uint64_t v = 0;

	bytes_skip(b, size);
	for (unsigned int i = 0; i < size && !b->bad; i++)
		v |= (uint64_t)at[i] << (8 * i);
	return v;
}

static inline uint64_t bytes_leb(struct bytes *b, bool is_signed)
{
	uint64_t v = 0;
	unsigned int shift = 0;
	uint8_t byte;

	do {
		byte = (uint8_t)bytes_take(b, 1);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && shift < 64 && (byte & 0x40))
		v |= UINT64_MAX << shift;
	return v;
}

static inline uint64_t bytes_uleb(struct bytes *b)
{
	return bytes_leb(b, false);
}

static inline int64_t bytes_sleb(struct bytes *b)
{
	return (int64_t)bytes_leb(b, true);
}

#endif
