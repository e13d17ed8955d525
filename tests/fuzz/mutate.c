/* SPDX-License-Identifier: MIT */
/*
 * mutate.c: a mutator that thinks in the steps of steps.h, for libFuzzer and for AFL++
 *
 * Fuzzers change bytes; this one takes whole steps away, doubles, moves and makes them, and changes
 * operands one at a time, so that a program of a hundred steps stays one. Half of the time
 * libFuzzer's own mutations have their turn.
 */
#include <stdlib.h>
#include <string.h>

#include "steps.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
void *afl_custom_init(void *afl, unsigned int seed);
size_t afl_custom_fuzz(void *state, uint8_t *data, size_t size, uint8_t **out, uint8_t *other,
		       size_t other_size, size_t max_size);
void afl_custom_deinit(void *state);

static uint32_t next(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void step_make(uint8_t *step, uint32_t *x)
{
	step[0] = (uint8_t)(next(x) % STEP_MAX);
	for (unsigned int i = 1; i < STEP_BYTES; i++)
		step[i] = (uint8_t)(next(x) % 3 ? next(x) % 4 : next(x));
}

static void operand_change(uint8_t *step, uint32_t *x)
{
	static const uint8_t edges[] = { 0, 1, 2, 0x7f, 0x80, 0xff };
	uint8_t *at = step + next(x) % STEP_BYTES;

	switch (next(x) % 4) {
	case 0:
		*at = (uint8_t)next(x);
		break;
	case 1:
		*at = edges[next(x) % sizeof(edges)];
		break;
	case 2:
		*at ^= (uint8_t)(1 << next(x) % 8);
		break;
	default:
		*at = (uint8_t)(*at + next(x) % 9 - 4);
	}
}

/* One change to `nr` steps, of which there may be `most`. Returns how many they are then. */
static size_t change(uint8_t *data, size_t nr, size_t most, uint32_t *x)
{
	size_t a = nr ? next(x) % nr : 0, b = nr ? next(x) % nr : 0;
	uint8_t *at = data + a * STEP_BYTES;
	uint8_t step[STEP_BYTES];

	switch (nr ? next(x) % 8 : 0) {
	case 0:
	case 1:
		if (nr == most)
			return nr;
		step_make(step, x);
		if (next(x) % 2 && nr)
			memcpy(step, data + b * STEP_BYTES, STEP_BYTES);
		memmove(at + STEP_BYTES, at, (nr - a) * STEP_BYTES);
		memcpy(at, step, STEP_BYTES);
		return nr + 1;
	case 2:
		memmove(at, at + STEP_BYTES, (nr - a - 1) * STEP_BYTES);
		return nr - 1;
	case 3:
		memcpy(step, at, STEP_BYTES);
		memcpy(at, data + b * STEP_BYTES, STEP_BYTES);
		memcpy(data + b * STEP_BYTES, step, STEP_BYTES);
		return nr;
	default:
		operand_change(at, x);
		return nr;
	}
}

static size_t mutate(uint8_t *data, size_t size, size_t max_size, uint32_t seed)
{
	uint32_t x = seed * 2654435761u | 1;
	size_t nr = size / STEP_BYTES;

	for (uint32_t times = 1 + next(&x) % 4; times; times--)
		nr = change(data, nr, max_size / STEP_BYTES, &x);
	return nr * STEP_BYTES;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	if (seed % 2 && LLVMFuzzerMutate)
		return LLVMFuzzerMutate(data, size, max_size);
	return mutate(data, size, max_size, seed / 2);
}

/* ---- the same as AFL++ wants it ---- */

struct afl_state {
	uint8_t *out;
	size_t room;
	uint32_t seed;
};

void *afl_custom_init(void *afl, unsigned int seed)
{
	struct afl_state *state = calloc(1, sizeof(*state));

	(void)afl;
	if (state)
		state->seed = seed;
	return state;
}

size_t afl_custom_fuzz(void *opaque, uint8_t *data, size_t size, uint8_t **out, uint8_t *other,
		       size_t other_size, size_t max_size)
{
	struct afl_state *state = opaque;
	size_t kept = size < max_size ? size : max_size;

	(void)other;
	(void)other_size;
	if (state->room < max_size) {
		free(state->out);
		state->out = malloc(max_size);
		state->room = state->out ? max_size : 0;
	}
	if (!state->out)
		return 0;
	memcpy(state->out, data, kept);
	*out = state->out;
	return mutate(state->out, kept, max_size, state->seed++);
}

void afl_custom_deinit(void *opaque)
{
	struct afl_state *state = opaque;

	free(state->out);
	free(state);
}
