/* SPDX-License-Identifier: MIT */
/*
 * file.h: the trace file as seen from inside the target: blocks reserved, mapped, or written whole
 *
 * The descriptor is ours only as long as the application lets it be: it may close it, or close all
 * and reuse the number. So device and inode are compared before each use; when they differ the
 * file is opened again by its path, and when that fails too, no block can be had any more: the
 * recording goes on in the pages that are mapped already (profile mode, bounded). Where the limit
 * allows no high number, the application may need the few that there are: then the file is opened
 * for each use.
 */
#ifndef LOCKPROF_FILE_H
#define LOCKPROF_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "../trace/format.h"

/* The mapped header of the current trace; NULL when there is none. */
extern struct trace_header *trace_header;

/* Makes the file and maps block 0. 0 or -errno. `path` is absolute; see options.h for the rules. */
int file_create(const char *path, bool path_has_pid);
/* Whether this process made the file: false in a forked child that has not begun its own. */
bool file_is_ours(void);
/* Forgets the parent's file in a forked child: the child must not write there. */
void file_forget(void);
/* Closes it, for good, without forgetting what is mapped of it. */
void file_leave(void);

/*
 * Reserves one block, with disk space, and maps it. NULL when there is no room, disk or file.
 * The head's magic is set: the block counts from here on. *number is its place in the file.
 */
void *file_map_block(enum trace_block_type type, uint32_t slot, uint32_t *number);

/* Makes blocks for the time when none can be had any more; once. */
void file_set_aside(void);

/* Writes an EVENTS block: head and `length` bytes. False: not written, nothing lost. */
bool file_write_events(struct trace_block *head, const void *bytes);

/* Counts in the header, also from several threads. */
void file_loss(enum trace_loss what, uint64_t n);
void file_event(uint32_t what);

#endif
