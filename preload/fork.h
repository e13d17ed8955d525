/* SPDX-License-Identifier: MIT */
/* fork.h: children that a signal handler forks while the shim is at work on the thread */
#ifndef LOCKPROF_FORK_H
#define LOCKPROF_FORK_H

/* Once, before the first thread is recorded. */
void fork_init(void);

#endif
