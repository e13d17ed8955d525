/* SPDX-License-Identifier: MIT */
/*
 * places.c: stacks and frames, each kept once
 *
 * Both are found by hash, in the same kind of table: slots of numbers, at most half of them used.
 */
#include "places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FRAMES 64

struct index {
	uint32_t *slots; /* number + 1 */
	size_t nr_slots; /* a power of two */
	size_t nr;	 /* used */
};

struct stack {
	size_t first; /* in places.frame_of */
	uint32_t nr;
};

struct places {
	const struct report *report;
	struct frame *frames;
	struct stack *stacks;
	uint32_t *frame_of; /* frames of all stacks, one after the other */
	size_t nr_frame_of, cap_frame_of, cap_frames, cap_stacks;
	struct index frame_index, stack_index;
	bool failed; /* memory ran out */
};

/* ---- hashing ---- */

static uint64_t mix(uint64_t sum, uint64_t value)
{
	sum = (sum ^ value) * 0x9e3779b97f4a7c15ull;
	return sum ^ sum >> 29;
}

static uint64_t mix_text(uint64_t sum, const char *text)
{
	for (; text && *text; text++)
		sum = mix(sum, (unsigned char)*text);
	return mix(sum, text ? 256 : 257);
}

static uint64_t hash_frame(const struct frame *frame)
{
	uint64_t sum = mix_text(mix_text(mix_text(0, frame->function), frame->file), frame->module);

	if (!frame->function)
		sum = mix(sum, frame->offset);
	return mix(mix(sum, (uint64_t)frame->line), frame->inlined);
}

static uint64_t hash_numbers(const uint32_t *numbers, size_t nr)
{
	uint64_t sum = nr;

	for (size_t i = 0; i < nr; i++)
		sum = mix(sum, numbers[i]);
	return sum;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_frame(const struct frame *a, const struct frame *b)
{
	return a->line == b->line && a->inlined == b->inlined &&
	       same_text(a->function, b->function) && same_text(a->file, b->file) &&
	       same_text(a->module, b->module) && (a->function || a->offset == b->offset);
}

/* ---- the tables ---- */

static bool frame_is(const struct places *places, uint32_t number, const void *what)
{
	return same_frame(&places->frames[number], what);
}

struct numbers {
	const uint32_t *at;
	size_t nr;
};

static bool stack_is(const struct places *places, uint32_t number, const void *what)
{
	const struct numbers *numbers = what;
	const struct stack *stack = &places->stacks[number];

	return stack->nr == numbers->nr &&
	       memcmp(places->frame_of + stack->first, numbers->at,
		      numbers->nr * sizeof(*numbers->at)) == 0;
}

/* The slot that has it, or the free one where it belongs. */
static uint32_t *find_slot(const struct places *places, const struct index *index, uint64_t hash,
			   bool (*is)(const struct places *, uint32_t, const void *),
			   const void *what)
{
	size_t i = (size_t)hash & (index->nr_slots - 1);

	while (index->slots[i] && !is(places, index->slots[i] - 1, what))
		i = (i + 1) & (index->nr_slots - 1);
	return &index->slots[i];
}

static uint64_t hash_of(const struct places *places, const struct index *index, uint32_t number)
{
	const struct stack *stack = &places->stacks[number];

	if (index == &places->frame_index)
		return hash_frame(&places->frames[number]);
	return hash_numbers(places->frame_of + stack->first, stack->nr);
}

/* Makes room for one more. */
static int index_grow(const struct places *places, struct index *index)
{
	size_t nr_slots = index->nr_slots ? index->nr_slots * 2 : 1024;
	uint32_t *slots;

	if (index->nr * 2 < index->nr_slots)
		return 0;
	slots = calloc(nr_slots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t number = 0; number < index->nr; number++) {
		size_t i = (size_t)hash_of(places, index, (uint32_t)number) & (nr_slots - 1);

		while (slots[i])
			i = (i + 1) & (nr_slots - 1);
		slots[i] = (uint32_t)number + 1;
	}
	free(index->slots);
	index->slots = slots;
	index->nr_slots = nr_slots;
	return 0;
}

/* Room for nr more items of an array; the array, or NULL. */
static void *reserve(void *array, size_t used, size_t more, size_t *capacity, size_t size)
{
	size_t want = *capacity ? *capacity : 256;

	if (used + more <= *capacity)
		return array;
	while (want < used + more)
		want *= 2;
	array = realloc(array, want * size);
	if (array)
		*capacity = want;
	return array;
}

/* The frame's number, UINT32_MAX when memory ran out. */
static uint32_t add_frame(struct places *places, const struct frame *frame)
{
	struct index *index = &places->frame_index;
	struct frame *frames;
	uint32_t *slot;

	if (index_grow(places, index) < 0)
		return UINT32_MAX;
	slot = find_slot(places, index, hash_frame(frame), frame_is, frame);
	if (*slot)
		return *slot - 1;
	frames = reserve(places->frames, index->nr, 1, &places->cap_frames, sizeof(*frames));
	if (!frames)
		return UINT32_MAX;
	places->frames = frames;
	frames[index->nr] = *frame;
	*slot = (uint32_t)++index->nr;
	return *slot - 1;
}

static int push_stack(struct places *places, const struct numbers *numbers)
{
	struct index *index = &places->stack_index;
	struct stack *stacks = reserve(places->stacks, index->nr, 1, &places->cap_stacks,
				       sizeof(*stacks));
	uint32_t *frame_of;

	if (!stacks)
		return -ENOMEM;
	places->stacks = stacks;
	frame_of = reserve(places->frame_of, places->nr_frame_of, numbers->nr + 1,
			   &places->cap_frame_of, sizeof(*frame_of));
	if (!frame_of)
		return -ENOMEM;
	places->frame_of = frame_of;
	stacks[index->nr++] = (struct stack){ places->nr_frame_of, (uint32_t)numbers->nr };
	memcpy(frame_of + places->nr_frame_of, numbers->at, numbers->nr * sizeof(*numbers->at));
	places->nr_frame_of += numbers->nr;
	return 0;
}

/* The stack's number; *full when memory ran out. */
static uint32_t find_or_add(struct places *places, const struct frame *frames, size_t nr, bool *full)
{
	struct index *index = &places->stack_index;
	uint32_t at[MAX_FRAMES], *slot;
	struct numbers numbers = { at, nr };

	*full = true;
	for (size_t i = 0; i < nr; i++) {
		at[i] = add_frame(places, &frames[i]);
		if (at[i] == UINT32_MAX)
			return 0;
	}
	if (index_grow(places, index) < 0)
		return 0;
	slot = find_slot(places, index, hash_numbers(at, nr), stack_is, &numbers);
	if (!*slot && push_stack(places, &numbers) < 0)
		return 0;
	*full = false;
	if (!*slot)
		*slot = (uint32_t)index->nr;
	return *slot - 1;
}

static uint32_t add_stack(struct places *places, const struct frame *frames, size_t nr)
{
	bool full;
	uint32_t number = find_or_add(places, frames, nr, &full);

	places->failed |= full;
	return number;
}

struct places *places_new(const struct report *report)
{
	struct places *places = calloc(1, sizeof(*places));

	if (!places)
		return NULL;
	places->report = report;
	add_stack(places, NULL, 0);
	if (places->stack_index.nr == 1)
		return places;
	places_free(places);
	return NULL;
}

void places_free(struct places *places)
{
	if (!places)
		return;
	free(places->frames);
	free(places->stacks);
	free(places->frame_of);
	free(places->frame_index.slots);
	free(places->stack_index.slots);
	free(places);
}

int places_error(const struct places *places)
{
	return places && !places->failed ? 0 : -ENOMEM;
}

/* ---- what the writers ask for ---- */

uint32_t places_stack(struct places *places, const struct process *process, uint32_t stack,
		      uint64_t site)
{
	struct frame frames[MAX_FRAMES];

	return add_stack(places, frames,
			 places->report->frames(process, stack, site, false, frames, MAX_FRAMES));
}

uint32_t places_part(struct places *places, const struct report_part *part, uint32_t *end)
{
	struct frame frames[MAX_FRAMES], released;
	size_t nr = report_place_frames(places->report, part, false, frames, MAX_FRAMES, &released);
	bool elsewhere = released.module && nr && !same_text(released.function, frames[0].function);

	*end = elsewhere ? add_frame(places, &released) : UINT32_MAX;
	return add_stack(places, frames, nr);
}

uint32_t places_site(struct places *places, const struct report_part *part)
{
	struct frame frames[MAX_FRAMES];

	return add_stack(places, frames,
			 report_site_frames(places->report, part, frames, MAX_FRAMES));
}

size_t places_nr_frames(const struct places *places)
{
	return places->frame_index.nr;
}

const struct frame *places_frame(const struct places *places, size_t number)
{
	return &places->frames[number];
}

size_t places_nr_stacks(const struct places *places)
{
	return places->stack_index.nr;
}

const uint32_t *places_frames_of(const struct places *places, size_t stack, size_t *nr)
{
	*nr = places->stacks[stack].nr;
	return places->frame_of + places->stacks[stack].first;
}
