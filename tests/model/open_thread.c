/* SPDX-License-Identifier: MIT */
/* open_thread.c: preload/thread.c, a thread's end without the destructor that calls it, and which
 * of its variables are a thread's own */
#include "../../preload/thread.c"
#include "open.h"

void open_thread_end(void)
{
	thread_end(thread_self());
}

/* The scheduler switches the first; no scenario uses the second. */
bool open_is_local(uintptr_t address)
{
	return address == (uintptr_t)&thread_tls ||
	       address - (uintptr_t)&own_stack < sizeof(own_stack);
}
