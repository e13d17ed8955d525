/* SPDX-License-Identifier: MIT */
/*
 * reader.h: one trace file, validated, as dictionary, streams of events and statistics
 *
 * The reader maps the file, checks every block and record before anybody sees it, and keeps going
 * behind damage: what is bad is reported with its byte offset and left out, what is good is kept.
 * A torn tail and live rings are normal (the program was killed, or still runs).
 *
 * Nothing that comes out of here needs another check of ranges: ids in nodes, locks and stacks
 * point to records that exist or are 0, text is NUL-terminated, lengths lie in the file. Events are
 * decoded by event_get(); they, chunks and statistics may still name nodes and threads that do not
 * exist (then reader_node() and reader_thread() return NULL).
 *
 * Phases of the program are no parents here (reader_phases.c): a node has the same parent in all
 * of them, and reader_same_node() is the number to use where places are counted or compared.
 */
#ifndef LOCKPROF_READER_H
#define LOCKPROF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../trace/event.h"

struct reader;

/* A run of events of one slot: a flushed block, or what was still in the ring. */
struct reader_chunk {
	const unsigned char *begin, *end;
	uint64_t base_ticks; /* the first event's delta counts from here */
	uint64_t last_ticks; /* time of the last event */
	uint32_t thread;     /* that the first event belongs to; TRACE_EV_THREAD changes it */
	uint64_t offset;     /* of `begin` in the file, for messages */
};

/* All chunks of one slot, oldest first. */
struct reader_stream {
	uint32_t slot;
	size_t nr_chunks;
	const struct reader_chunk *chunks;
	const uint32_t
		*same_node; /* reader_same_node() as a table up to max_node; NULL: not needed */
	uint32_t max_node;
};

struct reader_damage {
	uint64_t offset; /* in the file */
	char text[120];	 /* what is wrong there, one line without newline */
};

/*
 * Opens and validates. 0, or -errno with one line in `error` (path, offset and reason):
 * -EINVAL foreign or newer file, -ENODATA too short to hold a header, else the system's.
 */
int reader_open(struct reader **reader, const char *path, char *error, size_t error_size);
void reader_close(struct reader *reader);

const char *reader_path(const struct reader *reader);
const struct trace_header *reader_header(const struct reader *reader);
uint64_t reader_file_bytes(const struct reader *reader);
/* Blocks of a type that the file has; type 0: those reserved but never written. */
uint64_t reader_nr_blocks(const struct reader *reader, enum trace_block_type type);

/* The dictionary: by id, 1 .. max; NULL where there is no (good) record. */
uint32_t reader_max_thread(const struct reader *reader);
uint32_t reader_max_lock(const struct reader *reader);
uint32_t reader_max_node(const struct reader *reader);
uint32_t reader_max_stack(const struct reader *reader);
uint32_t reader_max_module(const struct reader *reader);
const struct trace_thread *reader_thread(const struct reader *reader, uint32_t id);
const struct trace_lock *reader_lock(const struct reader *reader, uint32_t id);
const struct trace_node *reader_node(const struct reader *reader, uint32_t id);
const struct trace_stack *reader_stack(const struct reader *reader, uint32_t id);
const struct trace_module *reader_module(const struct reader *reader, uint32_t id);
/* The latest given name (sem_open, API), NULL when none. */
const char *reader_name(const struct reader *reader, enum trace_name_of of, uint32_t target);

/*
 * Phases of the program, 1 .. reader_nr_phases(), each name once (one without name is "phase 3").
 * 0 is: in no phase.
 */
size_t reader_nr_phases(const struct reader *reader);
const char *reader_phase_name(const struct reader *reader, uint32_t phase);
/* In which phase a node was made. */
uint32_t reader_phase_of(const struct reader *reader, uint32_t node);
/* Of the nodes that differ in nothing but their phase, the one that stands for all. */
uint32_t reader_same_node(const struct reader *reader, uint32_t node);

/* When the phase changed, or recording stopped or went on; in order, times never go back. */
struct reader_phase_change {
	uint32_t phase;
	bool off; /* nothing is recorded from here on */
	uint64_t ticks;
};
size_t reader_nr_phase_changes(const struct reader *reader);
const struct reader_phase_change *reader_phase_change(const struct reader *reader, size_t i);

/* pc as in memory -> code address of format.h (module << 48 | offset); module 0 when unknown. */
uint64_t reader_code_address(const struct reader *reader, uint64_t pc);

size_t reader_nr_streams(const struct reader *reader);
const struct reader_stream *reader_stream(const struct reader *reader, size_t i);

/*
 * The latest waits of slots whose events were folded: WAIT_BEGIN, WAIT_END, acquisitions that waited or
 * were released to a waiter, and THREAD. They are in the statistics too, and older ones only there.
 */
size_t reader_nr_flights(const struct reader *reader);
const struct reader_stream *reader_flight(const struct reader *reader, size_t i);

/* Statistics that the shim folded (profile mode). Histograms of a stat by its record.id. */
size_t reader_nr_stats(const struct reader *reader);
const struct trace_stat *reader_stat(const struct reader *reader, size_t i);
/* Whether there are any of locks: units of work may be counted there while events are kept. */
bool reader_has_folded(const struct reader *reader);
size_t reader_nr_hists(const struct reader *reader);
const struct trace_hist *reader_hist(const struct reader *reader, size_t i);

/*
 * State pages of slots that had an owner when the file was read (copies; held[] validated, without
 * what was acquired while recording was off).
 */
size_t reader_nr_slots(const struct reader *reader);
const struct trace_slot *reader_slot(const struct reader *reader, size_t i);

/* ns since the recording's start; and lengths. Linear between the two calibrations. */
uint64_t reader_time_ns(const struct reader *reader, uint64_t ticks);
double reader_ns_per_tick(const struct reader *reader);
/* The recording's last moment in ticks: its end, or the latest thing seen. */
uint64_t reader_end_ticks(const struct reader *reader);
/*
 * ns since the recording's start: of a process that lived when the trace was opened that moment,
 * from before its slots were read; else its end.
 */
uint64_t reader_now_ns(const struct reader *reader);
/* Whether the process lives still (same host, pid exists and holds this file). */
bool reader_is_live(const struct reader *reader);

size_t reader_nr_damages(const struct reader *reader);
const struct reader_damage *reader_damage(const struct reader *reader, size_t i);

/* Writes the exit status (as from waitpid) into a trace that does not know it. 0 or -errno. */
int reader_set_exit(const char *path, int wait_status);

#endif
