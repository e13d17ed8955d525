/* SPDX-License-Identifier: MIT */
/* records.c: see records.h */
#include <string.h>

#include "file.h"
#include "records.h"
#include "sys.h"

static void *arena_new(struct arena *arena, uint32_t size, uint32_t *place)
{
	(void)arena;
	return records_new(size, place);
}

static void arena_free_pages(void *pages, size_t size)
{
	sys_munmap(pages, size);
}

struct arena records = {
	.alloc = arena_new,
	.commit = records_commit,
	.pages = records_pages,
	.unpages = arena_free_pages,
};

/* block << 17 | bytes used of it; moved on by compare-and-swap only. 0: no block yet. */
static uint64_t cursor;

static struct {
	unsigned char *pages;
	size_t used;
} aside;
enum { ASIDE_BYTES = 8 << 20 };	/* of addresses; of memory what is touched */

void records_set_aside(void)
{
	if (!aside.pages)
		aside.pages = records_pages(ASIDE_BYTES);
}

static void *take_aside(size_t bytes)
{
	size_t from;

	if (!aside.pages)
		return NULL;
	from = __atomic_fetch_add(&aside.used, (bytes + 63) & ~63ul, __ATOMIC_RELAXED);
	return from + bytes <= ASIDE_BYTES ? aside.pages + from : NULL;
}

void *records_pages(size_t bytes)
{
	void *p = sys_mmap(bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (sys_failed(p))
		return take_aside(bytes);
	if (sys_madvise(p, bytes, MADV_WIPEONFORK) == 0)
		return p;
	sys_munmap(p, bytes);
	return NULL;
}

int records_init(void)
{
	cursor = 0;
	if (!records.block)
		records.block = records_pages(ARENA_BLOCKS * sizeof(*records.block));
	return records.block ? 0 : -1;
}

/* Makes a block and tries to let the cursor go on there. False: no room anywhere. */
static bool next_block(uint64_t seen)
{
	uint32_t number;
	unsigned char *block = file_map_block(TRACE_BLOCK_RECORDS, 0, &number);

	if (!block || number >= ARENA_BLOCKS)
		return false;
	__atomic_store_n(&records.block[number], block, __ATOMIC_RELEASE);
	/* When another thread was faster, this block stays empty. */
	__atomic_compare_exchange_n(&cursor, &seen,
				    (uint64_t)number << 17 | sizeof(struct trace_block), false,
				    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	return true;
}

void *records_new(uint32_t size, uint32_t *place)
{
	uint64_t seen = __atomic_load_n(&cursor, __ATOMIC_ACQUIRE);

	for (;;) {
		uint32_t used = seen & 0x1ffff, number = (uint32_t)(seen >> 17);
		struct trace_record *record;

		if (!file_is_ours())
			return NULL;	/* see fork.c */
		if (!seen || used + size > TRACE_BLOCK_SIZE) {
			if (size > TRACE_BLOCK_SIZE - sizeof(struct trace_block) ||
			    !next_block(seen)) {
				file_loss(TRACE_LOSS_RECORDS, 1);
				return NULL;
			}
			seen = __atomic_load_n(&cursor, __ATOMIC_ACQUIRE);
			continue;
		}
		if (!__atomic_compare_exchange_n(&cursor, &seen, seen + size, true,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			continue;
		*place = number << 13 | used / 8;
		record = record_at(*place);
		__atomic_store_n(&record->size_type, size << 8 | TRACE_REC_DEAD, __ATOMIC_RELAXED);
		/* Before the content: who sees that, and looks again, sees the size. */
		__atomic_thread_fence(__ATOMIC_RELEASE);
		return record;
	}
}

void records_commit(void *record, uint32_t type, uint32_t size)
{
	struct trace_record *r = record;

	/* Partner: the reader's acquire load, and table_insert()'s users. */
	__atomic_store_n(&r->size_type, size << 8 | type, __ATOMIC_RELEASE);
}

uint32_t records_text_bytes(const char *text, uint32_t most)
{
	size_t n = strnlen(text, most + 1);

	if (n > most)	/* no character goes on for more than three bytes */
		for (int i = 0; i < 4 && (text[--n] & 0xc0) == 0x80; i++)
			;
	return (uint32_t)n;
}

void records_name(enum trace_name_of of, uint32_t target, const char *text, uint32_t bytes)
{
	uint32_t size = (uint32_t)(sizeof(struct trace_name) + bytes + 8) & ~7u, place;
	struct trace_name *record = records_new(size, &place);

	if (!record)
		return;
	record->record.id = place;
	record->of = of;
	record->target = target;
	record->bytes = bytes;
	memcpy(record->text, text, bytes);
	records_commit(record, TRACE_REC_NAME, size);
}
