/* SPDX-License-Identifier: MIT */
/*
 * hook.h: how a libc function is interposed
 *
 * INTERPOSE(fn) beside a definition of fn makes ours the one that programs call, and real_fn the
 * one behind it. libc's own prototype is the type of both, so a misspelt name or a wrong prototype
 * does not compile, and the registration stands at the definition: there is no second list.
 *
 * real_fn is filled in by hooks_ready(), before our constructor when somebody calls earlier. A
 * function that this libc does not have stays NULL, and nobody can call it.
 */
#ifndef LOCKPROF_HOOK_H
#define LOCKPROF_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hook {
	const char *name;
	const char *version;	/* pinned symbol version, NULL: the default one */
	void *real;		/* address of real_fn */
};

#define INTERPOSE_VERSION(fn, version)                                                   \
	extern __typeof__(fn) fn __attribute__((visibility("default")));                 \
	static __typeof__(&fn) real_##fn;                                                \
	static const struct hook hook_##fn                                               \
		__attribute__((used, section("hooks"), aligned(8))) = { #fn, version,    \
									&real_##fn }
#define INTERPOSE(fn) INTERPOSE_VERSION(fn, NULL)

/*
 * The conds of LinuxThreads (GLIBC_2.2.5) have another layout. exports.map gives our conds the
 * version below, so a program bound to the old ones is left alone; behind us we ask for the same.
 */
#ifdef __x86_64__
#define COND_VERSION "GLIBC_2.3.2"
#else
#define COND_VERSION NULL
#endif

extern bool hooks_resolved;
void hooks_resolve(void);

static inline void hooks_ready(void)
{
	if (__builtin_expect(!hooks_resolved, 0))
		hooks_resolve();
}

/* libc's syscall() behind ours, which is assembly (futex.c). */
typedef long (*syscall_function)(long nr, long a, long b, long c, long d, long e, long f);
extern syscall_function syscall_next __attribute__((visibility("hidden")));

#define CALLER() ((uintptr_t)__builtin_return_address(0))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
