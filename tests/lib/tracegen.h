/* SPDX-License-Identifier: MIT */
/*
 * tracegen.h: makes valid traces without a recorded program, for tests
 *
 * A trace grows in memory as blocks of its final layout, so pointers to records stay good and may
 * be edited before the trace is written; that is how tests break it on purpose. All times are
 * ticks since the recording's start; one tick is one nanosecond unless the test changes the header.
 * Running out of memory ends the program.
 *
 *	struct tracegen *g = tracegen_new();
 *	uint32_t thread = tracegen_thread(g, "worker", 0);
 *	uint32_t lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x601040);
 *	uint32_t node = tracegen_node(g, 0, lock, 0x401136, TRACE_HOW_LOCK);
 *	uint32_t slot = tracegen_slot(g, thread);
 *
 *	tracegen_acquire(g, slot, node, 1000, 250, 0);
 *	tracegen_end(g, 5000, 0);
 *	tracegen_write(g, "a.trace");
 *	tracegen_free(g);
 */
#ifndef LOCKPROF_TESTS_TRACEGEN_H
#define LOCKPROF_TESTS_TRACEGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../trace/event.h"

/* The clock's value at the start of every generated recording. */
#define TRACEGEN_START_TICKS	1000000ull
#define TRACEGEN_START_REALTIME 1700000000000000000ull

struct tracegen;

/* Mode trace, clock MONOTONIC, host "tracegen", pid 4242, exe "/usr/bin/generated", still running.
 */
struct tracegen *tracegen_new(void);
void tracegen_free(struct tracegen *g);
struct trace_header *tracegen_header(struct tracegen *g);

/* The dictionary. All return the new id; the name may be "". */
uint32_t tracegen_module(struct tracegen *g, const char *path, uint64_t begin, uint64_t end,
			 uint64_t bias);
uint32_t tracegen_stack(struct tracegen *g, uint32_t nr_frames, const uint64_t *frames);
uint32_t tracegen_thread(struct tracegen *g, const char *name, uint32_t creator);
uint32_t tracegen_lock(struct tracegen *g, enum trace_kind kind, uint64_t address);
uint32_t tracegen_node(struct tracegen *g, uint32_t parent, uint32_t lock, uint64_t site,
		       uint32_t mode);
uint32_t tracegen_name(struct tracegen *g, enum trace_name_of of, uint32_t target,
		       const char *text);

/*
 * Phases: the root's node, to be the parent of what is done in the phase (name NULL: it has none);
 * when it begins (0: no phase from here on; off: recording stops). Units of work at a node of mode
 * TRACE_HOW_WORK without lock.
 */
uint32_t tracegen_phase(struct tracegen *g, const char *name);
void tracegen_change_phase(struct tracegen *g, uint32_t root, bool off, uint64_t at);
void tracegen_work(struct tracegen *g, uint32_t slot, uint32_t node, uint64_t units, uint64_t at);

/* A zeroed record with its size_type, for what the above cannot say. id 0: the next of its type. */
void *tracegen_record(struct tracegen *g, enum trace_record_type type, uint32_t id, size_t size);
/* A record made before, to be edited; NULL when there is none. */
void *tracegen_find(struct tracegen *g, enum trace_record_type type, uint32_t id);

/* Slots and events. `at` must not go back within a slot. A full ring is flushed by itself. */
uint32_t tracegen_slot(struct tracegen *g, uint32_t thread);
struct trace_slot *tracegen_slot_state(struct tracegen *g, uint32_t slot);
/* `values`: trace_event_args[type] numbers, NULL when it takes none. Not for PLAIN. */
void tracegen_event(struct tracegen *g, uint32_t slot, enum trace_event_type type, uint64_t arg,
		    uint64_t at, const uint64_t *values);
/* Acquired at `at`, released at `at + hold` (where the event stands), after waiting `wait`. */
void tracegen_acquire(struct tracegen *g, uint32_t slot, uint32_t node, uint64_t at, uint64_t hold,
		      uint64_t wait);
/* The slot gets a new owner, as after the end of a thread. */
void tracegen_owner(struct tracegen *g, uint32_t slot, uint32_t thread, uint64_t at);

/* The ring becomes an EVENTS block, as when it is full. Returns the block's number. */
uint32_t tracegen_flush(struct tracegen *g, uint32_t slot);
/* As tracegen_flush, but killed before the ring was reset: its content is there twice. */
uint32_t tracegen_flush_killed(struct tracegen *g, uint32_t slot);
/* The ring becomes STAT and HIST records, as in profile mode; a slot keeps its statistics. */
void tracegen_fold(struct tracegen *g, uint32_t slot);
/* From now on folding keeps the latest waits in FLIGHT blocks, by the shim's own code. */
void tracegen_keep_waits(struct tracegen *g);

/* A block that was reserved but never written. Returns its number. */
uint32_t tracegen_hole(struct tracegen *g);

/* Ends the recording with an exit status; without it the trace is one of a killed program. */
void tracegen_end(struct tracegen *g, uint64_t at, int status);

/* The file's bytes, to be freed by the caller; the second calibration is filled in when missing. */
unsigned char *tracegen_image(struct tracegen *g, size_t *size);
/* 0 or -errno. */
int tracegen_write(struct tracegen *g, const char *path);
int tracegen_write_bytes(const char *path, const void *bytes, size_t size);

#endif
