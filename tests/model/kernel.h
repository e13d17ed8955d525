/* SPDX-License-Identifier: MIT */
/*
 * kernel.h: what the shim's sources see instead of preload/sys.h when they are compiled for the
 * model
 *
 * Included before everything else (-include). System calls go to kernel.c, that has one
 * file in memory and a clock that is a counter, so that each execution is a function of its
 * schedule alone. Copies go through functions that the model sees; everything else that it must see
 * comes from the compiler, by -fsanitize=thread. The Makefile takes __thread away: the model's
 * threads are coroutines, and thread_tls is switched with them.
 */
#ifndef LOCKPROF_MODEL_KERNEL_H
#define LOCKPROF_MODEL_KERNEL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define SYS_ENTER_ELSEWHERE 1

void *model_memcpy(void *to, const void *from, size_t n);
void *model_memset(void *to, int c, size_t n);
int model_memcmp(const void *a, const void *b, size_t n);
char *model_strncpy(char *to, const char *from, size_t n);
int model_clock_gettime(clockid_t clock, struct timespec *ts);
pthread_t model_self(void);

#define memcpy	      model_memcpy
#define memset	      model_memset
#define memcmp	      model_memcmp
#define strncpy	      model_strncpy
#define clock_gettime model_clock_gettime
#define pthread_self  model_self

#endif
