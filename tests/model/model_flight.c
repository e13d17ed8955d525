/* SPDX-License-Identifier: MIT */
/*
 * model_flight.c: the flight recorder's blocks, when a kill may come between any two stores
 *
 * Both threads have filled all blocks that they may have, so each event begins the oldest one anew.
 * Each event has its own time as an operand: a block whose content, head and length do not belong
 * together tells other times.
 */
#include "../../preload/flight.h"
#include "model.h"

enum { FIRST_SLOT = 9, EVENTS = 3 };

static struct flight flights[2];

static uint64_t last_ticks;

static struct trace_event wait_at(uint64_t ticks)
{
	struct trace_event e = { .type = TRACE_EV_ACQUISITION, .arg = TRACE_NODE_UNKNOWN,
				 .ticks = ticks };

	e.value[ACQ_HOLD] = e.value[ACQ_STACK] = UINT64_MAX; /* it takes much room */
	e.value[ACQ_FLAGS] = TRACE_ACQ_WAITED;
	e.value[ACQ_WAIT] = ticks;
	return e;
}

static void add(int self, uint64_t ticks)
{
	struct trace_event e = wait_at(ticks);

	flight_add(&flights[self], FIRST_SLOT + (uint32_t)self, &e);
}

/* As flight_add() does it: so many of its own stores would be too many for the model. */
static void fill(struct trace_block *block)
{
	const uint32_t room = TRACE_BLOCK_SIZE - sizeof(*block) - TRACE_EVENT_BYTES;
	unsigned char *begin = (unsigned char *)(block + 1);

	memory_kernel_stores((uintptr_t)block, TRACE_BLOCK_SIZE); /* it is to be as it was again */
	while (block->length <= room) {
		struct trace_event e = wait_at(++last_ticks);

		block->length = (uint32_t)(event_put(begin + block->length, e.type, e.arg,
						     e.ticks - block->last_ticks, e.value) -
					   begin);
		block->last_ticks = e.ticks;
	}
}

void flights_setup(void)
{
	flight_init(TRACE_BLOCK_SIZE); /* few blocks: the second thread gets one */
	last_ticks = 1000;
	for (int i = 0; i < 2; i++)
		for (unsigned int k = 0; k < FLIGHT_SLOT; k++) {
			add(i, ++last_ticks);
			fill(flights[i].block[flights[i].now]);
		}
}

void flights_thread(int self)
{
	for (uint64_t i = 1; i <= EVENTS; i++)
		add(self, last_ticks + i * 1000);
}

static uint64_t check_block(const struct trace_block *block)
{
	const unsigned char *p = (const void *)(block + 1), *end = p + block->length;
	struct trace_event e = { .ticks = block->base_ticks };
	uint64_t n = 0;

	for (; p < end; n++) {
		p = event_get(p, end, &e);
		model_assert(p && e.ticks == e.value[ACQ_WAIT], "a kept wait is whole");
	}
	return n;
}

void flights_look(bool end)
{
	uint64_t n = 0;

	for (uint32_t b = 1; b < kernel_nr_blocks(); b++) {
		const struct trace_block *block =
			(const void *)(model_file + (size_t)b * TRACE_BLOCK_SIZE);

		if (block->type == TRACE_BLOCK_FLIGHT)
			n += check_block(block);
	}
	model_assert(!end || n > 1000, "most waits are kept");
}
