/* SPDX-License-Identifier: MIT */
/* open_recall.c: preload/recall.c, and which bucket a key has; a flag */
#include "../../preload/recall.c"
#include "open.h"

static uint32_t flag;

void open_flag_set(uint32_t value)
{
	__atomic_store_n(&flag, value, __ATOMIC_RELEASE);
}

uint32_t open_flag_get(void)
{
	return __atomic_load_n(&flag, __ATOMIC_ACQUIRE);
}

uint64_t open_bucket(const void *lock, uintptr_t site, uint32_t kind_mode)
{
	return hash(lock, site, hold_key(kind_mode, 0)) >> (64 - BUCKETS_LOG2);
}
