/* SPDX-License-Identifier: MIT */
/*
 * The reader: what is good comes out as it went in, what is damaged is told and left out, and
 * nothing that a file can hold makes it crash (the sanitizers watch).
 *
 * One trace has everything: three threads over two slots, flushed blocks and live rings, folded
 * statistics, all kinds of records. The damage tests change copies of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../analyzer/cursor.h"
#include "../../analyzer/reader.h"
#include "../lib/tracegen.h"

#define NR_ACQUIRED 60000u /* in slot 1: more than two rings hold */

static struct tracegen *g;
static unsigned char *image; /* of the whole good trace */
static size_t image_bytes;
static int memfd;
static char path[64];
static char error[512];

/* ---- the good trace ---- */

static struct tracegen *generate(void)
{
	struct tracegen *t = tracegen_new();
	const uint64_t frames[] = { 1ull << 48 | 0x1234, 1ull << 48 | 0x999, 0x7000 };
	uint32_t module = tracegen_module(t, "/usr/bin/generated", 0x400000, 0x500000, 0x400000);
	uint32_t stack = tracegen_stack(t, 3, frames);
	uint32_t main_thread = tracegen_thread(t, "", 0);
	uint32_t worker = tracegen_thread(t, "worker", main_thread);
	uint32_t lock = tracegen_lock(t, TRACE_KIND_MUTEX, 0x601040);
	uint32_t inner = tracegen_lock(t, TRACE_KIND_RWLOCK, 0x601080);
	uint32_t outer_node = tracegen_node(t, 0, lock, 1ull << 48 | 0x1234, TRACE_HOW_LOCK);
	uint32_t inner_node = tracegen_node(t, outer_node, inner, 1ull << 48 | 0x2345,
					    TRACE_HOW_TRY | TRACE_SHARED);
	uint32_t slot = tracegen_slot(t, main_thread), other = tracegen_slot(t, worker);

	assert_int_equal(module, 1);
	tracegen_change_phase(t, tracegen_phase(t, "load"), false, 1000);
	tracegen_node(t, 3, lock, 1ull << 48 | 0x3456, TRACE_HOW_LOCK);
	((struct trace_node *)tracegen_find(t, TRACE_REC_NODE, outer_node))->stack = stack;
	tracegen_name(t, TRACE_NAME_LOCK, lock, "old name");
	tracegen_name(t, TRACE_NAME_LOCK, lock, "cache lock");
	for (uint64_t i = 0; i < NR_ACQUIRED; i++)
		tracegen_acquire(t, slot, i % 2 ? inner_node : outer_node, i * 100, 50, 0);
	tracegen_acquire(t, other, outer_node, 100, 30, 20);
	tracegen_owner(t, other, tracegen_thread(t, "second", main_thread), 400);
	tracegen_acquire(t, other, inner_node, 500, 40, 0);
	tracegen_slot_state(t, slot)->held[0] =
		(struct trace_held){ .lock = 0x601040, .since = 5, .node = outer_node };
	tracegen_end(t, 10000000, 3);
	return t;
}

/* ---- opening bytes ---- */

static void put_bytes(const unsigned char *bytes, size_t size)
{
	assert_int_equal(ftruncate(memfd, 0), 0);
	assert_int_equal(pwrite(memfd, bytes, size, 0), size);
}

/* Looks at everything that a reader gives out. Returns the number of events. */
static uint64_t walk(const struct reader *r)
{
	uint64_t events = 0, sum = 0;
	struct cursor c;

	for (size_t i = 0; i < reader_nr_streams(r); i++) {
		cursor_init(&c, reader_stream(r, i));
		while (cursor_next(&c))
			events++;
	}
	for (uint32_t id = 0; id <= reader_max_node(r) + 1; id++) {
		uint32_t up = id, steps = 0;

		while (reader_node(r, up) && steps++ <= reader_max_node(r)) {
			const struct trace_node *n = reader_node(r, up);

			assert_true(!n->lock || reader_lock(r, n->lock));
			assert_true(!n->stack || reader_stack(r, n->stack));
			assert_true(!n->parent || reader_node(r, n->parent));
			up = n->parent;
		}
		assert_int_equal(up && reader_node(r, up), 0); /* the root was reached */
	}
	for (uint32_t id = 0; id <= reader_max_node(r) + 1; id++) {
		const struct trace_node *n = reader_node(r, reader_same_node(r, id));

		assert_true(reader_phase_of(r, id) <= reader_nr_phases(r));
		assert_int_equal(!n, !reader_node(r, id));
		assert_true(!n || n->parent == reader_node(r, id)->parent);
	}
	for (uint32_t i = 1; i <= reader_nr_phases(r); i++)
		sum += strlen(reader_phase_name(r, i));
	for (size_t i = 0; i < reader_nr_phase_changes(r); i++)
		assert_true(reader_phase_change(r, i)->phase <= reader_nr_phases(r));
	for (uint32_t id = 1; id <= reader_max_thread(r); id++)
		if (reader_thread(r, id))
			sum += strlen(reader_thread(r, id)->name);
	for (uint32_t id = 1; id <= reader_max_lock(r); id++) {
		const char *name = reader_name(r, TRACE_NAME_LOCK, id);

		sum += name ? strlen(name) : 0;
	}
	for (uint32_t id = 1; id <= reader_max_stack(r); id++)
		for (uint32_t i = 0; reader_stack(r, id) && i < reader_stack(r, id)->nr_frames; i++)
			sum += reader_stack(r, id)->frames[i];
	for (uint32_t id = 1; id <= reader_max_module(r); id++)
		if (reader_module(r, id))
			sum += strlen(reader_module(r, id)->path);
	for (size_t i = 0; i < reader_nr_slots(r); i++)
		for (const struct trace_held *h = reader_slot(r, i)->held; h->lock; h++)
			assert_true(!h->node || reader_node(r, h->node));
	for (size_t i = 0; i < reader_nr_hists(r); i++)
		sum += reader_hist(r, i)->count[15];
	for (size_t i = 0; i < reader_nr_damages(r); i++)
		sum += strlen(reader_damage(r, i)->text);
	sum += reader_time_ns(r, reader_end_ticks(r)) + reader_code_address(r, 0x400123);
	assert_true(sum + 1 > 0);
	return events;
}

/* NULL when it was refused; then `error` has a reason. */
static struct reader *open_bytes(const unsigned char *bytes, size_t size)
{
	struct reader *r = NULL;

	put_bytes(bytes, size);
	memset(error, 0, sizeof(error));
	if (reader_open(&r, path, error, sizeof(error)) < 0) {
		assert_true(strlen(error) > 0);
		return NULL;
	}
	walk(r);
	return r;
}

static struct reader *open_generated(struct tracegen *t)
{
	size_t size;
	unsigned char *bytes = tracegen_image(t, &size);
	struct reader *r = open_bytes(bytes, size);

	free(bytes);
	tracegen_free(t);
	assert_non_null(r);
	return r;
}

/* Opens whatever it is and closes it again. */
static void survive(const unsigned char *bytes, size_t size)
{
	reader_close(open_bytes(bytes, size));
}

static bool has_damage(const struct reader *r, const char *words)
{
	for (size_t i = 0; i < reader_nr_damages(r); i++)
		if (strstr(reader_damage(r, i)->text, words))
			return true;
	return false;
}

static void expect_whole(const struct reader *r)
{
	for (size_t i = 0; i < reader_nr_damages(r); i++)
		print_error("byte %llu: %s\n", (unsigned long long)reader_damage(r, i)->offset,
			    reader_damage(r, i)->text);
	assert_int_equal(reader_nr_damages(r), 0);
}

static int begin(void **state)
{
	(void)state;
	memfd = memfd_create("trace", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	g = generate();
	image = tracegen_image(g, &image_bytes);
	return memfd < 0 ? -1 : 0;
}

static int finish(void **state)
{
	(void)state;
	tracegen_free(g);
	free(image);
	close(memfd);
	return 0;
}

/* ---- good traces ---- */

static void test_good(void **state)
{
	struct reader *r = open_bytes(image, image_bytes);
	const struct trace_node *node = reader_node(r, 2);

	(void)state;
	expect_whole(r);
	assert_int_equal(walk(r), NR_ACQUIRED + 3);
	assert_int_equal(reader_max_thread(r), 3);
	assert_string_equal(reader_thread(r, 2)->name, "worker");
	assert_int_equal(node->parent, 1);
	assert_int_equal(node->lock, 2);
	assert_null(reader_node(r, 0));
	assert_int_equal(reader_phase_of(r, 4), 1);
	assert_null(reader_node(r, 5));
	assert_string_equal(reader_name(r, TRACE_NAME_LOCK, 1), "cache lock");
	assert_null(reader_name(r, TRACE_NAME_LOCK, 2));
	assert_string_equal(reader_module(r, 1)->path, "/usr/bin/generated");
	assert_int_equal(reader_code_address(r, 0x401234), 1ull << 48 | 0x1234);
	assert_int_equal(reader_code_address(r, 0x123), 0x123);
	assert_string_equal(reader_header(r)->exe, "/usr/bin/generated");
	assert_int_equal(reader_time_ns(r, reader_end_ticks(r)), 10000000);
	assert_false(reader_is_live(r));
	reader_close(r);
}

/* Flushed blocks and the ring that follows them are one stream, and its times go on. */
static void test_streams(void **state)
{
	struct reader *r = open_bytes(image, image_bytes);
	const struct reader_stream *s = reader_stream(r, 0);
	uint64_t events = 0, before = 0;
	struct cursor c;

	(void)state;
	assert_int_equal(reader_nr_streams(r), 2);
	assert_int_equal(s->slot, 1);
	assert_true(s->nr_chunks > 2);
	cursor_init(&c, s);
	for (; cursor_next(&c); before = c.event.ticks, events++) {
		assert_true(c.event.ticks > before);
		assert_int_equal(c.event.ticks, TRACEGEN_START_TICKS + events * 100 + 50);
	}
	assert_int_equal(c.bad_offset, 0);
	assert_int_equal(events, NR_ACQUIRED);
	for (size_t i = 1; i < s->nr_chunks; i++)
		assert_int_equal(s->chunks[i].base_ticks, s->chunks[i - 1].last_ticks);
	reader_close(r);
}

static void test_threads_of_a_slot(void **state)
{
	struct reader *r = open_bytes(image, image_bytes);
	const uint32_t want[] = { 2, 3, 3 };
	struct cursor c;

	(void)state;
	cursor_init(&c, reader_stream(r, 1));
	for (int i = 0; i < 3; i++) {
		assert_true(cursor_next(&c));
		assert_int_equal(c.thread, want[i]);
	}
	assert_false(cursor_next(&c));
	reader_close(r);
}

static void test_slots(void **state)
{
	struct reader *r = open_bytes(image, image_bytes);

	(void)state;
	assert_int_equal(reader_nr_slots(r), 2);
	assert_int_equal(reader_slot(r, 0)->held[0].lock, 0x601040);
	assert_int_equal(reader_slot(r, 0)->held[1].lock, 0);
	assert_int_equal(reader_slot(r, 1)->thread, 3);
	reader_close(r);
}

static void test_folded(void **state)
{
	struct tracegen *t = generate();
	struct reader *r;
	uint64_t acquired = 0, counted = 0;

	(void)state;
	tracegen_fold(t, 1);
	tracegen_fold(t, 2);
	r = open_generated(t);
	expect_whole(r);
	assert_true(reader_nr_stats(r) >= 4);
	for (size_t i = 0; i < reader_nr_stats(r); i++)
		acquired += reader_stat(r, i)->acquired;
	for (size_t i = 0; i < reader_nr_hists(r); i++)
		for (int part = 0; part < 16; part++)
			if (reader_hist(r, i)->what == TRACE_HIST_HOLD)
				counted += reader_hist(r, i)->count[part];
	assert_int_equal(acquired + walk(r), NR_ACQUIRED + 2);
	assert_int_equal(counted, acquired);
	reader_close(r);
}

static void test_nothing_recorded(void **state)
{
	struct reader *r = open_generated(tracegen_new());

	(void)state;
	expect_whole(r);
	assert_int_equal(reader_nr_streams(r) + reader_nr_slots(r) + reader_max_node(r), 0);
	assert_int_equal(reader_time_ns(r, reader_end_ticks(r)), 0);
	reader_close(r);
}

/* ---- killed programs ---- */

static void test_killed_between_flush_and_reset(void **state)
{
	struct tracegen *t = generate();
	struct reader *r;

	(void)state;
	tracegen_flush_killed(t, 1);
	tracegen_flush_killed(t, 2);
	r = open_generated(t);
	expect_whole(r);
	assert_int_equal(walk(r), NR_ACQUIRED + 3);
	reader_close(r);
}

static void test_killed_while_flushing(void **state)
{
	struct tracegen *t = generate();
	uint32_t block = tracegen_flush_killed(t, 1);
	struct reader *r;
	size_t size;
	unsigned char *bytes = tracegen_image(t, &size);

	(void)state;
	memset(bytes + (size_t)block * TRACE_BLOCK_SIZE + 100, 0, 5000);
	r = open_bytes(bytes, size);
	expect_whole(r);
	assert_int_equal(walk(r), NR_ACQUIRED + 3);
	reader_close(r);
	free(bytes);
	tracegen_free(t);
}

static void test_holes_and_a_longer_file(void **state)
{
	struct tracegen *t = generate();
	struct reader *r;

	(void)state;
	tracegen_hole(t);
	tracegen_flush(t, 2);
	tracegen_hole(t);
	tracegen_header(t)->nr_blocks = 2;
	r = open_generated(t);
	expect_whole(r);
	assert_int_equal(reader_nr_blocks(r, 0), 2);
	assert_int_equal(walk(r), NR_ACQUIRED + 3);
	reader_close(r);
}

static void test_torn_ring(void **state)
{
	struct tracegen *t = generate();
	struct reader *r;

	(void)state;
	tracegen_slot_state(t, 2)->head += 10; /* zeros: no event */
	r = open_generated(t);
	assert_int_equal(reader_nr_damages(r), 1);
	assert_true(has_damage(r, "no event in the ring here, 10 bytes"));
	assert_int_equal(walk(r), NR_ACQUIRED + 3);
	reader_close(r);
}

/* A fold moved the tail on, and then the program was killed while it reset the ring. */
static void test_killed_while_resetting(void **state)
{
	struct tracegen *t = generate();
	struct reader *r;

	(void)state;
	tracegen_slot_state(t, 2)->tail = tracegen_slot_state(t, 2)->head;
	tracegen_slot_state(t, 2)->head = 0;
	r = open_generated(t);
	expect_whole(r);
	assert_int_equal(walk(r), NR_ACQUIRED);
	reader_close(r);
}

static void test_impossible_ring(void **state)
{
	const uint32_t bad[][2] = {
		{ 10, 5 }, { 0, TRACE_RING_SIZE + 1 }, { 0, UINT32_MAX }, { UINT32_MAX, UINT32_MAX }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct tracegen *t = generate();
		struct reader *r;

		tracegen_slot_state(t, 2)->tail = bad[i][0];
		tracegen_slot_state(t, 2)->head = bad[i][1];
		r = open_generated(t);
		assert_true(has_damage(r, "impossible"));
		assert_int_equal(walk(r), NR_ACQUIRED);
		reader_close(r);
	}
}

/* ---- damage that is told ---- */

static size_t first_events(void)
{
	for (size_t at = TRACE_BLOCK_SIZE; at < image_bytes; at += TRACE_BLOCK_SIZE)
		if (((const struct trace_block *)(const void *)(image + at))->type ==
		    TRACE_BLOCK_EVENTS)
			return at;
	fail();
	return 0;
}

static void test_wrong_checksum(void **state)
{
	size_t at = first_events();
	struct reader *r;

	(void)state;
	image[at + 1000] ^= 1;
	r = open_bytes(image, image_bytes);
	assert_true(has_damage(r, "wrong checksum"));
	assert_true(has_damage(r, "events missing: slot 1 lacks its blocks 1 to 1"));
	assert_int_equal(reader_damage(r, 0)->offset, at);
	assert_true(walk(r) > 1000);
	reader_close(r);
	image[at + 1000] ^= 1;
}

static void test_same_block_twice(void **state)
{
	struct tracegen *t = generate();
	struct reader *r;

	(void)state;
	tracegen_flush_killed(t, 2);
	tracegen_flush_killed(t, 2);
	r = open_generated(t);
	assert_int_equal(reader_nr_damages(r), 1);
	assert_true(has_damage(r, "again"));
	assert_int_equal(walk(r), NR_ACQUIRED + 3);
	reader_close(r);
}

static void test_missing_at_the_end(void **state)
{
	struct tracegen *t = generate();
	struct reader *r;

	(void)state;
	tracegen_slot_state(t, 2)->sequence = 4;
	r = open_generated(t);
	assert_true(has_damage(r, "events missing: slot 2 lacks its blocks 1 to 3"));
	reader_close(r);
}

static void test_circle_of_parents(void **state)
{
	struct tracegen *t = generate();
	struct reader *r;

	(void)state;
	((struct trace_node *)tracegen_find(t, TRACE_REC_NODE, 1))->parent = 2;
	tracegen_node(t, 5, 1, 0x1000, TRACE_HOW_LOCK); /* its own parent */
	tracegen_node(t, 1, 1, 0x1000, TRACE_HOW_LOCK); /* leads into the circle */
	r = open_generated(t);
	assert_int_equal(reader_nr_damages(r), 2);
	assert_true(has_damage(r, "is below it"));
	assert_int_equal(reader_node(r, 6)->parent, 1);
	assert_int_equal(reader_node(r, 5)->parent, 0);
	reader_close(r);
}

/* A child may come before its parent; that is no damage. */
static void test_parent_behind_child(void **state)
{
	struct tracegen *t = generate();
	struct reader *r;

	(void)state;
	tracegen_node(t, 6, 1, 0x1000, TRACE_HOW_LOCK);
	tracegen_node(t, 0, 1, 0x1000, TRACE_HOW_LOCK);
	r = open_generated(t);
	expect_whole(r);
	assert_int_equal(reader_node(r, 5)->parent, 6);
	reader_close(r);
}

static void test_references(void **state)
{
	struct tracegen *t = generate();
	struct trace_node *n = tracegen_find(t, TRACE_REC_NODE, 2);
	struct trace_lock *l = tracegen_find(t, TRACE_REC_LOCK, 2);
	struct trace_stack *s = tracegen_find(t, TRACE_REC_STACK, 1);
	struct reader *r;

	(void)state;
	n->parent = 77;
	n->lock = UINT32_MAX;
	n->stack = 5;
	n->site = 9ull << 48 | 0x42;
	l->init_stack = 1000;
	l->data_address = 2ull << 48;
	s->frames[1] = 3ull << 48 | 0x55;
	r = open_generated(t);
	assert_int_equal(reader_nr_damages(r), 7);
	assert_int_equal(reader_node(r, 2)->parent + reader_node(r, 2)->lock +
				 reader_node(r, 2)->stack + reader_lock(r, 2)->init_stack,
			 0);
	assert_int_equal(reader_node(r, 2)->site, 0x42);
	assert_int_equal(reader_lock(r, 2)->data_address, 0);
	assert_int_equal(reader_stack(r, 1)->frames[1], 0x55);
	assert_true(has_damage(r, "node 2: its lock 4294967295 does not exist"));
	reader_close(r);
}

/* A program whose dictionary was full says so; then missing ids are its loss and no damage. */
static void test_references_of_a_full_dictionary(void **state)
{
	struct tracegen *t = generate();
	struct reader *r;

	(void)state;
	((struct trace_node *)tracegen_find(t, TRACE_REC_NODE, 2))->stack = 5;
	tracegen_header(t)->losses[TRACE_LOSS_RECORDS] = 1;
	r = open_generated(t);
	expect_whole(r);
	assert_int_equal(reader_node(r, 2)->stack, 0);
	reader_close(r);
}

static void test_huge_ids_and_counts(void **state)
{
	struct tracegen *t = generate();
	struct trace_module *m = tracegen_find(t, TRACE_REC_MODULE, 1);
	struct trace_stack *s = tracegen_find(t, TRACE_REC_STACK, 1);
	struct trace_lock *l = tracegen_record(t, TRACE_REC_LOCK, UINT32_MAX, sizeof(*l));
	struct reader *r;

	(void)state;
	l->kind = TRACE_KIND_MUTEX;
	l = tracegen_record(t, TRACE_REC_LOCK, 8000, sizeof(*l));
	l->kind = TRACE_KIND_MUTEX;
	m->path_bytes = UINT32_MAX;
	s->nr_frames = UINT32_MAX;
	tracegen_header(t)->nr_blocks = UINT32_MAX;
	tracegen_header(t)->nr_nodes = UINT32_MAX;
	tracegen_header(t)->argc = UINT32_MAX;
	tracegen_header(t)->argv_bytes = UINT32_MAX;
	r = open_generated(t);
	assert_int_equal(reader_max_lock(r), 2);
	assert_true(has_damage(r, "impossible number"));
	assert_true(has_damage(r, "path longer"));
	assert_true(has_damage(r, "more frames"));
	assert_true(has_damage(r, "blocks are missing"));
	reader_close(r);
}

static void test_same_id_twice(void **state)
{
	struct tracegen *t = generate();
	struct trace_lock *l = tracegen_record(t, TRACE_REC_LOCK, 1, sizeof(*l));
	struct reader *r;

	(void)state;
	l->kind = TRACE_KIND_SPIN;
	r = open_generated(t);
	assert_true(has_damage(r, "lock 1 again"));
	assert_int_equal(reader_lock(r, 1)->kind, TRACE_KIND_MUTEX);
	reader_close(r);
}

static void test_bad_records(void **state)
{
	struct tracegen *t = generate();
	struct trace_hist *h = tracegen_record(t, TRACE_REC_HIST, 9, sizeof(*h));
	struct trace_record *unknown = tracegen_record(t, TRACE_REC_HIST, 8, 16);
	struct trace_record *wild = tracegen_record(t, TRACE_REC_DEAD, 1, 64);
	struct reader *r;

	(void)state;
	h->stat = 12345;
	unknown->size_type = 16u << 8 | 200;
	wild->size_type = 0xffffff00u | TRACE_REC_LOCK;
	((struct trace_lock *)tracegen_find(t, TRACE_REC_LOCK, 2))->kind = 99;
	((struct trace_node *)tracegen_find(t, TRACE_REC_NODE, 2))->mode = 0;
	memset(((struct trace_thread *)tracegen_find(t, TRACE_REC_THREAD, 2))->name, 'x', 16);
	r = open_generated(t);
	assert_true(has_damage(r, "histogram 9 of no statistic"));
	assert_true(has_damage(r, "unknown type 200"));
	assert_true(has_damage(r, "rest of block skipped"));
	assert_true(has_damage(r, "lock 2: unknown kind"));
	assert_true(has_damage(r, "node 2: unknown mode"));
	assert_string_equal(reader_thread(r, 2)->name, "xxxxxxxxxxxxxxx");
	reader_close(r);
}

/* ---- refused ---- */

static void refused(const unsigned char *bytes, size_t size, int err, const char *words)
{
	struct reader *r;

	put_bytes(bytes, size);
	assert_int_equal(reader_open(&r, path, error, sizeof(error)), err);
	if (!strstr(error, words) || !strstr(error, path) || !strstr(error, "byte "))
		fail_msg("not the expected message: %s", error);
}

static void test_foreign_files(void **state)
{
	unsigned char *bytes = calloc(1, 100000);

	(void)state;
	refused(bytes, 0, -ENODATA, "empty");
	refused(bytes, 100, -ENODATA, "ends inside its header");
	refused(bytes, 100000, -EINVAL, "not a lockprof trace");
	memcpy(bytes, "\177ELF\2\1\1", 7);
	refused(bytes, 100000, -EINVAL, "not a lockprof trace");
	free(bytes);
}

static void test_no_file(void **state)
{
	struct reader *r;

	(void)state;
	assert_int_equal(reader_open(&r, "/nonexistent/x", error, sizeof(error)), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent/x: No such file"));
	assert_int_equal(reader_open(&r, "/", error, sizeof(error)), -EISDIR);
	assert_int_equal(reader_open(&r, "/dev/null", error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "/dev/null: not a regular file"));
}

/* What lies in the hole is not looked at, or this would take minutes. */
static void test_hole_of_a_terabyte(void **state)
{
	uint64_t blocks = (1ull << 40) / TRACE_BLOCK_SIZE;
	struct reader *r;

	(void)state;
	put_bytes(image, image_bytes);
	assert_int_equal(ftruncate(memfd, 1ll << 40), 0);
	alarm(60);
	assert_int_equal(reader_open(&r, path, error, sizeof(error)), 0);
	alarm(0);
	assert_int_equal(reader_nr_blocks(r, 0), blocks - image_bytes / TRACE_BLOCK_SIZE);
	assert_int_equal(walk(r), NR_ACQUIRED + 3);
	reader_close(r);
}

/* Its pages are gone then, and reading them would be a SIGBUS. */
static void test_cut_while_read(void **state)
{
	struct reader *r;
	size_t nr;

	(void)state;
	put_bytes(image, image_bytes);
	assert_int_equal(reader_open(&r, path, error, sizeof(error)), 0);
	nr = reader_nr_damages(r);
	assert_int_equal(ftruncate(memfd, TRACE_BLOCK_SIZE), 0);
	assert_true(walk(r) < NR_ACQUIRED);
	assert_int_equal(reader_nr_damages(r), nr + 1);
	assert_true(reader_damage(r, nr)->offset >= TRACE_BLOCK_SIZE);
	assert_non_null(strstr(reader_damage(r, nr)->text, "cut while it was read"));
	reader_close(r);
}

static void test_versions(void **state)
{
	struct trace_header *h = (void *)image;
	struct trace_header before = *h;
	struct reader *r;

	(void)state;
	h->version = 9;
	h->min_reader = TRACE_VERSION + 2;
	refused(image, image_bytes, -EINVAL, "format version 9 needs a reader of version 5");
	h->min_reader = TRACE_VERSION;
	r = open_bytes(image, image_bytes);
	expect_whole(r); /* newer, but it says that we can read it */
	reader_close(r);
	*h = before;
	h->features = 4;
	refused(image, image_bytes, -EINVAL, "features 0x4");
	*h = before;
	h->endian_mark = 0x04030201;
	refused(image, image_bytes, -EINVAL, "other byte order");
	*h = before;
	h->block_size = 4096;
	refused(image, image_bytes, -EINVAL, "block size 4096");
	*h = before;
}

/* ---- cut and flipped ---- */

static uint64_t rnd(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t size = 0; size <= image_bytes; size += 4096)
		survive(image, size);
	for (int i = 0; i < 200; i++)
		survive(image, rnd() % image_bytes);
}

/* The last block is one of events, filled up to 61,504 bytes. */
static void test_cut_is_told(void **state)
{
	struct reader *r = open_bytes(image, image_bytes - 4000);

	(void)state;
	expect_whole(r);
	assert_int_equal(walk(r), NR_ACQUIRED + 3);
	reader_close(r);
	r = open_bytes(image, image_bytes - 5000);
	assert_true(has_damage(r, "longer than their block or the file"));
	reader_close(r);
	r = open_bytes(image, image_bytes - 3 * TRACE_BLOCK_SIZE);
	assert_true(has_damage(r, "blocks are missing"));
	reader_close(r);
	r = open_bytes(image, TRACE_BLOCK_SIZE + 4096);
	assert_true(has_damage(r, "ends inside a block of records"));
	reader_close(r);
}

/* Through the page cache: only the byte is written, not the file. */
static void flip(size_t at, unsigned int bit)
{
	unsigned char byte = (unsigned char)(image[at] ^ 1u << bit);
	struct reader *r = NULL;

	assert_int_equal(pwrite(memfd, &byte, 1, (off_t)at), 1);
	if (reader_open(&r, path, error, sizeof(error)) == 0)
		walk(r);
	reader_close(r);
	assert_int_equal(pwrite(memfd, &image[at], 1, (off_t)at), 1);
}

/* A small trace, so that each of many flips is quick. */
static void small_image(void)
{
	struct tracegen *t = tracegen_new();

	tracegen_free(g);
	free(image);
	g = t;
	tracegen_module(t, "/bin/x", 0x1000, 0x2000, 0);
	tracegen_stack(t, 2, (const uint64_t[]){ 1ull << 48 | 5, 0x77 });
	tracegen_thread(t, "a", 0);
	tracegen_thread(t, "b", 1);
	tracegen_lock(t, TRACE_KIND_MUTEX, 0x5000);
	tracegen_lock(t, TRACE_KIND_SEM, 0x6000);
	tracegen_node(t, 0, 1, 1ull << 48 | 5, TRACE_HOW_LOCK);
	tracegen_node(t, 1, 2, 0x99, TRACE_HOW_TIMED);
	tracegen_name(t, TRACE_NAME_LOCK, 1, "named");
	for (uint32_t slot = 1; slot <= 2; slot++) {
		tracegen_slot(t, slot);
		for (uint64_t i = 0; i < 10; i++)
			tracegen_acquire(t, slot, 1 + i % 2, i * 1000, 300, i % 4 * 10);
		if (slot == 1)
			tracegen_flush(t, slot);
		tracegen_acquire(t, slot, 1, 20000, 50, 0);
	}
	tracegen_slot(t, 2);
	tracegen_acquire(t, 3, 2, 5, 5, 5);
	tracegen_fold(t, 3);
	tracegen_end(t, 30000, 0);
	image = tracegen_image(t, &image_bytes);
	put_bytes(image, image_bytes);
}

static void test_flipped_heads(void **state)
{
	(void)state;
	small_image();
	for (size_t at = 0; at < sizeof(struct trace_header); at++)
		for (unsigned int bit = 0; bit < 8; bit++)
			if (at < 700 || at > sizeof(struct trace_header) - 24 || at % 512 == 0)
				flip(at, bit);
	for (size_t block = TRACE_BLOCK_SIZE; block < image_bytes; block += TRACE_BLOCK_SIZE)
		for (size_t at = 0; at < sizeof(struct trace_block); at++)
			for (unsigned int bit = 0; bit < 8; bit++)
				flip(block + at, bit);
}

static void test_flipped_content(void **state)
{
	(void)state;
	for (size_t block = TRACE_BLOCK_SIZE; block < image_bytes; block += TRACE_BLOCK_SIZE) {
		const struct trace_block *head = (const void *)(image + block);
		size_t span = head->type == TRACE_BLOCK_RECORDS ? 2048 : TRACE_STATE_SIZE + 100;

		for (int i = 0; i < 2000; i++)
			flip(block + rnd() % span, (unsigned int)(rnd() % 8));
	}
}

static void test_random_blocks(void **state)
{
	unsigned char *bytes = malloc(image_bytes);

	(void)state;
	for (int i = 0; i < 100; i++) {
		memcpy(bytes, image, image_bytes);
		for (int j = 0; j < 200; j++)
			bytes[TRACE_BLOCK_SIZE + rnd() % (image_bytes - TRACE_BLOCK_SIZE)] =
				(unsigned char)rnd();
		for (size_t b = 1; b < image_bytes / TRACE_BLOCK_SIZE; b++)
			bytes[b * TRACE_BLOCK_SIZE + 64 + rnd() % 1000] = (unsigned char)rnd();
		survive(bytes, image_bytes);
	}
	free(bytes);
}

/* Endless damage is counted, and not kept. */
static void test_many_damages(void **state)
{
	struct tracegen *t = generate();
	struct reader *r;

	(void)state;
	for (int i = 0; i < 3000; i++)
		tracegen_node(t, 70000, 1, 0x1000, TRACE_HOW_LOCK);
	r = open_generated(t);
	assert_int_equal(reader_nr_damages(r), 1000);
	assert_true(has_damage(r, "2001 more damages"));
	reader_close(r);
}

/* ---- clock, end ---- */

static struct reader *with_clock(uint32_t clock, uint64_t ticks, uint64_t ns)
{
	struct tracegen *t = tracegen_new();
	struct trace_header *h = tracegen_header(t);

	h->clock = clock;
	h->clock_shift = 4;
	h->calibration[1] = (struct trace_calibration){ 4, h->calibration[0].ticks + ticks,
							h->calibration[0].monotonic_ns + ns,
							h->calibration[0].realtime_ns + ns };
	return open_generated(t);
}

static void test_clock(void **state)
{
	struct reader *r = with_clock(TRACE_CLOCK_TSC, 10000000, 50000000);

	(void)state;
	expect_whole(r);
	assert_int_equal(reader_time_ns(r, TRACEGEN_START_TICKS + 1000), 5000);
	assert_int_equal(reader_time_ns(r, 0), 0);
	assert_true(reader_time_ns(r, UINT64_MAX) > 1ull << 62);
	reader_close(r);
	r = with_clock(TRACE_CLOCK_TSC, 40000000, 30000000);
	assert_int_equal(reader_time_ns(r, TRACEGEN_START_TICKS + 1), 1); /* 0.75 */
	assert_int_equal(reader_time_ns(r, TRACEGEN_START_TICKS + 3), 2); /* 2.25 */
	reader_close(r);
	r = with_clock(TRACE_CLOCK_MONOTONIC, 10, 90); /* too close to measure */
	expect_whole(r);
	assert_int_equal(reader_time_ns(r, TRACEGEN_START_TICKS + 1000), 16000);
	reader_close(r);
	r = with_clock(TRACE_CLOCK_TSC, 10, 90);
	assert_true(has_damage(r, "rate is unknown"));
	reader_close(r);
}

static void test_set_exit(void **state)
{
	struct tracegen *t = tracegen_new();
	char file[] = "/tmp/lockprof-reader-XXXXXX", link[64];
	int fd = mkstemp(file);
	struct reader *r;

	(void)state;
	snprintf(link, sizeof(link), "%s.link", file);
	assert_int_equal(symlink(file, link), 0);
	assert_int_equal(tracegen_write(t, file), 0);
	assert_int_equal(reader_set_exit(link, 9), -ELOOP);
	assert_int_equal(reader_set_exit(file, 9), 0); /* as from waitpid: signal 9 */
	assert_int_equal(reader_open(&r, file, error, sizeof(error)), 0);
	assert_int_equal(reader_header(r)->end, TRACE_END_SIGNAL);
	assert_int_equal(reader_header(r)->end_value, 9);
	reader_close(r);
	assert_int_equal(reader_set_exit(file, 3 << 8), 0); /* it is known already */
	assert_int_equal(reader_open(&r, file, error, sizeof(error)), 0);
	assert_int_equal(reader_header(r)->end, TRACE_END_SIGNAL);
	reader_close(r);
	tracegen_free(t);
	assert_int_equal(ftruncate(fd, 8), 0);
	assert_int_equal(reader_set_exit(file, 0), -EINVAL);
	unlink(link);
	unlink(file);
	close(fd);
}

/* This process is alive and maps the file: then it runs. */
static void test_live(void **state)
{
	struct tracegen *t = generate();
	struct trace_header *h = tracegen_header(t);
	struct reader *r;
	void *map;

	(void)state;
	h->end = TRACE_END_RUNNING;
	h->end_ticks = 0;
	h->pid = (uint32_t)getpid();
	gethostname(h->host, sizeof(h->host) - 1);
	assert_int_equal(tracegen_write(t, path), 0);
	assert_int_equal(reader_open(&r, path, error, sizeof(error)), 0);
	reader_close(r);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, memfd, 0);
	assert_int_equal(reader_open(&r, path, error, sizeof(error)), 0);
	assert_true(reader_is_live(r));
	expect_whole(r);
	assert_int_equal(walk(r), NR_ACQUIRED + 3);
	/* Without an end it is the latest thing seen: here, the second calibration. */
	assert_int_equal(reader_end_ticks(r), TRACEGEN_START_TICKS + 10000000);
	reader_close(r);
	munmap(map, 4096);
	tracegen_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_threads_of_a_slot),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_folded),
		cmocka_unit_test(test_nothing_recorded),
		cmocka_unit_test(test_killed_between_flush_and_reset),
		cmocka_unit_test(test_killed_while_flushing),
		cmocka_unit_test(test_holes_and_a_longer_file),
		cmocka_unit_test(test_torn_ring),
		cmocka_unit_test(test_killed_while_resetting),
		cmocka_unit_test(test_impossible_ring),
		cmocka_unit_test(test_wrong_checksum),
		cmocka_unit_test(test_same_block_twice),
		cmocka_unit_test(test_missing_at_the_end),
		cmocka_unit_test(test_circle_of_parents),
		cmocka_unit_test(test_parent_behind_child),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_references_of_a_full_dictionary),
		cmocka_unit_test(test_huge_ids_and_counts),
		cmocka_unit_test(test_same_id_twice),
		cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_foreign_files),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_hole_of_a_terabyte),
		cmocka_unit_test(test_cut_while_read),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_cut_is_told),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_set_exit),
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_flipped_heads),
		cmocka_unit_test(test_flipped_content),
		cmocka_unit_test(test_random_blocks),
		cmocka_unit_test(test_many_damages),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
