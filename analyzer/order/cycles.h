/* SPDX-License-Identifier: MIT */
/* cycles.h: strongly connected parts of the lock graph, and the cycles in them */
#ifndef LOCKPROF_ORDER_CYCLES_H
#define LOCKPROF_ORDER_CYCLES_H

#include "order.h"

/* Numbers the strongly connected parts of more than one thing in order->edges. 0 or -ENOMEM. */
int cycles_components(struct order *order);

#endif
