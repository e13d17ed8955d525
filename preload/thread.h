/* SPDX-License-Identifier: MIT */
/*
 * thread.h: what the shim knows of one thread
 *
 * A struct thread is used by one thread at a time, together with one SLOT block of the trace, and
 * both go to the next thread when it ends. It lies in memory that a forked child finds zeroed:
 * there `live` is 0 and `self` is NULL, so the child's first call takes the slow path and starts a
 * trace of its own, without a pid check on the hot path.
 *
 * `live` is the only switch. 1: record. 0: forward untouched, because the shim itself is at work
 * on this thread (a signal handler came in between, or the unwinder), or the thread has no slot,
 * or is over. Only the owner writes it; the stores around it are ordered for its own signal
 * handlers by compiler barriers, no other thread looks.
 */
#ifndef LOCKPROF_THREAD_H
#define LOCKPROF_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../trace/fold.h"
#include "flight.h"
#include "hook.h"
#include "unwind.h"

#define CACHE_SIZE 512
#define STACK_CACHE_SIZE 64

/* Node of (lock, site, parent and mode), valid while `tag` is the lock's. */
struct node_cache {
	uint64_t lock;
	uint64_t site;
	uint64_t parent_mode;	/* parent node | kind_mode << 32 */
	uint32_t node;
	uint32_t tag;
};

/* One call that asks for a lock, or waits for something: attempt.h. */
struct attempt {
	struct thread *thread;
	const void *lock;
	uintptr_t site;
	uint64_t began;		/* ticks of attempt_blocked(), 0: did not block */
	uint32_t node;
	uint32_t kind_mode;
};

struct stack_cache {
	uint64_t hash;
	uint32_t stack;
	uint32_t modules;	/* generation of the module list */
};

struct thread {
	uint32_t live;
	uint32_t id;			/* in the trace */
	struct trace_held *top;		/* first free entry of slot->held */
	struct trace_held *limit;	/* of top */
	struct trace_slot *slot;
	unsigned char *ring;
	uint32_t soft, hard;		/* ring bytes from where to flush: held nothing | must */
	struct thread *self;		/* NULL: forked, or never used */
	struct trace_thread *record;	/* NULL: the dictionary was full */
	struct unwind_bounds stack;
	uint32_t number;		/* of the slot */
	uint32_t next_free;
	uint32_t untimed;		/* locks held beyond TRACE_HELD_MAX */
	uint32_t exit_rounds;
	uint64_t nested;		/* calls forwarded because the shim was at work */
	struct attempt told;		/* wait told by the program (told.c); thread NULL: none */
	struct fold fold;
	struct flight flight;
	struct stack_cache stacks[STACK_CACHE_SIZE];
	struct node_cache cache[CACHE_SIZE];
} __attribute__((aligned(64)));	/* no line is shared with another thread's */

extern __thread struct thread *thread_tls __attribute__((tls_model("initial-exec")));

static inline struct thread *thread_self(void)
{
	return thread_tls;
}

#define barrier() __asm__ volatile("" ::: "memory")

/*
 * Begins the shim's own work on this thread. NULL: nothing may be recorded now, forward the call.
 * First calls of a thread get it a slot here.
 */
struct thread *thread_enter(void);

static inline void thread_leave(struct thread *t)
{
	barrier();
	t->live = 1;
}

/* What a new thread is told by its creator (create.c). */
struct thread_origin {
	uint32_t id;		/* given out by the creator; 0: unknown */
	uint32_t creator;
	uintptr_t start_routine;
	struct unwind_bounds stack;	/* high 0: unknown */
};

/* A thread begins (from the trampoline); later calls find it. */
void thread_begin(const struct thread_origin *origin);
/* Nothing more is recorded of the calling thread. */
void thread_refuse(void);
uint32_t thread_new_id(void);
/* Thread ids by pthread_t; 0: unknown. */
uint32_t thread_id_of(pthread_t handle);
/* Of a thread that may not have run yet, by its creator. */
void thread_expect(pthread_t handle, uint32_t id);
void thread_set_name(pthread_t handle, const char *name);
/* All slots that there are, also those that no thread has now. */
void threads_each_slot(void (*each)(struct trace_slot *slot, uint64_t arg), uint64_t arg);
/* Makes a forked child, or a new process, ready. */
int threads_init(void);
int thread_key_init(void);
void thread_main_stack(uintptr_t somewhere);
/* The kernel has forbidden this thread to read any clock: it can record nothing more. */
void thread_lose_clock(void);
bool thread_has_clock(void);

#endif
