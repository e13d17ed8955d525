/* SPDX-License-Identifier: MIT */
/*
 * cost: what a command costs from fork to wait
 *
 *	cost CMD ARG...
 *
 * Prints wall nanoseconds, processor nanoseconds and the largest resident size in kB. The command's
 * output goes to /dev/null. A preload is given as COST_PRELOAD, so that it is not this program
 * that is measured with it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

static long timeval_ns(struct timeval tv)
{
	return tv.tv_sec * 1000000000 + tv.tv_usec * 1000;
}

static void run(char **argv, const char *preload)
{
	int null = open("/dev/null", O_WRONLY);

	if (preload)
		setenv("LD_PRELOAD", preload, 1);
	dup2(null, 1);
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int main(int argc, char **argv)
{
	const char *preload = getenv("COST_PRELOAD");
	struct rusage usage;
	long began, wall;
	int status = 0;
	pid_t pid;

	if (argc < 2)
		return 2;
	began = now_ns();
	pid = fork();
	if (!pid)
		run(argv + 1, preload && *preload ? preload : NULL);
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		return 1;
	wall = now_ns() - began;
	printf("%ld %ld %ld\n", wall, timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime),
	       usage.ru_maxrss);
	return status ? 1 : 0;
}
