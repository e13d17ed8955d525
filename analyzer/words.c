/* SPDX-License-Identifier: MIT */
/* words.c: see words.h */
#include <stddef.h>
#include <stdio.h>

#include "words.h"

#define WAITED                        \
	{                             \
		"waited", WORDS_TICKS \
	}
#define RESULT                       \
	{                            \
		"errno", WORDS_COUNT \
	}
#define STACK                        \
	{                            \
		"stack", WORDS_COUNT \
	}
#define WAITERS                        \
	{                              \
		"waiters", WORDS_COUNT \
	}

const struct event_words event_words[TRACE_EV_MAX] = {
	[TRACE_EV_PLAIN] = { "acquisition", "node", { { "hold", WORDS_TICKS } } },
	[TRACE_EV_ACQUISITION] = { "acquisition",
				   "node",
				   { { "hold", WORDS_TICKS },
				     { "flags", WORDS_COUNT },
				     { "wait", WORDS_TICKS },
				     STACK } },
	[TRACE_EV_WAIT_BEGIN] = { "wait-begin", "node", { STACK, { "owner", WORDS_COUNT } } },
	[TRACE_EV_WAIT_END] = { "wait-end", "node", { WAITED, RESULT } },
	[TRACE_EV_TRY_FAIL] = { "try-fail", "node", { { 0 } } },
	[TRACE_EV_RELOCK] = { "relock", "node", { { 0 } } },
	[TRACE_EV_FOREIGN] = { "foreign-release", "node", { STACK } },
	[TRACE_EV_POST] = { "post", "node", { WAITERS } },
	[TRACE_EV_SIGNAL] = { "signal", "node", { WAITERS, { "broadcast", WORDS_COUNT } } },
	[TRACE_EV_COND_WAIT] = { "cond-wait",
				 "node",
				 { WAITED, RESULT, { "mutex-node", WORDS_COUNT } } },
	[TRACE_EV_BARRIER] = { "barrier", "node", { WAITED, { "serial", WORDS_COUNT } } },
	[TRACE_EV_ONCE] = { "once", "node", { WAITED } },
	[TRACE_EV_FUTEX_WAIT] = { "futex-wait", "node", { WAITED, RESULT } },
	[TRACE_EV_FUTEX_WAKE] = { "futex-wake", "node", { { "woken", WORDS_COUNT } } },
	[TRACE_EV_CREATE] = { "create", "thread", { { 0 } } },
	[TRACE_EV_JOIN] = { "join", "thread", { WAITED, RESULT, STACK } },
	[TRACE_EV_THREAD] = { "thread", "thread", { { 0 } } },
	[TRACE_EV_EXIT] = { "exit", "thread", { { "held", WORDS_COUNT } } },
	[TRACE_EV_LOST] = { "lost", "events", { { 0 } } },
	[TRACE_EV_WORK] = { "work", "node", { { "units", WORDS_COUNT } } },
};

const struct words_flag words_lock_flags[] = {
	{ TRACE_LOCK_RECURSIVE, "recursive" },	{ TRACE_LOCK_ERRORCHECK, "errorcheck" },
	{ TRACE_LOCK_ADAPTIVE, "adaptive" },	{ TRACE_LOCK_ROBUST, "robust" },
	{ TRACE_LOCK_PSHARED, "pshared" },	{ TRACE_LOCK_INHERIT, "prio_inherit" },
	{ TRACE_LOCK_PROTECT, "prio_protect" }, { TRACE_LOCK_WRITER_PREF, "writer_preferred" },
	{ TRACE_LOCK_DESTROYED, "destroyed" },	{ TRACE_LOCK_RECYCLED, "recycled" },
	{ TRACE_LOCK_COUNTING, "counting" },	{ TRACE_LOCK_INITIALISED, "initialised" },
	{ 0, NULL },
};

static const char *word(const char *const *words, size_t nr, uint32_t i)
{
	return i < nr && words[i] ? words[i] : "unknown";
}
#define WORD(words, i) word(words, sizeof(words) / sizeof(*(words)), i)

const char *words_kind(uint32_t kind)
{
	static const char *const words[] = {
		[TRACE_KIND_MUTEX] = "mutex", [TRACE_KIND_RWLOCK] = "rwlock",
		[TRACE_KIND_SPIN] = "spin",   [TRACE_KIND_SEM] = "sem",
		[TRACE_KIND_COND] = "cond",   [TRACE_KIND_BARRIER] = "barrier",
		[TRACE_KIND_ONCE] = "once",   [TRACE_KIND_FUTEX] = "futex",
		[TRACE_KIND_CUSTOM] = "custom",
	};

	return WORD(words, kind);
}

const char *words_how(uint32_t mode)
{
	static const char *const words[] = {
		[TRACE_HOW_LOCK] = "lock",	 [TRACE_HOW_TRY] = "try",
		[TRACE_HOW_TIMED] = "timed",	 [TRACE_HOW_REACQUIRE] = "reacquire",
		[TRACE_HOW_WAIT] = "wait",	 [TRACE_HOW_WAKE] = "wake",
		[TRACE_HOW_RELEASE] = "release", [TRACE_HOW_PHASE] = "phase",
		[TRACE_HOW_WORK] = "work",
	};

	return WORD(words, mode & TRACE_HOW_MASK);
}

const char *words_clock(uint32_t clock)
{
	static const char *const words[] = {
		[TRACE_CLOCK_TSC] = "tsc",
		[TRACE_CLOCK_MONOTONIC] = "monotonic",
		[TRACE_CLOCK_CNTVCT] = "cntvct",
	};

	return WORD(words, clock);
}

const char *words_mode(uint32_t mode)
{
	static const char *const words[] = {
		[TRACE_MODE_TRACE] = "trace",
		[TRACE_MODE_PROFILE] = "profile",
	};

	return WORD(words, mode);
}

const char *words_end(const struct trace_header *header, bool live, char buf[OUTPUT_NUMBER])
{
	if (header->end == TRACE_END_RUNNING)
		return live || header->end_ticks ? "running" : "unknown"; /* or a copy of such */
	snprintf(buf, OUTPUT_NUMBER, "%s %d", header->end == TRACE_END_EXIT ? "exit" : "signal",
		 header->end_value);
	return buf;
}
