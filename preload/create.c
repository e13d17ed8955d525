/* SPDX-License-Identifier: MIT */
/*
 * create.c: threads: pthread_create, join and its forms, names; C11 thrd_*
 *
 * A new thread starts in our trampoline, so it is known from its first instruction: with its
 * creator, its start routine and the bounds of its stack. What the trampoline needs comes from a
 * fixed pool; when that is used up, the thread is created plainly and known from its first lock.
 * Ends are seen by thread-specific data (thread.c), so pthread_exit and detach need no hook.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

#include "attempt.h"
#include "c11.h"
#include "records.h"

enum { POOL = 16384 };

INTERPOSE(pthread_create);
INTERPOSE(pthread_join);
INTERPOSE(pthread_tryjoin_np);
INTERPOSE(pthread_timedjoin_np);
INTERPOSE(pthread_clockjoin_np);
INTERPOSE(pthread_setname_np);
INTERPOSE(thrd_create);
INTERPOSE(thrd_join);

struct launch {
	uint32_t taken;		/* by compare-and-swap */
	struct thread_origin origin;
	uint64_t stack_bytes;
	void *(*start)(void *);
	thrd_start_t start_c11;
	void *arg;
};

static struct launch *pool;	/* zeroed in a forked child */
static uint32_t pool_next;

static struct launch *launch_new(void)
{
	struct launch *all = __atomic_load_n(&pool, __ATOMIC_ACQUIRE);

	if (!all) {
		struct launch *made = records_pages(POOL * sizeof(*made));

		if (!made)
			return NULL;
		if (__atomic_compare_exchange_n(&pool, &all, made, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			all = made;
	}
	for (int tries = 0; tries < POOL; tries++) {
		uint32_t n = __atomic_fetch_add(&pool_next, 1, __ATOMIC_RELAXED) % POOL, free = 0;

		if (__atomic_compare_exchange_n(&all[n].taken, &free, 1, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return &all[n];
	}
	return NULL;
}

static void launch_free(struct launch *launch)
{
	__atomic_store_n(&launch->taken, 0, __ATOMIC_RELEASE);
}

/*
 * Bounds of a new thread's stack. glibc puts its thread descriptor at the top of the memory, so
 * with a known size the thread can tell the rest from its own descriptor's address.
 */
static void launch_describe_stack(struct launch *launch, const pthread_attr_t *attr)
{
	pthread_attr_t defaults;
	size_t bytes = 0;

	launch->origin.stack = (struct unwind_bounds){ 0, 0 };
	if (attr) {
		pthread_attr_getstacksize(attr, &bytes);
	} else if (!pthread_getattr_default_np(&defaults)) {
		pthread_attr_getstacksize(&defaults, &bytes);
		pthread_attr_destroy(&defaults);
	}
	launch->stack_bytes = bytes;
}

/* In the new thread. */
static void launch_begin(struct launch *launch)
{
	enum { SLACK = 16384 };	/* guard, and static thread-local storage, roughly */
	struct thread_origin origin = launch->origin;

	if (launch->stack_bytes > 2 * SLACK) {
		origin.stack.high = (uintptr_t)pthread_self();
		origin.stack.low = origin.stack.high - launch->stack_bytes + SLACK;
	}
	thread_begin(&origin);
	launch_free(launch);
}

static void *launch_run(void *p)
{
	struct launch *launch = p;
	void *(*start)(void *) = launch->start;
	void *arg = launch->arg;

	launch_begin(launch);
	return start(arg);
}

static int launch_run_c11(void *p)
{
	struct launch *launch = p;
	thrd_start_t start = launch->start_c11;
	void *arg = launch->arg;

	launch_begin(launch);
	return start(arg);
}

/* Before the real call. NULL: create the thread plainly. */
static struct launch *launch_prepare(uintptr_t start, const pthread_attr_t *attr, uint64_t *now)
{
	struct thread *t = thread_enter();
	struct launch *launch;

	if (!t)
		return NULL;
	launch = launch_new();
	if (launch) {
		launch->origin.id = thread_new_id();
		launch->origin.creator = t->id;
		launch->origin.start_routine = start;
		launch_describe_stack(launch, attr);
		*now = clock_ticks();
	}
	thread_leave(t);
	return launch;
}

/* Whether the new thread has yet to tell who it is. */
static bool launch_waits(const struct launch *launch, uint32_t id)
{
	return __atomic_load_n(&launch->taken, __ATOMIC_ACQUIRE) &&
	       __atomic_load_n(&launch->origin.id, __ATOMIC_RELAXED) == id;
}

/*
 * After it: the edge from creator to created, as of before. The new thread may not have run yet,
 * and the next call of this one may be about it (a join, a name). If it has, *handle is not looked
 * at: it may have freed the memory.
 */
static void launch_done(const struct launch *launch, const pthread_t *handle, uint32_t id,
			uint64_t now)
{
	struct thread *t = thread_enter();

	if (!t)
		return;
	if (launch_waits(launch, id))
		thread_expect(*handle, id);
	ring_event(t, TRACE_EV_CREATE, id, now, NULL);
	thread_leave(t);
}

int pthread_create(pthread_t *restrict handle, const pthread_attr_t *restrict attr,
		   void *(*start)(void *), void *restrict arg)
{
	struct launch *launch;
	uint64_t now = 0;
	uint32_t id;
	int err;

	hooks_ready();
	launch = launch_prepare((uintptr_t)start, attr, &now);
	if (!launch)
		return real_pthread_create(handle, attr, start, arg);
	launch->start = start;
	launch->arg = arg;
	id = launch->origin.id;
	err = real_pthread_create(handle, attr, launch_run, launch);
	if (err)
		launch_free(launch);
	else
		launch_done(launch, handle, id, now);
	return err;
}

int thrd_create(thrd_t *handle, thrd_start_t start, void *arg)
{
	struct launch *launch;
	uint64_t now = 0;
	uint32_t id;
	int result;

	hooks_ready();
	launch = launch_prepare((uintptr_t)start, NULL, &now);
	if (!launch)
		return real_thrd_create(handle, start, arg);
	launch->start_c11 = start;
	launch->arg = arg;
	id = launch->origin.id;
	result = real_thrd_create(handle, launch_run_c11, launch);
	if (result == thrd_success)
		launch_done(launch, handle, id, now);
	else
		launch_free(launch);
	return result;
}

/* A join is a wait for a thread's end; left by cancellation it counts too. */
struct join {
	struct thread *thread;
	uint64_t began, stack;
	uint32_t target;
	int err;
};

enum join_how { JOIN_TRY, JOIN_TIMED, JOIN_FOR_GOOD };

/* The state page says whose end the thread waits for; survives a kill. */
static void join_waits(const struct join *join, bool bounded)
{
	struct trace_slot *slot = join->thread->slot;

	slot->wait_since = join->began;
	slot->wait_stack = (uint32_t)join->stack;
	slot->wait_flags = bounded ? TRACE_WAIT_BOUNDED : 0;
	barrier();
	slot->wait_thread = join->target ? join->target : TRACE_THREAD_UNKNOWN;
}

static void join_begin(struct join *join, pthread_t handle, enum join_how how)
{
	struct thread *t = thread_enter();

	*join = (struct join){ .thread = t, .err = ECANCELED };
	if (!t)
		return;
	join->target = thread_id_of(handle);
	join->began = clock_ticks();
	join->stack = stack_take(t);
	if (how != JOIN_TRY)
		join_waits(join, how == JOIN_TIMED);
	thread_leave(t);
}

static void join_end(struct join *join)
{
	uint64_t now = clock_ticks(), value[3] = { now - join->began, (uint64_t)join->err,
						   join->stack };
	struct thread *t = join->thread ? thread_enter() : NULL;

	if (!t)
		return;
	t->slot->wait_thread = 0;
	if (join->err != EBUSY)
		ring_event(t, TRACE_EV_JOIN, join->target, now, value);
	thread_leave(t);
}

int pthread_join(pthread_t handle, void **result)
{
	struct join join __attribute__((cleanup(join_end)));

	hooks_ready();
	join_begin(&join, handle, JOIN_FOR_GOOD);
	return join.err = real_pthread_join(handle, result);
}

int pthread_tryjoin_np(pthread_t handle, void **result)
{
	struct join join __attribute__((cleanup(join_end)));

	hooks_ready();
	join_begin(&join, handle, JOIN_TRY);
	return join.err = real_pthread_tryjoin_np(handle, result);
}

int pthread_timedjoin_np(pthread_t handle, void **result, const struct timespec *until)
{
	struct join join __attribute__((cleanup(join_end)));

	hooks_ready();
	join_begin(&join, handle, JOIN_TIMED);
	return join.err = real_pthread_timedjoin_np(handle, result, until);
}

int pthread_clockjoin_np(pthread_t handle, void **result, clockid_t clock,
			 const struct timespec *until)
{
	struct join join __attribute__((cleanup(join_end)));

	hooks_ready();
	join_begin(&join, handle, JOIN_TIMED);
	return join.err = real_pthread_clockjoin_np(handle, result, clock, until);
}

int thrd_join(thrd_t handle, int *result)
{
	struct join join __attribute__((cleanup(join_end)));
	int outcome;

	hooks_ready();
	join_begin(&join, (pthread_t)handle, JOIN_FOR_GOOD);
	outcome = real_thrd_join(handle, result);
	join.err = outcome == thrd_success ? 0 : EINVAL;
	return outcome;
}

int pthread_setname_np(pthread_t handle, const char *name)
{
	int err;

	hooks_ready();
	err = real_pthread_setname_np(handle, name);
	if (!err)
		thread_set_name(handle, name);
	return err;
}
