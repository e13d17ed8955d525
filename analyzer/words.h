/* SPDX-License-Identifier: MIT */
/*
 * words.h: the trace's numbers as the words that commands print and JSON keeps
 */
#ifndef ANALYZER_WORDS_H
#define ANALYZER_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "../trace/event.h"
#include "output.h"

enum words_unit { WORDS_COUNT, WORDS_TICKS };

/* An event's numbers by name; NULL ends the values. */
struct event_words {
	const char *name;
	const char *arg;
	struct {
		const char *name;
		enum words_unit unit;
	} value[TRACE_EVENT_ARGS];
};
extern const struct event_words event_words[TRACE_EV_MAX];

/* TRACE_LOCK_* that say something to people; an empty word ends them. */
struct words_flag {
	uint32_t flag;
	const char *word;
};
extern const struct words_flag words_lock_flags[];

/* Never NULL: "unknown" outside the enum. */
const char *words_kind(uint32_t kind);
const char *words_how(uint32_t mode);
const char *words_clock(uint32_t clock);
const char *words_mode(uint32_t mode);
/* "exit 0", "signal 9", "running" or "unknown"; in buf, or constant. */
const char *words_end(const struct trace_header *header, bool live, char buf[OUTPUT_NUMBER]);

#endif
