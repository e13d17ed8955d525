/* SPDX-License-Identifier: MIT */
/*
 * live.c: the trace that a running process writes, found by its number
 *
 * The recorder maps its file shared, so it stands in /proc/PID/maps. A file is known by the head
 * that all traces have, whatever it is called; of another mount namespace nothing is found. A
 * forked child has its parent's trace in memory, too, so the one with its own number comes first;
 * but in another namespace a process has another number.
 *
 * The other way round a number alone proves nothing, since numbers are used again: the process must
 * have the very file in its memory.
 */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../trace/format.h"

/* The number of the process that writes this trace; 0: it is none. */
static uint32_t trace_pid(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct trace_header head;
	ssize_t size = fd < 0 ? -1 : pread(fd, &head, sizeof(head), 0);

	if (fd >= 0)
		close(fd);
	if (size != sizeof(head) || memcmp(head.magic, TRACE_MAGIC, sizeof(head.magic)) != 0)
		return 0;
	return head.pid;
}

/* "7f..-7f.. rw-s 00000000 fd:00 1234    /path": the path of a shared mapping, else NULL. */
static char *shared_path(char *line)
{
	char *path = strchr(line, '/'), *permissions = strchr(line, ' ');

	if (!path || !permissions || strlen(permissions) < 5 || permissions[4] != 's')
		return NULL;
	path[strcspn(path, "\n")] = '\0';
	return path;
}

char *live_trace(const char *pid)
{
	char file_name[64], *line = NULL, *found = NULL;
	uint32_t number = (uint32_t)strtoul(pid, NULL, 10), writer = 0;
	size_t size = 0;
	FILE *maps;

	if (!*pid || pid[strspn(pid, "0123456789")] || strlen(pid) > 10)
		return NULL;
	snprintf(file_name, sizeof(file_name), "/proc/%s/maps", pid);
	maps = fopen(file_name, "re");
	while (maps && writer != number && getline(&line, &size, maps) >= 0) {
		char *path = shared_path(line);
		uint32_t other = path ? trace_pid(path) : 0;

		if (!other || (found && other != number))
			continue;
		free(found);
		found = strdup(path);
		writer = other;
	}
	free(line);
	if (maps)
		fclose(maps);
	return found;
}

static int maps_inode(uint32_t pid, uint64_t inode)
{
	char path[64], line[8192];
	unsigned long long found;
	bool maps = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!maps && fgets(line, sizeof(line), file))
		maps = sscanf(line, "%*s %*s %*s %*s %llu", &found) == 1 && found == inode;
	fclose(file);
	return maps ? 0 : -ESRCH;
}

int live_check(const struct trace_header *header, uint64_t inode)
{
	char host[sizeof(header->host)] = "";

	gethostname(host, sizeof(host) - 1);
	if (header->end != TRACE_END_RUNNING || header->pid == 0 || header->pid > INT32_MAX ||
	    strncmp(host, header->host, sizeof(host)) != 0)
		return -ESRCH;
	if (kill((pid_t)header->pid, 0) < 0 && errno != EPERM)
		return -errno;
	return maps_inode(header->pid, inode);
}
