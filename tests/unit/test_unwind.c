/* SPDX-License-Identifier: MIT */
/*
 * test_unwind.c: the unwinder against glibc's backtrace(), frame by frame
 *
 * Frames of all shapes, threads, signal handlers, code interrupted anywhere, and the limits that a
 * caller sets. Under AddressSanitizer the smallest stack does nothing.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#include "unwind_fixture.h"

#define NR_SAMPLES 400

static volatile sig_atomic_t nr_samples, nr_mismatches;

static int compare_in_qsort(const void *a, const void *b)
{
	if (!last.nr)
		compare_last(NULL);
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

#if defined(__x86_64__)
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
#endif
		cmocka_unit_test(test_out_of_a_signal_handler),
		cmocka_unit_test(test_alternate_stack),
		cmocka_unit_test(test_interrupted_anywhere),
		cmocka_unit_test(test_thread_ends_at_its_start),
		cmocka_unit_test(test_smallest_stack),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("unwind", tests, bounds_setup, NULL);
}
