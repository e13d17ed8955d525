/* SPDX-License-Identifier: MIT */
/*
 * recall.h: the second cache of nodes, one for all threads
 *
 * A thread's own cache (512 nodes) is enough for most programs. Arrays of locks are not most
 * programs: memcached's 8,192 item locks, taken at ten places and with others under them, make
 * 80,000 nodes, and each miss would walk through the dictionary's sparse tables (four cache misses
 * and a module look-up, 200 ns). Here it costs one cache line.
 */
#ifndef LOCKPROF_RECALL_H
#define LOCKPROF_RECALL_H

#include <stdbool.h>
#include <stdint.h>

struct thread;

/* For a new process, or a forked child. 0 or -1: no memory. */
int recall_init(void);

/* Puts the node into the thread's own cache, if it is known here. */
bool node_recall(struct thread *t, const void *lock, uintptr_t site, uint32_t kind_mode,
		 uint32_t parent);
/* Makes it known here. tag: the lock's, read before the node was looked up. */
void node_remember(const void *lock, uintptr_t site, uint32_t kind_mode, uint32_t parent,
		   uint32_t tag, uint32_t node);

#endif
