/* SPDX-License-Identifier: MIT */
/*
 * ctl_snapshot.c: a copy of a live trace that reads like the trace of a program that stopped there
 *
 * A plain copy is not that: it may have events of a thread and not those before them. So slots are
 * copied first, each one as it is at one moment, and of the blocks of events those that the copied
 * slot knows of: what a thread flushed later is left out. The dictionary comes last and has more
 * than is needed; the waits that profile mode keeps come before it, as they are in its statistics
 * too.
 *
 * In profile mode a ring's events move into the statistics, which are copied later and so would
 * have them again. Then all is copied once more, until no ring was emptied meanwhile; after some
 * tries the rings of the busiest threads are left out, which is at most the latest 60 KiB of each.
 *
 * Holes stay holes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../trace/event.h"
#include "ctl.h"
#include "outfile.h"
#include "output.h"

enum { COPY_TRIES = 10, FOLD_TRIES = 8, NAMES_MAX = 10000 };

/* What decides about a slot's blocks of events. */
struct copied {
	uint32_t block, out; /* numbers in the trace and in the copy */
	uint32_t slot;
	uint32_t sequence, tail;
};

struct snapshot {
	struct ctl *ctl;
	int fd;
	bool state_only;      /* no events: the blocks stand one behind the other */
	uint32_t nr_out;      /* so many, without the header */
	struct copied *slots; /* by number of the slot */
	size_t nr_slots;
	uint64_t end_ticks;
	unsigned char buffer[TRACE_BLOCK_SIZE];
};

/* ---- bytes ---- */

static int put(struct snapshot *s, uint32_t block, size_t bytes)
{
	const unsigned char *p = s->buffer;
	off_t at = (off_t)block * TRACE_BLOCK_SIZE;

	while (bytes) {
		ssize_t n = pwrite(s->fd, p, bytes, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		p += n;
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

/* The bytes that there are; what is missing in the block is zero. */
static int get(struct snapshot *s, uint32_t block)
{
	ssize_t n =
		pread(s->ctl->fd, s->buffer, sizeof(s->buffer), (off_t)block * TRACE_BLOCK_SIZE);

	if (n < 0)
		return -errno;
	memset(s->buffer + n, 0, sizeof(s->buffer) - (size_t)n);
	return 0;
}

/* Where a block goes in the copy. */
static uint32_t place_of(struct snapshot *s, uint32_t block)
{
	return s->state_only ? ++s->nr_out : block;
}

/* ---- slots ---- */

/* What changes when a ring is emptied. */
struct front {
	uint32_t thread, head, tail, sequence, thread_at_tail, wait_node;
	uint64_t base_ticks;
};
_Static_assert(offsetof(struct trace_slot, thread) + offsetof(struct front, base_ticks) ==
		       offsetof(struct trace_slot, base_ticks),
	       "front is a part of slot");

static int get_front(const struct snapshot *s, uint32_t block, struct front *front)
{
	ssize_t n =
		pread(s->ctl->fd, front, sizeof(*front),
		      (off_t)block * TRACE_BLOCK_SIZE + (off_t)offsetof(struct trace_slot, thread));

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return n == sizeof(*front) ? 0 : n < 0 ? -errno : -EIO;
}

static bool same_ring(const struct front *a, const struct front *b)
{
	return a->sequence == b->sequence && a->tail == b->tail && a->base_ticks == b->base_ticks;
}

/* Its head first, so that all events before it are in what is copied next. */
static int slot_copy(struct snapshot *s, uint32_t block, bool *whole)
{
	struct trace_slot *to = (void *)s->buffer;
	struct front before, after;
	int err = get_front(s, block, &before);

	if (!err)
		err = get(s, block);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!err)
		err = get_front(s, block, &after);
	if (err)
		return err;
	*whole = same_ring(&before, &after) && before.head <= TRACE_RING_SIZE;
	to->head = before.head;
	return 0;
}

static void forget_ring(struct snapshot *s)
{
	struct trace_slot *slot = (void *)s->buffer;

	slot->head = slot->tail = 0;
}

static int copy_slot(struct snapshot *s, uint32_t block)
{
	const struct trace_slot *slot = (const void *)s->buffer;
	uint32_t out = place_of(s, block);
	bool whole = false;
	int err = 0;

	for (int tries = 0; !err && !whole && tries < COPY_TRIES; tries++)
		err = slot_copy(s, block, &whole);
	if (err)
		return err;
	if (!whole)
		forget_ring(s);
	s->slots[s->nr_slots++] =
		(struct copied){ block, out, slot->block.slot, slot->sequence, slot->tail };
	return put(s, out, TRACE_BLOCK_SIZE);
}

static int by_slot(const void *a, const void *b)
{
	const struct copied *x = a, *y = b;

	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static int copy_slots(struct snapshot *s)
{
	int err = 0;

	free(s->slots);
	s->nr_slots = 0;
	s->nr_out = 0;
	s->slots = calloc(s->ctl->nr, sizeof(*s->slots));
	if (!s->slots)
		return -ENOMEM;
	for (uint32_t i = 1; !err && i < s->ctl->nr; i++)
		if (s->ctl->types[i] == CTL_SLOT)
			err = copy_slot(s, i);
	if (s->nr_slots)
		qsort(s->slots, s->nr_slots, sizeof(*s->slots), by_slot);
	s->end_ticks = ctl_ticks(s->ctl->header);
	return err;
}

static const struct copied *find_slot(const struct snapshot *s, uint32_t slot)
{
	const struct copied key = { .slot = slot };

	return s->nr_slots ? bsearch(&key, s->slots, s->nr_slots, sizeof(key), by_slot) : NULL;
}

/* ---- the other blocks ---- */

/* Of the block that a slot was just writing the ring is in the copy, unless the block is whole. */
static bool is_wanted(const struct snapshot *s)
{
	const struct trace_block *head = (const void *)s->buffer;
	const struct copied *slot = find_slot(s, head->slot);

	if (!slot || head->length > TRACE_BLOCK_SIZE - sizeof(*head))
		return false;
	if (head->sequence != slot->sequence)
		return head->sequence < slot->sequence;
	return trace_checksum(s->buffer + sizeof(*head), head->length) == head->checksum;
}

static int copy_events(struct snapshot *s, uint32_t block)
{
	const struct trace_block *head = (const void *)s->buffer;
	int err = get(s, block);

	return err || !is_wanted(s) ? err : put(s, block, sizeof(*head) + head->length);
}

static int copy_records(struct snapshot *s, uint32_t block)
{
	size_t bytes = TRACE_BLOCK_SIZE;
	int err = get(s, block);

	while (bytes && !s->buffer[bytes - 1])
		bytes--;
	return err ? err : put(s, place_of(s, block), bytes);
}

static int get_head(const struct snapshot *s, uint32_t block, struct trace_block *head)
{
	ssize_t n = pread(s->ctl->fd, head, sizeof(*head), (off_t)block * TRACE_BLOCK_SIZE);

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return n == sizeof(*head) ? 0 : n < 0 ? -errno : -EIO;
}

/* With what it had at first; one that began anew meanwhile is left out, as if it had just been
 * made. */
static int copy_flight(struct snapshot *s, uint32_t block)
{
	struct trace_block *head = (void *)s->buffer, before, after;
	int err = get_head(s, block, &before);

	if (!err)
		err = get(s, block);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!err)
		err = get_head(s, block, &after);
	if (err)
		return err;
	*head = before;
	if (before.sequence != after.sequence || before.length > TRACE_BLOCK_SIZE - sizeof(before))
		head->length = 0;
	return put(s, block, sizeof(*head) + head->length);
}

static int copy_of_type(struct snapshot *s, enum ctl_block type,
			int (*copy)(struct snapshot *s, uint32_t block))
{
	int err = 0;

	for (uint32_t i = 1; !err && i < s->ctl->nr; i++)
		if (s->ctl->types[i] == type)
			err = copy(s, i);
	return err;
}

static int copy_dictionary(struct snapshot *s)
{
	int err = ctl_look(s->ctl) < 0 ? -EIO : 0;

	if (!err)
		err = copy_of_type(s, CTL_RECORDS, copy_records);
	if (!err)
		err = copy_of_type(s, CTL_OWN, copy_records);
	return err;
}

/* ---- rings that moved into statistics ---- */

/* One that is gone has not. */
static bool has_moved(const struct snapshot *s, const struct copied *slot)
{
	struct front now;

	return get_front(s, slot->block, &now) == 0 &&
	       (now.sequence != slot->sequence || now.tail != slot->tail);
}

static bool any_has_moved(const struct snapshot *s)
{
	for (size_t i = 0; i < s->nr_slots; i++)
		if (has_moved(s, &s->slots[i]))
			return true;
	return false;
}

static int forget_moved(struct snapshot *s)
{
	int err = 0;

	for (size_t i = 0; !err && i < s->nr_slots; i++) {
		uint32_t none[2] = { 0, 0 };
		off_t at = (off_t)s->slots[i].out * TRACE_BLOCK_SIZE +
			   (off_t)offsetof(struct trace_slot, head);

		if (has_moved(s, &s->slots[i]) && pwrite(s->fd, none, sizeof(none), at) < 0)
			err = -errno;
	}
	return err;
}

static int copy_state(struct snapshot *s)
{
	int err = 0;

	for (int tries = 0; tries < FOLD_TRIES; tries++) {
		err = copy_slots(s);
		if (!err && !s->state_only)
			err = copy_of_type(s, CTL_FLIGHT, copy_flight);
		if (!err)
			err = copy_dictionary(s);
		if (err || s->ctl->header->mode != TRACE_MODE_PROFILE || !any_has_moved(s))
			return err;
	}
	return forget_moved(s);
}

/* ---- the header ---- */

/* The clock's rate up to this moment, so that nobody must ask this machine for it. */
static void calibrate(const struct snapshot *s, struct trace_calibration *now)
{
	now->sequence = 2;
	now->ticks = ctl_ticks(s->ctl->header);
	now->monotonic_ns = ctl_clock_ns(CLOCK_MONOTONIC);
	now->realtime_ns = ctl_clock_ns(CLOCK_REALTIME);
}

static int copy_header(struct snapshot *s)
{
	struct trace_header *h = (void *)s->buffer;

	memset(s->buffer, 0, sizeof(s->buffer));
	memcpy(h, s->ctl->header, sizeof(*h));
	h->nr_blocks = s->state_only ? s->nr_out + 1 : s->ctl->nr;
	if (h->end == TRACE_END_RUNNING) {
		h->end_ticks = s->end_ticks;
		calibrate(s, &h->calibration[1]);
	}
	if (ftruncate(s->fd, (off_t)h->nr_blocks * TRACE_BLOCK_SIZE) < 0)
		return -errno;
	return put(s, 0, sizeof(*h));
}

static int copy_all(struct ctl *ctl, int fd, bool state_only)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->ctl = ctl;
	s->fd = fd;
	s->state_only = state_only;
	err = copy_state(s);
	if (!err && !state_only)
		err = copy_of_type(s, CTL_EVENTS, copy_events);
	if (!err)
		err = copy_header(s);
	free(s->slots);
	free(s);
	return err;
}

/* ---- the file ---- */

/* A new name beside the trace, which is there from then on: nobody else takes it. 0 or -errno. */
static int new_name(const struct ctl *ctl, char **path)
{
	size_t length = strlen(ctl->path);
	int fd = -EEXIST;

	if (length > 6 && !strcmp(ctl->path + length - 6, ".trace"))
		length -= 6;
	for (int n = 1; n < NAMES_MAX && fd == -EEXIST; n++) {
		free(*path);
		if (asprintf(path, "%.*s.snapshot-%d.trace", (int)length, ctl->path, n) < 0) {
			*path = NULL;
			return -ENOMEM;
		}
		fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			fd = -errno;
	}
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static int write_file(struct ctl *ctl, const char *path)
{
	struct outfile file;
	int err = outfile_begin(&file, path), fd;
	struct stat st;

	if (err)
		return err;
	fd = fileno(file.out);
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		err = -ESPIPE;
	else if (fchmod(fd, ctl->file.st_mode & 0777) < 0) /* not for more eyes than the trace */
		err = -errno;
	return outfile_end(&file, err ? err : copy_all(ctl, fd, false));
}

int ctl_snapshot_state(struct ctl *ctl, int fd)
{
	return copy_all(ctl, fd, true);
}

int ctl_snapshot(struct ctl *ctl, const char *output, char **path)
{
	bool is_ours = false;
	int err = 0;

	*path = output ? strdup(output) : NULL;
	if (!output) {
		err = new_name(ctl, path);
		is_ours = !err;
	}
	if (!err)
		err = *path ? write_file(ctl, *path) : -ENOMEM;
	if (!err)
		return 0;
	output_error("%s: %s", *path ? *path : "snapshot", strerror(-err));
	if (is_ours)
		unlink(*path);
	free(*path);
	*path = NULL;
	return err;
}
