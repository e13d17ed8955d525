/* SPDX-License-Identifier: MIT */
/*
 * clock_jump: as a shared object (cc -shared -fPIC), preloaded, it lets the wall clock jump, to and
 * fro by an hour or more at each look, as somebody does who sets it; as a program it says so.
 *
 * usage: clock_jump
 */
#define _GNU_SOURCE 1
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now)
{
	static atomic_int looks;
	int result = (int)syscall(SYS_clock_gettime, id, now);

	if (!result && id == CLOCK_REALTIME)
		now->tv_sec += 3600 * (atomic_fetch_add(&looks, 1) % 5 - 2);
	return result;
}

int main(void)
{
	struct timespec a, b;

	clock_gettime(CLOCK_REALTIME, &a);
	clock_gettime(CLOCK_REALTIME, &b);
	printf("jump %ld\n", (long)(b.tv_sec - a.tv_sec));
	return 0;
}
