/* SPDX-License-Identifier: MIT */
/*
 * reader_process.c: the process behind a trace: does it live, and how did it end
 *
 * Whether it lives is asked of live.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"
#include "reader_internal.h"

bool reader_is_live(const struct reader *reader)
{
	return live_check(&reader->header, reader->inode) == 0;
}

/* Value before kind: whoever reads in between still sees a running program. */
static int end_write(int fd, uint32_t end, int32_t value)
{
	ssize_t n = pwrite(fd, &value, sizeof(value), offsetof(struct trace_header, end_value));

	if (n == sizeof(value))
		n = pwrite(fd, &end, sizeof(end), offsetof(struct trace_header, end));
	if (n < 0)
		return -errno;
	return n == sizeof(end) ? 0 : -EIO;
}

static int end_set(int fd, uint32_t end, int32_t value)
{
	struct {
		struct trace_block block;
		char magic[8];
		uint32_t endian_mark;
	} front;
	uint32_t before;

	if (pread(fd, &front, sizeof(front), 0) != sizeof(front) ||
	    memcmp(front.magic, TRACE_MAGIC, sizeof(front.magic)) != 0 ||
	    front.endian_mark != TRACE_ENDIAN_MARK)
		return -EINVAL;
	if (pread(fd, &before, sizeof(before), offsetof(struct trace_header, end)) !=
	    sizeof(before))
		return -EINVAL;
	return before == TRACE_END_RUNNING ? end_write(fd, end, value) : 0;
}

int reader_set_exit(const char *path, int wait_status)
{
	int fd, err;

	if (!WIFEXITED(wait_status) && !WIFSIGNALED(wait_status))
		return -EINVAL;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (WIFEXITED(wait_status))
		err = end_set(fd, TRACE_END_EXIT, WEXITSTATUS(wait_status));
	else
		err = end_set(fd, TRACE_END_SIGNAL, WTERMSIG(wait_status));
	if (close(fd) < 0 && !err)
		err = -errno;
	return err;
}
