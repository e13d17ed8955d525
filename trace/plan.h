/* SPDX-License-Identifier: MIT */
/*
 * plan.h: what `lockprof confirm` and liblockprof-confirm.so tell each other
 *
 * The command writes a plan into sealed memory (memfd) and names it in the environment. Every
 * process of the run maps it: it reads which places in the code belong to the finding, and counts
 * there what happened at them. It lives as long as one run, so it has no compatibility to keep: a
 * reader takes exactly its own version and size.
 *
 * A member is one thread's part in the cycle: it holds the lock that it took at `held`, and asks
 * at `wanted` for the one that the next member holds. Both are return addresses of the calls, as
 * code addresses of format.h, with the module as index in `modules`, counted from 1.
 */
#ifndef LOCKPROF_TRACE_PLAN_H
#define LOCKPROF_TRACE_PLAN_H

#include <stdint.h>

#define PLAN_MAGIC	 "LPplan\n"
#define PLAN_VERSION	 1
#define PLAN_ENVIRONMENT "LOCKPROF_CONFIRM" /* path of the memory, /proc/PID/fd/N */
#define PLAN_MEMBERS	 8
#define PLAN_MODULES	 (2 * PLAN_MEMBERS)
#define PLAN_BUILD_ID	 32
#define PLAN_PATH	 1024

/* What a member brings along, where it is not a lock taken at `held`. */
#define PLAN_HELD_THREAD  1ull /* its own life: the one before it joins this thread */
#define PLAN_HELD_NOTHING 2ull /* a signal or token that it would give */

/* Where threads are delayed in this run. At `wanted`, with the lock held, they always are. */
enum plan_delay {
	PLAN_DELAY_WANTED, /* only there */
	PLAN_DELAY_FEW,	  /* only there, and not those whose locks have to do with nobody's there */
	PLAN_DELAY_EARLY, /* at the first call behind `held`, whichever it is, too */
	PLAN_DELAY_FIRST, /* `late` comes last: it waits in front of `held` for another one */
	PLAN_DELAYS,
};

struct plan_module {
	uint8_t build_id[PLAN_BUILD_ID];
	uint32_t build_id_bytes; /* 0: known by its path */
	uint32_t differs;	 /* by the library: loaded from that path, with another id */
	char path[PLAN_PATH];
};

struct plan_member {
	uint64_t held, wanted;
	uint64_t expected; /* times that it comes there with the lock held, about; 0: unknown */
	/* By the library, with atomic additions, over all processes of the run. */
	uint64_t reached;   /* the call at `wanted` was made */
	uint64_t with_held; /* ... with the lock of `held` held */
	uint64_t delayed;   /* ... and the thread had to wait there, or before */
	uint64_t delayed_ns;
	uint64_t met; /* ... and the others stood at theirs: a cycle but for one step */
};

struct plan {
	char magic[8];
	uint32_t version, size;
	uint32_t nr_members, nr_modules;
	uint32_t delay;	    /* enum plan_delay */
	uint32_t late;	    /* PLAN_DELAY_FIRST: index of the member */
	uint64_t gap_ns;    /* the holds were that far apart when they came closest; 0: unknown */
	uint64_t delay_ns;  /* of one delay, at most */
	uint64_t budget_ns; /* of all delays of one member */
	uint32_t processes; /* by the library: that have read this */
	uint32_t spare;
	struct plan_member members[PLAN_MEMBERS];
	struct plan_module modules[PLAN_MODULES];
};

#endif
