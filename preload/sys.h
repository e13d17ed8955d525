/* SPDX-License-Identifier: MIT */
/*
 * sys.h: system calls without libc
 *
 * libc's wrappers change errno, several are cancellation points, and some are interposed by us or
 * by others. Inside the target none of this may happen, so the shim enters the kernel itself.
 * All functions return a value or -errno.
 */
#ifndef LOCKPROF_SYS_H
#define LOCKPROF_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* Set for good where any system call may be the last one, see seccomp.c. */
extern bool sys_sealed;

#ifdef SYS_ENTER_ELSEWHERE	/* see tests/model, tests/tsan */
long sys_enter(long nr, long a, long b, long c, long d, long e, long f);
#elif defined(__x86_64__)
static inline long sys_enter(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long sys_enter(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "lockprof knows x86-64 and aarch64"
#endif

static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
	return __builtin_expect(sys_sealed, 0) ? -EPERM : sys_enter(nr, a, b, c, d, e, f);
}

static inline int sys_open(const char *path, int flags, int mode)
{
	return (int)sys_call(SYS_openat, AT_FDCWD, (long)path, flags, mode, 0, 0);
}

static inline int sys_close(int fd)
{
	return (int)sys_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

static inline long sys_read(int fd, void *bytes, size_t n)
{
	return sys_call(SYS_read, fd, (long)bytes, (long)n, 0, 0, 0);
}

static inline long sys_write(int fd, const void *bytes, size_t n)
{
	return sys_call(SYS_write, fd, (long)bytes, (long)n, 0, 0, 0);
}

static inline long sys_pwritev(int fd, const struct iovec *parts, int nr, uint64_t offset)
{
	return sys_call(SYS_pwritev, fd, (long)parts, nr, (long)offset, 0, 0);
}

static inline int sys_fallocate(int fd, uint64_t offset, uint64_t bytes)
{
	return (int)sys_call(SYS_fallocate, fd, 0, (long)offset, (long)bytes, 0, 0);
}

static inline int sys_fstat(int fd, struct stat *st)
{
	return (int)sys_call(SYS_fstat, fd, (long)st, 0, 0, 0, 0);
}

static inline int sys_fcntl(int fd, int command, long arg)
{
	return (int)sys_call(SYS_fcntl, fd, command, arg, 0, 0, 0);
}

static inline void *sys_mmap(size_t bytes, int prot, int flags, int fd, uint64_t offset)
{
	return (void *)sys_call(SYS_mmap, 0, (long)bytes, prot, flags, fd, (long)offset);
}

static inline int sys_munmap(void *p, size_t bytes)
{
	return (int)sys_call(SYS_munmap, (long)p, (long)bytes, 0, 0, 0, 0);
}

static inline int sys_madvise(void *p, size_t bytes, int advice)
{
	return (int)sys_call(SYS_madvise, (long)p, (long)bytes, advice, 0, 0, 0);
}

static inline int sys_gettid(void)
{
	return (int)sys_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

static inline int sys_getpid(void)
{
	return (int)sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

/* name: 16 bytes, NUL-terminated by the kernel. */
static inline void sys_thread_name(char *name)
{
	enum { GET_NAME = 16 };	/* PR_GET_NAME */

	sys_call(SYS_prctl, GET_NAME, (long)name, 0, 0, 0, 0);
}

static inline int sys_getrlimit(int resource, struct rlimit *limit)
{
	return (int)sys_call(SYS_prlimit64, 0, resource, 0, (long)limit, 0, 0);
}

static inline int sys_failed(const void *p)
{
	return (uintptr_t)p >= (uintptr_t)-4095;
}

#endif
