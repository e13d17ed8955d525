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
 * thread then, and if there were two, each would do it all. A nested call (dlsym misses a function
 * -> malloc for its message -> lock) goes on behind the function that is being looked for, so the
 * nesting ends.
 */
void hooks_resolve(void)
{
	static __thread const struct hook *next __attribute__((tls_model("initial-exec")));
	int saved = errno;

	if (!next)
		next = __start_hooks;
	while (next < __stop_hooks) {
		const struct hook *h = next++;
		void *real = h->version ? dlvsym(RTLD_NEXT, h->name, h->version) : NULL;

		if (!real)
			real = dlsym(RTLD_NEXT, h->name);
		*(void **)h->real = real;
	}
	hooks_resolved = true;
	errno = saved;
}
