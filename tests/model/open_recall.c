/* SPDX-License-Identifier: MIT */
/* open_recall.c: preload/recall.c, and which bucket a key has */
#include "../../preload/recall.c"
#include "open.h"

uint64_t open_bucket(const void *lock, uintptr_t site, uint32_t kind_mode)
{
	return hash(lock, site, hold_key(kind_mode, 0)) >> (64 - BUCKETS_LOG2);
}
