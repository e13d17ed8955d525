/* SPDX-License-Identifier: MIT */
/* open_stack.c: preload/stack.c, and a stack without an unwinder */
#include "../../preload/stack.c"
#include "open.h"

uint32_t open_stack(const uint64_t *frames, uint32_t nr)
{
	uint64_t room[sizeof(struct trace_stack) / 8 + STACK_DEPTH_MAX] = { 0 }, hash = 0;
	struct trace_stack *key = (struct trace_stack *)room;

	key->nr_frames = nr;
	memcpy(key->frames, frames, nr * sizeof(*frames));
	for (uint32_t i = 0; i < nr; i++)
		hash = hash_add(hash, frames[i]);
	return stack_id(key, hash);
}

void open_modules_forget(void)
{
	modules_forget();
}
