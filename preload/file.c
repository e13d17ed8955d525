/* SPDX-License-Identifier: MIT */
/*
 * file.c: see file.h
 *
 * Disk space is reserved by fallocate before a page is touched: a full disk is an error here and
 * never a SIGBUS there. RLIMIT_FSIZE is asked before each growth, because going over it raises
 * SIGXFSZ in the application's thread.
 */
#include <errno.h>
#include <string.h>

#include "file.h"
#include "records.h"
#include "sys.h"

enum { FD_HIGH = 1000, NAMES_MAX = 1000, PATH_BYTES = 4096, SET_ASIDE = 48 };

struct trace_header *trace_header;

/* Written by file_create and file_forget only, when no other thread records. */
static struct {
	char path[PATH_BYTES];
	dev_t device;
	ino_t inode;
} file;
static int file_fd = -1;	/* atomic: reopened by whoever finds it gone; never below FD_HIGH */

/* In memory that a forked child finds zeroed. */
static struct made {
	uint32_t is_made;
	uint32_t nr_aside;	/* blocks set aside and not taken yet */
	uint32_t has_aside;
	struct aside {
		struct trace_block *block;
		uint32_t number;
	} aside[SET_ASIDE];
} *file_made;

bool file_is_ours(void)
{
	return file_made && file_made->is_made;
}

void file_loss(enum trace_loss what, uint64_t n)
{
	if (file_is_ours())
		__atomic_fetch_add(&trace_header->losses[what], n, __ATOMIC_RELAXED);
}

void file_event(uint32_t what)
{
	if (file_is_ours())
		__atomic_fetch_or(&trace_header->events, what, __ATOMIC_RELAXED);
}

/* Moves a descriptor out of the application's way: never 0 to 2, high if the limit allows. */
static int fd_move_high(int fd)
{
	int high = sys_fcntl(fd, F_DUPFD_CLOEXEC, FD_HIGH);

	if (high < 0)
		high = fd > 2 ? fd : sys_fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (high != fd)
		sys_close(fd);
	return high;
}

static bool fd_is_ours(int fd)
{
	struct stat st;

	return fd >= 0 && sys_fstat(fd, &st) == 0 && st.st_dev == file.device &&
	       st.st_ino == file.inode;
}

/* A descriptor that is in nobody's way is kept, another one closed after its use. */
static void fd_put(int fd)
{
	if (fd >= FD_HIGH)
		__atomic_store_n(&file_fd, fd, __ATOMIC_RELEASE);
	else if (fd_is_ours(fd))
		sys_close(fd);
}

/* Where the limit leaves one number only, another thread may be using it just now. */
static int reopen(void)
{
	int fd, tries = 100;

	do
		fd = sys_open(file.path, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0);
	while (fd == -EMFILE && --tries && !sys_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0));
	return fd;
}

/* The trace's descriptor, reopened if the application took it away; -1 when that fails. */
static int fd_get(void)
{
	int fd = __atomic_load_n(&file_fd, __ATOMIC_ACQUIRE);

	if (fd_is_ours(fd))
		return fd;
	fd = reopen();
	if (fd >= 0)
		fd = fd_move_high(fd);
	if (fd >= 0 && !fd_is_ours(fd)) {
		sys_close(fd);
		fd = -1;
	}
	if (fd < 0)
		file_event(TRACE_EVENT_NO_FILE);
	return fd;
}

static bool within_size_limit(uint64_t end)
{
	struct rlimit limit;

	return sys_getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
	       end <= limit.rlim_cur;
}

/* File systems without fallocate (some FUSE and network ones) get the bytes written. */
static int reserve_by_writing(int fd, uint64_t offset)
{
	static const char zeros[4096];
	struct iovec part = { (void *)zeros, sizeof(zeros) };

	for (uint64_t end = offset + TRACE_BLOCK_SIZE; offset < end; offset += sizeof(zeros))
		if (sys_pwritev(fd, &part, 1, offset) != sizeof(zeros))
			return -ENOSPC;
	return 0;
}

/* tmpfs gives up when a signal is pending; by the next try its handler has run. */
static int reserve(int fd, uint64_t offset)
{
	int err, tries = 100;

	if (!within_size_limit(offset + TRACE_BLOCK_SIZE))
		return -EFBIG;
	do
		err = sys_fallocate(fd, offset, TRACE_BLOCK_SIZE);
	while (err == -EINTR && --tries);
	if (err == -EOPNOTSUPP || err == -ENOSYS)
		err = reserve_by_writing(fd, offset);
	return err;
}

static void *map_block(int fd, uint64_t offset)
{
	void *p;

	if (reserve(fd, offset) < 0) {
		file_event(TRACE_EVENT_NO_SPACE);
		return NULL;
	}
	p = sys_mmap(TRACE_BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	return sys_failed(p) ? NULL : p;
}

static struct trace_block *new_block(uint32_t *number)
{
	int fd = fd_get();
	struct trace_block *block;

	if (fd < 0)
		return NULL;
	*number = __atomic_fetch_add(&trace_header->nr_blocks, 1, __ATOMIC_RELAXED);
	block = map_block(fd, (uint64_t)*number * TRACE_BLOCK_SIZE);
	fd_put(fd);
	return block;
}

void file_set_aside(void)
{
	struct aside *all = file_made->aside;
	uint32_t n = 0;

	if (__atomic_exchange_n(&file_made->has_aside, 1, __ATOMIC_ACQUIRE))
		return;
	while (n < SET_ASIDE && (all[n].block = new_block(&all[n].number)))
		n++;
	__atomic_store_n(&file_made->nr_aside, n, __ATOMIC_RELEASE);
}

static struct trace_block *take_aside(uint32_t *number)
{
	uint32_t n = __atomic_load_n(&file_made->nr_aside, __ATOMIC_ACQUIRE);

	while (n && !__atomic_compare_exchange_n(&file_made->nr_aside, &n, n - 1, true,
						 __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		;
	if (!n)
		return NULL;
	*number = file_made->aside[n - 1].number;
	return file_made->aside[n - 1].block;
}

void *file_map_block(enum trace_block_type type, uint32_t slot, uint32_t *number)
{
	struct trace_block *block = new_block(number);

	if (!block && type != TRACE_BLOCK_FLIGHT)	/* that one can be done without */
		block = take_aside(number);
	if (!block)
		return NULL;
	block->type = (uint16_t)type;
	block->slot = slot;
	__atomic_store_n(&block->magic, TRACE_BLOCK_MAGIC, __ATOMIC_RELEASE);
	return block;
}

/* A full disk takes the first part of a block: without its head it is none. */
static bool write_block(int fd, const struct iovec *parts, long total, uint64_t offset)
{
	static const struct trace_block none;
	struct iovec blank = { (void *)&none, sizeof(none) };
	long written = sys_pwritev(fd, parts, 2, offset);

	if (written > 0 && written != total)
		sys_pwritev(fd, &blank, 1, offset);
	return written == total;
}

bool file_write_events(struct trace_block *head, const void *bytes)
{
	struct iovec parts[2] = { { head, sizeof(*head) }, { (void *)bytes, head->length } };
	long total = (long)(sizeof(*head) + head->length);
	int fd = fd_get();
	uint64_t offset;
	bool written;

	if (fd < 0)
		return false;
	offset = (uint64_t)__atomic_fetch_add(&trace_header->nr_blocks, 1, __ATOMIC_RELAXED) *
		 TRACE_BLOCK_SIZE;
	written = within_size_limit(offset + TRACE_BLOCK_SIZE) &&
		  write_block(fd, parts, total, offset);
	fd_put(fd);
	if (!written)
		file_event(TRACE_EVENT_NO_SPACE);
	return written;
}

/* Appends ".<n>" to the path of `length` bytes. */
static void append_number(char *path, size_t length, unsigned int n)
{
	char digits[12], *p = digits + sizeof(digits);

	if (length + sizeof(digits) > PATH_BYTES)
		return;
	*--p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	*--p = '.';
	memcpy(path + length, p, (size_t)(digits + sizeof(digits) - p));
}

/*
 * Opens a new file: never over an existing one, never through a link. When the name is taken, the
 * process id is appended (unless it is in the name), then 1, 2, 3, ...
 */
static int open_new(const char *path, bool path_has_pid)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	size_t length = strlen(path);
	int fd;

	if (length >= sizeof(file.path))
		return -ENAMETOOLONG;
	memcpy(file.path, path, length + 1);
	fd = sys_open(file.path, flags, 0600);
	if (fd == -EEXIST && !path_has_pid) {
		append_number(file.path, length, (unsigned int)sys_getpid());
		length = strlen(file.path);
		fd = sys_open(file.path, flags, 0600);
	}
	for (unsigned int n = 1; fd == -EEXIST && n < NAMES_MAX; n++) {
		append_number(file.path, length, n);
		fd = sys_open(file.path, flags, 0600);
	}
	return fd < 0 ? fd : fd_move_high(fd);
}

int file_create(const char *path, bool path_has_pid)
{
	struct stat st;
	struct trace_header *header;
	int fd;

	if (!file_made)
		file_made = records_pages(sizeof(*file_made));
	if (!file_made)
		return -ENOMEM;
	fd = open_new(path, path_has_pid);
	if (fd < 0)
		return fd;
	if (sys_fstat(fd, &st) < 0) {
		sys_close(fd);
		return -EIO;
	}
	if ((st.st_mode & 0600) != 0600)	/* the umask took its owner's rights */
		sys_call(SYS_fchmod, fd, 0600, 0, 0, 0, 0);
	file.device = st.st_dev;
	file.inode = st.st_ino;
	header = map_block(fd, 0);
	if (!header) {
		sys_close(fd);
		sys_call(SYS_unlinkat, AT_FDCWD, (long)file.path, 0, 0, 0, 0);
		return -ENOSPC;
	}
	header->nr_blocks = 1;
	file_made->is_made = 1;
	fd_put(fd);
	trace_header = header;
	return 0;
}

void file_leave(void)
{
	int fd = file_fd;

	if (fd_is_ours(fd))
		sys_close(fd);
	file_fd = -1;
	file_made->is_made = 0;
	file.inode = 0;
	file.path[0] = '\0';
}

void file_forget(void)
{
	int fd = file_fd;

	if (fd_is_ours(fd))
		sys_close(fd);
	file_fd = -1;
	trace_header = NULL;
}
