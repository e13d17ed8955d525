/* SPDX-License-Identifier: MIT */
/* hook.c: finds the functions behind ours; see hook.h */
#include <dlfcn.h>
#include <errno.h>

#include "hook.h"

extern const struct hook __start_hooks[] __attribute__((visibility("hidden")));
extern const struct hook __stop_hooks[] __attribute__((visibility("hidden")));

bool hooks_resolved;

/*
 * Runs in our constructor, or in another library's constructor that locks before it: there is one
 * thread then. Running it twice does no harm, so a nested call (dlsym -> malloc -> lock) needs no
 * guard of its own: it resolves what it needs and returns.
 */
void hooks_resolve(void)
{
	int saved = errno;

	for (const struct hook *h = __start_hooks; h < __stop_hooks; h++) {
		void *real = h->version ? dlvsym(RTLD_NEXT, h->name, h->version) : NULL;

		if (!real)
			real = dlsym(RTLD_NEXT, h->name);
		*(void **)h->real = real;
	}
	hooks_resolved = true;
	errno = saved;
}
