/* SPDX-License-Identifier: MIT */
/* live.h: the trace that a running process writes, and whether a trace's process still runs */
#ifndef ANALYZER_LIVE_H
#define ANALYZER_LIVE_H

#include <stdint.h>

#include "../trace/format.h"

/*
 * The path of the trace that process `pid` writes, to be freed; NULL: the text is no number of a
 * process, or that one is not being recorded, or it may not be looked at.
 */
char *live_trace(const char *pid);

/*
 * 0: the process that the header names lives, on this machine, and has the file with this inode in
 * its memory. -ESRCH: it does not; or -errno, why that cannot be told.
 */
int live_check(const struct trace_header *header, uint64_t inode);

#endif
