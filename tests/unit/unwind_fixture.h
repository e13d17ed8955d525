/* SPDX-License-Identifier: MIT */
/*
 * unwind_fixture.h: what the tests of the unwinder walk over, and what they compare it with
 *
 * The oracle is glibc's backtrace(), that is libgcc's unwinder: another implementation over the
 * same tables. Both walk from one function, so that only the first frame may differ. A small
 * library is compiled while the test runs, to have code that can be loaded, unloaded and damaged.
 */
#ifndef LOCKPROF_TESTS_UNWIND_FIXTURE_H
#define LOCKPROF_TESTS_UNWIND_FIXTURE_H

#include <alloca.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../preload/unwind.h"

#define MAX_FRAMES 64
#define NOINLINE   __attribute__((noinline, unused))
#define UNUSED	   __attribute__((unused))

/* Keeps a call from becoming a jump. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

static __thread struct unwind_bounds bounds;

/* What the last comparison saw. */
struct comparison {
	int nr, nr_oracle, nr_equal;
	uintptr_t pcs[MAX_FRAMES];
	void *oracle[MAX_FRAMES];
};

static struct comparison last;

static UNUSED struct unwind_bounds bounds_of_thread(void)
{
	pthread_attr_t attr;
	void *stack;
	size_t size;

	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &stack, &size);
	pthread_attr_destroy(&attr);
	return (struct unwind_bounds){ (uintptr_t)stack, (uintptr_t)stack + size };
}

/* A sanitizer's own backtrace() stands before glibc's and adds a frame. */
static NOINLINE void compare(struct comparison *c)
{
	void *oracle[MAX_FRAMES + IS_SANITIZED];

	c->nr = unwind_stack(c->pcs, MAX_FRAMES, 0, bounds);
	c->nr_oracle = backtrace(oracle, MAX_FRAMES + IS_SANITIZED) - IS_SANITIZED;
	memcpy(c->oracle, oracle + IS_SANITIZED, sizeof(*oracle) * (size_t)c->nr_oracle);
	c->nr_equal = 1;
	while (c->nr_equal < c->nr && c->nr_equal < c->nr_oracle &&
	       c->pcs[c->nr_equal] == (uintptr_t)c->oracle[c->nr_equal])
		c->nr_equal++;
}

static UNUSED int bounds_setup(void **state)
{
	(void)state;
	bounds = bounds_of_thread();
	return unwind_init();
}

static UNUSED void compare_last(void *unused)
{
	(void)unused;
	compare(&last);
	NO_TAIL_CALL();
}

static UNUSED void comparison_print(const struct comparison *c)
{
	for (int i = 0; i < c->nr || i < c->nr_oracle; i++)
		printf("# %2d %#18lx %18p\n", i, i < c->nr ? (long)c->pcs[i] : 0,
		       i < c->nr_oracle ? c->oracle[i] : NULL);
}

static UNUSED void assert_same(int at_least)
{
	if (last.nr != last.nr_oracle || last.nr_equal != last.nr)
		comparison_print(&last);
	assert_int_equal(last.nr, last.nr_oracle);
	assert_int_equal(last.nr_equal, last.nr);
	assert_true(last.nr >= at_least);
	memset(&last, 0, sizeof(last));
}

/* ---- shapes of frames ---- */

typedef void (*callback)(void *);

static NOINLINE int call_nested(int depth, callback f)
{
	int below = 0;

	if (depth > 0)
		below = call_nested(depth - 1, f);
	else
		f(NULL);
	NO_TAIL_CALL();
	return below + 1;
}

static NOINLINE void call_with_alloca(size_t size, callback f)
{
	volatile char *p = alloca(size);

	p[0] = 1;
	f((void *)p);
	p[size - 1] = 2;
}

static NOINLINE void call_with_aligned_locals(size_t size, callback f)
{
	volatile char aligned[64] __attribute__((aligned(64)));
	volatile char *p = alloca(size);

	aligned[0] = p[0] = 1;
	f((void *)aligned);
	aligned[63] = p[size - 1] = 2;
}

/* The arguments on the stack make the compiler keep the way to them in a register of its own. */
static NOINLINE
#if defined(__x86_64__)
	__attribute__((force_align_arg_pointer))
#endif
	int
	call_realigned(int a, int b, int c, int d, int e, int g, int h, int i, callback f)
{
	volatile char aligned[64] __attribute__((aligned(64)));
	volatile char *p = alloca((size_t)a);

	aligned[0] = p[0] = 1;
	f((void *)aligned);
	aligned[63] = p[a - 1] = 2;
	return b + c + d + e + g + h + i;
}

static UNUSED void no_cleanup(int *p)
{
	*(volatile int *)p = 0;
}

static NOINLINE void call_with_cleanup(callback f)
{
	int thing __attribute__((cleanup(no_cleanup))) = 1;

	f(&thing);
}

#if defined(__x86_64__)
/* As the loader's _dl_runtime_resolve: its CFA is in rbx, which only a walk with all registers has.
 */
void call_with_rbx(callback f);
__asm__(".text\n"
	".globl call_with_rbx\n"
	".type call_with_rbx, @function\n"
	"call_with_rbx:\n"
	"	.cfi_startproc\n"
	"	pushq %rbx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %rbx, 0\n"
	"	movq %rsp, %rbx\n"
	"	.cfi_def_cfa_register %rbx\n"
	"	andq $-64, %rsp\n"
	"	call *%rdi\n"
	"	movq %rbx, %rsp\n"
	"	.cfi_def_cfa_register %rsp\n"
	"	popq %rbx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %rbx\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size call_with_rbx, .-call_with_rbx\n");
#endif

/* ---- a library that is loaded, unloaded and damaged ---- */

static const char library_source[] =
	"#include <alloca.h>\n"
	"typedef void (*callback)(void *);\n"
	"static void done(int *p) { *(volatile int *)p = 0; }\n"
	"int lib_plain(callback f) { volatile int n = 1; f(0); return n; }\n"
	"int lib_cleanup(callback f)\n"
	"{ int n __attribute__((cleanup(done))) = 1; f(&n); return 2; }\n"
	"int lib_alloca(callback f, int n)\n"
	"{ volatile char *p = alloca(n); p[0] = 1; f((void *)p); return p[0]; }\n"
	"int lib_deep(callback f, int n) { volatile int m = n; if (n) m += lib_deep(f, n - 1);\n"
	"	else lib_alloca(f, 64); return m; }\n"
	"int lib_all(callback f) { return lib_plain(f) + lib_cleanup(f) + lib_alloca(f, 100)\n"
	"	+ lib_deep(f, 8); }\n";

static char folder[] = "/tmp/lockprof-unwind-XXXXXX";

struct library {
	void *handle;
	int (*all)(callback);
	int (*deep)(callback, int);
};

static UNUSED void *library_symbol(void *handle, const char *name)
{
	void *symbol = dlsym(handle, name);

	assert_non_null(symbol);
	return symbol;
}

static UNUSED struct library library_open(void)
{
	char path[64];
	struct library lib;
	void *symbol;

	snprintf(path, sizeof(path), "%s/lib.so", folder);
	lib.handle = dlopen(path, RTLD_NOW);
	assert_non_null(lib.handle);
	symbol = library_symbol(lib.handle, "lib_all");
	memcpy(&lib.all, &symbol, sizeof(symbol));
	symbol = library_symbol(lib.handle, "lib_deep");
	memcpy(&lib.deep, &symbol, sizeof(symbol));
	return lib;
}

static UNUSED int library_build(void **state)
{
	char command[256];
	FILE *source;

	(void)state;
	bounds = bounds_of_thread();
	if (!mkdtemp(folder))
		return -1;
	snprintf(command, sizeof(command), "%s/lib.c", folder);
	source = fopen(command, "w");
	if (!source)
		return -1;
	fputs(library_source, source);
	fclose(source);
	snprintf(command, sizeof(command),
		 "cd %s && cc -O2 -fexceptions -fomit-frame-pointer -shared -fPIC -o lib.so lib.c",
		 folder);
	return system(command) == 0 ? unwind_init() : -1;
}

static UNUSED int library_remove(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command) == 0 ? 0 : -1;
}

#endif
