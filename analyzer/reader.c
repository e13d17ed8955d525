/* SPDX-License-Identifier: MIT */
/*
 * reader.c: opens a trace, checks its header, and hands out what the other parts found
 *
 * The file is mapped read-only (reader_map.c) and never grows under us: its size is taken once.
 *
 * The header is trusted only for what nothing else can tell: facts of the process and the clock.
 * Its number of blocks is a hint, since a program may be killed while it makes room.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reader_internal.h"

#define READER_VERSION	TRACE_VERSION /* what this reader understands */
#define READER_FEATURES TRACE_FEATURE_PHASES

/* ---- small helpers of all parts ---- */

void *reader_vector_push(struct reader_vector *vector, size_t size)
{
	if (vector->nr == vector->capacity) {
		size_t capacity = vector->capacity ? vector->capacity * 2 : 16;
		void *item = reallocarray(vector->item, capacity, size);

		if (!item)
			return NULL;
		vector->item = item;
		vector->capacity = capacity;
	}
	return (char *)vector->item + vector->nr++ * size;
}

void *reader_pool(struct reader *reader, size_t size)
{
	char **pool;

	size = (size + 7) & ~(size_t)7;
	if (!reader->pools.nr || reader->pool_used + size > reader->pool_size) {
		pool = reader_vector_push(&reader->pools, sizeof(*pool));
		if (!pool)
			return NULL;
		reader->pool_used = 0;
		reader->pool_size = size > 1 << 18 ? size : 1 << 18;
		*pool = calloc(1, reader->pool_size);
		if (!*pool) {
			reader->pool_size = 0;
			return NULL;
		}
	}
	pool = (char **)reader->pools.item + reader->pools.nr - 1;
	reader->pool_used += size;
	return *pool + reader->pool_used - size;
}

void reader_damaged(struct reader *reader, uint64_t offset, const char *format, ...)
{
	struct reader_damage *damage;
	va_list ap;

	if (reader->nr_damages++ >= READER_DAMAGES_MAX)
		return;
	damage = reader_vector_push(&reader->damages, sizeof(*damage));
	if (!damage)
		return;
	damage->offset = offset;
	va_start(ap, format);
	vsnprintf(damage->text, sizeof(damage->text), format, ap);
	va_end(ap);
}

/* The last place tells of those that found none. */
static void damages_finish(struct reader *reader)
{
	struct reader_damage *last;

	if (reader->nr_damages <= READER_DAMAGES_MAX || !reader->damages.nr)
		return;
	last = (struct reader_damage *)reader->damages.item + reader->damages.nr - 1;
	snprintf(last->text, sizeof(last->text), "%llu more damages, from here on",
		 (unsigned long long)(reader->nr_damages - READER_DAMAGES_MAX + 1));
}

uint32_t reader_block_bytes(const struct reader *reader, uint64_t number)
{
	uint64_t left = reader->bytes - number * TRACE_BLOCK_SIZE;

	return left < TRACE_BLOCK_SIZE ? (uint32_t)left : TRACE_BLOCK_SIZE;
}

void reader_seen(struct reader *reader, uint64_t ticks)
{
	if (!reader->header.end_ticks && ticks > reader->end_ticks)
		reader->end_ticks = ticks;
}

/* ---- the header ---- */

static int refuse(char *error, size_t size, const char *path, size_t offset, const char *reason)
{
	snprintf(error, size, "%s: byte %zu: %s", path, offset, reason);
	return -EINVAL;
}

/* What no reader may guess around. */
static int header_check(const struct trace_header *h, const char *path, char *error, size_t size)
{
	char text[128];

	if (memcmp(h->magic, TRACE_MAGIC, sizeof(h->magic)) != 0)
		return refuse(error, size, path, offsetof(struct trace_header, magic),
			      "not a lockprof trace");
	if (h->endian_mark != TRACE_ENDIAN_MARK)
		return refuse(error, size, path, offsetof(struct trace_header, endian_mark),
			      h->endian_mark == __builtin_bswap32(TRACE_ENDIAN_MARK)
				      ? "written on a machine of the other byte order"
				      : "the byte order mark is damaged");
	if (h->min_reader > READER_VERSION) {
		snprintf(text, sizeof(text),
			 "format version %u needs a reader of version %u or newer, this one is %u",
			 h->version, h->min_reader, READER_VERSION);
		return refuse(error, size, path, offsetof(struct trace_header, version), text);
	}
	if (h->features & ~(uint64_t)READER_FEATURES) {
		snprintf(text, sizeof(text),
			 "format version %u uses features 0x%llx that this reader (%u) lacks",
			 h->version, (unsigned long long)(h->features & ~(uint64_t)READER_FEATURES),
			 READER_VERSION);
		return refuse(error, size, path, offsetof(struct trace_header, features), text);
	}
	if (h->block_size != TRACE_BLOCK_SIZE) {
		snprintf(text, sizeof(text), "block size %u, must be %u", h->block_size,
			 TRACE_BLOCK_SIZE);
		return refuse(error, size, path, offsetof(struct trace_header, block_size), text);
	}
	return 0;
}

static void text_end(struct reader *reader, char *text, size_t size)
{
	size_t offset = (size_t)(text - (char *)&reader->header);

	if (text[size - 1])
		reader_damaged(reader, offset, "header: text without end");
	text[size - 1] = '\0';
}

/* A value out of a small range becomes `otherwise`. */
static void in_range(struct reader *reader, uint32_t *value, uint32_t low, uint32_t high,
		     uint32_t otherwise, const char *name)
{
	if (*value >= low && *value <= high)
		return;
	reader_damaged(reader, (uint64_t)((char *)value - (char *)&reader->header),
		       "header: %s is %u, taken as %u", name, *value, otherwise);
	*value = otherwise;
}

static void header_repair(struct reader *reader)
{
	struct trace_header *h = &reader->header;
	uint32_t mode = TRACE_MODE_TRACE, arguments = 0;

	text_end(reader, h->host, sizeof(h->host));
	text_end(reader, h->libc, sizeof(h->libc));
	text_end(reader, h->exe, sizeof(h->exe));
	text_end(reader, h->argv, sizeof(h->argv));
	in_range(reader, &h->mode_at_start, TRACE_MODE_TRACE, TRACE_MODE_PROFILE, mode,
		 "mode at start");
	in_range(reader, &h->mode, TRACE_MODE_TRACE, TRACE_MODE_PROFILE, h->mode_at_start, "mode");
	in_range(reader, &h->end, TRACE_END_RUNNING, TRACE_END_SIGNAL, TRACE_END_RUNNING, "end");
	in_range(reader, &h->clock, TRACE_CLOCK_TSC, TRACE_CLOCK_CNTVCT, TRACE_CLOCK_MONOTONIC,
		 "clock");
	in_range(reader, &h->clock_shift, 0, 31, 0, "clock shift");
	in_range(reader, &h->argv_bytes, 0, sizeof(h->argv), sizeof(h->argv), "length of argv");
	for (uint32_t i = 0; i < h->argv_bytes; i++)
		arguments += !h->argv[i];
	if (h->argc > arguments)
		h->argc = arguments; /* a long command line is cut */
	if (h->block.magic != TRACE_BLOCK_MAGIC || h->block.type != TRACE_BLOCK_HEADER)
		reader_damaged(reader, 0, "header: its block head is damaged");
}

/* ---- open and close ---- */

/*
 * Whoever is killed may have counted a block that it had no time to make: each thread one, also
 * those that had no slot yet. Of an orderly end, that is all threads but the one that ended it.
 */
static uint64_t blocks_under_way(const struct reader *reader)
{
	uint64_t given = reader->header.nr_threads, known = reader_max_thread(reader);
	uint64_t threads = reader_nr_slots(reader) + (given > known ? given - known : 0);

	if (reader->header.end == TRACE_END_EXIT)
		return threads ? threads - 1 : 0;
	return threads ? threads : 1;
}

static void size_check(struct reader *reader)
{
	const struct trace_header *h = &reader->header;

	if (reader->live || h->events & (TRACE_EVENT_NO_SPACE | TRACE_EVENT_NO_FILE))
		return;
	if (reader->nr_blocks + blocks_under_way(reader) < h->nr_blocks)
		reader_damaged(reader, reader->bytes, "the file ends here, %llu blocks are missing",
			       (unsigned long long)(h->nr_blocks - reader->nr_blocks));
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int read_all(struct reader *reader)
{
	int err = reader_read_blocks(reader);

	if (!err)
		err = reader_finish_records(reader);
	if (err)
		return err;
	size_check(reader);
	reader_seen(reader, reader->header.calibration[0].ticks);
	reader_seen(reader, reader->header.calibration[1].ticks);
	if (reader->header.end_ticks)
		reader->end_ticks = reader->header.end_ticks;
	reader_clock_init(reader);
	damages_finish(reader);
	return 0;
}

int reader_open(struct reader **opened, const char *path, char *error, size_t error_size)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int err = -ENOMEM;

	if (!reader)
		goto out;
	reader->fd = -1;
	reader->path = strdup(path);
	if (!reader->path)
		goto out;
	err = reader_map(reader, error, error_size);
	if (err)
		goto out_said;
	memcpy(&reader->header, reader->map, sizeof(reader->header));
	err = header_check(&reader->header, path, error, error_size);
	if (err)
		goto out_said;
	header_repair(reader);
	reader->nr_of_type[TRACE_BLOCK_HEADER] = 1;
	reader->live = reader_is_live(reader);
	reader->opened_ns = monotonic_ns();
	err = read_all(reader);
	if (err)
		goto out;
	*opened = reader;
	return 0;
out:
	snprintf(error, error_size, "%s: %s", path, strerror(-err));
out_said:
	reader_close(reader);
	return err;
}

void reader_close(struct reader *reader)
{
	if (!reader)
		return;
	for (size_t i = 0; i < reader->pools.nr; i++)
		free(((char **)reader->pools.item)[i]);
	free(reader->pools.item);
	free(reader->names.item);
	free(reader->stats.item);
	free(reader->hists.item);
	free(reader->slots.item);
	free(reader->owned.item);
	free(reader->chunks.item);
	free(reader->streams.item);
	free(reader->flights.item);
	free(reader->flight_refs.item);
	free(reader->damages.item);
	free(reader->phase_records.item);
	free(reader->phase_names.item);
	free(reader->changes.item);
	free(reader->phase_of);
	free(reader->same_node);
	free(reader->thread.record);
	free(reader->lock.record);
	free(reader->node.record);
	free(reader->stack.record);
	free(reader->module.record);
	reader_unmap(reader);
	free(reader->path);
	free(reader);
}

/* ---- what was found ---- */

const char *reader_path(const struct reader *reader)
{
	return reader->path;
}

const struct trace_header *reader_header(const struct reader *reader)
{
	return &reader->header;
}

uint64_t reader_file_bytes(const struct reader *reader)
{
	return reader->bytes;
}

uint64_t reader_nr_blocks(const struct reader *reader, enum trace_block_type type)
{
	return type < TRACE_BLOCK_MAX ? reader->nr_of_type[type] : 0;
}

uint64_t reader_end_ticks(const struct reader *reader)
{
	return reader->end_ticks;
}

size_t reader_nr_streams(const struct reader *reader)
{
	return reader->streams.nr;
}

const struct reader_stream *reader_stream(const struct reader *reader, size_t i)
{
	return (const struct reader_stream *)reader->streams.item + i;
}

size_t reader_nr_stats(const struct reader *reader)
{
	return reader->stats.nr;
}

const struct trace_stat *reader_stat(const struct reader *reader, size_t i)
{
	return ((const struct trace_stat **)reader->stats.item)[i];
}

size_t reader_nr_hists(const struct reader *reader)
{
	return reader->hists.nr;
}

const struct trace_hist *reader_hist(const struct reader *reader, size_t i)
{
	return ((const struct trace_hist **)reader->hists.item)[i];
}

size_t reader_nr_slots(const struct reader *reader)
{
	return reader->owned.nr;
}

const struct trace_slot *reader_slot(const struct reader *reader, size_t i)
{
	return ((const struct trace_slot **)reader->owned.item)[i];
}

size_t reader_nr_damages(const struct reader *reader)
{
	return reader->damages.nr + (reader->cut.offset != 0);
}

const struct reader_damage *reader_damage(const struct reader *reader, size_t i)
{
	return i < reader->damages.nr ? (const struct reader_damage *)reader->damages.item + i
				      : &reader->cut;
}
