/* SPDX-License-Identifier: MIT */
/*
 * told.h: waits for locks of the program's own, from lockprof_lock_wait() to what ends them
 *
 * Such a wait lasts over calls, so it is kept for the thread, one at a time. It may end otherwise
 * than was promised: by another wait, or with the thread.
 */
#ifndef LOCKPROF_PRELOAD_TOLD_H
#define LOCKPROF_PRELOAD_TOLD_H

#include "thread.h"

/* Who waits for such a lock, by hash: a collision costs a stack that nobody needs. */
#define TOLD_WAITERS 1024
extern uint32_t told_waiters[TOLD_WAITERS];

static inline uint32_t *told_waiters_of(const volatile void *lock)
{
	return &told_waiters[((uintptr_t)lock >> 2) * 0x9e3779b97f4a7c15ull >> (64 - 10)];
}
_Static_assert(TOLD_WAITERS == 1 << 10, "shift in told_waiters_of");

/* For a new process, or a forked child: nobody waits. */
void told_init(void);
/* The calling thread is going to wait. */
void told_wait(const void *lock, uintptr_t site, uint32_t kind_mode);
/* Whether thread t, the calling one, has told that it waits for this lock; then it does so no
 * more, the shim is at work, and the attempt is to be ended. */
bool told_take(struct thread *t, const volatile void *lock, struct attempt *a);
/* The wait of thread t, if any, has ended without the lock. The shim is at work. */
void told_end(struct thread *t);

#endif
