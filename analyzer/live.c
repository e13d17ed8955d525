/* SPDX-License-Identifier: MIT */
/*
 * live.c: the trace that a running process writes, found by its number
 *
 * The recorder maps its file shared, so it stands in /proc/PID/maps. A file is known by the head
 * that all traces have, whatever it is called; of another mount namespace nothing is found.
 */
#include "live.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../trace/format.h"

static bool is_trace(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct trace_header head;
	ssize_t size = fd < 0 ? -1 : pread(fd, &head, sizeof(head), 0);

	if (fd >= 0)
		close(fd);
	return size == sizeof(head) && memcmp(head.magic, TRACE_MAGIC, sizeof(head.magic)) == 0;
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
	size_t size = 0;
	FILE *maps;

	if (!*pid || pid[strspn(pid, "0123456789")] || strlen(pid) > 10)
		return NULL;
	snprintf(file_name, sizeof(file_name), "/proc/%s/maps", pid);
	maps = fopen(file_name, "re");
	while (maps && !found && getline(&line, &size, maps) >= 0) {
		char *path = shared_path(line);

		if (path && is_trace(path))
			found = strdup(path);
	}
	free(line);
	if (maps)
		fclose(maps);
	return found;
}
