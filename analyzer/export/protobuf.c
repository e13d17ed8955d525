/* SPDX-License-Identifier: MIT */
/* protobuf.c: see protobuf.h */
#include "protobuf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../trace/varint.h"
#include "../utf8.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

enum wire { VARINT = 0, FIXED64 = 1, LENGTH = 2 };
#define VARINT_BYTES 10

static unsigned char *reserve(struct message *m, size_t nr)
{
	if (m->err)
		return NULL;
	if (m->capacity - m->nr < nr) {
		size_t capacity = m->capacity ? m->capacity * 2 : 256;
		unsigned char *bytes;

		while (capacity - m->nr < nr)
			capacity *= 2;
		bytes = realloc(m->bytes, capacity);
		if (!bytes) {
			m->err = -ENOMEM;
			return NULL;
		}
		m->bytes = bytes;
		m->capacity = capacity;
	}
	return m->bytes + m->nr;
}

static void put_varint(struct message *m, uint64_t value)
{
	unsigned char *at = reserve(m, VARINT_BYTES);

	if (at)
		m->nr += (size_t)(varint_put(at, value) - at);
}

static void put_key(struct message *m, unsigned int field, enum wire wire)
{
	put_varint(m, (uint64_t)field << 3 | wire);
}

static void put_raw(struct message *m, const void *bytes, size_t nr)
{
	unsigned char *at = reserve(m, nr);

	if (!at || !nr)
		return;
	memcpy(at, bytes, nr);
	m->nr += nr;
}

void message_uint(struct message *m, unsigned int field, uint64_t value)
{
	put_key(m, field, VARINT);
	put_varint(m, value);
}

void message_int(struct message *m, unsigned int field, int64_t value)
{
	message_uint(m, field, (uint64_t)value);
}

void message_fixed64(struct message *m, unsigned int field, uint64_t value)
{
	unsigned char bytes[8];

	for (unsigned int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
	put_key(m, field, FIXED64);
	put_raw(m, bytes, sizeof(bytes));
}

void message_length(struct message *m, unsigned int field, size_t nr)
{
	put_key(m, field, LENGTH);
	put_varint(m, nr);
}

void message_bytes(struct message *m, unsigned int field, const void *bytes, size_t nr)
{
	message_length(m, field, nr);
	put_raw(m, bytes, nr);
}

/* Bytes of the character at `text`, or 1 with *is_bad. */
static size_t next_length(const char *text, size_t left, bool *is_bad)
{
	uint32_t code;
	size_t length = utf8_decode(text, left, &code);

	*is_bad = !length;
	return length ? length : 1;
}

void message_string(struct message *m, unsigned int field, const char *text)
{
	size_t size = strlen(text), nr = 0, length;
	bool is_bad;

	for (size_t i = 0; i < size; i += length) {
		length = next_length(text + i, size - i, &is_bad);
		nr += is_bad ? sizeof(replacement) - 1 : length;
	}
	message_length(m, field, nr);
	if (nr == size) {
		put_raw(m, text, size);
		return;
	}
	for (size_t i = 0; i < size; i += length) {
		length = next_length(text + i, size - i, &is_bad);
		if (is_bad)
			put_raw(m, replacement, sizeof(replacement) - 1);
		else
			put_raw(m, text + i, length);
	}
}

void message_put(struct message *m, unsigned int field, struct message *inner)
{
	if (inner->err)
		m->err = inner->err;
	message_bytes(m, field, inner->bytes, inner->nr);
	inner->nr = 0;
}

void message_fini(struct message *m)
{
	free(m->bytes);
	*m = (struct message){ .bytes = NULL };
}
