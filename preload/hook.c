/* SPDX-License-Identifier: MIT */
/* hook.c: finds the functions behind ours; see hook.h */
#include <dlfcn.h>
#include <errno.h>

#include "hook.h"

extern const struct hook __start_hooks[] __attribute__((visibility("hidden")));
extern const struct hook __stop_hooks[] __attribute__((visibility("hidden")));

bool hooks_resolved;

static bool same_object(const void *one, const void *other)
{
	Dl_info a, b;

	return dladdr(one, &a) && dladdr(other, &b) && a.dli_fbase == b.dli_fbase;
}

/*
 * dlvsym passes over functions without a version: those of another wrapper, or of a sanitizer,
 * between us and libc. dlsym, before glibc 2.36, finds libc's oldest version. So: what dlsym finds,
 * but of libc's the version that we want.
 */
static void *hook_find(const struct hook *h)
{
	void *next = dlsym(RTLD_NEXT, h->name);
	void *pinned = h->version ? dlvsym(RTLD_NEXT, h->name, h->version) : NULL;

	return pinned && (!next || same_object(next, pinned)) ? pinned : next;
}

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

		*(void **)h->real = hook_find(h);
	}
	hooks_resolved = true;
	errno = saved;
}
