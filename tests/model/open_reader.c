/* SPDX-License-Identifier: MIT */
/* open_reader.c: somebody who reads the file while it is written, as the analyzer does */
#include "../../trace/format.h"
#include "open.h"

/* Adds up all that a record says, so that the model sees it read. */
static uint64_t read_record(const struct trace_record *record, uint32_t type)
{
	const struct trace_lock *lock = (const void *)record;
	const struct trace_node *node = (const void *)record;

	if (type == TRACE_REC_LOCK)
		return lock->record.id + lock->address + lock->kind + lock->generation;
	if (type == TRACE_REC_NODE)
		return node->record.id + node->parent + node->lock + node->site + node->mode;
	return 0;
}

uint64_t open_read(const unsigned char *block)
{
	const struct trace_block *head = (const void *)block;
	uint64_t sum = 0;

	if (__atomic_load_n(&head->magic, __ATOMIC_ACQUIRE) != TRACE_BLOCK_MAGIC ||
	    head->type != TRACE_BLOCK_RECORDS)
		return 0;
	for (uint32_t at = sizeof(*head); at < TRACE_BLOCK_SIZE;) {
		const struct trace_record *record = (const void *)(block + at);
		uint32_t seen = __atomic_load_n(&record->size_type, __ATOMIC_ACQUIRE);

		if (!seen)
			break;
		at += seen >> 8;
		sum += read_record(record, seen & 0xff);
	}
	return sum;
}
