/* SPDX-License-Identifier: MIT */
/*
 * attempt.h: the acquire/release core, slow half
 *
 * An attempt is one call that asks for a lock, or waits for something:
 *
 *	struct attempt a;
 *
 *	if (!attempt_begin(&a, lock, CALLER(), KIND_MODE(...)))
 *		return real_lock(lock);			(nothing may be recorded now)
 *	err = real_trylock(lock);
 *	if (err == EBUSY) {
 *		attempt_blocked(&a, owner);		(stamps, takes the stack)
 *		err = real_lock(lock);
 *	}
 *	return attempt_end(&a, err, ...);
 *
 * While the real call runs, the thread counts as not busy: signal handlers are recorded. Between
 * begin/end and around it, it is busy. None of this changes errno.
 */
#ifndef LOCKPROF_ATTEMPT_H
#define LOCKPROF_ATTEMPT_H

#include <time.h>

#include "hold.h"

/* Looks up the node, making it at first sight. False: forward the call untouched. */
bool attempt_begin(struct attempt *a, const void *lock, uintptr_t site, uint32_t kind_mode);

/*
 * The try failed, the real call is going to block: stamps, takes the stack, says so in the state
 * page. owner: kernel tid of the holder, 0 if unknown.
 */
void attempt_blocked(struct attempt *a, uint32_t owner);

/*
 * As attempt_blocked() for what is no contention (conditions, barriers, futexes, ...). bounded: it
 * has a deadline.
 */
void attempt_waits(struct attempt *a, bool bounded);

/*
 * Back from the real call: the shim is at work again. The functions below call it themselves.
 * False: nothing to record to. This is a child that a signal handler or a once routine forked
 * meanwhile, and it found the thread zeroed.
 */
bool attempt_returned(struct attempt *a);

/* The lock was acquired, by the try or by blocking. flags: TRACE_HELD_OWNERDEAD or 0. */
void attempt_acquired(struct attempt *a, uint32_t flags);
/* A recursive lock was taken once more by its owner. */
void attempt_relocked(struct attempt *a);
/* A try failed: somebody has it. */
void attempt_busy(struct attempt *a);
/* A blocking call gave up with this errno (ETIMEDOUT, EDEADLK, EINTR, ...). */
void attempt_failed(struct attempt *a, int error);
/* A semaphore's token was taken that no hold is expected of. */
void attempt_token(struct attempt *a);
/* A wait that is no contention is over: `type` with the time waited and two more numbers. */
void attempt_waited(struct attempt *a, enum trace_event_type type, uint64_t second,
		    uint64_t third);
/* Nothing to record after all. */
void attempt_dropped(struct attempt *a);

/*
 * For __attribute__((cleanup)): when the real call is left by cancellation, the wait ends here.
 * After any of the above there is nothing left to do.
 */
void attempt_cancelled(struct attempt *a);

/*
 * What kinds of lock differ in, for acquire_slow(). `attempt` and `block` return 0 or an errno;
 * `block` without a deadline gets NULL.
 */
struct family {
	int (*attempt)(void *lock);
	int (*block)(void *lock, clockid_t clock, const struct timespec *until);
	uint32_t (*owner)(const void *lock);	/* kernel tid, 0: unknown; NULL: never known */
	bool (*relocked)(const void *lock);	/* just taken again by its owner? NULL: never */
};

struct deadline {
	clockid_t clock;
	const struct timespec *until;	/* NULL: none */
};
#define NO_DEADLINE ((struct deadline){ 0, NULL })

/* As glibc, which looks at the deadline of a rwlock or semaphore before it looks at the lock. */
static inline bool deadline_is_valid(struct deadline deadline)
{
	return (deadline.clock == CLOCK_REALTIME || deadline.clock == CLOCK_MONOTONIC) &&
	       deadline.until->tv_nsec >= 0 && deadline.until->tv_nsec < 1000000000;
}

#define TRIED_NOT -1

/*
 * A blocking acquisition that the fast half could not finish. tried: what the real try said
 * already, or TRIED_NOT. Returns what the caller gets.
 */
int acquire_slow(const struct family *family, void *lock, uintptr_t site, uint32_t kind_mode,
		 int tried, struct deadline deadline);
/* The same for a try. */
int try_slow(const struct family *family, void *lock, uintptr_t site, uint32_t kind_mode,
	     int tried);

/*
 * Releases. release_begin() before the real unlock, release_end() after it (it touches nothing of
 * the lock), or release_dropped() when the real unlock failed.
 */
struct release {
	struct thread *thread;	/* NULL: nothing is recorded */
	struct trace_held *held;	/* NULL: this thread does not hold it */
	const void *lock;
	uint64_t now;
	uintptr_t site;
	uint32_t kind;
	bool waiters;
};

void release_begin(struct release *r, const void *lock, enum trace_kind kind, uintptr_t site,
		   bool waiters);
void release_end(struct release *r);
void release_dropped(struct release *r);

/* Takes an entry off, wherever it stands, and records its acquisition. */
void hold_end(struct thread *t, struct trace_held *h, uint64_t now, uint64_t flags,
	      uint32_t release_stack);
/* The stack of its release, if that is recorded and somebody waits; else 0. */
uint32_t hold_stack(struct thread *t, const struct trace_held *h, bool waiters);
/* Drops an entry without recording a hold for it: it becomes a token (counting semaphore). */
void hold_to_token(struct thread *t, struct trace_held *h);

/* A lock's init or destroy call has succeeded: lock_born(), lock_dies(), if anything is recorded. */
void note_born(const void *lock, enum trace_kind kind, uint32_t flags, uint32_t value);
void note_dies(const void *lock, enum trace_kind kind);

/* Records units of work, done at `site` in the phase of now whatever is held. */
void note_work(struct thread *t, uintptr_t site, uint64_t now, uint64_t units);

/* Records an event that is no acquisition (signal, post, wake, ...) about a lock, at `now`. */
void note_event(struct thread *t, enum trace_event_type type, const void *lock, uintptr_t site,
		uint32_t kind_mode, uint64_t now, const uint64_t *value);

#endif
