/* SPDX-License-Identifier: MIT */
/* packets.c: see packets.h */
#include "packets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Fields of the messages, by the names of the .proto files. */
enum { TRACE_PACKET = 1 };
enum {
	PACKET_TIMESTAMP = 8,
	PACKET_SEQUENCE = 10,
	PACKET_EVENT = 11,
	PACKET_INTERNED = 12,
	PACKET_FLAGS = 13,
	PACKET_TRACK = 60
};
enum {
	TRACK_UUID = 1,
	TRACK_NAME = 2,
	TRACK_PROCESS = 3,
	TRACK_THREAD = 4,
	TRACK_PARENT = 5,
	TRACK_COUNTER = 8
};
enum { PROCESS_PID = 1, PROCESS_NAME = 6 };
enum { THREAD_PID = 1, THREAD_TID = 2, THREAD_NAME = 5 };
enum {
	EVENT_CATEGORY = 3,
	EVENT_ANNOTATION = 4,
	EVENT_TYPE = 9,
	EVENT_NAME = 10,
	EVENT_TRACK = 11,
	EVENT_COUNTER = 30,
	EVENT_FLOW = 47,
	EVENT_FLOW_END = 48
};
enum { ANNOTATION_KEY = 1, ANNOTATION_VALUE = 17 };
enum { TEXT_NUMBER = 1, TEXT_TEXT = 2 };

enum { STATE_CLEARED = 1, NEEDS_STATE = 2 };

static const unsigned int interned_fields[PACKETS_USES] = {
	[PACKETS_CATEGORY] = 1,
	[PACKETS_NAME] = 2,
	[PACKETS_KEY] = 3,
	[PACKETS_VALUE] = 29,
};

void packets_init(struct packets *p, FILE *out)
{
	*p = (struct packets){ .out = out };
}

int packets_fini(struct packets *p)
{
	message_fini(&p->packet);
	message_fini(&p->event);
	message_fini(&p->inner);
	message_fini(&p->texts);
	message_fini(&p->head);
	for (size_t i = 0; i < PACKETS_USES; i++)
		free(p->seen[i].at);
	return p->err;
}

void packets_sequence(struct packets *p, uint32_t number)
{
	p->sequence = number;
	p->is_new = true;
}

/* A trace is nothing but packets with their lengths in front. */
static void write_packet(struct packets *p)
{
	message_uint(&p->packet, PACKET_SEQUENCE, p->sequence);
	message_uint(&p->packet, PACKET_FLAGS, NEEDS_STATE | (p->is_new ? STATE_CLEARED : 0));
	p->is_new = false;
	message_length(&p->head, TRACE_PACKET, p->packet.nr);
	if (p->head.err || p->packet.err) {
		p->err = -ENOMEM;
	} else {
		fwrite(p->head.bytes, 1, p->head.nr, p->out);
		fwrite(p->packet.bytes, 1, p->packet.nr, p->out);
	}
	p->head.nr = 0;
	p->packet.nr = 0;
}

/* ---- tracks ---- */

/* p->event has what is special about it. */
static void write_track(struct packets *p, uint64_t track, uint64_t parent)
{
	message_uint(&p->event, TRACK_UUID, track);
	if (parent)
		message_uint(&p->event, TRACK_PARENT, parent);
	message_put(&p->packet, PACKET_TRACK, &p->event);
	write_packet(p);
}

void packets_process(struct packets *p, uint64_t track, uint32_t pid, const char *name)
{
	message_uint(&p->inner, PROCESS_PID, pid);
	message_string(&p->inner, PROCESS_NAME, name);
	message_put(&p->event, TRACK_PROCESS, &p->inner);
	write_track(p, track, 0);
}

void packets_thread(struct packets *p, uint64_t track, uint64_t parent, uint32_t pid, uint32_t tid,
		    const char *name)
{
	message_uint(&p->inner, THREAD_PID, pid);
	message_uint(&p->inner, THREAD_TID, tid);
	message_string(&p->inner, THREAD_NAME, name);
	message_put(&p->event, TRACK_THREAD, &p->inner);
	write_track(p, track, parent);
}

void packets_track(struct packets *p, uint64_t track, uint64_t parent, const char *name,
		   bool is_counter)
{
	message_string(&p->event, TRACK_NAME, name);
	if (is_counter)
		message_put(&p->event, TRACK_COUNTER, &p->inner);
	write_track(p, track, parent);
}

/* ---- texts ---- */

bool packets_knows(const struct packets *p, enum packets_use use, uint64_t number)
{
	return number < p->seen[use].nr && p->seen[use].at[number] == p->sequence;
}

static void mark(struct packets *p, enum packets_use use, uint64_t number)
{
	size_t nr = p->seen[use].nr ? p->seen[use].nr : 64;
	uint32_t *at = p->seen[use].at;

	if (number >= p->seen[use].nr) {
		while (nr <= number)
			nr *= 2;
		at = reallocarray(at, nr, sizeof(*at));
		if (!at) {
			p->err = -ENOMEM;
			return;
		}
		memset(at + p->seen[use].nr, 0, (nr - p->seen[use].nr) * sizeof(*at));
		p->seen[use].at = at;
		p->seen[use].nr = nr;
	}
	at[number] = p->sequence;
}

/* The number as it stands in the file, where 0 is none. */
static uint64_t intern(struct packets *p, enum packets_use use, uint64_t number, const char *text)
{
	struct message entry = { .bytes = NULL };

	if (packets_knows(p, use, number))
		return number + 1;
	message_uint(&entry, TEXT_NUMBER, number + 1);
	message_string(&entry, TEXT_TEXT, text);
	message_put(&p->texts, interned_fields[use], &entry);
	message_fini(&entry);
	mark(p, use, number);
	return number + 1;
}

/* ---- events ---- */

void packets_begin(struct packets *p, enum packets_type type, uint64_t track, uint64_t ns)
{
	message_uint(&p->packet, PACKET_TIMESTAMP, ns);
	message_uint(&p->event, EVENT_TYPE, type);
	message_uint(&p->event, EVENT_TRACK, track);
}

void packets_text(struct packets *p, enum packets_use use, uint64_t number, const char *text)
{
	message_uint(&p->event, use == PACKETS_CATEGORY ? EVENT_CATEGORY : EVENT_NAME,
		     intern(p, use, number, text));
}

void packets_annotate(struct packets *p, uint64_t key, const char *key_text, uint64_t value,
		      const char *value_text)
{
	message_uint(&p->inner, ANNOTATION_KEY, intern(p, PACKETS_KEY, key, key_text));
	message_uint(&p->inner, ANNOTATION_VALUE, intern(p, PACKETS_VALUE, value, value_text));
	message_put(&p->event, EVENT_ANNOTATION, &p->inner);
}

void packets_value(struct packets *p, uint64_t value)
{
	message_uint(&p->event, EVENT_COUNTER, value);
}

void packets_flow_from(struct packets *p, uint64_t id)
{
	message_fixed64(&p->event, EVENT_FLOW, id);
}

void packets_flow_to(struct packets *p, uint64_t id)
{
	message_fixed64(&p->event, EVENT_FLOW_END, id);
}

void packets_end(struct packets *p)
{
	message_put(&p->packet, PACKET_EVENT, &p->event);
	if (p->texts.nr || p->texts.err)
		message_put(&p->packet, PACKET_INTERNED, &p->texts);
	write_packet(p);
}
