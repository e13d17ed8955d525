/* SPDX-License-Identifier: MIT */
/* thread_state.h: whether another thread really sleeps, so that a test need not hope that it does */
#ifndef LOCKPROF_TESTS_THREAD_STATE_H
#define LOCKPROF_TESTS_THREAD_STATE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* What the kernel says of a thread of a process: 'S' is asleep. */
static inline char thread_state_in(pid_t process, pid_t tid)
{
	char path[64], line[256], *after;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", process, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (size <= 0)
		exit(1);
	line[size] = '\0';
	after = strrchr(line, ')');
	return after && after[1] ? after[2] : '?';
}

static inline char thread_state(pid_t tid)
{
	return thread_state_in(getpid(), tid);
}

#endif
