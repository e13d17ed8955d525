/* SPDX-License-Identifier: MIT */
/* c11.h: errno values as C11 threads report them, the way glibc maps them */
#ifndef LOCKPROF_C11_H
#define LOCKPROF_C11_H

#include <errno.h>
#include <threads.h>

static inline int c11_error(int err)
{
	switch (err) {
	case 0:
		return thrd_success;
	case ENOMEM:
		return thrd_nomem;
	case ETIMEDOUT:
		return thrd_timedout;
	case EBUSY:
		return thrd_busy;
	default:
		return thrd_error;
	}
}

#endif
