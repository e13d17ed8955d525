/* SPDX-License-Identifier: MIT */
/*
 * values.h: how the values programs say what a call returned
 *
 * Each line is `call case -> result errno`, where errno was 4711 before the call and reads
 * "untouched" when it still is. -1 is what a barrier's serial thread and a failed semaphore or
 * system call get; everything else is an error's name, or 0.
 */
#ifndef LOCKPROF_TESTS_VALUES_H
#define LOCKPROF_TESTS_VALUES_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SENTINEL 4711

static inline const char *error_name(int number)
{
	const char *name = number ? strerrorname_np(number) : "0";

	return name ? name : "?";
}

static inline int say(const char *call, const char *what, int result)
{
	int left = errno;

	printf("%s %s -> %s %s\n", call, what, result == -1 ? "-1" : error_name(result),
	       left == SENTINEL ? "untouched" : error_name(left));
	return result;
}

#define SAY(what, fn, ...) (errno = SENTINEL, say(#fn, what, fn(__VA_ARGS__)))

/* Moments for timed calls. */
static const struct timespec long_ago = { 1, 0 };
static const struct timespec negative_nsec = { INT32_MAX, -1 };
static const struct timespec large_nsec = { INT32_MAX, 1000000000 };
static const struct timespec far_future = { INT32_MAX, 999999999 };

#endif
