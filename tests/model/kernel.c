/* SPDX-License-Identifier: MIT */
/*
 * kernel.c: the system calls that the shim makes, as the model has them; see kernel.h
 *
 * One file in memory, anonymous memory that is never given back, a clock that goes on by one at
 * every look. No two calls may have the same block of the file: that is checked here.
 */
#include "kernel.h"

#include <errno.h>
#include <string.h>

#include "../../preload/sys.h"
#include "../../trace/format.h"
#include "model.h"

#undef memcpy
#undef memset
#undef memcmp
#undef strncpy

enum { FILE_BLOCKS = 256, TRACE_FD = 1000, CLOCK_FD = 999, FIRST_ID = 4711 };
#define PRIVATE_BYTES (160ull << 20)

unsigned char *model_file;
bool sys_sealed; /* seccomp.c's */

static unsigned char *private_memory;
static struct kernel {
	uint64_t time, private_used;
	uint32_t nr_blocks; /* of the file */
	int blocks_left;    /* of the disk, 0: enough */
	bool owned[FILE_BLOCKS];
} kernel, saved, first;
static uint32_t disk; /* a word where those meet who ask for space */

void kernel_init(void)
{
	const int prot = PROT_READ | PROT_WRITE;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	model_file = mmap(NULL, FILE_BLOCKS * TRACE_BLOCK_SIZE, prot, flags, -1, 0);
	private_memory = mmap(NULL, PRIVATE_BYTES, prot, flags, -1, 0);
	kernel.time = 1000;
}

void kernel_save(bool is_first)
{
	saved = kernel;
	if (is_first)
		first = kernel;
}

void kernel_scenario_begins(void)
{
	kernel = first;
}

void kernel_execution_begins(int blocks)
{
	kernel = saved;
	kernel.blocks_left = blocks ? blocks + 1 : 0;
}

uint32_t kernel_nr_blocks(void)
{
	return kernel.nr_blocks;
}

bool kernel_is_file(uintptr_t address)
{
	return address - (uintptr_t)model_file < FILE_BLOCKS * TRACE_BLOCK_SIZE;
}

/* A block that nobody has; its space, if there is some. */
static int block_take(uint64_t offset)
{
	uint32_t block = (uint32_t)(offset / TRACE_BLOCK_SIZE);

	model_point((uintptr_t)&disk, __builtin_return_address(0), "takes space");
	model_assert(block < FILE_BLOCKS, "the model's file is large enough");
	model_assert(!kernel.owned[block], "no block is given out twice");
	if (kernel.blocks_left == 1)
		return -ENOSPC;
	kernel.blocks_left -= kernel.blocks_left > 0;
	kernel.owned[block] = true;
	if (kernel.nr_blocks <= block)
		kernel.nr_blocks = block + 1;
	return 0;
}

static long do_mmap(size_t bytes, int fd, uint64_t offset)
{
	unsigned char *p = private_memory + kernel.private_used;

	if (fd >= 0)
		return (long)(model_file + offset);
	kernel.private_used += (bytes + 4095) & ~4095ull;
	model_assert(kernel.private_used <= PRIVATE_BYTES, "the model's memory is large enough");
	return (long)p;
}

/* The bytes of a call appear in steps of eight. */
static long do_pwritev(const struct iovec *parts, long nr, uint64_t offset)
{
	long sum = 0;

	if (block_take(offset) < 0)
		return -ENOSPC;
	for (long i = 0; i < nr; i++) {
		model_memcpy(model_file + offset + sum, parts[i].iov_base, parts[i].iov_len);
		sum += (long)parts[i].iov_len;
	}
	return sum;
}

static long do_open(const char *path)
{
	if (strstr(path, "clocksource"))
		return CLOCK_FD;
	return strncmp(path, "/proc", 5) ? TRACE_FD : -ENOENT;
}

/* The clock source: the shim must not read the processor's counter. */
static long do_read(int fd, void *bytes, size_t n)
{
	if (fd != CLOCK_FD || n < 4)
		return 0;
	memcpy(bytes, "hpet", 4);
	return 4;
}

static long do_fstat(int fd, struct stat *st)
{
	*st = (struct stat){ .st_dev = 1, .st_ino = 1 };
	return fd == TRACE_FD ? 0 : -EBADF;
}

static long do_getrlimit(struct rlimit *limit)
{
	*limit = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	return 0;
}

static long do_thread_name(char *name)
{
	static const char text[16] = "thread";

	memory_kernel_stores((uintptr_t)name, sizeof(text));
	memcpy(name, text, sizeof(text));
	return 0;
}

long sys_enter(long nr, long a, long b, long c, long d, long e, long f)
{
	switch (nr) {
	case SYS_openat:
		return do_open((const char *)b);
	case SYS_read:
		return do_read((int)a, (void *)b, (size_t)c);
	case SYS_fstat:
		return do_fstat((int)a, (void *)b);
	case SYS_fallocate:
		return block_take((uint64_t)c);
	case SYS_pwritev:
		return do_pwritev((void *)b, c, (uint64_t)d);
	case SYS_mmap:
		return do_mmap((size_t)b, (int)e, (uint64_t)f);
	case SYS_prlimit64:
		return do_getrlimit((void *)d);
	case SYS_prctl:
		return do_thread_name((char *)b);
	case SYS_getpid:
		return FIRST_ID;
	case SYS_gettid:
		return FIRST_ID + 1 + model_current();
	case SYS_fcntl:
		return a;
	case SYS_close:
	case SYS_munmap:
	case SYS_madvise:
		return 0;
	}
	return -ENOSYS;
}

pthread_t model_self(void)
{
	return (pthread_t)(0x10000 + 0x1000 * model_current());
}

int model_clock_gettime(clockid_t clock, struct timespec *ts)
{
	(void)clock;
	*ts = (struct timespec){ 0, (long)kernel.time++ };
	return 0;
}

void *model_memcpy(void *to, const void *from, size_t n)
{
	const void *pc = __builtin_return_address(0);

	for (size_t i = 0; i < n; i += 8) {
		size_t part = n - i < 8 ? n - i : 8;

		memory_plain((uintptr_t)from + i, part, false, pc);
		memory_plain((uintptr_t)to + i, part, true, pc);
		memcpy((char *)to + i, (const char *)from + i, part);
	}
	return to;
}

void *model_memset(void *to, int c, size_t n)
{
	memory_plain((uintptr_t)to, n, true, __builtin_return_address(0));
	return memset(to, c, n);
}

int model_memcmp(const void *a, const void *b, size_t n)
{
	const void *pc = __builtin_return_address(0);

	memory_plain((uintptr_t)a, n, false, pc);
	memory_plain((uintptr_t)b, n, false, pc);
	return memcmp(a, b, n);
}

char *model_strncpy(char *to, const char *from, size_t n)
{
	memory_plain((uintptr_t)to, n, true, __builtin_return_address(0));
	return strncpy(to, from, n);
}
