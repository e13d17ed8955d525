/* SPDX-License-Identifier: MIT */
/*
 * model.h: the real code of the shim's shared parts under every schedule
 *
 * preload/ is compiled as it is, with -fsanitize=thread, and linked with these functions instead of
 * the sanitizer's library: so every load and store of shared memory, with its order, is a call into
 * the model. Nothing here is a copy of the shim that could drift away from it.
 *
 * A scenario is two or three threads of some calls each. The scheduler (schedule.c) runs it again
 * and again, depth first, until all schedules with at most `preemptions` switches away from a
 * thread that could go on have been seen; switches happen before atomic accesses to words that two
 * threads use. Whoever is switched away from stays stopped until the others are done or switched
 * from in turn, so a thread that would wait for a stopped one is found as one that never ends.
 *
 * Memory (memory.c) is C11's, not x86's: a load may return any store that the orders on both sides
 * still allow (at most `stale` such surprises an execution), and two accesses of which one is no
 * atomic must be ordered by acquire and release: what aarch64 needs, and no less. What it cannot
 * show is a store that becomes visible before an earlier load of its own thread.
 *
 * A kill can come at any moment: after every store into the file the whole file must be valid
 * (whole.c), and the scenario's own `look` must hold.
 */
#ifndef LOCKPROF_MODEL_H
#define LOCKPROF_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_THREADS = 3 };

struct scenario {
	const char *name;
	int preemptions, stale, nr_threads;
	void (*thread)(int self);
	void (*setup)(void);	/* once, before all executions */
	void (*begin)(void);	/* before each: resets what `look` counts with; uninstrumented */
	void (*look)(bool end); /* at every moment at which a kill may come, and at the end */
	int blocks;		/* of disk that are left, 0: enough */
};

/* ---- schedule.c ---- */

/* Explores. False: something was violated, and said. */
bool scenario_run(const struct scenario *s);
/* A violation: says what and how it came to it, and gives the scenario up. Does not return. */
void model_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void model_assert(bool good, const char *what);
/* The thread that runs, -1 in a scenario's setup. */
int model_current(void);
/* Chooses one of `nr` ways to go on; 0 is the plain one. */
int model_choose(int nr);
/* Is it on a thread's stack, and so nobody else's business? */
bool model_is_stack(uintptr_t address);
/* Another load may return something old. */
bool model_may_be_stale(void);
void model_was_stale(void);
/* Before an access to a word by which threads may meet. */
void model_point(uintptr_t address, const void *pc, const char *what);
/* Between two instructions: has the file changed since the last one? */
void model_moment(void);
void model_file_changed(void);

/* ---- memory.c ---- */

void memory_execution_begins(void);
/* The execution's stores into memory are taken back to the mark. */
size_t memory_mark(void);
void memory_undo(size_t mark);
void memory_plain(uintptr_t address, size_t size, bool is_write, const void *pc);
/* The kernel is about to store there. */
void memory_kernel_stores(uintptr_t address, size_t size);

/* ---- kernel.c ---- */

extern unsigned char *model_file;
void kernel_init(void);
/* The state that executions begin with, and, when it is the first one, scenarios. */
void kernel_save(bool is_first);
void kernel_scenario_begins(void);
void kernel_execution_begins(int blocks);
uint32_t kernel_nr_blocks(void);
bool kernel_is_file(uintptr_t address);

/* ---- whole.c ---- */

/* Is this a file that a reader takes without a complaint? */
void whole_check(void);
/* Completed calls of a thread that the file tells of: events and statistics of acquisitions. */
uint64_t whole_acquisitions(void);

/* ---- model_flight.c ---- */

void flights_setup(void);
void flights_thread(int self);
void flights_look(bool end);

/* ---- model_phases.c ---- */

void phases_thread(int self);
void phases_names_thread(int self);
void phases_look(bool end);
void phases_record_thread(int self);
void phases_same_thread(int self);
void phases_same_setup(void);
void phases_record_begin(void);
void phases_record_look(bool end);

#endif
