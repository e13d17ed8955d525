/* SPDX-License-Identifier: MIT */
/*
 * loader.c: dlclose, so that what the unwinder remembers of unloaded code is forgotten
 *
 * dlopen is not interposed: it looks at its caller's address to find RUNPATH, and the caller would
 * be us. New modules are found when a stack first shows them.
 */
#include <dlfcn.h>

#include "dict.h"
#include "hook.h"

INTERPOSE(dlclose);

int dlclose(void *handle)
{
	int err;

	hooks_ready();
	err = real_dlclose(handle);
	stack_modules_changed();
	return err;
}
