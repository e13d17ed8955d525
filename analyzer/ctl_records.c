/* SPDX-License-Identifier: MIT */
/*
 * ctl_records.c: room for ctl's records in the trace of somebody else
 *
 * The program allocates in its blocks by a cursor in its own memory, which nobody else can move. So
 * ctl has RECORDS blocks of its own, known by a mark in their head, and goes on in the latest one:
 * ten thousand changes take a few blocks. Whoever has the lock on the file is the only one there.
 *
 * Space is taken by storing "dead, this long" before the content, as the program does it: whenever
 * we are killed, readers find records and nothing in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../trace/fold.h"
#include "ctl.h"

enum { HEAD = sizeof(struct trace_block), BLOCKS_MAX = ARENA_BLOCKS };

void *ctl_record(const struct ctl *ctl, uint32_t place)
{
	return (unsigned char *)ctl_block(ctl, place >> 13) + (size_t)(place & 8191) * 8;
}

void ctl_record_commit(struct ctl *ctl, uint32_t place, enum trace_record_type type)
{
	struct trace_record *record = ctl_record(ctl, place);
	uint32_t size = record->size_type >> 8;

	/* Partner: the reader's acquire load. */
	__atomic_store_n(&record->size_type, size << 8 | type, __ATOMIC_RELEASE);
}

/* The size of what lies at `at` of a block; 0: nothing, up to its end. */
static uint32_t size_at(const struct ctl *ctl, uint32_t number, uint32_t at)
{
	const struct trace_record *record;
	uint32_t size;

	if (at + sizeof(*record) > TRACE_BLOCK_SIZE)
		return 0;
	record = ctl_record(ctl, number << 13 | at / 8);
	size = __atomic_load_n(&record->size_type, __ATOMIC_ACQUIRE) >> 8;
	return size % 8 || size > TRACE_BLOCK_SIZE - at ? TRACE_BLOCK_SIZE - at : size;
}

/* The place behind it in the same block, or where the next own block begins. */
static uint32_t step(const struct ctl *ctl, uint32_t place)
{
	uint32_t number = place >> 13, size;

	if (place) {
		size = size_at(ctl, number, (place & 8191) * 8);
		if (size && (place & 8191) * 8 + size < TRACE_BLOCK_SIZE)
			return place + size / 8;
	}
	while (++number < ctl->nr)
		if (ctl->types[number] == CTL_OWN)
			return number << 13 | HEAD / 8;
	return 0;
}

void *ctl_record_next(const struct ctl *ctl, enum trace_record_type type, size_t bytes,
		      uint32_t *place)
{
	while ((*place = step(ctl, *place))) {
		struct trace_record *record = ctl_record(ctl, *place);
		uint32_t found = __atomic_load_n(&record->size_type, __ATOMIC_ACQUIRE) & 255;

		if (found == type && size_at(ctl, *place >> 13, (*place & 8191) * 8) >= bytes)
			return record;
	}
	return NULL;
}

/* ---- new ones ---- */

/* tmpfs gives up when a signal is pending. */
static int reserve(const struct ctl *ctl, uint32_t number)
{
	int err;

	do
		err = fallocate(ctl->fd, 0, (off_t)number * TRACE_BLOCK_SIZE, TRACE_BLOCK_SIZE);
	while (err < 0 && errno == EINTR);
	return err < 0 ? -errno : 0;
}

static int reserve_by_writing(const struct ctl *ctl, uint32_t number)
{
	static const unsigned char zeros[TRACE_BLOCK_SIZE];
	ssize_t n = pwrite(ctl->fd, zeros, sizeof(zeros), (off_t)number * TRACE_BLOCK_SIZE);

	return n == sizeof(zeros) ? 0 : n < 0 ? -errno : -ENOSPC;
}

/*
 * Reserved before it is taken, so that a full disk costs no number; when the program was faster
 * with it, its own reservation has just been made twice. Without fallocate() it is taken first.
 */
static int take_block(struct ctl *ctl, uint32_t *number)
{
	uint32_t *nr_blocks = &ctl->header->nr_blocks;
	int err;

	*number = __atomic_load_n(nr_blocks, __ATOMIC_RELAXED);
	do {
		if (*number >= BLOCKS_MAX)
			return -EFBIG;
		err = reserve(ctl, *number);
		if (err && err != -EOPNOTSUPP && err != -ENOSYS)
			return err;
	} while (!__atomic_compare_exchange_n(nr_blocks, number, *number + 1, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	if (!err)
		return 0;
	err = reserve_by_writing(ctl, *number);
	if (err)
		__atomic_fetch_or(&ctl->header->events, TRACE_EVENT_NO_SPACE, __ATOMIC_RELAXED);
	return err;
}

static int new_block(struct ctl *ctl)
{
	struct trace_block *block;
	uint32_t number;
	int err = take_block(ctl, &number);

	if (err)
		return ctl_error(ctl, err, "no room for another record");
	err = ctl_look(ctl);
	if (err)
		return err;
	if (!number || number >= ctl->nr || ctl->types[number] != CTL_NOT_YET)
		return ctl_error(ctl, 0, "its header is wrong about where its blocks end");
	block = ctl_block(ctl, number);
	block->type = TRACE_BLOCK_RECORDS;
	block->spare[0] = TRACE_RECORDS_OF_CTL;
	__atomic_store_n(&block->magic, TRACE_BLOCK_MAGIC, __ATOMIC_RELEASE);
	ctl->types[number] = CTL_OWN;
	ctl->own = number;
	ctl->used = HEAD;
	return 0;
}

/* Where the latest block ends now. */
static void find_end(struct ctl *ctl)
{
	uint32_t size;

	ctl->used = HEAD;
	while ((size = size_at(ctl, ctl->own, ctl->used)))
		ctl->used += size;
}

int ctl_record_new(struct ctl *ctl, uint32_t size, uint32_t *place)
{
	struct trace_record *record;

	if (ctl->own && !ctl->used)
		find_end(ctl);
	if (!ctl->own || ctl->used + size > TRACE_BLOCK_SIZE) {
		int err = new_block(ctl);

		if (err)
			return err;
	}
	*place = ctl->own << 13 | ctl->used / 8;
	record = ctl_record(ctl, *place);
	__atomic_store_n(&record->size_type, size << 8 | TRACE_REC_DEAD, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* before the content */
	ctl->used += size;
	return 0;
}
