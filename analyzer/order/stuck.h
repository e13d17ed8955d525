/* SPDX-License-Identifier: MIT */
/* stuck.h: what really stood still when the recording ended */
#ifndef LOCKPROF_ORDER_STUCK_H
#define LOCKPROF_ORDER_STUCK_H

#include "order.h"

/*
 * Adds findings to order->findings: OCCURRED, BOUNDED_STALL where a deadline will end it,
 * LOST_WAKEUP, SELF_LOCK, FORK_WITH_LOCK. Their id is empty. 0 or -ENOMEM.
 */
int stuck_find(struct order *order);
/* refused.c: SELF_LOCK alone; stuck_find() calls it. */
int refused_find(struct order *order);

#endif
