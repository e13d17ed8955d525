/* SPDX-License-Identifier: MIT */
/*
 * reader_clock.c: ticks to nanoseconds
 *
 * Two calibrations at least 20 us apart give the rate. A program that was killed early has only the
 * first. Then MONOTONIC ticks are nanoseconds anyway, and for a cycle counter the second point is
 * taken now, when this is still the machine and the boot that wrote the trace: its counter and its
 * monotonic clock have gone on together. Elsewhere nobody can know the rate: one nanosecond a
 * cycle is assumed and said, since ratios stay right whatever the rate is.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "counter.h"
#include "reader_internal.h"

#define APART_NS     20000ull	  /* closer calibrations are no measurement: 15 ns off each */
#define SAME_BOOT_NS 5000000000ll /* realtime may be stepped by so much meanwhile */

/* An even sequence above zero: written, and wholly. */
static bool calibration_valid(const struct trace_calibration *c)
{
	return c->sequence && c->sequence % 2 == 0;
}

/* The rate between two points; 0 when they are too close or in the wrong order. */
static double rate(const struct trace_calibration *a, const struct trace_calibration *b)
{
	if (!calibration_valid(a) || !calibration_valid(b) || b->ticks <= a->ticks ||
	    b->monotonic_ns < a->monotonic_ns || b->monotonic_ns - a->monotonic_ns < APART_NS)
		return 0;
	return (double)(b->monotonic_ns - a->monotonic_ns) / (double)(b->ticks - a->ticks);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The rate between the start and this moment, 0 when this is another machine or boot. */
static double rate_here(const struct trace_header *h)
{
	struct trace_calibration now = { .sequence = 2 };
	const struct trace_calibration *then = &h->calibration[0];
	char host[sizeof(h->host)] = "";
	int64_t step;

	gethostname(host, sizeof(host) - 1);
	if (h->clock != COUNTER_HERE || strcmp(host, h->host) != 0)
		return 0;
	now.monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	now.ticks = counter_here() >> h->clock_shift;
	now.realtime_ns = clock_ns(CLOCK_REALTIME);
	step = (int64_t)((now.realtime_ns - now.monotonic_ns) -
			 (then->realtime_ns - then->monotonic_ns));
	return step > -SAME_BOOT_NS && step < SAME_BOOT_NS ? rate(then, &now) : 0;
}

/* A live program rewrites its second calibration now and then. */
static void calibration_copy_again(struct reader *reader)
{
	const struct trace_header *h = (const void *)reader->map;
	struct trace_calibration *c = &reader->header.calibration[1];
	uint64_t before;

	for (int tries = 0; tries < 100; tries++) {
		before = __atomic_load_n(&h->calibration[1].sequence, __ATOMIC_ACQUIRE);
		memcpy(c, &h->calibration[1], sizeof(*c));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (before % 2 == 0 && before == h->calibration[1].sequence)
			return;
	}
}

void reader_clock_init(struct reader *reader)
{
	const struct trace_header *h = &reader->header;
	double nominal = (double)(1ull << h->clock_shift);
	double ns;

	if (reader->live)
		calibration_copy_again(reader);
	ns = rate(&h->calibration[0], &h->calibration[1]);
	if (ns <= 0 && h->clock == TRACE_CLOCK_MONOTONIC)
		ns = nominal;
	if (ns <= 0)
		ns = rate_here(h);
	if (ns <= 0) {
		reader_damaged(reader, offsetof(struct trace_header, calibration),
			       "the clock's rate is unknown: times are in cycles, shown as ns");
		ns = nominal;
	}
	reader->clock = (struct reader_clock){ h->calibration[0].ticks, ns };
}

uint64_t reader_time_ns(const struct reader *reader, uint64_t ticks)
{
	double ns;

	if (ticks <= reader->clock.zero_ticks)
		return 0;
	ns = (double)(ticks - reader->clock.zero_ticks) * reader->clock.ns_per_tick;
	return ns < 0x1p63 ? (uint64_t)(ns + 0.5) : UINT64_MAX / 2;
}

double reader_ns_per_tick(const struct reader *reader)
{
	return reader->clock.ns_per_tick;
}

uint64_t reader_now_ns(const struct reader *reader)
{
	uint64_t end_ns = reader_time_ns(reader, reader_end_ticks(reader));
	uint64_t start_ns = reader->header.calibration[0].monotonic_ns;

	if (!reader->live || reader->opened_ns < start_ns)
		return end_ns;
	return reader->opened_ns - start_ns;
}
