/*
 * test_unwind.c - the unwinder against glibc's backtrace(), frame by frame.
 *
 * The oracle is libgcc's unwinder: another implementation over the same tables. Both walk from one
 * function, so that only the first frame may differ. The C library variant without
 * _dl_find_object() is compiled in here once more under other names. A small library is compiled
 * while the test runs, to have code that can be loaded, unloaded and damaged. Under
 * AddressSanitizer the cases that count stack bytes or system calls, and the smallest stack, do
 * nothing.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/seccomp.h>

#include "../../preload/unwind.h"

#define unwind_stack	       snapshot_unwind_stack
#define unwind_find_module     snapshot_unwind_find_module
#define unwind_modules_changed snapshot_unwind_modules_changed
#define unwind_init	       snapshot_unwind_init
#define UNWIND_SNAPSHOT_ONLY
int snapshot_unwind_stack(uintptr_t *pcs, int max, int skip, struct unwind_bounds bounds);
int snapshot_unwind_find_module(uintptr_t pc, struct unwind_module *out);
void snapshot_unwind_modules_changed(void);
int snapshot_unwind_init(void);
#include "../../preload/unwind.c"
#undef unwind_stack
#undef unwind_find_module
#undef unwind_modules_changed
#undef unwind_init

extern int unwind_stack(uintptr_t *pcs, int max, int skip, struct unwind_bounds bounds);
extern int unwind_find_module(uintptr_t pc, struct unwind_module *out);
extern void unwind_modules_changed(void);
extern int unwind_init(void);

#define MAX_FRAMES 64
#define NR_SAMPLES 400
#define NOINLINE   __attribute__((noinline))

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
static volatile sig_atomic_t nr_samples, nr_mismatches;

static struct unwind_bounds bounds_of_thread(void)
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

static void compare_last(void *unused)
{
	(void)unused;
	compare(&last);
	NO_TAIL_CALL();
}

static void comparison_print(const struct comparison *c)
{
	for (int i = 0; i < c->nr || i < c->nr_oracle; i++)
		printf("# %2d %#18lx %18p\n", i, i < c->nr ? (long)c->pcs[i] : 0,
		       i < c->nr_oracle ? c->oracle[i] : NULL);
}

static void assert_same(int at_least)
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

static void no_cleanup(int *p)
{
	*(volatile int *)p = 0;
}

static NOINLINE void call_with_cleanup(callback f)
{
	int thing __attribute__((cleanup(no_cleanup))) = 1;

	f(&thing);
}

static int compare_in_qsort(const void *a, const void *b)
{
	if (!last.nr)
		compare_last(NULL);
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
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

/* No information at all, but a frame pointer: a JIT's code. */
void call_undescribed(callback f);
__asm__(".globl call_undescribed\n"
	".type call_undescribed, @function\n"
	"call_undescribed:\n"
	"	pushq %rbp\n"
	"	movq %rsp, %rbp\n"
	"	subq $32, %rsp\n"
	"	call *%rdi\n"
	"	leave\n"
	"	ret\n"
	".size call_undescribed, .-call_undescribed\n");
#endif

/* ---- cases ---- */

static void test_nested(void **state)
{
	(void)state;
	call_nested(5, compare_last);
	assert_same(8);
	call_nested(0, compare_last);
	assert_same(3);
}

static void test_recursion_deeper_than_asked(void **state)
{
	(void)state;
	call_nested(200, compare_last);
	assert_same(MAX_FRAMES);
}

static void test_frames_of_all_shapes(void **state)
{
	(void)state;
	call_with_alloca(1000, compare_last);
	assert_same(4);
	call_with_aligned_locals(100, compare_last);
	assert_same(4);
	call_realigned(50, 2, 3, 4, 5, 6, 7, 8, compare_last);
	assert_same(4);
	call_with_cleanup(compare_last);
	assert_same(4);
}

static void test_qsort(void **state)
{
	int numbers[] = { 5, 3, 9, 1, 7, 2, 8 };

	(void)state;
	qsort(numbers, 7, sizeof(int), compare_in_qsort);
	assert_same(6);
}

#if defined(__x86_64__)
static NOINLINE void call_with_rbx_twice(callback f)
{
	call_with_alloca(64, f);
	call_with_rbx(f);
	NO_TAIL_CALL();
}

static void test_cfa_in_rbx(void **state)
{
	(void)state;
	call_with_rbx_twice(compare_last);
	assert_same(5);
}

static NOINLINE void deep_in_rbx(void *unused)
{
	(void)unused;
	call_with_rbx(compare_last);
	NO_TAIL_CALL();
}

static void test_cfa_in_rbx_deep(void **state)
{
	(void)state;
	call_with_rbx(deep_in_rbx);
	assert_same(6);
	call_nested(100, deep_in_rbx);
	assert_same(MAX_FRAMES);
}

static void test_code_without_information(void **state)
{
	struct comparison *c = &last;

	(void)state;
	call_nested(3, compare_last);
	memset(c, 0, sizeof(*c));
	call_undescribed(compare_last);
	assert_true(c->nr > 4);
	memset(c, 0, sizeof(*c));
}

static const unsigned char jitted[] = {
	0x55,		  /* push %rbp */
	0x48, 0x89, 0xe5, /* mov %rsp,%rbp */
	0xff, 0xd7,	  /* call *%rdi */
	0x5d, 0xc3,	  /* pop %rbp; ret */
};

static void test_jit(void **state)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	callback as_function;
	void (*call)(callback);
	struct unwind_module module;

	(void)state;
	assert_true(code != MAP_FAILED);
	memcpy(code, jitted, sizeof(jitted));
	memcpy(&call, &code, sizeof(call));
	as_function = compare_last;
	call(as_function);
	assert_true(last.nr > 4);
	assert_int_equal(last.pcs[2], (uintptr_t)code + 6);
	assert_int_equal(unwind_find_module(last.pcs[2], &module), -1);
	assert_int_equal(unwind_find_module(last.pcs[3], &module), 0);
	munmap(code, 4096);
	memset(&last, 0, sizeof(last));
}
#endif

static void handler(int sig)
{
	(void)sig;
	compare(&last);
}

static void test_out_of_a_signal_handler(void **state)
{
	struct sigaction action = { .sa_handler = handler }, old;

	(void)state;
	sigaction(SIGUSR1, &action, &old);
	raise(SIGUSR1);
	sigaction(SIGUSR1, &old, NULL);
	assert_same(5);
}

static void test_alternate_stack(void **state)
{
	static char memory[65536];
	stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) },
		none = { .ss_flags = SS_DISABLE };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK }, old;

	(void)state;
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, &old);
	raise(SIGUSR1);
	sigaction(SIGUSR1, &old, NULL);
	sigaltstack(&none, NULL);
	assert_int_equal(last.nr, 1);
	memset(&last, 0, sizeof(last));
}

static void sample(int sig)
{
	static struct comparison c;
	int err = errno;

	(void)sig;
	compare(&c);
	nr_samples++;
	if (c.nr_equal != c.nr || c.nr < c.nr_oracle) {
		nr_mismatches++;
		comparison_print(&c);
	}
	errno = err;
}

static void do_nothing(void *unused)
{
	(void)unused;
}

static NOINLINE void work_to_interrupt(unsigned seed)
{
	char text[128];
	int numbers[32];
	struct timespec now;

	for (int i = 0; i < 32; i++)
		numbers[i] = (int)((seed = seed * 1103515245 + 12345) >> 1);
	qsort(numbers, 32, sizeof(int), compare_in_qsort);
	snprintf(text, sizeof(text), "%d %g %s", numbers[0], numbers[1] / 3.0, "text");
	clock_gettime(CLOCK_MONOTONIC, &now);
	call_with_alloca(32, do_nothing);
	free(malloc(strlen(text) * 10));
}

/* A timer finds prologues, epilogues and the C library's assembler. */
static void test_interrupted_anywhere(void **state)
{
	struct sigaction action = { .sa_handler = sample, .sa_flags = SA_RESTART }, old;
	struct itimerval every = { { 0, 500 }, { 0, 500 } }, never = { 0 };

	(void)state;
	last.nr = 1; /* no comparison in qsort */
	nr_samples = nr_mismatches = 0;
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &every, NULL);
	for (unsigned seed = 1; nr_samples < NR_SAMPLES; seed++)
		work_to_interrupt(seed);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	memset(&last, 0, sizeof(last));
	assert_int_equal(nr_mismatches, 0);
}

static void *thread_main(void *arg)
{
	bounds = bounds_of_thread();
	call_nested(*(int *)arg, compare_last);
	return NULL;
}

static void run_thread(int depth, size_t stack_size)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	if (stack_size)
		pthread_attr_setstacksize(&attr, stack_size);
	assert_int_equal(pthread_create(&thread, &attr, thread_main, &depth), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
}

static void test_thread_ends_at_its_start(void **state)
{
	(void)state;
	run_thread(3, 0);
	assert_same(7);
}

static void test_smallest_stack(void **state)
{
	(void)state;
	if (IS_SANITIZED)
		return;
	run_thread(3, (size_t)PTHREAD_STACK_MIN);
	assert_same(7);
}

struct limits {
	uintptr_t pcs[MAX_FRAMES];
	int all, skipped, few, none, low_high, not_inside;
};

static struct limits limits;

static NOINLINE void walk_with_limits(void *unused)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), skipped[MAX_FRAMES];
	struct unwind_bounds tight = { bounds.low, here + 400 }, outside = { 4096, 8192 };

	(void)unused;
	limits.all = unwind_stack(limits.pcs, MAX_FRAMES, 0, bounds);
	limits.skipped = unwind_stack(skipped, MAX_FRAMES, 2, bounds);
	if (limits.skipped != limits.all - 2 ||
	    memcmp(skipped, limits.pcs + 2, sizeof(*skipped) * (size_t)limits.skipped) != 0)
		limits.skipped = -1;
	limits.few = unwind_stack(skipped, 3, 0, bounds);
	limits.none = unwind_stack(skipped, 0, 0, bounds);
	for (tight.high = here; tight.high < bounds.high; tight.high += 24) {
		int nr = unwind_stack(skipped, MAX_FRAMES, 0, tight);

		if (nr < limits.low_high || nr > limits.all ||
		    memcmp(skipped + 1, limits.pcs + 1, sizeof(*skipped) * (size_t)(nr - 1)) != 0)
			break;
		limits.low_high = nr;
	}
	limits.not_inside = unwind_stack(skipped, MAX_FRAMES, 0, outside);
}

static void test_limits(void **state)
{
	(void)state;
	call_nested(10, walk_with_limits);
	assert_true(limits.all > 12);
	assert_int_equal(limits.skipped, limits.all - 2);
	assert_int_equal(limits.few, 3);
	assert_int_equal(limits.none, 0);
	assert_int_equal(limits.low_high, limits.all);
	assert_int_equal(limits.not_inside, 1);
}

static void test_errno_is_kept(void **state)
{
	(void)state;
	unwind_modules_changed();
	errno = 12345;
	call_nested(5, walk_with_limits);
	assert_int_equal(errno, 12345);
}

static void walk_once(void *unused)
{
	uintptr_t pcs[MAX_FRAMES];

	(void)unused;
	unwind_stack(pcs, MAX_FRAMES, 0, bounds);
}

/* Strict seccomp kills at any system call but read, write and exit. */
static void test_no_system_call(void **state)
{
	int status;
	pid_t child;

	(void)state;
	if (IS_SANITIZED)
		return;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		unwind_modules_changed();
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
			_exit(77);
		call_nested(10, walk_once);
		call_realigned(50, 2, 3, 4, 5, 6, 7, 8, walk_once);
		syscall(SYS_exit, 0);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		printf("# no seccomp here: nothing was tested\n");
		return;
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

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

static void *library_symbol(void *handle, const char *name)
{
	void *symbol = dlsym(handle, name);

	assert_non_null(symbol);
	return symbol;
}

static struct library library_open(void)
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

static int library_build(void **state)
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

static int library_remove(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command) == 0 ? 0 : -1;
}

static void test_callback_of_a_library(void **state)
{
	struct library lib = library_open();

	(void)state;
	lib.all(compare_last);
	assert_same(13);
	dlclose(lib.handle);
	unwind_modules_changed();
}

static void test_module_of_a_library(void **state)
{
	struct library lib = library_open();
	struct unwind_module module;
	uintptr_t pc = (uintptr_t)lib.all;

	(void)state;
	assert_int_equal(unwind_find_module(pc, &module), 0);
	assert_true(pc >= module.map_start && pc < module.map_end);
	assert_non_null(strstr(module.name, "lib.so"));
	assert_non_null(module.eh_frame_hdr);
	dlclose(lib.handle);
	unwind_modules_changed();
	assert_int_equal(unwind_find_module(pc, &module), -1);
	assert_int_equal(unwind_find_module((uintptr_t)&test_module_of_a_library, &module), 0);
	assert_string_equal(module.name, "");
}

static void compare_with_snapshot(void *unused)
{
	struct comparison *c = &last;

	(void)unused;
	c->nr = unwind_stack(c->pcs, MAX_FRAMES, 0, bounds);
	c->nr_oracle = snapshot_unwind_stack((uintptr_t *)c->oracle, MAX_FRAMES, 0, bounds);
	for (c->nr_equal = 1; c->nr_equal < c->nr && c->nr_equal < c->nr_oracle; c->nr_equal++) {
		if (c->pcs[c->nr_equal] != (uintptr_t)c->oracle[c->nr_equal])
			break;
	}
}

static void test_without_find_object(void **state)
{
	struct library lib = library_open();
	struct unwind_module module, again;
	uintptr_t pc = (uintptr_t)lib.all;

	(void)state;
	assert_int_equal(snapshot_unwind_init(), 0);
	lib.all(compare_with_snapshot);
	assert_same(13);
	assert_int_equal(unwind_find_module(pc, &module), 0);
	assert_int_equal(snapshot_unwind_find_module(pc, &again), 0);
	assert_int_equal(module.load_bias, again.load_bias);
	assert_ptr_equal(module.eh_frame_hdr, again.eh_frame_hdr);
	dlclose(lib.handle);
	unwind_modules_changed();
	snapshot_unwind_modules_changed();
	assert_int_equal(snapshot_unwind_find_module(pc, &again), -1);
	lib = library_open();
	snapshot_unwind_modules_changed();
	lib.all(compare_with_snapshot);
	assert_same(13);
	dlclose(lib.handle);
	unwind_modules_changed();
	snapshot_unwind_modules_changed();
}

#if defined(__x86_64__)
static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

/* Some damage goes through the table, most hits the instructions of the few functions there are. */
static void damage(uint8_t *at, size_t size)
{
	unsigned nr = 1 + next_random() % 8;

	while (nr--)
		at[next_random() % size] = next_random() % 4 ? (uint8_t)next_random()
							     : (uint8_t)(next_random() % 2 * 255);
	unwind_modules_changed();
}

static void walk_any(void *unused)
{
	uintptr_t pcs[MAX_FRAMES];

	(void)unused;
	limits.all = unwind_stack(pcs, MAX_FRAMES, 0, bounds);
	if (limits.all < 1 || limits.all > MAX_FRAMES)
		abort();
}

static void test_damaged_information(void **state)
{
	struct library lib = library_open();
	struct unwind_module module;
	struct segment segment;
	static uint8_t saved[65536];
	uint8_t *hdr;
	size_t size;
	const char *rounds = getenv("LOCKPROF_FUZZ");

	(void)state;
	assert_int_equal(unwind_find_module((uintptr_t)lib.all, &module), 0);
	segment = segment_find(&module);
	hdr = (uint8_t *)module.eh_frame_hdr;
	size = segment.end - (uintptr_t)hdr;
	assert_true(size > 100 && size < sizeof(saved));
	assert_int_equal(mprotect((void *)(segment.start & ~4095ul),
				  segment.end - (segment.start & ~4095ul), PROT_READ | PROT_WRITE),
			 0);
	memcpy(saved, hdr, size);
	for (long i = rounds ? atol(rounds) : 20000; i > 0; i--) {
		damage(hdr, size);
		lib.all(walk_any);
		memcpy(hdr, saved, size);
	}
	unwind_modules_changed();
	lib.all(compare_last);
	assert_same(13);
	dlclose(lib.handle);
	unwind_modules_changed();
}

/* ---- what it costs ---- */

#define PAINTED 8192
#define PAINT	0xa5

static size_t stack_used;

/* Paints the free part of the stack, walks, and looks how far down the paint is gone. */
static NOINLINE void measure_stack(void *unused)
{
	uintptr_t pcs[MAX_FRAMES];
	volatile uint8_t *top = (volatile uint8_t *)__builtin_frame_address(0) - 800;
	volatile uint8_t *p = top - PAINTED;

	(void)unused;
	while (p < top)
		*p++ = PAINT;
	unwind_stack(pcs, MAX_FRAMES, 0, bounds);
	for (p = top - PAINTED; p < top && *p == PAINT;)
		p++;
	if ((size_t)(top - p) + 800 - sizeof(pcs) > stack_used)
		stack_used = (size_t)(top - p) + 800 - sizeof(pcs);
}

static void measure_in_handler(int sig)
{
	(void)sig;
	measure_stack(NULL);
}

static void test_stack_use(void **state)
{
	struct sigaction action = { .sa_handler = measure_in_handler }, old;

	(void)state;
	if (IS_SANITIZED)
		return;
	unwind_modules_changed();
	call_nested(5, measure_stack);
	unwind_modules_changed();
	call_with_rbx(measure_stack);
	call_realigned(50, 2, 3, 4, 5, 6, 7, 8, measure_stack);
	unwind_modules_changed();
	sigaction(SIGUSR1, &action, &old);
	raise(SIGUSR1);
	sigaction(SIGUSR1, &old, NULL);
	printf("# stack: %zu bytes\n", stack_used);
#ifdef __OPTIMIZE__
	assert_true(stack_used < 1536);
#endif
}
#endif

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* One way of taking a stack, and its best time. */
struct contender {
	const char *name;
	int (*take)(void **pcs, int max);
	double ns;
	int nr;
};

static int take_own(void **pcs, int max)
{
	return unwind_stack((uintptr_t *)pcs, max, 0, bounds);
}

static int take_own_cold(void **pcs, int max)
{
	unwind_modules_changed();
	return unwind_stack((uintptr_t *)pcs, max, 0, bounds);
}

static int take_nothing_cold(void **pcs, int max)
{
	unwind_modules_changed();
	pcs[0] = NULL;
	return max > 0;
}

static struct contender contenders[] = {
	{ "unwind_stack", take_own, 0, 0 },
	{ "unwind_stack and emptying the cache", take_own_cold, 0, 0 },
	{ "emptying the cache", take_nothing_cold, 0, 0 },
	{ "backtrace", backtrace, 0, 0 },
	{ "unw_backtrace", NULL, 0, 0 },
};

#define NR_CONTENDERS (sizeof(contenders) / sizeof(contenders[0]))

static void time_contenders(void *unused)
{
	void *pcs[MAX_FRAMES];

	(void)unused;
	for (unsigned i = 0; i < NR_CONTENDERS; i++) {
		struct contender *c = &contenders[i];

		c->ns = 1e18;
		for (int round = 0; c->take && round < 20; round++) {
			double start = now_ns();

			for (int j = 0; j < 100; j++)
				c->nr = c->take(pcs, MAX_FRAMES);
			start = (now_ns() - start) / 100;
			c->ns = start < c->ns ? start : c->ns;
		}
	}
}

/* In a thread, where five frames are not call_nested() counting down. */
static void *time_thread(void *arg)
{
	bounds = bounds_of_thread();
	call_nested(*(int *)arg, time_contenders);
	return NULL;
}

static void print_times(int frames)
{
	int depth = frames - 5;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, time_thread, &depth), 0);
	pthread_join(thread, NULL);
	for (unsigned i = 0; i < NR_CONTENDERS; i++) {
		if (contenders[i].take)
			printf("# %2d frames %8.1f ns %s\n", contenders[i].nr, contenders[i].ns,
			       contenders[i].name);
	}
}

static void test_times_are_printed(void **state)
{
	void *libunwind = dlopen("libunwind.so.8", RTLD_NOW);
	void *symbol = libunwind ? dlsym(libunwind, "unw_backtrace") : NULL;

	(void)state;
	memcpy(&contenders[NR_CONTENDERS - 1].take, &symbol, sizeof(symbol));
	print_times(6);
	print_times(20);
	print_times(50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_recursion_deeper_than_asked),
		cmocka_unit_test(test_frames_of_all_shapes),
		cmocka_unit_test(test_qsort),
#if defined(__x86_64__)
		cmocka_unit_test(test_cfa_in_rbx),
		cmocka_unit_test(test_cfa_in_rbx_deep),
		cmocka_unit_test(test_code_without_information),
		cmocka_unit_test(test_jit),
		cmocka_unit_test(test_damaged_information),
		cmocka_unit_test(test_stack_use),
#endif
		cmocka_unit_test(test_out_of_a_signal_handler),
		cmocka_unit_test(test_alternate_stack),
		cmocka_unit_test(test_interrupted_anywhere),
		cmocka_unit_test(test_thread_ends_at_its_start),
		cmocka_unit_test(test_smallest_stack),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_errno_is_kept),
		cmocka_unit_test(test_no_system_call),
		cmocka_unit_test(test_callback_of_a_library),
		cmocka_unit_test(test_module_of_a_library),
		cmocka_unit_test(test_without_find_object),
		cmocka_unit_test(test_times_are_printed),
	};

	return cmocka_run_group_tests_name("unwind", tests, library_build, library_remove);
}
