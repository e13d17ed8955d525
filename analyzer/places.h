/* SPDX-License-Identifier: MIT */
/*
 * places.h: stacks and frames, each kept once, for outputs that name them by number
 */
#ifndef ANALYZER_PLACES_H
#define ANALYZER_PLACES_H

#include "report.h"

/* Frames and stacks, each with a number from 0; stack 0 is the unknown one, without frames. */
struct places;

/* NULL: out of memory. */
struct places *places_new(const struct report *report);
void places_free(struct places *places);
/* -ENOMEM when a stack found no room and is told as unknown, else 0; of NULL -ENOMEM. */
int places_error(const struct places *places);

/* Each returns a stack's number, and 0 for an unknown one or when memory ran out. */
uint32_t places_stack(struct places *places, const struct process *process, uint32_t stack,
		      uint64_t site);
/* Of a part; *end: the frame of its release if it was in another function, else UINT32_MAX. */
uint32_t places_part(struct places *places, const struct report_part *part, uint32_t *end);
/* What a site's acquisitions share: its function, whoever called it. */
uint32_t places_site(struct places *places, const struct report_part *part);

size_t places_nr_frames(const struct places *places);
const struct frame *places_frame(const struct places *places, size_t number);
size_t places_nr_stacks(const struct places *places);
/* The numbers of a stack's frames, innermost first. */
const uint32_t *places_frames_of(const struct places *places, size_t stack, size_t *nr);

#endif
