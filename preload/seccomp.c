/* SPDX-License-Identifier: MIT */
/*
 * seccomp.c: prctl(PR_SET_SECCOMP) and syscall(SYS_seccomp)
 *
 * A sandboxed process may be killed for any system call that its author did not think of, and the
 * author did not think of ours. So before a filter that can do such a thing, or strict mode, the
 * trace is made, blocks and memory are set aside, and from then on the shim enters the kernel no
 * more: the recording goes on as statistics in what it has, for all threads. New threads get slots
 * of what was set aside, forked children record nothing.
 *
 * In strict mode the thread may not even read the time stamp counter: it is left alone.
 *
 * A filter that only allows, logs or returns an error seals nothing; its instructions tell.
 * Filters set in other ways (by a raw instruction, or before the program was executed) are not
 * seen.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>

#include "attempt.h"
#include "file.h"
#include "records.h"
#include "sys.h"

bool sys_sealed;

INTERPOSE(prctl);

/* Without trusting the pointer: it is the kernel's to say that it is wrong. */
static bool copy_from(void *to, const void *from, size_t bytes)
{
	struct iovec local = { to, bytes }, remote = { (void *)from, bytes };

	return sys_call(SYS_process_vm_readv, sys_getpid(), (long)&local, 1, (long)&remote, 1, 0) ==
	       (long)bytes;
}

static bool instruction_is_safe(const struct sock_filter *instruction)
{
	if (BPF_CLASS(instruction->code) != BPF_RET)
		return true;
	if (BPF_RVAL(instruction->code) != BPF_K)
		return false;
	switch (instruction->k & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ERRNO:
		return true;
	default:
		return false;
	}
}

/* Can no system call end in more than an error? */
static bool filter_is_safe(const void *from)
{
	struct sock_fprog filter;
	struct sock_filter instruction;

	if (!copy_from(&filter, from, sizeof(filter)))
		return false;
	for (unsigned int i = 0; i < filter.len; i++)
		if (!copy_from(&instruction, filter.filter + i, sizeof(instruction)) ||
		    !instruction_is_safe(&instruction))
			return false;
	return true;
}

/* Before the real call. True: sealed for this one. */
static bool seal(unsigned long mode, const void *filter)
{
	struct thread *t;
	bool safe;

	hooks_ready();
	if (sys_sealed || (mode == SECCOMP_MODE_FILTER && !filter))
		return false;
	t = thread_enter();
	if (!t)
		return false;
	file_set_aside();
	records_set_aside();
	safe = mode == SECCOMP_MODE_FILTER && filter_is_safe(filter);
	sys_sealed = !safe;
	thread_leave(t);
	return !safe;
}

/* After it. */
static void seal_done(unsigned long mode, bool sealed, bool failed)
{
	if (failed && sealed)
		sys_sealed = false;
	if (!failed && mode == SECCOMP_MODE_STRICT)
		thread_lose_clock();
}

int prctl(int option, ...)
{
	unsigned long arg[4];
	bool sealed;
	va_list list;
	int result;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		arg[i] = va_arg(list, unsigned long);
	va_end(list);
	hooks_ready();
	if (option != PR_SET_SECCOMP)
		return real_prctl(option, arg[0], arg[1], arg[2], arg[3]);
	sealed = seal(arg[0], (const void *)arg[1]);
	result = real_prctl(option, arg[0], arg[1], arg[2], arg[3]);
	seal_done(arg[0], sealed, result != 0);
	return result;
}

/* From the assembly of syscall(). Success may be a descriptor, or a thread that cannot follow. */
long syscall_seccomp(long nr, long operation, long flags, long filter);
__attribute__((visibility("hidden"), used)) long syscall_seccomp(long nr, long operation,
								 long flags, long filter)
{
	unsigned long mode = operation == SECCOMP_SET_MODE_STRICT   ? SECCOMP_MODE_STRICT
			     : operation == SECCOMP_SET_MODE_FILTER ? SECCOMP_MODE_FILTER
								    : SECCOMP_MODE_DISABLED;
	bool sealed = mode != SECCOMP_MODE_DISABLED && seal(mode, (const void *)filter);
	long result = syscall_next(nr, operation, flags, filter, 0, 0, 0);

	seal_done(mode, sealed, result < 0);
	return result;
}
