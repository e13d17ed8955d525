/* SPDX-License-Identifier: MIT */
/*
 * test_unwind_cost.c: what a walk costs the program that it runs in
 *
 * It makes no system call, keeps errno, and needs little stack; its times are printed beside those
 * of others and not judged. Under AddressSanitizer the cases that count stack bytes or system calls
 * do nothing.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/seccomp.h>

#include "unwind_fixture.h"

static void walk_once(void *unused)
{
	uintptr_t pcs[MAX_FRAMES];

	(void)unused;
	unwind_stack(pcs, MAX_FRAMES, 0, bounds);
}

static void test_errno_is_kept(void **state)
{
	(void)state;
	unwind_modules_changed();
	errno = 12345;
	call_nested(5, walk_once);
	assert_int_equal(errno, 12345);
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

#if defined(__x86_64__)
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
		cmocka_unit_test(test_errno_is_kept),
		cmocka_unit_test(test_no_system_call),
#if defined(__x86_64__)
		cmocka_unit_test(test_stack_use),
#endif
		cmocka_unit_test(test_times_are_printed),
	};

	return cmocka_run_group_tests_name("unwind_cost", tests, bounds_setup, NULL);
}
