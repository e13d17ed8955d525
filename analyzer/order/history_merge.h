/* SPDX-License-Identifier: MIT */
/* history_merge.h: the second half of history_finish() */
#ifndef LOCKPROF_ORDER_HISTORY_MERGE_H
#define LOCKPROF_ORDER_HISTORY_MERGE_H

#include "history.h"

/* Puts the rows into time's order: history.order, ranks and edges. 0 or -ENOMEM */
int history_merge(struct history *history);

#endif
