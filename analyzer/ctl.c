/* SPDX-License-Identifier: MIT */
/*
 * ctl.c: opens a live trace and knows its blocks; see ctl.h
 *
 * Heads of blocks are read by pread(), and only blocks that are known to be there are touched in
 * the map: a hole of a full memory file system would be a SIGBUS. Should the file be cut under us
 * all the same, that is told and is the end.
 *
 * Several ctl at one trace come one after the other, by flock(). The program itself knows nothing
 * of that lock, and what both change is changed by atomic operations.
 */
#include "ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../trace/fold.h"
#include "counter.h"
#include "live.h"
#include "output.h"

#define VERSION_OF_PHASES 3

int ctl_error(const struct ctl *ctl, int err, const char *what)
{
	output_error("%s: %s%s%s", ctl->path, what ? what : "", what && err ? ": " : "",
		     err ? strerror(-err) : "");
	return err ? err : -EINVAL;
}

uint64_t ctl_clock_ns(int clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The process lives, so this is its machine and boot, and the counter is the same. */
uint64_t ctl_ticks(const struct trace_header *header)
{
	uint64_t now = header->clock == TRACE_CLOCK_MONOTONIC ? ctl_clock_ns(CLOCK_MONOTONIC)
							      : counter_here();

	return now >> (header->clock_shift & 63);
}

/* ---- opening ---- */

static void say_cut(int signal)
{
	static const char text[] = "lockprof: the trace was cut while it was looked at\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)signal;
	(void)n;
	_exit(1);
}

static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")] && strlen(text) <= 10;
}

/* Why a process's number has led to no trace. */
static int no_trace(const char *pid)
{
	char maps[32];
	int fd;

	snprintf(maps, sizeof(maps), "/proc/%s/maps", pid);
	fd = open(maps, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		output_error("process %s is not being recorded, or its trace is out of reach", pid);
		return -ENOENT;
	}
	fd = -errno;
	output_error("process %s: %s", pid, strerror(fd == -ENOENT ? ESRCH : -fd));
	return fd;
}

/* The file of that name, or else the trace of the process with that number. */
static int find(struct ctl *ctl, const char *name)
{
	bool is_pid = is_number(name) && access(name, F_OK) < 0;

	ctl->path = is_pid ? live_trace(name) : strdup(name);
	if (!ctl->path)
		return is_pid ? no_trace(name) : -ENOMEM;
	return 0;
}

static int map_header(struct ctl *ctl)
{
	int protection = ctl->writes ? PROT_READ | PROT_WRITE : PROT_READ;
	void *map;

	ctl->fd = open(ctl->path,
		       (ctl->writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (ctl->fd < 0 || fstat(ctl->fd, &ctl->file) < 0)
		return ctl_error(ctl, -errno, NULL);
	if (!S_ISREG(ctl->file.st_mode))
		return ctl_error(ctl, 0, "not a regular file");
	if (ctl->file.st_size < TRACE_BLOCK_SIZE)
		return ctl_error(ctl, 0, "not the trace of a running program: it is too short");
	map = mmap(NULL, TRACE_BLOCK_SIZE, protection, MAP_SHARED, ctl->fd, 0);
	if (map == MAP_FAILED)
		return ctl_error(ctl, -errno, NULL);
	ctl->header = map;
	return 0;
}

static int check_header(const struct ctl *ctl)
{
	const struct trace_header *h = ctl->header;

	if (h->block.magic != TRACE_BLOCK_MAGIC || memcmp(h->magic, TRACE_MAGIC, sizeof(h->magic)))
		return ctl_error(ctl, 0, "not a lockprof trace");
	if (h->endian_mark != TRACE_ENDIAN_MARK || h->block_size != TRACE_BLOCK_SIZE ||
	    h->min_reader > TRACE_VERSION || h->features & ~(uint64_t)TRACE_FEATURE_PHASES)
		return ctl_error(ctl, 0, "a format that this lockprof does not know");
	if (ctl->writes && h->version < VERSION_OF_PHASES)
		return ctl_error(ctl, 0, "the program runs with an older lockprof, without phases");
	if (h->clock != TRACE_CLOCK_MONOTONIC && h->clock != COUNTER_HERE)
		return ctl_error(ctl, 0, "a clock that this machine does not have");
	return 0;
}

static int check_process(const struct ctl *ctl, const char *name)
{
	const struct trace_header *h = ctl->header;
	int err = live_check(h, ctl->file.st_ino);
	char text[96];

	snprintf(text, sizeof(text), "process %u, that wrote this,", h->pid);
	if (err == -ESRCH) {
		strcpy(text + strlen(text), " has ended, or runs elsewhere");
		ctl_error(ctl, 0, text);
	} else if (err) {
		ctl_error(ctl, err, text);
	} else if (is_number(name) && access(name, F_OK) < 0 && strtoul(name, NULL, 10) != h->pid) {
		output_error("process %s has no trace of its own yet, only its parent's", name);
		err = -ENOENT;
	}
	return err;
}

/* A ctl that is stopped in the middle keeps the others waiting; one that is killed does not. */
static int lock(const struct ctl *ctl)
{
	int err;

	do
		err = flock(ctl->fd, LOCK_EX) < 0 ? -errno : 0;
	while (err == -EINTR);
	return err ? ctl_error(ctl, err, "cannot lock it") : 0;
}

int ctl_open(struct ctl *ctl, const char *name, bool writes)
{
	struct sigaction action = { .sa_handler = say_cut };
	int err;

	*ctl = (struct ctl){ .fd = -1, .writes = writes };
	sigaction(SIGBUS, &action, NULL);
	signal(SIGXFSZ, SIG_IGN); /* then it is an error */
	err = find(ctl, name);
	if (!err)
		err = map_header(ctl);
	if (!err)
		err = check_header(ctl);
	if (!err)
		err = check_process(ctl, name);
	if (!err && writes)
		err = lock(ctl);
	if (!err)
		err = ctl_look(ctl);
	if (err)
		ctl_close(ctl);
	return err;
}

void ctl_close(struct ctl *ctl)
{
	if (ctl->map)
		munmap(ctl->map, ctl->map_bytes);
	if (ctl->header)
		munmap(ctl->header, TRACE_BLOCK_SIZE);
	if (ctl->fd >= 0)
		close(ctl->fd);
	free(ctl->types);
	free(ctl->path);
	*ctl = (struct ctl){ .fd = -1 };
}

/* ---- blocks ---- */

static int grow_map(struct ctl *ctl, uint32_t nr)
{
	size_t bytes = (size_t)nr * TRACE_BLOCK_SIZE;
	void *map = ctl->map ? mremap(ctl->map, ctl->map_bytes, bytes, MREMAP_MAYMOVE)
			     : mmap(NULL, bytes, ctl->writes ? PROT_READ | PROT_WRITE : PROT_READ,
				    MAP_SHARED, ctl->fd, 0);

	if (map == MAP_FAILED)
		return ctl_error(ctl, -errno, NULL);
	ctl->map = map;
	ctl->map_bytes = bytes;
	return 0;
}

static int grow(struct ctl *ctl, uint32_t nr)
{
	uint8_t *types = realloc(ctl->types, nr);

	if (!types)
		return ctl_error(ctl, -ENOMEM, NULL);
	ctl->types = types;
	memset(types + ctl->nr, CTL_NOT_YET, nr - ctl->nr);
	if (grow_map(ctl, nr) < 0)
		return -ENOMEM;
	ctl->nr = nr;
	return 0;
}

static enum ctl_block look_at(const struct ctl *ctl, uint32_t number)
{
	struct trace_block head;
	ssize_t n = pread(ctl->fd, &head, sizeof(head), (off_t)number * TRACE_BLOCK_SIZE);

	if (n != sizeof(head) || !head.magic || (head.magic == TRACE_BLOCK_MAGIC && !head.type))
		return CTL_NOT_YET;
	if (head.magic != TRACE_BLOCK_MAGIC)
		return CTL_OTHER;
	if (head.type == TRACE_BLOCK_RECORDS && head.spare[0] == TRACE_RECORDS_OF_CTL)
		return CTL_OWN;
	return head.type >= TRACE_BLOCK_SLOT && head.type <= TRACE_BLOCK_FLIGHT ? head.type
										: CTL_OTHER;
}

/*
 * The header counts blocks before they are in the file, so both bound their number. The last one
 * may be cut short, but then it is one of events, which are not read by the map. What is seen here
 * not to be there yet comes after this look: a slot that comes finds the phase by itself.
 */
int ctl_look(struct ctl *ctl)
{
	uint64_t nr = __atomic_load_n(&ctl->header->nr_blocks, __ATOMIC_SEQ_CST), whole;
	struct stat st;

	if (fstat(ctl->fd, &st) < 0)
		return ctl_error(ctl, -errno, NULL);
	whole = ((uint64_t)st.st_size + TRACE_BLOCK_SIZE - 1) / TRACE_BLOCK_SIZE;
	if (nr > whole)
		nr = whole;
	if (nr > ARENA_BLOCKS)
		nr = ARENA_BLOCKS;
	if (nr > ctl->nr && grow(ctl, (uint32_t)nr) < 0)
		return -ENOMEM;
	for (uint32_t i = 1; i < ctl->nr; i++) {
		if (ctl->types[i] != CTL_NOT_YET)
			continue;
		ctl->types[i] = (uint8_t)look_at(ctl, i);
		if (ctl->types[i] == CTL_OWN) {
			ctl->own = i;
			ctl->used = 0;
		}
	}
	return 0;
}
