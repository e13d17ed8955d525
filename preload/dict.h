/* SPDX-License-Identifier: MIT */
/*
 * dict.h: the dictionary: what the numbers in events mean
 *
 * Locks (address + generation), nodes of the lock context tree, stacks, modules. All look-ups are
 * lock-free and allocate nothing but records, so they may be made anywhere, also in signal
 * handlers. They are slow paths: a thread's own cache (hold.h) answers nearly always.
 */
#ifndef LOCKPROF_DICT_H
#define LOCKPROF_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../trace/format.h"

struct thread;
struct record_table;

/* Tables for a new process (or a forked child). 0 or -1: no memory. */
int dict_init(void);

int lock_init(const struct record_table *table);
int node_init(const struct record_table *table);

/* ---- lock.c ---- */

/*
 * One word per hash of an address, shared by all threads, read on the hot path: the upper bits
 * change when a lock at such an address is made or destroyed, so that caches forget it. Bit 0 is
 * set for an address whose semaphore is known to be a counting one. Collisions cost a slow path.
 */
#define LOCK_TAGS 8192
extern uint32_t lock_tags[LOCK_TAGS];
#define LOCK_TAG_COUNTING 1u
#define LOCK_TAG_STEP 2u

static inline uint32_t *lock_tag(const void *address)
{
	return &lock_tags[((uintptr_t)address >> 3) * 0x9e3779b97f4a7c15ull >> (64 - 13)];
}

/* The living lock at an address; made at first sight. NULL when the dictionary is full. */
struct trace_lock *lock_get(const void *address, enum trace_kind kind);
/* As lock_get(), but NULL at first sight too. */
struct trace_lock *lock_find(const void *address, enum trace_kind kind);
/* A lock begins its life here and now. */
void lock_born(struct thread *t, const void *address, enum trace_kind kind, uint32_t flags,
	       uint32_t value);
void lock_dies(const void *address, enum trace_kind kind);
void lock_set_flag(struct trace_lock *lock, uint32_t flag);
void lock_set_counting(const void *address);
bool lock_is_counting(const void *address);
/* Code was unloaded: caches forget their call sites, all of them. */
void lock_forget_sites(void);
/* The lock at an address as lock_get() finds it, for a name that may come before its first use; a
 * kind that was guessed from a type gives way to what is there, or comes. */
struct trace_lock *lock_to_name(const void *address, enum trace_kind kind);
/* Gives a lock a name that the report shows (sem_open). */
void lock_name(const struct trace_lock *lock, const char *name);

/* ---- node.c ---- */

/*
 * The node (parent, lock, site, mode); made at first sight, with the stack of thread t (NULL: no
 * stack). Never 0: TRACE_NODE_UNKNOWN when there is no room. `kind_mode` is
 * kind << 8 | TRACE_HOW_* | TRACE_SHARED; kind 0: a node without lock.
 */
uint32_t node_get(struct thread *t, uint32_t parent, const void *lock, uintptr_t site,
		  uint32_t kind_mode);

/* ---- stack.c ---- */

/* The calling thread's stack as a number; 0 when none was taken (counted, or switched off). */
uint32_t stack_take(struct thread *t);
/* After a dlclose: what was cached of old code is forgotten. */
void stack_modules_changed(void);
/* A pc as code address; makes the module's record when it is new. */
uint64_t stack_code_address(uintptr_t pc);
/* The address of a variable: module << 48 | offset when it lies in a module's file, else 0. */
uint64_t stack_data_address(const void *address);

#endif
