/* SPDX-License-Identifier: MIT */
/*
 * hist.h: log-linear buckets, 16 to an octave (as in HdrHistogram, 4 significant bits)
 *
 * octave 0 holds the values 0..15 exactly; octave o > 0 holds 2^(o+3) .. 2^(o+4)-1 in 16 buckets
 * of 2^(o-1) ticks each. So a bucket is at most 1/16 of its value wide, and a percentile read by
 * interpolation is off by at most 6.25 %, typically under 2 %.
 */
#ifndef LOCKPROF_TRACE_HIST_H
#define LOCKPROF_TRACE_HIST_H

#include <stdint.h>

#define HIST_OCTAVES 61
#define HIST_PARTS 16

struct hist_place {
	unsigned int octave, part;
};

static inline struct hist_place hist_place(uint64_t v)
{
	if (v < HIST_PARTS)
		return (struct hist_place){ 0, (unsigned int)v };
	unsigned int octave = 60 - (unsigned int)__builtin_clzll(v);

	return (struct hist_place){ octave, (unsigned int)(v >> (octave - 1)) & (HIST_PARTS - 1) };
}

/* Smallest value of a bucket. */
static inline uint64_t hist_low(unsigned int octave, unsigned int part)
{
	return octave ? (uint64_t)(HIST_PARTS + part) << (octave - 1) : part;
}

/* Number of values of a bucket. */
static inline uint64_t hist_width(unsigned int octave)
{
	return octave ? 1ull << (octave - 1) : 1;
}

#endif
