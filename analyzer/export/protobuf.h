/* SPDX-License-Identifier: MIT */
/*
 * protobuf.h: messages of protocol buffers, written field by field
 *
 * A message inside another is built in a buffer of its own and put as bytes. That is all that pprof
 * and Perfetto need of https://protobuf.dev/programming-guides/encoding.
 */
#ifndef EXPORT_PROTOBUF_H
#define EXPORT_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

/* After an error nothing more is taken; `err` stays -ENOMEM. */
struct message {
	unsigned char *bytes;
	size_t nr, capacity;
	int err;
};

void message_uint(struct message *m, unsigned int field, uint64_t value);
void message_int(struct message *m, unsigned int field, int64_t value);
void message_fixed64(struct message *m, unsigned int field, uint64_t value);
void message_bytes(struct message *m, unsigned int field, const void *bytes, size_t nr);
/* Bytes that are not UTF-8 are written as U+FFFD: strings of protobuf must be. */
void message_string(struct message *m, unsigned int field, const char *text);
/* Only what stands before `nr` bytes that are written elsewhere. */
void message_length(struct message *m, unsigned int field, size_t nr);
/* Puts `inner` into m and empties it, keeping its memory for the next. */
void message_put(struct message *m, unsigned int field, struct message *inner);
void message_fini(struct message *m);

#endif
