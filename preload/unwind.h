/* SPDX-License-Identifier: MIT */
/*
 * unwind.h: the stack of the calling thread, walked inside the traced program.
 *
 * Every function but unwind_init() and unwind_modules_changed() may be called from anywhere: with
 * locks held, inside the loader, inside malloc, in a signal handler. They take no lock, allocate
 * nothing, make no system call, touch neither errno nor thread-local storage, and together need
 * less than 1.5 KiB of stack.
 */
#ifndef LOCKPROF_UNWIND_H
#define LOCKPROF_UNWIND_H

#include <stdint.h>

/*
 * The stack the caller runs on. Memory is read from the caller's own stack pointer up to `high` and
 * nowhere else, so all of that must be mapped. A stack pointer outside [low, high), as on an
 * alternate signal stack, is not an error: only the caller itself is reported then.
 */
struct unwind_bounds {
	uintptr_t low, high;
};

struct unwind_module {
	uintptr_t map_start, map_end;
	uintptr_t load_bias;	  /* add to an address in the ELF file */
	const char *name;	  /* the loader's; "" for the executable */
	const void *eh_frame_hdr; /* NULL when the module has none */
};

/*
 * Stores return addresses, innermost first, and returns their number. pcs[0] lies in the function
 * that called unwind_stack(); `skip` drops that many frames from this end. An address directly
 * behind an interrupted instruction and one behind a call are not told apart.
 */
int unwind_stack(uintptr_t *pcs, int max, int skip, struct unwind_bounds bounds);

/* Finds the module that is mapped at `pc`. Returns 0, or -1 when there is none. */
int unwind_find_module(uintptr_t pc, struct unwind_module *out);

/* To be called after each dlclose(), and after dlopen() too: what was cached of old code goes. */
void unwind_modules_changed(void);

/* Returns 0, or -E2BIG when an old C library shows more modules than are kept. */
int unwind_init(void);

#endif
