/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the reader: whatever the bytes are, it refuses them or gives out only what is valid.
 *
 * Most of a trace is zeros, and a fuzzer that must invent a 64 KiB header finds nothing. So the
 * input is a list of patches (offset, length, bytes) to a good trace made by tracegen; an input
 * that begins with the format's magic is taken as a whole file instead.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../analyzer/cursor.h"
#include "../../analyzer/reader.h"
#include "../lib/tracegen.c" /* fuzzers are linked with the analyzer only */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned char *good;
static size_t good_bytes;
static int fd = -1;
static char path[64];

static void generate(void)
{
	struct tracegen *t = tracegen_new();

	tracegen_module(t, "/bin/x", 0x1000, 0x2000, 0);
	tracegen_stack(t, 2, (const uint64_t[]){ 1ull << 48 | 5, 0x77 });
	tracegen_thread(t, "a", 0);
	tracegen_lock(t, TRACE_KIND_MUTEX, 0x5000);
	tracegen_node(t, 0, 1, 1ull << 48 | 5, TRACE_HOW_LOCK);
	tracegen_node(t, 1, 1, 0x99, TRACE_HOW_TIMED);
	tracegen_name(t, TRACE_NAME_LOCK, 1, "named");
	for (uint32_t slot = 1; slot <= 2; slot++) {
		tracegen_slot(t, 1);
		for (uint64_t i = 0; i < 10; i++)
			tracegen_acquire(t, slot, 1 + i % 2, i * 1000, 300, i % 4 * 10);
		if (slot == 1)
			tracegen_flush(t, slot);
		else
			tracegen_fold(t, slot);
		tracegen_acquire(t, slot, 1, 20000, 50, 0);
	}
	good = tracegen_image(t, &good_bytes);
	tracegen_free(t);
	fd = memfd_create("trace", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
}

/* Four bytes of offset (its upper byte picks a length up to 16), then the bytes. */
static void patch(const uint8_t *data, size_t size)
{
	while (size > 5) {
		uint32_t at = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16;
		size_t length = 1 + data[3] % 16;
		uint32_t offset = at % (uint32_t)good_bytes;

		data += 4;
		size -= 4;
		if (length > size)
			length = size;
		if (length > good_bytes - offset)
			length = good_bytes - offset;
		if (pwrite(fd, data, length, offset) < 0)
			abort();
		data += length;
		size -= length;
	}
}

static void need(int valid)
{
	if (!valid)
		abort();
}

static void walk_nodes(const struct reader *r)
{
	for (uint32_t id = 1; id <= reader_max_node(r); id++) {
		uint32_t steps = 0;

		for (uint32_t up = id; reader_node(r, up); up = reader_node(r, up)->parent) {
			const struct trace_node *n = reader_node(r, up);

			need(!n->lock || reader_lock(r, n->lock));
			need(!n->stack || reader_stack(r, n->stack));
			need(steps++ <= reader_max_node(r));
		}
	}
}

static void walk(const struct reader *r)
{
	size_t sum = 0;
	struct cursor c;

	for (size_t i = 0; i < reader_nr_streams(r); i++) {
		cursor_init(&c, reader_stream(r, i));
		while (cursor_next(&c))
			need(c.event.type < TRACE_EV_MAX);
	}
	walk_nodes(r);
	for (uint32_t id = 1; id <= reader_max_lock(r); id++) {
		const char *name = reader_name(r, TRACE_NAME_LOCK, id);

		need(!reader_lock(r, id) || reader_lock(r, id)->kind < TRACE_KIND_MAX);
		sum += name ? strlen(name) : 0;
	}
	for (uint32_t id = 1; id <= reader_max_stack(r); id++)
		for (uint32_t i = 0; reader_stack(r, id) && i < reader_stack(r, id)->nr_frames; i++)
			sum += (size_t)reader_stack(r, id)->frames[i];
	for (uint32_t id = 1; id <= reader_max_module(r); id++)
		sum += reader_module(r, id) ? strlen(reader_module(r, id)->path) : 0;
	for (uint32_t id = 1; id <= reader_max_thread(r); id++)
		sum += reader_thread(r, id) ? strlen(reader_thread(r, id)->name) : 0;
	for (size_t i = 0; i < reader_nr_slots(r); i++)
		for (const struct trace_held *h = reader_slot(r, i)->held; h->lock; h++)
			need(!h->node || reader_node(r, h->node));
	for (size_t i = 0; i < reader_nr_hists(r); i++)
		sum += (size_t)reader_hist(r, i)->count[15];
	sum += (size_t)reader_time_ns(r, reader_end_ticks(r));
	sum += strlen(reader_header(r)->exe);
	__asm__ volatile("" : : "r"(sum));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader *reader;
	char error[256];

	if (fd < 0)
		generate();
	if (size > 72 && !memcmp(data + 64, TRACE_MAGIC, 8)) {
		if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) < 0)
			abort();
	} else {
		if (ftruncate(fd, 0) < 0 || pwrite(fd, good, good_bytes, 0) < 0)
			abort();
		patch(data, size);
		if (size && data[0] == 0xff &&
		    ftruncate(fd, (off_t)(good_bytes - size % 512 * 97)) < 0)
			abort();
	}
	if (reader_open(&reader, path, error, sizeof(error)) == 0) {
		walk(reader);
		reader_close(reader);
	} else {
		need(strlen(error) > 0);
	}
	return 0;
}
