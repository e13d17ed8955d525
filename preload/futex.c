/* SPDX-License-Identifier: MIT */
/*
 * futex.c: libc's syscall(), for SYS_futex (and SYS_seccomp: seccomp.c) only
 *
 * Rust's std, C++20 semaphores, latches and atomic waits, GLib, Qt and absl wait in the kernel
 * without the pthread functions. Their waits and wakes are recorded by address. Who holds what
 * cannot be known here, so there is no hold.
 *
 * Every other system call must pass untouched, also those that return twice or never: so the
 * entry is assembly and jumps on, without a frame of its own.
 */
#include <errno.h>
#include <linux/futex.h>
#include <unistd.h>

#include "attempt.h"
#include "options.h"
#include "sys.h"

#define FUTEX(how) KIND_MODE(TRACE_KIND_FUTEX, TRACE_HOW_##how)

INTERPOSE(syscall);

static long syscall_resolve(long nr, long a, long b, long c, long d, long e, long f);
syscall_function syscall_next = syscall_resolve;

#if defined(__x86_64__)
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, @function\n"
	"syscall:\n"
	"	.cfi_startproc\n"
	"	cmpq	$202, %rdi\n"	/* SYS_futex */
	"	je	syscall_futex_entry\n"
	"	cmpq	$317, %rdi\n"	/* SYS_seccomp */
	"	je	syscall_seccomp\n"
	"	jmp	*syscall_next(%rip)\n"
	"	.cfi_endproc\n"
	".size syscall, . - syscall\n");
_Static_assert(SYS_futex == 202 && SYS_seccomp == 317, "numbers in the assembly");
#else
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, %function\n"
	"syscall:\n"
	"	.cfi_startproc\n"
	"	cmp	x0, #98\n"	/* SYS_futex */
	"	b.eq	syscall_futex_entry\n"
	"	cmp	x0, #277\n"	/* SYS_seccomp */
	"	b.eq	syscall_seccomp\n"
	"	adrp	x16, syscall_next\n"
	"	ldr	x16, [x16, #:lo12:syscall_next]\n"
	"	br	x16\n"
	"	.cfi_endproc\n"
	".size syscall, . - syscall\n");
_Static_assert(SYS_futex == 98 && SYS_seccomp == 277, "numbers in the assembly");
#endif

/* Only until the first call is over; SYS_vfork and the like come this way once at most. */
static long syscall_resolve(long nr, long a, long b, long c, long d, long e, long f)
{
	hooks_ready();
	syscall_next = (syscall_function)real_syscall;
	return syscall_next(nr, a, b, c, d, e, f);
}

static long futex_wait(const long *arg, uintptr_t site)
{
	struct attempt a;
	long result;
	int err;

	if (!attempt_begin(&a, (const void *)arg[0], site, FUTEX(WAIT)))
		return real_syscall(SYS_futex, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	attempt_waits(&a, arg[3] != 0);
	result = real_syscall(SYS_futex, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	err = result < 0 ? errno : 0;
	attempt_waited(&a, TRACE_EV_FUTEX_WAIT, (uint64_t)err, 0);
	return result;
}

static long futex_wake(const long *arg, uintptr_t site)
{
	struct thread *t = thread_enter();
	uint64_t now, woken;
	long result;

	if (!t)
		return real_syscall(SYS_futex, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	now = clock_ticks();
	result = real_syscall(SYS_futex, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	woken = result > 0 ? (uint64_t)result : 0;
	note_event(t, TRACE_EV_FUTEX_WAKE, (const void *)arg[0], site, FUTEX(WAKE), now, &woken);
	thread_leave(t);
	return result;
}

__attribute__((visibility("hidden"), used)) long syscall_futex_entry(long nr, long a, long b,
								      long c, long d, long e,
								      long f);
long syscall_futex_entry(long nr, long a, long b, long c, long d, long e, long f)
{
	const long arg[] = { a, b, c, d, e, f };

	hooks_ready();
	if (!options.futex)
		return real_syscall(nr, a, b, c, d, e, f);
	switch (b & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		return futex_wait(arg, CALLER());
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
	case FUTEX_WAKE_OP:
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		return futex_wake(arg, CALLER());
	default:
		return real_syscall(nr, a, b, c, d, e, f);
	}
}
