/* SPDX-License-Identifier: MIT */
/*
 * top_look.c: one look at a running program
 *
 * What a lock has counted so far is the sum of three: the events of blocks that this has read, the
 * statistics that the program made (profile mode), and what is in the rings. All but the first are
 * taken anew each time, so an event that moves from a ring into a block or into the statistics is
 * counted once, before and after. Waits and holds that go on count up to this moment: a thread that
 * waits for ten seconds is seen waiting in each of them.
 *
 * Blocks that were there at the first look are never read: only differences are shown.
 */
#include "top.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../trace/event.h"
#include "live.h"

#define PAUSE_FACTOR 3
#define SLOTS_MAX    65536 /* numbers above are none of the recorder's */

const char *const top_key_words[] = { "acquired", "contended",	"wait_total",
				      "avg_wait", "hold_total", NULL };
const char *const top_by_words[] = { "class", "lock", NULL };

uint64_t top_pause_ns(uint64_t interval_ns, uint64_t cpu_ns)
{
	return cpu_ns * PAUSE_FACTOR > interval_ns ? cpu_ns * PAUSE_FACTOR : interval_ns;
}

/* ---- counting ---- */

bool top_is_shown(const struct trace_lock *lock)
{
	return lock->kind != TRACE_KIND_COND && lock->kind != TRACE_KIND_BARRIER &&
	       lock->kind != TRACE_KIND_FUTEX;
}

/* The lock that a node stands for; NULL: none that is shown. */
static struct top_lock *lock_of(const struct top *top, uint64_t id)
{
	const struct trace_node *node =
		id <= UINT32_MAX ? reader_node(top->reader, (uint32_t)id) : NULL;
	const struct trace_lock *lock = node ? reader_lock(top->reader, node->lock) : NULL;

	if (!lock || !top_is_shown(lock) || node->lock >= top->nr_locks)
		return NULL;
	return &top->locks[node->lock];
}

static void count_event(const struct top *top, const struct trace_event *e, bool in_block)
{
	struct top_lock *lock = lock_of(top, e->arg);
	struct top_counters *c = !lock ? NULL : in_block ? &lock->events : &lock->now;

	if (!c)
		return;
	switch (e->type) {
	case TRACE_EV_PLAIN:
		c->acquired++;
		c->hold_ticks += e->value[ACQ_HOLD];
		break;
	case TRACE_EV_ACQUISITION:
		c->acquired++;
		if (!(e->value[ACQ_FLAGS] & TRACE_ACQ_NO_HOLD))
			c->hold_ticks += e->value[ACQ_HOLD];
		c->contended += !!(e->value[ACQ_FLAGS] & TRACE_ACQ_WAITED);
		c->wait_ticks += e->value[ACQ_WAIT];
		break;
	case TRACE_EV_WAIT_END:
		c->wait_ticks += e->value[0];
		break;
	case TRACE_EV_ONCE:
		c->acquired++;
		c->contended += e->value[0] != 0;
		c->wait_ticks += e->value[0];
		break;
	default:
		break;
	}
}

static void count_events(const struct top *top, const unsigned char *p, const unsigned char *end,
			 bool in_block)
{
	struct trace_event e = { .ticks = 0 };

	while (p < end && (p = event_get(p, end, &e)))
		count_event(top, &e, in_block);
}

static void count_rings(const struct top *top)
{
	for (size_t i = 0; i < reader_nr_streams(top->reader); i++) {
		const struct reader_stream *stream = reader_stream(top->reader, i);

		for (size_t k = 0; k < stream->nr_chunks; k++)
			count_events(top, stream->chunks[k].begin, stream->chunks[k].end, false);
	}
}

static void count_statistics(const struct top *top)
{
	for (size_t i = 0; i < reader_nr_stats(top->reader); i++) {
		const struct trace_stat *stat = reader_stat(top->reader, i);
		const struct trace_node *node = reader_node(top->reader, stat->node);
		uint32_t how = node ? node->mode & TRACE_HOW_MASK : 0;
		struct top_lock *lock = lock_of(top, stat->node);

		if (!lock)
			continue;
		lock->now.wait_ticks += stat->wait_ticks;
		lock->now.hold_ticks += stat->hold_ticks;
		if (how == TRACE_HOW_WAKE || how == TRACE_HOW_RELEASE)
			continue;
		lock->now.acquired += stat->acquired;
		lock->now.contended += stat->contended;
	}
}

static uint64_t since(const struct top *top, uint64_t begin)
{
	uint64_t end = reader_end_ticks(top->reader);

	return end > begin ? end - begin : 0;
}

/* What goes on; an acquisition is counted when it is over, as in events. */
static void count_state(const struct top *top)
{
	for (size_t i = 0; i < reader_nr_slots(top->reader); i++) {
		const struct trace_slot *slot = reader_slot(top->reader, i);
		struct top_lock *lock = lock_of(top, slot->wait_node);

		if (lock)
			lock->now.wait_ticks += since(top, slot->wait_since);
		for (size_t k = 0; k < TRACE_HELD_MAX && slot->held[k].lock; k++) {
			const struct trace_held *held = &slot->held[k];

			lock = lock_of(top, held->node);
			if (!lock)
				continue;
			lock->now.hold_ticks += since(top, held->since);
			if (held->mode & TRACE_HELD_CONTENDED)
				lock->now.wait_ticks += held->wait;
		}
	}
}

/* ---- blocks of events ---- */

/* Notes the sequence that each slot's ring has in the copy: its blocks below that are whole. */
static int read_sequences(struct top *top, int fd)
{
	struct trace_slot slot;
	size_t bytes = SLOTS_MAX * sizeof(*top->sequences);

	if (!top->sequences)
		top->sequences = malloc(bytes);
	if (!top->sequences)
		return -ENOMEM;
	memset(top->sequences, 0, bytes);
	for (off_t at = TRACE_BLOCK_SIZE; pread(fd, &slot, sizeof(slot), at) == sizeof(slot);
	     at += TRACE_BLOCK_SIZE)
		if (slot.block.type == TRACE_BLOCK_SLOT && slot.block.slot < SLOTS_MAX)
			top->sequences[slot.block.slot] = slot.sequence;
	return 0;
}

static void count_block(const struct top *top, off_t at, uint32_t length)
{
	unsigned char bytes[TRACE_BLOCK_SIZE];

	if (length <= sizeof(bytes) && pread(top->ctl.fd, bytes, length, at) == (ssize_t)length)
		count_events(top, bytes, bytes + length, true);
}

/* Whether the block is done with: counted, or none that is to be. */
static bool read_block(const struct top *top, uint32_t number)
{
	off_t at = (off_t)number * TRACE_BLOCK_SIZE;
	struct trace_block head;

	if (pread(top->ctl.fd, &head, sizeof(head), at) != sizeof(head) || head.slot >= SLOTS_MAX)
		return true;
	if (head.sequence >= top->sequences[head.slot])
		return false;
	if (top->has_begun)
		count_block(top, at + (off_t)sizeof(head), head.length);
	return true;
}

static int read_blocks(struct top *top)
{
	uint8_t *read = realloc(top->read, top->ctl.nr);

	if (!read)
		return -ENOMEM;
	top->read = read;
	memset(read + top->nr_read, 0, top->ctl.nr - top->nr_read);
	top->nr_read = top->ctl.nr;
	for (uint32_t i = 1; i < top->ctl.nr; i++)
		if (top->ctl.types[i] == CTL_EVENTS && !read[i])
			read[i] = read_block(top, i);
	return 0;
}

/* ---- differences ---- */

static uint64_t growth(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

static int by_label(const void *a, const void *b)
{
	return strcmp(((const struct top_row *)a)->label, ((const struct top_row *)b)->label);
}

static void row_add(struct top_row *to, const struct top_row *from)
{
	to->nr_locks += from->nr_locks;
	to->nr_waiting += from->nr_waiting;
	to->acquired += from->acquired;
	to->contended += from->contended;
	to->wait_ns += from->wait_ns;
	to->hold_ns += from->hold_ns;
}

/* Locks of one label become one row. */
static void merge_rows(struct top *top)
{
	size_t kept = 0;

	if (top->nr_rows)
		qsort(top->rows, top->nr_rows, sizeof(*top->rows), by_label);
	for (size_t i = 0; i < top->nr_rows; i++) {
		if (kept && strcmp(top->rows[kept - 1].label, top->rows[i].label) == 0)
			row_add(&top->rows[kept - 1], &top->rows[i]);
		else
			top->rows[kept++] = top->rows[i];
	}
	top->nr_rows = kept;
}

static struct top_row row_of(struct top *top, uint32_t id)
{
	const struct top_counters *now = &top->locks[id].now, *before = &top->locks[id].before;
	double ns = reader_ns_per_tick(top->reader);

	return (struct top_row){
		.label = top_label_of(top, id),
		.nr_locks = 1,
		.acquired = growth(before->acquired, now->acquired),
		.contended = growth(before->contended, now->contended),
		.wait_ns = (uint64_t)(ns * (double)growth(before->wait_ticks, now->wait_ticks)),
		.hold_ns = (uint64_t)(ns * (double)growth(before->hold_ticks, now->hold_ticks)),
	};
}

static int make_rows(struct top *top)
{
	struct top_row *rows = reallocarray(top->rows, top->nr_locks + 1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	top->rows = rows;
	top->nr_rows = 0;
	top->total = (struct top_row){ .label = "" };
	for (uint32_t id = 1; top->has_begun && id < top->nr_locks; id++) {
		struct top_row row = row_of(top, id);

		if (!row.acquired && !row.wait_ns && !row.hold_ns)
			continue;
		row_add(&top->total, &row);
		top->rows[top->nr_rows++] = row;
	}
	merge_rows(top);
	return 0;
}

/* ---- a look ---- */

/* A ring that is just being emptied may be missing from one look: it is in the next one. */
static void keep_highest(struct top_counters *to, const struct top_counters *from)
{
	to->acquired += growth(to->acquired, from->acquired);
	to->contended += growth(to->contended, from->contended);
	to->wait_ticks += growth(to->wait_ticks, from->wait_ticks);
	to->hold_ticks += growth(to->hold_ticks, from->hold_ticks);
}

static int grow_locks(struct top *top)
{
	uint32_t nr = reader_max_lock(top->reader) + 1;
	struct top_lock *locks;

	if (nr > top->nr_locks) {
		locks = reallocarray(top->locks, nr, sizeof(*locks));
		if (!locks)
			return -ENOMEM;
		memset(locks + top->nr_locks, 0, (nr - top->nr_locks) * sizeof(*locks));
		top->locks = locks;
		top->nr_locks = nr;
	}
	for (uint32_t i = 0; i < top->nr_locks; i++) {
		keep_highest(&top->locks[i].before, &top->locks[i].now);
		top->locks[i].now = (struct top_counters){ 0 };
	}
	return 0;
}

static void count_all(struct top *top)
{
	count_rings(top);
	count_statistics(top);
	count_state(top);
	for (uint32_t i = 0; i < top->nr_locks; i++) {
		struct top_lock *lock = &top->locks[i];

		lock->now.acquired += lock->events.acquired;
		lock->now.contended += lock->events.contended;
		lock->now.wait_ticks += lock->events.wait_ticks;
		lock->now.hold_ticks += lock->events.hold_ticks;
	}
}

static int read_state(struct top *top, int fd, const char *path)
{
	uint64_t end_ns;
	char error[512];
	int err;

	reader_close(top->reader);
	top->reader = NULL;
	err = reader_open(&top->reader, path, error, sizeof(error));
	if (!err)
		err = grow_locks(top);
	if (!err)
		err = read_sequences(top, fd);
	if (!err)
		err = read_blocks(top);
	if (!err)
		err = top_label(top, path);
	if (err)
		return err;
	count_all(top);
	end_ns = reader_time_ns(top->reader, reader_end_ticks(top->reader));
	top->interval_ns = top->has_begun && end_ns > top->end_ns ? end_ns - top->end_ns : 0;
	top->end_ns = end_ns;
	err = make_rows(top);
	if (!err)
		err = top_find_waits(top);
	return err;
}

static int look(struct top *top, int fd)
{
	uint64_t now_ns = ctl_clock_ns(CLOCK_MONOTONIC);
	char path[64];
	int err = ctl_snapshot_state(&top->ctl, fd);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!err)
		err = read_state(top, fd, path);
	top->monotonic_ns = now_ns;
	top->has_begun = true;
	return err;
}

int top_look(struct top *top)
{
	uint64_t began_ns = ctl_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	int err = live_check(top->ctl.header, top->ctl.file.st_ino), fd;

	if (err)
		return err;
	fd = memfd_create("lockprof-top", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = look(top, fd);
	close(fd);
	top->cpu_ns = ctl_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began_ns;
	return err;
}

int top_open(struct top *top, const char *name, enum top_by by)
{
	*top = (struct top){ .by = by };
	return ctl_open(&top->ctl, name, false);
}

void top_close(struct top *top)
{
	ctl_close(&top->ctl);
	reader_close(top->reader);
	top_forget_labels(top);
	free(top->locks);
	free(top->read);
	free(top->sequences);
	free(top->rows);
	free(top->waits);
}

/* ---- order ---- */

static double key_of(const struct top_row *row, enum top_key key)
{
	switch (key) {
	case TOP_ACQUIRED:
		return (double)row->acquired;
	case TOP_CONTENDED:
		return (double)row->contended;
	case TOP_AVG_WAIT:
		return row->contended ? (double)row->wait_ns / (double)row->contended : 0;
	case TOP_HOLD_TOTAL:
		return (double)row->hold_ns;
	default:
		return (double)row->wait_ns;
	}
}

/* Rows that are alike in it come by their acquisitions, then by name: they must not jump about. */
static int by_key(const void *a, const void *b, void *key)
{
	const struct top_row *x = a, *y = b;
	double i = key_of(x, *(enum top_key *)key), j = key_of(y, *(enum top_key *)key);

	if (i != j)
		return i > j ? -1 : 1;
	if (x->acquired != y->acquired)
		return x->acquired > y->acquired ? -1 : 1;
	return strcmp(x->label, y->label);
}

void top_sort(struct top *top, enum top_key key)
{
	if (top->nr_rows)
		qsort_r(top->rows, top->nr_rows, sizeof(*top->rows), by_key, &key);
}
