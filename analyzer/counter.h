/* SPDX-License-Identifier: MIT */
/*
 * counter.h: the clock that traces of this machine count in, when they count cycles
 */
#ifndef ANALYZER_COUNTER_H
#define ANALYZER_COUNTER_H

#include <stdint.h>

#include "../trace/format.h"

#if defined(__x86_64__)
#define COUNTER_HERE TRACE_CLOCK_TSC
static inline uint64_t counter_here(void)
{
	return __builtin_ia32_rdtsc();
}
#elif defined(__aarch64__)
#define COUNTER_HERE TRACE_CLOCK_CNTVCT
static inline uint64_t counter_here(void)
{
	uint64_t count;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
	return count;
}
#else
#define COUNTER_HERE 0
static inline uint64_t counter_here(void)
{
	return 0;
}
#endif

#endif
