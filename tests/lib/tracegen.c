/* SPDX-License-Identifier: MIT */
/*
 * tracegen.c: see tracegen.h
 *
 * The generator keeps to what the program side does: one block array, records appended to the
 * latest RECORDS block, rings that become EVENTS blocks, and folding by trace/fold.c itself over
 * an arena whose places are block number and offset.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../preload/file.h"
#include "../../preload/flight.h"
#include "../../trace/fold.h"
#include "tracegen.h"

#define NR_TYPES (TRACE_REC_PHASE + 1)

struct tracegen {
	unsigned char **block;
	uint32_t nr_blocks, capacity;
	uint32_t records_block; /* the RECORDS block that has room, 0: none yet */
	uint32_t records_used;	/* bytes of it */
	uint32_t next_id[NR_TYPES];
	uint32_t *slot_block; /* by slot number - 1 */
	struct fold *fold;    /* by slot number - 1 */
	struct flight *flight; /* the same */
	bool keeps_waits;
	uint32_t nr_slots;
	uint64_t latest; /* ticks of the latest event */
	struct arena arena;
};

static void *must(void *p)
{
	if (!p) {
		fputs("tracegen: out of memory\n", stderr);
		abort();
	}
	return p;
}

static struct trace_block *block_at(const struct tracegen *g, uint32_t number)
{
	return (struct trace_block *)(void *)g->block[number];
}

static uint32_t block_new(struct tracegen *g, uint16_t type)
{
	uint32_t number = g->nr_blocks++;

	if (number == g->capacity) {
		g->capacity = g->capacity ? g->capacity * 2 : 16;
		g->block = must(realloc(g->block, g->capacity * sizeof(*g->block)));
		g->arena.block = g->block;
	}
	g->block[number] = must(calloc(1, TRACE_BLOCK_SIZE));
	if (type) {
		block_at(g, number)->magic = TRACE_BLOCK_MAGIC;
		block_at(g, number)->type = type;
	}
	tracegen_header(g)->nr_blocks = g->nr_blocks;
	return number;
}

uint32_t tracegen_hole(struct tracegen *g)
{
	return block_new(g, 0);
}

/* ---- the arena of the records ---- */

static void *arena_alloc(struct arena *arena, uint32_t size, uint32_t *place)
{
	struct tracegen *g =
		(struct tracegen *)(void *)((char *)arena - offsetof(struct tracegen, arena));
	unsigned char *record;

	size = (size + 7) & ~7u;
	if (!g->records_block || g->records_used + size > TRACE_BLOCK_SIZE) {
		g->records_block = block_new(g, TRACE_BLOCK_RECORDS);
		g->records_used = sizeof(struct trace_block);
	}
	record = g->block[g->records_block] + g->records_used;
	*place = g->records_block << 13 | g->records_used / 8;
	((struct trace_record *)(void *)record)->size_type = size << 8 | TRACE_REC_DEAD;
	g->records_used += size;
	return record;
}

static void arena_commit(void *record, uint32_t type, uint32_t size)
{
	((struct trace_record *)record)->size_type = ((size + 7) & ~7u) << 8 | type;
}

static void *arena_pages(size_t size)
{
	return calloc(1, size);
}

static void arena_unpages(void *pages, size_t size)
{
	(void)size;
	free(pages);
}

/* ---- life ---- */

struct tracegen *tracegen_new(void)
{
	struct tracegen *g = must(calloc(1, sizeof(*g)));
	struct trace_header *h;

	g->arena = (struct arena){ arena_alloc, arena_commit, arena_pages, arena_unpages, NULL };
	g->block = must(calloc(16, sizeof(*g->block)));
	g->capacity = 16;
	g->arena.block = g->block;
	g->block[0] = must(calloc(1, TRACE_BLOCK_SIZE));
	g->nr_blocks = 1;
	g->latest = TRACEGEN_START_TICKS;
	h = tracegen_header(g);
	h->block.magic = TRACE_BLOCK_MAGIC;
	h->block.type = TRACE_BLOCK_HEADER;
	memcpy(h->magic, TRACE_MAGIC, sizeof(h->magic));
	h->endian_mark = TRACE_ENDIAN_MARK;
	h->version = TRACE_VERSION;
	h->min_reader = TRACE_MIN_READER;
	h->block_size = TRACE_BLOCK_SIZE;
	h->nr_cpus = 2;
	h->nr_blocks = 1;
	h->control = 1;
	h->mode = h->mode_at_start = TRACE_MODE_TRACE;
	h->clock = TRACE_CLOCK_MONOTONIC;
	h->calibration[0] =
		(struct trace_calibration){ 2, TRACEGEN_START_TICKS, TRACEGEN_START_TICKS,
					    TRACEGEN_START_REALTIME };
	h->start_realtime_ns = TRACEGEN_START_REALTIME;
	h->max_size = 1 << 30;
	h->pid = 4242;
	h->ppid = 1;
	h->stack_depth = 32;
	strcpy(h->host, "tracegen");
	strcpy(h->libc, "glibc 2.36");
	strcpy(h->exe, "/usr/bin/generated");
	memcpy(h->argv, "generated\0--fast", sizeof("generated\0--fast"));
	h->argv_bytes = sizeof("generated\0--fast");
	h->argc = 2;
	return g;
}

void tracegen_free(struct tracegen *g)
{
	for (uint32_t i = 0; i < g->nr_slots; i++)
		fold_fini(&g->fold[i]);
	for (uint32_t i = 0; i < g->nr_blocks; i++)
		free(g->block[i]);
	free(g->block);
	free(g->slot_block);
	free(g->fold);
	free(g->flight);
	free(g);
}

struct trace_header *tracegen_header(struct tracegen *g)
{
	return (struct trace_header *)(void *)g->block[0];
}

/* ---- dictionary ---- */

void *tracegen_record(struct tracegen *g, enum trace_record_type type, uint32_t id, size_t size)
{
	uint32_t place;
	struct trace_record *record = arena_alloc(&g->arena, (uint32_t)size, &place);

	if (!id)
		id = g->next_id[type] + 1;
	if (id > g->next_id[type])
		g->next_id[type] = id;
	record->id = id;
	arena_commit(record, type, (uint32_t)size);
	return record;
}

void *tracegen_find(struct tracegen *g, enum trace_record_type type, uint32_t id)
{
	for (uint32_t b = 1; b < g->nr_blocks; b++) {
		if (block_at(g, b)->type != TRACE_BLOCK_RECORDS)
			continue;
		for (uint32_t at = sizeof(struct trace_block); at < TRACE_BLOCK_SIZE;) {
			struct trace_record *r = (void *)(g->block[b] + at);

			if ((r->size_type & 255) == (uint32_t)type && r->id == id)
				return r;
			at += r->size_type >> 8 ? r->size_type >> 8 : 8;
		}
	}
	return NULL;
}

uint32_t tracegen_module(struct tracegen *g, const char *path, uint64_t begin, uint64_t end,
			 uint64_t bias)
{
	size_t bytes = strlen(path);
	struct trace_module *m = tracegen_record(g, TRACE_REC_MODULE, 0, sizeof(*m) + bytes);

	m->begin = begin;
	m->end = end;
	m->bias = bias;
	m->path_bytes = (uint32_t)bytes;
	memcpy(m->path, path, bytes);
	return tracegen_header(g)->nr_modules = m->record.id;
}

uint32_t tracegen_stack(struct tracegen *g, uint32_t nr_frames, const uint64_t *frames)
{
	size_t bytes = nr_frames * sizeof(*frames);
	struct trace_stack *s = tracegen_record(g, TRACE_REC_STACK, 0, sizeof(*s) + bytes);

	s->nr_frames = nr_frames;
	memcpy(s->frames, frames, bytes);
	return tracegen_header(g)->nr_stacks = s->record.id;
}

uint32_t tracegen_thread(struct tracegen *g, const char *name, uint32_t creator)
{
	struct trace_thread *t = tracegen_record(g, TRACE_REC_THREAD, 0, sizeof(*t));

	t->tid = tracegen_header(g)->pid + t->record.id - 1;
	t->creator = creator;
	t->begin_ticks = TRACEGEN_START_TICKS;
	memcpy(t->name, name, strnlen(name, sizeof(t->name) - 1));
	return tracegen_header(g)->nr_threads = t->record.id;
}

uint32_t tracegen_lock(struct tracegen *g, enum trace_kind kind, uint64_t address)
{
	struct trace_lock *l = tracegen_record(g, TRACE_REC_LOCK, 0, sizeof(*l));

	l->kind = kind;
	l->address = address;
	return tracegen_header(g)->nr_locks = l->record.id;
}

uint32_t tracegen_node(struct tracegen *g, uint32_t parent, uint32_t lock, uint64_t site,
		       uint32_t mode)
{
	struct trace_node *n = tracegen_record(g, TRACE_REC_NODE, 0, sizeof(*n));

	n->parent = parent;
	n->lock = lock;
	n->site = site;
	n->mode = mode;
	return tracegen_header(g)->nr_nodes = n->record.id;
}

uint32_t tracegen_name(struct tracegen *g, enum trace_name_of of, uint32_t target, const char *text)
{
	size_t bytes = strlen(text);
	struct trace_name *n = tracegen_record(g, TRACE_REC_NAME, 0, sizeof(*n) + bytes);

	n->of = of;
	n->target = target;
	n->bytes = (uint32_t)bytes;
	memcpy(n->text, text, bytes);
	return n->record.id;
}

/* ---- phases ---- */

uint32_t tracegen_phase(struct tracegen *g, const char *name)
{
	uint32_t root = tracegen_node(g, 0, 0, 0, TRACE_HOW_PHASE);

	tracegen_header(g)->features |= TRACE_FEATURE_PHASES;
	if (name)
		tracegen_name(g, TRACE_NAME_PHASE, root, name);
	return root;
}

void tracegen_change_phase(struct tracegen *g, uint32_t root, bool off, uint64_t at)
{
	struct trace_phase *p = tracegen_record(g, TRACE_REC_PHASE, 0, sizeof(*p));

	p->node = root;
	p->flags = off ? TRACE_PHASE_OFF : 0;
	p->begin_ticks = TRACEGEN_START_TICKS + at;
}

void tracegen_work(struct tracegen *g, uint32_t slot, uint32_t node, uint64_t units, uint64_t at)
{
	tracegen_header(g)->features |= TRACE_FEATURE_PHASES;
	tracegen_event(g, slot, TRACE_EV_WORK, node, at, &units);
}

/* ---- slots and events ---- */

uint32_t tracegen_slot(struct tracegen *g, uint32_t thread)
{
	uint32_t slot = ++g->nr_slots;
	struct trace_slot *s;
	struct trace_thread *t = tracegen_find(g, TRACE_REC_THREAD, thread);

	g->slot_block = must(realloc(g->slot_block, slot * sizeof(*g->slot_block)));
	g->fold = must(realloc(g->fold, slot * sizeof(*g->fold)));
	g->flight = must(realloc(g->flight, slot * sizeof(*g->flight)));
	g->flight[slot - 1] = (struct flight){ .nr = 0 };
	g->slot_block[slot - 1] = block_new(g, TRACE_BLOCK_SLOT);
	fold_init(&g->fold[slot - 1], &g->arena, thread);
	s = tracegen_slot_state(g, slot);
	s->block.slot = slot;
	s->thread = s->thread_at_tail = thread;
	s->sequence = 1;
	s->base_ticks = s->last_ticks = TRACEGEN_START_TICKS;
	if (t)
		t->slot = slot;
	return slot;
}

struct trace_slot *tracegen_slot_state(struct tracegen *g, uint32_t slot)
{
	return (struct trace_slot *)(void *)g->block[g->slot_block[slot - 1]];
}

static unsigned char *ring(struct tracegen *g, uint32_t slot)
{
	return g->block[g->slot_block[slot - 1]] + TRACE_STATE_SIZE;
}

/* The slot's head, with room for one event, and the delta to `ticks`. */
static unsigned char *event_begin(struct tracegen *g, uint32_t slot, uint64_t ticks,
				  uint64_t *delta)
{
	struct trace_slot *s = tracegen_slot_state(g, slot);

	if (s->head + TRACE_EVENT_BYTES > TRACE_RING_SIZE)
		tracegen_flush(g, slot);
	*delta = ticks - s->last_ticks;
	s->last_ticks = ticks;
	if (ticks > g->latest)
		g->latest = ticks;
	return ring(g, slot) + s->head;
}

static void event_end(struct tracegen *g, uint32_t slot, const unsigned char *p)
{
	tracegen_slot_state(g, slot)->head = (uint32_t)(p - ring(g, slot));
}

/* Whoever waits marks the lock. */
static void mark_contended(struct tracegen *g, uint32_t node)
{
	const struct trace_node *n = tracegen_find(g, TRACE_REC_NODE, node);
	struct trace_lock *l = n ? tracegen_find(g, TRACE_REC_LOCK, n->lock) : NULL;

	if (l)
		l->flags |= TRACE_LOCK_CONTENDED;
}

void tracegen_event(struct tracegen *g, uint32_t slot, enum trace_event_type type, uint64_t arg,
		    uint64_t at, const uint64_t *values)
{
	uint64_t delta;
	unsigned char *p = event_begin(g, slot, TRACEGEN_START_TICKS + at, &delta);

	if (type == TRACE_EV_WAIT_BEGIN || type == TRACE_EV_WAIT_END ||
	    (type == TRACE_EV_ACQUISITION && values[ACQ_FLAGS] & TRACE_ACQ_WAITED))
		mark_contended(g, (uint32_t)arg);
	event_end(g, slot, event_put(p, type, arg, delta, values));
}

void tracegen_acquire(struct tracegen *g, uint32_t slot, uint32_t node, uint64_t at, uint64_t hold,
		      uint64_t wait)
{
	uint64_t values[] = { hold, TRACE_ACQ_WAITED, wait, 0 };
	uint64_t delta;
	unsigned char *p;

	if (wait) {
		tracegen_event(g, slot, TRACE_EV_ACQUISITION, node, at + hold, values);
		return;
	}
	p = event_begin(g, slot, TRACEGEN_START_TICKS + at + hold, &delta);
	event_end(g, slot, event_put_plain(p, node, delta, hold));
}

void tracegen_owner(struct tracegen *g, uint32_t slot, uint32_t thread, uint64_t at)
{
	struct trace_slot *s = tracegen_slot_state(g, slot);
	struct trace_thread *t = tracegen_find(g, TRACE_REC_THREAD, thread);

	tracegen_event(g, slot, TRACE_EV_THREAD, thread, at, NULL);
	s->thread = thread;
	if (t) {
		t->slot = slot;
		t->begin_ticks = TRACEGEN_START_TICKS + at;
	}
}

static uint32_t write_events(struct tracegen *g, uint32_t slot)
{
	uint32_t number = block_new(g, TRACE_BLOCK_EVENTS);
	struct trace_slot *s = tracegen_slot_state(g, slot);
	struct trace_block *b = block_at(g, number);

	b->slot = slot;
	b->thread = s->thread_at_tail;
	b->sequence = s->sequence;
	b->length = s->head - s->tail;
	b->base_ticks = s->base_ticks;
	b->last_ticks = s->last_ticks;
	memcpy(b + 1, ring(g, slot) + s->tail, b->length);
	b->checksum = trace_checksum(b + 1, b->length);
	return number;
}

static void ring_reset(struct trace_slot *s)
{
	s->head = s->tail = 0;
	s->base_ticks = s->last_ticks;
	s->thread_at_tail = s->thread;
}

uint32_t tracegen_flush(struct tracegen *g, uint32_t slot)
{
	uint32_t number = write_events(g, slot);
	struct trace_slot *s = tracegen_slot_state(g, slot);

	s->sequence++;
	ring_reset(s);
	return number;
}

uint32_t tracegen_flush_killed(struct tracegen *g, uint32_t slot)
{
	return write_events(g, slot);
}

void tracegen_keep_waits(struct tracegen *g)
{
	flight_init(0);
	g->keeps_waits = true;
}

/* Where preload/flight.c gets its blocks: of the generator that folds now. */
static struct tracegen *folding;

void *file_map_block(enum trace_block_type type, uint32_t slot, uint32_t *number)
{
	*number = block_new(folding, (uint16_t)type);
	block_at(folding, *number)->slot = slot;
	return block_at(folding, *number);
}

static void keep(void *ctx, size_t bytes, const struct trace_event *event)
{
	uint32_t slot = *(uint32_t *)ctx;

	(void)bytes;
	if (folding->keeps_waits && flight_may_keep(event))
		flight_add(&folding->flight[slot - 1], slot, event);
}

void tracegen_fold(struct tracegen *g, uint32_t slot)
{
	struct trace_slot *s = tracegen_slot_state(g, slot);
	const unsigned char *bytes = ring(g, slot);
	uint64_t ticks = s->base_ticks;

	folding = g;
	g->flight[slot - 1].thread = s->thread_at_tail;
	fold_events(&g->fold[slot - 1], bytes + s->tail, bytes + s->head, &ticks, keep, &slot);
	s->sequence++;
	ring_reset(s);
	tracegen_header(g)->mode = TRACE_MODE_PROFILE;
}

/* ---- the file ---- */

void tracegen_end(struct tracegen *g, uint64_t at, int status)
{
	struct trace_header *h = tracegen_header(g);

	h->end = TRACE_END_EXIT;
	h->end_value = status;
	h->end_ticks = TRACEGEN_START_TICKS + at;
	if (h->end_ticks > g->latest)
		g->latest = h->end_ticks;
}

static void calibrate(struct tracegen *g)
{
	struct trace_calibration *c = tracegen_header(g)->calibration;
	uint64_t length = g->latest - c[0].ticks;

	if (!c[1].sequence)
		c[1] = (struct trace_calibration){ 2, g->latest, c[0].monotonic_ns + length,
						   c[0].realtime_ns + length };
}

unsigned char *tracegen_image(struct tracegen *g, size_t *size)
{
	unsigned char *image = must(malloc((size_t)g->nr_blocks * TRACE_BLOCK_SIZE));

	calibrate(g);
	for (uint32_t i = 0; i < g->nr_blocks; i++)
		memcpy(image + (size_t)i * TRACE_BLOCK_SIZE, g->block[i], TRACE_BLOCK_SIZE);
	*size = (size_t)g->nr_blocks * TRACE_BLOCK_SIZE;
	return image;
}

int tracegen_write_bytes(const char *path, const void *bytes, size_t size)
{
	const char *p = bytes;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), err = 0;

	if (fd < 0)
		return -errno;
	while (size && !err) {
		ssize_t n = write(fd, p, size);

		if (n < 0) {
			err = -errno;
		} else {
			p += n;
			size -= (size_t)n;
		}
	}
	if (close(fd) && !err)
		err = -errno;
	return err;
}

int tracegen_write(struct tracegen *g, const char *path)
{
	size_t size;
	unsigned char *image = tracegen_image(g, &size);
	int err = tracegen_write_bytes(path, image, size);

	free(image);
	return err;
}
