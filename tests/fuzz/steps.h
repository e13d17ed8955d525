/* SPDX-License-Identifier: MIT */
/*
 * steps.h: a trace as a program of 16-byte steps, for fuzzers
 *
 * A step is one byte of operation and its operands; every byte string is a program. So mutations
 * keep a trace whole where they should, and break it where a step says so.
 */
#ifndef LOCKPROF_TESTS_STEPS_H
#define LOCKPROF_TESTS_STEPS_H

#include <stddef.h>
#include <stdint.h>

#define STEP_BYTES 16

enum step_what {
	STEP_ACQUIRE, /* slot, node, gap, hold, wait */
	STEP_EVENT,   /* slot, type, argument, gap, a, b, c, d */
	STEP_LOCK,    /* kind, flags, address */
	STEP_NODE,    /* parent, lock, mode, stack, site */
	STEP_THREAD,  /* creator, name */
	STEP_SLOT,    /* thread */
	STEP_STACK,   /* number of frames, first of them */
	STEP_MODULE,  /* address, name */
	STEP_NAME,    /* of what, target, text */
	STEP_OWNER,   /* slot, thread */
	STEP_FLUSH,   /* slot, killed meanwhile */
	STEP_FOLD,    /* slot, from here on waits are kept */
	STEP_HOLD,    /* slot, node, lock: held, or waited for, when the recording ends */
	STEP_HOLE,
	STEP_END,    /* status, time */
	STEP_RECORD, /* type, which of its kind, where in it, up to 8 bytes */
	STEP_BLOCK,  /* block, where in it, up to 8 bytes */
	STEP_CUT,    /* the file ends here */
	STEP_CHANGE, /* node, recording stopped, time: the phase changes */
	STEP_MAX,
};

/* The file's bytes, to be freed. */
unsigned char *steps_run(const uint8_t *data, size_t size, size_t *bytes);

#endif
