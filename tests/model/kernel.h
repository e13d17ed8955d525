/* SPDX-License-Identifier: MIT */
/*
 * kernel.h: what the shim's sources see instead of preload/sys.h when they are compiled for the
 * model
 *
 * Included before everything else (-include). System calls become functions of kernel.c, over one
 * file in memory and a clock that is a counter, so that each execution is a function of its
 * schedule alone. Copies go through functions that the model sees; everything else that it must see
 * comes from the compiler, by -fsanitize=thread. The Makefile takes __thread away: the model's
 * threads are coroutines, and thread_tls is switched with them.
 */
#ifndef LOCKPROF_SYS_H
#define LOCKPROF_SYS_H

#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

long sys_call(long nr, long a, long b, long c, long d, long e, long f);
int sys_open(const char *path, int flags, int mode);
int sys_close(int fd);
long sys_read(int fd, void *bytes, size_t n);
long sys_write(int fd, const void *bytes, size_t n);
long sys_pwritev(int fd, const struct iovec *parts, int nr, uint64_t offset);
int sys_fallocate(int fd, uint64_t offset, uint64_t bytes);
int sys_fstat(int fd, struct stat *st);
int sys_fcntl(int fd, int command, long arg);
void *sys_mmap(size_t bytes, int prot, int flags, int fd, uint64_t offset);
int sys_munmap(void *p, size_t bytes);
int sys_madvise(void *p, size_t bytes, int advice);
int sys_gettid(void);
int sys_getpid(void);
void sys_thread_name(char *name);
int sys_getrlimit(int resource, struct rlimit *limit);
int sys_failed(const void *p);

void *model_memcpy(void *to, const void *from, size_t n);
void *model_memset(void *to, int c, size_t n);
int model_memcmp(const void *a, const void *b, size_t n);
char *model_strncpy(char *to, const char *from, size_t n);
int model_clock_gettime(clockid_t clock, struct timespec *ts);
pthread_t model_self(void);

#define memcpy	      model_memcpy
#define memset	      model_memset
#define memcmp	      model_memcmp
#define strncpy	      model_strncpy
#define clock_gettime model_clock_gettime
#define pthread_self  model_self

#endif
