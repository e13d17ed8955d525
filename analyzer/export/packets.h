/* SPDX-License-Identifier: MIT */
/*
 * packets.h: the packets of a Perfetto trace (protos/perfetto/trace/trace.proto), one by one
 *
 * Packets come in sequences, as from one writing thread each; within one, time does not go back. A
 * text is written where a sequence first has it, and is a number from there on.
 *
 *	packets_sequence(p, 7);
 *	packets_begin(p, PACKETS_SLICE_BEGIN, track, ns);
 *	packets_text(p, PACKETS_NAME, 3, "cache.mu");
 *	packets_end(p);
 */
#ifndef EXPORT_PACKETS_H
#define EXPORT_PACKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "protobuf.h"

enum packets_type { PACKETS_SLICE_BEGIN = 1, PACKETS_SLICE_END = 2, PACKETS_COUNTER = 4 };
/* What texts are for; each has numbers of its own, from 0. */
enum packets_use { PACKETS_CATEGORY, PACKETS_NAME, PACKETS_KEY, PACKETS_VALUE, PACKETS_USES };

struct packets {
	FILE *out;
	struct message packet, event, inner, texts, head;
	uint32_t sequence;
	bool is_new; /* the sequence has no packet yet */
	/* By number: the sequence that had the text last. */
	struct {
		uint32_t *at;
		size_t nr;
	} seen[PACKETS_USES];
	int err; /* -ENOMEM, the first */
};

void packets_init(struct packets *p, FILE *out);
/* 0 or the first error. */
int packets_fini(struct packets *p);

/* From here on packets are of this one. Each number but once, and not 0. */
void packets_sequence(struct packets *p, uint32_t number);

/* Tracks, each before its first event. A parent of 0: none. */
void packets_process(struct packets *p, uint64_t track, uint32_t pid, const char *name);
void packets_thread(struct packets *p, uint64_t track, uint64_t parent, uint32_t pid, uint32_t tid,
		    const char *name);
void packets_track(struct packets *p, uint64_t track, uint64_t parent, const char *name,
		   bool is_counter);

/* An event: begin, what belongs to it, end. */
void packets_begin(struct packets *p, enum packets_type type, uint64_t track, uint64_t ns);
/* Whether the text need not be given: NULL will do. */
bool packets_knows(const struct packets *p, enum packets_use use, uint64_t number);
/* The event's category or name. */
void packets_text(struct packets *p, enum packets_use use, uint64_t number, const char *text);
/* "key: value"; both are texts of such a number. */
void packets_annotate(struct packets *p, uint64_t key, const char *key_text, uint64_t value,
		      const char *value_text);
void packets_value(struct packets *p, uint64_t value);
/* Arrows between slices: an id starts in one slice and, later, ends in one other. */
void packets_flow_from(struct packets *p, uint64_t id);
void packets_flow_to(struct packets *p, uint64_t id);
void packets_end(struct packets *p);

#endif
