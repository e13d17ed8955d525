/* SPDX-License-Identifier: MIT */
/*
 * validate.h: does this schedule exist, and do the threads then wait for each other?
 *
 * It replays operations by the rules of locks and nothing else: it knows neither edges nor ranks,
 * and shares no code with what found the schedule.
 */
#ifndef LOCKPROF_ORDER_VALIDATE_H
#define LOCKPROF_ORDER_VALIDATE_H

#include "history.h"

/* One thread of a deadlock: after the schedule its next operation, `at`, waits for the next one's.
 */
struct validate_member {
	uint32_t thread, at;
	bool behind_writer; /* it only waits because `writer` stands in line before it */
	uint32_t writer, writer_at;
	bool any_holder; /* waits for a signal or token: the next member holds nothing that shows */
};

struct validate_schedule {
	const uint32_t *upto;  /* by thread: operations to run */
	const uint32_t *order; /* threads, one for each operation; NULL: as recorded */
	uint64_t nr_order;
	const struct validate_member *members;
	uint32_t nr_members;
};

/* NULL when it holds; else what is wrong, as static text. */
const char *validate(const struct history *history, const struct validate_schedule *schedule);

#endif
