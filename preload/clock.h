/* SPDX-License-Identifier: MIT */
/*
 * clock.h: the clock of a trace
 *
 * The time stamp counter (aarch64: the virtual counter) when the processor says it is invariant
 * and the kernel did not reject it, else CLOCK_MONOTONIC. The time stamp counter is halved: a tick
 * of two cycles is still below a nanosecond and saves a byte in many events, and differences of
 * shifted stamps have no bias. The shift is a constant, because it stands in the critical section.
 *
 * rdtsc is not fenced: behind a locked instruction (every real lock and unlock is one) it was
 * measured 9 ns later anyway, and a fence would cost 5 ns more inside the critical section.
 */
#ifndef LOCKPROF_CLOCK_H
#define LOCKPROF_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "../trace/format.h"

#if defined(__x86_64__)
#define CLOCK_COUNTER_SHIFT 1
#else
#define CLOCK_COUNTER_SHIFT 0
#endif

extern bool clock_is_counter;

uint64_t clock_monotonic_ns(void);

static inline uint64_t clock_counter(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#endif
}

static inline uint64_t clock_ticks(void)
{
	if (__builtin_expect(clock_is_counter, 1))
		return clock_counter() >> CLOCK_COUNTER_SHIFT;
	return clock_monotonic_ns();
}

/* Chooses the clock; once, before the first stamp. */
void clock_init(void);
enum trace_clock clock_kind(void);
unsigned int clock_shift(void);
/* The same moment on all clocks: the best of a few tries. */
void clock_calibrate(struct trace_calibration *calibration);

#endif
