/* SPDX-License-Identifier: MIT */
#ifndef LOCKPROF_SYMBOLS_H
#define LOCKPROF_SYMBOLS_H

/*
 * Addresses to names, offline: functions with their inlined callers, source lines, and names of
 * static variables. Not thread safe. Nothing here fails for want of a file: absent is a value
 * (function NULL, line 0). Strings are as found in the files, so a printer must escape them.
 *
 * DEBUGINFOD_URLS counts for nothing, so that a report never waits for a network; a program that is
 * run later has it still. Separate debug files are looked for beside the module, in its .debug folder, in
 * /usr/lib/debug, and in the directories of LOCKPROF_DEBUG_PATH (separated by colons).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols;

struct frame {
	const char *function; /* demangled, without parameters; NULL: unknown */
	const char *file;     /* as in the line table, may be relative; NULL: unknown */
	int line;	      /* 0: unknown */
	const char *module;   /* path as given; "[jit]": found in the perf map; "[anon]": nowhere */
	uint64_t offset;      /* the address asked for: in the module, or the pc itself for id 0 */
	bool inlined;	      /* inlined into the next frame */
};

/*
 * With `others`, files that both know are read once, and what is found in one is known to both.
 * NULL: out of memory.
 */
struct symbols *symbols_new(struct symbols *others);
void symbols_free(struct symbols *s);

/*
 * Makes module ID (1..65535, the caller's number) known; the file is opened at the first question.
 * BUILD_ID may have length 0: then the file is taken as it is. Returns 0, -EINVAL for an id out
 * of range, -EEXIST for an id in use, -ENOMEM.
 */
int symbols_add_module(struct symbols *s, unsigned id, const char *path,
		       const unsigned char *build_id, size_t build_id_len);

/*
 * Names for code that no file holds (id 0): /tmp/perf-PID.map, when it belongs to UID, the
 * process's user, or to root. Read at the first question.
 */
int symbols_set_perf_map(struct symbols *s, const char *path, uint32_t uid);

/*
 * The frames at ADDRESS, which is pc - load bias, the ELF virtual address in module ID, or the pc
 * for id 0. A return address is looked up one byte before, where the call is. Innermost first,
 * always at least one. The frames live until symbols_free(); those of code that no file holds, and
 * the bare module and offset that are left when memory ran out, until the next call.
 */
size_t symbols_code(struct symbols *s, unsigned id, uint64_t address, bool is_return_address,
		    const struct frame **frames);

/*
 * The static variable at ADDRESS: "cache_lock", "shard[3].mu", "refill::lock" (static in a
 * function) when DWARF knows the type, else "symbol" or "symbol+0x10", else NULL. Lives until
 * symbols_free(). Two variables of one program can have the same name: compare addresses.
 */
const char *symbols_data(struct symbols *s, unsigned id, uint64_t address);

/*
 * Why module ID gives less than it could ("file has changed since the recording"), for a report's
 * footnote; NULL when there is nothing to say or nothing was asked of it yet.
 */
const char *symbols_module_note(const struct symbols *s, unsigned id);

#endif
