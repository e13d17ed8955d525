/* SPDX-License-Identifier: MIT */
/*
 * reader_process.c: the process behind a trace: does it live, and how did it end
 *
 * A process number alone proves nothing, since numbers are used again: the process must also have
 * this very file in its memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reader_internal.h"

static bool maps_inode(uint32_t pid, uint64_t inode)
{
	char path[64], line[8192];
	unsigned long long found;
	bool maps = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!maps && fgets(line, sizeof(line), file))
		maps = sscanf(line, "%*s %*s %*s %*s %llu", &found) == 1 && found == inode;
	fclose(file);
	return maps;
}

bool reader_is_live(const struct reader *reader)
{
	const struct trace_header *h = &reader->header;
	char host[sizeof(h->host)] = "";

	gethostname(host, sizeof(host) - 1);
	if (h->end != TRACE_END_RUNNING || h->pid == 0 || h->pid > INT32_MAX ||
	    strcmp(host, h->host) != 0)
		return false;
	if (kill((pid_t)h->pid, 0) < 0 && errno != EPERM)
		return false;
	return maps_inode(h->pid, reader->inode);
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
