/* SPDX-License-Identifier: MIT */
#ifndef LOCKPROF_SYMBOLS_CHILD_H
#define LOCKPROF_SYMBOLS_CHILD_H

/* The process that reads foreign ELF files; shared by symbols.c and symbols_child.c only. */

#include <sys/types.h>

#include "symbols_module.h"

struct child {
	pid_t pid; /* 0: none */
	int fd;
};

struct child_question {
	uint64_t address;
	uint32_t id;
	uint32_t question; /* enum question */
};

/* All that is known: nr_frames of code, or the name of data. The strings lie in `text`. */
struct child_answer {
	struct frame *frames;
	size_t nr_frames;
	const char *name;
	const char *note; /* the module's, NULL: none */
	char *text;	  /* owned by the caller then, as are the frames */
};

/* Answers one question in the child; module and offset of frames are left out. */
typedef void (*child_work)(void *context, const struct child_question *question,
			   struct frame frames[MAX_FRAMES], struct child_answer *answer);

/* 0, or -errno when there can be no child. */
int child_start(struct child *child, child_work work, void *context);
void child_stop(struct child *child);
/*
 * 0; -ENOMEM; -EIO when the child died of this question, -ETIMEDOUT when it hung on it. After an
 * error there is no child any more.
 */
int child_ask(struct child *child, const struct child_question *question,
	      struct child_answer *answer);

#endif
