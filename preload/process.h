/* SPDX-License-Identifier: MIT */
/*
 * process.h: the recording of one process: begins at the first call that is worth recording, ends
 * with the process; a forked child begins its own
 */
#ifndef LOCKPROF_PROCESS_H
#define LOCKPROF_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Time when this process began (loaded, or forked and first seen). */
extern uint64_t process_begin_ticks;

/*
 * Reads the options and chooses the clock: once, by our constructor, or by the first call, when
 * that comes from a constructor before ours. False: too early, libc has no environment yet.
 */
bool process_load(void);
/* Makes sure that there is a trace to write to. False: this process records nothing. */
bool process_ready(void);
/* Whether there is one now, and it is this process's own. */
bool process_records(void);
/* A forked child whose memory is its parent's still: nothing of it is recorded. */
void process_refuse(void);
/* Refreshes the second calibration point; cheap enough for every flush. */
void process_calibrate(void);

#endif
