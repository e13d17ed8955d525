/* SPDX-License-Identifier: MIT */
/*
 * reader_map.c: the file in memory, whatever kind of file it is and whatever others do to it
 *
 * Only regular files are mapped. Holes are never looked into: a sparse file may claim terabytes,
 * and reading a hole of a memory file system even takes memory.
 *
 * Whoever owns the file may cut it while it is read, and then the pages that went are a SIGBUS. The
 * handler puts a page of zeros there, so that the reader goes on with what a hole would have been,
 * and notes where: that is one more damage. Why not read() instead: a trace may be larger than
 * memory, and the model's one pass wants it where it lies.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader_internal.h"

/* Those that are mapped now; the handler walks them. */
static struct reader *mapped;
static struct sigaction others; /* what other mappings' faults go to */

static struct reader *reader_at(const unsigned char *address)
{
	struct reader *reader = mapped;

	while (reader && (address < reader->map || address >= reader->map + reader->bytes))
		reader = reader->next_mapped;
	return reader;
}

/* On a full memory file system a hole is a SIGBUS, too, but nobody has cut anything. */
static bool is_in_hole(const struct reader *reader, const unsigned char *address)
{
	struct stat st;

	return !fstat(reader->fd, &st) && address - reader->map < st.st_size;
}

/* Back in the faulting instruction the page is there; without one the fault comes again, and is
 * somebody else's. */
static void fill_page(int signal, siginfo_t *info, void *context)
{
	unsigned char *address = info->si_addr;
	struct reader *reader = reader_at(address);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int saved = errno;

	(void)context;
	address -= (uintptr_t)address % page;
	if (!reader || mmap(address, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			    0) == MAP_FAILED)
		sigaction(signal, &others, NULL);
	else if (!is_in_hole(reader, address) &&
		 (!reader->cut.offset || (uint64_t)(address - reader->map) < reader->cut.offset))
		reader->cut.offset = (uint64_t)(address - reader->map);
	errno = saved;
}

static void watch(struct reader *reader)
{
	struct sigaction action = { .sa_sigaction = fill_page, .sa_flags = SA_SIGINFO }, before;

	snprintf(reader->cut.text, sizeof(reader->cut.text),
		 "the file was cut while it was read, zeros from here on");
	reader->next_mapped = mapped;
	mapped = reader;
	sigaction(SIGBUS, &action, &before);
	if (before.sa_sigaction != fill_page)
		others = before;
}

static int too_short(const struct reader *reader, const struct stat *st, char *error, size_t size)
{
	snprintf(error, size, "%s: byte %lld: the file ends inside its header, %s", reader->path,
		 (long long)st->st_size,
		 st->st_size ? "not a lockprof trace or a cut one" : "it is empty");
	return -ENODATA;
}

static int map_file(struct reader *reader, char *error, size_t size)
{
	struct stat st;
	void *map = MAP_FAILED;

	if (fstat(reader->fd, &st) == 0) {
		if (S_ISDIR(st.st_mode)) {
			errno = EISDIR;
		} else if (!S_ISREG(st.st_mode)) {
			snprintf(error, size, "%s: not a regular file", reader->path);
			return -EINVAL;
		} else if (st.st_size < (off_t)sizeof(struct trace_header)) {
			return too_short(reader, &st, error, size);
		} else {
			map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, reader->fd, 0);
		}
	}
	if (map == MAP_FAILED) {
		int err = -errno;

		snprintf(error, size, "%s: %s", reader->path, strerror(-err));
		return err;
	}
	reader->map = map;
	reader->bytes = (uint64_t)st.st_size;
	reader->inode = st.st_ino;
	reader->nr_blocks = (reader->bytes + TRACE_BLOCK_SIZE - 1) / TRACE_BLOCK_SIZE;
	watch(reader);
	return 0;
}

int reader_map(struct reader *reader, char *error, size_t size)
{
	int err;

	/* Opening a pipe or a terminal must neither wait nor change anything. */
	reader->fd = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (reader->fd < 0) {
		err = -errno;
		snprintf(error, size, "%s: %s", reader->path, strerror(-err));
		return err;
	}
	return map_file(reader, error, size);
}

void reader_unmap(struct reader *reader)
{
	struct reader **at = &mapped;

	if (reader->map) {
		while (*at != reader)
			at = &(*at)->next_mapped;
		*at = reader->next_mapped;
		munmap((void *)(uintptr_t)reader->map, (size_t)reader->bytes);
	}
	if (reader->fd >= 0)
		close(reader->fd);
}

/*
 * A block without a head may lie in a hole, which ends where the file has data again. The question
 * is about what follows, since looking at the head has already put a page of memory there.
 */
uint64_t reader_next_block(const struct reader *reader, uint64_t number)
{
	const struct trace_block *head = (const void *)(reader->map + number * TRACE_BLOCK_SIZE);
	uint64_t next = number + 1;
	off_t data;

	if (reader_block_bytes(reader, number) < sizeof(*head) || head->magic)
		return next;
	data = lseek(reader->fd, (off_t)(next * TRACE_BLOCK_SIZE), SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? reader->nr_blocks : next;
	return (uint64_t)data / TRACE_BLOCK_SIZE;
}
