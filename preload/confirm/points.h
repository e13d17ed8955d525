/* SPDX-License-Identifier: MIT */
/*
 * points.h: whether a call stands at a place of the plan, and what to do there
 *
 * Nearly all calls do not. Code is loaded at whole pages, so the lowest 12 bits of a return address
 * are known beforehand, whatever the module's address will be: one look at a bitmap sends all but a
 * few calls on. Which module it is is asked only then, without a lock (unwind_find_module()).
 */
#ifndef LOCKPROF_CONFIRM_POINTS_H
#define LOCKPROF_CONFIRM_POINTS_H

#include <stdbool.h>

#include "../../trace/format.h"
#include "../../trace/plan.h"
#include "../hook.h"

/* The plan of this run; NULL: none, and no call is looked at. */
extern struct plan *plan;

/* Bits by the lowest 12 of the plan's return addresses. */
extern uint64_t point_bits[64];

/*
 * A lock that the thread took, or asks for, at a place that is `held` of some members. Whether it
 * got it is not known: the call was left by a jump. So it is looked up in the lock where that says.
 */
struct hold {
	uintptr_t lock;
	uint32_t members; /* bit i: of plan->members[i] */
	uint32_t kind;	  /* enum trace_kind | TRACE_SHARED << 8 */
	bool delayed;	  /* behind it, already */
};
#define HOLDS 8

struct point_thread {
	uint32_t nr_holds;
	bool busy; /* a signal handler that finds this does nothing here */
	struct hold holds[HOLDS];
};
extern __thread struct point_thread point_self __attribute__((tls_model("initial-exec")));

#define KIND(kind, mode) ((uint32_t)TRACE_KIND_##kind | (uint32_t)(mode) << 8)

/* Before a call that asks for a lock (kind 0: for a thread's end). */
void point_ask_here(const void *lock, uintptr_t site, uint32_t kind);
/* Before a wait that gives the mutex up and takes it again. */
void point_wait_here(const void *cond, const void *mutex, uintptr_t site);
void point_release_here(const void *lock, uint32_t kind);

static inline bool point_may_be(uintptr_t site)
{
	return point_bits[site >> 6 & 63] >> (site & 63) & 1;
}

static inline void point_ask(const void *lock, uintptr_t site, uint32_t kind)
{
	hooks_ready();
	if (unlikely(point_may_be(site) || point_self.nr_holds))
		point_ask_here(lock, site, kind);
}

static inline void point_wait(const void *cond, const void *mutex, uintptr_t site)
{
	hooks_ready();
	if (unlikely(point_may_be(site) || point_self.nr_holds))
		point_wait_here(cond, mutex, site);
}

static inline void point_release(const void *lock, uint32_t kind)
{
	hooks_ready();
	if (unlikely(point_self.nr_holds))
		point_release_here(lock, kind);
}

/* setup.c: the members whose `held` (else `wanted`) is this return address, as bits. */
struct point_members {
	uint32_t held, wanted;
};
struct point_members plan_find(uintptr_t site);

#endif
