/* SPDX-License-Identifier: MIT */
/*
 * options.h: LOCKPROF_OPTIONS=key=val:key=val, read once when the library is loaded
 *
 *	output=PATH	trace file; %p process id, %e program, %h host
 *			(default lockprof.%e.%p.trace in the directory the program started in)
 *	mode=trace|profile
 *			every acquisition, or exact statistics in bounded space
 *	max_size=N[kmgt]	size at which trace mode goes on as profile (default 1g, 0: no limit)
 *	stacks=yes|no	take stacks (default yes)
 *	depth=N		frames of a stack, at most (default 32)
 *	futex=yes|no	record waits made by syscall(SYS_futex) (default yes)
 *	start=yes|no	record from the start; no: from lockprof_start() or `lockprof ctl PID start`
 *			on (default yes)
 *	verbose=yes|no	say on stderr where the trace is, and why there is none (default no)
 *
 * An unknown key or value warns on stderr and never stops the host.
 */
#ifndef LOCKPROF_OPTIONS_H
#define LOCKPROF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "../trace/format.h"

#define STACK_DEPTH_MAX 128

struct options {
	char output[4096];	/* as given: with %p and friends */
	char directory[4096];	/* the program's at start, "" when unknown */
	uint64_t max_size;
	uint32_t depth;
	enum trace_mode mode;
	bool stacks, futex, start, verbose;
};

extern struct options options;

void options_read(const char *text);
/* The output path of this process, absolute. True: it has the process id in it. */
bool options_path(char *path, uint32_t size, const char *exe);
/* One line on stderr: "lockprof: what detail". */
void options_say(const char *what, const char *detail);

#endif
