/* SPDX-License-Identifier: MIT */
#ifndef LOCKPROF_SYMBOLS_POOL_H
#define LOCKPROF_SYMBOLS_POOL_H

/* The files of several recordings and what was asked of them; shared by symbols*.c only. */

#include "symbols_module.h"

/*
 * Modules go by number from 1. Two recordings of the same file name the same module, so it is read
 * once however many processes ran it.
 */
struct pool;

/* One answer: frames for code, a name for data. */
struct answer {
	uint64_t address;
	unsigned int module;
	enum question question;
	bool used;
	struct frame *frames;
	size_t nr_frames;
	const char *name;
	char *text; /* that the strings lie in, unless they are a module's */
};

/* NULL: out of memory. A pool lives until everybody that holds it has let go. */
struct pool *pool_new(void);
struct pool *pool_hold(struct pool *pool);
void pool_release(struct pool *pool);

/* The module's number, 0 when memory ran out. */
unsigned int pool_add(struct pool *pool, const char *path, const unsigned char *build_id,
		      size_t build_id_len);
const char *pool_path(const struct pool *pool, unsigned int module);
const char *pool_note(const struct pool *pool, unsigned int module);
/* The answer, worked out once and kept until the pool's end. NULL: out of memory. */
const struct answer *pool_ask(struct pool *pool, unsigned int module, uint64_t address,
			      enum question question);

#endif
