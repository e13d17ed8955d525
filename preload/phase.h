/* SPDX-License-Identifier: MIT */
/* phase.h: phases, work and switching recording on and off, from inside; see trace/phase.h */
#ifndef LOCKPROF_PRELOAD_PHASE_H
#define LOCKPROF_PRELOAD_PHASE_H

#include <stdbool.h>
#include <stdint.h>

#include "../trace/phase.h"

struct thread;

/* For a new process, or a forked child. 0 or -1: no memory. */
int phase_init(void);
/*
 * A forked child goes on in the phase that its parent was in: before fork() and after it in the parent,
 * then, at the first call of the child, with the parent's header.
 */
void phase_fork(void);
void phase_forked(void);
void phase_inherit(const struct trace_header *parent);
/* What was inherited, or asked for by the options, begins; the trace is ready. */
void phase_start(void);

/* The process is in this phase from now on; NULL or "": in none. */
void phase_begin(const char *name);
void phase_switch(bool on);
/* Counts units of work in the phase of now, done at this place of the program. */
void phase_work(struct thread *t, uintptr_t site, uint64_t units);

#endif
