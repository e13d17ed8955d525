/* SPDX-License-Identifier: MIT */
/*
 * hangs.h: waits that had begun and not ended when the recording did, and who has what they want
 *
 * They are not events but the state that each thread keeps in its slot, so they are there even
 * after SIGKILL, and in the trace of a program that still runs.
 */
#ifndef ANALYZER_HANGS_H
#define ANALYZER_HANGS_H

#include "model.h"

struct hang {
	const struct process *process;
	const struct trace_slot *slot;
	uint32_t thread; /* index in model.threads; UINT32_MAX: not known */
	uint32_t lock;	 /* index in model.locks; UINT32_MAX: it waits for a thread's end */
	uint32_t target; /* of such a wait: index in model.threads; UINT32_MAX: not known */
	uint32_t mode;	 /* TRACE_HOW_* | TRACE_SHARED; of a join 0 */
	bool is_bounded; /* it has a deadline */
	uint64_t wait_ns;
};

/* Those of all processes, eldest thread first; to be freed. 0 or -ENOMEM. */
int hangs_find(const struct model *model, struct hang **hangs, size_t *nr);

/*
 * The next hold that keeps a hang waiting, from all threads of its process, the waiting one's own
 * included. Begin with a zeroed holder; false: there is no more.
 */
struct hang_holder {
	const struct trace_slot *slot;
	const struct trace_held *held;
	size_t next; /* slot to look at then */
};
bool hang_next_holder(const struct model *model, const struct hang *hang,
		      struct hang_holder *holder);

/* Index in model.threads; UINT32_MAX: there is none of that number. */
uint32_t hangs_thread(const struct model *model, const struct process *process, uint32_t id);

#endif
