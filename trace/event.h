/* SPDX-License-Identifier: MIT */
/*
 * event.h: one event to bytes and back, as format.h describes them
 *
 * Both directions are inline: the encoder runs at every release inside the target, the decoder
 * tens of millions of times a second in the analyzer.
 */
#ifndef LOCKPROF_TRACE_EVENT_H
#define LOCKPROF_TRACE_EVENT_H

#include <endian.h>
#include <string.h>

#include "format.h"
#include "varint.h"

/* Arguments of each type behind delta, besides those that TRACE_EV_ACQUISITION's flags add. */
static const unsigned char trace_event_args[TRACE_EV_MAX] = {
	[TRACE_EV_PLAIN] = 1,	   [TRACE_EV_ACQUISITION] = 4, [TRACE_EV_WAIT_BEGIN] = 2,
	[TRACE_EV_WAIT_END] = 2,   [TRACE_EV_TRY_FAIL] = 0,    [TRACE_EV_RELOCK] = 0,
	[TRACE_EV_FOREIGN] = 1,	   [TRACE_EV_POST] = 1,	       [TRACE_EV_SIGNAL] = 2,
	[TRACE_EV_COND_WAIT] = 3,  [TRACE_EV_BARRIER] = 2,     [TRACE_EV_ONCE] = 1,
	[TRACE_EV_FUTEX_WAIT] = 2, [TRACE_EV_FUTEX_WAKE] = 1,  [TRACE_EV_CREATE] = 0,
	[TRACE_EV_JOIN] = 3,	   [TRACE_EV_THREAD] = 0,      [TRACE_EV_EXIT] = 1,
	[TRACE_EV_LOST] = 0,	   [TRACE_EV_WORK] = 1,
};

struct trace_event {
	uint32_t type;			  /* enum trace_event_type */
	uint64_t arg;			  /* node, thread or count, as the type says */
	uint64_t ticks;			  /* absolute; the decoder adds the deltas up */
	uint64_t value[TRACE_EVENT_ARGS]; /* PLAIN, ACQUISITION: value[0] is the hold */
};
#define ACQ_HOLD  0
#define ACQ_FLAGS 1
#define ACQ_WAIT  2
#define ACQ_STACK 3

/* Encodes an uncontended acquisition; p has TRACE_EVENT_BYTES of room. */
static inline unsigned char *event_put_plain(unsigned char *p, uint32_t node, uint64_t delta,
					     uint64_t hold)
{
	p = varint_put(p, (uint64_t)node << 1);
	p = varint_put(p, delta);
	return varint_put(p, hold);
}

/* Encodes any other event: `value` holds trace_event_args[type] numbers. */
static inline unsigned char *event_put(unsigned char *p, unsigned int type, uint64_t arg,
				       uint64_t delta, const uint64_t *value)
{
	p = varint_put(p, arg << 6 | type << 1 | 1);
	p = varint_put(p, delta);
	for (unsigned int i = 0; i < trace_event_args[type]; i++)
		p = varint_put(p, value[i]);
	return p;
}

/*
 * The common case, without a branch that the lengths of the numbers could mislead: an uncontended
 * acquisition whose three numbers end within the eight bytes at p, which must be readable. Returns
 * the bytes it took, 0 when it is anything else; `delta` is added to *ticks.
 */
static inline unsigned int event_get_plain(const unsigned char *p, uint64_t *node, uint64_t *ticks,
					   uint64_t *hold)
{
	uint64_t x, ends, first, second, third;

	memcpy(&x, p, sizeof(x));
	x = le64toh(x);
	ends = ~x & 0x8080808080808080ull;
	first = ends & -ends;
	second = (ends ^ first) & -(ends ^ first);
	third = (ends ^ first ^ second) & -(ends ^ first ^ second);
	if (x & 1 || !third)
		return 0;
	unsigned int to_second = (unsigned int)__builtin_ctzll(first) + 1;
	unsigned int to_third = (unsigned int)__builtin_ctzll(second) + 1;

	*node = varint_pack(x & (first * 2 - 1)) >> 1;
	if (!*node)
		return 0;
	*ticks += varint_pack((x & (second * 2 - 1)) >> to_second);
	*hold = varint_pack((x & (third * 2 - 1)) >> to_third);
	return (unsigned int)__builtin_ctzll(third) / 8 + 1;
}

/* The rarer types, behind event_get(). */
static inline const unsigned char *event_get_rest(const unsigned char *p, const unsigned char *end,
						  uint64_t w, struct trace_event *e)
{
	uint64_t delta;

	e->type = w >> 1 & 31;
	e->arg = w >> 6;
	if (e->type == TRACE_EV_PLAIN || e->type >= TRACE_EV_MAX)
		return NULL;
	p = varint_get(p, end, &delta);
	if (!p)
		return NULL;
	e->ticks += delta;
	for (unsigned int i = 0; p && i < trace_event_args[e->type]; i++)
		p = varint_get(p, end, &e->value[i]);
	return p;
}

/*
 * Decodes the event at p into *e, whose `ticks` must hold the time of the event before. Returns
 * the first byte behind it, NULL when the bytes are no event (then *e is undefined).
 */
static inline const unsigned char *event_get(const unsigned char *p, const unsigned char *end,
					     struct trace_event *e)
{
	uint64_t w, delta;
	unsigned int bytes;

	if (end - p >= 8) {
		bytes = event_get_plain(p, &e->arg, &e->ticks, &e->value[ACQ_HOLD]);
		e->type = TRACE_EV_PLAIN;
		if (bytes)
			return p + bytes;
	}
	p = varint_get(p, end, &w);
	if (!p || !w)
		return NULL;
	if (w & 1)
		return event_get_rest(p, end, w, e);
	e->type = TRACE_EV_PLAIN;
	e->arg = w >> 1;
	p = varint_get(p, end, &delta);
	if (!p)
		return NULL;
	e->ticks += delta;
	return varint_get(p, end, &e->value[ACQ_HOLD]);
}

/*
 * Checksum of an EVENTS block's bytes: 64-bit multiply-xor over eight bytes at a time, the tail
 * zero-padded. It finds torn and damaged blocks; it is no defence against an adversary.
 */
uint64_t trace_checksum(const void *bytes, size_t length);

#endif
