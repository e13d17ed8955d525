/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes LOCKPROF_OPTIONS, which the shim reads inside a program that it must not disturb.
 *
 * The shim's file is compiled in here with its one way to speak turned into a call that does
 * nothing. Whatever the text is, the options stay in their ranges and a path has its end.
 */
#include <string.h>

#include "../../preload/sys.h"
#undef SYS_writev
#define SYS_writev SYS_getpid
#include "../../preload/options.c"

#include "fuzz.h"

bool sys_sealed; /* as seccomp.c has it */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct options defaults = { .output = "lockprof.%e.%p.trace",
						 .max_size = 1ull << 30,
						 .depth = 32,
						 .mode = TRACE_MODE_TRACE,
						 .stacks = true,
						 .futex = true };
	char *text = fuzz_text(data, size);
	size_t room = 1 + (size ? data[0] * 33 : 0);
	char *path = malloc(room);

	options = defaults;
	options_read(text);
	need(options.depth >= 1 && options.depth <= STACK_DEPTH_MAX);
	need(options.mode == TRACE_MODE_TRACE || options.mode == TRACE_MODE_PROFILE);
	need(memchr(options.output, '\0', sizeof(options.output)) && options.output[0]);
	need(path != NULL);
	options_path(path, (uint32_t)room, "a program");
	need(memchr(path, '\0', room) != NULL);
	free(path);
	free(text);
	return 0;
}
