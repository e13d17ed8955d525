/* SPDX-License-Identifier: MIT */
/*
 * ctl.h: a trace that a program is writing, changed from outside
 *
 * The file is mapped as the program maps it. So a change works at once, without a signal and
 * without the program's help, and it is in the file like all the rest. What is changed is what
 * trace/phase.h tells; what is added stands in RECORDS blocks that are ctl's own.
 *
 * ctl.c		opens it, knows its blocks
 * ctl_records.c	room for records
 * ctl_change.c		phases, recording on and off, units of work
 * ctl_snapshot.c	a copy
 * ctl_status.c		what it says
 *
 * All functions return 0 or -errno, and have said what was wrong then, unless told otherwise.
 */
#ifndef ANALYZER_CTL_H
#define ANALYZER_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "../trace/format.h"

enum ctl_block {
	CTL_NOT_YET = 0, /* reserved, not written when it was looked at */
	CTL_SLOT = TRACE_BLOCK_SLOT,
	CTL_EVENTS = TRACE_BLOCK_EVENTS,
	CTL_RECORDS = TRACE_BLOCK_RECORDS,
	CTL_FLIGHT = TRACE_BLOCK_FLIGHT,
	CTL_OWN,   /* RECORDS that ctl made */
	CTL_OTHER, /* nothing to know about */
};

struct ctl {
	char *path;
	int fd;
	bool writes;
	struct stat file;
	struct trace_header *header; /* mapped apart from the blocks, stays where it is */
	unsigned char *map;	     /* block 0 and up; moves when it grows */
	size_t map_bytes;
	uint8_t *types; /* enum ctl_block, by number */
	uint32_t nr;	/* blocks that are in types and in the map */
	uint32_t own;	/* the latest block of ctl's, 0: none */
	uint32_t used;	/* bytes of it */
};

/*
 * The trace of that name, or of the process with that number; that process must be running. For
 * writing it is locked against other ctl until it is closed.
 */
int ctl_open(struct ctl *ctl, const char *name, bool writes);
void ctl_close(struct ctl *ctl);

/* Learns of the blocks that the program has made meanwhile. They may move in memory. */
int ctl_look(struct ctl *ctl);
static inline void *ctl_block(const struct ctl *ctl, uint32_t number)
{
	return ctl->map + (size_t)number * TRACE_BLOCK_SIZE;
}
/* This moment on the trace's clock. */
uint64_t ctl_ticks(const struct trace_header *header);
uint64_t ctl_clock_ns(int clock);
/* One message about the trace; returns err. */
int ctl_error(const struct ctl *ctl, int err, const char *what);

/* NULL: the phase ends. The name has been checked. */
int ctl_phase(struct ctl *ctl, const char *name);
int ctl_switch(struct ctl *ctl, bool on);
int ctl_work(struct ctl *ctl, uint64_t units);

/* Into the file `output`, NULL: beside the trace. *path is its name, to be freed. */
int ctl_snapshot(struct ctl *ctl, const char *output, char **path);

/*
 * Into an empty file: the same without the blocks of events, one block behind the other, so that it
 * costs little, however long the program runs. Says nothing about errors.
 */
int ctl_snapshot_state(struct ctl *ctl, int fd);

/* To stdout: lines for people, or one of JSON. */
int ctl_status(struct ctl *ctl, bool as_json);

/* ---- among the parts ---- */

/*
 * A record of `size` bytes and its place, dead until it is committed. A full disk is an error, and
 * then nothing has changed. Records that were found before may have moved in memory.
 */
int ctl_record_new(struct ctl *ctl, uint32_t size, uint32_t *place);
void *ctl_record(const struct ctl *ctl, uint32_t place);
void ctl_record_commit(struct ctl *ctl, uint32_t place, enum trace_record_type type);
/*
 * ctl's own committed records of a type that have so many bytes: *place is 0 before the first.
 * NULL: no more.
 */
void *ctl_record_next(const struct ctl *ctl, enum trace_record_type type, size_t bytes,
		      uint32_t *place);

#endif
